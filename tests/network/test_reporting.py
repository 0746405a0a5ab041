"""`report` of a network says what the exported file's says."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest

from onnxnn import nn


def test_a_network_and_its_file_report_the_same(class_folders, tmp_path, capsys):
    network = nn("cls", verbose=0)
    network.set_seed(0)
    network.load_img_data(str(class_folders), transform={"Resize": (16, 16)})
    network.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    network.add("linear", size=(None, 2), activation="softmax")
    found = network.report(str(class_folders), train=str(class_folders), lang="zh")
    network.export(str(tmp_path / "a.onnx"))
    expected = rt.load(tmp_path / "a.onnx", device="cpu").report(class_folders, train=class_folders)
    ours, theirs = found.to_dict(), expected.to_dict()
    assert ours.pop("model") == "this network"
    assert theirs.pop("model") == str(tmp_path / "a.onnx")
    assert ours == theirs
    assert ours["train_duplicates"]["found"] == 16
    assert '<html lang="zh-CN">' in found.to_html()
    assert capsys.readouterr().out == ""


def test_a_network_without_layers_is_refused():
    with pytest.raises(rt.OnnxnnError):
        nn("cls", verbose=0).report(np.zeros((2, 3)), labels=[0, 1])


def test_strangers_are_compared_with_the_data_of_the_network(class_folders):
    network = nn("cls", verbose=0)
    network.set_seed(0)
    network.load_img_data(str(class_folders), transform={"Resize": (16, 16)})
    network.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    network.add("linear", size=(None, 8), activation="relu")
    network.add("linear", size=(8, 2), activation="softmax")
    stripes = np.zeros((3, 20, 20, 3), np.uint8)
    stripes[:, ::2] = 255
    found = network.report(str(class_folders), strangers=stripes)["unknown"]
    assert found["strangers"] == 3
    assert 0 <= found["auroc"] <= 1
