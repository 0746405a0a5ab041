"""Images in every form in which users hand them over, and folders of every kind."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image


@pytest.fixture
def model(open_model):
    return open_model("image_any_size")


# ---- forms ---------------------------------------------------------------------------------------


class Readable:
    """A file-like object that is no file."""

    def __init__(self, content):
        self._content = content

    def read(self, size=-1):
        return self._content


ONE = {
    "an open file": lambda path: open(str(path), "rb"),  # noqa: SIM115
    "a file opened as text": lambda path: open(str(path), encoding="utf-8"),  # noqa: SIM115
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "an object with read": lambda path: Readable(path.read_bytes()),
    "a path as bytes": lambda path: os.fsencode(str(path)),
    "a NumPy text": lambda path: np.array(str(path))[()],
    "an array of no axis": lambda path: np.array(str(path)),
    "bytes": lambda path: path.read_bytes(),
    "a memoryview": lambda path: memoryview(path.read_bytes()),
}


@pytest.mark.parametrize("form", ONE)
@pytest.mark.parametrize("in_list", [False, True])
def test_one_file_is_one_image(model, files, form, in_list):
    expected = model.embed(files[1])
    given = ONE[form](files[1])
    np.testing.assert_array_equal(model.embed([given] if in_list else given), expected)
    if hasattr(given, "close"):
        given.close()


class Series:
    """What NumPy and we see of a pandas Series."""

    def __init__(self, values):
        self._values = np.array(values, dtype=object)
        self.ndim = 1

    def __array__(self, dtype=None, copy=None):
        return self._values

    def tolist(self):
        return self._values.tolist()


MANY = {
    "an array of texts": lambda paths: np.array([str(path) for path in paths]),
    "an array of bytes": lambda paths: np.array([os.fsencode(str(path)) for path in paths]),
    "an array of paths": lambda paths: np.array(paths, dtype=object),
    "a column of texts": lambda paths: np.array([[str(path)] for path in paths], dtype=object),
    "a Series": Series,
    "open files": lambda paths: [io.BytesIO(path.read_bytes()) for path in paths],
    "a generator of open files": lambda paths: (io.BytesIO(path.read_bytes()) for path in paths),
    "objects of several kinds": lambda paths: [paths[0], str(paths[1]), Image.open(str(paths[2]))],
    "a pattern": lambda paths: str(paths[0].parent / "*.png"),
    "a list with a pattern": lambda paths: [str(paths[0].parent / "[0-9].png")],
    "a nested list": lambda paths: [[paths[0]], (paths[1], paths[2])],
}


@pytest.mark.parametrize("form", MANY)
def test_many_files_are_as_many_images(model, files, form):
    np.testing.assert_array_equal(model.embed(MANY[form](files)), model.embed(files))


def test_pandas(model, files):
    pandas = pytest.importorskip("pandas")
    paths = [str(path) for path in files]
    for given in (pandas.Series(paths), pandas.Index(paths), pandas.Series(files)):
        np.testing.assert_array_equal(model.embed(given), model.embed(files))
    with pytest.raises(rt.InputError, match=r"input\[1\]: expected an image as a path.*got float"):
        model.embed(pandas.Series([paths[0], float("nan")]))


def test_the_home_folder(model, files, monkeypatch):
    monkeypatch.setenv("HOME", str(files[0].parent))
    monkeypatch.setenv("USERPROFILE", str(files[0].parent))
    monkeypatch.setenv("USERPROFILE", str(files[0].parent))
    np.testing.assert_array_equal(model.embed("~/1.png"), model.embed(files[1]))
    np.testing.assert_array_equal(model.embed(["~/*.png"]), model.embed(files))


def test_a_name_that_looks_like_a_pattern(model, files):
    odd = files[0].parent / "a[1].png"
    files[1].rename(odd)
    np.testing.assert_array_equal(model.embed(str(odd)), model.embed(odd.read_bytes()))
    with pytest.raises(rt.MissingInputError, match=r"x\*\.png: no file matches this pattern"):
        model.embed(str(odd.parent / "x*.png"))


@pytest.mark.parametrize("name", ["image_any_size", "table", "sequence"])
@pytest.mark.parametrize(
    "address",
    ["https://example.org/a.png", "http://x/y.csv", "file:///tmp/a.png", "data:image/png;base64,AAAA"],
)
def test_an_address_is_refused_as_such(open_model, name, address):
    with pytest.raises(rt.InputError, match=r"got an address \(URL\)\. .*save it to a file first"):
        open_model(name).predict(address)


@pytest.mark.parametrize("broken", ["closed", "text", "raises"])
def test_an_open_file_that_cannot_be_read(model, files, broken):
    if broken == "closed":
        given = open(str(files[0]), "rb")  # noqa: SIM115
        given.close()
    elif broken == "text":
        given = io.StringIO("hello")
    else:
        given = Readable(b"")
        given.read = lambda size=-1: 1 / 0
    with pytest.raises(rt.InputError):
        model.embed(given)
    found = model.embed_named([given, files[0]], errors="skip")
    assert (len(found.vectors), len(found.skipped)) == (1, 1)


def test_a_numpy_file_that_is_open(open_model, tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (3, 6, 6, 3)).astype(np.uint8)
    np.save(str(tmp_path / "a.npy"), images)
    model = open_model("image_any_size")
    expected = model.embed(images)
    content = (tmp_path / "a.npy").read_bytes()
    for given in (tmp_path / "a.npy", io.BytesIO(content), content):
        if isinstance(given, io.BytesIO):
            given.name = "a.npy"
        np.testing.assert_array_equal(model.embed(given), expected)


def test_an_open_table(open_model, tmp_path):
    model = open_model("table")
    rows = "1,2\n3,4\n5,6\n"
    (tmp_path / "a.csv").write_text(rows, encoding="utf-8")
    expected = model.predict(tmp_path / "a.csv")
    opened = open(str(tmp_path / "a.csv"), encoding="utf-8")  # noqa: SIM115  # the model closes none
    for given in (io.StringIO(rows), io.BytesIO(rows.encode()), opened):
        found = model.predict(given)
        assert [each.label for each in found] == [each.label for each in expected]
        given.close()


def test_an_open_table_where_nothing_temporary_can_be_written(open_model, monkeypatch):
    model = open_model("table")

    def refusing(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refusing)
    with pytest.raises(rt.InputError, match=r"cannot be written \(No space left on device\)\. Give the path"):
        model.predict(io.BytesIO(b"1,2\n3,4\n"))


# ---- one item is one image -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 5, 7), (6, 6, 2), (6, 6, 5), (9,), (), (2, 2, 2, 2, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
def test_an_array_in_a_list_that_is_no_image(model, shape, dtype):
    with pytest.raises(rt.InputError, match=r"input\[0\]"):
        model.embed([np.zeros(shape, dtype)])
    found = model.embed_named([np.zeros(shape, dtype), np.zeros((6, 6, 3), np.uint8)], errors="skip")
    assert (len(found.vectors), [each.name for each in found.skipped]) == (1, ["input[0]"])


@pytest.mark.parametrize("shape", [(6, 6), (6, 6, 1), (6, 6, 3), (6, 6, 4), (3, 6, 6)])
def test_an_array_in_a_list_that_is_one(model, shape):
    assert len(model.embed([np.zeros(shape, np.uint8)] * 2)) == 2
    assert len(model.embed(np.zeros((2, *shape), np.uint8))) == 2


GOOD = {"image_any_size": np.zeros((6, 6, 3), np.uint8), "table": [1.0, 2.0], "sequence": np.zeros((4, 2))}


@pytest.mark.parametrize("depth", [20, 5000])
def test_lists_in_lists_without_end(open_model, depth):
    deep: list = [1.0]
    for _ in range(depth):
        deep = [deep]
    circle: list = []
    circle.append(circle)
    for name in ("image_any_size", "table", "sequence"):
        for given in (deep, circle):
            with pytest.raises(rt.InputError):
                open_model(name).predict(given)
            with pytest.warns(UserWarning, match="1 input was left out"):
                assert open_model(name).predict([given], errors="skip") == []
            whole = GOOD[name]
            with pytest.warns(UserWarning, match=r"1 input was left out: input\[1\]"):
                assert len(open_model(name).predict([whole, given, whole], errors="skip")) == 2
            with pytest.raises(rt.InputError):
                open_model(name).infer(given)


# ---- images that are none ------------------------------------------------------------------------


def closed(path):
    image = Image.open(str(path))
    image.close()
    return image


def cut_short(path):
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "PNG")
    return Image.open(io.BytesIO(whole.getvalue()[:5000]))


ODD = {
    "LAB": lambda path: Image.new("LAB", (6, 6)),
    "no pixels": lambda path: Image.new("RGB", (0, 0)),
    "no rows": lambda path: Image.new("L", (5, 0)),
    "floats": lambda path: Image.new("F", (6, 6)),
    "closed": closed,
    "cut short": cut_short,
    "a path that is missing": lambda path: path.parent / "none.png",
    "a name of 300 characters": lambda path: "a" * 300 + ".png",
    "text": lambda path: b"hello",
    "nothing": lambda path: b"",
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_image_is_ours_and_skipped(model, files, kind):
    given = ODD[kind](files[0])
    with pytest.raises(rt.InputError):
        model.embed(given)
    found = model.embed_named([ODD[kind](files[0]), files[1]], errors="skip")
    assert (len(found.vectors), len(found.skipped)) == (1, 1)
    assert str(found.skipped[0].name) not in found.skipped[0].reason


MODES = ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "LA", "La", "PA", "RGBX", "RGBa", "I;16"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("color", ["RGB", "grayscale"])
def test_every_mode_of_pillow_is_read(mode, color):
    assert rt.Preprocess(color)(Image.new(mode, (4, 3))).shape == (3 if color == "RGB" else 1, 3, 4)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.heic", b"x", "HEIC image.*pillow-heif"),
        ("a.HEIF", b"x", "HEIC image"),
        ("a.jpg", b"\0\0\0\x18ftypheic" + bytes(20), "HEIC image"),
        ("a.nef", b"II*\0" + bytes(20), "raw camera image.*JPEG"),
        ("a.dng", b"II*\0" + bytes(20), "raw camera image"),
        ("a.svg", b"<svg xmlns=''/>", "SVG image.*export it as PNG"),
        ("a.png", b"<?xml version='1.0'?>\n<svg/>", "SVG image"),
        ("a.pdf", b"%PDF-1.4", "PDF image"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        ("a.jxl", b"\xff\x0a", "JPEG XL"),
    ],
)
def test_images_that_cannot_be_read_are_named(model, tmp_path, name, content, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(rt.InputError, match=message) as raised:
        model.embed(path)
    assert str(raised.value).count(str(path)) == 1
    Image.new("RGB", (6, 6)).save(str(tmp_path / "good.png"))
    found = model.embed_named(tmp_path, errors="skip")
    assert len(found.vectors) == 1
    assert message.split(".*")[0] in found.skipped[0].reason


def test_a_folder_of_heic_alone_says_so(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for i in range(3):
        (tmp_path / f"{i}.HEIC").write_bytes(b"x")
    with pytest.raises(rt.InputError, match=r"holds 3 other files; 3 that is a HEIC image.*pillow-heif"):
        model.embed(tmp_path)


def test_a_png_of_any_name_is_read(model, files):
    odd = files[0].with_suffix(".heic")
    files[0].rename(odd)
    assert model.embed(odd).shape == (1, model.embed(files[1]).shape[1])
