"""Replacing one file by way of a temporary file beside it; `files.write_atomically` is what others call."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

__all__ = ["discarding", "flush_to_disk", "remove_abandoned", "replace_whole"]

_IS_DISCARDED = ContextVar("_IS_DISCARDED", default=False)


@contextlib.contextmanager
def discarding() -> Iterator[None]:
    """Leave files as they are: what is written inside goes to temporary files, which are removed.

    So a process does all that another one does which writes the same files.
    """
    before = _IS_DISCARDED.set(True)
    try:
        yield
    finally:
        _IS_DISCARDED.reset(before)


def replace_whole(target: Path, write: Callable[[BinaryIO], object], sync: bool) -> None:
    """Write by way of a temporary file; remove that where anything fails."""
    before = os.stat(str(target)) if target.exists() else None
    file = _create_temporary(target, 0o666 if before is None else before.st_mode & 0o777)
    temporary = Path(file.name)
    try:
        with file:
            write(_Plain(file))  # type: ignore[arg-type]  # all of BinaryIO that writers use
            file.flush()
            if sync:
                flush_to_disk(file.fileno())
            if before is not None and not _IS_DISCARDED.get():
                _take_over(temporary, before)
            if fcntl is not None and not _IS_DISCARDED.get():
                _replace(temporary, target)  # while it is locked, so that nobody takes it for abandoned
        if _IS_DISCARDED.get():
            temporary.unlink()
        elif fcntl is None:
            _replace(temporary, target)  # Windows renames closed files only
    except BaseException:
        with contextlib.suppress(OSError):  # e.g. the disk has become read-only; the first error counts
            temporary.unlink()
        raise


class _Plain(io.RawIOBase):
    """A file without a descriptor.

    Pillow and NumPy write to a descriptor past Python where there is one, and lose the reason of a
    failure.

    Args:
        file: The open file; it is not closed together with this one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


_STEM = 100
"""The most bytes of a name that stand in the temporary file's name; of longer ones a checksum does."""


def _create_temporary(target: Path, mode: int) -> BinaryIO:
    """Open a new temporary file beside `target` and lock it for as long as it is open."""

    def opener(path: str, flags: int) -> int:
        return os.open(path, flags, mode)

    while True:
        temporary = target.parent / f".{_stem(target)}.{os.urandom(4).hex()}.part"
        file: BinaryIO = open(str(temporary), "xb", opener=opener)  # noqa: SIM115  # the caller closes it
        try:
            _lock(file.fileno())
            if fcntl is None or os.fstat(file.fileno()).st_nlink:
                return file
        except BlockingIOError:
            pass  # another writer removes it as abandoned at this moment: take another name
        except BaseException:
            file.close()
            raise
        file.close()


def _stem(target: Path) -> str:
    name = os.fsencode(target.name)
    if len(name) <= _STEM:
        return target.name
    import hashlib  # here, because OpenSSL takes megabytes

    return hashlib.sha256(name).hexdigest()[:16]


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed, or its process ends; return whether this system can.

    Raises:
        BlockingIOError: Another process has locked it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # some network file systems
        return False
    return True


_ABANDONED_AFTER = 60 if fcntl is None else 24 * 3600
"""Seconds after which a temporary file that cannot be locked counts as abandoned."""


def remove_abandoned(target: Path) -> None:
    """Remove temporary files of `target` that no living process writes."""
    name = re.compile(rf"\.{re.escape(_stem(target))}\.[0-9a-f]{{8}}\.part")
    with contextlib.suppress(OSError):  # e.g. the folder may be written, but not listed
        for found in os.listdir(str(target.parent)):
            if name.fullmatch(found):
                _remove_if_abandoned(target.parent / found)


def _remove_if_abandoned(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # it is locked, or gone
        found = os.lstat(str(temporary))
        if not stat.S_ISREG(found.st_mode):
            return
        old = time.time() - found.st_mtime > _ABANDONED_AFTER
        if fcntl is None and old:
            temporary.unlink()  # refused while it is open
        elif fcntl is not None:
            with open(str(temporary), "rb") as file:
                if _lock(file.fileno()) or old:
                    temporary.unlink()


_UNSUPPORTED = {
    getattr(errno, name)
    for name in ("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOTTY", "EPERM", "EACCES", "EROFS", "EBADF")
}
"""What file systems answer to flushing that they cannot: some of networks, of FUSE, and FAT."""


def flush_to_disk(descriptor: int) -> None:
    """Wait until the disk has an open file, where the file system can say so.

    Raises:
        OSError: The disk is full, or failed.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _take_over(temporary: Path, before: os.stat_result) -> None:
    """Give the new file the owner and the mode of the old one, where the file system can."""
    made = os.stat(str(temporary))
    if hasattr(os, "chown") and (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        with contextlib.suppress(OSError):
            os.chown(str(temporary), before.st_uid, before.st_gid)
    with contextlib.suppress(OSError):
        os.chmod(str(temporary), stat.S_IMODE(before.st_mode))


_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between the attempts to replace a file that another program has locked for a moment."""

_NO_RENAME = {
    getattr(errno, name) for name in ("EBUSY", "EXDEV", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS")
}
"""What file systems answer that cannot rename over a file, and where the file itself is mounted."""


def _replace(temporary: Path, target: Path) -> None:
    for wait in (*_WAITS, None):
        try:
            os.replace(str(temporary), str(target))
            return
        except PermissionError:  # on Windows: open in another program, such as a virus scanner
            if wait is None:
                raise
            time.sleep(wait)
        except OSError as error:
            if error.errno not in _NO_RENAME:
                raise
            _copy_over(temporary, target)
            return


def _copy_over(temporary: Path, target: Path) -> None:
    """Copy the new content into `target`; bring the old one back where that fails."""
    old = target.read_bytes() if target.exists() else None
    try:
        import shutil  # here, because it brings every compression there is

        shutil.copyfile(str(temporary), str(target))
    except BaseException:
        with contextlib.suppress(OSError):
            if old is None:
                target.unlink()
            else:
                target.write_bytes(old)
        raise
    with contextlib.suppress(OSError):
        temporary.unlink()
