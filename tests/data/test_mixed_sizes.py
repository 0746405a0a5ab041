"""Images of different sizes, refused when they are loaded, however they are read."""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError
from PIL import Image

from onnxnn import nn
from onnxnn.data import reading
from onnxnn.data.images import load_images
from onnxnn.data.options import ImageOptions

FLIP = {"RandomHorizontalFlip": 0.5}
MESSAGE = r"5\.png: .* height 40 and width 30, as of .*0\.png, got height 40 and width 44\. "


def write(folder, number, height, width, orientation=None):
    place = folder / "ab"[number % 2]
    place.mkdir(exist_ok=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    image = Image.fromarray(np.full((height, width, 3), 20 * number, np.uint8))
    image.save(place / f"{number}.png", exif=exif)


@pytest.fixture
def folder(tmp_path):
    """Seven images of one size, and one of another."""
    for number in range(8):
        write(tmp_path, number, 40, 44 if number == 5 else 30)
    return tmp_path


@pytest.mark.parametrize("batch_mode", [False, True])
@pytest.mark.parametrize("transform", [None, FLIP, {"RandomRotation": 5}])
def test_they_are_refused(folder, batch_mode, transform):
    found = load_images(folder, "cls", ImageOptions(batch_mode=batch_mode, transform=transform))
    assert re.search(MESSAGE + r".*transform=\{'Resize': \(64, 64\)\}", str(found.problem))
    model = nn("cls", verbose=0)
    model.load_img_data(folder, batch_mode=batch_mode, transform=transform)
    with pytest.raises(DataError, match=MESSAGE):
        model.add("conv2d", size=(3, 2), kernel_size=3)


@pytest.mark.parametrize(
    ("transform", "is_accepted"),
    [({"Resize": (8, 8)}, True), ({"CenterCrop": 16}, True), ({"Resize": 8}, False), ({"Pad": 2}, False)],
)
def test_a_transform_may_bring_them_to_one_size(folder, transform, is_accepted):
    found = load_images(folder, "cls", ImageOptions(batch_mode=True, transform=transform))
    if is_accepted:
        assert len(found.train) == 1
        assert found.problem is None
    else:
        assert "A batch needs one size" in str(found.problem)


def test_sizes_are_those_of_upright_images(tmp_path):
    for number in range(4):
        turned = number > 1
        write(tmp_path, number, *((30, 40) if turned else (40, 30)), orientation=6 if turned else None)
    assert load_images(tmp_path, "cls", ImageOptions(batch_mode=True)).train.num_samples == 4


def test_proportions_count_where_the_shorter_side_is_resized(tmp_path):
    for number in range(4):
        write(tmp_path, number, 10 * (number + 1), 20 * (number + 1))
    assert (
        load_images(tmp_path, "cls", ImageOptions(batch_mode=True, transform={"Resize": 8})).train.num_samples
        == 4
    )


def test_only_headers_are_read_where_all_are_of_one_size(folder, monkeypatch):
    (folder / "b" / "5.png").unlink()
    read = []
    decode = reading.decode
    monkeypatch.setattr(reading, "decode", lambda image, color: [read.append(image), decode(image, color)][1])
    load_images(folder, "cls", ImageOptions(batch_mode=True))
    assert set(read) == {folder / "a" / "0.png"}
