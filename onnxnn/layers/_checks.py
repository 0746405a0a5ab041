"""Checks of option values that several families share."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, TypeGuard

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import coded, gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.graph.shape import Shape, axis_name

from .other_names import suggestion
from .registry import Layer


def wrong_value(layer: Layer, name: str, value: object, expected: str, advice: str = "") -> LayerError:
    """Return the error for an option whose value has a wrong type or is out of range.

    Args:
        layer: Whose option it is.
        name: The option's name.
        value: What the user gave.
        expected: What it may be, in the language of the user: "a finite number".
        advice: What to do; "" where that is clear.
    """
    if not advice:
        return LayerError(
            coded(
                "E-LAYER-04",
                "{where}: expected {name} to be {expected}, got {got}.",
                where=layer.call(),
                name=name,
                expected=expected,
                got=shortened(value),
            )
        )
    return LayerError(
        coded(
            "E-LAYER-04",
            "{where}: expected {name} to be {expected}, got {got}. {advice}",
            where=layer.call(),
            name=name,
            expected=expected,
            got=shortened(value),
            advice=advice,
        )
    )


def unknown_value(layer: Layer, name: str, value: object, known: Collection[str]) -> LayerError:
    """Return the error for an option that is none of some names."""
    return LayerError(
        coded(
            "E-LAYER-04",
            "{where}: unknown {name} {got}.{hint} Known: {known}.",
            where=layer.call(),
            name=name,
            got=shortened(value),
            hint=suggestion(str(value), known),
            known=", ".join(known),
        )
    )


def wrong_input(layer: Layer, in_shape: Shape, expected: str, advice: str) -> LayerError:
    """Return the error for a layer that takes other axes than its input has.

    Args:
        layer: The layer.
        in_shape: One sample of its input.
        expected: What it takes, in the language of the user: "a sequence (steps, features)".
        advice: What to do.
    """
    return LayerError(
        coded(
            "E-LAYER-06",
            "{where}: expected {expected}, got {shape}. {advice}",
            where=layer.call(),
            expected=expected,
            shape=in_shape.describe(),
            advice=advice,
        )
    )


def wrong_size(layer: Layer, in_shape: Shape, axis: str, expected: int, got: int, size: object) -> LayerError:
    """Return the error for a layer whose first size is not that of its input.

    Args:
        layer: The layer.
        in_shape: One sample of its input.
        axis: "channel" or "feature", along which it is.
        expected: The size that its input has.
        got: The size that the user gave.
        size: The value of `size` that matches.
    """
    if axis == "channel":
        inputs = ngettext("{count} input channel", "{count} input channels", expected)
    else:
        inputs = ngettext("{count} input feature", "{count} input features", expected)
    return LayerError(
        coded(
            "E-LAYER-03",
            "{where}: expected {expected} for {shape}, got {got}. Use size={size}.",
            where=layer.call(),
            expected=inputs,
            shape=in_shape.describe(),
            got=got,
            size=size,
        )
    )


def free_size(layer: Layer, in_shape: Shape, axis: str = "") -> LayerError:
    """Return the error for a layer that has to know a size which its input leaves free.

    Args:
        layer: The layer.
        in_shape: One sample of its input.
        axis: "channel" or "feature", along which it is; "" where it is the number of all values.
    """
    expected = {
        "channel": gettext("a fixed number of input channels"),
        "feature": gettext("a fixed number of input features"),
    }.get(axis, gettext("a fixed input size"))
    return LayerError(
        coded(
            "E-LAYER-03",
            "{where}: expected {expected}, got {shape}. Write it in size=..., or load data first.",
            where=layer.call(),
            expected=expected,
            shape=in_shape.describe(),
        )
    )


def no_steps(layer: Layer) -> LayerError:
    """Return the error for a sequence without steps."""
    return LayerError(
        coded("E-LAYER-03", "{where}: expected a sequence of at least 1 step, got 0.", where=layer.call())
    )


def pair_of_sizes(
    layer: Layer, size: object, meaning: Callable[[], str] | None = None, from_data: bool = False
) -> tuple[int | None, int]:
    """Return `size` as (inputs, outputs); `out` alone means (None, out), the input decides.

    Args:
        layer: Whose size it is.
        size: What the user gave.
        meaning: Returns what its two numbers are in the language of the user; (inputs, outputs) by default.
        from_data: Whether the data has the first when it is left out, and not the layer before.

    Raises:
        LayerError: It is something else.
    """
    pair = size if isinstance(size, tuple) else (None, size)
    if len(pair) == 2 and is_count(pair[1]) and (pair[0] is None or is_count(pair[0])):
        return pair[0], pair[1]
    advice = (
        gettext("To take the first from the data, write the second alone, such as size=8.")
        if from_data
        else gettext("To take the first from the layer before, write the second alone, such as size=8.")
    )
    meant = gettext("(inputs, outputs)") if meaning is None else meaning()
    expected = gettext("{meaning}, integers of at least 1", meaning=meant)
    raise wrong_value(layer, "size", size, expected, advice)


def is_count(value: object, lowest: int = 1) -> TypeGuard[int]:
    """Return whether a value is an integer of at least `lowest`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def size_along(layer: Layer, in_shape: Shape, axis: str, size: int | None) -> int:
    """Return the size that a layer has along an axis; where the user left it out, the input decides.

    Raises:
        LayerError: Neither says it, or the input has another one; the message names that.
    """
    found = in_shape[axis]
    if size is None and found is None:
        raise free_size(layer, in_shape, axis)
    if size is not None and found is not None and size != found:
        raise wrong_size(layer, in_shape, axis, found, size, found)
    known = present(found if size is None else size)
    return known


