"""`export(precision=...)`: the file of `export`, made smaller by `quantize` before it is written."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest
from onnxnn_runtime import DataError, ExportError, InputError, load

from onnxnn import nn
from onnxnn.datasets import digits, write_class_folders
from onnxnn.network.precision import quantize_options, samples_for
from onnxnn.quantization.samples import read_samples

SIZE = 12


def layers(network, channels=1, outputs=10):
    network.add("conv2d", size=(channels, 6), kernel_size=3, activation="relu")
    network.add("conv2d", size=(6, 12), kernel_size=3, activation="relu")
    network.add("maxpool", kernel_size=2)
    network.add("linear", size=(12 * (SIZE // 2 - 2) ** 2, outputs), activation="softmax")


@pytest.fixture(scope="module")
def few():
    found = digits(size=SIZE)
    return type(found)(found.images[:500], found.labels[:500])


@pytest.fixture(scope="module")
def network(few, tmp_path_factory):
    """A trained classifier of digits that holds its data, a fifth of it for validation."""
    found = nn("cls", verbose=0)
    found.set_seed(0)
    found.load_dataset(few.images, few.labels, train_val_ratio=0.8)
    layers(found)
    found.save_fold = str(tmp_path_factory.mktemp("trained"))
    found.train(lr=5e-3, epochs=4)
    return found


def checkpoint_of(network):
    return os.path.join(network.save_fold, "basenn.pth")


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_training_data_calibrates_and_validation_data_measures(network, tmp_path, precision):
    report = network.export(tmp_path / "a.onnx", precision=precision, max_drop=5)
    facts = report.quantization.facts
    assert (facts.precision, facts.measure, facts.samples) == (precision, "accuracy", 100)
    accuracy = network.evaluate(network._state.data.validation, metrics=["acc"])["acc"]
    assert facts.before["accuracy"] == pytest.approx(accuracy, abs=0.011)
    assert report.size == (tmp_path / "a.onnx").stat().st_size == report.quantization.size
    assert precision == "int8" or report.size < report.quantization.float_size
    assert report.parity["relative"] < 1e-4
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.card.quantization == facts
    assert os.listdir(tmp_path) == ["a.onnx"]


def test_samples_can_be_given(network, few, tmp_path):
    write_class_folders(type(few)(few.images[:60], few.labels[:60]), tmp_path / "images")
    report = network.export(
        tmp_path / "a.onnx", precision="int8", calibration=tmp_path / "images", max_drop=20
    )
    facts = report.quantization.facts
    assert (facts.measure, facts.samples, facts.settings["calibration"]) == ("accuracy", 30, 30)


def test_a_target_sets_versions_and_integers(network, tmp_path):
    network.export(tmp_path / "a.onnx", precision="int8", target="unihiker", max_drop=20)
    found = onnx.load(tmp_path / "a.onnx")
    assert (found.opset_import[0].version, found.ir_version) == (17, 8)
    facts = load(tmp_path / "a.onnx", device="cpu").card.quantization
    assert (facts.settings["target"], facts.settings["activations"]) == ("unihiker", "int8")


def test_a_loaded_network_has_to_be_given_samples_for_integers(network, few, tmp_path):
    loaded = nn("cls", verbose=0)
    loaded.load(checkpoint_of(network))
    with pytest.raises(DataError, match=r"holds no training data. Give calibration= \(--calibration\)"):
        loaded.export(tmp_path / "a.onnx", precision="int8")
    assert os.listdir(tmp_path) == []
    loaded.export(tmp_path / "a.onnx", precision="int8", calibration=few.images[:40], max_drop=20)
    report = loaded.export(tmp_path / "b.onnx", precision="fp16")
    assert report.quantization.facts.settings["inputs"] == "made up"


def test_float_files_are_as_before(network, tmp_path):
    network.export(tmp_path / "a.onnx")
    report = network.export(tmp_path / "b.onnx", precision="fp32")
    assert report.quantization is None
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "int4"}, "precision='int4': expected one of fp32, int8, fp16"),
        ({"precision": None}, "precision=None: expected one of fp32, int8, fp16"),
        ({"calibration": "images"}, "calibration: expected precision='int8' or 'fp16' beside it"),
        ({"max_drop": 1}, "max_drop: expected precision='int8' or 'fp16' beside it"),
        ({"precision": "int8", "max_drop": -1}, "max_drop=-1: expected points from 0"),
        ({"precision": "int8", "opset_version": 12}, "expected opset 13 or newer, got 12"),
        ({"precision": "int8", "calibration": ["a text"] * 30}, "no such file"),
        ({"precision": "int8", "calibration": "nowhere"}, "no such file"),
        ({"precision": "int8", "fixed_shapes": {"batch": 4}}, "got one for batches of 4"),
    ],
)
def test_a_refused_export_leaves_the_file_that_was_there(network, tmp_path, options, said):
    path = tmp_path / "a.onnx"
    network.export(path)
    before = path.read_bytes()
    with pytest.raises((ExportError, InputError, DataError), match=said):
        network.export(path, **options)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.onnx"]


def test_calibration_data_is_not_replaced(network, few, tmp_path):
    np.save(tmp_path / "few.npy", few.images[:40])
    with pytest.raises((ExportError, OSError)):
        network.export(tmp_path / "few.npy", precision="int8", calibration=tmp_path / "few.npy")
    assert len(np.load(tmp_path / "few.npy")) == 40


def test_sizes_can_be_fixed(network, tmp_path):
    report = network.export(tmp_path / "a.onnx", precision="int8", fixed_shapes=True, max_drop=20)
    assert report.quantization.facts.samples == 100


def test_a_recipe_calibrates_with_its_data(tmp_path):
    from onnxnn.recipe import read_recipe

    (tmp_path / "recipe.yaml").write_text(
        "task: cls\nseed: 1\ndata: {digits: 12, batch_size: 300}\n"
        "layers:\n  - conv2d: {size: [1, 3], kernel_size: 3, activation: relu}\n"
        "  - linear: {size: 10, activation: softmax}\n"
        "train: {epochs: 1}\nsave_fold: out\n"
        "export: {path: small.onnx, precision: int8, max_drop: 100}\n",
        encoding="utf-8",
    )
    read_recipe(tmp_path / "recipe.yaml").run()
    assert load(tmp_path / "small.onnx", device="cpu").card.quantization.precision == "int8"


def held(network, in_graph=False):
    """Return the samples that the network holds, as the graph takes them, and their labels."""
    state = network._state
    given = samples_for(quantize_options("int8", None, None), None, state.data, network.card(), in_graph)
    samples = read_samples(given.data, network.card(), given.labels)
    return np.concatenate(list(samples.batches())), samples.labels


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_held_images_are_those_that_the_network_sees(order):
    images = np.random.default_rng(0).integers(0, 256, (30, SIZE, SIZE, 3)).astype(np.uint8)
    labels = np.arange(30) % 3
    network = nn("cls", verbose=0)
    network.load_dataset(images, labels, channel_order=order)
    layers(network, 3, 3)
    x, y = held(network)
    red_first = images if order == "rgb" else images[..., ::-1]
    np.testing.assert_array_equal(x, np.moveaxis(red_first, -1, 1).astype(np.float32) / 255)
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_held_images_for_preprocessing_in_the_graph(order, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, SIZE, SIZE, 3)).astype(np.uint8)
    network = nn("cls", verbose=0)
    network.load_dataset(images, np.arange(30) % 3, channel_order=order)
    layers(network, 3, 3)
    report = network.export(tmp_path / "a.onnx", preprocess="graph", precision="int8", max_drop=100)
    predicted = network.inference(images).argmax(1)
    assert report.quantization.facts.samples == 15
    found = [int(each.label) for each in load(tmp_path / "a.onnx", device="cpu").predict(images)]
    assert np.mean(np.array(found) == predicted) > 0.7


def test_random_changes_of_training_images_are_left_out(few, tmp_path):
    write_class_folders(type(few)(few.images[:30], few.labels[:30]), tmp_path)
    network = nn("cls", verbose=0)
    transform = {"Resize": (SIZE, SIZE), "RandomHorizontalFlip": 1.0}
    network.load_img_data(str(tmp_path), color="grayscale", transform=transform)
    layers(network)
    x, y = held(network)
    plain = read_samples(str(tmp_path), network.card())
    key = lambda pair: pair[0].tobytes()  # noqa: E731
    first = sorted(zip(x, y, strict=True), key=key)
    second = sorted(zip(np.concatenate(list(plain.batches())), plain.labels, strict=True), key=key)
    for (image, label), (wanted, its_label) in zip(first, second, strict=True):
        np.testing.assert_array_equal(image, wanted)
        assert label == its_label


def test_class_names_that_are_numbers_keep_their_classes(few, tmp_path):
    """Class 0 is named 1 here, and class 1 is named 2."""
    chosen = np.flatnonzero((few.labels == 1) | (few.labels == 2))[:40]
    write_class_folders(type(few)(few.images[chosen], few.labels[chosen]), tmp_path)
    network = nn("cls", verbose=0)
    network.load_img_data(str(tmp_path), color="grayscale")
    layers(network, outputs=2)
    _, y = held(network)
    np.testing.assert_array_equal(np.bincount(y), np.bincount(few.labels[chosen])[1:])
    np.testing.assert_array_equal(y, network._state.data.train.samples.labels.numpy())


def test_classes_of_tokens_are_compared_with_the_labels(tmp_path):
    tokens = np.random.default_rng(0).integers(0, 6, (60, 5))
    network = nn("cls", verbose=0)
    network.load_dataset(tokens, np.array(["few", "many"])[tokens[:, 0] // 3])
    network.add("embedding", size=8)
    network.add("linear", size=16, activation="relu")
    network.add("linear", size=16, activation="relu")
    network.add("lstm", size=8)
    network.add("linear", size=2, activation="softmax")
    network.save_fold = str(tmp_path / "ckpt")
    network.train(epochs=1)
    _, y = held(network)
    np.testing.assert_array_equal(y, network._state.data.train.samples.labels.numpy())
    for precision in ("int8", "fp16"):
        report = network.export(tmp_path / "a.onnx", precision=precision, max_drop=100)
        assert report.quantization.facts.measure == "accuracy"


@pytest.mark.parametrize("precision", ["int8", "fp16"])
@pytest.mark.parametrize(
    ("num", "ratio", "measured"),
    [
        (100, 0.9, {"int8": 10, "fp16": 10}),
        (100, 0.95, {"int8": 50, "fp16": 100}),
        (30, 0.9, {"int8": 15, "fp16": 30}),
        (24, 0.5, {"int8": 12, "fp16": 12}),
    ],
)
def test_few_samples_for_validation_measure_with_those_for_training(
    tmp_path, num, ratio, measured, precision
):
    """Ten are enough to measure; fewer go together with the training data, half of which calibrates."""
    images = np.random.default_rng(0).integers(0, 256, (num, SIZE, SIZE)).astype(np.uint8)
    network = nn("cls", verbose=0)
    network.load_dataset(images, np.arange(num) % 2, train_val_ratio=ratio)
    layers(network, outputs=2)
    facts = network.export(tmp_path / "a.onnx", precision=precision, max_drop=100).quantization.facts
    assert (facts.measure, facts.samples) == ("accuracy", measured[precision])


def test_too_few_samples_for_integers(tmp_path):
    network = nn("cls", verbose=0)
    images = np.zeros((19, SIZE, SIZE), np.uint8)
    network.load_dataset(images, np.arange(19) % 10, train_val_ratio=0.6)
    layers(network)
    with pytest.raises(DataError, match="20 or more together, got 19"):
        network.export(tmp_path / "a.onnx", precision="int8")
    facts = network.export(tmp_path / "a.onnx", precision="fp16").quantization.facts
    assert facts.settings["inputs"] == "made up"


def test_values_are_compared_with_the_targets(tmp_path):
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    network = nn("reg", verbose=0)
    network.set_seed(0)
    network.load_dataset(x, 1000 + 100 * x.sum(axis=1))
    network.add("linear", size=(3, 16), activation="relu")
    network.add("linear", size=(16, 16), activation="relu")
    network.add("linear", size=(16, 16), activation="relu")
    network.add("linear", size=(16, 1))
    network.save_fold = str(tmp_path / "ckpt")
    network.train(lr=2e-2, epochs=15)
    facts = network.export(tmp_path / "a.onnx", precision="int8", max_drop=20).quantization.facts
    assert facts.measure == "r2"
    assert facts.before["r2"] > 0.8


@pytest.mark.parametrize(("task", "measure"), [("gen", "frechet"), ("text", "perplexity")])
def test_held_data_calibrates_other_kinds(task, measure, tmp_path):
    network = generator(task)
    report = network.export(tmp_path / "a.onnx", precision="int8", max_drop=1e6)
    assert report.quantization.facts.measure == measure
    assert report.quantization.facts.settings["calibration"] == 20


@pytest.mark.parametrize("task", ["gen", "text"])
def test_other_kinds_are_measured_on_made_up_inputs_in_float16(task, tmp_path):
    report = generator(task).export(tmp_path / "a.onnx", precision="fp16")
    assert report.quantization.facts.settings["inputs"] == "made up"


def generator(task):
    """Return a network that samples images, or one that continues texts, with 40 samples."""
    network = nn("gen", verbose=0)
    if task == "text":
        tokens = np.arange(400).reshape(40, 10) % 6
        network.load_dataset(tokens, word2idx={letter: number for number, letter in enumerate("abcdef")})
        network.add("embedding", size=8)
        network.add("gru", size=16)
        network.add("linear", size=32, activation="relu")
        network.add("linear", size=6, activation="softmax")
    else:
        images = np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8)
        network.load_dataset(images, np.arange(40) % 2)
        network.add("diffusion_model", img_size=8, timestep=20, dim=8, dim_mults=(1, 2))
    return network
