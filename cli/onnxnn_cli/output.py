"""What the commands share: printing results, notes and tables, and asking for a package."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import re
import sys
from typing import Any, ContextManager, Iterable, List, Sequence

from .text import coded, gettext, runtime_module


class NoOutput(Exception):
    """A result cannot be written to stdout, e.g. into a file on a full disk."""


def print_json(data: object) -> None:
    """Print a result for a program: one JSON document on stdout.

    It is ASCII with escapes such as \\u732b where stdout cannot hold the text, or where characters in it
    would act on a terminal.
    """
    text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False)
    if visible(text) != text or not _can_hold(sys.stdout, text):
        text = json.dumps(data, indent=2, allow_nan=False)
    _write(text)


def print_text(text: str = "") -> None:
    """Print a result for people on stdout.

    Control characters become visible, and what stdout's encoding lacks a question mark, which a note
    on stderr says once.
    """
    _note_bytes(text)
    text = visible(text)
    if not _can_hold(sys.stdout, text):
        encoding = sys.stdout.encoding
        text = text.encode(encoding, "replace").decode(encoding)
        _note_once(
            gettext(
                "note: the encoding of this output, {encoding}, lacks some characters; they show as '?'. Set "
                "PYTHONIOENCODING=utf-8, or use --json where there is one.",
                encoding=encoding,
            )
        )
    _write(text)


def note(text: str) -> None:
    """Print something that is no result: on stderr; where that cannot be written, nowhere."""
    stream = sys.stderr
    text = visible(text)
    with contextlib.suppress(Exception):  # closed, none at all, or a full disk: there is nowhere to say so
        if not _can_hold(stream, text):
            text = text.encode(stream.encoding, "backslashreplace").decode(stream.encoding)
        stream.write(text + "\n")
        stream.flush()


def visible(text: str) -> str:
    """Return a text in which nothing acts on a terminal: other control characters than line breaks and tabs
    show as escapes such as \\x1b, and so do the bytes of a file name that is not UTF-8.
    """
    text = _BYTES.sub(lambda found: f"\\x{ord(found.group()) - 0xDC00:02x}", text)
    return _ACTING.sub(lambda found: repr(found.group())[1:-1], text)


_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of writing."""

_BYTES = re.compile("[\udc80-\udcff]")
"""How Python keeps bytes of a file name that are not UTF-8 (PEP 383)."""


def _note_bytes(text: str) -> None:
    if _BYTES.search(text):
        _note_once(
            gettext(
                "note: file names that are not UTF-8 show with their bytes, such as \\xb9. Rename those "
                "files, so that every program can name them."
            )
        )


_noted: List[str] = []


def _note_once(text: str) -> None:
    if text not in _noted:
        _noted.append(text)
        note(text)


def _can_hold(stream: object, text: str) -> bool:
    """Return whether a stream's encoding has all characters of a text; one without an encoding takes any."""
    encoding = getattr(stream, "encoding", None)
    if not isinstance(encoding, str):
        return True
    try:
        text.encode(encoding)
    except UnicodeError:
        return False
    return True


def _write(text: str) -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        reason = runtime_module("messages.system").system_reason(error)
        raise NoOutput(
            coded(
                "E-OUTPUT-01",
                "the result cannot be written to stdout: {reason}."
                " Write it into a file, or free space on the disk.",
                reason=reason,
            )
        ) from error


def progress_on_stderr() -> ContextManager[Any]:
    """Send what a library call prints to stderr, so that stdout holds the result alone."""
    return contextlib.redirect_stdout(sys.stderr)


def print_table(rows: Iterable[Sequence[object]]) -> None:
    """Print rows with their columns aligned; the first row is the heading. A cell is one line."""
    rows = list(rows)
    texts = [[visible(str(cell)).replace("\n", "\\n").replace("\t", "\\t") for cell in row] for row in rows]
    for row in rows:
        _note_bytes(" ".join(map(str, row)))
    for line in _columns.aligned(texts):
        print_text(line)


_columns = runtime_module("messages.columns")
padded = _columns.padded


_INSTALL = {
    "torch": "pip install torch",
    "onnxnn": 'pip install "./runtime[cpu]" "./cli[cpu]" ".[cpu]"',
}
"""What to type, as the README says it, for a package that is missing."""


def _install(package: str) -> str:
    if package == "torch":
        return _INSTALL["torch"]
    return gettext("{first} and then {second}", first=_INSTALL["torch"], second=_INSTALL[package])


def need_onnxnn(command: str, module: str = "onnxnn") -> Any:
    """Import `onnxnn`, which brings torch, for a command that cannot do without.

    Args:
        command: The command's name, for the message.
        module: Which module of `onnxnn` to return.

    Raises:
        ImportError: It is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in _INSTALL:
            raise
        raise ImportError(
            coded(
                "E-PACKAGE-01",
                "`onnxnn {command}` needs the training package, and {package} is not installed here. On a "
                "PC, in the repository's folder: {install}  (a small board does not need it).",
                command=command,
                package=error.name,
                install=_install(error.name),
            )
        ) from error
