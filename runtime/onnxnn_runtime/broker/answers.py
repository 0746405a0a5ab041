"""From the bytes of an image to the result that a message holds."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.opening import require_card
from onnxnn_runtime.results import check_predicts
from onnxnn_runtime.server.api import predicted, vectors
from onnxnn_runtime.server.errors import Overloaded, TooLarge, answer
from onnxnn_runtime.server.samples import preparations

if TYPE_CHECKING:
    from onnxnn_runtime.server.served import Served
    from onnxnn_runtime.server.settings import ServerSettings
    from onnxnn_runtime.server.state import ServerState

__all__ = ["chosen", "error_content", "image_content"]

_AGAIN = 0.05
"""Seconds until a message that the model's queue has no room for is given to it again."""


def chosen(state: ServerState) -> Served:
    """Return the model that answers: the only one that takes images and predicts or embeds.

    Raises:
        InputError: There is none, or there are several.
    """
    able = [each for each in state.models.values() if _takes_images(each)]
    if len(able) == 1:
        return able[0]
    raise InputError.coded(
        "E-INPUT-06",
        "--mqtt: expected one model that takes images and predicts or embeds, got {count} of them. Serve one "
        "such file.",
        count=len(able),
    )


def _takes_images(served: Served) -> bool:
    card = served.model.card
    return card is not None and card.input.kind == "image" and served.kind.call in ("predict", "embed")


async def image_content(served: Served, data: bytes, settings: ServerSettings) -> dict[str, object]:
    """Return what a model says about an image: label and score, values, or an embedding.

    A message waits while requests over HTTP fill the model's queue.

    Args:
        served: The model.
        data: The file's content.
        settings: Limits.

    Raises:
        OnnxnnError: The image is too large, broken, or not what the model takes.
        TimeLimit, Overloaded: The model has no time for it.
    """
    if len(data) > settings.max_body_bytes:
        raise TooLarge.coded(
            "E-SERVER-03",
            "expected a message of at most {most:.3g} MB, got a larger one. Send less.",
            most=settings.max_body_bytes / 1e6,
        )
    deadline = time.monotonic() + settings.request_timeout
    while True:
        try:
            return {"model": served.name, **await _said(served, data, settings)}
        except Overloaded:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_AGAIN)


async def _said(served: Served, data: bytes, settings: ServerSettings) -> dict[str, object]:
    if served.kind.call == "embed":
        return {"embedding": (await vectors(served, [data], settings, len(data)))[0].tolist()}
    lanes = served.lanes
    card = require_card(lanes.model.card, served.name, "predict")
    check_predicts(card, served.name)
    found = await lanes.run(preparations([data], lanes.model, settings))
    return predicted(lanes.model, "image", found[0], 1, card.unknown is not None)


def error_content(error: Exception, state: ServerState) -> dict[str, object]:
    """Return the result of a request that failed: the body and the status that HTTP would have."""
    response = answer(error, "mqtt", {**state.hidden, "input[0]": "image"})
    content: dict[str, object] = json.loads(bytes(response.body))
    return {"status": response.status_code, **content}
