"""One sample as the graph takes it: images decoded and prepared, numbers and tokens checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from onnxnn_runtime.arrays.conversion import as_floats, check_shape, check_steps, check_tokens, from_objects
from onnxnn_runtime.arrays.precision import check_precision
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.columns import titles_of
from onnxnn_runtime.card.tokens import is_words, to_numbers
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import InputError, located
from onnxnn_runtime.images.decode import ImageLike, decode
from onnxnn_runtime.images.modes import pixels
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import WHOLE, printable, shortened


@dataclass(frozen=True)
class Sample:
    """One sample that has not been read yet.

    Args:
        name: The file's path, or "input[3]" for the fourth thing given.
        value: What `read_sample` turns into an array.
        ready: Whether the value is an array in the form that the graph takes.
    """

    name: str
    value: Any
    ready: bool = False


def in_channel_order(spec: InputSpec, channel_order: str | None) -> InputSpec:
    """Return what a model takes where arrays of images hold their channels in another order than usual.

    Args:
        spec: What the model takes.
        channel_order: "rgb" or "bgr"; None leaves it as the card says.

    Raises:
        InputError: It is another order, or the model takes no images.
    """
    if channel_order is None:
        return spec
    if spec.kind != "image" or spec.preprocess is None:
        raise InputError.coded(
            "E-INPUT-06",
            "channel_order={order}: expected a network that takes images, got one for input of the kind "
            "{kind}. Leave it out.",
            order=shortened(channel_order),
            kind=repr(kind_name(spec.kind)),
        )
    return replace(spec, preprocess=replace(spec.preprocess, channel_order=channel_order))


def read_sample(sample: Sample, spec: InputSpec) -> np.ndarray:
    """Return one sample as the graph takes it, without the batch axis.

    Args:
        sample: One of `find_samples`.
        spec: What the model takes.

    Returns:
        Images: float32 (channels, height, width) in 0..1, or uint8 (height, width, channels) when
        preprocessing is part of the graph. Tokens: int64. All others: float32, or float64 where the card
        says so.

    Raises:
        InputError: It is broken or does not match the network; the message names it.
    """
    try:
        if spec.kind == "image" and not sample.ready:
            array = _read_image(sample.value, spec)
        else:
            from . import rows as tabular  # here and below, because images do without

            array = _numbers(tabular.row_in_order(sample.value, spec, sample.name), spec)
            if sample.ready and spec.preprocess is not None:
                array = spec.preprocess.ready(array)
        check_shape(array, spec)
    except InputError as error:
        if str(error).startswith((sample.name, printable(sample.name, WHOLE))):
            raise
        raise type(error)(located(sample.name, error)) from error
    return array


def _read_image(value: ImageLike, spec: InputSpec) -> np.ndarray:
    if spec.preprocess is None:
        raise InputError.coded(
            "E-INPUT-05", "expected an array, since the card describes no preprocessing of images."
        )
    if spec.in_graph:  # the graph turns it grey itself
        return pixels(decode(value, "RGB", channel_order=spec.preprocess.channel_order))
    return spec.preprocess(value)


def _numbers(value: object, spec: InputSpec) -> np.ndarray:
    if isinstance(value, str) or (spec.kind == "tokens" and is_words(value, spec.vocabulary)):
        return check_tokens(np.array(to_numbers(value, spec.vocabulary or {})), spec)
    array = from_objects(np.asarray(value))
    if spec.kind == "tokens" and array.dtype.kind not in "US":
        return check_tokens(array, spec)
    if array.dtype.kind not in "fiub":
        from onnxnn_runtime.arrays.columns import first_without_number

        found = first_without_number(array, spec.features) if array.ndim == 1 else None
        if found and array.dtype.kind not in "US":
            raise InputError.coded("E-INPUT-04", "expected numbers, but {found}.", found=found)
        other = shortened(array if array.ndim else array.item()) if array.dtype.kind == "O" else array.dtype
        raise InputError.coded(
            "E-INPUT-04",
            "expected numbers, got {found}.",
            found=gettext("text") if array.dtype.kind in "US" else other,
        )
    check_precision(array, spec.deviations, titles_of(spec.columns) or spec.features)
    floats = as_floats(array, "", spec.dtype, gaps=bool(spec.columns))
    if spec.kind == "image" and floats.size and not (array.min() >= 0 and array.max() <= 1):
        raise InputError.coded(
            "E-INPUT-04",
            "expected numbers in 0..1 in an array of an image, got {low:g}..{high:g}. Divide pixel "
            "values 0..255 by 255.",
            low=array.min(),
            high=array.max(),
        )
    check_steps(floats, spec)
    return floats
