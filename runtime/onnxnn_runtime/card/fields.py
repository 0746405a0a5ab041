"""What a card's JSON text holds, taken field by field with its types checked."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Sequence

from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

_DEEPEST = 100
"""Lists and dicts inside each other in the free parts of a card."""


class Fields:
    """The keys of one JSON object, taken one by one with their types checked."""

    def __init__(self, prefix: str, data: dict[str, object]) -> None:
        self._prefix = prefix
        self._left = dict(data)

    @classmethod
    def of_entry(cls, key: str, entry: object) -> Fields:
        """Return the keys of one object of a list."""
        if not isinstance(entry, dict):
            raise CardError.coded(
                "E-CARD-02",
                "card: '{key}': expected objects, got {value}.",
                key=key,
                value=shortened(entry),
            )
        return cls(f"{key}.", entry)

    def take(self, key: str, kind: type[object], optional: bool = False) -> Any:
        if key not in self._left:
            raise CardError.coded(
                "E-CARD-02", "card: expected the key '{key}', got none.", key=self._prefix + key
            )
        value = self._left.pop(key)
        if value is None and optional:
            return None
        if type(value) is not kind:
            raise CardError.coded(
                "E-CARD-02",
                "card: '{key}': expected {type}, got {value}.",
                key=self._prefix + key,
                type=kind.__name__,
                value=shortened(value),
            )
        return value

    def done(self) -> None:
        if self._left:
            unknown = ", ".join(shortened(self._prefix + key, 60) for key in sorted(self._left)[:5])
            raise CardError.coded(
                "E-CARD-02",
                "card: unknown {keys}. Install a newer onnxnn-runtime if a newer version wrote it.",
                keys=unknown,
            )


def check_texts(text: str, data: object) -> None:
    """Refuse halves of characters, which JSON can write as escapes and no file or terminal can hold."""
    if re.search(r"\\u[dD][89a-fA-F]", text) is None:
        return
    try:
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        raise CardError.coded(
            "E-CARD-02", "card: a text holds half a character (a lone surrogate). Write it again."
        ) from error


def check_depth(key: str, value: object) -> None:
    """Refuse free parts that are nested so deep that nothing could read them."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            each
            for inside in level
            if isinstance(inside, (dict, list))
            for each in (inside.values() if isinstance(inside, dict) else inside)
        ]
        if not level:
            return
    raise CardError.coded(
        "E-CARD-02", "card: '{key}' is nested more than {deepest} deep.", key=key, deepest=_DEEPEST
    )


def check_count(name: str, number: int | None) -> None:
    if number is not None and not 1 <= number < 2**31:
        raise CardError.coded(
            "E-CARD-02",
            "card: '{key}': expected an integer from 1, got {value}.",
            key=name,
            value=shortened(number),
        )


def names_of(name: str, values: list[str]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise CardError.coded(
            "E-CARD-02",
            "card: '{key}': expected a list of texts, got {value}.",
            key=name,
            value=shortened(values),
        )
    return tuple(values)


def no_constant(name: str) -> Any:
    raise ValueError(gettext("{name} is no JSON number", name=name))


def one_of(name: str, value: object, known: Sequence[str]) -> None:
    if not is_one_of(value, known):
        raise CardError.coded(
            "E-CARD-02",
            "card: '{key}': expected one of {known}, got {value}.",
            key=name,
            known=", ".join(known),
            value=shortened(value),
        )


def positive(name: str, values: list[float]) -> tuple[float, ...]:
    if not all(type(value) in (int, float) and 0 < value < math.inf for value in values):
        raise CardError.coded(
            "E-CARD-02",
            "card: '{key}': expected finite numbers above 0, got {value}.",
            key=name,
            value=shortened(values),
        )
    return tuple(map(float, values))


def sizes_of(name: str, values: Sequence[int | str]) -> tuple[int | str, ...]:
    if not all(type(value) in (int, str) and value not in ("", 0) for value in values) or not values:
        raise CardError.coded(
            "E-CARD-02",
            "card: '{key}': expected sizes and axis names, got {value}.",
            key=name,
            value=shortened(values),
        )
    if any(isinstance(value, int) and value < 0 for value in values):
        raise CardError.coded(
            "E-CARD-02",
            "card: '{key}': expected sizes from 1, got {value}.",
            key=name,
            value=shortened(values),
        )
    return tuple(values)
