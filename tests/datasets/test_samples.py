"""The digits that ship with onnxnn."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime import OutputError
from PIL import Image

from onnxnn.datasets import digits, moved, split, write_class_folders


def test_digits_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs = datasets.load_digits()
    ours = digits(size=8)
    np.testing.assert_array_equal(ours.labels, theirs.target)
    np.testing.assert_array_equal(ours.images, np.rint(theirs.images * 255 / 16).astype(np.uint8))


def test_digits_come_in_any_size():
    images, labels = digits(size=28)
    assert images.shape == (1797, 28, 28)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert np.bincount(labels).min() > 170


def test_split_holds_out_the_same_share_of_each_digit():
    data = digits(size=8)
    training, held_out = split(data, held_out=0.2)
    assert len(training.labels) + len(held_out.labels) == 1797
    share = np.bincount(held_out.labels) / np.bincount(data.labels)
    np.testing.assert_allclose(share, 0.2, atol=0.01)
    again = split(data, held_out=0.2)
    np.testing.assert_array_equal(again[1].images, held_out.images)


def test_moved_digits_stay_in_the_image_and_are_repeatable():
    data = digits(size=28)
    there = moved(data)
    assert there.images.shape == data.images.shape
    assert not np.array_equal(there.images, data.images)
    np.testing.assert_array_equal(there.images, moved(data).images)
    ink = there.images.sum(dtype=np.int64) / data.images.sum(dtype=np.int64)
    assert 0.9 < ink <= 1.01


def test_moving_by_nothing_changes_nothing():
    data = digits(size=28)
    still = moved(data, pixels=0, degrees=0)
    assert np.abs(still.images.astype(int) - data.images.astype(int)).max() <= 1


def test_class_folders_hold_the_images(tmp_path):
    data = digits(size=8)
    few = type(data)(data.images[:30], data.labels[:30])
    write_class_folders(few, tmp_path)
    files = sorted(tmp_path.glob("*/*.png"))
    assert len(files) == 30
    with Image.open(tmp_path / str(few.labels[7]) / "0007.png") as image:
        np.testing.assert_array_equal(np.asarray(image), few.images[7])


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot write"):
        write_class_folders(digits(size=8), tmp_path / "file")
