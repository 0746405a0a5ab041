"""Networks that begin with published weights: images are prepared as those weights want them."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from PIL import Image

from onnxnn import nn
from onnxnn.models.efficientnet_lite import EfficientNetLite0

pytestmark = pytest.mark.needs_torch

STEPS = (("resize_short_bicubic", 224), ("center_crop", 224, 224))
LAYER = "efficientnet_lite0"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "lite0.pth"
    torch.save(EfficientNetLite0(7).state_dict(), path)
    return path


@pytest.fixture
def photographs(tmp_path):
    """Class folders with images of several sizes."""
    random = np.random.default_rng(0)
    for number, size in enumerate([(40, 60), (50, 30), (64, 64), (33, 90)]):
        folder = tmp_path / "pets" / ("cat" if number < 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "pets"


def encoder(weights, **options):
    model = nn("embed", verbose=0)
    model.add(LAYER, weights=weights, **options)
    return model


def test_an_encoder_in_three_lines_embeds_files(tmp_path, weights, photographs):
    model = encoder(weights)
    model.export(tmp_path / "encoder.onnx")
    loaded = rt.load(tmp_path / "encoder.onnx")
    assert loaded.card.input.kind == "image"
    assert loaded.card.input.preprocess.steps == STEPS
    file = photographs / "cat" / "0.png"
    vectors = loaded.embed([file])
    prepared = torch.from_numpy(rt.Preprocess("RGB", STEPS)(file))[None]
    net = EfficientNetLite0().eval()
    net.load_state_dict({k: v for k, v in torch.load(weights, weights_only=True).items() if "class" not in k})
    with torch.inference_mode():
        expected = net((255 * prepared - 127) / 128).numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-4)
    np.testing.assert_allclose(model.extract_feature(str(file)), vectors, atol=1e-4)


def test_preprocessing_in_the_graph_gives_the_same(tmp_path, weights, photographs):
    model = encoder(weights)
    for where in ("runtime", "graph"):
        model.export(tmp_path / f"{where}.onnx", preprocess=where)
    found = [rt.load(tmp_path / f"{where}.onnx").embed([photographs / "dog" / "3.png"])
             for where in ("runtime", "graph")]  # fmt: skip
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_a_classifier_keeps_its_features(tmp_path, weights, photographs):
    model = nn("cls", verbose=0)
    model.add(LAYER, weights=weights, num_classes=7, activation="softmax")
    model.export(tmp_path / "classifier.onnx")
    loaded, file = rt.load(tmp_path / "classifier.onnx"), photographs / "cat" / "1.png"
    assert sum(score for _, score in loaded.predict(file, k=7)[0].top) == pytest.approx(1, abs=1e-4)
    assert loaded.embed([file]).shape == (1, 1280)


def test_a_checkpoint_knows_the_preparation_without_the_weights_file(tmp_path, weights, photographs):
    encoder(weights, trainable=False).save(tmp_path / "encoder.pth")
    loaded = nn("embed", verbose=0)
    loaded.load(tmp_path / "encoder.pth")
    card = loaded.card()
    assert card.input.preprocess.steps == STEPS
    assert card.network[0]["options"] == {"trainable": False, "normalize": True}
    file = str(photographs / "cat" / "0.png")
    assert np.array_equal(loaded.extract_feature(file), encoder(weights).extract_feature(file))


@pytest.mark.parametrize("order", ["data first", "layer first"])
def test_images_of_any_size_are_prepared_for_the_weights(weights, photographs, order, capsys):
    model = nn("cls")
    steps = [lambda: model.load_img_data(photographs), lambda: model.add(LAYER, weights=weights)]
    for step in steps if order == "data first" else steps[::-1]:
        step()
    model.add("linear", size=(1280, 2), activation="softmax")
    assert model.card().input.preprocess.steps == STEPS
    assert model.card().classes == ("cat", "dog")
    line = "prepared as the weights of efficientnet_lite0 want them: resize_short_bicubic 224, center_crop"
    assert line in capsys.readouterr().out


def test_a_transform_of_the_users_own_stays(weights, photographs):
    model = nn("cls", verbose=0)
    model.load_img_data(photographs, transform={"Resize": (40, 40), "RandomHorizontalFlip": 0.5})
    model.add(LAYER, weights=weights)
    assert model.card().input.preprocess.steps == (("resize", 40, 40),)


def test_random_changes_alone_stay_beside_the_preparation(weights, photographs):
    model = nn("cls", verbose=0)
    model.load_img_data(photographs, transform={"RandomHorizontalFlip": 1.0})
    model.add(LAYER, weights=weights)
    assert model.card().input.preprocess.steps == STEPS
    image = Image.new("RGB", (224, 224))
    image.putpixel((0, 0), (255, 0, 0))
    image.save(photographs / "cat" / "0.png")
    model.load_img_data(photographs, transform={"RandomHorizontalFlip": 1.0}, batch_size=4)
    ((x, _),) = model._data.train
    assert sum(bool(each[0, 0, 223] == 1) for each in x) >= 1


def test_standardising_twice_is_warned_of(weights, photographs):
    model = nn("cls", verbose=0)
    model.load_img_data(photographs, transform={"Resize": (32, 32), "Normalize": ((0.5,) * 3, (0.5,) * 3)})
    with pytest.warns(UserWarning, match="once more by the data's Normalize"):
        model.add(LAYER, weights=weights)
    model.add("linear", size=(1280, 2))  # says nothing again


def test_without_weights_nothing_is_assumed():
    model = nn("embed", verbose=0)
    model.add(LAYER)
    assert model.card().input.preprocess is None


def test_arrays_of_samples_are_left_alone(weights):
    model = nn("cls", verbose=0)
    model.load_dataset(np.random.default_rng(0).random((4, 3, 32, 32), dtype=np.float32), [0, 1, 0, 1])
    model.add(LAYER, weights=weights)
    assert model._data.sample.sizes == (3, 32, 32)
