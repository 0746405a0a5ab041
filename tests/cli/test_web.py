"""`onnxnn web` writes a page, and says what it cannot write."""

from __future__ import annotations

import shutil

import pytest
from onnxnn_runtime.web.ort import FILES
from PIL import Image
from support.paths import GOLDEN


@pytest.fixture
def ort(tmp_path):
    """A folder with files in place of onnxruntime-web."""
    (tmp_path / "ort").mkdir()
    for name in FILES.values():
        (tmp_path / "ort" / name).write_bytes(b"x")
    for name in ("table", "image_classifier"):
        shutil.copy(str(GOLDEN / "models" / f"{name}.onnx"), str(tmp_path))
    return "ort"


def test_a_page_is_written(onnxnn, tmp_path, ort):
    done = onnxnn("web", "table.onnx", "-o", "table.html", "--ort", ort)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "wrote table.html (0.1 MB): open it in a browser\n"
    assert (tmp_path / "table.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "gallery: 2 images, about 0.0 MB of the page"), ("zh", "图库：2 张图像，约占网页的 0.0 MB")],
)
def test_a_gallery_is_announced(onnxnn, tmp_path, ort, language, line):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20)).save(str(tmp_path / "photos" / name))
    shutil.copy(str(GOLDEN / "models" / "image_in_graph.onnx"), str(tmp_path))
    words = {"ONNXNN_LANG": language, "PYTHONIOENCODING": "utf-8"}
    done = onnxnn("web", "image_in_graph.onnx", "--gallery", "photos", "-o", "a.html", "--ort", ort, **words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [line]


def test_what_cannot_be_written_is_one_line(onnxnn, tmp_path, ort):
    for arguments, expected in (
        (("image_classifier.onnx", "-o", "a.html", "--ort", ort), "--preprocess graph"),
        (("table.onnx", "-o", "a.txt", "--ort", ort), "ends in .html"),
        (("table.onnx", "-o", "a.html", "--gallery", "x", "--ort", ort), "a feature vector of images"),
        (("table.onnx", "-o", "a.html", "--ort", "none"), "npm pack onnxruntime-web"),
    ):
        done = onnxnn("web", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert expected in line
    assert not (tmp_path / "a.html").exists()
