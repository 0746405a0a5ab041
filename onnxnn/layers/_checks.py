"""Checks of option values that several families share."""

from __future__ import annotations

import math
from typing import Any

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.graph.shape import Shape

from .registry import Layer


def pair_of_sizes(
    layer: Layer, size: Any, meaning: str = "(inputs, outputs)", giver: str = "the layer before"
) -> tuple[int | None, int]:
    """Return `size` as (inputs, outputs); `out` alone means (None, out), what arrives decides.

    Args:
        layer: Whose size it is.
        size: What the user gave.
        meaning: What its two numbers are, for messages.
        giver: Where the first comes from when it is left out.

    Raises:
        LayerError: It is something else.
    """
    pair = size if isinstance(size, tuple) else (None, size)
    if len(pair) == 2 and is_count(pair[1]) and (pair[0] is None or is_count(pair[0])):
        return pair[0], pair[1]
    first, second = meaning.strip("()").split(", ")
    raise LayerError(
        f"{layer.call()}: size={shortened(size)} must be {meaning}, whole numbers of at least 1. To take the "
        f"{first} from {giver}, write {second} alone, such as size=8."
    )


def is_count(value: Any, lowest: int = 1) -> bool:
    """Return whether a value is a whole number of at least `lowest`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def size_along(layer: Layer, in_shape: Shape, axis: str, size: int | None) -> int:
    """Return the size that a layer has along an axis; where the user left it out, what arrives decides.

    Raises:
        LayerError: Nobody says it, or another one arrives; the message names the one that fits.
    """
    arrive = in_shape[axis]
    if size is None and arrive is None:
        raise LayerError(f"{layer.call()}: {in_shape.describe()} arrive, a number that is not fixed.")
    if None not in (size, arrive) and size != arrive:
        raise LayerError(f"{layer.call()}: {in_shape.describe()} arrive, so the size that fits is {arrive}.")
    found = arrive if size is None else size
    assert found is not None
    return found


def count(layer: Layer, name: str, value: Any) -> None:
    """Refuse what is no whole number of at least 1."""
    if not is_count(value):
        raise LayerError(f"{layer.call()}: {name}={shortened(value)} must be a whole number of at least 1.")
    if name in _STACKED and value > MOST_STACKED:
        raise LayerError(
            f"{layer.call()}: {name}={shortened(value)}: at most {MOST_STACKED:,} are stacked in one layer."
        )


MOST_STACKED = 1000
_STACKED = ("num_layers", "num_blocks")


def per_axis(layer: Layer, name: str, value: Any, axes: int, lowest: int = 1) -> tuple[int, ...]:
    """Return a number per spatial axis; one number stands for all of them.

    Raises:
        LayerError: It is neither a whole number of at least `lowest` nor one per axis.
    """
    values = value if isinstance(value, tuple) else (value,) * axes
    if len(values) == axes and all(is_count(item, lowest) for item in values):
        return values
    several = "" if axes == 1 else f" or a tuple of {axes}"
    raise LayerError(
        f"{layer.call()}: {name}={shortened(value)} must be a whole number{several}, each at least {lowest}."
    )


def probability(layer: Layer, name: str, value: Any) -> None:
    """Refuse what is no number in 0..1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise LayerError(f"{layer.call()}: {name}={shortened(value)} must be a number from 0 to 1.")


