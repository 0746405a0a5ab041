"""Whether a network's outputs are those that its card promises.

A graph may do anything: return one row for three samples, two rows for each, three axes where its card says
classes, or scores that are no numbers. Each would come out as a wrong answer, so outputs are compared with
the card when a file is opened, and with card and batch after each run.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence, Tuple

import numpy as np

from onnxnn_runtime.card.card import Axis, ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.messages.catalogue import Message, coded, gettext, ngettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

Declared = Mapping[str, Tuple[str, Tuple[Any, ...]]]
"""Each output's type and shape, e.g. {"output": ("float32", ("batch", 3))}."""

_NUMBERS = ("float32", "float16", "float64")


class Promises:
    """What a model's outputs must be like.

    Args:
        name: What errors call the model.
        card: What it says about itself; None promises nothing but that there are outputs.
        declared: What its graph says about its outputs.
        fixed_batch: How many samples the graph takes at once; None where it takes any number.

    Raises:
        CardError: Card and graph differ.
        InputError: The graph has no outputs.
    """

    def __init__(
        self, name: str, card: ModelCard | None, declared: Declared, fixed_batch: int | None = None
    ) -> None:
        if not declared:
            raise InputError.coded(
                "E-MODEL-04",
                "{name}: expected at least one output in its graph, got none. Export it again.",
                name=name,
            )
        if card is not None and not (card.input.shape and card.output.shape):
            raise CardError.coded(
                "E-CARD-02",
                "{name}: expected shapes such as ('batch', 3) of input and output in its card, got one "
                "without axes. Export the model again.",
                name=name,
            )
        self._name = name
        self._declared = declared
        self._shapes = {} if card is None else _promised(card, declared)
        self._fixed_batch = fixed_batch
        self._scores = {} if card is None else {next(iter(declared)): _least_scores(card)}
        self._checked: dict[str, tuple[tuple[int, ...], int | None]] = {}  # the last shape that was right
        # A free batch: the card says that samples may come in any number, one row for each.
        self.batched = card is not None and isinstance(card.input.shape[0], str)
        for output, shape in self._shapes.items():
            self._compare(output, shape, *declared[output])

    def check(self, output: str, values: np.ndarray | None, batch: int | None) -> Any:
        """Return what a run returned for an output, or refuse it.

        Args:
            output: The output's name.
            values: What ONNX Runtime returned.
            batch: How many samples went in; None where that is not known.

        Raises:
            InputError: There is nothing, or it has other rows or axes than promised, or its numbers are NaN
                or infinite.
        """
        if values is None:
            raise InputError.coded(
                "E-MODEL-03",
                "{name}: its output {output} came back empty. This version of ONNX Runtime cannot "
                "compute it; install a newer onnxruntime, or export the model again.",
                name=self._name,
                output=repr(printable(output, 80)),
            )
        shape = self._shapes.get(output)
        if shape is None:
            return values
        found = np.shape(values)
        if self._checked.get(output) != (found, batch):
            self._check_shape(output, shape, found, batch)
            self._checked[output] = (found, batch)
        check_finite(self._name, output, values)
        return values

    def other_shape(self, output: str, expected: tuple[int, ...], found: np.ndarray | None) -> InputError:
        """Return the error for an output of another shape than the input that it belongs to."""
        return InputError.coded(
            "E-MODEL-04",
            "{name}: output {output}: expected {expected}, the shape of its input, got {found}. Export "
            "it again.",
            name=self._name,
            output=repr(printable(output, 80)),
            expected=shape_text(expected),
            found=gettext("nothing") if found is None else shape_text(np.shape(found)),
        )

    def _compare(
        self, output: str, shape: tuple[Axis, ...], dtype: str, declared: tuple[object, ...]
    ) -> None:
        """Refuse a graph that declares an output otherwise than the card."""
        if dtype not in _NUMBERS:
            raise CardError.coded(
                "E-MODEL-04",
                "{name}: output {output}: expected float32, as its card promises, got {type} of the "
                "graph. Use a model whose output is float32, or infer() without a card.",
                name=self._name,
                output=repr(printable(output, 80)),
                type=dtype,
            )
        if not declared:  # of a scalar, and of an unknown number of axes: known after the first run
            return
        batch = (
            isinstance(shape[0], str) and isinstance(declared[0], int) and declared[0] != self._fixed_batch
        )
        sizes = [
            isinstance(size, int) and isinstance(real, int) and real > 0 and real != size
            for size, real in zip(shape, declared)
        ]
        if len(shape) != len(declared) or batch or any(sizes):
            raise CardError(
                self._broken(output, shape, gettext("{shape} of the graph", shape=shape_text(declared)))
            )

    def _check_shape(
        self, output: str, shape: tuple[Axis, ...], found: tuple[int, ...], batch: int | None
    ) -> None:
        rows = batch if self.batched else None
        expected = [
            rows if number == 0 and isinstance(size, str) else size for number, size in enumerate(shape)
        ]
        matches = len(found) == len(expected) and all(
            not isinstance(size, int) or real == size for size, real in zip(expected, found)
        )
        if not matches:
            if rows is not None:
                check_rows(self._name, output, found, rows)
            raise InputError(self._broken(output, shape, shape_text(found)))
        if len(found) == 2 and found[1] < self._scores.get(output, 0):
            raise InputError.coded(
                "E-MODEL-04",
                "{name}: output {output}: expected {expected} for a sample, one for each class of "
                "its card, got {found}. Export it again, or pass the card that belongs to it as card=.",
                name=self._name,
                output=shortened(output),
                expected=ngettext("{count} score", "{count} scores", self._scores[output]),
                found=found[1],
            )

    def _broken(self, output: str, expected: Sequence[object], found: str) -> Message:
        return coded(
            "E-MODEL-04",
            "{name}: output {output}: expected the shape {expected} by its card, got {found}. Export it "
            "again, or pass the card that belongs to it as card=.",
            name=self._name,
            output=shortened(output),
            expected=shape_text(expected),
            found=found,
        )


