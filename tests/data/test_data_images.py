"""Data sets from class folders: what is read, and what is kept in memory."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import DataError
from PIL import Image
from support.class_folders import everything, files, random_image

from onnxnn import nn
from onnxnn.data import load_images
from onnxnn.data.options import ImageOptions
from onnxnn.graph.shape import Shape

RANDOM = {"Resize": 10, "RandomCrop": 8, "RandomHorizontalFlip": 0.5, "ColorJitter": (0.4, 0.4)}


def test_classes_are_sorted_folders(folders):
    data = load_images(folders, "cls", ImageOptions(batch_size=5))
    assert data.kind == "image"
    assert data.classes == ("bird", "dog", "猫")
    assert data.sample == Shape.image(3, 12, 12)
    assert data.preprocess == Preprocess("RGB")
    assert (data.validation, data.normalize, data.read) == (None, None, None)
    assert [x.shape[0] for x, _ in data.train] == [5, 5, 2]
    assert everything(data.train)[1].bincount().tolist() == [4, 3, 5]


@pytest.mark.parametrize("batch_mode", [False, True])
@pytest.mark.parametrize("first", ["data", "checkpoint", "layers"])
def test_classes_in_another_order_take_the_numbers_of_a_checkpoint(folders, tmp_path, batch_mode, first):
    def network(classes=None):
        model = nn("cls", verbose=0)
        batches = model.load_img_data(folders, classes=classes, batch_mode=batch_mode, shuffle=False)
        return model, batches

    def with_layers(model):
        model.add("flatten")
        model.add("linear", size=3, activation="softmax")

    model, batches = network()
    with_layers(model)
    model.save(tmp_path / "basenn.pth")
    other = ["猫", "dog", "bird"]
    if first == "checkpoint":
        again = nn("cls", verbose=0)
        again.load(tmp_path / "basenn.pth")
        found = again.load_img_data(folders, classes=other, batch_mode=batch_mode, shuffle=False)
    else:
        again, found = network(other)
        if first == "layers":
            with_layers(again)
        again.load(tmp_path / "basenn.pth")
    assert again.card().output.classes == model.card().output.classes == ("bird", "dog", "猫")
    assert sorted(everything(found)[1].tolist()) == sorted(everything(batches)[1].tolist())
    assert again.evaluate(found) == pytest.approx(model.evaluate(batches))


def test_some_classes_of_a_checkpoint_and_others(folders, tmp_path):
    model = nn("cls", verbose=0)
    model.load_img_data(folders)
    model.add("linear", size=(3 * 12 * 12, 3), activation="softmax")
    model.save(tmp_path / "basenn.pth")
    (folders / "dog").rename(folders / "fox")
    other = nn("cls", verbose=0)
    other.load(tmp_path / "basenn.pth")
    with pytest.raises(
        DataError, match=r"the data: expected classes of the network \(bird, dog, 猫\), got 'fox'"
    ):
        other.load_img_data(folders)


@pytest.mark.parametrize("path", [str, os.fspath, lambda path: path])
def test_path_forms(folders, path):
    assert load_images(path(folders), "cls").train.num_samples == 12


# ---- the same bits for training and serving -----------------------------------------------------


@pytest.mark.parametrize("color", ["RGB", "grayscale"])
@pytest.mark.parametrize("batch_mode", [False, True], ids=["cached", "lazy"])
@pytest.mark.parametrize(
    "transform",
    [None, {"Resize": (9, 7)}, {"Resize": 8, "CenterCrop": (6, 10), "Pad": (1, 2), "Grayscale": 3}],
    ids=["as it is", "resized", "many steps"],
)
def test_training_reads_the_bits_that_serving_reads(folders, color, batch_mode, transform):
    data = load_images(
        folders, "cls", ImageOptions(shuffle=False, color=color, transform=transform, batch_mode=batch_mode)
    )
    served = np.stack([data.preprocess(file) for file in files(folders)])
    x, _ = everything(data.train)
    assert x.dtype == torch.float32
    assert x.is_contiguous()
    assert x.numpy().tobytes() == served.tobytes()


def save_exif(path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    random_image(size=(8, 12)).save(path, exif=exif)


def save_transparent(path):
    image = random_image().convert("RGBA")
    image.putalpha(random_image(1, channels=1))
    image.save(path)


def save_animation(path):
    frames = [random_image(seed).convert("P") for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


FORMATS = {
    "exif.jpg": save_exif,
    "palette.png": lambda path: random_image().convert("P").save(path),
    "sixteen.png": lambda path: Image.fromarray(np.arange(144, dtype=np.uint16).reshape(12, 12) * 455).save(
        path
    ),
    "cmyk.jpg": lambda path: random_image().convert("CMYK").save(path),
    "alpha.png": save_transparent,
    "animated.gif": save_animation,
    "bits.bmp": lambda path: random_image().convert("1").save(path),
    "grey and alpha.png": lambda path: random_image().convert("LA").save(path),
    "中文 名.webp": lambda path: random_image().save(path, lossless=True),
    "UPPER.TIFF": lambda path: random_image().save(path),
}


@pytest.mark.parametrize("color", ["RGB", "grayscale"])
@pytest.mark.parametrize("name", FORMATS)
def test_formats(tmp_path, name, color):
    for number, folder in enumerate(["一", "二"]):
        (tmp_path / folder).mkdir()
        FORMATS[name](tmp_path / folder / name)
        random_image(number, (12, 8) if "exif" in name else (12, 12)).save(tmp_path / folder / "z.png")
    data = load_images(tmp_path, "cls", ImageOptions(shuffle=False, color=color))
    x, _ = everything(data.train)
    order = [tmp_path / folder / file for folder in ("一", "二") for file in sorted([name, "z.png"])]
    assert x.numpy().tobytes() == np.stack([data.preprocess(file) for file in order]).tobytes()
    assert data.sample == Shape.image(*x.shape[1:])
    assert 0 <= x.min() < x.max() <= 1


# ---- augmentation ---------------------------------------------------------------------------


def test_augmentation_changes_training_images_only(folders):
    data = load_images(folders, "cls", ImageOptions(transform=RANDOM, train_val_ratio=0.5, shuffle=False))
    assert data.preprocess.steps == (("resize_short", 10), ("center_crop", 8, 8))
    assert not torch.equal(everything(data.train)[0], everything(data.train)[0])
    assert torch.equal(everything(data.validation)[0], everything(data.validation)[0])
    served = {data.preprocess(file).tobytes() for file in files(folders)}
    assert {x.numpy().tobytes() for x in everything(data.validation)[0]} <= served
    assert data.train.tensors() is None


def test_seed_repeats_augmentation_whoever_reads(folders):
    results = []
    for options in ({}, {"batch_mode": True}, {"num_workers": 3}, {"num_workers": 1, "cache_mb": 0}):
        data = load_images(folders, "cls", ImageOptions(batch_size=5, transform=RANDOM, **options))
        torch.manual_seed(3)
        results.append(everything(data.train))
    for x, y in results[1:]:
        assert torch.equal(x, results[0][0])
        assert torch.equal(y, results[0][1])


def test_random_crops_of_images_of_different_sizes(tmp_path):
    for folder, size in (("a", (30, 20)), ("b", (20, 40))):
        (tmp_path / folder).mkdir()
        random_image(size=size).save(tmp_path / folder / "1.png")
    data = load_images(tmp_path, "cls", ImageOptions(transform={"RandomResizedCrop": 8}))
    assert everything(data.train)[0].shape == (2, 3, 8, 8)


# ---- memory ---------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [None, {"RandomHorizontalFlip": 0.5}])
def test_images_that_fit_the_budget_are_read_once(folders, transform):
    budget = 12 * 12 * 12 * 3 / 1e6
    kept = load_images(folders, "cls", ImageOptions(transform=transform, cache_mb=budget))
    lazy = load_images(folders, "cls", ImageOptions(transform=transform, cache_mb=budget * 0.99))
    for file in files(folders):
        file.unlink()
    assert len(everything(kept.train)[1]) == 12
    with pytest.raises(DataError, match="no such file"):
        everything(lazy.train)


def test_a_half_read_epoch_ends_its_threads(folders):
    import threading

    data = load_images(folders, "cls", ImageOptions(batch_size=2, batch_mode=True))
    before = threading.active_count()
    batches = iter(data.train)
    next(batches)
    batches.close()
    assert threading.active_count() == before


# ---- functions of the user ------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda image: image.rotate(180),
        lambda image: np.asarray(image)[::-1, ::-1],
        lambda image: torch.from_numpy(np.asarray(image)[::-1, ::-1].copy()).permute(2, 0, 1) / 255,
    ],
    ids=["PIL", "array", "tensor"],
)
def test_a_function_works_in_training_and_in_this_process(folders, function):
    with pytest.warns(UserWarning, match="no checkpoint or ONNX file can hold it"):
        data = load_images(
            folders, "cls", ImageOptions(transform=function, train_val_ratio=0.5, shuffle=False)
        )
    expected = {np.rot90(Preprocess()(file), 2, (1, 2)).tobytes() for file in files(folders)}
    for batches in (data.train, data.validation):
        assert {x.numpy().tobytes() for x in everything(batches)[0]} <= expected
    first = files(folders)[0]
    np.testing.assert_array_equal(data.read(first), np.rot90(data.preprocess(first), 2, (1, 2)))


# ---- the rest of a data set -----------------------------------------------------------------


def test_split_is_stratified(folders):
    data = load_images(folders, "cls", ImageOptions(train_val_ratio=0.6))
    assert everything(data.train)[1].bincount().tolist() == [2, 2, 3]
    assert everything(data.validation)[1].bincount().tolist() == [2, 1, 2]


def test_normalize_belongs_to_the_network(folders):
    data = load_images(folders, "cls", ImageOptions(transform={"Normalize": ([0.5] * 3, [0.2] * 3)}))
    assert data.normalize.kind == "normalize"
    assert everything(data.train)[0].min() >= 0


def test_example_is_an_image_before_preprocessing(folders):
    data = load_images(folders, "cls", ImageOptions(transform={"Resize": (8, 8)}))
    first = np.asarray(Image.open(files(folders)[0]))
    np.testing.assert_array_equal(data.example, first)
    random_image(size=(900, 600)).save(folders / "bird" / "0.png")
    assert load_images(folders, "cls", ImageOptions(transform={"Resize": (8, 8)})).example.shape == (
        256,
        171,
        3,
    )


@pytest.mark.parametrize(
    "classes", [["dog", "猫", "bird"], {"dog": 0, "猫": 1, "bird": 2}, {0: "dog", 1: "猫", 2: "bird"}]
)
def test_classes_in_every_form(folders, classes):
    data = load_images(folders, "cls", ImageOptions(classes=classes))
    assert data.classes == ("dog", "猫", "bird")
    assert everything(data.train)[1].bincount().tolist() == [3, 5, 4]


def test_other_names_are_titles(folders):
    with pytest.warns(UserWarning, match="titles: 'bird' is 'Vogel', 'dog' is 'Hund', '猫' is 'Katze'"):
        data = load_images(folders, "cls", ImageOptions(classes=["Vogel", "Hund", "Katze"]))
    assert data.classes == ("Vogel", "Hund", "Katze")


def test_stray_files(folders):
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini"):
        (folders / "dog" / name).write_bytes(b"x")
    (folders / ".ipynb_checkpoints").mkdir()
    (folders / "readme.txt").write_text("beside the class folders", encoding="utf-8")
    assert load_images(folders, "cls").train.num_samples == 12
    (folders / "dog" / "notes.txt").write_text("x", encoding="utf-8")
    (folders / "猫" / "more").mkdir()
    with pytest.warns(
        UserWarning, match=r"skipped: dog.notes\.txt \(is no image\); 猫.more \(is a folder\)\.$"
    ):
        assert load_images(folders, "cls").train.num_samples == 12


def test_one_class_is_enough_to_generate(folders):
    for name in ("猫", "bird"):
        for file in (folders / name).iterdir():
            file.unlink()
        (folders / name).rmdir()
    assert load_images(folders, "gen").classes == ("dog",)
    for task in ("cls", "embed"):
        assert "one class only (dog)" in str(load_images(folders, task).problem)
