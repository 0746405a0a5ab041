"""From what a request holds to the arrays that a graph takes. Nothing in it is ever taken for a path."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Sequence

import numpy as np

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.tokens import is_words
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.mixed_rows import all_mixed_rows
from onnxnn_runtime.inputs.reading import Sample, read_sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.inputs.whole import only_input
from onnxnn_runtime.messages.shorten import shortened

from .content import binary
from .errors import BadRequest, TooLarge
from .images import check_image
from .nested import flattened, numbers_in, types_in
from .settings import ServerSettings
from .threads import in_thread

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

    from .lanes import Feeds, Prepare


async def prepared(
    inputs: Sequence[object], model: Model, settings: ServerSettings, size: int
) -> list[Prepare]:
    """Return what `preparations` does; that of a large body is found in a thread.

    Args:
        inputs, model, settings: As for `preparations`.
        size: Bytes of the body that held the inputs.
    """
    return await in_thread(size, lambda: preparations(inputs, model, settings))


def preparations(inputs: Sequence[object], model: Model, settings: ServerSettings) -> list[Prepare]:
    """Return a function for each sample that makes the array of the model's input from it.

    Args:
        inputs: Bytes of images; base64 or data URIs of them; arrays as nested lists; rows of tables as lists
            or objects; texts for a model with a vocabulary.
        model: Says what it takes.
        settings: Limits of images, and of how many samples there are.

    Raises:
        BadRequest: There is none, or one is of another kind than the model takes.
        TooLarge: There are too many.
        CardError: The model has no card.
    """
    spec = model.input_spec
    states = {state.name for state in spec.states}
    feed = only_input(model.name, [name for name in model.inputs if name not in states])
    samples: list[Sample] = []
    for number, each in enumerate(inputs):
        samples += samples_of(each, f"input[{number}]", spec, settings.max_items)
        if len(samples) > settings.max_items:
            raise TooLarge.coded(
                "E-SERVER-03",
                "inputs: expected at most {most}, got more. Send them in several requests.",
                most=settings.max_items,
            )
    if not samples:
        raise BadRequest.coded(
            "E-CALL-02", "expected at least one input, got none. Send a file, or JSON with inputs."
        )
    return [_preparation(each, feed, settings) for each in samples]


def _preparation(sample: Sample, feed: str, settings: ServerSettings) -> Prepare:
    def prepare(model: Model) -> Feeds:
        if isinstance(sample.value, bytes):
            check_image(sample.value, settings, sample.name)
        array = read_sample(sample, model.input_spec)[np.newaxis]
        size = model.inputs[feed][1][:1]
        if size and isinstance(size[0], int) and size[0] > 1:  # the graph takes so many at once
            array = np.repeat(array, size[0], axis=0)
        return {feed: array}

    return prepare


def samples_of(value: object, name: str, spec: InputSpec, most: int) -> list[Sample]:
    """Return the samples in one input: an array may hold many.

    Args:
        value: The input.
        name: What errors call it.
        spec: What the model takes.
        most: How many samples there may be; of an array with more, one more is returned.

    Raises:
        BadRequest: It is of another kind than the model takes.
    """
    if isinstance(value, (bytes, str)) and spec.kind == "image":
        return [Sample(name, binary(value, name) if isinstance(value, str) else value)]
    if spec.columns and isinstance(value, (dict, list)):
        rows = all_mixed_rows(value, spec, name)
        if rows is not None:
            return [
                Sample(f"{name}[{row}]" if len(rows) > 1 else name, each) for row, each in enumerate(rows)
            ]
    if isinstance(value, str) or is_words(value, spec.vocabulary):
        if spec.kind == "tokens" and spec.vocabulary is not None:
            return [Sample(name, value)]
    elif isinstance(value, dict) and value and all(map(_is_number, value.values())):
        return list(find_samples([value], spec, _none))
    elif isinstance(value, list) or _is_number(value):
        return _of_array(_array(value, name), spec, most)
    raise BadRequest.coded(
        "E-INPUT-05",
        "{name}: expected {kind} for this model, got {value}.",
        name=name,
        kind=kind_name(spec.kind),
        value=shortened(value, 40),
    )


def _of_array(array: np.ndarray, spec: InputSpec, most: int) -> list[Sample]:
    if array.ndim and len(array) > most:
        with contextlib.suppress(InputError):  # it is about the whole array, if it is one
            found = list(find_samples(array[: most + 1], spec, _none))
            if len(found) > most:
                return found
    return list(find_samples(array, spec, _none))


_none: list[Skipped] = []
"""What is left out: nothing, since arrays are given alone."""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _array(value: object, name: str) -> np.ndarray:
    """Return nested lists of numbers as an array.

    Raises:
        BadRequest: They hold something else, or have different lengths.
    """
    found = flattened(value)
    if found is not None and found[0] and types_in(found[0]) <= {int, float}:
        try:
            array = numbers_in(found[0]).reshape(found[1])
        except (ValueError, OverflowError):  # integers of more than 64 bits, more axes than NumPy has
            array = np.asarray(None)
        if array.dtype.kind in "fiu":
            return array
    raise BadRequest.coded(
        "E-INPUT-04",
        "{name}: expected numbers in lists of equal lengths, got {value}.",
        name=name,
        value=shortened(value, 40),
    )
