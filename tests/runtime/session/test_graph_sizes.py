"""Graphs whose check must not take long itself, and nodes that make large tensors of a few numbers."""

from __future__ import annotations

import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.session.onnxfile import inspect
from support.models import FLOAT, INT64, graph, model, node, tensor, value

Y = [value("output", None)]
ONES = np.ones((1, 1, 1), np.float32)


def of_one(kind, *arrays, domain="", **attributes):
    """A file of one node whose inputs are constants."""
    constants = [tensor(f"c{i}", array) for i, array in enumerate(arrays)]
    names = [f"c{i}" for i in range(len(arrays))]
    return model(
        graph([node(kind, names, ["output"], **attributes)], [], Y, constants), None, 17, ir_version=8
    )


LARGE = {
    "Pad": of_one("Pad", ONES, np.full(6, 400)),
    "MaxPool": of_one("MaxPool", ONES, kernel_shape=[1], pads=[10**8, 0]),
    "AveragePool": of_one("AveragePool", ONES[None], kernel_shape=[1, 1], pads=[5000, 5000, 5000, 5000]),
    "ConvTranspose": of_one("ConvTranspose", ONES[None], ONES[None], strides=[2**14, 2**14]),
    "RoiAlign": of_one(
        "RoiAlign", ONES, ONES, np.zeros(1, np.int64), output_height=2**14, output_width=2**14
    ),
    "Multinomial": of_one("Multinomial", ONES[0], sample_size=10**9),
    "MelWeightMatrix": of_one(
        "MelWeightMatrix", *map(np.array, (30_000, 60_000, 10**6)), np.float32(0), np.float32(4e5)
    ),
    "TfIdfVectorizer": of_one(
        "TfIdfVectorizer", np.array([5]), ngram_counts=[0], ngram_indexes=[2**30], pool_int64s=[5]
    ),
    "Range": of_one("Range", *[np.float32("nan")] * 3),
    "Range of ONNX Runtime's own": of_one("Range", *map(np.float32, (0, 1e9, 1)), domain="com.microsoft"),
    "Pad of ONNX Runtime's own": of_one("Pad", ONES[0], np.full(4, 20_000), domain="com.microsoft"),
    "Resize": of_one("Resize", ONES, np.zeros(0, np.float32), np.full(3, np.nan, np.float32)),
}


def computed(*nodes):
    """ConstantOfShape of a shape that nodes make of constants."""
    arrays = {
        "few": np.array([10]),
        "many": np.array([10**5]),
        "both": np.array([10**4, 10**5]),
        "two": np.array(2),
    }
    constants = [tensor(name, array) for name, array in arrays.items()]
    constants.append(tensor("axes", np.array([1] * 299 + [10**9])))
    return model(graph([*nodes, node("ConstantOfShape", ["shape"], ["output"])], [], Y, constants), None, 17)


COMPUTED = {
    "a product": [node("Mul", ["many", "many"], ["shape"])],
    "a product of a list and a number": [node("Mul", ["both", "two"], ["shape"])],
    "a sum": [node("Add", ["both", "few"], ["shape"])],
    "a difference": [node("Sub", ["both", "few"], ["shape"])],
    "the larger": [node("Max", ["both", "few"], ["shape"])],
    "several steps": [
        node("Mul", ["many", "few"], ["a"]),
        node("Concat", ["a", "many"], ["b"], axis=0),
        node("Identity", ["b"], ["shape"]),
    ],
    "300 axes": [node("Identity", ["axes"], ["shape"])],
}


@pytest.mark.parametrize("name", list(COMPUTED))
def test_a_shape_that_is_computed_of_constants_is_known(name):
    with pytest.raises(rt.InputError, match="is not run: ConstantOfShape makes a tensor of "):
        inspect(computed(*COMPUTED[name]))


def test_small_computed_shapes_are_opened():
    made = computed(node("Min", ["both", "few"], ["shape"]))
    assert rt.load(made, device="cpu").infer({})["output"].shape == (10, 10)


def test_numbers_of_two_axes_are_not_known():
    """A column less a row has more numbers than either; among them is the -1 that no pair of places gives."""
    column, row = tensor("column", np.array([[5], [9]])), tensor("row", np.array([[3, 6]]))
    nodes = [node("Sub", ["column", "row"], ["by"]), node("Div", ["x", "by"], ["output"])]
    made = model(graph(nodes, [value("x", (2, 2), INT64)], Y, [column, row]), None, 17)
    with pytest.raises(rt.InputError, match="may become 0 or -1"):
        inspect(made)


