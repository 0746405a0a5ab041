"""What a recipe's keys take: the options of the methods that they stand for, by the methods' signatures."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from onnxnn_runtime.errors import InputError, LayerError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.suggestions import nearest

from onnxnn.layers import find
from onnxnn.layers.registry import option_name

from .tree import Node, as_text, as_value, line_of

__all__ = ["Place", "kinds_of_layer", "kinds_of_method", "line_of"]

_NOT_HERE = (
    *("self", "data_path", "x", "y", "path", "checkpoint", "save_fold", "callbacks", "batch_num"),
    "calibration",  # which is the data of the recipe
)
"""Parameters that a recipe has a key of its own for, or that mean nothing in a recipe."""

_NAMES = ("classes", "label", "labels", "target", "targets", "features", "columns", "missing")
"""Options of loaders that hold names: each stays the text that is written, null and 007 too."""

_INTEGER = re.compile("-?[1-9][0-9]{0,17}|0")

Kinds = Mapping[str, str]
"""What each option takes, as its annotation says: "int | None"."""


def kinds_of_method(method: Callable[..., Any]) -> dict[str, str]:
    """Return the options of a method that a recipe can give."""
    parameters = inspect.signature(inspect.unwrap(method)).parameters.values()
    return {
        each.name: str(each.annotation)
        for each in parameters
        if each.name not in _NOT_HERE and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }


def kinds_of_layer(name: str) -> dict[str, str]:
    """Return the options of a layer; {} for one that is not known, which `add` says better."""
    try:
        fields = dataclasses.fields(find(name))
    except LayerError:
        return {}
    return {option_name(each): str(each.type) for each in fields}


class Place:
    """A node of a recipe and the way to it, which every message names.

    Args:
        file: The recipe.
        key: The way, such as "train.lr"; "" for the whole.
        node: What stands there.
    """

    def __init__(self, file: Path, key: str, node: Node) -> None:
        self.file = file
        self.key = key
        self.node = node

    @property
    def line(self) -> int:
        """The line that it begins in."""
        return self.node.line

    def error(self, problem: str) -> InputError:
        """Return the error for the value at this place; the problem ends in a full stop."""
        where = line_of(self.file, self.line, printable(self.key, 100))
        return InputError.coded("E-RECIPE-03", "{where}: {problem}", where=where, problem=problem)

    def required(self, given: dict[str, Place], key: str) -> Place:
        """Take a place that must be there out of those of this mapping.

        Raises:
            InputError: It is missing.
        """
        if key not in given:
            where = line_of(self.file, self.line, f"{self.key}.{key}")
            raise InputError.coded("E-RECIPE-02", "{where}: expected a text, got nothing.", where=where)
        return given.pop(key)

    def inside(self) -> dict[str, Place]:
        """Return the places of a mapping by name.

        Raises:
            InputError: It is no mapping.
        """
        if not isinstance(self.node.value, dict):
            raise self.error(gettext("expected 'name: value' pairs, got {got}.", got=shortened(self.plain())))
        prefix = f"{self.key}." if self.key else ""
        return {key: Place(self.file, prefix + key, node) for key, node in self.node.value.items()}

    def known(self, given: Mapping[str, Place], known: tuple[str, ...]) -> None:
        """Report every unknown key at once, each with the nearest known one and its line."""
        unknown = [key for key in given if key not in known]
        if unknown:
            raise InputError.coded(
                "E-RECIPE-02",
                "{file}: unknown key {keys}. Known keys: {known}.",
                file=self.file,
                keys=gettext("; ").join(
                    _unknown(given[key], nearest(key[:100], known)) for key in unknown[:8]
                ),
                known=", ".join(known),
            )

    def plain(self) -> Any:
        """Return what stands there, for messages."""
        return None if self.node.is_nothing else as_text(self.node)

    def text(self, optional: bool = False) -> str | None:
        """Return a text as it is written.

        Raises:
            InputError: It is a list or a mapping, or empty.
        """
        if self.node.is_nothing and optional:
            return None
        if not isinstance(self.node.value, str) or not self.node.value or self.node.is_nothing:
            raise self.error(gettext("expected a text, got {got}.", got=shortened(self.plain())))
        return self.node.value

    def integer(self) -> int | None:
        """Return an integer, None where nothing stands there.

        Raises:
            InputError: It is something else.
        """
        value = as_value(self.node, self.key, self.file)
        if value is not None and type(value) is not int:
            raise self.error(gettext("expected an integer, got {got}.", got=shortened(value)))
        return value

    def option(self, kind: str) -> Any:
        """Return an option's value.

        Args:
            kind: The annotation of the option.

        Raises:
            InputError: It is of another type.
        """
        of, _, name = self.key.rpartition(".")
        names = of == "data" and name in _NAMES
        types = set(re.split(r"\s*\|\s*", re.sub(r"\[.*?\]", "", kind)))
        texts = types <= {"str", "Path", "int", "None", "Sequence", "Iterable", "list", "tuple"}
        if names or ("str" in types and texts):
            return self._texts(names, "int" in types)
        if "Mapping" in types and "str" in types and isinstance(self.node.value, str):
            return self._texts(False, False)
        value = as_value(self.node, self.key, self.file)
        expected = frozenset(types - {"None"})
        if expected not in _EXPECTED or (value is None and "None" in types):
            return value
        if type(value) not in _EXPECTED[expected]:
            raise self.error(_wrong(expected, shortened(value)))
        return value

    def _texts(self, names: bool, numbers: bool) -> Any:
        """Return texts as they are written; one that an integer is written as, as such where that counts."""
        text = self.node.value
        if isinstance(text, dict) and self.key.endswith(".classes"):
            return _ids_in(as_text(self.node))
        if not isinstance(text, str):
            return as_text(self.node)
        if self.node.is_nothing and (not names or not text):
            return None
        is_integer = _INTEGER.fullmatch(text) and not self.node.quoted
        return int(text) if numbers and is_integer else text


def _ids_in(classes: dict[str, Any]) -> dict[Any, Any]:
    """Return {id: name} or {name: id} with its ids as integers, as they are in a script."""
    if all(map(_INTEGER.fullmatch, classes)):
        return {int(key): name for key, name in classes.items()}
    if all(isinstance(value, str) and _INTEGER.fullmatch(value) for value in classes.values()):
        return {name: int(value) for name, value in classes.items()}
    return classes


_EXPECTED: dict[frozenset[str], tuple[type, ...]] = {
    frozenset({"int"}): (int,),
    frozenset({"float"}): (int, float),
    frozenset({"int", "float"}): (int, float),
    frozenset({"bool"}): (bool,),
}
"""What options of a single type take."""


def _wrong(expected: frozenset[str], got: str) -> str:
    """Return what is wrong with the value of an option of these types."""
    if "bool" in expected:
        return gettext("expected true or false, got {got}.", got=got)
    if "float" in expected:
        return gettext("expected a number, got {got}.", got=got)
    return gettext("expected an integer, got {got}.", got=got)


def _unknown(place: Place, meant: str) -> str:
    key = printable(place.key, 100)
    if not meant:
        return gettext("{key} (line {line})", key=key, line=place.line)
    return gettext(
        "{key} (line {line}, did you mean {meant}?)", key=key, line=place.line, meant=shortened(meant)
    )
