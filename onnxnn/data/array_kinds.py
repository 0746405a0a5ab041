"""What an array means by its shape and type: a table, sequences, tokens or images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text

from onnxnn.graph.shape import Shape

from .dataset import as_data_errors
from .label_arrays import finite
from .tokens import check_tokens

Array = np.ndarray[Any, Any]

_COLOR = {1: "grayscale", 3: "RGB"}


@dataclass(frozen=True)
class Described:
    """What an array means: its kind, the network's input (N, ...), one sample; whether it is read."""

    kind: str
    network: Array
    sample: Shape
    example: Array
    preprocess: Preprocess | None = None
    is_raw: bool = False

    @property
    def is_colour(self) -> bool:
        """Whether it is images of three channels."""
        return self.preprocess is not None and self.preprocess.channels == 3


def describe(x: Array, vocabulary: Mapping[str, int] | None, wide: bool, order: str | None) -> Described:
    if vocabulary is not None:
        return described_tokens(x, len(vocabulary))
    channels_last = x.ndim == 4 and x.shape[3] in _COLOR and x.shape[1] not in _COLOR
    if channels_last or (x.dtype == np.uint8 and x.ndim in (3, 4)):
        return _raw_images(x, order)
    finite(x, "x")
    if x.ndim != 4:
        _no_images(order, x)
    ready = np.array(x, np.float64 if wide else np.float32, order="C")  # a copy: x may change later
    if x.ndim == 2:
        return Described("table", ready, Shape.vector(x.shape[1]), ready[0])
    if x.ndim == 3:
        return Described("sequence", ready, Shape.sequence(*x.shape[1:]), ready[0])
    if x.ndim == 4:
        channels, height, width = x.shape[1:]
        is_image = channels in _COLOR and ready.min() >= 0 and ready.max() <= 1
        if not is_image:
            _no_images(order, x)
            return Described("array", ready, Shape.image(channels, height, width), ready[0])
        preprocess = Preprocess(_COLOR[channels], channel_order=order or "rgb")
        network = preprocess.ready(ready)
        return Described("image", network, Shape.image(channels, height, width), network[0], preprocess)
    if x.ndim == 5:
        sample = Shape(x.shape[1:], ("channel", "depth", "height", "width"))
        return Described("array", ready, sample, ready[0])
    raise DataError.coded(
        "E-DATA-06",
        "x: expected 2 to 5 axes, the samples first, got shape {shape}."
        " Reshape it: x.reshape(len(x), -1) gives a row for each sample.",
        shape=shape_text(x.shape),
    )


def _no_images(order: str | None, x: Array) -> None:
    """Refuse an order of channels for what is no image."""
    if order == "bgr":
        raise DataError.coded(
            "E-DATA-09",
            "channel_order='bgr': expected images, got x of shape {shape} and type {dtype}, which is "
            "read as other data. Leave it out, or give uint8 (N, H, W, 3).",
            shape=shape_text(x.shape),
            dtype=x.dtype,
        )


def _raw_images(x: Array, order: str | None) -> Described:
    if x.ndim == 4 and x.shape[1] in _COLOR and x.shape[3] not in (*_COLOR, 4):
        x = np.moveaxis(x, 1, 3)  # as lessons prepare arrays for a network by hand
    if x.ndim == 4 and x.shape[3] not in _COLOR:
        if x.shape[1] in _COLOR:
            advice = gettext("For images with the channels first write x.transpose(0, 2, 3, 1).")
        else:
            advice = gettext("For numbers that are no images write x.astype('float32').")
        raise DataError.coded(
            "E-DATA-06",
            "x: expected images, uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), got shape {shape}. {advice}",
            shape=shape_text(x.shape),
            advice=advice,
        )
    color = "RGB" if x.ndim == 4 and x.shape[3] == 3 else "grayscale"
    preprocess = Preprocess(color, channel_order=order or "rgb")
    if x.dtype == np.uint8:
        images = x.reshape(*x.shape[:3], -1)
        images = images[..., ::-1] if preprocess.channel_order == "bgr" else images
    else:
        with as_data_errors():
            images = np.stack([preprocess.to_uint8(image) for image in x])
    height, width, channels = images.shape[1:]
    network = np.array(np.moveaxis(images, 3, 1), order="C")  # a copy, as above
    example = images[0][..., ::-1] if preprocess.channel_order == "bgr" else images[0]  # as given
    return Described("image", network, Shape.image(channels, height, width), example.copy(), preprocess, True)


def described_tokens(x: Array, size: int) -> Described:
    check_tokens(x, size)
    tokens = x.astype(np.int64)
    return Described("tokens", tokens, Shape.tokens(x.shape[1], size), tokens[0])
