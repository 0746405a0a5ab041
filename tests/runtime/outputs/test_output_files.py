"""What an output may replace."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.files import access as files
from onnxnn_runtime.outputs.grid import write_gif, write_grid
from onnxnn_runtime.outputs.output_files import check_output
from onnxnn_runtime.outputs.vectors import write_vectors
from PIL import Image

IMAGES = np.zeros((2, 1, 4, 4), np.float32)


def image_bytes(kind):
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, kind)
    return file.getvalue()


def zip_bytes(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return file.getvalue()


def npy_bytes():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


CONTENTS = {
    "PNG": image_bytes("PNG"),
    "JPEG": image_bytes("JPEG"),
    "GIF": image_bytes("GIF"),
    "BMP": image_bytes("BMP"),
    "TIFF": image_bytes("TIFF"),
    "PDF": b"%PDF-1.7 ...",
    "npy": npy_bytes(),
    "npz": zip_bytes("data.npy"),
    "checkpoint": zip_bytes("archive/data.pkl", "archive/data/0"),
    "zip": zip_bytes("word/document.xml"),
}


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"BMI,age\n20,30\n", b"\x80\x02junk", b"x"])
def test_content_of_no_known_format_goes_by_the_name(tmp_path, content):
    for name, kind in (("a.csv", "CSV"), ("a.pth", "checkpoint"), ("a.onnx", "ONNX"), ("a.py", "Python")):
        (tmp_path / name).write_bytes(content)
        check_output(tmp_path / name, kind)
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises(rt.OutputError, match=r"notes: expected a file of format ONNX to replace, got"):
        check_output(tmp_path / "notes", "ONNX")


def test_models_are_replaced_by_models_only(golden, tmp_path):
    model = (golden / "models" / "table.onnx").read_bytes()
    (tmp_path / "model").write_bytes(model)
    check_output(tmp_path / "model", "ONNX")
    with pytest.raises(
        rt.OutputError, match="expected a file of format checkpoint to replace, got an ONNX file"
    ):
        check_output(tmp_path / "model", "checkpoint")


# Each writer of the runtime: the end of the name, and how it is called with force or without.
WRITERS = {
    ".png": lambda path, **options: write_grid(IMAGES, path, **options),
    ".jpg": lambda path, **options: write_grid(IMAGES, path, **options),
    ".bmp": lambda path, **options: write_grid(IMAGES, path, **options),
    ".gif": lambda path, **options: write_gif(IMAGES[np.newaxis], path, **options),
    ".npz": lambda path, **options: write_vectors(path, np.zeros((1, 2)), ["a"], **options),
    ".npy": lambda path, **options: write_vectors(path, np.zeros((1, 2)), ["a"], **options),
    ".csv": lambda path, **options: write_vectors(path, np.zeros((1, 2)), ["a"], **options),
    ".json": lambda path, **options: write_vectors(path, np.zeros((1, 2)), ["a"], **options),
}
OWN = {".png": "PNG", ".jpg": "JPEG", ".bmp": "BMP", ".gif": "GIF", ".npz": "npz", ".npy": "npy"}


@pytest.mark.parametrize("suffix", list(WRITERS))
@pytest.mark.parametrize("kind", list(CONTENTS))
def test_a_file_of_another_format_is_replaced_only_by_force(tmp_path, suffix, kind):
    path = tmp_path / ("file" + suffix)
    path.write_bytes(CONTENTS[kind])
    if OWN.get(suffix) != kind:
        with pytest.raises(
            rt.OutputError, match=rf"file\{suffix}: expected a file of format .* to replace, got an? "
        ):
            WRITERS[suffix](path)
        assert path.read_bytes() == CONTENTS[kind]
    WRITERS[suffix](path, force=OWN.get(suffix) != kind)
    assert path.read_bytes() != CONTENTS[kind]


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_a_file_of_its_own_format_is_replaced(tmp_path, suffix):
    path = tmp_path / ("FILE" + suffix.upper())
    path.write_bytes(b"")
    for _ in range(2):
        WRITERS[suffix](path)
    assert path.stat().st_size > 0


@pytest.mark.parametrize("name", ["file.parquet", "file.xlsx", "file", "file.", "file.onnx", ".npz"])
@pytest.mark.parametrize("writer", [".png", ".gif", ".npz"])
def test_formats_that_are_not_written_are_refused_and_those_that_are_named(tmp_path, name, writer):
    with pytest.raises(rt.InputError, match=rf"expected .*\{writer}.*Choose such a name"):
        WRITERS[writer](tmp_path / name, force=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [("ONNX", "a.csv", "CSV"), ("checkpoint", "a.onnx", "ONNX"), ("CSV", "a.png", "PNG")],
)
def test_a_name_for_another_format_is_refused(tmp_path, kind, name, other):
    with pytest.raises(
        rt.OutputError,
        match=f"expected a name for {kind} files, which are written here, got one for {other} files",
    ):
        check_output(tmp_path / name, kind)
    check_output(tmp_path / name, kind, force=True)
    check_output(tmp_path / "a", kind)


# ---- inputs -----------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photos" / "cats" / "0003.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENTS["PNG"])
    return path


def ways_to(photo, tmp_path):
    """Yield (output, input) where the output is the photo, or the input is a folder with it."""
    os.link(str(photo), str(tmp_path / "hard.png"))
    os.symlink(str(photo), str(tmp_path / "soft.png"))
    os.symlink(str(photo.parent), str(tmp_path / "folder"))
    (tmp_path / "view").mkdir()
    os.symlink(str(photo.parent), str(tmp_path / "view" / "cats"))
    os.symlink(str(tmp_path / "view"), str(photo.parent / "loop"))
    given = str(photo)
    yield given, given
    yield given, photo
    yield given, given.encode()
    yield given, os.path.join(os.path.dirname(given), ".", "0003.png")
    yield str(tmp_path / "hard.png"), given
    yield given, str(tmp_path / "hard.png")
    yield str(tmp_path / "soft.png"), given
    yield str(tmp_path / "folder" / "0003.png"), given
    yield given, [str(photo)]
    yield given, str(photo.parent)
    yield given, photo.parent.parent
    yield given, str(tmp_path / "folder")
    yield given, [str(tmp_path / "view")]
    yield given, str(photo.parent / "*.png")
    yield given, "~/photos/cats"
    yield str(tmp_path / "hard.png"), str(tmp_path / "view")


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_an_input_is_known_by_any_name_and_in_any_folder(photo, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for output, source in ways_to(photo, tmp_path):
        with pytest.raises(rt.OutputError, match="expected another file than the one that is read"):
            check_output(output, "PNG", ["text", 5, None, "a\0", source])
        check_output(output, "PNG", [source], force=True)


def test_what_is_no_input_may_be_replaced(photo, tmp_path):
    (tmp_path / "0003.png").write_bytes(CONTENTS["PNG"])
    check_output(tmp_path / "0003.png", "PNG", [photo, photo.parent, "missing", np.zeros(3), b"bytes\0"])
    check_output(photo.parent / "new.png", "PNG", [photo.parent])
    (photo.parent / "vectors.npz").write_bytes(CONTENTS["npz"])
    check_output(photo.parent / "vectors.npz", "npz", [photo.parent])  # no image, so it is not read


@pytest.mark.skipif(os.path.exists(__file__.upper()) is False, reason="names differ by case here")
def test_names_that_differ_by_case_only(photo):
    with pytest.raises(rt.OutputError, match="expected another file than the one that is read"):
        check_output(str(photo).upper(), "PNG", [photo])


# ---- vectors ----------------------------------------------------------------------------------

VECTORS = np.random.RandomState(0).randn(5, 7).astype(np.float32) * np.float32(
    [[1e-30], [1], [1e30], [3], [0]]
)
NAMES = ["a.png", "猫,狗.png", 'quo"te', "line\nbreak", "\udcff.png"]


def read_npz(path):
    with np.load(str(path), allow_pickle=False) as arrays:
        return arrays["embeddings"], list(arrays["names"])


def read_csv(path):
    with open(str(path), encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["name", *(f"v{i}" for i in range(7))]
    return np.array([row[1:] for row in rows], dtype=np.float32), [row[0] for row in rows]


def read_json(path):
    rows = json.loads(path.read_text(encoding="utf-8"))
    return np.array([row["vector"] for row in rows], np.float32), [row["name"] for row in rows]


@pytest.mark.parametrize(("suffix", "read"), [(".npz", read_npz), (".csv", read_csv), (".json", read_json)])
def test_vectors_come_back_exactly_with_their_names(tmp_path, suffix, read):
    vectors, names = read(write_vectors(tmp_path / f"v{suffix}", VECTORS, NAMES))
    np.testing.assert_array_equal(vectors, VECTORS)
    expected = [*NAMES[:-1], "\\udcff.png" if suffix == ".csv" else NAMES[-1]]
    assert [str(name) for name in names] == expected


def test_vectors_alone(tmp_path):
    found = np.load(str(write_vectors(tmp_path / "v.npy", VECTORS, NAMES)), allow_pickle=False)
    np.testing.assert_array_equal(found, VECTORS)


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json", ".npy"])
def test_no_vectors_at_all(tmp_path, suffix):
    path = write_vectors(tmp_path / f"v{suffix}", np.zeros((0, 3), np.float32), [])
    assert path.stat().st_size > 0
    if suffix == ".json":
        assert json.loads(path.read_text(encoding="utf-8")) == []


def test_vectors_need_a_name_each(tmp_path):
    with pytest.raises(rt.InputError, match=r"expected \(N, D\) and N names, got \(5, 7\) and 1 name\b"):
        write_vectors(tmp_path / "v.npz", VECTORS, ["a"])


def test_a_folder_that_cannot_be_written_is_found_out_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for name in ("v.npz", "new/folders/v.npz"):
        with pytest.raises(rt.OutputError, match=r"cannot write .*v\.npz: Permission denied"):
            check_output(tmp_path / name, "npz", force=True)
    monkeypatch.setattr(files, "_is_read_only", lambda folder: True)
    with pytest.raises(rt.OutputError, match="Read-only file system"):
        check_output(tmp_path / "v.npz", "npz")
    monkeypatch.undo()
    check_output(tmp_path / "new" / "folders" / "v.npz", "npz")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(rt.OutputError, match="expected a folder, got a file in its place"):
        check_output(tmp_path / "file" / "v.npz", "npz")
    assert sorted(os.listdir(str(tmp_path))) == ["file"]


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="needs links")
def test_a_link_is_written_where_it_leads(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "shut").mkdir()
    os.symlink(str(tmp_path / "open" / "v.npz"), str(tmp_path / "shut" / "v.npz"))
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("shut"))
    check_output(tmp_path / "shut" / "v.npz", "npz")
    with pytest.raises(rt.OutputError, match="Permission denied"):
        check_output(tmp_path / "shut" / "w.npz", "npz")
