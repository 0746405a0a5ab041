"""The text of a CSV file: its encoding, and its rows a few at a time.

    bytes -> text (UTF-8 or UTF-16 with their marks, else the most probable encoding) -> rows in blocks

At any moment a few megabytes of the file are in memory, however large it is.
"""

from __future__ import annotations

import codecs
import csv
import os
import re
from dataclasses import dataclass
from typing import IO, Iterator, Union

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files import filekind
from onnxnn_runtime.files.access import cannot_read, regular_file
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from .encodings import guess

MAX_LINE = 2**24
"""Characters of the longest line that is read."""

MAX_CELL = 2**17
"""Characters of the longest cell that is read, which is the limit of Python's csv module, too."""

_CHUNK = 2**20
"""Characters that are read at once."""

_SAMPLE = 2**18
"""Bytes of lines with letters outside ASCII that decide about the encoding."""

Record = Union[str, "list[str]"]
"""A row as its line; in files with quotes as its cells."""


@dataclass(frozen=True)
class Block:
    """Some rows that follow each other.

    Args:
        records: The rows; blank lines are left out.
        lines: For each, the number of the line in the file on which it ends, from 1.
    """

    records: list[Record]
    lines: list[int]


@dataclass(frozen=True)
class TextFile:
    """A file of text whose encoding is known.

    Args:
        path: The file.
        encoding: Its encoding, as Python calls it.
        note: What to say about the encoding where it is neither UTF-8 nor beyond doubt; else "".
        quoted: Whether a quotation mark stands anywhere in it.
        separator: What its first line names as the separator, as "sep=;" does, which Excel writes; else "".
            That line is then read as a blank one.
    """

    path: str
    encoding: str
    note: str = ""
    quoted: bool = False
    separator: str = ""

    def lines(self) -> Iterator[list[str]]:
        """Yield its lines, some hundred thousand characters at a time.

        Raises:
            InputError: A line is too long, or the file cannot be read any more.
        """
        rest = ""
        count = 0
        for chunk in self._chunks():
            lines = (rest + chunk).split("\n") if rest else chunk.split("\n")
            rest = lines.pop()
            if self.separator and not count and lines:
                lines[0] = ""
            if len(rest) > MAX_LINE:
                raise InputError.coded(
                    "E-INPUT-10",
                    "{path}: line {line}: expected at most {most:,} characters, got more. Write one row "
                    "per line.",
                    path=self.path,
                    line=count + len(lines) + 1,
                    most=MAX_LINE,
                )
            count += len(lines)
            if lines:
                yield lines
        if rest:
            yield [rest]

    def blocks(self, separator: str) -> Iterator[Block]:
        """Yield its rows in blocks.

        Raises:
            InputError: A cell or line is too long, or quotes are not closed.
        """
        return self._quoted_blocks(separator) if self.quoted else self._plain_blocks(separator)

    def _chunks(self) -> Iterator[str]:
        try:
            with open(self.path, encoding=self.encoding, newline=None) as file:
                while True:
                    chunk = file.read(_CHUNK)
                    if not chunk:
                        return
                    yield chunk
        except UnicodeError as error:
            raise _no_text(self.path, self.encoding) from error
        except OSError as error:
            raise cannot_read(self.path, error, "CSV file") from error

    def _plain_blocks(self, separator: str) -> Iterator[Block]:
        blank = separator + " \t\r\x0b\x0c"
        number = 0
        for lines in self.lines():
            numbers = [at for at, line in enumerate(lines, number + 1) if line.strip(blank)]
            kept = [lines[at - number - 1] for at in numbers]
            for at, line in zip(numbers, kept):
                if len(line) > MAX_CELL and max(map(len, line.split(separator))) > MAX_CELL:
                    raise InputError.coded(
                        "E-INPUT-10",
                        "{path}: row {row}: expected at most {most:,} characters in a cell, got more."
                        " Look for a quotation mark that is not closed.",
                        path=self.path,
                        row=at,
                        most=MAX_CELL,
                    )
            if kept:
                yield Block(list(kept), numbers)
            number += len(lines)

    def _quoted_blocks(self, separator: str) -> Iterator[Block]:
        lines = (line + "\n" for part in self.lines() for line in part)
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        records: list[Record] = []
        numbers: list[int] = []
        size = 0
        try:
            for cells in reader:
                if any(map(str.strip, cells)):
                    records.append(cells)
                    numbers.append(reader.line_num)
                    size += len(cells)
                if size > _CHUNK // 4:
                    yield Block(records, numbers)
                    records, numbers, size = [], [], 0
        except csv.Error as error:
            raise InputError.coded(
                "E-INPUT-02",
                "{path}: row {row} cannot be read as CSV ({reason}). Close every quotation mark.",
                path=self.path,
                row=reader.line_num,
                reason=error,
            ) from error
        if records:
            yield Block(records, numbers)


def cells_of(record: Record, separator: str) -> list[str]:
    """Return the cells of a row without the blanks around them."""
    cells = record.split(separator) if isinstance(record, str) else record
    return [cell.strip() for cell in cells]


