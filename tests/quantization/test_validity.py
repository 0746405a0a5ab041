"""What is written is valid ONNX, with each node after those whose values it reads."""

from __future__ import annotations

import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxnn_runtime import ExportError, load
from support.ledger import ledger_kinds

from onnxnn.quantization.candidate import Trial, best_candidate
from onnxnn.quantization.options import QuantizeOptions
from onnxnn.quantization.quantizer import quantize
from onnxnn.quantization.selection import name_nodes, select
from onnxnn.quantization.validity import checked, sort_nodes


def value(name, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, [2])


def graph_of(nodes):
    """Return a graph from x to y, whose input c is a condition."""
    return helper.make_graph(
        nodes, "g", [value("x"), helper.make_tensor_value_info("c", 9, [])], [value("y")]
    )


def branches():
    """Return nodes of which one reads values inside its graphs alone."""
    then = helper.make_graph([helper.make_node("Neg", ["b"], ["t"], name="then")], "then", [], [value("t")])
    other = helper.make_graph([helper.make_node("Abs", ["d"], ["e"], name="other")], "else", [], [value("e")])
    return [
        helper.make_node("Relu", ["x"], ["a"], name="1"),
        helper.make_node("Neg", ["a"], ["b"], name="2"),
        helper.make_node("Abs", ["x"], ["d"], name="3"),
        helper.make_node("If", ["c"], ["f"], name="4", then_branch=then, else_branch=other),
        helper.make_node("Add", ["f", "a"], ["y"], name="5"),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_nodes_in_any_order_become_valid(seed):
    nodes = branches()
    random.Random(seed).shuffle(nodes)
    graph = graph_of(nodes)
    sort_nodes(graph)
    assert sorted(node.name for node in graph.node) == list("12345")
    onnx.checker.check_model(helper.make_model(graph), full_check=True)


def test_nodes_in_order_stay_as_they_are():
    graph = graph_of(branches())
    before = graph.SerializeToString()
    sort_nodes(graph)
    assert graph.SerializeToString() == before


def test_what_is_not_valid_is_refused():
    model = helper.make_model(graph_of(branches()[::-1]))
    with pytest.raises(ExportError, match="its graph in int8 is not valid ONNX"):
        checked(model, "int8")


@pytest.mark.parametrize("options", [{}, {"target": "rpi"}, {"auto": True}, {"precision": "fp16"}], ids=str)
def test_files_are_valid(classifier, held_out, tmp_path, options):
    """Engines other than ONNX Runtime run nodes in the order of the file."""
    quantize(classifier, held_out.images[:60], tmp_path / "a.onnx", max_drop=100, **options)
    onnx.checker.check_model(onnx.load(tmp_path / "a.onnx"), full_check=True)


class _Feeds:
    """Stands in for a measure and its samples: the inputs with which the ledger compares a file."""

    def __init__(self, feeds):
        self._feeds = feeds

    def feeds(self, samples):
        return iter([self._feeds])


@pytest.mark.slow
@pytest.mark.parametrize("name", ledger_kinds())
def test_every_kind_of_network_in_integers(name, tmp_path):
    path = tmp_path / "float.onnx"
    feeds, outputs = ledger_kinds()[name](path)
    model = onnx.load(path)
    name_nodes(model.graph)
    if not select(model).weighted:
        pytest.skip("INT8 makes none of its layers faster")
    trial = Trial([0], _Feeds(feeds), next(iter(outputs)), exact=True)
    found = best_candidate(model, trial, QuantizeOptions(target="rpi")).model
    onnx.checker.check_model(found, full_check=True)
    got = load(found.SerializeToString(), device="cpu").infer(feeds)
    for output, wanted in outputs.items():
        assert np.abs(got[output] - wanted).max() < 0.15 * max(np.abs(wanted).max(), 1e-6), output
