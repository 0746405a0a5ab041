"""Files that show one graph to the checks and another to ONNX Runtime: each would end the process."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.session.onnxfile import inspect
from support.models import DOUBLE, FLOAT, INT64, function, graph, model, node, tensor, value
from support.protobuf import serialize

X, Y = [value("x", ("n",), INT64)], [value("output", ("n",), INT64)]
DIVISION = node("Div", ["x", "by"], ["output"])
ONE, MINUS = np.array([1]), np.array([-1])
CONSTANT = node("Constant", [], ["by"])


def divided(nodes=(), constants=(), inputs=(), more=(), **options):
    made = graph([*nodes, DIVISION], [*X, *inputs], Y, constants)
    return model([*made, *more], None, 15, ir_version=8, **options)


def constant(*fields):
    """A divisor that is made by a Constant with one attribute."""
    return divided([[*CONSTANT, (5, 2, list(fields))]])


def sparse(name):
    values, places = tensor(name, MINUS), tensor("", np.array([0]))
    return (15, 2, [(1, 2, values), (2, 2, places), (3, 0, 1)])


def calls(first, second):
    """A function that hands its attribute on to another one, which makes a constant of it."""
    reference = [(1, 2, b"value"), (21, 2, b"inner"), (20, 0, 4)]
    inner = function(
        "g", ["a"], ["b"], [[*node("Constant", [], ["c"]), (5, 2, reference)], node("Div", ["a", "c"], ["b"])]
    )
    passed = [(1, 2, b"inner"), (21, 2, b"outer"), (20, 0, 4)]
    outer = function("f", ["a"], ["b"], [[*node("g", ["a"], ["b"], "own"), (5, 2, passed)]])
    sequence = [node("SequenceConstruct", ["x"], ["s"]), node("SequenceAt", ["s", "first"], ["u"])]
    call = node("f", ["u"], ["output"], "own", outer=MINUS)
    made = graph([*sequence, call], X, Y, [tensor("first", np.array(0))])
    return model(made, None, 15, [inner, outer], ["own"], 8)


def overloads():
    kinds = {"a": "Div", "b": "Add"}
    made = [
        [*function("f", ["a", "b"], ["c"], [node(kind, ["a", "b"], ["c"])]), (13, 2, name.encode())]
        for name, kind in kinds.items()
    ]
    call = [*node("f", ["x", "by"], ["output"], "own"), (8, 2, b"a")]
    return model(graph([call], X, Y, [tensor("by", MINUS)]), None, 15, made, ["own"], 10)


def declared_twice(*dtypes):
    """A quotient of values whose types only the file declares, once with the wrong type."""
    nodes = [
        node("SequenceConstruct", ["x"], ["s"]),
        node("SequenceAt", ["s", "first"], ["u"]),
        node("SequenceConstruct", ["minus"], ["t"]),
        node("SequenceAt", ["t", "first"], ["by"]),
        node("Div", ["u", "by"], ["output"]),
    ]
    made = graph(nodes, X, Y, [tensor("first", np.array(0)), tensor("minus", MINUS)])
    return model([*made, *((13, 2, value("output", ("n",), dtype)) for dtype in dtypes)])


def with_tag(tag):
    """A node of the kind Relu, and its kind again with a tag of more than 32 bits."""
    head = serialize([(1, 2, b"x"), (1, 2, b"by"), (2, 2, b"output"), (4, 2, b"Relu")])
    made = graph([], X, Y, [tensor("by", MINUS)])
    return model([(1, 2, head + tag + b"\x03Div"), *made])


def sizes(dtype, *fields):
    return divided([], [[(1, 0, 1), (2, 0, dtype), (8, 2, b"by"), *fields]])


TYPED = [(1, 2, b"value"), (20, 0, 7)]
TENSOR = serialize(tensor("", ONE))
CASES = {
    "a Constant after its use, of an initializer's name": model(
        graph([DIVISION, node("Constant", [], ["by"], value=MINUS)], X, Y, [tensor("by", ONE)])
    ),
    "a Constant of an initializer's name": divided(
        [node("Constant", [], ["by"], value=ONE)], [tensor("by", MINUS)]
    ),
    "two initializers of a name": divided([], [tensor("by", MINUS), tensor("by", ONE)]),
    "a sparse initializer of an initializer's name": divided([], [tensor("by", ONE)], more=[sparse("by")]),
    "a sparse initializer of an input's name": divided(
        inputs=[value("by", (1,), INT64)], more=[sparse("by")]
    ),
    "an attribute `value` of integers": constant(*TYPED, (8, 0, -1)),
    "an attribute of any name": constant((1, 2, b"v"), (20, 0, 7), (8, 0, -1)),
    "an attribute of two values": constant(*TYPED, (8, 0, -1), (5, 2, TENSOR)),
    "an attribute of another type": constant((1, 2, b"value_ints"), (20, 0, 2), (8, 0, 5)),
    "an attribute of the number 0, as proto3 writes it": constant((1, 2, b"value_int"), (20, 0, 2)),
    "a Constant of two attributes": divided(
        [[*node("Constant", [], ["by"], value=ONE), (5, 2, [(1, 2, b"value_ints"), (20, 0, 7), (8, 0, -1)])]]
    ),
    "an attribute passed on by two calls": calls("outer", "inner"),
    "an overload": overloads(),
    "a kind, and another of the wire type of 4 bytes": model(
        graph([[*DIVISION, (4, 5, b"Relu")]], X, Y, [tensor("by", MINUS)])
    ),
    "a kind, and another of the wire type of 8 bytes": model(
        graph([[*DIVISION, (4, 1, b"Identity")]], X, Y, [tensor("by", MINUS)])
    ),
    "a tag of more than 32 bits": with_tag(b"\xa2\x80\x80\x80\x10"),
    "a type of more than 32 bits": sizes(2**32 + 7, (7, 0, -1)),
    "numbers in the field of another type": sizes(7, (5, 0, 5), *[(5, 2, b"")] * 300, (7, 0, -1)),
    "one type declared wrongly": declared_twice(DOUBLE),
    "two types declared wrongly": declared_twice(FLOAT, DOUBLE),
    "an input without a name": divided(
        [node("Clip", ["x", "", ""], ["by"])], inputs=[value("", ("n",), INT64)], constants=[tensor("", ONE)]
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_refused(name):
    with pytest.raises(rt.InputError, match=r"is not run: |a complete ONNX file"):
        inspect(CASES[name])


def test_the_same_graphs_without_a_disguise_are_opened():
    by_attribute = [[*CONSTANT, (5, 2, [*TYPED, (8, 0, 2)])], DIVISION]
    for data in (
        divided([], [tensor("by", np.array([2]))]),
        model(graph(by_attribute, X, Y), None, 15, ir_version=8),
        divided([node("Clip", ["x", "one", ""], ["by"])], [tensor("one", np.array(1))]),
    ):
        inspect(data)


def test_a_file_with_the_mark_of_ort_files_runs_as_the_onnx_file_that_was_checked():
    """ONNX Runtime takes files with "ORTM" at the fifth byte for its own format, which is not checked."""
    producer = serialize([(2, 2, b"\0\0ORTM")])
    data = producer + model(graph([node("Identity", ["x"], ["output"])], X, Y))
    assert data[4:8] == b"ORTM"
    assert rt.load(data, device="cpu").infer(np.array([3, 4])).tolist() == [3, 4]
