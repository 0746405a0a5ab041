"""Inputs that are made up, for whoever runs a model without samples of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from .card.card import InputSpec
from .errors import InputError
from .messages.shorten import printable, shortened

if TYPE_CHECKING:
    from .model import Model

FREE_SIZE = 64
"""The height, width or length that a check uses where the model leaves it free."""

_MOST_NUMBERS = 2**25
"""Numbers in the inputs that are made up for one sample: an image of 3,000 x 3,000."""

_MOST_AXES = 32
"""Axes of an array that every version of NumPy can hold."""


def made_up_inputs(model: Model, batch: int, first: int = 0) -> dict[str, Any]:
    """Return made-up inputs that the model takes; the first sample is the same in every batch.

    Args:
        model: What they are for.
        batch: How many samples; a graph with a fixed batch takes its own number.
        first: The number of the first sample, so that several batches differ.
    """
    spec = None if model.card is None else model.card.input
    feeds = {}
    num_integers = model.kind.num_integers
    states = {state.name for state in spec.states} if spec is not None else set()
    for name, (dtype, shape) in model.inputs.items():
        if name in states:
            continue  # they begin with zeros
        sizes = _sizes(shape, spec)
        if np.prod([float(size) for size in sizes]) > _MOST_NUMBERS or len(sizes) >= _MOST_AXES:
            raise InputError.coded(
                "E-INPUT-10",
                "{name}: one sample has {sizes} numbers, more than are made up here. Run the model on "
                "one of yours with infer().",
                name=printable(name, 60),
                sizes=shortened(tuple(sizes)),
            )
        count = shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else batch
        if count * np.prod([float(size) for size in sizes]) > 4 * _MOST_NUMBERS:
            raise InputError.coded(
                "E-INPUT-10",
                "{name}: a batch of {number} samples is more than is made up here. Run the model on "
                "one of yours with infer().",
                name=printable(name, 60),
                number=count,
            )
        samples: list[Any] = []
        for seed in range(first, first + count):
            draw = np.random.RandomState(seed)
            if dtype == "uint8":
                samples.append(draw.randint(0, 256, sizes))
            elif dtype.startswith(("int", "uint")):
                samples.append(draw.randint(0, _most(num_integers.get(name, 2), dtype), sizes))
            elif dtype == "string":
                samples.append(np.full(sizes, "a", object))
            elif dtype == "bool":
                samples.append(draw.randint(0, 2, sizes))
            elif dtype.startswith("float"):
                samples.append(draw.random_sample(sizes))
            else:
                raise InputError.coded(
                    "E-INPUT-05",
                    "{name}: the graph expects {type}; only tensors of numbers or texts can be given."
                    " Take a model whose inputs are tensors.",
                    name=printable(name, 60),
                    type=dtype,
                )
        made = np.stack(samples) if shape else samples[0]
        feeds[name] = made if dtype == "string" else made.astype(dtype)
    return feeds


def _most(count: int, dtype: str) -> int:
    """Return the integer below which tokens are drawn, within their type."""
    return max(1, min(count, int(np.iinfo(dtype).max), 2**31 - 1))


def _sizes(shape: Sequence[object], spec: InputSpec | None) -> list[int]:
    """Return the sizes of one sample: the card's image size, else FREE_SIZE, where they are free."""
    height, width = spec.preprocess.output_size() if spec is not None and spec.preprocess else (None, None)
    named = {"height": height, "width": width}
    free = min(FREE_SIZE, (spec.max_length if spec is not None else None) or FREE_SIZE)
    least = {} if spec is None else spec.min_sizes
    return [
        size if isinstance(size, int) else named.get(str(size)) or max(free, least.get(str(size), 1))
        for size in shape[1:]
    ]
