"""What diffusion models learn from: class folders, arrays, colors."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError, InputError
from PIL import Image
from support.diffusion import SMALL, bars, denoiser

from onnxnn import nn


@pytest.fixture
def folders(tmp_path):
    """Class folders of images in different sizes."""

    def write(sizes=((8, 8),), classes=("only",)):
        root = tmp_path / "images"
        for name in classes:
            (root / name).mkdir(parents=True)
            for number in range(6):
                size = sizes[number % len(sizes)]
                pixels = np.full((*size, 3), 40 * number, np.uint8)
                Image.fromarray(pixels).save(root / name / f"{number}.png")
        return root

    return write


# ---- data ------------------------------------------------------------------------------------------


def load(root, **options):
    model = nn(save_fold=str(root.parent / "ckpt"), verbose=0)
    model.load_img_data(root, batch_size=3, **options)
    return model


@pytest.mark.parametrize("sizes", [((8, 8),), ((12, 10),), ((8, 8), (20, 16), (9, 9))])
@pytest.mark.parametrize("first", ["data", "layer"])
def test_images_of_any_size_and_one_class(folders, sizes, first):
    root = folders(sizes)
    if first == "data":
        model = load(root, color="grayscale")
        model.add("diffusion_model", **SMALL)
    else:
        model = nn(save_fold=str(root.parent / "ckpt"), verbose=0)
        model.add("diffusion_model", **SMALL)
        model.load_img_data(root, batch_size=3, color="grayscale")
    assert model._data.train.tensors()[0].shape == (6, 1, 8, 8)
    assert len(model.train(epochs=1, metrics=[])) == 1
    card = model.card()
    assert card.input.preprocess.output_size() == (8, 8)
    assert model.sample(num=2, steps=2).shape == (2, 1, 8, 8)
    with Image.open(root / "only/3.png") as image:
        small = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR).convert("L"))
    shown = model.noisy(root / "only/3.png", timestep=1, num=1, show=False)[0]
    assert np.abs(shown[0] * 255 - small).mean() < 40


def test_batches_that_were_handed_out_change_with_the_data(folders):
    model = nn(verbose=0)
    train, validation = model.load_img_data(folders(((12, 10),)), batch_size=3, train_val_ratio=0.5)
    assert next(iter(train))[0].shape == (3, 3, 12, 10)
    model.add("diffusion_model", **SMALL)
    assert next(iter(train))[0].shape == (3, 3, 8, 8)
    assert next(iter(validation))[0].shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("sizes", "classes", "problem"),
    [
        (((8, 8),), ("only",), "one class only"),
        (((8, 8), (9, 9)), ("a", "b"), r"A batch needs one size\. Write transform=\{'Resize'"),
    ],
)
def test_what_only_diffusion_can_learn_from_is_reported_at_the_first_other_layer(
    folders, sizes, classes, problem
):
    root = folders(sizes, classes)
    model = load(root)
    with pytest.raises(DataError, match=problem):
        model.add("conv2d", size=(3, 4), kernel_size=3)
    after = nn(verbose=0)
    after.add("conv2d", size=(3, 4), kernel_size=3)
    with pytest.raises(DataError, match=problem):
        after.load_img_data(root)


def test_continuing_from_a_checkpoint_alone(folders):
    root = folders(((12, 10), (8, 8)), ("a", "b"))
    model = load(root, color="grayscale")
    model.add("diffusion_model", classes=True, **SMALL)
    model.train(epochs=1)
    path = root.parent / "ckpt/basenn.pth"
    later = load(root, color="grayscale")
    assert len(later.train(epochs=1, checkpoint=path)) == 2
    assert later.card().diffusion.classes == ("a", "b")
    assert later.sample(label="b", steps=2, seed=0).shape == (16, 1, 8, 8)
    assert np.isfinite(later.evaluate(root)["loss"])


def test_evaluate_reads_any_folders_without_classes(folders):
    root = folders(((8, 8),), ("x", "y"))
    model = load(root)
    model.add("diffusion_model", **SMALL)
    model.train(epochs=1)
    fresh = nn(verbose=0)
    fresh.load(root.parent / "ckpt/basenn.pth")
    assert fresh.evaluate(root)["loss"] == pytest.approx(model.evaluate(root)["loss"], rel=1e-6)


def test_ready_arrays_of_another_size(tmp_path):
    images, labels = bars(side=12)
    model = nn(verbose=0)
    model.load_dataset(images[:, None] / 255, labels)
    with pytest.raises(ValueError, match=r"images of 8 x 8, .*got 1 channel x 12 x 12 .*another img_size"):
        model.add("diffusion_model", **SMALL)


def test_arrays_of_bytes_are_brought_to_size_like_files(tmp_path, capsys):
    images, labels = bars(side=12)
    model = nn(save_fold=str(tmp_path))
    (samples, _), *_ = model.load_dataset(images, labels)
    assert samples.shape[1:] == (1, 12, 12)
    model.add("diffusion_model", **SMALL)
    assert "images are resized to 8 x 8" in capsys.readouterr().out
    model.train(epochs=1)
    files = [np.asarray(Image.fromarray(each).resize((8, 8), Image.Resampling.BILINEAR)) for each in images]
    assert model.evaluate((images, labels)) == pytest.approx(model.evaluate((np.stack(files), labels)))


@pytest.mark.parametrize(
    "x", [np.random.default_rng(0).normal(size=(6, 1, 8, 8)), np.random.default_rng(0).random((6, 2, 8, 8))]
)
def test_arrays_that_are_no_images(tmp_path, x):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, [0, 1] * 3)
    model.add("diffusion_model", **SMALL)
    with pytest.raises(DataError, match=r"kind 'array'.*float32 \(N, C, H, W\) in 0\.\.1"):
        model.train(epochs=1)


def test_ready_arrays(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.random.default_rng(0).random((6, 3, 8, 8)), [0, 1] * 3)
    model.add("diffusion_model", **SMALL)
    model.train(epochs=1)
    assert model.inference(num=3, steps=2).shape == (3, 3, 8, 8)


def test_color_is_rgb_by_default(tmp_path):
    model = nn(verbose=0)
    model.add("diffusion_model", **SMALL)
    assert model.sample(num=1, steps=1).shape == (1, 3, 8, 8)
    model.color = "grayscale"
    assert model.sample(num=1, steps=1).shape == (1, 1, 8, 8)
    grey = nn(verbose=0)
    grey.color = "grayscale"
    grey.add("diffusion_model", **SMALL)
    assert grey.model[0].image_shape == (1, 8, 8)


def test_a_color_that_does_not_fit(tmp_path):
    model = denoiser(tmp_path)
    with pytest.raises(InputError, match="expected images of 1 channel"):
        model.color = "RGB"
    with pytest.raises(InputError, match=r"color='gray': unknown color. Did you mean 'grayscale'"):
        nn().color = "gray"


def test_other_classes_than_the_network_was_made_for(tmp_path):
    denoiser(tmp_path, classes=True).train(epochs=1)
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(bars()[0], np.arange(24) % 3, batch_size=8)
    model.add("diffusion_model", classes=2, **SMALL)
    with pytest.raises(
        DataError, match="expected data with 2 classes, for which the network was made, got 3"
    ):
        model.train(epochs=1)
