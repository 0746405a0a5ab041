"""Opset and IR versions of exported files."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnxnn_runtime import (
    ExportError,
)
from onnxnn_runtime.session.providers import runtime_version
from onnxnn_runtime.targets import loads
from support.exports import built, image_card, lenet

from onnxnn import nn
from onnxnn.export.exporter import export_onnx
from onnxnn.export.options import IR_VERSIONS, OPSETS, ExportOptions
from onnxnn.kinds import kind_of


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("ir_version", IR_VERSIONS)
def test_range_of_versions(tmp_path, opset, ir_version):
    definition = lenet()
    path = tmp_path / "a.onnx"
    options = ExportOptions(opset_version=opset, ir_version=ir_version)
    given = (kind_of("cls", definition), built(definition), image_card(), path, options)
    newest = loads(runtime_version())
    if opset > newest[0] or ir_version > newest[1]:  # an older ONNX Runtime is installed here
        with pytest.raises(ExportError, match=f"does not run opset {opset} with IR {ir_version}"):
            export_onnx(*given)
        assert not path.exists()
        return
    report = export_onnx(*given)
    model = onnx.load(path)
    assert (model.opset_import[0].version, model.ir_version) == (opset, ir_version)
    assert report.parity["absolute"] <= 1e-5


def test_basenns_versions_work(tmp_path):
    definition = lenet()
    export_onnx(
        kind_of("cls", definition),
        built(definition),
        image_card(),
        tmp_path / "a.onnx",
        ExportOptions(opset_version=10, ir_version=6),
    )
    written = onnx.load(tmp_path / "a.onnx")
    assert (written.opset_import[0].version, written.ir_version) == (10, 6)


def test_numbers_of_numpy_are_numbers(tmp_path):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 2), activation="softmax")
    numbers = {"opset_version": np.int64(13), "ir_version": np.int32(7), "tolerance": np.float32(1e-3)}
    model.export(tmp_path / "a.onnx", **numbers)
    written = onnx.load(tmp_path / "a.onnx")
    assert (written.ir_version, written.opset_import[0].version) == (7, 13)


@pytest.mark.parametrize("versions", [{"opset_version": 8}, {"opset_version": 99}, {"opset_version": "13"}])
def test_opsets_outside_the_range_are_refused(tmp_path, versions):
    definition = lenet()
    with pytest.raises(ExportError, match=rf"opset_version=.*: expected {OPSETS[0]} to {OPSETS[1]}"):
        export_onnx(
            kind_of("cls", definition),
            built(definition),
            image_card(),
            tmp_path / "a.onnx",
            ExportOptions(**versions),
        )


@pytest.mark.parametrize("ir_version", [1, 3])
def test_before_ir_version_4_the_oldest_that_holds_the_weights_is_written(tmp_path, ir_version):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 2), activation="softmax")
    with pytest.warns(UserWarning, match=f"ir_version={ir_version}: 4 is written") as caught:
        model.convert(out_file=tmp_path / "a.onnx", ir_version=ir_version)
    assert onnx.load(tmp_path / "a.onnx").ir_version == 4
    assert len(caught) == 1


@pytest.mark.parametrize("ir_version", [0, 99, True, "3"])
def test_ir_versions_outside_the_range_are_refused(tmp_path, ir_version):
    definition = lenet()
    with pytest.raises(ExportError, match=r"ir_version=.*: expected 4 to "):
        export_onnx(
            kind_of("cls", definition),
            built(definition),
            image_card(),
            tmp_path / "a.onnx",
            ExportOptions(ir_version=ir_version),
        )
