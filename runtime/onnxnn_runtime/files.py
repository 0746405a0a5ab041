"""Writing files so that a crash leaves the old file or the new one, never a half."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterable, Union

from .errors import OnnxnnError, OutputError

PathLike = Union[str, "os.PathLike[str]"]


def as_path(path: Any, name: str = "path", error: type[OnnxnnError] = OutputError) -> Path:
    """Return a path, or raise `error` where it is none; messages call it `name`."""
    if not isinstance(path, (str, os.PathLike)) or not str(path) or "\0" in str(path):
        given = repr(path) if len(repr(path)) <= 40 else type(path).__name__
        raise error(f"{name}={given}: must be the path of a file or folder, such as 'basenn.pth'.")
    return Path(path)


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
