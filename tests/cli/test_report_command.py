"""`onnxnn report` writes a page, prints figures, and says what it cannot do."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from support.paths import GOLDEN


@pytest.fixture
def pets(tmp_path):
    """Files of models, and a folder with the classes of one of them."""
    for name in ("image_classifier", "image_embedder", "values"):
        shutil.copy(str(GOLDEN / "models" / f"{name}.onnx"), str(tmp_path))
    random = np.random.default_rng(0)
    for number in range(4):
        for label, color in (("red", (200, 0, 0)), ("绿", (0, 200, 0))):
            (tmp_path / "pets" / label).mkdir(parents=True, exist_ok=True)
            pixels = np.array(color) + random.integers(0, 40, (70, 70, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(str(tmp_path / "pets" / label / f"{number}.png"))
    return tmp_path


def test_a_page_and_a_matrix_are_written(onnxnn, pets):
    done = onnxnn(
        "report", "image_classifier.onnx", "pets", "-o", "a.html", "--matrix", "m.png", "--train", "pets"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "accuracy 100.0% (67.6% to 100.0% with 95 % confidence), 8 samples"
    assert done.stdout.splitlines()[2].split() == ["class", "precision", "recall", "F1", "samples"]
    assert "wrote a.html" in done.stderr
    assert "8 samples stand nearly the same" in (pets / "a.html").read_text(encoding="utf-8")
    with Image.open(pets / "m.png") as image:
        assert image.format == "PNG"


def test_figures_alone_and_as_json(onnxnn, pets):
    done = onnxnn("report", "image_classifier.onnx", "pets", "--json")
    assert json.loads(done.stdout)["confusion"] == [[4, 0], [0, 4]]
    assert {path.name for path in pets.iterdir() if path.suffix == ".html"} == set()


def test_a_page_in_chinese(onnxnn, pets):
    done = onnxnn("report", "image_classifier.onnx", "pets", "-o", "a.html", "--lang", "zh")
    assert done.returncode == 0
    assert "混淆矩阵" in (pets / "a.html").read_text(encoding="utf-8")
    assert done.stdout.startswith("accuracy")


def test_what_cannot_be_reported_is_one_line_in_both_languages(onnxnn, pets):
    (pets / "empty").mkdir()
    (pets / "others" / "bird").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(str(pets / "others" / "bird" / "a.png"))
    wrong = (
        ("image_classifier.onnx", "empty", "-o", "a.html"),
        ("image_classifier.onnx", "others", "-o", "a.html"),
        ("image_classifier.onnx", "pets/red", "-o", "a.html"),
        ("image_embedder.onnx", "pets", "-o", "a.html"),
        ("image_classifier.onnx", "pets", "-o", "a.html", "--lang", "fr"),
        ("image_classifier.onnx", "pets", "-o", "a.docx"),
        ("image_classifier.onnx", "pets", "-o", "image_classifier.onnx/a.html"),
    )
    for arguments in wrong:
        for language in ("en", "zh"):
            done = onnxnn("report", *arguments, ONNXNN_LANG=language)
            assert (done.returncode, done.stdout) == (1, ""), arguments
            (line,) = done.stderr.splitlines()
            assert line.startswith("onnxnn: ")
            assert any("一" <= each <= "龥" for each in line.replace("绿", "")) == (language == "zh"), line
    assert not (pets / "a.html").exists()


def test_broken_images_are_named_and_left_out_where_asked(onnxnn, pets):
    (pets / "pets" / "red" / "0.png").write_bytes(b"x")
    done = onnxnn("report", "image_classifier.onnx", "pets")
    assert done.returncode == 1
    assert "--skip-errors" in done.stderr
    done = onnxnn("report", "image_classifier.onnx", "pets", "--skip-errors")
    assert done.returncode == 0
    assert "7 samples" in done.stdout
    assert "0.png" in done.stderr
