"""Which sizes of a network's input may vary at inference, and between what."""

from __future__ import annotations

from bisect import bisect_left

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import LayerError

from onnxnn.graph.shape import Shape
from onnxnn.layers.custom import Custom

from .definition import Definition

_FREE_AXES = (
    ("depth", "height", "width", "length", "time", "token"),
    ("time", "token"),
    ("height",),  # a layer may need a fixed width, and the other way round
    ("width",),
)
"""Sets of axes whose sizes may vary at inference, the largest first."""

_GUESSES = (32, 64, 128, 224, 16, 8, 4, *range(1, 257))
"""Sizes to try where neither data nor a layer says one."""


def free_input(definition: Definition) -> Shape | None:
    """Return the input shape with every size None that the network allows to vary at inference."""
    shape = fixed_input(definition) or definition.input_shape
    if shape is None:
        return None
    resolved = definition.resolved()
    for group in _FREE_AXES:
        free = shape.with_sizes(**dict.fromkeys(group))
        if free == shape:
            continue
        try:
            placed = resolved.placed(free)
        except LayerError:
            continue
        if not any(p.layer.fixes_input_size(p.in_shape) for p in placed):
            return free
    return shape


def fixed_input(definition: Definition) -> Shape | None:
    """Return the input shape with a size that works where none is said; None where none is found."""
    shape = definition.input_shape
    if shape is None or None not in shape.sizes:
        return shape
    resolved = definition.resolved()
    for guess in _GUESSES:
        sizes = dict.fromkeys(_open_axes(shape), guess)
        if _takes(resolved, shape, **sizes):
            return shape.with_sizes(**sizes)
    return None


def free_output(definition: Definition) -> Shape | None:
    """Return the output shape for `free_input`."""
    free = free_input(definition)
    return None if free is None else definition.shape_after(free)


def max_length(definition: Definition) -> int | None:
    """Return the longest sequence that the network takes; None where any length will do."""
    shape = definition.input_shape
    if shape is None or shape.axes not in (("token",), ("time", "feature")):
        return None
    resolved, axis = definition.resolved(), shape.axes[0]
    limits = [p.layer.max_steps for p in definition.placed() if p.layer.max_steps is not None]
    taken = [n for n in limits if _takes(resolved, shape, **{axis: n})]
    return next((n for n in taken if not _takes(resolved, shape, **{axis: n + 1})), None)


def min_sizes(definition: Definition) -> dict[str, int]:
    """Return the smallest size of each free axis by its name, where it is above 1.

    The windows of convolutions and poolings decide it: there has to be room for at least one. What a
    custom module needs is not known, so for a network that holds one nothing is said.
    """
    free = free_input(definition)
    if free is None or any(isinstance(entry.layer, Custom) for entry in definition.entries):
        return {}
    axes, resolved = _open_axes(free), definition.resolved()
    if _takes(resolved, free, **dict.fromkeys(axes, 1)):
        return {}
    large = fixed_input(definition)
    if large is None:
        return {}
    # Windows slide along each axis by itself, so the sizes of the others do not matter.
    smallest = {axis: _smallest(resolved, large, axis) for axis in axes}
    return {axis: size for axis, size in smallest.items() if size > 1}


def _open_axes(shape: Shape) -> list[str]:
    return [axis for axis, size in zip(shape.axes, shape.sizes, strict=True) if size is None]


def _smallest(resolved: Definition, shape: Shape, axis: str) -> int:
    """Return the smallest size of an axis that goes through, where the shape's own does."""
    size = present(shape[axis])
    return 1 + bisect_left(range(1, size), True, key=lambda n: _takes(resolved, shape, **{axis: n}))


def _takes(resolved: Definition, shape: Shape, **sizes: int) -> bool:
    """Return whether a shape with other sizes along some axes goes through the network."""
    try:
        resolved.placed(shape.with_sizes(**sizes))
    except LayerError:
        return False
    return True
