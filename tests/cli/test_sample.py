"""`onnxnn sample`, and what `info` and `verify` say of diffusion models."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.outputs.grid import image_grid
from PIL import Image
from support.paths import GOLDEN

MODELS = GOLDEN / "models"
"""denoiser.onnx draws grey 0.3 (1, 4, 5); denoiser_classes.onnx draws the class 红 as 0.2, blue as 0.9."""


def read(path):
    with Image.open(str(path)) as image:
        return np.asarray(image)


def test_images_as_a_grid(onnxnn, tmp_path):
    file = MODELS / "denoiser.onnx"
    done = onnxnn("sample", file, "-n", 5, "--steps", 20, "--sampler", "ddim", "--seed", 3, "-o", "grid.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "5 images in grid.png, seed 3\n"
    assert done.stderr == ""
    expected = rt.load(str(file)).sample(5, 20, "ddim", seed=3)
    np.testing.assert_array_equal(read(tmp_path / "grid.png"), np.asarray(image_grid(expected)))
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]


def test_the_animation_and_json(onnxnn, tmp_path):
    done = onnxnn("sample", MODELS / "denoiser.onnx", "--steps", 4, "--gif", "out/steps.gif", "--json")
    found = json.loads(done.stdout)
    seed = found.pop("seed")
    assert found == {"file": "samples.png", "gif": "out/steps.gif", "num": 16, "shape": [1, 4, 5]}
    again = onnxnn("sample", MODELS / "denoiser.onnx", "--steps", 4, "--seed", seed, "-o", "again.png")
    assert f"seed {seed}" in again.stdout
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "samples.png").read_bytes()
    with Image.open(str(tmp_path / "out" / "steps.gif")) as animation:
        assert animation.n_frames == 5


@pytest.mark.parametrize(
    ("options", "grey"),
    [
        (["--label", "none"], 0.5),
        (["--label", "红"], 0.2),
        (["--label", "1"], 0.9),
        (["--label", "红", "--guidance", 1.5], 0.05),
    ],
)
def test_labels(onnxnn, tmp_path, options, grey):
    done = onnxnn("sample", MODELS / "denoiser_classes.onnx", "-n", 1, "--seed", 0, *options)
    assert done.returncode == 0, done.stderr
    assert abs(read(tmp_path / "samples.png") - 255 * grey).max() <= 1


def test_labels_are_drawn_where_none_is_given(onnxnn, tmp_path):
    done = onnxnn("sample", MODELS / "denoiser_classes.onnx", "-n", 12, "--seed", 0)
    assert done.returncode == 0, done.stderr
    drawn = rt.load(str(MODELS / "denoiser_classes.onnx")).sample(12, seed=0)
    assert set(drawn.round(2).ravel().tolist()) == {np.float32(0.2).item(), np.float32(0.9).item()}
    np.testing.assert_array_equal(read(tmp_path / "samples.png"), np.asarray(image_grid(drawn)))


def test_a_part_of_an_image(onnxnn, tmp_path):
    Image.new("RGB", (50, 40), (255, 255, 255)).save(str(tmp_path / "start.png"))
    mask = Image.new("L", (5, 4))
    mask.paste(255, (2, 0, 5, 4))
    mask.save(str(tmp_path / "mask.png"))
    options = ["--start", "start.png", "--mask", "mask.png", "-n", 1, "--strength", 0.5]
    done = onnxnn("sample", MODELS / "denoiser.onnx", *options)
    assert done.returncode == 0, done.stderr
    row = read(tmp_path / "samples.png")[0]
    assert row[[0, 43]].tolist() == [255, 255]
    assert abs(row[44:].astype(int) - 76).max() <= 1


def test_a_file_that_holds_the_loop(onnxnn, tmp_path):
    done = onnxnn("sample", MODELS / "loop.onnx", "-n", 2, "--seed", 0)
    assert done.returncode == 0, done.stderr
    expected = rt.load(str(MODELS / "loop.onnx")).sample(2, seed=0)
    np.testing.assert_array_equal(read(tmp_path / "samples.png"), np.asarray(image_grid(expected)))


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("table", [], "table.onnx: expected a diffusion model, got one from 'table'"),
        ("no_card", [], "no onnxnn card in its metadata, which sample needs"),
        ("missing", [], "missing.onnx: no such file"),
        ("denoiser", ["--steps", 31], "steps=31: expected an integer from 1 to 30"),
        ("denoiser", ["--sampler", "euler"], "sampler='euler': unknown sampler"),
        (
            "denoiser",
            ["--label", 7],
            "label='7': expected no label, because this model was trained without classes",
        ),
        ("denoiser", ["--seed", 2**32], "seed=4294967296: expected"),
        ("denoiser", ["--strength", 0.5], "strength=...: expected start=..., the image that it belongs to"),
        ("denoiser", ["--start", "missing.png"], "missing.png: no such file"),
        ("denoiser", ["-o", "grid.onnx"], "grid.onnx: expected a name that ends in .png"),
        ("denoiser", ["--gif", "steps.png"], "steps.png: expected a name that ends in .gif, got .png"),
        (
            "denoiser_classes",
            ["--label", 7],
            'label=7: unknown class. Use a class name: 红, blue; a class index from 0 to 1; or "none"',
        ),
        (
            "denoiser_classes",
            ["--guidance", 2, "--label", "none"],
            "guidance=2.0: expected a label for images to follow",
        ),
        ("loop", ["--steps", 20], "steps=20: expected the sampling loop inside this file"),
        ("loop", ["--gif", "steps.gif"], "--gif needs single steps, but the sampling loop is inside"),
    ],
)
def test_what_does_not_fit_is_reported_in_one_line(onnxnn, tmp_path, file, options, message):
    done = onnxnn("sample", MODELS / f"{file}.onnx", *options)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("onnxnn: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["-n", 0], ["--steps", "few"], ["--seed", -1], []])
def test_wrong_usage(onnxnn, options):
    file = [MODELS / "denoiser.onnx"] if options else []
    assert onnxnn("sample", *file, *options).returncode == 2


def test_info(onnxnn):
    done = onnxnn("info", MODELS / "denoiser_classes.onnx")
    assert "40 timesteps, linear schedule, predicts noise; classes: 红, blue" in done.stdout
    done = onnxnn("info", MODELS / "loop.onnx")
    assert "cosine schedule, predicts v; the loop inside the graph: ddim, 10 steps, guidance 1" in done.stdout
    found = json.loads(onnxnn("info", MODELS / "loop.onnx", "--json").stdout)
    assert found["card"]["diffusion"]["sampler"] == {"name": "ddim", "steps": 10, "guidance": 1.0}


@pytest.mark.parametrize("name", ["denoiser", "denoiser_classes", "loop"])
def test_verify(onnxnn, name):
    done = onnxnn("verify", MODELS / f"{name}.onnx")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    draws images: shape (2," in done.stdout


# ---- files that the current code exported --------------------------------------------------------


def test_the_command_samples_them(onnxnn, exported, tmp_path):
    for name in ("doodles", "doodles_loop"):
        done = onnxnn("sample", exported / f"{name}.onnx", "-n", 3, "--label", "dashes", "--seed", 1)
        assert done.returncode == 0, done.stderr
        expected = rt.load(str(exported / f"{name}.onnx")).sample(3, label="dashes", seed=1)
        np.testing.assert_array_equal(read(tmp_path / "samples.png"), np.asarray(image_grid(expected)))


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", ["doodles", "doodles_loop"])
def test_verify_with_the_checkpoint(onnxnn, exported, name):
    checkpoint = exported / "doodles_checkpoint" / "basenn.pth"
    done = onnxnn("verify", exported / f"{name}.onnx", "--checkpoint", checkpoint)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    equals torch: largest difference of the images" in done.stdout
