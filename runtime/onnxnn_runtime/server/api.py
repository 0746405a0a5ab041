"""The server's own calls: predict, embed, similarity, generate and sample, as in Python."""

from __future__ import annotations

import base64
import io
import random
from typing import TYPE_CHECKING, Any, Collection, Mapping, Sequence

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onnxnn_runtime.embedding import vector_output
from onnxnn_runtime.heatmap import OUTPUT as HEAT_MAPS
from onnxnn_runtime.heatmap import check_maps, heat_map
from onnxnn_runtime.images.decode import decode
from onnxnn_runtime.inputs.reading import Sample
from onnxnn_runtime.opening import require_card
from onnxnn_runtime.outputs.grid import image_grid
from onnxnn_runtime.results import Prediction, check_predicts, prediction
from onnxnn_runtime.similarity import get_similarity
from onnxnn_runtime.unknown import references_of

from .asked import Asked, read
from .content import as_json, binary
from .errors import BadRequest, TooLarge
from .images import check_image
from .samples import prepared
from .served import Served
from .settings import ServerSettings
from .state import ServerState
from .threads import in_thread

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

__all__ = ["predicted", "routes", "vectors"]

_TEXT = ("length", "temperature", "top_k", "seed", "stop", "max_length", "beams")
_SAMPLE = ("num", "steps", "sampler", "seed", "eta", "label", "guidance", "strength", "start", "mask")

_NPY = "application/x-npy"

MOST_CLASSES = 1_000
MOST_TOKENS = 2_000
MOST_BEAMS = 32
MOST_PROMPT = 100_000
"""What one request may ask for."""


def routes(state: ServerState) -> list[Route]:
    """Return the routes of the server's own calls."""
    calls = {
        "/predict": _predict,
        "/embed": _embed,
        "/similarity": _similarity,
        "/generate": _generate,
        "/sample": _sample,
    }
    return [Route(path, call, methods=["POST"]) for path, call in calls.items()]


async def _predict(request: Request) -> Response:
    asked, served, settings = await _asked(request, "predict", ("k", "unknown", "heatmap"))
    k, unknown = asked.integer("k", MOST_CLASSES) or 1, asked.flag("unknown")
    lanes = served.lanes
    model = lanes.model
    check_predicts(require_card(model.card, served.name, "predict"), served.name)
    if unknown:
        references_of(model.card, served.name)
    heatmap = asked.flag("heatmap")
    if heatmap:
        check_maps(model.card, served.name, HEAT_MAPS in model.outputs)
    found = await lanes.run(await prepared(asked.inputs, model, settings, asked.size))
    predictions = [
        predicted(model, f"input[{number}]", outputs, k, unknown, heatmap)
        for number, outputs in enumerate(found)
    ]
    return as_json({"model": served.name, "predictions": predictions})


async def _embed(request: Request) -> Response:
    asked, served, settings = await _asked(request, "embed", ("normalize",))
    found = await vectors(served, asked.inputs, settings, asked.size, asked.flag("normalize"))
    if _NPY in request.headers.get("accept", ""):
        file = io.BytesIO()
        np.save(file, found)
        return Response(file.getvalue(), media_type=_NPY)
    return await in_thread(found.size, lambda: as_json({"model": served.name, "embeddings": list(found)}))


async def _similarity(request: Request) -> Response:
    asked, served, settings = await _asked(request, "embed", ("method",))
    if len(asked.inputs) != 2:
        raise BadRequest.coded(
            "E-CALL-02", "expected two inputs to compare, got {count}.", count=len(asked.inputs)
        )
    method = str(asked.options.get("method", "cosine"))
    found = await vectors(served, asked.inputs, settings, asked.size)
    value = get_similarity(found[0], found[1], method)
    return as_json({"model": served.name, "method": method, "similarity": value})


async def _generate(request: Request) -> Response:
    asked, served, _ = await _asked(request, "generate", ("prompt", *_TEXT))
    for name in ("length", "max_length"):
        asked.integer(name, MOST_TOKENS)
    asked.integer("beams", MOST_BEAMS)
    prompt = asked.options.get("prompt", asked.inputs[0] if asked.inputs else None)
    if not isinstance(prompt, (str, list)):
        raise BadRequest.coded(
            "E-CALL-02", "prompt: expected how the text begins, or the tokens of a source. Send prompt."
        )
    if len(prompt) > MOST_PROMPT:
        raise TooLarge.coded(
            "E-SERVER-03",
            "prompt: expected at most {most:,} characters or tokens, got {count:,}. Shorten it.",
            most=MOST_PROMPT,
            count=len(prompt),
        )
    options = _given(asked, _TEXT)
    found = await served.call(lambda model: model.generate(prompt, **options))
    key = "target" if served.kind.does == "translate" else "text"
    return as_json({"model": served.name, key: found})


