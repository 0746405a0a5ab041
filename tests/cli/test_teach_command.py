"""`onnxnn teach` writes a file that knows the classes of a folder, and says what it cannot learn."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image
from support.paths import GOLDEN

MODEL = GOLDEN / "models" / "image_classifier.onnx"


def draw(folder, label, level, count=4):
    (folder / label).mkdir(parents=True)
    for number in range(count):
        pixels = np.full((6, 5, 3), level + number, np.uint8)
        Image.fromarray(pixels).save(str(folder / label / f"{number}.png"))


@pytest.fixture
def photos(tmp_path):
    draw(tmp_path / "photos", "dark", 20)
    draw(tmp_path / "photos", "light", 200)
    return tmp_path / "photos"


def test_a_file_is_written_and_taught_again(onnxnn, photos, tmp_path):
    done = onnxnn("teach", MODEL, "photos", "-o", "fruit.onnx")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "dark: 4 images, 100% right\nlight: 4 images, 100% right\n2 classes in fruit.onnx\n"
    )
    assert done.stderr == "Each image was classified without itself: 100.0% right of all.\n"
    draw(tmp_path / "more", "grey", 110)
    done = onnxnn("teach", "fruit.onnx", "more", "-o", "fruit.onnx")
    assert done.returncode == 1
    assert "--force" in done.stderr
    done = onnxnn("teach", "fruit.onnx", "more", "-o", "fruit.onnx", "--force", "--json", "--head", "mean")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["counts"] == {"dark": 4, "light": 4, "grey": 4}
    assert (said["file"], said["accuracy"], said["skipped"]) == ("fruit.onnx", 1.0, 0)
    model = rt.load(tmp_path / "fruit.onnx")
    assert [found.label for found in model.predict(str(photos))] == ["dark"] * 4 + ["light"] * 4


def test_what_cannot_be_read_is_left_out_where_asked(onnxnn, photos, tmp_path):
    (photos / "dark" / "broken.png").write_bytes(b"none")
    done = onnxnn("teach", MODEL, "photos", "-o", "fruit.onnx")
    assert done.returncode == 1
    assert "--skip-errors leaves out inputs that cannot be read" in done.stderr
    assert not (tmp_path / "fruit.onnx").exists()
    done = onnxnn("teach", MODEL, "photos", "-o", "fruit.onnx", "--skip-errors")
    assert done.returncode == 0, done.stderr
    assert "left out: " in done.stderr


@pytest.mark.parametrize(
    ("model", "folder", "out", "english", "chinese"),
    [
        ("image_classifier", "none", "a.onnx", "no such folder", "没有"),
        ("image_classifier", "photos/dark", "a.onnx", "a folder for each class", "每个类别"),
        ("image_classifier", "one", "a.onnx", "at least two classes", "两个类别"),
        ("values", "photos", "a.onnx", "embedding", "embedding"),
        ("image_classifier", "photos", "a.png", "ends in .onnx", ".onnx"),
    ],
)
def test_what_is_refused_is_one_line(onnxnn, photos, model, folder, out, english, chinese):
    draw(photos.parent / "one", "dark", 20)
    file = GOLDEN / "models" / f"{model}.onnx"
    for language, expected in (("en", english), ("zh", chinese)):
        done = onnxnn("teach", file, folder, "-o", out, ONNXNN_LANG=language)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert expected in line
        assert not (photos.parent / out).exists()


def test_info_lists_nothing_of_an_encoder_that_says_nothing(onnxnn, photos):
    encoder = GOLDEN / "models" / "image_embedder.onnx"
    assert rt.load(encoder).card.training == {}
    assert onnxnn("teach", encoder, "photos", "-o", "fruit.onnx").returncode == 0
    line = next(each for each in onnxnn("info", "fruit.onnx").stdout.splitlines() if "training" in each)
    assert "encoder" not in line
    assert "images 8" in line
