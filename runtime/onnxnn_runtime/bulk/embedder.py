"""`Embedder`: one class for Ray Data, Spark and plain loops."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, Sequence, TypeVar, cast

import numpy as np

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.paths import expanded, path_text
from onnxnn_runtime.inputs.folders import warn_of
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.loading import load
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.model import Model

if TYPE_CHECKING:
    from typing import Protocol

    class Frame(Protocol):
        """What a DataFrame of pandas has."""

        columns: Iterable[str]
        iloc: Mapping[Sequence[int], Frame]

        def __getitem__(self, column: str) -> np.ndarray: ...

        def drop(self, *, columns: Sequence[str]) -> Frame: ...

        def assign(self, *, vector: list[np.ndarray]) -> object: ...


Batch = TypeVar("Batch")

_INPUTS = ("bytes", "content", "image", "data", "path")
"""Columns that hold inputs, as Ray Data and Spark name them; the first that is there is taken."""

_SINGLE = (str, bytes, bytearray, memoryview, os.PathLike)
"""What a single row holds in the column of inputs, where a batch holds several."""

_LARGE = frozenset(("bytes", "content", "image", "data"))
"""Columns that a result leaves out: what was embedded would travel on with its vector."""


@checked_class()
class Embedder:
    """Adds feature vectors to batches of rows.

    A batch is a dict of columns (arrays or lists, as in Ray Data), a pandas DataFrame, or a single row: a
    dict with one path or encoded image. An iterator of batches gives an iterator, as `mapInPandas` of Spark
    calls it:

        dataset.map_batches(Embedder, fn_constructor_args=["pets.onnx"], concurrency=2)
        frame.select("path").mapInPandas(Embedder("pets.onnx"), "path string, vector array<float>")
        for batch in batches: Embedder("pets.onnx")(batch)["vector"]

    It can be pickled; the model is opened again from its path or bytes where it is unpickled.

    Args:
        model: The path or the bytes of an .onnx file, or a model that is open.
        column: The column with the inputs: encoded images as bytes, arrays of images, or paths. None takes
            the first of "bytes", "content", "image", "data" and "path" that is there.
        normalize: Scale each vector to length 1.
        errors: "raise" stops at a broken input; "skip" leaves its row out, with a warning that names it.
        batch_size, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.
        device, threads: See `onnxnn_runtime.load`; a model that is open keeps its own.

    Raises:
        CardError: The model returns no feature vectors.
        InputError: It is no model, or an option has a wrong value.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes | Model,
        *,
        column: str | None = None,
        normalize: bool = False,
        errors: str = "raise",
        batch_size: int | None = None,
        channel_order: str | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._options = ReadOptions(errors, batch_size, None, channel_order)
        self._model = model if isinstance(model, Model) else load(model, device, threads=threads)
        self._dimension = self._model.embed([]).shape[1]
        self._column = column
        self._normalize = normalize

    def __call__(self, batch: Batch) -> Batch:
        """Return a batch with a column "vector", of the same kind as the given one.

        Args:
            batch: A dict of columns, a DataFrame, a row, or an iterator of those.

        Returns:
            The batch without the column of images, bytes or arrays (that of paths stays), and with "vector":
            float32 (N, D) in a dict of columns, float32 (D,) in a row, one such array in each row of a
            DataFrame. Of an iterator: an iterator of those.

        Raises:
            InputError: There is no column with inputs, or an input is broken and `errors` is "raise".
        """
        return cast(Batch, self._embedded(batch))

    def _embedded(self, batch: object) -> object:
        if isinstance(batch, Iterator):
            return map(self, batch)
        if isinstance(batch, Mapping):
            column = self._column_of(batch)
            if isinstance(batch[column], _SINGLE):
                return self._row(batch, column)
            inputs = _checked(batch, column)
            kept, vectors = self._vectors(column, inputs)
            left = _left(column)
            rest = {name: _chosen(values, kept) for name, values in batch.items() if name not in left}
            return {**rest, "vector": vectors}
        if hasattr(batch, "columns") and hasattr(batch, "iloc"):
            return self._frame(cast("Frame", batch))
        raise InputError.coded(
            "E-INPUT-05",
            "batch: expected a dict of columns, a pandas DataFrame, or an iterator of those, got {type}.",
            type=type(batch).__name__,
        )

    def _frame(self, frame: Frame) -> object:
        column = self._column_of(frame.columns)
        kept, vectors = self._vectors(column, frame[column].tolist())
        rest = frame.iloc[kept].drop(columns=[name for name in _left(column) if name in frame.columns])
        return rest.assign(vector=list(vectors))

    def _row(self, row: Mapping[str, object], column: str) -> dict[str, object]:
        kept, vectors = self._vectors(column, [row[column]])
        if not kept:
            raise InputError.coded(
                "E-INPUT-06",
                "errors='skip': expected batches, from which a row can be left out, got a single row. Use "
                "errors='raise', or give batches.",
            )
        rest = {name: value for name, value in row.items() if name not in _left(column)}
        return {**rest, "vector": vectors[0]}

    def _column_of(self, columns: Iterable[str]) -> str:
        """Return the column with the inputs."""
        there = list(columns)
        names = [self._column] if self._column is not None else _INPUTS
        for name in names:
            if name in there:
                return name
        known = [printable(str(each), 40) for each in there]
        raise InputError.coded(
            "E-INPUT-03",
            "batch: expected one of the columns {expected}, got {got}. Name the one with the inputs: "
            "Embedder(model, column=...).",
            expected=", ".join(repr(name) for name in names),
            got=shortened(known),
        )

    def _vectors(self, column: str, inputs: Sequence[object]) -> tuple[list[int], np.ndarray]:
        """Return the numbers of the rows that are kept, and their vectors."""
        if not inputs:
            return [], np.zeros((0, self._dimension), np.float32)
        given = [memoryview(each) if isinstance(each, (bytes, bytearray)) else each for each in inputs]
        options = self._options
        found = self._model.embed_named(
            given,
            self._normalize,
            errors=options.errors,
            batch_size=options.batch_size,
            channel_order=options.channel_order,
        )
        warn_of(found.skipped)
        places: dict[str, list[int]] = {}
        for number, each in enumerate(inputs):
            places.setdefault(self._name(each, number), []).append(number)
        kept = []
        for name in found.names:
            if not places.get(name):
                raise InputError.coded(
                    "E-INPUT-03",
                    "column {column}: expected one input in each row, got one that holds several: {name}. "
                    "Give the path of one image, or the image itself.",
                    column=repr(column),
                    name=name,
                )
            kept.append(places[name].pop(0))
        return kept, found.vectors

    def _name(self, value: object, number: int) -> str:
        """Return how the name of a vector says of which row it is."""
        if isinstance(value, (str, os.PathLike)) and self._model.input_spec.kind == "image":
            return expanded(path_text(value))
        return f"input[{number}]"