async def _sample(request: Request) -> Response:
    asked, served, settings = await _asked(request, "sample", _SAMPLE, files=("start", "mask"))
    num = asked.integer("num", settings.max_items)
    seed = asked.value("seed")
    options = {
        **_given(asked, _SAMPLE),
        "seed": random.SystemRandom().randrange(2**32) if seed is None else seed,
    }
    if num is None and not isinstance(options.get("label"), list):
        options["num"] = min(16, settings.max_items)
    is_grid = "image/png" in request.headers.get("accept", "")

    def sample(model: Model) -> Response:
        for name in ("start", "mask"):
            if name in options or name in asked.files:
                data = _image(asked, name)
                check_image(data, settings, name)
                options[name] = decode(data)
        images = model.sample(**options)
        if is_grid:
            return Response(_png(image_grid(images)), media_type="image/png")
        uris = ["data:image/png;base64," + _base64(_png(_pixels(each))) for each in images]
        return as_json({"model": served.name, "images": uris, "seed": options["seed"]})

    return await served.call(sample)


async def _asked(
    request: Request, call: str, options: Collection[str], files: Collection[str] = ()
) -> tuple[Asked, Served, ServerSettings]:
    """Return what a request asks for, the model that it is for, and the settings."""
    state: ServerState = request.app.state.onnxnn
    asked = await read(request, state.settings, files)
    asked.check_options(options)
    return asked, state.chosen(asked.model, call), state.settings


async def vectors(
    served: Served, inputs: Sequence[object], settings: ServerSettings, size: int, normalize: bool = False
) -> np.ndarray:
    """Return the feature vectors of inputs, float32 (N, D).

    Args:
        served: The model.
        inputs: As for `preparations`.
        settings: Limits.
        size: Bytes of the body that held the inputs.
        normalize: Scale each vector to length 1.

    Raises:
        OnnxnnError: An input does not match the model, or the model has no vectors.
    """
    lanes = served.lanes
    output = vector_output(
        require_card(lanes.model.card, served.name, "embed"), lanes.model.outputs, served.name
    )
    found = await lanes.run(await prepared(inputs, lanes.model, settings, size))
    rows: np.ndarray = np.stack([each[output][0].reshape(-1) for each in found]).astype(
        np.float32, copy=False
    )
    if normalize:
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        rows = rows / np.where(length == 0, 1, length)
    return rows


def predicted(
    model: Model,
    name: str,
    outputs: Mapping[str, np.ndarray],
    k: int,
    detects: bool,
    maps: bool = False,
) -> dict[str, object]:
    """Return what a model's outputs for one input mean, as JSON has it.

    Args:
        model: A model that predicts.
        name: The input.
        outputs: All outputs, the batch axis first.
        k: How many classes to name.
        detects: Whether an input that is like none of the training is unknown; the model has references then.
        maps: Whether to say where it looks; the model has the output then.
    """
    card, first = require_card(model.card, model.name, "predict"), next(iter(model.outputs))
    distance = None
    if detects:
        vector = vector_output(card, model.outputs, model.name)
        (distance,) = model.references.distances(outputs[vector][:1])
    data = _as_data(prediction(card, name, outputs[first][0], k, distance))
    if maps:
        sample = Sample(name, None)
        found = heat_map(card, None, sample, outputs[first][0], outputs[HEAT_MAPS][0], None)
        data["heat"] = np.round(found.heat, 4).tolist()
    return data


def _as_data(found: Prediction) -> dict[str, object]:
    """Return a prediction as JSON has it."""
    if found.values:
        return {"values": dict(found.values)}
    data: dict[str, object] = {"label": found.label, "score": found.score}
    if found.score_kind != "probability":
        data["score_kind"] = found.score_kind
    if found.distance is not None:
        data["distance"] = found.distance
    if found.top:
        data["top"] = [{"label": label, "score": score} for label, score in found.top]
    return data


def _given(asked: Asked, names: Collection[str]) -> dict[str, Any]:
    """Return the options that a request gives, with the types of the call."""
    found = {name: asked.value(name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _image(asked: Asked, name: str) -> bytes:
    """Return an image that is an option.

    Raises:
        BadRequest: It is no file, no base64 and no data URI.
    """
    if name in asked.files:
        return asked.files[name]
    value = asked.options[name]
    if not isinstance(value, str):
        raise BadRequest.coded("E-CALL-03", "{name}: expected an image as a file or as base64.", name=name)
    return binary(value, name)


def _pixels(image: np.ndarray) -> Image.Image:
    """Return float (C, H, W) in 0..1 as an image."""
    array = np.moveaxis(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), 0, -1)
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()
