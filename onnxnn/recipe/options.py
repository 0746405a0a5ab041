"""What a recipe's keys take: the options of the methods that they stand for, by the methods' signatures."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from onnxnn_runtime.errors import InputError, LayerError, did_you_mean
from onnxnn_runtime.messages.shorten import printable, shortened

from onnxnn.layers import find
from onnxnn.layers.registry import option_name

from .tree import Node, as_text, as_value

__all__ = ["Place", "kinds_of_layer", "kinds_of_method"]

_NOT_HERE = (*("self", "data_path", "x", "y", "path", "checkpoint", "save_fold", "callbacks", "batch_num"),)
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
        """Return the error for this place."""
        where = f"{self.key}: " if self.key else ""
        return InputError(f"{self.file}: {printable(where, 100)}{problem} (line {self.line}).")

    def inside(self) -> dict[str, Place]:
        """Return the places of a mapping by name.

        Raises:
            InputError: It is no mapping.
        """
        if not isinstance(self.node.value, dict):
            what = self.key or "the recipe"
            raise InputError(
                f"{self.file}: {what}: 'name: value' pairs fit; got {shortened(self.plain())} "
                f"(line {self.line})."
            )
        prefix = f"{self.key}." if self.key else ""
        return {key: Place(self.file, prefix + key, node) for key, node in self.node.value.items()}

    def known(self, given: Mapping[str, Place], known: tuple[str, ...]) -> None:
        """Report every unknown key at once, each with the nearest known one and its line."""
        unknown = [key for key in given if key not in known]
        problems = []
        for key in unknown[:8]:
            hint = did_you_mean(key[:100], known) or "."
            problems.append(f"{printable(given[key].key, 100)}{hint} (line {given[key].line})")
        if problems:
            raise InputError(f"{self.file}: unknown key {'; '.join(problems)} Known: {', '.join(known)}.")

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
            raise self.error(f"a text fits; got {shortened(self.plain())}")
        return self.node.value

    def integer(self) -> int | None:
        """Return an integer, None where nothing stands there.

        Raises:
            InputError: It is something else.
        """
        value = as_value(self.node, self.key, self.file)
        if value is not None and type(value) is not int:
            raise self.error(f"a whole number fits; got {shortened(value)}")
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
        expected = _EXPECTED.get(frozenset(types - {"None"}))
        if expected is None or (value is None and "None" in types):
            return value
        fitting, what = expected
        if type(value) not in fitting:
            raise self.error(f"{what} is expected; got {shortened(value)}")
        return value

    def _texts(self, names: bool, numbers: bool) -> Any:
        """Return texts as they are written; one that an integer is written as, as such where that fits."""
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


_EXPECTED: dict[frozenset[str], tuple[tuple[type, ...], str]] = {
    frozenset({"int"}): ((int,), "an integer"),
    frozenset({"float"}): ((int, float), "a number"),
    frozenset({"int", "float"}): ((int, float), "a number"),
    frozenset({"bool"}): ((bool,), "true or false"),
}
"""What options of a single type take, and in words."""
