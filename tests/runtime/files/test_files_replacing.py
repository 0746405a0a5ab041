"""What becomes of the old file, of its mode and links, and of what a killed process left."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import onnxnn_runtime.files.atomic as atomic
import pytest
from onnxnn_runtime.errors import OutputError
from onnxnn_runtime.files.access import write_atomically
from support.posix import posix


def put(content):
    return lambda file: file.write(content)


def names_in(folder):
    return sorted(os.listdir(str(folder)))


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o700, 0o400])
def test_the_mode_is_kept(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, put(b"new"))
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(0o600)
    assert path.read_bytes() == b"new"


@posix
def test_a_private_file_is_private_while_it_is_written(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)

    def look(file):
        (temporary,) = tmp_path.glob(".*.part")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600

    write_atomically(path, look)


@posix
def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    path = write_atomically(tmp_path / "file", put(b"new"))
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


@posix
@pytest.mark.parametrize("chain", [1, 2])
@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_one(tmp_path, chain, exists):
    (tmp_path / "store").mkdir()
    target = tmp_path / "store" / "file"
    if exists:
        target.write_bytes(b"old")
    link = target
    for number in range(chain):
        os.symlink(str(link), str(tmp_path / f"link{number}"))
        link = tmp_path / f"link{number}"
    assert write_atomically(link, put(b"new")) == link
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()
    assert names_in(tmp_path / "store") == ["file"]


@posix
def test_a_link_to_itself_is_refused(tmp_path):
    os.symlink("link", str(tmp_path / "link"))
    with pytest.raises(OutputError, match=r"cannot write .*link: "):
        write_atomically(tmp_path / "link", put(b"new"))


@pytest.mark.parametrize("length", [100, 101, 240, 241, 250, 255])
@pytest.mark.parametrize("letter", ["a", "é", "图"])
def test_names_of_up_to_255_bytes_are_written(tmp_path, length, letter):
    name = letter * (length // len(letter.encode()))
    name += "x" * (length - len(name.encode()))
    write_atomically(tmp_path / name, put(b"old"))
    write_atomically(tmp_path / name, put(b"new"))
    assert (tmp_path / name).read_bytes() == b"new"
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("length", [256, 300, 5000])
def test_longer_names_are_refused_and_named(tmp_path, length):
    with pytest.raises(
        OutputError, match=r"cannot write .*aaa.*expected a name of at most 255 bytes.*Choose a shorter one"
    ) as found:
        write_atomically(tmp_path / "new" / ("a" * length), put(b"new"))
    assert len(str(found.value)) < 600
    assert ".part" not in str(found.value)
    assert names_in(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_names_that_are_not_utf_8_are_written(tmp_path):
    name = os.fsdecode("猫".encode("gbk"))
    path = write_atomically(tmp_path / name, put(b"new"))
    assert path.read_bytes() == b"new"
    with pytest.raises(OutputError, match=r"cannot write .*below: ") as found:
        write_atomically(tmp_path / name / "below", put(b"new"))
    str(found.value).encode("utf-8")  # can be printed


@posix
def test_names_that_no_file_system_holds_are_refused(tmp_path):
    with pytest.raises(OutputError, match="no file system can hold this name"):
        write_atomically(tmp_path / "a\ud800b", put(b"new"))
    assert names_in(tmp_path) == []


# ---- failures --------------------------------------------------------------------------------


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("where", ["open", "fsync", "replace", "mkdir"])
def test_a_failure_names_the_wanted_file_and_leaves_nothing(tmp_path, monkeypatch, number, where):
    if where == "fsync" and number in (errno.EROFS, errno.EACCES):
        pytest.skip("a file system that cannot flush says so")
    monkeypatch.setattr(atomic, "_WAITS", (0,))
    (tmp_path / "wanted.bin").write_bytes(b"old")
    target = tmp_path / "new" / "wanted.bin" if where == "mkdir" else tmp_path / "wanted.bin"
    monkeypatch.setattr(os, where, failing(number))
    with pytest.raises(OutputError, match=r"cannot write .*wanted.bin: .*Nothing was changed") as found:
        write_atomically(target, put(b"new"))
    monkeypatch.undo()
    assert ".part" not in str(found.value)
    assert os.strerror(number) in str(found.value)
    assert (tmp_path / "wanted.bin").read_bytes() == b"old"
    assert names_in(tmp_path) == ["wanted.bin"]


def test_a_cleanup_that_fails_does_not_hide_the_reason(tmp_path, monkeypatch):
    """As where a disk becomes read-only after an error."""
    for name in ("unlink", "remove"):
        monkeypatch.setattr(os, name, failing(errno.EROFS))
    monkeypatch.setattr(Path, "unlink", failing(errno.EROFS))
    with pytest.raises(OutputError, match="No space left"):
        write_atomically(tmp_path / "file", failing(errno.ENOSPC))


def test_folders_made_for_a_file_that_fails_go_away(tmp_path):
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "a" / "b" / "file", failing(errno.ENOSPC))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EPERM])
@pytest.mark.parametrize("what", ["fsync", "chmod", "chown", "flock"])
def test_file_systems_that_cannot_do_everything_still_hold_files(tmp_path, monkeypatch, number, what):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    module = atomic.fcntl if what == "flock" else os
    if not hasattr(module, what):
        pytest.skip("this system has no such call")
    monkeypatch.setattr(module, what, failing(number))
    write_atomically(path, put(b"new"))
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EINVAL, errno.ENOTSUP, errno.EXDEV])
@pytest.mark.parametrize("exists", [True, False])
def test_where_renaming_does_not_work_the_content_is_copied(tmp_path, monkeypatch, number, exists):
    path = tmp_path / "file"
    if exists:
        path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", failing(number))
    write_atomically(path, put(b"new"))
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["file"]


def test_a_copy_that_fails_brings_the_old_content_back(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", failing(errno.EBUSY))

    def half(_, target):
        Path(target).write_bytes(b"ne")
        failing(errno.ENOSPC)()

    monkeypatch.setattr(shutil, "copyfile", half)
    with pytest.raises(OutputError, match="No space left"):
        write_atomically(path, put(b"new"))
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize(("times", "works"), [(1, True), (3, True), (99, False)])
def test_a_file_that_another_program_locks_for_a_moment_is_replaced(tmp_path, monkeypatch, times, works):
    """As Windows does while a virus scanner reads the file."""
    (tmp_path / "file").write_bytes(b"old")
    real, calls = os.replace, []

    def locked(*paths):
        calls.append(paths)
        if len(calls) <= times:
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        real(*paths)

    monkeypatch.setattr(os, "replace", locked)
    monkeypatch.setattr(atomic.time, "sleep", lambda seconds: None)
    if works:
        write_atomically(tmp_path / "file", put(b"new"))
    else:
        with pytest.raises(OutputError, match=r"cannot write .*file: .*If another program has the file open"):
            write_atomically(tmp_path / "file", put(b"new"))
    assert (tmp_path / "file").read_bytes() == (b"new" if works else b"old")
    assert names_in(tmp_path) == ["file"]


def by_numpy(file):
    import numpy as np

    np.save(file, np.zeros(100_000))


def by_numpy_savez(file):
    import numpy as np

    np.savez(file, a=np.zeros(100_000))


def by_pillow(kind):
    def write(file):
        import numpy as np
        from PIL import Image

        noise = np.random.RandomState(0).randint(0, 256, (300, 300, 3)).astype(np.uint8)
        Image.fromarray(noise).save(file, format=kind)

    return write


@posix
@pytest.mark.parametrize(
    "write",
    [put(b"x" * 100_000), by_numpy, by_numpy_savez, *map(by_pillow, ["PNG", "JPEG", "BMP", "GIF"])],
    ids=["bytes", "npy", "npz", "png", "jpeg", "bmp", "gif"],
)
def test_a_disk_that_is_full_half_way_is_named_by_every_writer(tmp_path, write):
    """With a limit on the size of files, which acts as a full disk does."""
    import resource

    (tmp_path / "file").write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*file: File too large"):
            write_atomically(tmp_path / "file", write)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


@posix
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_folder_without_permission_is_named_for_anybody_but_root(public_folder):
    """In a child process without root's rights, so that it means something for root, too."""
    (public_folder / "file").write_bytes(b"old")
    public_folder.chmod(0o555)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            write_atomically(public_folder / "file", put(b"new"))
        except OutputError as error:
            code = 0 if "Permission denied" in str(error) and ".part" not in str(error) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    public_folder.chmod(0o755)
    assert os.WEXITSTATUS(status) == 0
    assert (public_folder / "file").read_bytes() == b"old"