def count(layer: Layer, name: str, value: object) -> None:
    """Refuse what is no integer of at least 1."""
    if not is_count(value):
        raise wrong_value(layer, name, value, gettext("an integer of at least {lowest}", lowest=1))
    if name in _STACKED and value > MOST_STACKED:
        raise wrong_value(layer, name, value, gettext("at most {most:,}", most=MOST_STACKED))


MOST_STACKED = 1000
_STACKED = ("num_layers", "num_blocks")


def per_axis(layer: Layer, name: str, value: object, axes: int, lowest: int = 1) -> tuple[int, ...]:
    """Return a number per spatial axis; one number stands for all of them.

    Raises:
        LayerError: It is neither an integer of at least `lowest` nor one per axis.
    """
    values = value if isinstance(value, tuple) else (value,) * axes
    counts = tuple(item for item in values if is_count(item, lowest))
    if len(values) == len(counts) == axes:
        return counts
    expected = (
        gettext("an integer of at least {lowest}", lowest=lowest)
        if axes == 1
        else gettext("an integer of at least {lowest}, or a tuple of {axes}", lowest=lowest, axes=axes)
    )
    raise wrong_value(layer, name, value, expected)


def probability(layer: Layer, name: str, value: object) -> None:
    """Refuse what is no number in 0..1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise wrong_value(layer, name, value, gettext("a number from 0 to 1"))


def number(layer: Layer, name: str, value: object) -> None:
    """Refuse what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise wrong_value(layer, name, value, gettext("a finite number"))


def flag(layer: Layer, name: str, value: object) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool):
        raise wrong_value(layer, name, value, gettext("True or False"))


def windows(
    layer: Layer,
    in_shape: Shape,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...] | None = None,
) -> dict[str, int | None]:
    """Return how many windows there are along each spatial axis: N = (W - F + 2P)/S + 1, rounded down.

    W is the size of the input, F the kernel (spread by the dilation), P the padding on each side,
    S the stride.

    Raises:
        LayerError: There is no room for a window.
    """
    sizes: dict[str, int | None] = {}
    for i, axis in enumerate(spatial_axes(in_shape)):
        size = in_shape[axis]
        apart = dilation[i] if dilation else 1
        spread = (kernel[i] - 1) * apart + 1
        if size is None:
            sizes[axis] = None
            continue
        sizes[axis] = (size - spread + 2 * padding[i]) // stride[i] + 1
        if size + 2 * padding[i] < spread:
            raise _no_window(layer, in_shape, axis, kernel[i], stride[i], padding[i], apart)
    return sizes