def _checked(batch: Mapping[str, object], column: str) -> list[object]:
    """Return the inputs of a batch.

    Raises:
        InputError: They are no column, or another column is none or has another length.
    """
    expected = _length(batch[column])
    for name, values in batch.items():
        if expected is None or _length(values) != expected:
            raise InputError.coded(
                "E-INPUT-05",
                "column {column}: expected an array or a list with a value for each row of the column "
                "{inputs}, got {got}.",
                column=repr(printable(str(name), 40)),
                inputs=repr(printable(column, 40)),
                got=shortened(values),
            )
    return list(cast("Sequence[object]", batch[column]))


def _length(values: object) -> int | None:
    """Return how many values a column has; None where it is no column."""
    if isinstance(values, _SINGLE) or not hasattr(values, "__getitem__"):
        return None
    try:
        return len(cast("Sequence[object]", values))
    except TypeError:  # an array without axes
        return None


def _left(column: str) -> tuple[str, ...]:
    return (column, "vector") if column in _LARGE else ("vector",)


def _chosen(values: np.ndarray | Sequence[object], kept: list[int]) -> np.ndarray | list[object]:
    """Return those values of a column whose rows are kept."""
    if isinstance(values, np.ndarray):
        found: np.ndarray = values[np.array(kept, np.intp)]
        return found
    return [values[number] for number in kept]
