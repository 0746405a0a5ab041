"""`export(heatmap=True)` and `Network.heatmap`: the same maps in torch and in the file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnxnn_runtime import ExportError, InputError, load
from onnxnn_runtime.card.region import region_of
from PIL import Image
from support.languages import is_in

from onnxnn import nn
from onnxnn.quantization.quantizer import quantize


def made(*layers, size=(24, 20), outputs=3, count=24, classes=3, transform=None):
    found = nn("cls", verbose=0)
    found.set_seed(0)
    x = np.random.RandomState(0).rand(count, 3, *size).astype("f4")
    found.load_dataset(x, np.arange(count) % classes)
    for name, options in layers:
        found.add(name, **options)
    return found, x


CONV = ("conv2d", {"size": (3, 8), "kernel_size": 3, "activation": "relu"})
MORE = ("conv2d", {"size": (8, 16), "kernel_size": 3, "activation": "relu"})
NORM, MEAN, DROP = ("batchnorm2d", {}), ("global_avgpool", {}), ("dropout", {"p": 0.3})
HEAD = ("linear", {"size": (None, 3), "activation": "softmax"})

WITH_MAPS = {
    "means and a head": (CONV, NORM, MORE, MEAN, HEAD),
    "dropout between": (CONV, MEAN, DROP, HEAD),
    "residual blocks": (CONV, ("res_block", {"size": 16, "num_blocks": 1, "stride": 2}), MEAN, HEAD),
    "a backbone": (("mobilenet_backbone", {}), HEAD),
    "its own classifier": (("mobilenet", {"num_classes": 3, "activation": "softmax"}),),
    "scores": (CONV, MEAN, ("linear", {"size": (8, 3)})),
}
WITHOUT = {
    "several linear layers": (CONV, MEAN, ("linear", {"size": (8, 6), "activation": "relu"}), HEAD),
    "no pooling": (CONV, ("maxpool", {"kernel_size": 2}), HEAD),
    "the largest value": (CONV, ("global_maxpool", {}), HEAD),
}


@pytest.mark.parametrize("name", WITH_MAPS)
def test_the_maps_of_a_file_are_those_of_torch(name, tmp_path):
    network, x = made(*WITH_MAPS[name])
    network.save_fold = str(tmp_path / "trained")
    network.train(lr=1e-2, epochs=1)
    network.export(tmp_path / "a.onnx", heatmap=True)
    model = load(tmp_path / "a.onnx")
    for index in (None, 0, 2):
        (found,) = model.heatmaps(x[:1], label=index)
        expected = network.heatmap(x[0], label=index)
        scale = max(1, np.abs(expected.values).max())
        np.testing.assert_allclose(found.values, expected.values, atol=1e-5 * scale)
        assert (found.label, found.score) == (expected.label, pytest.approx(expected.score, abs=1e-5))
    assert list(model.outputs) == ["output", "embedding", "heatmap"]
    maps = model.infer({"input": x[:2]})["heatmap"]
    np.testing.assert_allclose(model.heatmap(x[1], label=1).values, maps[1, 1], atol=1e-5)


def test_the_mean_of_the_map_and_the_bias_are_the_score(tmp_path):
    network, x = made(CONV, MORE, MEAN, ("linear", {"size": (16, 3)}))
    network.export(tmp_path / "a.onnx", heatmap=True)
    found = load(tmp_path / "a.onnx").infer({"input": x})
    bias = network.model.linear4.bias.detach().numpy()
    np.testing.assert_allclose(found["heatmap"].mean((2, 3)) + bias, found["output"], atol=1e-5)


def test_it_is_one_convolution(tmp_path):
    network, _ = made(*WITH_MAPS["means and a head"])
    network.export(tmp_path / "a.onnx")
    network.export(tmp_path / "b.onnx", heatmap=True)
    before, after = (
        [node.op_type for node in onnx.load(tmp_path / name).graph.node] for name in ("a.onnx", "b.onnx")
    )
    assert sorted([*before, "Conv"]) == sorted(after)


@pytest.mark.parametrize("name", WITHOUT)
def test_grad_cam_in_torch_where_a_file_has_no_map(name, tmp_path, language):
    network, x = made(*WITHOUT[name])
    found = network.heatmap(x[0])
    assert found.values.shape[0] > 1
    assert found.values.min() >= 0
    with pytest.raises(ExportError) as refused:
        network.export(tmp_path / "a.onnx", heatmap=True)
    assert "Grad-CAM" in str(refused.value)
    assert is_in(language, str(refused.value))
    assert list(tmp_path.iterdir()) == []


def test_grad_cam_is_the_map_where_there_is_one():
    """Selvaraju et al. 2017, section 3.1: the weights are the head's, divided by the number of places."""
    import torch

    from onnxnn.inference.heatmaps import class_maps, grad_cam

    network, x = made(*WITH_MAPS["means and a head"])
    net = network.model.eval()
    maps = class_maps(net, network._definition, torch.from_numpy(x[:4]))
    found = grad_cam(net, torch.from_numpy(x[:4]), 1)
    places = maps.shape[2] * maps.shape[3]
    torch.testing.assert_close(found, maps[:, 1].relu().detach() / places, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("label", [None, 0, 1])
def test_a_binary_network_has_a_map_for_each_class(tmp_path, label):
    head = ("linear", {"size": (8, 1), "activation": "sigmoid"})
    network, x = made(CONV, MEAN, head, classes=2)
    network.export(tmp_path / "a.onnx", heatmap=True)
    found = load(tmp_path / "a.onnx").heatmap(x[0], label=label)
    np.testing.assert_allclose(found.values, network.heatmap(x[0], label=label).values, atol=1e-5)
    other = load(tmp_path / "a.onnx").heatmap(x[0], label=1)
    sign = 1 if found.label == other.label else -1
    np.testing.assert_allclose(found.values, sign * other.values, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"fixed_shapes": True}, {"fixed_shapes": {"batch": 4}}, {"opset_version": 9}, {"target": "unihiker"}],
)
def test_other_options_keep_the_map(tmp_path, options):
    network, x = made(*WITH_MAPS["means and a head"])
    network.export(tmp_path / "a.onnx", heatmap=True, unknown=True, **options)
    found = load(tmp_path / "a.onnx").heatmaps(x[:5])
    for each, image in zip(found, x, strict=False):
        np.testing.assert_allclose(each.values, network.heatmap(image).values, atol=1e-5)