def _no_window(
    layer: Layer, in_shape: Shape, axis: str, kernel: int, stride: int, padding: int, apart: int
) -> LayerError:
    size = present(in_shape[axis])
    spread = (kernel - 1) * apart + 1
    largest, more = (size + 2 * padding - 1) // apart + 1, -(-(spread - size) // 2)
    of_dilation, smaller = "", ""
    if apart != 1:
        of_dilation = gettext(
            " (F = {apart} x ({kernel} - 1) + 1 = {spread} with a dilation of {apart})",
            apart=apart,
            kernel=kernel,
            spread=spread,
        )
        smaller = gettext(" a smaller dilation,")
    return LayerError(
        coded(
            "E-LAYER-03",
            "{where}: expected a larger input, got {shape}: along the {axis} N = (W - F + 2P)/S + 1 = "
            "({size} - {spread} + {padding})/{stride} + 1 is below 1{of_dilation}. Use a kernel_size of at "
            "most {largest},{smaller} a padding of at least {more}, a larger input, or fewer pooling layers "
            "before.",
            where=layer.call(),
            shape=in_shape.describe(),
            axis=axis_name(axis),
            size=size,
            spread=spread,
            padding=2 * padding,
            stride=stride,
            of_dilation=of_dilation,
            largest=largest,
            smaller=smaller,
            more=more,
        )
    )


def spatial_axes(in_shape: Shape) -> tuple[str, ...]:
    """Return the names of the axes that windows slide along."""
    return tuple(axis for axis in in_shape.axes if axis in ("depth", "height", "width", "length"))


def back_in_order(in_shape: Shape, *wanted: tuple[str, ...]) -> str:
    """Return the advice that restores the order of axes that a layer reads; "" where that is no way."""
    for axes in wanted:
        if sorted(in_shape.axes) == sorted(axes):
            order = tuple(in_shape.axes.index(axis) + 1 for axis in axes)
            return gettext(
                "Put add('permute', axes={order}) before it, which brings the axes into this order.",
                order=order,
            )
    return ""


def before_flattening() -> str:
    """Return the advice for a layer whose input was flattened already."""
    return gettext("Put it before the layers that flatten.")


def along_steps(in_shape: Shape) -> str:
    """Return the advice for a layer of signals after a sequence (time, feature)."""
    if in_shape.source == "'embedding'":
        return gettext(
            "To slide along the steps, write channels_first=True in the embedding, or put "
            "add('permute', axes=(2, 1)) before it."
        )
    return gettext("To slide along the steps, put add('permute', axes=(2, 1)) before it.")


def places_expected(rank: int) -> str:
    """Return what a layer takes that slides along one, two or three spatial axes."""
    if rank == 1:
        return gettext("a signal (channels, length)")
    if rank == 2:
        return gettext("an image (channels, height, width)")
    return gettext("a volume (channels, depth, height, width)")


def images(layer: Layer, in_shape: Shape) -> None:
    """Refuse what is no image (channel, height, width)."""
    wanted = ("channel", "height", "width")
    if in_shape.axes != wanted:
        advice = back_in_order(in_shape, wanted) or before_flattening()
        raise wrong_input(layer, in_shape, places_expected(2), advice)


def with_channels(layer: Layer, in_shape: Shape, size: tuple[int | None, ...]) -> tuple[Any, ...]:
    """Return a `size` for images with its first number, the input channels, filled in and checked.

    Raises:
        LayerError: The input is no image, or has other channels; the message names the size to use.
    """
    images(layer, in_shape)
    channels = in_shape["channel"]
    if size[0] is None and channels is None:
        raise free_size(layer, in_shape, "channel")
    if size[0] is not None and channels is not None and channels != size[0]:
        raise wrong_size(layer, in_shape, "channel", channels, size[0], (channels, *size[1:]))
    return (size[0] or channels, *size[1:])


def sequences(layer: Layer, in_shape: Shape) -> None:
    """Refuse what is no sequence (time, feature), with the way to make one of it."""
    if in_shape.axes != ("time", "feature"):
        raise wrong_input(
            layer, in_shape, gettext("a sequence (steps, features)"), _way_to_sequences(in_shape)
        )


def _way_to_sequences(in_shape: Shape) -> str:
    if in_shape.axes == ("token",):
        return gettext("Put add('embedding', size=...) before it: it makes a vector of each token.")
    if in_shape.axes == ("channel", "length"):
        return gettext("Put add('permute', axes=(2, 1)) before it: the channels become features.")
    if in_shape.axes == ("feature",):
        return gettext(
            "Put it before the layers that flatten, or pass the data as (N, steps, features); with one "
            "number per step that is x.reshape(len(x), -1, 1)."
        )
    return gettext("Put it before the layers that flatten, or pass the data as (N, steps, features).")
