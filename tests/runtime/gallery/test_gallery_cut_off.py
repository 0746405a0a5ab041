"""Folders of galleries that end too early: nothing is lost in silence, and nothing ends in a traceback."""

from __future__ import annotations

import os
import shutil

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.gallery import folder as folders
from support.posix import posix

VECTORS = np.array([[3, 4], [-1, 0], [0, 2], [5, 5], [1, -1]], np.float32)
NAMES = ["a", "猫 二.jpg", "c", "d\n", "e"]


def content_of(path):
    gallery = rt.Gallery.open(path)
    return gallery.names, gallery.labels, gallery.vectors.tolist()


@pytest.fixture
def complete(tmp_path, monkeypatch):
    """A gallery with every kind of file: names that are packed, and a log of additions and a removal."""
    monkeypatch.setattr(folders, "_MOST_RECORDS", 1)
    path = tmp_path / "complete"
    rt.Gallery.from_vectors(VECTORS[:2], NAMES[:2], ["x", None]).save(path)
    gallery = rt.Gallery.open(path)
    gallery.add_vectors(VECTORS[2:3], NAMES[2:3])
    gallery.remove("a")  # the second line of the log: both become new files
    monkeypatch.undo()
    gallery.add_vectors(VECTORS[3:], NAMES[3:], "y")
    return path


def test_a_file_that_is_cut_at_any_byte_is_named(complete):
    expected = content_of(complete)
    for name in sorted(os.listdir(str(complete))):
        content = (complete / name).read_bytes()
        for end in range(len(content) - (name == "gallery.json")):  # which ends in a line break
            (complete / name).write_bytes(content[:end])
            with pytest.raises(
                rt.InputError, match=rf"complete gallery, got one whose file {name} is cut off"
            ):
                rt.Gallery.open(complete)
        (complete / name).unlink()
        if name != "writer.lock":
            with pytest.raises(rt.InputError, match=r"file .* is missing|without the file gallery.json"):
                rt.Gallery.open(complete)
        (complete / name).write_bytes(content)
    assert content_of(complete) == expected


def test_a_call_that_was_killed_at_any_byte_leaves_whole_changes(complete, tmp_path):
    """What a killed process leaves: the manifest from before, and the first bytes of what it wrote."""
    before, log = tmp_path / "before", next(complete.glob("log-*")).name
    vectors = next(complete.glob("vectors-*")).name
    shutil.copytree(str(complete), str(before))
    gallery, states = rt.Gallery.open(complete), [content_of(complete)]
    for number in range(3):
        gallery.add_vectors([[number, 1]], [f"new {number}"])
        states.append(content_of(complete))
    written = (complete / log).read_bytes()
    shutil.copy(str(complete / vectors), str(before / vectors))
    first = len((before / log).read_bytes())
    ends = [first] + [first + end + 1 for end, byte in enumerate(written[first:]) if byte == ord("\n")]
    for end in range(first, len(written) + 1):
        (before / log).write_bytes(written[:end])
        done = sum(end >= each for each in ends) - 1
        assert content_of(before) == states[done]
    (before / log).write_bytes(written[:-3])
    assert rt.Gallery.open(before).add_vectors([[7, 7]], ["after"]).added == 1
    assert content_of(before)[0] == [*states[2][0], "after"]


def test_vectors_that_never_reached_the_disk_are_no_entries(complete, tmp_path):
    before, log = tmp_path / "before", next(complete.glob("log-*")).name
    shutil.copytree(str(complete), str(before))
    expected = content_of(before)
    rt.Gallery.open(complete).add_vectors([[1, 1]], ["lost"])
    vectors = next(complete.glob("vectors-*")).name
    (before / log).write_bytes((complete / log).read_bytes())
    for content in ((complete / vectors).read_bytes()[:-8] + bytes(8), (before / vectors).read_bytes()):
        (before / vectors).write_bytes(content)
        assert content_of(before) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_no_number_any_more_is_never_found(complete, bad):
    names = content_of(complete)[0]
    path = next(complete.glob("vectors-*"))
    content = bytearray(path.read_bytes())
    content[-4:] = np.array(bad, "<f4").tobytes()  # of "e", the last one
    path.write_bytes(bytes(content))
    gallery = rt.Gallery.open(complete)
    for k in (1, 3, 4, 9):
        found = gallery.search([0.0, 1.0], k)
        assert len(found) == min(k, 3)
        assert {each.name for each in found} <= set(names) - {"e"}
        assert all(-1 <= each.score <= 1 for each in found)


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"{}", b"null", b"\xff", b'{"format": "other"}', b"[" * 100_000,
        b'{"format": "onnxnn gallery", "version": 1, "about": {"dimension": -1}}',
    ],
    ids=repr,
)  # fmt: skip
def test_another_manifest_is_refused(complete, content):
    (complete / "gallery.json").write_bytes(content)
    with pytest.raises(rt.InputError, match=r"whose file gallery.json is cut off"):
        rt.Gallery.open(complete)


@posix
@pytest.mark.parametrize("part", ["gallery.json", "names", "files", "log"])
def test_a_named_pipe_is_never_opened(complete, part):
    path = next(complete.glob(part + "*"))
    path.unlink()
    os.mkfifo(str(path))
    with pytest.raises(rt.InputError, match=r"is not a regular file|is cut off"):
        rt.Gallery.open(complete)


def test_a_newer_version_is_named(complete):
    text = (complete / "gallery.json").read_text(encoding="ascii")
    (complete / "gallery.json").write_text(text.replace('"version": 1', '"version": 9'), encoding="ascii")
    with pytest.raises(rt.InputError, match=r"version 1 at most, got 9"):
        rt.Gallery.open(complete)


@pytest.mark.parametrize(
    "changed", ['"dimension": 0', '"number": 3', '"vectors": 99', '"dtype": "int8"', '"rows": 1e3']
)
def test_a_manifest_that_means_other_files_is_refused(complete, changed):
    lines = (complete / "gallery.json").read_text(encoding="ascii").split("\n")
    key = changed.split(":")[0]
    lines = [f" {changed}," if line.strip().startswith(key) else line for line in lines]
    (complete / "gallery.json").write_text("\n".join(lines), encoding="ascii")
    with pytest.raises(rt.InputError, match=r"expected a complete gallery"):
        rt.Gallery.open(complete)
