"""What export refuses, and files that it never replaces."""

from __future__ import annotations

import os

import pytest
import torch
from onnxnn_runtime import (
    ExportError,
    OutputError,
)
from support.exports import built, image_card, lenet, table_card

from onnxnn.definition.definition import Definition
from onnxnn.export import exporter as export
from onnxnn.export import verification as parity
from onnxnn.export.exporter import export_onnx
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of


def test_nan_weights_are_refused(tmp_path):
    definition = lenet()
    net = built(definition)
    with torch.no_grad():
        net[0].weight[0] = float("nan")
    with pytest.raises(
        ExportError, match=r"conv2d1.weight holds NaN or infinite numbers: the training diverged"
    ):
        export_onnx(kind_of("cls", definition), net, image_card(), tmp_path / "a.onnx")
    assert os.listdir(tmp_path) == []


def test_a_file_that_differs_from_torch_is_not_left(tmp_path, monkeypatch):
    definition = lenet()
    net = built(definition)
    (tmp_path / "a.onnx").write_bytes(b"the old file")
    emit_right = Definition.emit

    def emit_wrong(self, graph, x, module, shape):
        found = emit_right(self, graph, x, module, shape)
        graph.weights["linear10.weight"] = graph.weights["linear10.weight"] * 1.01
        return found

    monkeypatch.setattr(Definition, "emit", emit_wrong)
    with pytest.raises(ExportError, match=r"differs from torch by .* expected at most 0.0001. Nothing was"):
        export_onnx(kind_of("cls", definition), net, image_card(), tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"the old file"
    assert os.listdir(tmp_path) == ["a.onnx"]


def test_the_embedding_is_compared_too(tmp_path, monkeypatch):
    definition = lenet()
    emit_right = Definition.emit

    def emit_wrong(self, graph, x, module, shape):
        y, feature = emit_right(self, graph, x, module, shape)
        return y, graph.node("Neg", feature)

    monkeypatch.setattr(Definition, "emit", emit_wrong)
    with pytest.raises(ExportError, match="differs from torch"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")


def test_an_invalid_graph_is_refused(tmp_path, monkeypatch):
    definition = lenet()
    monkeypatch.setattr(
        Definition, "emit", lambda self, graph, x, net, shape: (graph.node("Relu", "no"), None)
    )
    with pytest.raises(ExportError, match="the graph is not valid ONNX"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")


def test_more_than_two_gigabytes_are_refused(tmp_path, monkeypatch):
    definition = lenet()
    monkeypatch.setattr(export, "MAX_BYTES", 2**20 + 1000)
    with pytest.raises(ExportError, match=r"at most 2 GiB, which one ONNX file holds"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    definition = lenet()
    with pytest.raises(OutputError, match=r"cannot write .*a.onnx"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "file" / "a.onnx")


def test_an_empty_network_is_refused(tmp_path):
    definition = Definition(Shape.vector(3))
    with pytest.raises(ExportError, match=r"there is nothing to export\. Add layers first"):
        export_onnx(kind_of("cls", definition), definition.build(), table_card(), tmp_path / "a.onnx")


def test_a_checkpoint_is_never_replaced(tmp_path):
    (tmp_path / "basenn.pth").write_bytes(b"PK\x03\x04 a checkpoint")
    definition = lenet()
    with pytest.raises(ExportError, match=r"is a checkpoint or a file of arrays.*such as 'basenn\.onnx'"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "basenn.pth")
    assert (tmp_path / "basenn.pth").read_bytes() == b"PK\x03\x04 a checkpoint"


def test_a_script_by_the_user_is_never_replaced(tmp_path):
    (tmp_path / "pets.py").write_text("print('mine')", encoding="utf-8")
    definition = lenet()
    with pytest.warns(UserWarning, match=r"pets.py: exists already and was not written by export"):
        export_onnx(
            kind_of("cls", definition), built(definition), image_card(), tmp_path / "pets.onnx", script=True
        )
    assert (tmp_path / "pets.py").read_text(encoding="utf-8") == "print('mine')"
    for _ in range(2):  # one of ours is replaced
        export_onnx(
            kind_of("cls", definition), built(definition), image_card(), tmp_path / "cats.onnx", script=True
        )


def test_probing_says_when_no_size_runs():
    definition = Definition()
    definition = definition.with_layer(1, "conv2d", options={"size": (1, 1), "kernel_size": 300})
    with pytest.raises(ExportError, match="Load data before exporting"):
        parity.probe_shapes(definition, definition.input_shape)
