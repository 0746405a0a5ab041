"""Class folders that are refused, and what the messages advise."""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError, MissingDataError
from PIL import Image
from support.class_folders import everything, files, random_image

from onnxnn.data import load_images
from onnxnn.data.options import ImageOptions


def test_a_function_that_returns_no_image(folders):
    with pytest.raises(
        DataError, match=r"expected the function to return an image.*values in 0.*'Normalize'"
    ):
        load_images(folders, "cls", ImageOptions(transform=lambda image: np.asarray(image) / 50.0))
    with pytest.raises(DataError, match="got NoneType"):
        load_images(folders, "cls", ImageOptions(transform=lambda image: None))


def test_a_function_that_fails(folders):
    with pytest.raises(
        DataError, match=r"the function failed on an image of \d+ x \d+ pixels \(ZeroDivisionError: "
    ):
        load_images(folders, "cls", ImageOptions(transform=lambda image: image.size[0] / 0))


# ---- what is refused --------------------------------------------------------------------------


def test_missing_and_empty_folders(tmp_path, folders):
    with pytest.raises(MissingDataError, match="no such folder"):
        load_images(tmp_path / "nowhere", "cls")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: expected class folders, got none; it is empty"):
        load_images(tmp_path / "empty", "cls")
    (folders / "wolf").mkdir()
    with pytest.raises(DataError, match=r"wolf: expected images .* in the class folder, got none"):
        load_images(folders, "cls")
    (folders / "wolf" / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"wolf: expected images .* in the class folder, got none"):
        load_images(folders, "cls")
    with pytest.raises(DataError, match=r"expected a folder .*, got a file"):
        load_images(files(folders)[0], "cls")


def test_wrong_level(folders):
    with pytest.raises(
        DataError, match="expected one folder of images for each class, got images without one"
    ):
        load_images(folders / "dog", "cls")
    with pytest.raises(DataError, match=r"expected images, got folders\. Is .*数据 集 the folder to load"):
        load_images(folders.parent, "cls")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["bird", "dog"], "expected 3 names for the folders of .*, got 2; '猫' is missing among them"),
        (["bird", "dog", "cow"], r"got 'cow'\. Its folders: 'bird', 'dog', '猫'"),
        (["bird", "dog", "猫", "cow"], "expected names of folders of .*, got 'cow'"),
        (["a", "b"], "expected names of folders of .*, got 'a', 'b'"),
    ],
)
def test_classes_that_do_not_fit(folders, classes, message):
    with pytest.raises(DataError, match=message):
        load_images(folders, "cls", ImageOptions(classes=classes))


@pytest.mark.parametrize("batch_mode", [False, True])
def test_broken_images_are_named(folders, batch_mode):
    broken = [folders / "dog" / "图 1.png", folders / "猫" / "图 0.png"]
    broken[0].write_bytes(broken[0].read_bytes()[:60])
    broken[1].write_bytes(b"no image")
    with pytest.raises(DataError, match=r"dog.图 1\.png: cannot be read") as caught:
        everything(load_images(folders, "cls", ImageOptions(shuffle=False, batch_mode=batch_mode)).train)
    assert batch_mode or "图 0.png" in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "advice"),
    [
        (
            ((4000, 3000), (3000, 4000)),
            r"height 3000 and width 4000.*'Resize': \(224, 224\)}, .*\(64, 64\) is",
        ),
        (((300, 200), (200, 200)), r"'Resize': \(224, 224\)"),
        (((28, 28), (32, 32)), r"'Resize': \(64, 64\)}, which is \(height, width\)"),
    ],
)
def test_the_size_that_is_advised_suits_a_network(tmp_path, sizes, advice):
    for name, size in zip("ab", sizes, strict=True):
        (tmp_path / name).mkdir()
        Image.new("L", size).save(tmp_path / name / "0.png")
    assert re.search(advice, str(load_images(tmp_path, "cls").problem))


@pytest.mark.parametrize("batch_mode", [False, True])
@pytest.mark.parametrize("transform", [None, {"RandomHorizontalFlip": 0.5}])
def test_sizes_that_differ(folders, batch_mode, transform):
    random_image(size=(12, 13)).save(folders / "dog" / "图 1.png")
    with pytest.raises(
        DataError,
        match=r"dog.图 1\.png: .* height 12 and width 12.*bird.图 0\.png, got .* 13.*'Resize': \(64, 64\)",
    ):
        everything(
            load_images(folders, "cls", ImageOptions(transform=transform, batch_mode=batch_mode)).train
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "reg"}, "expected numbers to predict, got class folders"),
        ({"task": "classify"}, r"nn\('classify'\): expected one of"),
        ({"color": "BGR"}, "color='BGR'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"train_val_ratio": 0}, "train_val_ratio=0"),
        ({"num_workers": -1}, "num_workers=-1"),
        ({"num_workers": 10**9}, "num_workers=1000000000: expected an integer from 0 to 256"),
        ({"num_workers": 10**29}, "expected an integer from 0 to 256"),
        ({"transform": {"Resise": 8}}, "Did you mean 'Resize'"),
        ({"transform": {"RandomCrop": 20}}, "Write 'Resize' before it"),
    ],
)
def test_options_that_do_not_fit(folders, options, message):
    task = options.get("task", "cls")
    options = {name: value for name, value in options.items() if name != "task"}
    with pytest.raises(DataError, match=message):
        everything(load_images(folders, task, ImageOptions(**options)).train)
