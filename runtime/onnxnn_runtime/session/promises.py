"""Whether a network's outputs are those that its card promises.

A graph may do anything: give one row for three samples, two rows for each, three axes where its card says
classes, or scores that are no numbers. Each would come out as a wrong answer, so outputs are compared with
the card when a file is opened, and with card and batch after each run.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence, Tuple

import numpy as np

from onnxnn_runtime.card.card import Axis, ModelCard
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.messages.shorten import printable, shortened

__all__ = ["Declared", "Promises", "check_finite", "check_rows"]

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
            raise InputError(f"{name}: its graph has no outputs; expected at least one. Export it again.")
        if card is not None and not (card.input.shape and card.output.shape):
            raise CardError(
                f"{name}: its card gives input or output no axes; expected e.g. ('batch', 3) in both."
            )
        self._name = name
        self._declared = declared
        self._shapes = {} if card is None else _promised(card, declared)
        self._fixed_batch = fixed_batch
        self._scores = {} if card is None else {next(iter(declared)): _least_scores(card)}
        self._checked: dict[str, tuple[tuple[int, ...], int | None]] = {}  # the last shape that was right
        # A free batch: the card says that samples may come in any number, one row for each.
        self._batched = card is not None and isinstance(card.input.shape[0], str)
        for output, shape in self._shapes.items():
            self._compare(output, shape, *declared[output])

    def check(self, output: str, values: Any, batch: int | None) -> Any:
        """Return what a run gave for an output, or refuse it.

        Args:
            output: The output's name.
            values: What ONNX Runtime returned.
            batch: How many samples went in; None where that is not known.

        Raises:
            InputError: There is nothing, or it has other rows or axes than promised, or its numbers are NaN
                or infinite.
        """
        if values is None:
            raise InputError(
                f"{self._name}: its output {printable(output, 80)!r} came back empty. This version of ONNX "
                "Runtime cannot compute it; install a newer onnxruntime, or export the model again."
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

    def other_shape(self, output: str, expected: tuple[int, ...], found: Any) -> InputError:
        """Return the error for an output of another shape than the input that it belongs to."""
        shown = "empty" if found is None else f"as {_text(np.shape(found))}"
        return InputError(
            f"{self._name}: its output {printable(output, 80)!r} came back {shown}; expected "
            f"{_text(expected)}, the shape of its input. Export it again."
        )

    def _compare(self, output: str, shape: tuple[Axis, ...], dtype: str, declared: tuple[Any, ...]) -> None:
        """Refuse a graph that declares an output otherwise than the card."""
        if dtype not in _NUMBERS:
            raise CardError(
                f"{self._name}: its card promises numbers in the output {printable(output, 80)!r}, the graph "
                f"gives {dtype}. Use a model whose output {shortened(output)} is float32, or infer() without "
                "a card."
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
                f"{self._name}: its card gives the output {shortened(output)} the shape {_text(shape)}, the "
                f"graph {_text(declared)}. Export it again, or pass the card that belongs to it as card=."
            )

    def _check_shape(
        self, output: str, shape: tuple[Axis, ...], found: tuple[int, ...], batch: int | None
    ) -> None:
        rows = batch if self._batched else None
        expected = [
            rows if number == 0 and isinstance(size, str) else size for number, size in enumerate(shape)
        ]
        fits = len(found) == len(expected) and all(
            not isinstance(size, int) or real == size for size, real in zip(expected, found)
        )
        if not fits:
            if rows is not None:
                check_rows(self._name, output, found, rows)
            raise InputError(
                f"{self._name}: its output {shortened(output)} came back as {_text(found)}; its card "
                f"promises {_text(shape)}. Export it again, or pass the card that belongs to it as card=."
            )
        if len(found) == 2 and found[1] < self._scores.get(output, 0):
            raise InputError(
                f"{self._name}: its output {shortened(output)} has {found[1]} scores for a sample, and its "
                f"card names {self._scores[output]} classes. Export it again, or pass the card that belongs "
                "to it as card=."
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
        count = "no rows" if not found else f"{found[0]} row" + ("s" if found[0] != 1 else "")
        raise InputError(
            f"{name}: {rows} sample{'s' if rows != 1 else ''} went in, and its output {shortened(output)} "
            f"has {count}; expected one row for each sample. Export it with a batch axis that its outputs "
            "keep."
        )


def check_finite(name: str, output: str, values: Any) -> None:
    """Refuse an output with numbers that are NaN or infinite.

    Raises:
        InputError: The message says how many there are.
    """
    if not np.isfinite(values).all():
        bad = int(np.size(values) - np.isfinite(values).sum())
        raise InputError(
            f"{name}: {bad} of {np.size(values)} numbers in its output {shortened(output)} are NaN or "
            "infinite; expected finite ones. Check the range of the inputs, or train it again with a "
            "smaller lr."
        )


def _promised(card: ModelCard, declared: Declared) -> dict[str, tuple[Axis, ...]]:
    """Return the shape that each output has by the card."""
    promised = {next(iter(declared)): tuple(card.output.shape)}
    if "embedding" in declared and "embedding" not in promised:
        size = card.output.embedding
        promised["embedding"] = ("batch", "embedding" if size is None else size)
    return promised


def _least_scores(card: ModelCard) -> int:
    """Return how many scores a sample has at least: more than classes are classes without a name."""
    return len(card.output.classes) if card.output.kind == "classes" else 1


def _text(shape: Sequence[Any]) -> str:
    return "({})".format(", ".join("free" if size is None else printable(str(size), 30) for size in shape))
