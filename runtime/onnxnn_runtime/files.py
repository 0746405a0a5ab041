"""Opening regular files alone, and writing files so that a crash leaves the old file or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterable, Union

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

PathLike = Union[str, "os.PathLike[str]"]


def as_path(path: Any, name: str = "path", error: type[OnnxnnError] = OutputError) -> Path:
    """Return a path, or raise `error` where it is none; messages call it `name`."""
    if not isinstance(path, (str, os.PathLike)) or not str(path) or "\0" in str(path):
        given = repr(path) if len(repr(path)) <= 40 else type(path).__name__
        raise error(f"{name}={given}: must be the path of a file or folder, such as 'basenn.pth'.")
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
    """Refuse to write to what is there and is no ordinary file.

    Raises:
        OutputError: It is a folder, a device, a pipe or the like.
    """
    if os.path.isdir(path):
        raise OutputError(f"cannot write {path}: it is a folder; give the name of a file, such as one in it.")
    if os.path.exists(path) and not os.path.isfile(path):
        raise OutputError(f"cannot write {path}: it is no ordinary file; choose another name.")


def check_not_source(path: PathLike, sources: Iterable[Any]) -> None:
    """Refuse to write over what is being read.

    Args:
        path: The file to write.
        sources: What is read; only paths count.

    Raises:
        OutputError: One of them is that file, by whatever name.
    """
    for source in sources:
        is_path = isinstance(source, (str, os.PathLike)) and "\0" not in str(source)
        if is_path and os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
            raise OutputError(f"{path}: is the file that is read, and would be lost; choose another name.")


def write_atomically(path: PathLike, write: Callable[[BinaryIO], object]) -> Path:
    """Write a file by way of a temporary file in the same folder.

    The temporary file is flushed to disk and then renamed over `path`, so at any moment
    `path` holds either its old content or all of the new one. The folder is created.

    Args:
        path: The file to write.
        write: Called once with the temporary file, open for binary writing.

    Returns:
        The path written.

    Raises:
        OutputError: `path` is no ordinary file, the folder is not writable or the disk is full; `path` is
            as it was.
    """
    target = as_path(path)
    check_target(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.part"
        with open(str(temporary), "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(temporary), str(target))
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise cannot_write(target, error) from error
        raise
    return target


def cannot_write(path: PathLike, error: OSError) -> OutputError:
    """Return the OutputError that tells why `path` could not be written."""
    reason: object = error.strerror or error
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        reason = "a file stands where a folder is needed"
    return OutputError(
        f"cannot write {path}: {reason}. Nothing was changed; choose a folder that "
        "exists, is writable and has space."
    )
