"""Labels of a class-conditional diffusion model that is asked for none: as frequent as in training."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image

from onnxnn import nn
from onnxnn.checkpoint import checkpoint

SMALL = {"img_size": 8, "timestep": 20, "dim": 8, "dim_mults": (1, 2), "attention": False}
LABELS = np.array([0] * 9 + [1] * 3 + [2])


def images(count):
    return np.random.RandomState(0).randint(0, 256, (count, 8, 8), dtype=np.uint8)


def of_arrays(model, folder):
    model.load_dataset(images(13), LABELS, classes=["many", "some", "one"], batch_size=8, train_val_ratio=1.0)


def of_folders(model, folder):
    for number, (image, label) in enumerate(zip(images(13), LABELS, strict=True)):
        path = folder / "data" / ["many", "some", "tiny"][label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    model.load_img_data(str(folder / "data"), color="grayscale", batch_size=8, train_val_ratio=1.0)


def network(folder, load):
    model = nn(save_fold=str(folder / "ckpt"), verbose=0)
    model.set_seed(0)
    load(model, folder)
    model.add("diffusion_model", classes=True, **SMALL)
    return model


@pytest.mark.parametrize("load", [of_arrays, of_folders])
def test_torch_and_file_draw_labels_as_frequent_as_in_training(load, tmp_path):
    model = network(tmp_path, load)
    model.train(epochs=1)
    assert checkpoint.load(tmp_path / "ckpt" / "basenn.pth").card.diffusion.class_counts == (9, 3, 1)
    model.export(str(tmp_path / "m.onnx"))
    opened = rt.load(tmp_path / "m.onnx", device="cpu")
    assert opened.card.diffusion.class_counts == (9, 3, 1)
    for options in ({}, {"label": "none"}, {"guidance": 2.0}, {"label": "some"}):
        found = opened.sample(6, steps=2, seed=4, **options)
        np.testing.assert_allclose(
            found, model.sample(6, steps=2, seed=4, device="cpu", **options), atol=1e-4
        )

    again = nn(verbose=0)
    again.load(str(tmp_path / "ckpt" / "basenn.pth"))
    np.testing.assert_allclose(
        again.sample(6, steps=2, seed=4, device="cpu"), opened.sample(6, steps=2, seed=4), atol=1e-4
    )
    again.export(str(tmp_path / "again.onnx"))
    assert rt.load(tmp_path / "again.onnx").card.diffusion.class_counts == (9, 3, 1)


def test_a_file_with_the_loop_samples_them_too(tmp_path):
    model = network(tmp_path, of_arrays)
    model.train(epochs=1)
    model.export(str(tmp_path / "m.onnx"))
    model.export(str(tmp_path / "loop.onnx"), sampler="ddim", steps=3)
    found = rt.load(tmp_path / "loop.onnx", device="cpu").sample(6, seed=4)
    expected = rt.load(tmp_path / "m.onnx", device="cpu").sample(6, steps=3, sampler="ddim", seed=4)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("load", [of_arrays, of_folders])
def test_without_a_label_no_image_is_of_the_empty_label(load, tmp_path):
    model = network(tmp_path, load)
    model.train(epochs=1)
    drawn = []
    handle = model.model[0].register_forward_pre_hook(lambda _, inputs: drawn.extend(inputs[2].tolist()))
    found = model.sample(260, steps=1, seed=4, device="cpu")
    handle.remove()
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(shares, [9 / 13, 3 / 13, 1 / 13, 0], atol=0.06)

    model.export(str(tmp_path / "m.onnx"))
    model.export(str(tmp_path / "loop.onnx"), sampler="ddim", steps=1)
    np.testing.assert_allclose(model.sample(steps=1, seed=4, label=drawn, device="cpu"), found, atol=1e-6)
    opened = rt.load(tmp_path / "m.onnx", device="cpu")
    np.testing.assert_allclose(opened.sample(260, steps=1, seed=4), found, atol=1e-4)
    whole = rt.load(tmp_path / "loop.onnx", device="cpu").sample(260, seed=4)
    np.testing.assert_allclose(whole, opened.sample(steps=1, seed=4, sampler="ddim", label=drawn), atol=1e-4)
