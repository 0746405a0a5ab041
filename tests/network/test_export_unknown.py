"""`export(unknown=True)`: reference vectors of training samples, and a threshold, in the card."""

from __future__ import annotations

import os

import numpy as np
import pytest
from onnxnn_runtime import DataError, ExportError, load
from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.unknown import References, fit
from support.languages import is_in

from onnxnn import nn
from onnxnn.datasets import digits
from onnxnn.quantization.quantizer import quantize

SIZE = 12


@pytest.fixture(scope="module")
def few():
    found = digits(size=SIZE)
    return type(found)(found.images[:600], found.labels[:600])


def untrained(task="cls"):
    found = nn(task, verbose=0)
    found.set_seed(0)
    return found


@pytest.fixture(scope="module")
def network(few, tmp_path_factory):
    """A trained classifier of digits that holds its data, a fifth of it for validation."""
    found = untrained()
    found.load_dataset(few.images[:500], few.labels[:500], batch_size=32, train_val_ratio=0.8)
    found.add("conv2d", size=(1, 12), kernel_size=3, activation="relu")
    found.add("maxpool", kernel_size=2)
    found.add("linear", size=(12 * 25, 32), activation="relu")
    found.add("linear", size=(32, 10), activation="softmax")
    found.add(optimizer="Adam")
    found.save_fold = str(tmp_path_factory.mktemp("trained"))
    found.train(lr=3e-3, epochs=6)
    return found


def checkpoint_of(network):
    return os.path.join(network.save_fold, "basenn.pth")


def accepted(path, images):
    return np.mean([each.label != "unknown" for each in load(path).predict(images, unknown=True)])


def test_validation_data_gives_the_threshold(network, few, tmp_path):
    report = network.export(tmp_path / "a.onnx", unknown=True)
    spec = load(tmp_path / "a.onnx").card.unknown
    assert report.unknown == spec
    assert (spec.held_out, sum(spec.counts), len(spec.counts), spec.size) == (100, 400, 10, 32)
    held_out = network._state.data.validation
    images = np.concatenate([x.numpy() for x, _ in held_out])
    assert accepted(tmp_path / "a.onnx", images) == 0.95
    assert accepted(tmp_path / "a.onnx", few.images[500:]) > 0.85
    assert accepted(tmp_path / "a.onnx", np.random.RandomState(0).rand(50, 1, SIZE, SIZE).astype("f4")) < 0.5


def test_distances_are_those_of_torch(network, few, tmp_path):
    network.export(tmp_path / "a.onnx", unknown=True)
    model = load(tmp_path / "a.onnx")
    found = [each.distance for each in model.predict(few.images[500:], unknown=True)]
    vectors = network.extract_feature(few.images[500:])
    np.testing.assert_allclose(found, References(model.card.unknown).distances(vectors), atol=1e-4)


