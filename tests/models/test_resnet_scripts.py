"""The ResNet scripts of BaseNN's appendix, layer by layer as they stand there: 224 x 224 colour images."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime
import pytest
import torch

from onnxnn import nn
from onnxnn.datasets import Digits, digits, write_class_folders

STAGES = {
    "num_blocks": [
        ("Res_Block", {"size": (64, 64), "num_blocks": 2, "stride": 1}),
        ("Res_Block", {"size": (64, 128), "num_blocks": 2, "stride": 2}),
        ("Res_Block", {"size": (128, 256), "num_blocks": 2, "stride": 2}),
        ("Res_Block", {"size": (256, 512), "num_blocks": 2, "stride": 2}),
    ],
    "spelled out": [
        ("Res_Block", {"size": (64, 64), "stride": 1}),
        ("Res_Block", {"size": (64, 64), "stride": 1}),
        ("Res_Block", {"size": (64, 128), "stride": 2}),
        ("Res_Block", {"size": (128, 128), "stride": 1}),
        ("Res_Block", {"size": (128, 256), "stride": 2}),
        ("Res_Block", {"size": (256, 256), "stride": 1}),
        ("Res_Block", {"size": (256, 512), "stride": 2}),
        ("Res_Block", {"size": (512, 512), "stride": 1}),
    ],
    "bottleneck": [
        ("Res_Bottleneck", {"size": (64, 64), "num_blocks": 3, "stride": 1}),
        ("Res_Bottleneck", {"size": (256, 128), "num_blocks": 4, "stride": 2}),
        ("Res_Bottleneck", {"size": (512, 256), "num_blocks": 6, "stride": 2}),
        ("Res_Bottleneck", {"size": (1024, 512), "num_blocks": 3, "stride": 2}),
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An image of each digit."""
    data = digits(224)
    chosen = [number for digit in range(10) for number in np.flatnonzero(data.labels == digit)[:1]]
    few = Digits(data.images[chosen], data.labels[chosen])
    return write_class_folders(few, tmp_path_factory.mktemp("mnist") / "training_set")


def script(folder, kind):
    model = nn("cls")
    model.load_img_data(str(folder), batch_size=32, num_workers=1)
    model.add("Conv2D", size=(3, 64), kernel_size=(7, 7), stride=2, padding=3, activation="ReLU")
    model.add("BatchNorm2d", size=64)
    model.add("MaxPool", kernel_size=(3, 3), stride=2, padding=1)
    for layer, options in STAGES[kind]:
        model.add(layer, **options)
    model.add("AvgPool", kernel_size=(7, 7))
    features = 2048 if kind == "bottleneck" else 512
    model.add("linear", size=(features, 10), activation="Softmax")
    return model


def test_both_ways_of_writing_resnet18_are_the_same(folder, capsys):
    short, long = script(folder, "num_blocks"), script(folder, "spelled out")
    said = capsys.readouterr().out
    for shape in ("64, 112, 112", "64, 56, 56", "128, 28, 28", "256, 14, 14", "512, 7, 7", "10"):
        assert said.count(f"-> [32, {shape}]") >= 2  # as the script's comments say
    state = short.model.state_dict()
    long.model.load_state_dict(dict(zip(long.model.state_dict(), state.values(), strict=True)))
    x = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(short.model.eval()(x), long.model.eval()(x))


@pytest.mark.parametrize("kind", ["num_blocks", pytest.param("bottleneck", marks=pytest.mark.slow)])
def test_the_scripts_train_and_export(folder, kind, tmp_path):
    torch.manual_seed(0)
    model = script(folder, kind)
    model.save_fold = str(tmp_path)
    history = model.train(lr=1e-4, epochs=1, metrics=["acc"])
    assert np.isfinite(history[0]["loss"])
    report = model.convert(checkpoint=str(tmp_path / "basenn.pth"), out_file=str(tmp_path / "resnet.onnx"))
    assert report.parity["relative"] <= 1e-5  # the embedding holds numbers far above 1
    image = sorted(folder.rglob("*.png"))[0]
    expected = model.inference(data=str(image))
    (prediction,) = onnxnn_runtime.load(tmp_path / "resnet.onnx", device="cpu").predict(image, k=1)
    assert prediction.score == pytest.approx(float(expected.max()), abs=1e-5)
