"""Names of classes in every form that scripts hold them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeGuard

import numpy as np
from onnxnn_runtime.arrays.columns import names_listed
from onnxnn_runtime.arrays.conversion import is_several
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.shorten import shortened

_MOST_NAMES = 1_000_000


def class_names(classes: object) -> tuple[str, ...] | None:
    """Return the names of classes by number from a list, {"cat": 0} or {0: "cat"}; None stays None.

    Raises:
        DataError: It is none of those, a name occurs twice, or the class indices are not 0, 1, 2, ...
    """
    if classes is None:
        return None
    if isinstance(classes, Mapping):
        names = _from_mapping(classes)
    elif not isinstance(classes, Iterable) or not (is_several(classes) or isinstance(classes, Iterator)):
        raise DataError.coded(
            "E-DATA-09",
            "classes={got}: expected a list of names, {{name: index}} or {{index: name}}.",
            got=shortened(classes),
        )
    else:
        names = [_name(each) for each in _in_order(classes)]
    if not names:
        raise DataError.coded(
            "E-DATA-09", "classes: expected a name for each class, got none. Name all, or leave it out."
        )
    twice = sorted(name for name, number in Counter(names).items() if number > 1)
    if twice:
        raise DataError.coded(
            "E-DATA-09",
            "classes: expected each name once, got {names} more than once.",
            names=names_listed(twice),
        )
    return tuple(names)


def _in_order(classes: Iterable[object]) -> list[object]:
    if isinstance(classes, set | frozenset):
        raise DataError.coded(
            "E-DATA-09",
            "classes={got}: expected names in order, got a set. Give a list.",
            got=shortened(classes),
        )
    names = list(islice(classes, _MOST_NAMES + 1))  # an iterator may have no end
    if len(names) > _MOST_NAMES:
        raise DataError.coded(
            "E-DATA-09",
            "classes: expected one name for each class of the data, got more than {most:,}.",
            most=_MOST_NAMES,
        )
    return names


def _name(given: object) -> str:
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    if not isinstance(given, str | int | float | np.generic | os.PathLike):
        raise DataError.coded(
            "E-DATA-09", "classes: expected a text for each class, got {got}.", got=shortened(given)
        )
    return str.__str__(given) if isinstance(given, str) else str(given)  # of an Enum the text alone


def _from_mapping(classes: Mapping[object, object]) -> list[str]:
    pairs = [(key, value) if _is_whole(key) else (value, key) for key, value in classes.items()]
    numbers = [int(number) for number, _ in pairs if _is_whole(number)]
    if len(numbers) < len(pairs):
        raise DataError.coded(
            "E-DATA-09",
            "classes={got}: expected {{name: index}} or {{index: name}} with integers.",
            got=shortened(dict(classes)),
        )
    by_number = {number: _name(name) for number, (_, name) in zip(numbers, pairs, strict=True)}
    if len(by_number) != len(pairs) or sorted(by_number) != list(range(len(pairs))):
        raise DataError.coded(
            "E-DATA-09",
            "classes={got}: expected the class indices 0 to {last}, each once.",
            got=shortened(dict(classes)),
            last=len(pairs) - 1,
        )
    return [by_number[number] for number in sorted(by_number)]


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