def check_rows(name: str, output: str, found: tuple[int, ...], rows: int) -> None:
    """Refuse an output that has not one row for each sample.

    Args:
        name: What errors call the model.
        output: The output's name.
        found: Its shape.
        rows: How many samples went in.

    Raises:
        InputError: The message has both counts.
    """
    if found[:1] != (rows,):
        raise InputError.coded(
            "E-MODEL-04",
            "{name}: output {output}: expected one row for each of {samples}, got {found}. Export it "
            "with a batch axis that its outputs keep.",
            name=name,
            output=shortened(output),
            samples=ngettext("{count} sample", "{count} samples", rows),
            found=found[0] if found else gettext("none"),
        )


def check_finite(name: str, output: str, values: np.ndarray) -> None:
    """Refuse an output with numbers that are NaN or infinite.

    Raises:
        InputError: The message says how many there are.
    """
    if not np.isfinite(values).all():
        bad = int(np.size(values) - np.isfinite(values).sum())
        raise InputError.coded(
            "E-MODEL-04",
            "{name}: output {output}: expected finite numbers, got {bad} of {all} that are NaN or "
            "infinite. Check the range of the inputs, or train it again with a smaller lr.",
            name=name,
            output=shortened(output),
            bad=bad,
            all=np.size(values),
        )


def _promised(card: ModelCard, declared: Declared) -> dict[str, tuple[Axis, ...]]:
    """Return the shape that each output has by the card."""
    promised = {next(iter(declared)): tuple(card.output.shape)}
    vector = ModelKind(card, outputs=declared).vector
    if vector is not None and vector not in promised:
        size = card.output.embedding
        promised[vector] = ("batch", "embedding" if size is None else size)
    return promised


def _least_scores(card: ModelCard) -> int:
    """Return how many scores a sample has at least: more than classes are classes without a name."""
    return len(card.output.classes) if card.output.kind == "classes" else 1