def open_table(path: str, encoding: str | None = None) -> TextFile:
    """Return a file of text with its encoding.

    Args:
        path: The file.
        encoding: Its encoding where the user knows it; None finds out.

    Raises:
        MissingInputError: There is no such file.
        InputError: It is a folder, no regular file, not readable, a spreadsheet or no text; or there is no
            such encoding.
    """
    if "\0" not in path and os.path.isdir(path):
        raise InputError.coded(
            "E-INPUT-02", "{path}: expected a CSV file, got a folder. Give the path of a file.", path=path
        )
    file = str(regular_file(path, "file"))
    try:
        with open(file, "rb") as opened:
            start = opened.read(filekind.HEAD)
            _check_kind(path, file, start)
            opened.seek(0)
            if encoding is not None:
                known, note = _codec(encoding), ""
            elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                known, note = "utf-16", ""
            else:
                known, note = _find(path, opened)
            opened.seek(0)
            quoted = _has_quotes(path, opened, known)
    except OSError as error:
        raise cannot_read(path, error, "CSV file") from error
    named = _NAMED.match(start.decode(known, "ignore").lstrip("\ufeff"))
    return TextFile(file, known, note, quoted, named.group(1) if named else "")


_NAMED = re.compile(r'"?sep=([^\w\s"]|[\t ])"?\s*[\r\n]', re.IGNORECASE)


_NO_TABLES = (filekind.HTML, filekind.LFS, filekind.ANNEX, filekind.PDF, filekind.ONNX, filekind.PICKLE)
"""What holds no table, though no zero byte may stand at its beginning."""


def _check_kind(path: str, file: str, start: bytes) -> None:
    """Refuse a file that says by its first bytes what else it is."""
    if start.startswith(b"\xd0\xcf\x11\xe0"):  # .xls
        raise InputError.coded(
            "E-INPUT-02", "{path}: expected a CSV file, got a spreadsheet. Save it as CSV.", path=path
        )
    kind = filekind.kind_of_bytes(start)
    if start.startswith(b"PK\x03\x04"):
        kind = filekind.kind_of_file(file)
        if kind in (filekind.ZIP, filekind.BROKEN_ZIP, filekind.OTHER_ZIP):
            raise InputError.coded(
                "E-INPUT-02",
                "{path}: expected a CSV file, got a spreadsheet or zip file. Save it as CSV.",
                path=path,
            )
    elif kind not in _NO_TABLES and (b"\0" not in start or kind == filekind.UNKNOWN):
        return
    raise InputError(filekind.instead(path, gettext("a CSV file"), kind))


def _codec(encoding: str) -> str:
    """Return the name of an encoding of text; UTF-8 with or without its mark is one."""
    try:
        if not isinstance(encoding, str) or "\0" in encoding:
            raise LookupError
        info = codecs.lookup(encoding)
        if not getattr(info, "_is_text_encoding", True):
            raise LookupError
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InputError.coded(
            "E-INPUT-06",
            "encoding={encoding}: expected an encoding of Python, such as 'utf-8', 'gb18030', 'big5', "
            "'shift_jis', 'cp1252' (Western Europe) or 'utf-16'.",
            encoding=shortened(encoding, 40),
        ) from error
    return "utf-8-sig" if info.name == "utf-8" else str(info.name)


def _find(path: str, file: IO[bytes]) -> tuple[str, str]:
    """Return the encoding of a file without a byte order mark, and what to say about it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    sample = bytearray()
    # to the end of a line, since half of a character would be none in the right encoding
    for chunk in iter(lambda: file.read(_CHUNK) + file.readline(_CHUNK), b""):
        if b"\0" in chunk:
            raise _binary(path)
        if chunk.isascii():
            if not decoder.getstate()[0]:
                continue
        elif len(sample) < _SAMPLE:
            for line in chunk.splitlines():
                if not line.isascii() and len(sample) < _SAMPLE:
                    sample += line[:_SAMPLE] + b"\n"
        if is_utf8:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
    if is_utf8 and not decoder.getstate()[0]:
        return "utf-8-sig", ""
    return guess(path, bytes(sample))


def _has_quotes(path: str, file: IO[bytes], encoding: str) -> bool:
    """Return whether a quotation mark stands in a file, after a check that it is text all the way."""
    narrow = encoding == "utf-8-sig"  # the bytes were decoded already, or will be while they are read
    decoder = None if narrow else codecs.getincrementaldecoder(encoding)()
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        if decoder is None:
            if b'"' in chunk:
                return True
            continue
        try:
            text = decoder.decode(chunk)
        except UnicodeError as error:
            raise _no_text(path, encoding) from error
        if "\0" in text:
            raise _binary(path)
        if '"' in text:
            return True
    return False


def _binary(path: str) -> InputError:
    return InputError.coded(
        "E-INPUT-02",
        "{path}: expected text in UTF-8, UTF-16 or GBK, got other bytes. Save it as CSV in UTF-8.",
        path=path,
    )


def _no_text(path: str, encoding: str) -> InputError:
    return InputError.coded(
        "E-INPUT-02",
        "{path}: expected text in {encoding}, got other bytes. Save it as CSV in UTF-8, or name its encoding "
        "with encoding=.",
        path=path,
        encoding=encoding,
    )
