"""The Open Inference Protocol v2 over REST, with Triton's binary tensor data, for clients that exist.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

from __future__ import annotations

import functools
import sys
from typing import Mapping

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onnxnn_runtime.messages.shorten import shortened

from .content import as_json
from .errors import UnknownModel
from .infer_feeds import check_no_sequence, feeds_of, image_preparations
from .infer_outputs import infer_response, joined, outputs_of
from .infer_request import read_infer_request
from .served import Served
from .state import ServerState
from .tensors import DATATYPES
from .threads import in_thread

__all__ = ["EXTENSIONS", "routes"]

EXTENSIONS = ("binary_tensor_data", "classification", "encoded_images")
"""What the server does beyond the protocol; the last one is our own: an image file as an element of BYTES."""

PLATFORM = "onnxruntime_onnx"
"""What Triton calls models that ONNX Runtime runs."""


def routes(state: ServerState) -> list[Route]:
    """Return the routes of the protocol."""
    found = [
        Route("/v2", _server),
        Route("/v2/health/live", _live),
        Route("/v2/health/ready", _ready),
    ]
    for version in ("", "/versions/{version}"):
        path = "/v2/models/{name}" + version
        found += [
            Route(path, functools.partial(_metadata)),
            Route(path + "/ready", functools.partial(_model_ready)),
            Route(path + "/infer", functools.partial(_infer), methods=["POST"]),
        ]
    return found


async def _server(request: Request) -> Response:
    version = str(sys.modules["onnxnn_runtime"].__version__)  # above this folder in the order of imports
    return as_json({"name": "onnxnn", "version": version, "extensions": list(EXTENSIONS)})


async def _live(request: Request) -> Response:
    return as_json({"live": True})


async def _ready(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    ready = all(served.state == "ready" for served in state.models.values())
    return as_json({"ready": ready}, 200 if ready else 503)


async def _model_ready(request: Request) -> Response:
    served = _served(request)
    ready = served.state == "ready"
    return as_json({"name": served.name, "ready": ready}, 200 if ready else 503)


async def _metadata(request: Request) -> Response:
    served = _served(request)
    model = served.model
    return as_json(
        {
            "name": served.name,
            "versions": [served.version],
            "platform": PLATFORM,
            "inputs": _described(model.inputs),
            "outputs": _described(model.outputs),
        }
    )


def _described(values: Mapping[str, tuple[str, tuple[object, ...]]]) -> list[dict[str, object]]:
    """Return inputs or outputs of a graph as the protocol describes them; a free axis is -1."""
    return [
        {
            "name": name,
            "datatype": DATATYPES.get(dtype, dtype),
            "shape": [size if isinstance(size, int) and size > 0 else -1 for size in shape],
        }
        for name, (dtype, shape) in values.items()
    ]


def _served(request: Request) -> Served:
    """Return the model of a path.

    Raises:
        UnknownModel: There is none of this name, or not in this version.
    """
    state: ServerState = request.app.state.onnxnn
    served = state.model(request.path_params["name"])
    version = request.path_params.get("version", served.version)
    if version != served.version:
        raise UnknownModel.coded(
            "E-SERVER-01",
            "{name}: expected the version {known}, the only one, got {version}.",
            name=served.name,
            known=served.version,
            version=shortened(version),
        )
    return served


async def _infer(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    served = _served(request)
    asked = await read_infer_request(request, served.model, state.settings)
    lanes = served.lanes
    wanted = outputs_of(asked, lanes.model)
    check_no_sequence(asked, lanes.model)
    images = await in_thread(asked.size, lambda: image_preparations(asked, lanes.model, state.settings))
    if images is None:
        outputs = (await lanes.run([functools.partial(feeds_of, asked.inputs)]))[0]
    else:
        outputs = joined(await lanes.run(images), wanted)
    size = sum(np.size(outputs[each.name]) for each in wanted)
    header: dict[str, object] = {"model_name": served.name, "model_version": served.version}
    if asked.request_id is not None:
        header["id"] = asked.request_id
    return await in_thread(size, functools.partial(infer_response, header, wanted, outputs, lanes.model.card))
