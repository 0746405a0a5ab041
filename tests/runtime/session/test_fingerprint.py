"""The fingerprint of a model: of what it computes, not of what it says about itself."""

from __future__ import annotations

import copy
import hashlib

import numpy as np
import onnxnn_runtime as rt
import pytest
from support import models
from support.protobuf import serialize

WEIGHT = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def made(weight=WEIGHT, kind="MatMul", card=None, opset=13):
    graph = models.graph(
        [models.node(kind, ["input", "w"], ["output"])],
        [models.value("input", ["batch", 2])],
        [models.value("output", ["batch", 2])],
        [models.tensor("w", weight)],
    )
    return models.model(graph, card, opset)


def test_it_is_the_sha_256_of_graph_and_operators():
    graph = models.graph(
        [models.node("MatMul", ["input", "w"], ["output"])],
        [models.value("input", ["batch", 2])],
        [models.value("output", ["batch", 2])],
        [models.tensor("w", WEIGHT)],
    )
    parts = ((b"graph", serialize(graph)), (b"opset", serialize([(1, 2, b""), (2, 0, 13)])))
    text = b"".join(name + b" %d\n" % len(part) + part for name, part in parts)
    assert rt.load(made(), device="cpu").fingerprint == hashlib.sha256(text).hexdigest()


def test_the_card_does_not_count(golden):
    card = rt.ModelCard("reg", (), rt.InputSpec("table", ("batch", 2)), rt.OutputSpec("values", ("batch", 2)))
    assert rt.load(made(), device="cpu").fingerprint == rt.load(made(card=card), device="cpu").fingerprint


@pytest.mark.parametrize("other", [{"weight": WEIGHT + 1}, {"kind": "Add"}, {"opset": 12}])
def test_another_computation_has_another(other):
    assert rt.load(made(), device="cpu").fingerprint != rt.load(made(**other), device="cpu").fingerprint


def test_path_bytes_and_copies_have_the_same(golden):
    path = golden / "models" / "image_embedder.onnx"
    model = rt.load(path, device="cpu")
    found = {model.fingerprint, rt.load(path.read_bytes(), device="cpu").fingerprint}
    found |= {copy.copy(model).fingerprint, model.fingerprint}
    assert len(found) == 1


def test_a_replaced_file_has_none(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(made())
    model = rt.load(path, device="cpu")
    path.write_bytes(made(WEIGHT + 1, opset=12))
    with pytest.raises(rt.InputError, match="changed after it was opened"):
        assert model.fingerprint
