from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys

import pytest
from onnxnn_runtime import load
from onnxnn_runtime.errors import (
    CheckpointError,
    DataError,
    InputError,
    MissingCheckpointError,
    MissingDataError,
    MissingInputError,
    OnnxnnError,
    OutputError,
)
from onnxnn_runtime.files.access import as_path, cannot_read, cannot_write, regular_file, write_atomically
from onnxnn_runtime.tables.reader import read_table
from support.hostile_values import Pathless
from support.posix import socket_at


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_its_folder_made(tmp_path):
    path = write_atomically(tmp_path / "a" / "b" / "文件", lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert files_of(path.parent) == ["文件"]


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "file").write_bytes(b"old and longer")
    write_atomically(str(tmp_path / "file"), lambda file: file.write(b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"


def full_disk(file):
    file.write(b"half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_file(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"No space left on device. Nothing was changed"):
        write_atomically(tmp_path / "file", full_disk)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert files_of(tmp_path) == ["file"]


def test_any_other_error_passes_and_leaves_the_old_file(tmp_path):
    (tmp_path / "file").write_bytes(b"old")

    def interrupted(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", interrupted)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert files_of(tmp_path) == ["file"]


def test_a_folder_that_is_a_file_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"expected a folder, got a file in its place.*Choose a folder"):
        write_atomically(tmp_path / "file" / "below", lambda file: None)
    with pytest.raises(OutputError, match=r"cannot write .*expected the name of a file, got a folder"):
        write_atomically(tmp_path, lambda file: None)
    assert files_of(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_what_is_no_ordinary_file_is_never_replaced(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    with pytest.raises(OutputError, match=r"cannot write .*pipe: expected a regular file, got a named pipe"):
        write_atomically(tmp_path / "pipe", lambda file: None)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("path", [None, 5, "", "a\0b", b"name"])
def test_what_is_no_path_is_reported(path):
    with pytest.raises(OutputError, match="expected the path of a file or folder"):
        write_atomically(path, lambda file: None)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_reported(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OutputError, match="Permission denied"):
        write_atomically(tmp_path / "file", lambda file: None)


@pytest.mark.parametrize("moment", ["while writing", "before the rename"])
def test_a_process_killed_at_any_moment_leaves_the_old_file(tmp_path, moment):
    (tmp_path / "file").write_bytes(b"old")
    script = (
        "import os, sys\n"
        "from onnxnn_runtime.files.access import write_atomically\n"
        "if sys.argv[2] == 'before the rename':\n"
        "    os.replace = lambda *paths: os._exit(9)\n"
        "def write(file):\n"
        "    file.write(b'half')\n"
        "    file.flush()\n"
        "    if sys.argv[2] == 'while writing':\n"
        "        os._exit(9)\n"
        "write_atomically(sys.argv[1], write)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "file"), moment], check=False)
    assert done.returncode == 9
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.fixture
def not_regular(tmp_path):
    """Return what a path may name beside a file and a folder, each by its name in messages."""
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "pipe", tmp_path / "link")
    with socket_at(tmp_path / "socket") as bound:
        yield {
            "a named pipe": tmp_path / "pipe",
            "a socket": bound,
            "a device": "/dev/zero",
            "a named pipe, which": tmp_path / "link",
            "a folder": tmp_path,
        }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("error", [CheckpointError, DataError, InputError])
def test_only_regular_files_are_opened(not_regular, error):
    for kind, path in not_regular.items():
        with pytest.raises(error, match=f"expected a recipe, got {kind}"):
            regular_file(path, "recipe", error)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="Linux")
@pytest.mark.parametrize("name", ["/proc/self/mem", "/proc/self/maps", "link"])
def test_files_of_the_kernel_are_not_opened(tmp_path, name):
    """They say that they are regular and empty, and reading some of them waits forever."""
    os.symlink("/proc/self/mem", str(tmp_path / "link"))
    with pytest.raises(InputError, match="got a file of the kernel, which is not a regular file"):
        regular_file(name if name != "link" else tmp_path / name)


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (CheckpointError, MissingCheckpointError),
        (DataError, MissingDataError),
        (InputError, MissingInputError),
    ],
)
def test_a_file_that_is_not_there_is_a_file_not_found_error(tmp_path, error, missing):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "none", tmp_path / "file" / "below"):
        with pytest.raises(missing, match=r"no such table\. Look again\."):
            regular_file(path, "table", error, "Look again.")
    assert regular_file(tmp_path / "file", "table", error) == tmp_path / "file"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a" * 300, r"^a{40}\.\.\.: expected at most 255 bytes in the name of this table, got 300"),
        ("a\ud800b", "no file system can hold this name"),
        ("a\0b", "expected the path"),
        ("", "expected the path"),
        (3, "expected the path"),
    ],
)
def test_names_that_no_file_has_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        regular_file(name, "table")


@pytest.mark.parametrize("reason", [FileNotFoundError(2, "No such file"), OSError(22, "Invalid argument")])
def test_a_long_name_is_named_where_windows_says_something_else(reason):
    for name in ("a" * 300, "folder/" + "a" * 256):
        assert "at most 255 bytes" in str(cannot_read(name, reason))
        assert "at most 255 bytes" in str(cannot_write(name, reason))
    assert "at most 255 bytes" not in str(cannot_read("a/" * 300, reason))


def test_a_file_without_permission_is_named_as_such(tmp_path, monkeypatch):
    """As another user: whoever runs as root may read everything."""
    (tmp_path / "file").write_bytes(b"")

    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("builtins.open", forbidden)
    with pytest.raises(InputError, match="file: no permission to read this table"):
        regular_file(tmp_path / "file", "table")


@pytest.mark.parametrize("found", [KeyError("lost"), 5, None])
def test_an_object_that_returns_no_path(found, open_model):
    model = open_model("image_classifier")
    for call in (load, read_table, as_path, model.predict, lambda given: model.embed([given])):
        with pytest.raises(OnnxnnError, match=r"type Pathless: expected a path from its __fspath__\(\), got"):
            call(Pathless(found))
