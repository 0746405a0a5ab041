"""`onnxnn gallery`, through the real entry point."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image


@pytest.fixture
def photos(exported, tmp_path):
    """A folder of two class folders beside a gallery of it, in the command's folder."""
    shutil.copy(str(exported / "cnn.onnx"), str(tmp_path / "pets.onnx"))
    for number in range(6):
        path = tmp_path / "photos" / ("猫" if number % 2 else "dog") / f"{number} 号.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.RandomState(number).randint(0, 256, (28, 28, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(str(path))
    return tmp_path / "photos"


@pytest.fixture
def gallery(onnxnn, photos):
    """The gallery of the photos, by its name."""
    done = onnxnn("gallery", "build", "g", "pets.onnx", "photos", "--class-folders")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "6 entries in g: 6 added, 0 changed, 0 unchanged, 0 removed\n"
    return "g"


def test_a_gallery_is_built_again_where_files_have_changed(onnxnn, gallery, photos):
    (photos / "dog" / "0 号.png").unlink()
    Image.new("RGB", (28, 28)).save(str(photos / "猫" / "1 号.png"))
    done = onnxnn("gallery", "build", gallery, "pets.onnx", "photos", "--json")
    counts = {"added": 0, "changed": 1, "unchanged": 4, "removed": 1}
    assert json.loads(done.stdout) == {"gallery": "g", "entries": 5, **counts, "skipped": 0}
    listed = json.loads(onnxnn("gallery", "list", gallery, "--json").stdout)
    assert [each["label"] for each in listed["entries"]] == ["dog", "dog", "猫", "猫", "猫"]
    assert listed["model"] == "pets.onnx"


def test_entries_are_added_and_removed(onnxnn, gallery, tmp_path):
    Image.new("RGB", (28, 28), "red").save(str(tmp_path / "new.png"))
    done = onnxnn("gallery", "add", gallery, "new.png", "photos", "--label", "x", "--json")
    assert json.loads(done.stdout)["added"] == 1
    listed = onnxnn("gallery", "list", gallery).stdout.splitlines()
    assert (listed[0].split(), listed[-1].split(), len(listed)) == (["label", "name"], ["x", "new.png"], 8)
    assert onnxnn("gallery", "remove", gallery, "new.png").stdout.startswith("6 entries in g: 0 added")
    done = onnxnn("gallery", "remove", gallery, "new.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("onnxnn: new.png: expected the name of an entry, but none has it")
    assert "`onnxnn gallery list`" in done.stderr


def test_what_is_found_is_printed_and_drawn(onnxnn, gallery, tmp_path):
    query = os.path.join("photos", "猫", "3 号.png")
    done = onnxnn("gallery", "search", gallery, query, "-k", 2, "--sheet", "found.png")
    lines = done.stdout.splitlines()
    assert (lines[0], lines[1].split()) == (query, ["score", "label", "name"])
    assert lines[2].split(None, 2) == ["1.0000", "猫", query]
    with Image.open(str(tmp_path / "found.png")) as sheet:
        assert sheet.size[0] > 3 * 140
        assert len(set(sheet.convert("L").tobytes())) > 100
    found = json.loads(onnxnn("gallery", "search", gallery, "photos", "-k", 1, "--json").stdout)
    assert [(each["query"], each["matches"][0]["score"]) for each in found] == [
        (each["matches"][0]["name"], 1.0) for each in found
    ]
    assert len(found) == 6
    done = onnxnn("gallery", "search", gallery, query, "--sheet", query)
    assert done.returncode == 1
    assert "expected another file than the one that is read" in done.stderr


def test_duplicates_are_printed(onnxnn, gallery, photos):
    assert onnxnn("gallery", "duplicates", gallery, "--threshold", 1).stdout == "no duplicates\n"
    shutil.copy(str(photos / "猫" / "1 号.png"), str(photos / "copy.png"))
    assert onnxnn("gallery", "add", gallery, "photos").returncode == 0
    (group,) = json.loads(onnxnn("gallery", "duplicates", gallery, "--threshold", 1, "--json").stdout)
    assert os.path.basename(group["query"]) == "1 号.png"
    assert [os.path.basename(each["name"]) for each in group["matches"]] == ["copy.png"]


def test_a_model_that_was_moved_is_asked_for(onnxnn, gallery, tmp_path):
    (tmp_path / "pets.onnx").rename(tmp_path / "elsewhere.onnx")
    query = os.path.join("photos", "猫", "3 号.png")
    done = onnxnn("gallery", "search", gallery, query)
    assert done.returncode == 1
    assert "its model pets.onnx is not at" in done.stderr
    assert onnxnn("gallery", "search", gallery, query, "--model", "elsewhere.onnx").returncode == 0


def test_another_model_is_refused_without_advice_about_inputs(onnxnn, gallery, exported):
    done = onnxnn("gallery", "build", gallery, exported / "backbone.onnx", "photos")
    assert done.returncode == 1
    assert "E-GALLERY-02" in done.stderr
    assert "--skip-errors" not in done.stderr


def test_a_broken_image_stops_or_is_left_out(onnxnn, gallery, photos):
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = onnxnn("gallery", "add", gallery, "photos")
    assert done.returncode == 1
    assert "broken.png" in done.stderr
    assert "--skip-errors" in done.stderr
    done = onnxnn("gallery", "add", gallery, "photos", "--skip-errors", "--json")
    assert (json.loads(done.stdout)["skipped"], done.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search", "nix", "a.png"], "nix: no such gallery"),
        (["list", "photos"], "photos: expected a gallery, got a folder without the file gallery.json"),
        (["build", "photos", "pets.onnx", "photos"], "got one with other files, such as"),
        (["build", "new", "nix.onnx", "photos"], "nix.onnx: no such file"),
        (["build", "new", "pets.onnx", "photos", "--dtype", "int8"], "dtype='int8': expected 'float32' or"),
        (["build", "new", "pets.onnx", "photos", "--label", "x", "--class-folders"], "one of both at most"),
        (["duplicates", "g", "--threshold", "2"], "threshold=2.0: expected a cosine similarity"),
    ],
)
@pytest.mark.usefixtures("gallery")
def test_what_is_wrong_is_said_in_one_line(onnxnn, tmp_path, arguments, said):
    done = onnxnn("gallery", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr
    assert not (tmp_path / "new").exists()


def test_each_command_of_it_has_help_with_an_example(onnxnn):
    for name in ("build", "add", "remove", "search", "duplicates", "list", "index", "push"):
        for language, word in (("en", "Example: "), ("zh", "示例：")):
            said = onnxnn("gallery", name, "--help", ONNXNN_LANG=language).stdout
            assert f"{word}onnxnn gallery {name} photos.gallery" in said


def test_a_sheet_shows_a_box_where_an_image_is_gone(tmp_path):
    from onnxnn_runtime.gallery.sheet import contact_sheet, write_sheet

    pixels = np.full((9, 9, 3), 200, np.uint8)
    found = rt.Gallery.from_vectors([[1, 0], [1, 1]], ["gone.png", "猫" * 40], "x").search([[1.0, 0.0]], 2)
    sheet = contact_sheet(found, [pixels])
    assert sheet.getpixel((12 + 72, 12 + 72)) == (200, 200, 200)
    assert sheet.getpixel((12 + 156 + 5, 12 + 5)) == (236, 238, 242)
    assert write_sheet(tmp_path / "sheet.jpg", found).is_file()
    with pytest.raises(
        rt.InputError, match=r"^sheet: expected at most 50 queries with 20 matches each, got 51"
    ):
        contact_sheet(found * 51)
