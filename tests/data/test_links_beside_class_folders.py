"""Links in and beside class folders: followed, and reported where they cannot be, by every call."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image
from support.posix import posix

from onnxnn import nn

pytestmark = posix


@pytest.fixture
def view(tmp_path):
    for name in ("store/a", "view/b"):
        (tmp_path / name).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full((4, 4, 3), 40 * number, np.uint8)).save(tmp_path / name / f"{number}.png")
    view = tmp_path / "view"
    os.symlink(tmp_path / "store/a", view / "a")
    return view


@pytest.mark.parametrize("target", [".", "..", "../.."], ids=["itself", "around it", "further out"])
def test_a_link_back_is_no_class(view, target):
    os.symlink(target, view / "loop")
    model = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match=r"skipped: loop \(this link leads back to a folder around it\)"):
        model.load_img_data(view)
    assert model._state.data.classes == ("a", "b")


def test_inference_says_what_it_leaves_out(view, tmp_path):
    model = nn("cls", verbose=0, save_fold=str(tmp_path / "ckpt"))
    model.load_img_data(view)
    model.add("linear", size=(48, 2), activation="softmax")
    model.train(epochs=1)
    assert model.inference(view).shape == (4, 2)
    os.symlink("nowhere.png", view / "b/dead.png")
    with pytest.warns(UserWarning, match=r"1 input was left out: .*dead\.png \(is a link to something"):
        assert model.inference(view).shape == (4, 2)