# ---- what a killed process leaves -------------------------------------------------------------

HANGING = """
import sys, time
from onnxnn_runtime.files.access import write_atomically

def write(file):
    file.write(b"half")
    print("writing", flush=True)
    time.sleep(60)

write_atomically(sys.argv[1], write)
"""


def start_writing(path):
    child = subprocess.Popen([sys.executable, "-c", HANGING, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == b"writing"
    return child


@posix
@pytest.mark.parametrize("name", ["model.onnx", "n" * 250])
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path, name):
    with start_writing(tmp_path / name) as child:
        child.send_signal(signal.SIGKILL)
    assert len(names_in(tmp_path)) == 1
    write_atomically(tmp_path / "other", put(b"other"))
    assert len(names_in(tmp_path)) == 2  # of another file nothing is removed
    write_atomically(tmp_path / name, put(b"new"))
    assert names_in(tmp_path) == sorted([name, "other"])


@posix
def test_the_file_of_a_living_writer_stays(tmp_path):
    with start_writing(tmp_path / "model.onnx") as child:
        try:
            write_atomically(tmp_path / "model.onnx", put(b"new"))
            assert len(names_in(tmp_path)) == 2
        finally:
            child.kill()
    assert (tmp_path / "model.onnx").read_bytes() == b"new"


@posix
@pytest.mark.parametrize(("age", "stays"), [(60, True), (100 * 3600, False)])
def test_where_files_cannot_be_locked_only_old_ones_are_removed(tmp_path, monkeypatch, age, stays):
    left = tmp_path / ".model.onnx.0123abcd.part"
    left.write_bytes(b"half")
    os.utime(str(left), (time.time() - age,) * 2)
    monkeypatch.setattr(atomic.fcntl, "flock", failing(errno.ENOLCK))
    write_atomically(tmp_path / "model.onnx", put(b"new"))
    assert left.exists() == stays


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    contents = [bytes([number]) * 1000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomically(tmp_path / "file", put(content)), contents))
    assert (tmp_path / "file").read_bytes() in contents
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("content", [None, b"old"])
def test_what_another_process_writes_is_discarded(tmp_path, content):
    path = tmp_path / "a.bin"
    if content is not None:
        path.write_bytes(content)
    with atomic.discarding():
        assert write_atomically(path, lambda file: file.write(b"new")) == path
    assert (path.read_bytes() if path.exists() else None) == content
    assert len(list(tmp_path.iterdir())) == (content is not None)
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
