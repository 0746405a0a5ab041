"""Image files whose reading would take without end are refused."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL
import pytest
from onnxnn_runtime import InputError
from onnxnn_runtime.images import patience
from onnxnn_runtime.images.decode import decode, upright_size
from PIL import Image

GIF = b"GIF89a\x01\0\x01\0\0\0\0"
RLE = b"BM" + struct.pack("<IHHI", 1078, 0, 0, 1078)
RLE += struct.pack("<IiiHHIIiiII", 40, 90, 90, 1, 8, 1, 0, 0, 0, 0, 0) + bytes(1024)

DELTA = b"\0\2\0\0" if int(PIL.__version__.partition(".")[0]) > 9 else b"\0\2\0\0\0\0"
"""A step of no pixels in a run-length encoded BMP file: Pillow reads two bytes for it, formerly four."""

SLOW = {
    "JPEG without a marker": (b"\xff\xd8\xff\xe0", b"\0"),
    "JPEG that is filled up": (b"\xff\xd8\xff", b"\xff"),
    "JPEG of empty segments": (b"\xff\xd8", b"\xff\xe1\0\2"),
    "GIF without a block": (GIF, b"\0"),
    "GIF of one comment": (GIF + b"!\xfe", b"\1a"),
    "PPM with a long comment": (b"P6\n#", b"a"),
    "PPM of spaces": (b"P6\n", b" "),
    "PPM that is rescaled": (b"P6\n90 90\n100\n", b"\0\0\0"),
    "XPM of empty lines": (b"/* XPM */\n", b"\n"),
    "QOI of single pixels": (b"qoif\0\0\0\x5a\0\0\0\x5a\3\0", b"\xc0"),
    "BMP of single pixels": (RLE, b"\1\1"),
    "BMP that goes nowhere": (RLE, DELTA),
}

LARGE = ("PPM that is rescaled", "QOI of single pixels", "BMP of single pixels", "BMP that goes nowhere")
"""Those whose pixels are so many, as those of whole files may be."""


@pytest.mark.parametrize("name", list(SLOW))
@pytest.mark.parametrize("form", ["path", "bytes", "open file"])
def test_a_file_that_is_read_too_often_is_refused(tmp_path, monkeypatch, name, form):
    monkeypatch.setattr(patience._Counted, "left", 1000)
    monkeypatch.setattr(patience, "PIXEL_READS", 1000)
    monkeypatch.setattr(patience, "_SMALL", 0)
    start, again = SLOW[name]
    path = tmp_path / "a.img"
    path.write_bytes(start + again * 8000)
    given = {"path": path, "bytes": path.read_bytes(), "open file": io.BytesIO(path.read_bytes())}[form]
    reason = "too many pixels for its format" if name in LARGE else "its parts are too many or too small"
    with pytest.raises(InputError, match=f"{reason}.* as PNG"):
        decode(given)


@pytest.mark.parametrize("name", ["JPEG without a marker", "PPM of spaces"])
def test_looking_for_the_size_ends_too(tmp_path, monkeypatch, name):
    monkeypatch.setattr(patience._Counted, "left", 1000)
    monkeypatch.setattr(patience, "_SMALL", 0)
    start, again = SLOW[name]
    path = tmp_path / "a.img"
    path.write_bytes(start + again * 8000)
    assert upright_size(str(path)) is None


@pytest.mark.parametrize(
    "end", [".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm", ".pgm", ".tga", ".ico"]
)
def test_large_files_are_read_as_before(tmp_path, monkeypatch, end):
    pixels = np.random.RandomState(0).randint(0, 256, (64, 48, 3)).astype(np.uint8)
    Image.fromarray(pixels).convert("L" if end == ".pgm" else "RGB").save(tmp_path / f"a{end}")
    content = (tmp_path / f"a{end}").read_bytes()
    before = np.asarray(decode(content))
    monkeypatch.setattr(patience, "_SMALL", 0)
    for given in (tmp_path / f"a{end}", content, io.BytesIO(content)):
        np.testing.assert_array_equal(np.asarray(decode(given)), before)


def test_comments_in_a_plain_file_are_left_out(tmp_path):
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P3 # made by hand\n2 1#2 x 1\n255\n1 2 3# red\n4#green\n5 6\n")
    assert np.asarray(decode(path)).tolist() == [[[1, 2, 3], [4, 5, 6]]]
    many = b"P1\n300 300\n" + b"#a\n" * 300_000 + b"1 " * 90_000  # each made Pillow copy a megabyte
    assert not np.asarray(decode(many)).any()


def test_plain_files_have_a_stated_size(monkeypatch):
    monkeypatch.setattr(patience, "_LARGEST_PLAIN", 1000)
    with pytest.raises(InputError, match="Save it as PNG"):
        decode(b"P2\n90 90\n255\n" + b"1 " * 8100)
