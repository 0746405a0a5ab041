"""Graphs that divide integers: those that are run, and those that could end the process and are refused.

    python tests/support/divisions.py

runs every graph of `accepted()` in this process and compares the results;
`tests/runtime/session/test_divisions.py` does so in a process of its own, since a mistake would end it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnxnn_runtime as rt

from .models import BOOL, INT64, TYPES, function, graph, model, node, tensor, value

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
X = [7, 5, 100]


class Case(NamedTuple):
    """A file, what it is fed with, and what comes out; None where the run must be an error of ours."""

    data: bytes
    feeds: dict[str, Any]
    expected: Any = None


def divide(
    kind: str,
    before: Any,
    dtype: str = "int64",
    constants: dict[str, Any] | None = None,
    inputs: dict[str, str] | None = None,
    functions: Any = (),
    **attributes: Any,
) -> bytes:
    """Return a file that divides its input "x" by "by", which the nodes `before` make."""
    declared = [value(name, ("n",), TYPES[each]) for name, each in {"x": dtype, **(inputs or {})}.items()]
    made = graph(
        [*before, node(kind, ["x", "by"], ["output"], **attributes)],
        declared,
        [value("output", ("n",), TYPES[dtype])],
        [tensor(name, each) for name, each in (constants or {}).items()],
    )
    domains = ["own", "ai.onnx.ml"] if functions else []
    return model(made, None, 15, functions, domains, 8)


def accepted() -> dict[str, Case]:
    """Return graphs that are run."""
    cases: dict[str, Case] = {}
    three = {"by": np.array([3])}
    size = [node("Shape", ["x"], ["by"])]
    for dtype in INTEGERS:
        x = np.array(X, dtype)
        constant = {"by": np.array([3], dtype)}
        for kind, expected in (("Div", [2, 1, 33]), ("Mod", [1, 2, 1])):
            cases[f"{kind} {dtype} by a constant"] = Case(
                divide(kind, [], dtype, constant), {"x": x}, expected
            )
            most = [node("Max", ["y", "one"], ["by"])]
            guarded = divide(kind, most, dtype, {"one": np.array([1], dtype)}, {"y": dtype})
            if dtype.endswith(("32", "64")):
                cases[f"{kind} {dtype} by Max(y, 1)"] = Case(
                    guarded, {"x": x, "y": np.array([3, 3, 3], dtype)}, expected
                )
                zeros = np.zeros(3, dtype)
                cases[f"{kind} {dtype} by Max(0, 1)"] = Case(
                    guarded, {"x": x, "y": zeros}, x if kind == "Div" else zeros
                )
            fed = divide(kind, [], dtype, None, {"by": dtype})
            cases[f"{kind} {dtype} by an input"] = Case(fed, {"x": x, "by": np.full(3, 3, dtype)}, expected)
            cases[f"{kind} {dtype} by a 0 that is fed"] = Case(
                fed, {"x": x, "by": np.array([1, 0, 2], dtype)}
            )
    for dtype in ("int8", "int16"):
        lowest = np.array([np.iinfo(dtype).min, 1, -3], dtype)
        minus = {"by": np.array([-1], dtype)}
        cases[f"Div {dtype} by -1"] = Case(divide("Div", [], dtype, minus), {"x": lowest}, [lowest[0], -1, 3])
        cases[f"Mod {dtype} by -1"] = Case(divide("Mod", [], dtype, minus), {"x": lowest}, [0, 0, 0])
    for dtype in ("int32", "int64"):
        lowest = np.array([np.iinfo(dtype).min, 1], dtype)
        fed = divide("Div", [], dtype, None, {"by": dtype})
        cases[f"Div {dtype} by a -1 that is fed"] = Case(fed, {"x": lowest, "by": np.array([-1, 1], dtype)})
        absolute = [node("Shape", ["x"], ["size"]), node("Cast", ["size"], ["few"], to=TYPES[dtype])]
        both = graph(
            [*absolute, node("Div", ["few", "by"], ["output"])],
            [value("x", ("n",), TYPES[dtype])],
            [value("output", (1,), TYPES[dtype])],
            [tensor("by", np.array([-1], dtype))],
        )
        cases[f"a size as {dtype} by -1"] = Case(model(both), {"x": lowest}, [-2])
        remainder = divide("Mod", [], dtype, {"by": np.array([-1], dtype)}, fmod=1)
        cases[f"fmod {dtype} by -1"] = Case(remainder, {"x": lowest}, [0, 0])
    x = np.array(X)
    cases["by a size"] = Case(divide("Div", size), {"x": x}, [2, 1, 33])
    half = [node("Shape", ["x"], ["n"]), node("Mul", ["n", "two"], ["by"])]
    cases["by twice a size"] = Case(
        divide("Div", half, constants={"two": np.array([2])}), {"x": x}, [1, 0, 16]
    )
    square = [node("Shape", ["x"], ["n"]), node("Mul", ["n", "n"], ["by"])]
    cases["by a product of sizes"] = Case(divide("Div", square), {"x": x}, [0, 0, 11])
    gather = [node("Shape", ["x"], ["n"]), node("Gather", ["n", "zero"], ["by"])]
    cases["by one size"] = Case(
        divide("Div", gather, constants={"zero": np.array([0])}), {"x": x}, [2, 1, 33]
    )
    clipped = [node("Clip", ["y", "one", ""], ["by"])]
    cases["by Clip(y, 1)"] = Case(
        divide("Div", clipped, constants={"one": np.array(1)}, inputs={"y": "int64"}),
        {"x": x, "y": np.array([-1, 0, 4])},
        [7, 5, 25],
    )
    where = [node("Equal", ["y", "one"], ["is"]), node("Where", ["is", "one", "two"], ["by"])]
    cases["by Where(..., 1, 2)"] = Case(
        divide("Div", where, constants={"one": np.array([1]), "two": np.array([2])}, inputs={"y": "int64"}),
        {"x": x, "y": np.array([1, 0, 1])},
        [7, 2, 100],
    )
    call = [node("three", ["x"], ["by"], "own")]
    use = node("Identity", ["a"], ["unused"])  # without a use, ONNX Runtime 1.13 finds no type for it
    body = [use, node("Constant", [], ["b"], value=np.array([3]))]
    cases["by a function's constant"] = Case(
        divide("Div", call, functions=[function("three", ["a"], ["b"], body)]), {"x": x}, [2, 1, 33]
    )
    cases["by a function's input"] = Case(
        model(
            graph(
                [node("f", ["x", "by"], ["output"], "own")],
                [value("x", ("n",), INT64)],
                [value("output", ("n",), INT64)],
                [tensor("by", np.array([3]))],
            ),
            None,
            15,
            [function("f", ["a", "b"], ["c"], [node("Div", ["a", "b"], ["c"])])],
            ["own"],
            8,
        ),
        {"x": x},
        [2, 1, 33],
    )
    branch = graph([node("Identity", ["three"], ["b"])], [], [value("b", (1,), INT64)])
    chosen = [node("If", ["true"], ["by"], then_branch=branch, else_branch=branch)]
    constants = {"three": three["by"], "true": np.array(True)}
    cases["by what both branches give"] = Case(
        divide("Div", chosen, constants=constants), {"x": x}, [2, 1, 33]
    )
    floats = np.array([1.0, 0.0, -3.0], np.float32)
    computed = [node("Add", ["y", "y"], ["by"])]
    cases["floats by 0"] = Case(
        divide("Div", computed, "float32", inputs={"y": "float32"}),
        {"x": np.array([2, 4, 6], np.float32), "y": floats},
        [1, np.inf, -1],
    )
    return cases


def refused() -> dict[str, bytes]:
    """Return graphs that could end the process, in one version of ONNX Runtime or another."""
    cases = {}
    for dtype in INTEGERS:
        for kind in ("Div", "Mod"):
            cases[f"{kind} {dtype} by 0"] = divide(kind, [], dtype, {"by": np.array([2, 0, 3], dtype)})
    for kind in ("Div", "Mod"):
        for dtype in ("int32", "int64"):
            cases[f"{kind} {dtype} by -1"] = divide(kind, [], dtype, {"by": np.array([-1], dtype)})
            computed = [node("Add", ["y", "y"], ["by"])]
            cases[f"{kind} {dtype} by a sum"] = divide(kind, computed, dtype, inputs={"y": dtype})
    ones = {"one": np.array([1]), "shape": np.array([3]), "zero": np.array([0]), "true": np.array(True)}
    body = graph(
        [
            node("Identity", ["again"], ["more"]),
            node("Sub", ["v", "v"], ["w"]),
            node("Identity", ["w"], ["s"]),
        ],
        [value("i", (), INT64), value("again", (), BOOL), value("v", ("n",), INT64)],
        [value("more", (), BOOL), value("w", ("n",), INT64), value("s", ("n",), INT64)],
    )
    scan = graph(
        [node("Sub", ["v", "one"], ["w"]), node("Identity", ["w"], ["s"])],
        [value("v", (), INT64)],
        [value("s", (), INT64)],
    )
    branch = graph([node("Sub", ["x", "one"], ["b"])], [], [value("b", ("n",), INT64)])
    minus = np.array([-1])
    makers = {
        "ConstantOfShape": [node("ConstantOfShape", ["shape"], ["by"], value=minus)],
        "TopK": [node("TopK", ["x", "one"], ["values", "places"]), node("Neg", ["places"], ["by"])],
        "TopK values": [node("TopK", ["x", "one"], ["by", "places"])],
        "If": [node("If", ["true"], ["by"], then_branch=branch, else_branch=branch)],
        "Loop": [node("Loop", ["one", "true", "x"], ["by", "scans"], body=body)],
        "Loop's scan": [node("Loop", ["one", "true", "x"], ["last", "by"], body=body)],
        "Scan": [node("Scan", ["x"], ["by"], body=scan, num_scan_inputs=1)],
        "MatMul": [node("MatMul", ["x", "x"], ["by"])],
        "ScatterND": [node("ScatterND", ["one", "zeros", "x"], ["by"])],
        "a function": [node("f", ["x"], ["by"], "own")],
        "an operator of another domain": [node("ArrayFeatureExtractor", ["x", "zero"], ["by"], "ai.onnx.ml")],
        "Cast to 8 bits": [
            node("Cast", ["wide"], ["byte"], to=3),
            node("Cast", ["byte"], ["by"], to=INT64),
        ],
        "a product that wraps around": [node("Mul", ["large", "large"], ["by"])],
        "a sum that wraps around": [node("Add", ["large", "large"], ["by"])],
        "Abs of the lowest": [node("Abs", ["x"], ["a"]), node("Neg", ["a"], ["by"])],
        "Max below 0": [node("Max", ["x", "minus"], ["by"])],
        "a constant passed on": [node("Reshape", ["minus", "shape1"], ["by"])],
        "sizes less 1": [node("Shape", ["x"], ["n"]), node("Sub", ["n", "two"], ["by"])],
    }
    constants = {
        **ones,
        "minus": minus,
        "two": np.array([2]),
        "shape1": np.array([1]),
        "zeros": np.array([[0]]),
        "wide": np.array([255]),
        "large": np.array([2**62 + 1]),
    }
    made = [function("f", ["a"], ["b"], [node("Sub", ["a", "a"], ["b"])])]
    for name, before in makers.items():
        domains = made if name == "a function" or name.startswith("an operator") else ()
        cases["Div by " + name] = divide("Div", before, constants=constants, functions=domains)
    inner = graph(
        [node("Identity", ["by"], ["b"])], [], [value("b", None, INT64)], [tensor("by", np.array([3]))]
    )
    shadow = [
        node("If", ["true"], ["other"], then_branch=inner, else_branch=inner),
        node("Sub", ["x", "one"], ["by"]),
    ]
    cases["Div by a name that a branch has too"] = divide("Div", shadow, constants=ones)
    late = graph(
        [node("Div", ["x", "by"], ["output"]), node("Sub", ["x", "x"], ["by"])],
        [value("x", ("n",), INT64)],
        [value("output", ("n",), INT64)],
    )
    cases["Div before its divisor is made"] = model(late)
    return cases


def main() -> None:
    """Run what is accepted."""
    for name, case in accepted().items():
        print(name, flush=True)
        try:
            found = rt.load(case.data, device="cpu", threads=1).infer(case.feeds)
        except rt.InputError as error:
            # Before 1.23 ONNX Runtime divides no small integers.
            if case.expected is not None and "NOT_IMPLEMENTED" not in str(error):
                raise
            continue
        assert case.expected is not None, f"{name}: no error"
        np.testing.assert_array_equal(found["output"], case.expected, name)


if __name__ == "__main__":
    main()