def test_same_data_same_bytes(network, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        network.export(tmp_path / name, unknown=True)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_file_without_it_has_no_such_part(network, tmp_path):
    assert network.export(tmp_path / "a.onnx").unknown is None
    assert load(tmp_path / "a.onnx").card.unknown is None


@pytest.mark.parametrize("given", ["arrays", "file"])
def test_a_checkpoint_takes_samples(network, few, tmp_path, given):
    np.save(tmp_path / "train.npy", few.images[:200])
    other = untrained()
    report = other.export(
        tmp_path / "a.onnx",
        checkpoint=checkpoint_of(network),
        unknown=True,
        calibration=few.images[:200] if given == "arrays" else str(tmp_path / "train.npy"),
    )
    assert (report.unknown.held_out, sum(report.unknown.counts)) == (0, 200)
    assert accepted(tmp_path / "a.onnx", few.images[500:]) > 0.8


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_smaller_numbers_keep_it(network, few, tmp_path, precision):
    network.export(tmp_path / "a.onnx", unknown=True)
    network.export(tmp_path / "b.onnx", unknown=True, precision=precision, max_drop=5)
    quantize(tmp_path / "a.onnx", few.images[:300], tmp_path / "c.onnx", precision=precision, max_drop=5)
    before = accepted(tmp_path / "a.onnx", few.images[500:])
    for name in ("b.onnx", "c.onnx"):
        spec = load(tmp_path / name).card.unknown
        assert spec.threshold >= load(tmp_path / "a.onnx").card.unknown.threshold
        assert abs(accepted(tmp_path / name, few.images[500:]) - before) <= 0.05


@pytest.mark.parametrize("options", [{"fixed_shapes": True}, {"opset_version": 11}, {"preprocess": "graph"}])
def test_other_options_keep_it(class_folders, tmp_path, options):
    network = untrained()
    transform = {"Resize": 12, "CenterCrop": 8}
    network.load_img_data(str(class_folders), batch_size=4, transform=transform, train_val_ratio=0.9)
    network.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    network.add("linear", size=(None, 8), activation="relu")
    network.add("linear", size=(8, 2), activation="softmax")
    shapes = {"fixed_shapes": {"height": 20, "width": 20}} if options == {"fixed_shapes": True} else options
    if "preprocess" in options:
        shapes = {"preprocess": "graph"}
    elif "fixed_shapes" in options:
        shapes = options
    network.export(tmp_path / "a.onnx")
    network.export(tmp_path / "b.onnx", unknown=True, **shapes)
    found = load(tmp_path / "b.onnx").predict(str(class_folders), unknown=True)
    vectors = load(tmp_path / "a.onnx").embed(str(class_folders))
    expected = References(load(tmp_path / "b.onnx").card.unknown).distances(vectors)
    np.testing.assert_allclose([each.distance for each in found], expected, atol=2e-3)


def test_a_folder_of_images_is_given(class_folders, tmp_path):
    network = untrained()
    network.load_img_data(str(class_folders), batch_size=4, transform={"Resize": (8, 8)})
    network.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    network.add("linear", size=(None, 8), activation="relu")
    network.add("linear", size=(8, 2), activation="softmax")
    one = network.export(tmp_path / "a.onnx", unknown=True, calibration=str(class_folders)).unknown
    other = network.export(tmp_path / "b.onnx", unknown=True).unknown
    assert sum(one.counts) == sum(other.counts) == 16
    assert one.threshold == pytest.approx(other.threshold, abs=0.05)


def bad(kind, few):
    """Return a network and options of its export that are refused."""
    network = untrained("reg" if kind == "values" else "cls")
    count = 4 if kind == "few" else 60
    values = few.labels[:count].astype("f4") if kind == "values" else few.labels[:count]
    network.load_dataset(few.images[:count], values)
    if kind != "head":
        network.add("linear", size=(SIZE * SIZE, 8), activation="relu")
    network.add("linear", size=(None, 1 if kind == "values" else 10))
    network.add("softmax") if kind != "values" else None
    given = {"shape": np.zeros((9, 3), np.float32), "missing": "nothing.npy"}.get(kind)
    return network, {} if given is None else {"calibration": given}


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("values", ExportError, "a network that classifies"),
        ("head", ExportError, "without a feature vector"),
        ("few", DataError, "at least 5 samples"),
        ("shape", OnnxnnError, "expected"),
        ("missing", OnnxnnError, "nothing.npy"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(few, tmp_path, language, kind, error, said):
    network, options = bad(kind, few)
    with pytest.raises(error) as found:
        network.export(tmp_path / "a.onnx", unknown=True, **options)
    assert language == "zh" or said in str(found.value)
    assert is_in(language, str(found.value))
    assert list(tmp_path.iterdir()) == []


def test_without_data_it_says_what_to_give(network, tmp_path, language):
    other = untrained()
    other.load(checkpoint_of(network))
    with pytest.raises(DataError, match="calibration=") as found:
        other.export(tmp_path / "a.onnx", unknown=True)
    assert is_in(language, str(found.value))
    assert list(tmp_path.iterdir()) == []


def test_samples_without_a_use_are_refused(network, few, tmp_path):
    with pytest.raises(ExportError, match="calibration"):
        network.export(tmp_path / "a.onnx", calibration=few.images)


def test_the_threshold_of_a_quantised_file_grows_with_its_rounding(network, few, tmp_path):
    """The squares of both distances add up, whatever the samples that measure."""
    network.export(tmp_path / "a.onnx", unknown=True)
    quantize(tmp_path / "a.onnx", few.images[:300], tmp_path / "b.onnx", max_drop=5)
    before, after = (load(tmp_path / name) for name in ("a.onnx", "b.onnx"))
    shift = before.embed(few.images, normalize=True) - after.embed(few.images, normalize=True)
    error = (shift**2).sum(axis=1).mean()
    expected = np.sqrt(before.card.unknown.threshold**2 + error)
    assert after.card.unknown.threshold == pytest.approx(expected, abs=0.01)


def test_fit_is_what_export_uses(network, tmp_path):
    spec = network.export(tmp_path / "a.onnx", unknown=True).unknown
    train = network._state.data.train
    x, y = (np.concatenate(each) for each in zip(*((x.numpy(), y.numpy()) for x, y in train), strict=True))
    held_out = np.concatenate([x.numpy() for x, _ in network._state.data.validation])
    vectors = [network.extract_feature(each) for each in (x, held_out)]
    assert fit(vectors[0], y, vectors[1]).threshold == pytest.approx(spec.threshold, abs=1e-5)
