"""Sheets of samples and of their denoising steps."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import InputError
from PIL import Image
from support.diffusion import denoiser

from onnxnn.inspection.sheet import arrange

# ---- showing ---------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    return denoiser(tmp_path)


def shades(num, steps=None):
    shape = (num, 1, 4, 4) if steps is None else (num, steps, 1, 4, 4)
    return np.broadcast_to(
        np.linspace(0, 1, num * (steps or 1)).reshape(*shape[: -3 or None], 1, 1, 1), shape
    )


def cells(path, rows, columns):
    """The mean grey of each image on a sheet."""
    with Image.open(path) as image:
        values = np.asarray(image.convert("L"), float) / 255
    height, width = values.shape[0] / rows, values.shape[1] / columns
    return np.array(
        [
            [values[int((r + 0.5) * height), int((c + 0.5) * width)] for c in range(columns)]
            for r in range(rows)
        ]
    )


def test_show_writes_a_grid(model, tmp_path, capsys):
    model.verbose = 1
    path = model.show(shades(6), size=(2, 3), path=str(tmp_path / "grid.png"))
    model.verbose = 0
    assert str(path) in capsys.readouterr().out
    np.testing.assert_allclose(cells(path, 2, 3).ravel(), np.linspace(0, 1, 6), atol=0.01)
    last = model.show(shades(4, 3), path=str(tmp_path / "last.png"))
    np.testing.assert_allclose(cells(last, 2, 2).ravel(), np.linspace(0, 1, 12)[2::3], atol=0.01)


def test_show_steps_from_noise_to_the_end(model, tmp_path):
    path = model.show(shades(3, 9), size=(2, 3), visual_timesteps=True, path=str(tmp_path / "steps.png"))
    values = np.linspace(0, 1, 27).reshape(3, 9)
    np.testing.assert_allclose(cells(path, 2, 3), values[:2, [0, 4, 8]], atol=0.01)


@pytest.mark.parametrize(("columns", "expected"), [(3, [0, 4, 8]), (1, [8])])
def test_the_step_stands_below_each_image(columns, expected):
    images, captions = arrange(shades(3, 9), (2, columns), every=True)
    assert len(images) == len(captions) == 2 * columns
    assert captions == [f"step {step} of 8" for step in expected] * 2
    assert arrange(shades(4), (2, 2), every=False)[1] == []


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (shades(3), {"size": (2, 2)}, "expected 4 images, got 3"),
        (shades(4), {"visual_timesteps": True}, "expected images with their steps"),
        (
            shades(2, 3),
            {"size": (3, 2), "visual_timesteps": True},
            "at most 2 rows of images and 3 columns of steps",
        ),
        (np.zeros((4, 4)), {}, r"shape \(4, 4\)"),
        (shades(4), {"size": (0, 2)}, r"size=\(0, 2\)"),
        (shades(4), {"size": 4}, r"\(rows, columns\) .* and size=4"),
        ("x", {}, r"show\(str\)"),
        ([[1], [1, 2]], {}, r"show\(list\)"),
        ({"a": 1}, {}, r"show\(dict\)"),
    ],
)
def test_show_refuses(model, images, options, message):
    with pytest.raises(InputError, match=message):
        model.show(images, **options)
