"""Labels for the inputs of a gallery, in the forms in which users give them."""

from __future__ import annotations

from collections.abc import Set
from typing import Callable, Iterable, Iterator, Mapping, Union

import numpy as np

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

Labels = Union[None, str, Iterable[object], Mapping[str, object], Callable[[str], object]]
"""One label for all, one for each input in order, a mapping or a function from names; or none."""


class Labeller:
    """Gives each input its label.

    Args:
        labels: See `Labels`.

    Raises:
        InputError: It is of another type.
    """

    def __init__(self, labels: Labels) -> None:
        self.is_none = labels is None
        self._of_name: Callable[[str], object] | None = None
        self._rest: Iterator[object] = iter(())
        if labels is None or isinstance(labels, (str, int, np.integer)):
            self._of_name = lambda name: labels
        elif isinstance(labels, Mapping):
            self._of_name = labels.get
        elif callable(labels):
            self._of_name = labels
        elif isinstance(labels, Iterable) and not isinstance(labels, Set):  # which has no order
            self._rest = iter(labels)
        else:
            raise InputError.coded(
                "E-INPUT-06",
                "labels={labels}: expected a label for each input, one for all, a function of the name, or "
                "None.",
                labels=shortened(labels),
            )

    def label_of(self, name: str) -> str | None:
        """Return the label of the next input, whose name this is.

        Raises:
            InputError: There are fewer labels than inputs, or one is no text and no integer.
        """
        if self._of_name is not None:
            return _as_text(self._of_name(name))
        for label in self._rest:
            return _as_text(label)
        raise InputError.coded(
            "E-INPUT-06",
            "labels: expected a label for each input, but there is none for {name}. Give as many as inputs, "
            "or a function of the name.",
            name=name,
        )

    def check_end(self) -> None:
        """Refuse labels that are left when all inputs have one.

        Raises:
            InputError: There are some.
        """
        for label in self._rest:
            raise InputError.coded(
                "E-INPUT-06",
                "labels: expected a label for each input, but {label} is left over. Give as many as inputs.",
                label=shortened(label),
            )


def _as_text(label: object) -> str | None:
    if label is None or isinstance(label, str):
        return None if label is None else str(label)
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        return str(label)
    raise InputError.coded(
        "E-INPUT-06",
        "labels: expected texts, integers or None, got {label}.",
        label=shortened(label),
    )
