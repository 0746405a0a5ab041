"""A disk that is full, and files that another process puts in place or removes meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import zlib

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.errors import OutputError
from onnxnn_runtime.gallery import folder as folders
from onnxnn_runtime.gallery import held, saving
from onnxnn_runtime.gallery.lock import writer_lock
from support.posix import posix


@pytest.fixture
def path(tmp_path):
    """A gallery of three entries."""
    folder = tmp_path / "g"
    rt.Gallery.from_vectors([[1, 0], [0, 1], [1, 1]], ["a", "b", "c"]).save(folder)
    return folder


@contextlib.contextmanager
def largest_file(size):
    """Let no file of this process grow beyond a size, as on a disk that is full."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def state(gallery):
    return gallery.names, gallery.labels, gallery.vectors.tolist(), len(gallery)


@posix
def test_what_a_full_disk_refused_is_never_written_later(path):
    """Neither when room is made before the file is closed, nor by the next call."""
    gallery = rt.Gallery.open(path)
    before, log = state(gallery), path / "log-000001.jsonl"
    for size in range(0, 400, 7):
        with largest_file(size), pytest.raises(rt.OutputError, match="cannot write"):
            gallery.add_vectors(np.ones((20, 2)), [f"{'x' * 40}{row}" for row in range(20)], "label")
        assert state(gallery) == before == state(rt.Gallery.open(path))
        assert b"\n" not in log.read_bytes()
    gallery.add_vectors([[1, 0]], ["d"])
    assert rt.Gallery.open(path).names == ["a", "b", "c", "d"]


def test_what_was_written_before_a_disk_was_full_stays(model, photos, tmp_path, monkeypatch):
    """Both in the folder and in the gallery that is open."""
    real, calls = folders._write, []

    def write(file, start, content):
        calls.append(start)
        if len(calls) == 7:  # the vectors of the fourth part
            raise OSError(28, "No space left on device")
        real(file, start, content)

    gallery = rt.Gallery.build(model, [], tmp_path / "g")
    for fails_at_the_end in (False, True):
        calls.clear()
        with monkeypatch.context() as patched:
            patched.setattr(folders, "_write", write)
            if fails_at_the_end:
                patched.setattr(folders, "flush", no_room)
            with pytest.raises(rt.OutputError, match="cannot write"):
                gallery.add(str(photos), batch_size=2)
        opened = rt.Gallery.open(tmp_path / "g")
        assert 0 < len(opened) < 40
        assert state(gallery) == state(opened)
        gallery.remove(gallery.names)
    assert gallery.add(str(photos)).added == 40


def no_room(*_):
    raise OutputError.coded("E-OUTPUT-01", "cannot write {path}: no space. Make room.", path="x")


def test_a_change_counts_where_there_is_no_room_for_another_manifest(path, monkeypatch):
    """The log has it, for the disk as well; what was removed must not be there again, nor be said to be."""
    gallery = rt.Gallery.open(path)
    with monkeypatch.context() as patched:
        patched.setattr(folders, "write_manifest", no_room)
        assert gallery.remove("a").removed == 1
        assert gallery.add_vectors([[2, 1]], ["d"]).added == 1
        assert state(gallery) == state(rt.Gallery.open(path))
        assert not gallery.refresh()
    assert gallery.names == ["b", "c", "d"]
    gallery.remove("b")
    assert rt.Gallery.open(path).names == ["c", "d"]


@pytest.mark.parametrize("file", ["vectors", "names", "gallery"])
def test_a_gallery_that_cannot_be_written_leaves_no_folder(model, tmp_path, monkeypatch, file):
    real = os.replace

    def replace(source, target):
        if os.path.basename(str(target)).startswith(file):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr("onnxnn_runtime.files.atomic.os.replace", replace)
    gallery = rt.Gallery.from_vectors([[1, 0]], ["a"])
    (tmp_path / "mine").mkdir()
    for name in ("new", "mine"):
        for call in (gallery.save, lambda path: rt.Gallery.build(model, [], path)):
            with pytest.raises(rt.OutputError, match="No space left"):
                call(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]
    monkeypatch.undo()
    assert rt.Gallery.open(gallery.save(tmp_path / "mine")).names == ["a"]


@pytest.mark.parametrize("place", ["created", "write_manifest"])
def test_a_change_counts_where_there_is_no_room_to_pack_the_log(path, monkeypatch, place):
    monkeypatch.setattr(folders, "_MOST_RECORDS", 0)
    gallery = rt.Gallery.open(path)
    files = sorted(os.listdir(str(path)))
    with monkeypatch.context() as patched:
        if place == "created":
            patched.setattr(folders, "created", no_room)
        else:
            real, calls = folders.write_manifest, []

            def second_fails(*args):
                calls.append(args)
                return real(*args) if len(calls) == 1 else no_room()

            patched.setattr(folders, "write_manifest", second_fails)
        assert gallery.add_vectors([[2, 1]], ["d"]).added == 1
    assert gallery.names == ["a", "b", "c", "d"] == rt.Gallery.open(path).names
    assert sorted(os.listdir(str(path))) == files  # what was begun is gone
    gallery.remove("a")
    assert gallery.names == ["b", "c", "d"] == rt.Gallery.open(path).names
    assert next(path.glob("log-*")).stat().st_size == 0


