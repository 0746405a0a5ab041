"""Embeddings and models in the shape of OpenAI's API, for clients that exist.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import os
from typing import Mapping, Sequence

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.tokens import to_numbers
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import name_hint
from onnxnn_runtime.messages.shorten import shortened

from .api import vectors
from .content import as_json, binary, json_object
from .errors import BadRequest, UnsupportedMedia, about
from .served import Served
from .state import ServerState
from .threads import in_thread

__all__ = ["routes"]

_OPTIONS = ("dimensions", "encoding_format", "input", "modality", "model", "normalize", "user")

_MODALITIES = {"image": "image", "text": "tokens"}
"""What `modality` says -> the kind of input of such a model."""


def routes(state: ServerState) -> list[Route]:
    """Return the routes in OpenAI's shape."""
    return [
        Route("/v1/embeddings", _embeddings, methods=["POST"]),
        Route("/v1/models", _models),
        Route("/v1/models/{name}", _model),
    ]


async def _models(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    return as_json({"object": "list", "data": [_as_model(each) for each in state.models.values()]})


async def _model(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    with about("model"):
        return as_json(_as_model(state.model(request.path_params["name"])))


def _as_model(served: Served) -> dict[str, object]:
    try:
        created = int(os.path.getmtime(served.path))
    except OSError:  # the file was deleted after it was opened
        created = 0
    return {"id": served.name, "object": "model", "created": created, "owned_by": "onnxnn"}


async def _embeddings(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    asked, size = await _asked(request)
    with about("model"):
        served = state.chosen(asked.get("model"), "embed")
    spec = served.model.input_spec
    form = asked.get("encoding_format", "float")
    if form not in ("float", "base64"):
        with about("encoding_format"):
            raise BadRequest.coded(
                "E-INPUT-06",
                "encoding_format={value}: expected 'float' or 'base64'.",
                value=shortened(form),
            )
    with about("modality"):
        _check_modality(asked, spec)
    with about("input"):
        inputs = await in_thread(size, lambda: _inputs(asked, spec))
        found = await vectors(served, inputs, state.settings, size, asked.get("normalize") is True)
        count = await in_thread(size, lambda: _num_tokens(inputs, spec))
    return await in_thread(found.size, lambda: _response(found, form == "base64", served.name, count))


async def _asked(request: Request) -> tuple[Mapping[str, object], int]:
    """Return the options of a request for embeddings, and the bytes of its body.

    Raises:
        BadRequest: The body is no JSON object, or has an option that is unknown or cannot be honoured.
        UnsupportedMedia: The body is of another type.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", ""):
        raise UnsupportedMedia.coded(
            "E-SERVER-05", "Content-Type={kind}: expected application/json.", kind=shortened(kind)
        )
    body = await request.body()
    asked = await in_thread(len(body), lambda: json_object(body))
    for name in asked:
        with about(name):
            _check_option(name, asked[name])
    return asked, len(body)


def _check_option(name: str, value: object) -> None:
    """Refuse an option that is unknown or cannot be honoured.

    Raises:
        BadRequest: It is such.
    """
    if name not in _OPTIONS:
        raise BadRequest.coded(
            "E-CALL-01",
            "{name}: unknown option{hint} Options: {known}.",
            name=shortened(name),
            hint=name_hint(name, _OPTIONS),
            known=", ".join(_OPTIONS),
        )
    if name == "dimensions" and value is not None:
        raise BadRequest.coded(
            "E-INPUT-06",
            "dimensions={value}: the vectors of this model cannot be shortened. Leave the option out.",
            value=shortened(value),
        )
    if name == "normalize" and value not in (None, True, False):
        raise BadRequest.coded(
            "E-INPUT-06", "{name}={value}: expected true or false.", name=name, value=shortened(value)
        )


def _check_modality(asked: Mapping[str, object], spec: InputSpec) -> None:
    """Refuse a request for a model that takes something else.

    Raises:
        BadRequest: It is one.
    """
    modality = asked.get("modality")
    if modality is not None and _MODALITIES.get(str(modality)) != spec.kind:
        raise BadRequest.coded(
            "E-INPUT-05",
            "modality={value}: expected {kind} for this model.",
            value=shortened(modality),
            kind=kind_name(spec.kind),
        )


def _inputs(asked: Mapping[str, object], spec: InputSpec) -> list[object]:
    """Return the inputs of a request, images as bytes.

    Raises:
        BadRequest: There are none, or they are of another kind than the model takes.
    """
    inputs = asked.get("input")
    if not isinstance(inputs, list) or (inputs and not isinstance(inputs[0], (str, list, dict))):
        inputs = [inputs]  # one text, or the tokens of one
    if not inputs or inputs == [None]:
        raise BadRequest.coded("E-CALL-02", "input: expected an image as a data URI, or a list of them.")
    if spec.kind != "image":
        return inputs
    return [_image(each, f"input[{number}]") for number, each in enumerate(inputs)]


def _image(value: object, name: str) -> object:
    """Return an image in a data URI as bytes; an array of pixels as it is."""
    if not isinstance(value, str):
        return value
    if not value.startswith("data:") and "://" not in value:
        raise BadRequest.coded(
            "E-INPUT-05",
            "{name}: this model takes images, not text. Send each image as a data URI, "
            "'data:image/jpeg;base64,...'; got {value}.",
            name=name,
            value=shortened(value, 40),
        )
    return binary(value, name)


def _num_tokens(inputs: Sequence[object], spec: InputSpec) -> int:
    """Return how many tokens there are in texts; images have none."""
    if spec.kind != "tokens":
        return 0
    vocabulary = spec.vocabulary or {}
    return sum(
        len(to_numbers(each, vocabulary)) if isinstance(each, str) else len(each)
        for each in inputs
        if isinstance(each, (str, list))
    )


def _response(found: np.ndarray, as_base64: bool, name: str, tokens: int) -> Response:
    embeddings: list[object] = list(found)
    if as_base64:
        embeddings = [base64.b64encode(row.tobytes()).decode("ascii") for row in found.astype("<f4")]
    data = [
        {"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(embeddings)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return as_json({"object": "list", "data": data, "model": name, "usage": usage})
