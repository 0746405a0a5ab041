"""YAML as a recipe may be written: mappings, lists and scalars with their lines, and nothing that guesses.

PyYAML takes the text apart into events; everything after that happens here. Anchors, aliases and tags are
refused, a scalar stays the text that is written, and what it means is decided by the key that it stands
under: `classes: [no, 1.0]` are two texts, `shuffle: no` is a mistake. Where a key takes numbers, YAML 1.2's
core schema counts: true, false, null, integers and finite numbers, 1e-3 among them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import as_path, cannot_read, regular_file
from onnxnn_runtime.files.filekind import TEXT, UNKNOWN, instead, kind_of_file
from onnxnn_runtime.files.paths import expanded
from onnxnn_runtime.messages.catalogue import Message, gettext
from onnxnn_runtime.messages.shorten import printable, shortened

LARGEST = 1 << 18
"""Bytes of a recipe."""

MOST_EVENTS = 50_000
"""Keys, values and brackets of a recipe; PyYAML reads ten thousand of them in a second."""

DEEPEST = 16
"""Levels of mappings and lists inside each other."""


def beside(file: Path, path: str) -> Path:
    """Return a path that stands in a recipe: relative ones begin at its folder, "~" is the home folder."""
    return file.parent / expanded(path)


def line_of(file: Path, line: int, key: str = "") -> str:
    """Return how messages call a line of a recipe, or a key in it."""
    if not key:
        return gettext("{file}, line {line}", file=file, line=line)
    return gettext("{file}, line {line}, {key}", file=file, line=line, key=key)


@dataclass
class Node:
    """A part of a recipe.

    Args:
        line: The line that it, or its key, begins in, from 1.
        value: Of a scalar its text, of a list its nodes, of a mapping its nodes by name.
        quoted: Whether a scalar stands in quotes, and so is text whatever it looks like.
    """

    line: int
    value: str | list[Node] | dict[str, Node]
    quoted: bool = False
    _key: str | None = field(default=None, repr=False)
    _key_line: int = field(default=0, repr=False)

    @property
    def is_nothing(self) -> bool:
        """Whether it is a scalar that stands for nothing: empty, ~ or null."""
        return not self.quoted and isinstance(self.value, str) and self.value in _NOTHING


def read_tree(path: Any) -> tuple[Path, Node]:
    """Read a file as YAML.

    Returns:
        The path and the tree.

    Raises:
        MissingInputError: There is no such file.
        InputError: It is no file of that kind; the message names the line.
    """
    file = as_path(path, "recipe", InputError)
    if os.path.isdir(file):
        raise InputError.coded(
            "E-RECIPE-01", "{file}: expected a recipe (a .yaml file), got a folder.", file=file
        )
    regular_file(file, gettext("recipe"))
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
        kind = kind_of_file(file)
        if kind not in (UNKNOWN, TEXT):
            raise InputError(
                Message(instead(str(file), gettext("a recipe (a .yaml file)"), kind), "E-RECIPE-01")
            )
        if len(data) > LARGEST:
            raise InputError.coded(
                "E-RECIPE-01",
                "{file}: expected a recipe of at most {most} KB, got a larger file.",
                file=file,
                most=LARGEST >> 10,
            )
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError.coded(
            "E-RECIPE-01",
            "{file}: expected UTF-8 text, got other bytes ({reason}). Save it as UTF-8.",
            file=file,
            reason=error,
        ) from error
    except OSError as error:
        raise cannot_read(file, error, gettext("recipe")) from error
    return file, _composed(file, text)


def _composed(file: Path, text: str) -> Node:
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        return _Composer(file).compose(_events(loader))
    except InputError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = text[: getattr(error, "position", 0)].count("\n") if mark is None else mark.line
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
        raise _no_yaml(file, place + 1, problem) from error
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        # such as a character beyond Unicode, "\U99999999"
        line = 1 if loader is None else loader.line + 1
        raise _no_yaml(file, line, error) from error


def _no_yaml(file: Path, line: int, problem: object) -> InputError:
    return InputError.coded(
        "E-RECIPE-01",
        "{where}: expected YAML, got an error of its reader ({problem}).",
        where=line_of(file, line),
        problem=printable(str(problem), 120),
    )


def _events(loader: yaml.SafeLoader) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()  # type: ignore[no-untyped-call]


class _Composer:
    """Builds the tree out of events, without recursion."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: list[Node] = []
        self._root: Node | None = None

    def compose(self, events: Iterator[yaml.Event]) -> Node:
        for number, event in enumerate(events):
            mark = event.start_mark
            line = 1 if mark is None else mark.line + 1
            if number > MOST_EVENTS:
                raise self._error(
                    line,
                    gettext(
                        "expected at most {most:,} keys, values and brackets, got more.", most=MOST_EVENTS
                    ),
                )
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise self._error(
                    line, gettext("anchors and aliases (& and *) are not read. Write the value out.")
                )
            tag = getattr(event, "tag", None)
            if tag is not None:
                tag = shortened(str(tag).replace("tag:yaml.org,2002:", "!!"), 40)
                raise self._error(
                    line, gettext("the tag {tag} is not read. Write the value without it.", tag=tag)
                )
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(line, event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._begin(Node(line, {}))
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin(Node(line, []))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._open.pop()
        return self._root or Node(1, "")

    def _error(self, line: int, problem: str) -> InputError:
        return InputError.coded(
            "E-RECIPE-01", "{where}: {problem}", where=line_of(self._file, line), problem=problem
        )

    def _scalar(self, line: int, event: yaml.ScalarEvent) -> None:
        text = str(event.value)
        if any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
            raise self._error(
                line,
                gettext("expected characters of Unicode text, got {text}.", text=shortened(text, 40)),
            )
        inside = self._open[-1] if self._open else None
        if inside is not None and isinstance(inside.value, dict) and inside._key is None:
            if text in inside.value:
                raise InputError.coded(
                    "E-RECIPE-02",
                    "{where}: the key {key} is given twice. Remove one.",
                    where=line_of(self._file, line),
                    key=shortened(text),
                )
            inside._key, inside._key_line = text, line
        else:
            self._place(Node(line, text, quoted=event.style is not None))

    def _begin(self, node: Node) -> None:
        if len(self._open) >= DEEPEST:
            raise self._error(
                node.line,
                gettext(
                    "expected at most {most} levels of brackets inside each other, got more.", most=DEEPEST
                ),
            )
        self._place(node)
        self._open.append(node)

    def _place(self, node: Node) -> None:
        if not self._open:
            if self._root is not None:
                raise self._error(
                    node.line, gettext("expected one YAML document, got a second one. Remove it.")
                )
            self._root = node
            return
        inside = self._open[-1]
        if isinstance(inside.value, list):
            inside.value.append(node)
        elif inside._key is None:
            raise self._error(node.line, gettext("expected a name as key, got a list or a mapping."))
        else:
            node.line = inside._key_line
            instance(inside.value, dict)[inside._key] = node
            inside._key = None


# ---- what scalars mean ---------------------------------------------------------------------------

_NOTHING = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def as_text(node: Node) -> Any:
    """Return a node with every scalar as the text that is written."""
    if isinstance(node.value, list):
        return [as_text(each) for each in node.value]
    if isinstance(node.value, dict):
        return {key: as_text(each) for key, each in node.value.items()}
    return node.value


def as_value(node: Node, where: str, file: Path) -> Any:
    """Return a node with scalars by YAML 1.2's core schema.

    Args:
        node: The node.
        where: Its key, for messages.
        file: The recipe, for messages.

    Raises:
        InputError: A number has more than 64 bits, or is none (.nan, .inf).
    """
    if isinstance(node.value, list):
        return [as_value(each, where, file) for each in node.value]
    if isinstance(node.value, dict):
        return {key: as_value(each, f"{where}.{key}", file) for key, each in node.value.items()}
    if node.quoted:
        return node.value
    if node.value in _NOTHING:
        return None
    if node.value in _BOOLEANS:
        return _BOOLEANS[node.value]
    if _INTEGER.fullmatch(node.value):
        number = _integer(node.value)
        if number is None:
            raise InputError.coded(
                "E-RECIPE-03",
                "{where}: expected an integer of at most 64 bits, got one of {count} characters.",
                where=line_of(file, node.line, printable(where, 100)),
                count=len(node.value),
            )
        return number
    if _NUMBER.fullmatch(node.value) and len(node.value) <= 400:
        value = float(node.value)
        if math.isfinite(value):
            return value
    elif not _NOT_FINITE.fullmatch(node.value):
        return node.value
    raise InputError.coded(
        "E-RECIPE-03",
        "{where}: expected a finite number, got {got}.",
        where=line_of(file, node.line, printable(where, 100)),
        got=shortened(node.value),
    )


def _integer(text: str) -> int | None:
    """Return an integer of at most 64 bits; None where it has more."""
    if len(text) > 66:
        return None
    number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return number if -(2**63) <= number < 2**63 else None
