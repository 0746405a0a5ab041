"""Opening regular files alone, and writing files so that a crash leaves the old file or the new one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import stat
import time
import uuid
from pathlib import Path
from typing import Any, BinaryIO, Callable, Union

from .errors import (
    CheckpointError,
    DataError,
    InputError,
    MissingCheckpointError,
    MissingDataError,
    MissingInputError,
    OnnxnnError,
    OutputError,
)
from .paths import expanded, refuse_address
from .shorten import printable, shortened

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

PathLike = Union[str, "os.PathLike[str]"]


def as_path(path: Any, name: str = "path", error: type[OnnxnnError] = OutputError) -> Path:
    """Return a path, or raise `error` where it is none; messages call it `name`. "~" is the home folder."""
    if not isinstance(path, (str, os.PathLike)) or not str(path) or "\0" in str(path):
        raise error(
            f"{name}={shortened(path, 40)}: must be the path of a file or folder, such as 'basenn.pth'."
        )
    if isinstance(path, str):
        refuse_address(path, name, error)
        path = expanded(path)
    return Path(path)


def regular_file(
    path: Any, what: str = "file", error: type[OnnxnnError] = InputError, advice: str = ""
) -> Path:
    """Return the path of a regular file that can be opened; nothing is read from it.

    Named pipes, sockets and devices are refused unopened: reading one may never end.

    Args:
        path: What the user gave.
        what: What is expected there, for messages, such as "checkpoint".
        error: What to raise; a missing file raises its subclass that is a FileNotFoundError, if any.
        advice: What to do where there is no such file.

    Raises:
        OnnxnnError: It is no path, missing, a folder, no regular file, or may not be read; of class `error`.
    """
    file = as_path(path, what, error)
    try:
        mode = os.stat(os.fsencode(file)).st_mode
        if stat.S_ISDIR(mode):
            raise error(f"{path}: expected a {what}, got a folder; give the path of a file.")
        if not stat.S_ISREG(mode):
            raise error(
                f"{path}: expected a {what}, got {_kind(mode)}, which is not a regular file; save it to a "
                "file first."
            )
        with open(str(file), "rb"):
            return file
    except (OSError, ValueError) as found:
        if isinstance(found, OnnxnnError):
            raise
        raise cannot_read(path, found, what, error, advice) from found


def cannot_read(
    path: Any, found: Exception, what: str = "file", error: type[OnnxnnError] = InputError, advice: str = ""
) -> OnnxnnError:
    """Return the error that says why a file could not be opened or read.

    Args:
        path, what, error, advice: As for `regular_file`.
        found: What the operating system, or Python on the way to it, raised.
    """
    number = getattr(found, "errno", None)
    if isinstance(found, (FileNotFoundError, NotADirectoryError)):
        kind = _MISSING.get(error, error)
        return kind(" ".join([f"{path}: no such {what}.", *([advice] if advice else [])]))
    if isinstance(found, PermissionError):
        return error(f"{path}: no permission to read this {what}; change its permissions, or copy it.")
    if isinstance(found, UnicodeEncodeError):
        return error(f"{str(path)!a}: no file system can hold this name; rename the {what}.")
    if number == errno.ENAMETOOLONG:
        return error(
            f"{str(path)[:40]}...: the name of this {what} is too long ({len(str(path))} characters); most "
            "file systems take 255 bytes for a name."
        )
    reason = getattr(found, "strerror", None) or found
    return error(f"{path}: this {what} cannot be read ({reason}).")


_MISSING: dict[type[OnnxnnError], type[OnnxnnError]] = {
    CheckpointError: MissingCheckpointError,
    DataError: MissingDataError,
    InputError: MissingInputError,
}


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def check_target(path: PathLike) -> None:
    """Refuse to write to what is there and is no regular file, and a name that no file can have.

    Raises:
        OutputError: It is a folder, a device, a pipe or the like, or its name is too long or no name.
    """
    try:
        mode = os.stat(os.fsencode(path)).st_mode
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # writing says why it cannot be written, if it cannot
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error
    if stat.S_ISDIR(mode):
        raise OutputError(
            f"cannot write {printable(str(path))}: it is a folder; give the name of a file, such "
            "as one in it."
        )
    if not stat.S_ISREG(mode):
        raise OutputError(
            f"cannot write {printable(str(path))}: it is no ordinary file, but {_kind(mode)}; choose another "
            "name."
        )


def write_atomically(path: PathLike, write: Callable[[BinaryIO], object], sync: bool = True) -> Path:
    """Write a file whole or not at all.

    The content goes into a temporary file in the same folder, which is flushed to disk and then renamed
    over `path`, so at any moment `path` holds either its old content or all of the new one. The folder is
    created. A file that is replaced keeps its mode, a symbolic link stays one and its target is
    replaced. What a killed process left behind of the same file is removed.

    Args:
        path: The file to write.
        write: Called once with the temporary file, open for binary writing.
        sync: Whether to wait until the disk has it; False suits many small files that can be written again.

    Returns:
        The path written.

    Raises:
        OutputError: `path` is no regular file, its name is too long, the folder is not writable, the disk is
            full, or another program keeps the file locked; `path` is as it was.
    """
    path = as_path(path)
    check_target(path)
    made: list[Path] = []
    try:
        target = Path(os.path.realpath(str(path))) if os.path.islink(str(path)) else path
        made = _make_folder(target.parent)
        _remove_abandoned(target)
        _write(target, write, sync)
    except BaseException as error:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, (OSError, UnicodeEncodeError)) and not isinstance(error, OnnxnnError):
            raise cannot_write(path, error) from error
        raise
    return path


def cannot_write(path: PathLike, error: Exception) -> OutputError:
    """Return the OutputError that says why `path` could not be written; the temporary file is not named."""
    shown = printable(str(path))
    number = getattr(error, "errno", None)
    if isinstance(error, UnicodeEncodeError):
        return OutputError(f"cannot write {shown}: no file system can hold this name; choose another one.")
    if number == errno.ENAMETOOLONG:
        return OutputError(
            f"cannot write {shown}: its name is too long ({len(os.fsencode(os.path.basename(path)))} bytes); "
            "most file systems take 255 bytes for a name. Choose a shorter one."
        )
    reason: object = getattr(error, "strerror", None) or type(error).__name__
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        reason = "a file stands where a folder is needed"
    advice = "choose a folder that exists, is writable and has space."
    if isinstance(error, PermissionError):
        advice += " If another program has the file open, close it there."
    return OutputError(f"cannot write {shown}: {reason}. Nothing was changed; {advice}")


def _make_folder(folder: Path) -> list[Path]:
    """Create a folder with those above it; return the new ones, the deepest first."""
    missing = []
    above = folder
    while not os.path.lexists(str(above)) and above != above.parent:
        missing.append(above)
        above = above.parent
    os.makedirs(str(folder), exist_ok=True)
    return missing


def _write(target: Path, write: Callable[[BinaryIO], object], sync: bool) -> None:
    """Write by way of a temporary file; remove that where anything fails."""
    before = os.stat(str(target)) if target.exists() else None
    file = _create_temporary(target, 0o666 if before is None else before.st_mode & 0o777)
    temporary = Path(file.name)
    try:
        with file:
            write(_Plain(file))  # type: ignore[arg-type]  # all of BinaryIO that writers use
            file.flush()
            if sync:
                _sync(file.fileno())
            if before is not None:
                _take_over(temporary, before)
            if fcntl is not None:
                _replace(temporary, target)  # while it is locked, so that nobody takes it for abandoned
        if fcntl is None:
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
        temporary = target.parent / f".{_stem(target)}.{uuid.uuid4().hex[:8]}.part"
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
    return target.name if len(name) <= _STEM else hashlib.sha256(name).hexdigest()[:16]


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


def _remove_abandoned(target: Path) -> None:
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


def _sync(descriptor: int) -> None:
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
