"""Class folders with broken images, and what is shown while images are loaded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError
from PIL import Image

from onnxnn import nn
from onnxnn.console import progress
from onnxnn.data import load_images
from onnxnn.data.options import ImageOptions
from onnxnn.recipe import read_recipe


def jpeg(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def folders(tmp_path):
    """Two classes of six images each."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(6):
            (tmp_path / name / f"{i}.jpg").write_bytes(jpeg(i))
    return tmp_path


BROKEN = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:500]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello", encoding="utf-8"),
    "floats": lambda path: Image.new("F", (32, 32)).save(path, "TIFF"),
    "HEIC inside": lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(50)),
}


def everything(folders, options):
    return [list(part) for part in load_images(folders, "cls", ImageOptions(**options)).parts]


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("batch_mode", [False, True])
@pytest.mark.parametrize("transform", [None, {"RandomHorizontalFlip": 0.5}])
def test_broken_images_are_left_out(folders, how, number, batch_mode, transform):
    broken = folders / "cat" / f"{number}.jpg"
    BROKEN[how](broken)
    options = {"batch_mode": batch_mode, "transform": transform, "train_val_ratio": 0.8}
    with pytest.raises(DataError, match=r"errors='skip'") as raised:
        everything(folders, options)
    assert str(raised.value).count(str(broken)) == 1
    with pytest.warns(UserWarning, match=r"1 broken image is left out: .*cat.\d\.jpg: ") as caught:
        data = load_images(folders, "cls", ImageOptions(errors="skip", **options))
    assert str(caught[0].message).count(str(broken)) == 1
    assert sum(part.num_samples for part in data.parts) == 11
    assert sum(len(y) for part in data.parts for _, y in part) == 11


def test_all_broken_images_are_left_out(folders):
    for number in range(5):
        (folders / "cat" / f"{number}.jpg").write_bytes(b"x")
        (folders / "dog" / f"{number}.jpg").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"10 broken images are left out: .*; and 5 more"):
        batches = nn("cls", verbose=0).load_img_data(folders, errors="skip")
    assert batches.num_samples == 2


def test_a_class_without_a_whole_image(folders):
    for path in (folders / "cat").iterdir():
        path.write_bytes(b"x")
    with pytest.raises(DataError, match="none of the images of 'cat' can be read"):
        nn("cls", verbose=0).load_img_data(folders, errors="skip")


def test_without_broken_images_nothing_changes(folders):
    expected = load_images(folders, "cls", ImageOptions(shuffle=False))
    found = load_images(folders, "cls", ImageOptions(shuffle=False, errors="skip"))
    for (x, y), (other_x, other_y) in zip(expected.train, found.train, strict=True):
        assert (x == other_x).all()
        assert (y == other_y).all()


@pytest.mark.parametrize("errors", ["ignore", None, True])
def test_other_ways_are_refused(folders, errors):
    with pytest.raises(DataError, match=r"errors=.*expected 'raise' or 'skip'"):
        nn("cls", verbose=0).load_img_data(folders, errors=errors)


def test_a_recipe_may_leave_broken_images_out(folders, tmp_path):
    (folders / "cat" / "2.jpg").write_bytes(b"x")
    recipe = tmp_path / "r.yaml"
    text = "task: cls\ndata: {{images: ., {}train_val_ratio: 1}}\nlayers:\n  - linear: {{size: [3072, 2]}}\n"
    recipe.write_text(text.format("errors: skip, "), encoding="utf-8")
    with pytest.warns(UserWarning, match="1 broken image is left out"):
        assert read_recipe(recipe).build()._need_data().train.num_samples == 11
    recipe.write_text(text.format(""), encoding="utf-8")
    with pytest.raises(DataError, match="errors='skip'"):
        read_recipe(recipe).build()


# ---- progress ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verbose", "is_terminal", "delay", "shown"),
    [(1, True, -1.0, True), (0, True, -1.0, False), (1, False, -1.0, False), (1, True, 60.0, False)],
)
@pytest.mark.parametrize("transform", [None, {"RandomHorizontalFlip": 0.5}])
def test_a_bar_is_shown_while_it_takes_long(
    folders, capsys, monkeypatch, verbose, is_terminal, delay, shown, transform
):
    monkeypatch.setattr(progress, "is_terminal", lambda: is_terminal)
    monkeypatch.setattr(progress, "DELAY", delay)
    nn("cls", verbose=verbose).load_img_data(folders, transform=transform)
    out, err = capsys.readouterr()
    assert ("loading" in err and "/12" in err) is shown
    assert "loading" not in out


def test_a_class_of_one_image_is_pointed_out(folders, capsys):
    for number in range(1, 6):
        (folders / "dog" / f"{number}.jpg").unlink()
    nn("cls").load_img_data(folders)
    assert "class 'dog' has a single image: it is learned by heart" in capsys.readouterr().out
    nn("embed").load_img_data(folders)
    assert capsys.readouterr().out == ""
    for number in range(1, 6):
        (folders / "cat" / f"{number}.jpg").unlink()
    nn("cls").load_img_data(folders)
    assert "2 classes have a single image each ('cat', 'dog')" in capsys.readouterr().out
