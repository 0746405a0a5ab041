"""Folders of galleries: one writer, readers beside it, logs that become files, and what else lies there."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.gallery import folder as folders
from onnxnn_runtime.gallery.lock import writer_lock
from support.posix import posix

WRITER = """
import os, sys
from pathlib import Path
from onnxnn_runtime.gallery.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print(os.getpid(), flush=True)
    sys.stdin.read()
    os._exit(9)
"""


@pytest.fixture
def path(tmp_path):
    """A gallery of three entries."""
    folder = tmp_path / "图库"
    rt.Gallery.from_vectors([[1, 0], [0, 1], [1, 1]], ["a", "b", "c"]).save(folder)
    return folder


def test_a_second_writer_is_refused_and_the_first_named(path):
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        pid = int(writer.stdout.readline())
        gallery = rt.Gallery.open(path)
        for call in (
            lambda: gallery.add_vectors([[1, 0]], ["d"]),
            lambda: gallery.remove("a"),
            lambda: rt.Gallery.from_vectors([[1, 0]], ["d"]).save(path),
        ):
            with pytest.raises(
                rt.InputError, match=rf"one writer at a time, but process {pid} on \S+ is writing"
            ):
                call()
        assert gallery.search([1, 0], 1)[0].name == "a"
        writer.stdin.close()  # it ends without giving the lock back
        assert writer.wait() == 9
    assert json.loads((path / "writer.lock").read_bytes().decode("ascii"))["pid"] == pid
    assert gallery.add_vectors([[1, 0]], ["d"]).added == 1
    assert (path / "writer.lock").read_bytes() == b""


def test_two_writers_in_one_process_are_refused_too(path):
    with writer_lock(path), pytest.raises(rt.InputError, match=rf"process {os.getpid()} on "):
        rt.Gallery.open(path).remove("a")


def test_a_lock_that_names_nobody_still_counts(path):
    with writer_lock(path):
        (path / "writer.lock").write_bytes(b"")
        with pytest.raises(rt.InputError, match=r"but another process is writing"):
            rt.Gallery.open(path).remove("a")


def test_readers_keep_what_they_opened_until_they_refresh(path, monkeypatch):
    monkeypatch.setattr(folders, "_MOST_RECORDS", 0)  # each call writes new files, and removes the old ones
    monkeypatch.setattr(folders, "_FEW", 0)
    reader, writer = rt.Gallery.open(path), rt.Gallery.open(path)
    files = set(os.listdir(str(path)))
    writer.add_vectors([[2, 1], [-1, 0]], ["d", "e"], "x")
    writer.remove(["a", "b", "c"])  # most of them: the vectors are written again, too
    if os.name != "nt":  # where files that are mapped stay until later
        assert len(files & set(os.listdir(str(path)))) == 2  # the manifest and the lock
    assert (reader.names, len(reader), reader.search([1, 0], 1)[0].name) == (["a", "b", "c"], 3, "a")
    assert reader.refresh()
    assert (reader.names, reader.labels, reader.search([1, 0], 1)[0].name) == (["d", "e"], ["x", "x"], "d")
    assert not reader.refresh()
    np.testing.assert_array_equal(reader.vectors, writer.vectors)


def test_a_writer_takes_in_what_another_one_wrote_before(path):
    first, second = rt.Gallery.open(path), rt.Gallery.open(path)
    first.add_vectors([[2, 1]], ["d"])
    second.add_vectors([[3, 1]], ["e"])
    assert second.names == ["a", "b", "c", "d", "e"] == rt.Gallery.open(path).names
    with pytest.raises(rt.InputError, match=r"^e: is in the gallery already"):
        first.add_vectors([[1, 1]], ["e"])


def test_a_reader_finds_files_that_are_replaced_while_it_opens(path, monkeypatch):
    writer, real, done = rt.Gallery.open(path), folders.read_manifest, []

    def read_manifest(folder):
        manifest = real(folder)
        if not done:
            done.append(True)
            monkeypatch.setattr(folders, "_MOST_RECORDS", 0)
            writer.add_vectors([[2, 1]], ["d"])  # the files that the manifest names are gone now
        return manifest

    monkeypatch.setattr(folders, "read_manifest", read_manifest)
    assert rt.Gallery.open(path).names == ["a", "b", "c", "d"]


def test_many_small_changes_are_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_MOST_RECORDS", 5)
    path = tmp_path / "g"
    rt.Gallery.from_vectors(np.ones((1, 2)), ["0"]).save(path)
    gallery = rt.Gallery.open(path)
    for number in range(1, 30):
        gallery.add_vectors([[number, 1]], [f"{number}"], [number])
        if number % 3 == 0:
            gallery.remove(f"{number - 1}")
        assert next(path.glob("log-*")).read_bytes().count(b"\n") <= 5
    expected = [str(number) for number in range(30) if number % 3 != 2 or number == 29]
    again = rt.Gallery.open(path)
    assert (again.names, again.labels[1:]) == (expected, expected[1:])
    assert len(list(path.iterdir())) == 6
    np.testing.assert_array_equal(again.vectors, gallery.vectors)


def test_vectors_are_mapped_and_not_copied(path):
    vectors = rt.Gallery.open(path).vectors
    assert isinstance(vectors.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 0


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(rt.InputError, match=r"got one with other files, such as notes.txt"):
        rt.Gallery.from_vectors([[1, 0]], ["a"]).save(tmp_path)
    with pytest.raises(rt.InputError, match=r"got a folder without the file gallery.json"):
        rt.Gallery.open(tmp_path)
    with pytest.raises(rt.InputError, match=r"expected the folder of a gallery, got a file"):
        rt.Gallery.open(tmp_path / "notes.txt")
    with pytest.raises(rt.OutputError, match=r"expected a folder, got a file in its place"):
        rt.Gallery.from_vectors([[1, 0]], ["a"]).save(tmp_path / "notes.txt")
    with pytest.raises(rt.MissingInputError, match=r"no such gallery"):
        rt.Gallery.open(tmp_path / "nowhere")
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


@posix
@pytest.mark.parametrize("name", ["\ud800", "x" * 300, "x/" + "y" * 300, "x" * 5000, "x/" * 3000])
def test_a_name_that_no_folder_can_have_is_refused(tmp_path, monkeypatch, model, name):
    monkeypatch.chdir(tmp_path)
    gallery = rt.Gallery.from_vectors([[1, 0]], ["a"])
    calls = [gallery.save, rt.Gallery.open, rt.Gallery.load, lambda path: rt.Gallery.build(model, [], path)]
    for call in calls:
        with pytest.raises(rt.OnnxnnError, match=r"at most 255 bytes|no file system|no such|cannot write"):
            call(name)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_gallery_is_replaced_by_saving(path):
    (path / "gallery.json").write_bytes(b"{")
    rt.Gallery.from_vectors([[1, 0]], ["new"]).save(path)
    assert rt.Gallery.open(path).names == ["new"]
    assert len(list(path.iterdir())) == 6