@pytest.mark.parametrize("small", [0, 1 << 16])
def test_readers_know_the_files_of_their_entries_when_others_are_in_place(
    model, photos, tmp_path, monkeypatch, small
):
    monkeypatch.setattr(held, "_SMALL", small)
    rt.Gallery.build(model, str(photos), tmp_path / "g").save(tmp_path / "g")
    reader, other = (rt.Gallery.open(tmp_path / "g") for _ in range(2))
    name = reader.names[3]
    expected = other.file_of(name)
    monkeypatch.setattr(folders, "_MOST_RECORDS", 0)
    monkeypatch.setattr(folders, "_FEW", 0)
    writer = rt.Gallery.open(tmp_path / "g")
    writer.remove(writer.names[1:])
    assert reader.file_of(name) == expected
    assert reader.file_of("nothing") is None
    saved = rt.Gallery.open(reader.save(tmp_path / "other"), model)
    assert saved.add(str(photos)).unchanged == 40


@pytest.mark.parametrize("small", [0, 1 << 16])
def test_a_small_file_is_read_and_not_left_open(tmp_path, monkeypatch, small):
    """On Windows a file that is open can neither be removed nor replaced."""
    monkeypatch.setattr(held, "_SMALL", small)
    (tmp_path / "a").write_bytes(b"123" * 100)
    file = held.HeldFile(tmp_path, "a")
    assert hasattr(file, "_descriptor") == (small == 0)
    if small or os.name != "nt":
        (tmp_path / "a").unlink()
    assert [file.content(), file.content(), file.size] == [b"123" * 100, b"123" * 100, 300]


@pytest.mark.parametrize(
    "files", ["[1,2]", '[[1,2,"a"],[1,2,"a"],5]', "[[1,2,3],null,null]", '[["1",2,""],null,null]', "[null]"]
)
def test_files_of_entries_that_are_none_are_damaged(path, files):
    """Also where the manifest says that this is what was written."""
    content = (files + "\n").encode()
    (path / "files-000001.json").write_bytes(content)
    manifest = json.loads((path / "gallery.json").read_text(encoding="utf-8"))
    manifest.update(files_bytes=len(content), files_crc=zlib.crc32(content))
    (path / "gallery.json").write_text(json.dumps(manifest), encoding="utf-8")
    gallery = rt.Gallery.open(path)
    with pytest.raises(rt.InputError, match=r"got one whose file files-000001\.json is cut off"):
        gallery.file_of("a")
    assert gallery.search([1, 0], 1)[0].name == "a"


def test_a_refused_build_removes_nothing_of_another_process(model, tmp_path, monkeypatch):
    """It gives the lock back before it removes what it made; another process may be faster."""
    real = saving.writer_lock

    def slow_lock(folder, *args):
        monkeypatch.setattr(saving, "writer_lock", real)
        rt.Gallery.open(folder).add_vectors([[1, 0]], ["theirs"])
        return real(folder, *args)

    def broken(*_):
        monkeypatch.setattr(saving, "writer_lock", slow_lock)
        raise rt.InputError.coded("E-INPUT-06", "x: expected y. Give y.")

    monkeypatch.setattr("onnxnn_runtime.gallery.gallery.update", broken)
    with pytest.raises(rt.InputError, match="expected y"):
        rt.Gallery.build(model, [], tmp_path / "g")
    assert rt.Gallery.open(tmp_path / "g").names == ["theirs"]


def test_a_refused_build_waits_for_nobody(model, tmp_path, monkeypatch):
    def broken(*_):
        raise rt.InputError.coded("E-INPUT-06", "x: expected y. Give y.")

    monkeypatch.setattr("onnxnn_runtime.gallery.gallery.update", broken)
    with pytest.raises(rt.InputError, match="expected y"):
        rt.Gallery.build(model, [], tmp_path / "g")
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_lock_of_a_folder_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    """Another process may have made the folder again, with a lock of its own."""
    folder = tmp_path / "g"
    folder.mkdir()
    real = os.path.samestat

    def removed(*stats):
        (folder / "writer.lock").unlink()
        (folder / "writer.lock").write_bytes(b"")
        return real(stats[0], os.stat(str(folder / "writer.lock")))

    monkeypatch.setattr("onnxnn_runtime.gallery.lock.os.path.samestat", removed)
    with pytest.raises(rt.OutputError, match="cannot write"), writer_lock(folder):
        raise AssertionError


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read_is_searched(path):
    path.chmod(0o555)
    try:
        gallery = rt.Gallery.open(path)
        assert gallery.search([1, 0], 1)[0].name == "a"
        (path / "writer.lock").chmod(0o444)
        with pytest.raises(rt.OutputError, match="cannot write"):
            gallery.remove("a")
    finally:
        path.chmod(0o755)