@pytest.mark.parametrize("kind", list(LARGE))
def test_a_large_tensor_is_refused(kind):
    with pytest.raises(rt.InputError, match=f"is not run: {kind.split()[0]} makes a tensor of "):
        inspect(LARGE[kind])


def test_usual_sizes_are_opened():
    wide = {"kernel_shape": [3, 3], "pads": [36, 36, 36, 36], "dilations": [36, 36]}
    x = np.ones((1, 1, 96, 96), np.float32)
    for data in (
        of_one("Pad", ONES, np.full(6, 100)),
        of_one("Conv", x, np.ones((1, 1, 3, 3), np.float32), **wide),
        of_one("ConvTranspose", x, np.ones((1, 1, 32, 32), np.float32), strides=[32, 32]),
    ):
        rt.load(data, device="cpu").infer({})


def doubled():
    """Concat of itself, 40 times."""
    nodes = [node("Concat", [f"c{i}"] * 2, [f"c{i + 1}"], axis=0) for i in range(40)]
    return model(graph([*nodes, node("Identity", ["c40"], ["output"])], [], Y, [tensor("c0", np.arange(8))]))


def many_outputs():
    outputs = ["output", *(f"o{i}" for i in range(20_000))]
    made = node("RandomNormal", [], outputs, shape=[1], large=list(range(20_000)))
    return model(graph([made], [], Y))


def many_declared():
    nodes = [node("Unknown", [], ["u"], "own"), *(node("Div", ["u", "u"], [f"d{i}"]) for i in range(5000))]
    values = [(13, 2, value(f"v{i}", ())) for i in range(5000)] + [(13, 2, value("u", ()))]
    return model([*graph(nodes, [], Y), *values], None, 17, domains=["own"])


def many_numbers():
    """A constant that says it is small, with a million numbers."""
    packed = [(1, 0, 1), (2, 0, INT64), (8, 2, b"c"), (7, 2, bytes(10**6))]
    return model(graph([node("Identity", ["c"], ["output"])] * 1, [], Y, [packed] * 50))


@pytest.mark.parametrize("made", [doubled, many_outputs, many_declared, many_numbers])
def test_the_work_of_the_check_is_bounded(made):
    data, lines = made(), 0

    def count(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        inspect(data)
    finally:
        sys.settrace(before)
    assert 0 < lines < 40 * len(data)


def loop(kind, first, body_inputs, **attributes):
    body = graph(
        [
            node("Identity", ["x"], ["y"]),
            *([node("Identity", ["more"], ["again"])] if kind == "Loop" else []),
        ],
        body_inputs,
        [value("again", (), 9), value("y", None)] if kind == "Loop" else [value("y", None)],
    )
    made = node(kind, [first, "", "x"] if kind == "Loop" else ["x"], ["output"], body=body, **attributes)
    constants = [tensor("infinite", np.float32("inf")), tensor("few", np.array(3))]
    return model(graph([made], [value("x", ("n",))], Y, constants), None, 17, ir_version=8)


STEP = [value("i", (), INT64), value("more", (), 9), value("x", None)]


@pytest.mark.parametrize(
    ("data", "endless"),
    [
        (loop("Loop", "few", STEP), False),
        (loop("Loop", "infinite", STEP), True),
        (loop("Scan", "", [value("x", None)], num_scan_inputs=1), True),
        (loop("SequenceMap", "", [value("x", None)]), True),
    ],
)
def test_loops_whose_steps_are_not_known_have_a_time_limit(data, endless):
    assert inspect(data).endless == endless


def test_a_number_without_bytes_is_no_foreign_error():
    made = [*node("RandomNormalLike", ["x"], ["output"]), (5, 2, [(1, 2, b"mean"), (2, 2, b""), (20, 0, 1)])]
    inspect(model(graph([made], [value("x", ("n",), FLOAT)], Y)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # onnx casts NaN to integers on purpose
def test_onnxs_own_operator_tests_are_all_opened():
    cases = pytest.importorskip("onnx.backend.test.case.node").collect_testcases(None)
    models = [(case.name, case.model) for case in cases if case.model is not None]
    assert len(models) > 1000
    for name, each in models:
        assert inspect(each.SerializeToString()).ir_version, name
