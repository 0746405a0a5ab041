"""The files of a gallery beside its vectors: a log of changes, and what the log became when it grew long.

A line of the log is the CRC-32 of a JSON text in 8 hexadecimal digits, a space and the text. A line that a
killed process wrote in part is no change, and the next writer takes its place.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from .entries import FileState, Record
from .problems import content_of, damaged


class Logged(NamedTuple):
    """A change as the log has it.

    Args:
        record: The change.
        crc: The CRC-32 of its vectors, as the file has them.
        end: Where its line ends.
    """

    record: Record
    crc: int
    end: int


def packed(columns: Sequence[Sequence[object]]) -> bytes:
    """Return columns as lines of JSON; names that are not UTF-8 keep their bytes (PEP 383)."""
    lines = [json.dumps(list(each), ensure_ascii=False, separators=(",", ":")) for each in columns]
    return "".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass")


def unpacked(content: bytes, count: int, rows: int) -> list[list[Any]]:
    """Return the columns of `packed`.

    Raises:
        ValueError: They are not `count` columns of `rows` entries.
    """
    columns = [json.loads(line) for line in content.decode("utf-8", "surrogatepass").split("\n")[:-1]]
    if len(columns) != count or any(not isinstance(each, list) or len(each) != rows for each in columns):
        raise ValueError
    return columns


def line_of(record: Record, crc: int) -> bytes:
    """Return a change as a line of the log."""
    data = {
        "crc": crc,
        "removed": list(record.removed),
        "updated": [[row, label, file] for row, (label, file) in record.updated.items()],
        "names": list(record.names),
        "labels": list(record.labels),
        "files": list(record.files),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def read_log(folder: Path, name: str, complete: int) -> list[Logged]:
    """Read the changes of a log, up to a line that was written in part.

    Args:
        folder: The gallery.
        name: The log.
        complete: The bytes that were written when the last call returned.

    Raises:
        FileNotFoundError: Another process has put another one in its place.
        OnnxnnError: Lines within `complete` are damaged or missing.
    """
    content = content_of(folder, name)
    found: list[Logged] = []
    start = 0
    while True:
        end = content.find(b"\n", start) + 1
        logged = _read_line(content[start:end], end) if end else None
        if logged is None:
            break
        found.append(logged)
        start = end
    if start < complete:
        raise damaged(folder, name)
    return found


def _read_line(line: bytes, end: int) -> Logged | None:
    """Return a change; None where the line is damaged."""
    try:
        text = line[9:-1]
        if int(line[:8], 16) != zlib.crc32(text):
            return None
        data = json.loads(text.decode("utf-8", "surrogatepass"))
        updated = {int(row): (_label(label), file_state(file)) for row, label, file in data["updated"]}
        names, labels, files = data["names"], data["labels"], data["files"]
        if not len(names) == len(labels) == len(files) or not all(isinstance(each, str) for each in names):
            return None
        removed = [int(row) for row in data["removed"]]
        record = Record(
            removed, updated, names, [_label(each) for each in labels], [file_state(each) for each in files]
        )
        return Logged(record, int(data["crc"]), end)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _label(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError
    return value


def file_state(value: object) -> FileState | None:
    """Return what is known of a file, from JSON.

    Raises:
        ValueError: It is none.
    """
    if value is None:
        return None
    if not isinstance(value, list) or list(map(type, value)) != [int, int, str]:
        raise ValueError
    return value[0], value[1], value[2]
