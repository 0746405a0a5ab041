"""One writer of a gallery: a lock file that names its owner.

The lock is one of the operating system on an open file, so it ends with the process that holds it, however
that ends; the text in the file, which process and host that is, is for people. Who holds it alone removes the
file, with a folder that was made for a call which was refused.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from io import FileIO
from pathlib import Path
from typing import Callable, Iterator

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import cannot_write
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "writer.lock"

_BYTE = 1 << 30
"""The byte that is locked on Windows, where others could not read it: far beyond the text."""


@contextlib.contextmanager
def writer_lock(
    folder: Path, name: str = LOCK, busy: Callable[[str, str], InputError] | None = None
) -> Iterator[None]:
    """Hold the lock of a gallery, or of another folder, while the block runs.

    Args:
        folder: The folder, which exists.
        name: The file in it that is locked.
        busy: Makes the error of (folder, owner) where another writer holds it; None speaks of a gallery.

    Raises:
        InputError: Another writer holds it, in this process or another one; the message names it.
        OutputError: The folder may not be written.
    """
    path = folder / name
    with _opened(path) as file:
        if not _taken(file):
            raise (busy or _busy)(printable(str(folder)), _owner(file))
        if not _is_at(path, file):  # the folder was removed meanwhile, and the lock with it
            raise cannot_write(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        _write_owner(file, {"pid": os.getpid(), "host": socket.gethostname()})
        try:
            yield
        finally:
            _write_owner(file, None)
            _release(file)


def _opened(path: Path) -> FileIO:
    """Open the file without a buffer, whose content would be tried again on a disk that is full."""
    try:
        return open(str(path), "a+b", 0)
    except OSError as error:
        raise cannot_write(path, error) from error


def _is_at(path: Path, file: FileIO) -> bool:
    """Return whether a file that is open is the one that has a name now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(str(path)))
    except OSError:
        return False


def _taken(file: FileIO) -> bool:
    """Take the lock of the operating system; return whether nobody else has it.

    File systems that know no locks, some of networks, let everybody have it.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            file.seek(_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return fcntl is not None
    return True


def _release(file: FileIO) -> None:
    with contextlib.suppress(OSError):
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)
        else:
            import msvcrt

            file.seek(_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)


def _write_owner(file: FileIO, owner: object) -> None:
    with contextlib.suppress(OSError):  # the lock holds without the text
        file.seek(0)
        file.truncate()
        file.write(b"" if owner is None else json.dumps(owner).encode("ascii"))
        file.flush()


def _owner(file: FileIO) -> str:
    """Return who holds the lock, for a message."""
    try:
        file.seek(0)
        found = json.loads(file.read(1000).decode("ascii"))
        pid, host = int(found["pid"]), printable(str(found["host"]), 80)
        return gettext("process {pid} on {host}", pid=pid, host=host)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return gettext("another process")  # it took the lock a moment ago, and has not written yet


def _busy(folder: str, owner: str) -> InputError:
    return InputError.coded(
        "E-GALLERY-03",
        "{path}: expected one writer at a time, but {owner} is writing to this gallery. Wait until it has "
        "finished; searching is possible meanwhile.",
        path=folder,
        owner=owner,
    )
