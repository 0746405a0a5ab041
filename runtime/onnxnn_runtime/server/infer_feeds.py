"""From the tensors of an inference request to what a graph is fed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import numpy as np

from onnxnn_runtime.errors import name_hint
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

from .content import binary
from .errors import BadRequest
from .infer_request import InferRequest, takes_images
from .samples import preparations
from .settings import ServerSettings
from .tensors import DATATYPES, Tensor, array_of, elements_of

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

    from .lanes import Prepare

__all__ = ["check_no_sequence", "feeds_of", "image_preparations"]


def check_no_sequence(asked: InferRequest, model: Model) -> None:
    """Refuse requests that expect the server to keep the states of a model from one request to the next.

    Raises:
        BadRequest: It is such a request.
    """
    has_states = model.card is not None and bool(model.card.input.states)
    if has_states and asked.parameters.get("sequence_id") not in (None, 0, ""):
        raise BadRequest.coded(
            "E-INPUT-08",
            "sequence_id: this server keeps no states between requests. Send them as inputs, and take them "
            "from the outputs.",
        )


def image_preparations(asked: InferRequest, model: Model, settings: ServerSettings) -> list[Prepare] | None:
    """Return what prepares each encoded image of a request; None where it holds no encoded images.

    Args:
        asked: The request; encoded images are elements of BYTES, in JSON as base64 or data URIs.
        model: The model. It prepares images as its card says.
        settings: Limits of images.

    Raises:
        BadRequest: There are no elements, or no images.
        TooLarge: There are too many.
    """
    if not takes_images(model) or not asked.inputs:
        return None
    (name, (dtype, _)), *_ = model.inputs.items()
    tensor = asked.inputs[0]
    if len(asked.inputs) > 1 or tensor.name != name or tensor.datatype != DATATYPES["string"]:
        return None
    if dtype == "string":
        return None
    images = [
        binary(each, f"{name}[{number}]") if isinstance(each, str) else each
        for number, each in enumerate(elements_of(tensor, settings.max_items))
    ]
    return preparations(images, model, settings)


def feeds_of(tensors: Sequence[Tensor], model: Model) -> dict[str, np.ndarray]:
    """Return the arrays of a request; that they match the graph in shape and range is checked when it runs.

    Raises:
        BadRequest: An input is unknown, has another datatype than that of the graph, or its data are not as
            its shape and datatype say; or the inputs hold different numbers of samples.
        TooLarge: There are too many texts.
    """
    for tensor in tensors:
        if tensor.name not in model.inputs:
            raise BadRequest.coded(
                "E-INPUT-03",
                "{name}: no input of this name{hint} Inputs: {known}.",
                name=shortened(tensor.name),
                hint=name_hint(tensor.name, model.inputs),
                known=", ".join(printable(each, 40) for each in model.inputs),
            )
        dtype = model.inputs[tensor.name][0]
        expected = DATATYPES.get(dtype, dtype)
        if tensor.datatype != expected:
            raise BadRequest.coded(
                "E-INPUT-05",
                "{name}: expected the datatype {expected} of the graph, got {datatype}.",
                name=tensor.name,
                expected=expected,
                datatype=shortened(tensor.datatype),
            )
    feeds = {tensor.name: array_of(tensor) for tensor in tensors}
    _check_batch(feeds, model)
    return feeds


def _check_batch(feeds: dict[str, np.ndarray], model: Model) -> None:
    """Refuse inputs of different numbers of samples: run together with others, they would mix with these."""
    axes = [model.inputs[name][1][:1] for name in feeds]
    sizes = {array.shape[:1] for array in feeds.values()}
    if len(sizes) > 1 and len(set(axes)) == 1 and axes[0] and isinstance(axes[0][0], str):
        raise BadRequest.coded(
            "E-INPUT-03",
            "expected inputs with the same number of samples, got the shapes {shapes}.",
            shapes=", ".join(
                f"{printable(name, 40)} {shape_text(array.shape)}" for name, array in feeds.items()
            ),
        )
