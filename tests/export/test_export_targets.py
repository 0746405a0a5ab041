"""Targets: the versions that follow from them, and what a target cannot express."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnxnn_runtime import ExportError, load
from onnxnn_runtime.session.providers import runtime_version
from onnxnn_runtime.targets import RELEASES, TARGETS, for_version, loads

from onnxnn import nn
from onnxnn.export.options import IR_VERSIONS, OPSETS, ExportOptions
from onnxnn.graph.builder import GraphBuilder


def table():
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 2), activation="softmax")
    return model


def highest(opset, ir_version):
    """Return what is written of a target's versions, with the packages that are installed here."""
    here = loads(runtime_version())
    return min(opset, OPSETS[1], here[0]), min(ir_version, IR_VERSIONS[1], here[1])


@pytest.mark.parametrize("name", [*TARGETS, "ort1.8", "ort1.13", "ORT1.14.1", "ort1.32", "ort1.77"])
def test_the_versions_follow_from_the_target(tmp_path, name):
    options = ExportOptions(target=name)
    table().export(tmp_path / "a.onnx", target=name)
    written = onnx.load(tmp_path / "a.onnx")
    assert (written.opset_import[0].version, written.ir_version) == (options.opset, options.ir)
    if name in TARGETS:
        assert (options.opset, options.ir) == highest(TARGETS[name].opset, TARGETS[name].ir_version)
    elif name == "ORT1.14.1":
        assert (options.opset, options.ir) == highest(18, 8)
    assert load(tmp_path / "a.onnx").infer(np.zeros((3, 4), np.float32)).shape == (3, 2)


def test_without_a_target_every_onnx_runtime_is_meant():
    options, anywhere = ExportOptions(), ExportOptions(target="any")
    assert (options.opset, options.ir) == (anywhere.opset, anywhere.ir) == (13, 7)


def test_versions_that_a_target_takes_may_be_given_too():
    options = ExportOptions(opset_version=np.int64(13), target="unihiker")
    assert (options.opset, options.ir) == (13, 8)
    assert ExportOptions(ir_version=7, target="unihiker").opset == 17


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"target": "unihiker", "opset_version": 18},
            r"opset_version=18: expected at most 17, .* target='unihiker'",
        ),
        ({"target": "ort1.8", "ir_version": 8}, r"ir_version=8: expected at most 7, .* target='ort1\.8'"),
        ({"target": "any", "opset_version": 14}, r"opset_version=14: expected at most 13"),
        ({"target": "rpi", "opset_version": 3}, r"opset_version=3: expected 9 to"),
    ],
)
def test_versions_that_contradict_the_target_are_refused(tmp_path, given, said):
    with pytest.raises(ExportError, match=said + r".*E-EXPORT-01") as caught:
        table().export(tmp_path / "a.onnx", **given)
    assert caught.value
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("unihicker", "'unihiker'"),
        ("onnxruntime1.13", "'ort1.13'"),
        ("ort113", "'ort1.13'"),
        ("raspberry", None),
        ("ort1.7", None),
        ("", None),
        (3, None),
        (["any"], None),
    ],
)
def test_an_unknown_target_is_refused_with_the_nearest_name(name, near):
    with pytest.raises(
        ExportError, match=r"target=.*: expected any, unihiker, rpi, .* from ort1\.8 on"
    ) as caught:
        ExportOptions(target=name)
    if near:
        assert f"Did you mean {near}?" in caught.value.text


def test_a_layer_whose_operator_is_newer_than_the_target_says_which_takes_it():
    graph = GraphBuilder(TARGETS["unihiker"].opset)
    with (
        graph.scope("gelu1"),
        pytest.raises(
            ExportError,
            match=r"gelu1: expected opset 20 or newer, which has the operator Gelu .* got 17\. Export it "
            r"with "
            r"opset_version=20, or for a target that takes it: rpi, web, server, ort1\.17\. \[E-EXPORT-02",
        ),
    ):
        graph.node("Gelu", "x")
    with pytest.raises(ExportError, match="Resize: expected opset 18 or newer"):
        graph.node("Resize", "x", "", "s", antialias=1)
    assert GraphBuilder(20).node("Gelu", "x")
    assert graph.node("Resize", "x", "", "s", antialias=None)


class Warp(torch.nn.Module):
    """Reads an image of 4 x 4 at other places, for which ONNX has an operator from opset 16 on."""

    def forward(self, x):
        x = x.reshape(-1, 1, 4, 4)
        places = torch.nn.functional.affine_grid(torch.eye(2, 3).expand(len(x), 2, 3), x.shape, False)
        return torch.nn.functional.grid_sample(x, places, align_corners=False).flatten(1)


def test_a_custom_module_that_a_target_cannot_express_says_which_can(tmp_path):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 16))
    model.add(Warp())
    model.add("linear", size=(16, 2), activation="softmax")
    with pytest.raises(
        ExportError,
        match=r"add\(Warp\(\.\.\.\)\): torch cannot export this module at opset 13 .*opset_version=18, "
        r"or for a target that takes it: rpi, web, server, ort1\.14\. .*E-EXPORT-02",
    ):
        model.export(tmp_path / "a.onnx", target="any")
    assert list(tmp_path.iterdir()) == []
    if highest(20, 9)[0] >= 18:
        model.export(tmp_path / "a.onnx", target="web")


def test_every_onnx_runtime_of_the_table_is_a_target():
    for release in RELEASES:
        options = ExportOptions(target=for_version(release.version))
        assert (options.opset, options.ir) == highest(release.opset, release.ir_version)
