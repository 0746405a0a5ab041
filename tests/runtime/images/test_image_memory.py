"""Images that need much memory are read within a stated budget, or refused."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxnn_runtime import InputError, Preprocess
from onnxnn_runtime.images import decode as decoding
from onnxnn_runtime.images import modes
from PIL import Image
from support.pngs import png

SHORT = (("resize_short", 256), ("center_crop", 224, 224))


MEASURED = """
import sys, re
import onnxnn_runtime as rt
from onnxnn_runtime import InputError, Preprocess
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024
before = peak()
try: said = "shape %s" % (Preprocess(sys.argv[2], eval(sys.argv[3]))(sys.argv[1]).shape,)
except InputError as error: said = str(error)
print(peak() - before)
print(said)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
@pytest.mark.parametrize(
    ("size", "color_type", "bits", "steps", "is_read"),
    [
        ((1, 60_000), 0, 1, SHORT, False),
        ((60_000, 1), 2, 8, SHORT, False),
        ((20_000, 1), 0, 8, (("resize_short", 224),), False),
        ((20_000, 1), 0, 8, (("resize", 224, 224),), True),
        ((1, 2_000_000), 2, 8, (("resize", 224, 224),), True),
        ((2_000_000, 1), 2, 8, (("resize", 224, 224),), True),
        pytest.param((7_000, 7_000), 0, 16, (("resize", 224, 224),), True, marks=pytest.mark.slow),
        pytest.param((7_000, 7_000), 6, 8, (("resize", 224, 224),), True, marks=pytest.mark.slow),
        ((13_377, 13_377), 6, 8, (("resize", 224, 224),), False),
        ((13_377, 13_377), 0, 16, (("resize", 224, 224),), False),
        pytest.param((9_000, 9_000), 3, 8, (("resize", 224, 224),), True, marks=pytest.mark.slow),
        ((9_000, 9_000), 4, 8, (("resize", 224, 224),), False),
        pytest.param((7_000, 7_000), 2, 8, (), False, marks=pytest.mark.slow),
        ((10, 10), 2, 8, (("center_crop", 10**6, 10**6),), False),
        ((10, 10), 2, 8, (("pad", 10**6, 10**6, 10**6, 10**6, 0),), False),
    ],
)
def test_the_budget_is_kept(tmp_path, size, color_type, bits, steps, is_read):
    path = tmp_path / "a.png"
    path.write_bytes(png(*size, color_type, bits, is_read or not steps or min(size) < 100))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path), "RGB", repr(steps)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    grown, said = done.stdout.decode().splitlines()
    assert float(grown) < decoding.MAX_MEMORY / 2**20 + 40
    if is_read:
        assert said.startswith("shape ")
    else:
        assert re.search(r" needs \d+ MB; expected at most 537 MB .*MAX_MEMORY", said)


def test_the_budget_can_be_raised(monkeypatch):
    image = np.zeros((200, 200, 3), np.uint8)
    monkeypatch.setattr(decoding, "MAX_MEMORY", 200_000)
    with pytest.raises(InputError, match=r"resizing an image of 200 x 200 to 300 x 300 needs .* MB"):
        Preprocess("RGB", (("resize", 300, 300),))(image)
    monkeypatch.setattr(decoding, "MAX_MEMORY", 10_000_000)
    assert Preprocess("RGB", (("resize", 300, 300),))(image).shape == (3, 300, 300)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "I", "La"])
@pytest.mark.parametrize("color", ["RGB", "grayscale"])
def test_bands_change_nothing(monkeypatch, mode, color):
    random = np.random.RandomState(0)
    image = Image.fromarray(random.randint(0, 256, (40, 30, 4)).astype(np.uint8), "RGBA")
    if mode in ("I;16", "I"):
        grey = random.randint(0, 65536, (40, 30))
        image = Image.fromarray(grey.astype(np.uint16 if mode == "I;16" else np.int32))
    elif mode == "La":
        image = image.convert("LA").convert("La")
    elif mode != "RGBA":
        image = image.convert("RGB").convert("P") if mode == "P" else image.convert(mode)
        if mode == "P":
            image.info["transparency"] = 3
    whole = Preprocess(color).to_uint8(image)
    monkeypatch.setattr(modes, "_BAND", 100)
    np.testing.assert_array_equal(Preprocess(color).to_uint8(image), whole)


FORMATS = {"PNG": ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"], "JPEG": ["L", "RGB", "CMYK"],
           "TIFF": ["1", "L", "RGB", "RGBA", "CMYK", "I;16"], "BMP": ["1", "L", "P", "RGB"],
           "WEBP": ["RGB", "RGBA"], "GIF": ["L", "P"]}  # fmt: skip
FORMS = {
    "bytes": lambda content, image: content,
    "file": lambda content, image: io.BytesIO(content),
    "memoryview": lambda content, image: memoryview(content),
    "opened": lambda content, image: Image.open(io.BytesIO(content)),
}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([(kind, mode) for kind, modes in FORMATS.items() for mode in modes]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(list(FORMS)),
    st.sampled_from(["RGB", "grayscale"]),
    st.sampled_from([(), (("resize", 7, 5),), (("resize_short", 6),), (("center_crop", 9, 9),)]),
    st.sampled_from(["rgb", "bgr"]),
    st.integers(1, 8),
)
def test_every_file_is_read_alike_in_every_form(kind, width, height, form, color, steps, order, turn):
    kind, mode = kind
    noise = np.random.RandomState(width * 41 + height).randint(0, 256, (height, width, 3)).astype(np.uint8)
    image = Image.fromarray(noise)
    image = Image.fromarray(noise[:, :, 0].astype(np.uint16) * 200) if mode == "I;16" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = turn
    file = io.BytesIO()
    image.save(file, kind, exif=exif) if kind in ("PNG", "JPEG", "TIFF", "WEBP") else image.save(file, kind)
    content = file.getvalue()
    preprocess = Preprocess(color, steps, channel_order=order)
    found = preprocess(FORMS[form](content, image))
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_array_equal(found, preprocess(content))
    expected = modes.pixels(decoding.decode(content, "RGB"))
    given = expected[:, :, ::-1] if order == "bgr" else expected
    if color == "RGB":
        np.testing.assert_array_equal(preprocess(np.ascontiguousarray(given)), found)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0"]),
)
def test_any_bytes_are_an_image_or_refused(content, head):
    try:
        assert Preprocess()(head + content).ndim == 3
    except InputError as error:
        assert len(str(error)) < 1000  # noqa: PT017