def number(layer: Layer, name: str, value: Any) -> None:
    """Refuse what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise LayerError(f"{layer.call()}: {name}={shortened(value)} must be a finite number.")


def flag(layer: Layer, name: str, value: Any) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool):
        raise LayerError(f"{layer.call()}: {name}={shortened(value)} must be True or False.")


def windows(
    layer: Layer,
    in_shape: Shape,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...] | None = None,
) -> dict[str, int | None]:
    """Return how many windows fit along each spatial axis: N = (W - F + 2P)/S + 1, rounded down.

    W is what arrives, F the kernel (spread by the dilation), P the padding on each side, S the stride.

    Raises:
        LayerError: No window fits.
    """
    sizes: dict[str, int | None] = {}
    for i, axis in enumerate(spatial_axes(in_shape)):
        arrives = in_shape[axis]
        apart = dilation[i] if dilation else 1
        spread = (kernel[i] - 1) * apart + 1
        if arrives is None:
            sizes[axis] = None
            continue
        sizes[axis] = (arrives - spread + 2 * padding[i]) // stride[i] + 1
        reach = arrives + 2 * padding[i]
        if reach < spread:
            spelled = closer = ""
            if apart > 1:
                spelled = f" (F = {apart} x ({kernel[i]} - 1) + 1 = {spread} with a dilation of {apart})"
                closer = "a smaller dilation, "
            raise LayerError(
                f"{layer.call()}: {in_shape.describe()} arrive, too small: along the {axis} "
                f"N = (W - F + 2P)/S + 1 = ({arrives} - {spread} + {2 * padding[i]})/{stride[i]} + 1 "
                f"is below 1{spelled}. Use a kernel_size of at most {(reach - 1) // apart + 1}, {closer}"
                f"a padding of at least {-(-(spread - arrives) // 2)}, larger input, or fewer pooling layers "
                "before."
            )
    return sizes


def spatial_axes(in_shape: Shape) -> tuple[str, ...]:
    """Return the names of the axes that windows slide along."""
    return tuple(axis for axis in in_shape.axes if axis in ("depth", "height", "width", "length"))


def back_in_order(in_shape: Shape, *wanted: tuple[str, ...]) -> str:
    """Return the advice that restores the order of axes that a layer reads; "" where that is no way."""
    for axes in wanted:
        if sorted(in_shape.axes) == sorted(axes):
            order = tuple(in_shape.axes.index(axis) + 1 for axis in axes)
            return f"Put add('permute', axes={order}) before it: that brings the axes into this order."
    return ""


def along_steps(in_shape: Shape) -> str:
    """Return the advice for a layer of signals behind a sequence (time, feature)."""
    first = "write channels_first=True in the embedding, or " * (in_shape.source == "'embedding'")
    return f"To slide along the steps, {first}put add('permute', axes=(2, 1)) before it."


def pictures(layer: Layer, in_shape: Shape) -> None:
    """Refuse what is no picture (channel, height, width)."""
    wanted = ("channel", "height", "width")
    if in_shape.axes != wanted:
        advice = back_in_order(in_shape, wanted) or "Put it before the layers that flatten."
        raise LayerError(
            f"{layer.call()}: {in_shape.describe()} arrive, but {layer.kind!r} reads pictures (channels, "
            f"height, width). {advice}"
        )


def with_channels(layer: Layer, in_shape: Shape, size: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a `size` for pictures with its first number, the input channels, filled in and checked.

    Raises:
        LayerError: No pictures arrive, or pictures with other channels; the message names the size that fits.
    """
    pictures(layer, in_shape)
    arrive = in_shape["channel"]
    if size[0] is None and arrive is None:
        raise LayerError(f"{layer.call()}: the number of channels that arrive is not fixed.")
    if size[0] is not None and arrive not in (None, size[0]):
        raise LayerError(
            f"{layer.call()}: {in_shape.describe()} arrive, so the size that fits is {(arrive, *size[1:])}."
        )
    return (size[0] or arrive, *size[1:])


def sequences(layer: Layer, in_shape: Shape) -> None:
    """Refuse what is no sequence (time, feature), with the way to make one of it."""
    if in_shape.axes == ("time", "feature"):
        return
    advice = {
        ("token",): "Put add('embedding', size=...) before it: it makes a vector of each token.",
        ("channel", "length"): "Put add('permute', axes=(2, 1)) before it: the channels become features.",
        (
            "feature",
        ): "Put it before the layers that flatten, or hand the data in as (N, steps, features); with "
        "one number per step that is x.reshape(len(x), -1, 1).",
    }.get(
        in_shape.axes, "Put it before the layers that flatten, or hand the data in as (N, steps, features)."
    )
    raise LayerError(
        f"{layer.call()}: {in_shape.describe()} arrive, but {layer.kind!r} reads sequences "
        f"(steps, features). {advice}"
    )
