"""Images as a grid and as an animation."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.outputs.grid import image_grid, write_gif, write_grid
from PIL import Image

BETWEEN = 128


def levels(num, channels=1, height=2, width=3):
    """Return images, each of one grey: 0, 1 / 255, 2 / 255, ..."""
    grey = np.arange(num, dtype=np.float32).reshape(num, 1, 1, 1) / 255
    return np.broadcast_to(grey, (num, channels, height, width))


@pytest.mark.parametrize(
    ("num", "columns", "shape"),
    [(1, None, (1, 1)), (4, None, (2, 2)), (5, None, (2, 3)), (16, 8, (2, 8)), (3, 9, (1, 3))],
)
def test_rows_and_columns(num, columns, shape):
    grid = np.asarray(image_grid(levels(num, height=112, width=112), columns))
    rows, wide = shape
    assert grid.shape == (rows * 114 - 2, wide * 114 - 2)
    for number in range(num):
        top, left = number // wide * 114, number % wide * 114
        assert (grid[top : top + 112, left : left + 112] == number).all()
    assert (np.delete(grid, [range(i * 114, i * 114 + 112) for i in range(rows)], 0) == BETWEEN).all()
    assert (grid[-112:, (num - 1) % wide * 114 + 112 :] == BETWEEN).all()


def test_small_images_are_enlarged_by_integer_factors():
    image = np.random.RandomState(0).random_sample((1, 1, 28, 20)).astype(np.float32)
    grid = np.asarray(image_grid(image))
    assert grid.shape == (112, 80)
    np.testing.assert_array_equal(grid[::4, ::4], np.rint(image[0, 0] * 255))
    np.testing.assert_array_equal(grid, grid[::4, ::4].repeat(4, 0).repeat(4, 1))
    assert image_grid(np.zeros((1000, 1, 28, 28), np.float32)).size == (32 * 30 - 2, 32 * 30 - 2)
    assert image_grid(np.zeros((1, 1, 300, 200), np.float32)).size == (200, 300)


def test_colours_and_numbers_beyond_the_range():
    image = np.zeros((1, 3, 112, 112))
    image[0, 0], image[0, 1], image[0, 2] = 1.5, 0.5, -3
    grid = image_grid(image)
    assert grid.mode == "RGB"
    assert grid.getpixel((5, 5)) == (255, 128, 0)


def test_files(tmp_path):
    for name in ("grid.png", "grid.bmp"):
        assert write_grid(levels(4), tmp_path / "new" / name, 2) == tmp_path / "new" / name
        with Image.open(str(tmp_path / "new" / name)) as found:
            np.testing.assert_array_equal(np.asarray(found), np.asarray(image_grid(levels(4), 2)))
    write_grid(levels(4, channels=3), tmp_path / "grid.JPG")
    with Image.open(str(tmp_path / "grid.JPG")) as found:
        assert found.format == "JPEG"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["grid.bmp", "grid.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_animation_goes_from_noise_to_images(tmp_path, channels):
    shares = np.linspace(0, 1, 4).reshape(1, 4, 1, 1, 1)
    timesteps = (levels(2, channels)[:, np.newaxis] * 100 * shares).astype(np.float32)
    write_gif(timesteps, tmp_path / "steps.gif")
    with Image.open(str(tmp_path / "steps.gif")) as found:
        assert found.n_frames == 4
        assert found.info["loop"] == 0
        times = []
        for step in range(4):
            found.seek(step)
            times.append(found.info["duration"])
            expected = np.asarray(image_grid(timesteps[:, step]).convert("RGB")).astype(int)
            # Of the second image: Pillow 8 reads pixels wrongly that stay as they are.
            assert abs(np.asarray(found.convert("RGB")) - expected)[:, 114:].max() <= 2
    assert times == [80, 80, 80, 2000]


def test_of_many_steps_some_are_shown(tmp_path):
    timesteps = np.random.RandomState(0).random_sample((1, 201, 1, 4, 4)).astype(np.float32)
    write_gif(timesteps, tmp_path / "steps.gif")
    with Image.open(str(tmp_path / "steps.gif")) as found:
        assert found.n_frames == 50
        found.seek(49)
        expected = np.asarray(image_grid(timesteps[:, -1])).astype(int)
        assert abs(np.asarray(found.convert("L")) - expected).max() <= 1


@pytest.mark.parametrize(
    ("images", "columns", "message"),
    [
        (
            np.zeros((2, 2, 4, 4)),
            None,
            r"images: expected float32 \(N, C, H, W\) .* got float64 \(2, 2, 4, 4\)",
        ),
        (np.zeros((1, 4, 4)), None, r"images: expected .*, got float64 \(1, 4, 4\)"),
        (np.zeros((0, 1, 4, 4)), None, "images:"),
        (np.zeros((1, 1, 4, 4), np.uint8), None, "images: expected .*, got uint8"),
        (np.full((1, 1, 4, 4), np.nan), None, "images: expected finite numbers"),
        (np.zeros((1, 1, 4, 4)), 0, "columns=0: expected an integer of at least 1"),
    ],
)
def test_images_that_do_not_fit(tmp_path, images, columns, message):
    with pytest.raises(rt.InputError, match=message):
        write_grid(images, tmp_path / "grid.png", columns)
    assert list(tmp_path.iterdir()) == []


def test_names_that_do_not_fit(tmp_path):
    with pytest.raises(rt.InputError, match=r"grid.txt: expected a name that ends in .png, .jpg"):
        write_grid(levels(1), tmp_path / "grid.txt")
    with pytest.raises(rt.InputError, match=r"steps.png: expected a name that ends in .gif, got .png"):
        write_gif(levels(2)[:, np.newaxis], tmp_path / "steps.png")
    with pytest.raises(rt.InputError, match=r"expected float32 \(N, steps \+ 1, C, H, W\)"):
        write_gif(levels(2), tmp_path / "steps.gif")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(rt.OutputError, match="cannot write"):
        write_grid(levels(1), tmp_path / "file" / "grid.png")
