"""Opening regular files alone, and writing files so that a crash leaves the old file or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Callable, Union

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
from onnxnn_runtime.messages.catalogue import Message, following, gettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.system import system_reason

from .paths import expanded, path_text, refuse_address

if sys.version_info >= (3, 9):
    PathLike = Union[str, os.PathLike[str]]
else:
    PathLike = Union[str, "os.PathLike[str]"]


def as_path(path: object, name: str = "path", error: type[OnnxnnError] = OutputError) -> Path:
    """Return a path, or raise `error` where it is none; messages call it `name`. "~" is the home folder."""
    text = path_text(path, error) if isinstance(path, (str, os.PathLike)) else ""
    if not text or "\0" in text:
        text = gettext(
            "{name}={path}: expected the path of a file or folder. Give it as a text, such as {example}.",
            name=name,
            path=shortened(path, 40),
            example="'folder/file'",
        )
        raise error(Message(text, code_of(error, missing=True)))
    refuse_address(text, error)
    return Path(expanded(text))


def regular_file(
    path: object, what: str = "file", error: type[OnnxnnError] = InputError, advice: str = ""
) -> Path:
    """Return the path of a regular file that can be opened; nothing is read from it.

    Named pipes, sockets and devices are refused unopened: reading one may never end.

    Args:
        path: What the user gave.
        what: What is expected there, for messages, such as "checkpoint".
        error: What to raise; a missing file raises its subclass that is a FileNotFoundError, if any.
        advice: What to do where there is no such file; to check the path, where nothing is said.

    Raises:
        OnnxnnError: It is no path, missing, a folder, no regular file, or may not be read; of class `error`.
    """
    file = as_path(path, what, error)
    try:
        found = os.stat(os.fsencode(file))
        mode = found.st_mode
        if stat.S_ISDIR(mode):
            text = gettext(
                "{path}: expected a {what}, got a folder. Give the path of a file.",
                path=path,
                what=_noun(what),
            )
            raise error(Message(text, code_of(error)))
        if not stat.S_ISREG(mode) or (not found.st_size and _is_of_the_kernel(file)):
            text = gettext(
                "{path}: expected a {what}, got {got}, which is not a regular file. Save it to a file first.",
                path=path,
                what=_noun(what),
                got=_kind(mode),
            )
            raise error(Message(text, code_of(error)))
        with open(str(file), "rb"):
            return file
    except (OSError, ValueError) as why:
        if isinstance(why, OnnxnnError):
            raise
        raise cannot_read(path, why, what, error, advice) from why


def cannot_read(
    path: object,
    found: Exception,
    what: str = "file",
    error: type[OnnxnnError] = InputError,
    advice: str = "",
) -> OnnxnnError:
    """Return the error that says why a file could not be opened or read.

    Args:
        path, what, error, advice: As for `regular_file`.
        found: What the operating system, or Python on the way to it, raised.
    """
    what = _noun(what)
    if isinstance(found, (FileNotFoundError, NotADirectoryError)) and not _has_long_name(path, found):
        kind = _MISSING.get(error, error)
        text = gettext("{path}: no such {what}.", path=path, what=what)
        return kind(
            Message(text + following(advice or gettext("Check the path.")), code_of(error, missing=True))
        )
    return error(Message(_unreadable(path, found, what), code_of(error)))


def _noun(what: str) -> str:
    """Return what callers name in English in the language of the user."""
    known = {
        "file": gettext("file"),
        "folder": gettext("folder"),
        "image": gettext("image"),
        "checkpoint": gettext("checkpoint"),
        "file of weights": gettext("file of weights"),
        "CSV file": gettext("CSV file"),
        ".npz file": gettext(".npz file"),
    }
    return known.get(what, what)


def _unreadable(path: object, found: Exception, what: str) -> str:
    if isinstance(found, PermissionError):
        return gettext(
            "{path}: no permission to read this {what}. Change its permissions, or copy it.",
            path=path,
            what=what,
        )
    if isinstance(found, UnicodeEncodeError):
        return gettext(
            "{path}: no file system can hold this name. Rename the {what}.", path=ascii(str(path)), what=what
        )
    if _has_long_name(path, found):
        return gettext(
            "{path}...: expected at most 255 bytes in the name of this {what}, got {count} characters. Give "
            "a shorter name.",
            path=str(path)[:40],
            what=what,
            count=len(str(path)),
        )
    reason = system_reason(found)
    return gettext(
        "{path}: this {what} cannot be read ({reason}). Check the path, and the disk that it is on.",
        path=path,
        what=what,
        reason=reason,
    )


_LONGEST_NAME = 255


def _has_long_name(path: object, found: Exception) -> bool:
    """Return whether a call failed since a name is too long; Windows says that it is wrong or not there."""
    is_long = isinstance(found, OSError) and len(os.path.basename(str(path))) > _LONGEST_NAME
    return is_long or getattr(found, "errno", None) == errno.ENAMETOOLONG


def code_of(error: type[OnnxnnError], missing: bool = False) -> str:
    """Return the code of a file that is missing or unreadable, in the family of a class of errors."""
    for kind, codes in _CODES.items():
        if issubclass(error, kind):
            return codes[0 if missing else 1]
    return "E-INPUT-01" if missing else "E-INPUT-02"


_CODES: dict[type[OnnxnnError], tuple[str, str]] = {
    CheckpointError: ("E-CKPT-01", "E-CKPT-02"),
    DataError: ("E-DATA-01", "E-DATA-02"),
    OutputError: ("E-OUTPUT-01", "E-OUTPUT-01"),
}
"""Class of errors -> the codes of a missing file, and of one that cannot be read."""

_MISSING: dict[type[OnnxnnError], type[OnnxnnError]] = {
    CheckpointError: MissingCheckpointError,
    DataError: MissingDataError,
    InputError: MissingInputError,
}


def _is_of_the_kernel(file: Path) -> bool:
    """Return whether a file says that it is empty and is none, such as /proc/kmsg, which never ends."""
    return os.path.realpath(str(file)).startswith(("/proc/", "/sys/"))


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return gettext("a named pipe")
    if stat.S_ISREG(mode):
        return gettext("a file of the kernel")
    return gettext("a socket") if stat.S_ISSOCK(mode) else gettext("a device")


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
        raise OutputError.coded(
            "E-OUTPUT-01",
            "cannot write {path}: expected the name of a file, got a folder. Give a file, such as one in it.",
            path=printable(str(path)),
        )
    if not stat.S_ISREG(mode):
        raise OutputError.coded(
            "E-OUTPUT-01",
            "cannot write {path}: expected a regular file, got {got}. Choose another name.",
            path=printable(str(path)),
            got=_kind(mode),
        )


def check_name(path: PathLike, error: type[OnnxnnError] = OutputError) -> None:
    """Refuse a name that no file or folder can have, since it is too long or cannot be encoded.

    Raises:
        OnnxnnError: It is such a name; of class `error`.
    """
    try:
        encoded = os.fsencode(path)
        if os.name != "nt" and any(len(each) > _LONGEST_NAME for each in encoded.split(b"/")):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        os.lstat(encoded)
    except (OSError, ValueError) as found:
        if isinstance(found, ValueError) or found.errno == errno.ENAMETOOLONG:
            is_output = issubclass(error, OutputError)
            why = cannot_write(path, found) if is_output else cannot_read(path, found, "folder", error)
            raise why from found


def check_folder(path: PathLike) -> None:
    """Refuse a file whose folder cannot be written, before hours of work are done for it.

    Raises:
        OutputError: The folder, or the one in which it has to be created, cannot be written, or its name is
            none.
    """
    check_name(path)
    target = os.path.realpath(os.fspath(path)) if os.path.islink(path) else os.path.abspath(path)
    above = os.path.dirname(target)
    while not os.path.lexists(above) and above != os.path.dirname(above):
        above = os.path.dirname(above)
    number = 0
    if not os.path.isdir(above):
        number = errno.ENOTDIR
    elif not os.access(above, os.W_OK | os.X_OK):
        number = errno.EROFS if _is_read_only(above) else errno.EACCES
    if number:
        raise cannot_write(path, OSError(number, os.strerror(number)))


def _is_read_only(folder: str) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):  # Windows has no such call
        return False


def first_bytes(path: PathLike, count: int, option: str = "") -> bytes:
    """Return how a file begins that would be replaced; `option` replaces it in any case.

    Raises:
        OutputError: It may not be read, so nobody knows what would be lost.
    """
    try:
        with open(str(path), "rb") as file:
            return file.read(count)
    except OSError as error:
        raise unknown_before(path, error, option) from error


def unknown_before(path: PathLike, error: OSError, option: str = "") -> OutputError:
    """Return the error that says why a file is not replaced which cannot be looked at."""
    if option:
        return OutputError.coded(
            "E-OUTPUT-02",
            "{path}: expected a file that may be replaced, got one that cannot be read ({reason}). "
            "Change its permissions, choose another name, or use {option}.",
            path=printable(str(path)),
            reason=system_reason(error),
            option=option,
        )
    return OutputError.coded(
        "E-OUTPUT-02",
        "{path}: expected a file that may be replaced, got one that cannot be read ({reason}). Change "
        "its permissions, or choose another name.",
        path=printable(str(path)),
        reason=system_reason(error),
    )


def write_atomically(path: PathLike, write: Callable[[BinaryIO], object], sync: bool = True) -> Path:
    """Write a file whole or not at all.

    The content goes into a temporary file in the same folder, which is flushed to disk and then renamed
    over `path`, so at any moment `path` holds either its old content or all of the new one. The folder is
    created. A file that is replaced keeps its mode, a symbolic link stays one and its target is
    replaced. Temporary files of the same file that a killed process left are removed.

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
    from .atomic import remove_abandoned, replace_whole  # here, because a process that reads needs neither

    path = as_path(path)
    check_target(path)
    made: list[Path] = []
    try:
        target = Path(os.path.realpath(str(path))) if os.path.islink(str(path)) else path
        made = _make_folder(target.parent)
        remove_abandoned(target)
        replace_whole(target, write, sync)
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
    if isinstance(error, UnicodeEncodeError):
        return OutputError.coded(
            "E-OUTPUT-01",
            "cannot write {path}: no file system can hold this name. Choose another one.",
            path=shown,
        )
    if _has_long_name(path, error):
        return OutputError.coded(
            "E-OUTPUT-01",
            "cannot write {path}: expected a name of at most 255 bytes, got {count} bytes. Choose a "
            "shorter one.",
            path=shown,
            count=len(os.fsencode(os.path.basename(path))),
        )
    reason = system_reason(error) if getattr(error, "strerror", None) else type(error).__name__
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        reason = gettext("expected a folder, got a file in its place")
    if isinstance(error, PermissionError):
        return OutputError.coded(
            "E-OUTPUT-01",
            "cannot write {path}: {reason}. Nothing was changed. Choose a folder that exists, is "
            "writable and has space. If another program has the file open, close it there.",
            path=shown,
            reason=reason,
        )
    return OutputError.coded(
        "E-OUTPUT-01",
        "cannot write {path}: {reason}. Nothing was changed. Choose a folder that exists, is writable "
        "and has space.",
        path=shown,
        reason=reason,
    )


def _make_folder(folder: Path) -> list[Path]:
    """Create a folder with those above it; return the new ones, the deepest first."""
    missing = []
    above = folder
    while not os.path.lexists(str(above)) and above != above.parent:
        missing.append(above)
        above = above.parent
    os.makedirs(str(folder), exist_ok=True)
    return missing