def test_preprocessing_in_the_graph_keeps_map_and_region(class_folders, tmp_path):
    network = nn("cls", verbose=0)
    network.set_seed(0)
    transform = {"Resize": 16, "CenterCrop": 12}
    network.load_img_data(str(class_folders), batch_size=4, transform=transform)
    for name, options in (CONV, MEAN, ("linear", {"size": (8, 2), "activation": "softmax"})):
        network.add(name, **options)
    network.export(tmp_path / "a.onnx", heatmap=True, preprocess="graph")
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 60, 3), np.uint8)).save(tmp_path / "a.png")
    found = load(tmp_path / "a.onnx").heatmap(str(tmp_path / "a.png"))
    expected = network.heatmap(str(tmp_path / "a.png"))
    np.testing.assert_allclose(found.values, expected.values, atol=1e-5)
    assert region_of(found.preprocess, 60, 40) == region_of(expected.preprocess, 60, 40) != (0, 0, 60, 40)
    assert np.array_equal(np.asarray(found.draw()), np.asarray(expected.draw()))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_smaller_numbers_keep_the_map(tmp_path, precision):
    network, x = made(*WITH_MAPS["means and a head"], count=60)
    network.save_fold = str(tmp_path / "trained")
    network.train(lr=1e-2, epochs=2)
    network.export(tmp_path / "a.onnx", heatmap=True)
    quantize(tmp_path / "a.onnx", x, tmp_path / "b.onnx", precision=precision, max_drop=50)
    before, after = (load(tmp_path / name).heatmap(x[0], label=0).values for name in ("a.onnx", "b.onnx"))
    assert after.dtype == np.float32
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.95


def test_what_is_no_classifier_of_images_is_refused(tmp_path, language):
    table = nn("cls", verbose=0)
    table.load_dataset(np.random.RandomState(0).rand(20, 4), np.arange(20) % 2)
    table.add("linear", size=(4, 8), activation="relu")
    table.add("linear", size=(8, 2), activation="softmax")
    flat, x = made(HEAD)
    for ask, error, said in (
        (lambda: table.export(tmp_path / "a.onnx", heatmap=True), ExportError, "heatmap=True"),
        (lambda: table.heatmap(np.zeros((1, 4))), InputError, "heatmap()"),
        (lambda: flat.heatmap(x[0]), InputError, "conv2d"),
        (lambda: made(CONV, MEAN, HEAD)[0].heatmap(x[:2]), InputError, "heatmap()"),
    ):
        with pytest.raises(error) as refused:
            ask()
        assert said in str(refused.value)
        assert is_in(language, str(refused.value))
    assert list(tmp_path.iterdir()) == []


def test_training_and_gradients_are_as_before():
    network, x = made(*WITHOUT["no pooling"])
    network.model.train()
    network.heatmap(x[0])
    assert network.model.training
    assert all(weight.grad is None for weight in network.model.parameters())
