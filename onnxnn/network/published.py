"""Images as published weights want them, where a network begins with such weights."""

from __future__ import annotations

from dataclasses import replace

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.warn import warn

from onnxnn.data import Data, Preparation
from onnxnn.definition.definition import Definition
from onnxnn.layers import Layer


def first_layer(definition: Definition) -> Layer | None:
    """Return the first layer that was added; None without one."""
    added = (entry.layer for entry in definition.entries if entry.index)
    return next(added, None)


def preparation_of(definition: Definition) -> Preparation | None:
    """Return how images are prepared for the weights that a network begins with; None without any."""
    layer, shape = first_layer(definition), definition.input_shape
    if layer is None or layer.published_images is None or shape is None:
        return None
    return Preparation("image", shape, layer.published_images)


def as_published(data: Data, layer: Layer | None) -> tuple[Data, tuple[str, ...]]:
    """Return images as a network's first layer wants them, and a line about it for the user.

    Images that a transform or a colour was asked for, and arrays, stay as they are; the layer takes any size.

    Args:
        data: What was loaded.
        layer: The layer.
    """
    images = None if layer is None else layer.published_images
    if layer is None or images is None:
        return data, ()
    if data.normalize is not None:
        warn(
            gettext(
                "Images are standardised by {layer} as its weights want them, and once more by the data's "
                "Normalize. Leave Normalize out of the transform, or add the layer with normalize=False.",
                layer=layer.kind,
            )
        )
    own = data.preparation
    is_plain = own.preprocess is not None and not own.preprocess.steps and not own.operations
    if own.preprocess is None or not is_plain or data.is_ready or own.preprocess.color != images.color:
        return data, ()
    order = own.preprocess.channel_order
    wanted = replace(own, preprocess=replace(images, channel_order=order), classes=())
    prepared = replace(data.prepared(wanted), problem=data.problem if len(data.classes) == 1 else None)
    steps = ", ".join(" ".join(map(str, step)) for step in images.steps)
    line = gettext(
        "images are prepared as the weights of {layer} want them: {steps}", layer=layer.kind, steps=steps
    )
    return prepared, (line,)
