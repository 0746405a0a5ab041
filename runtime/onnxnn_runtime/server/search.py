"""`/search`: the entries of a gallery that are most similar to what a request holds."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, List, Sequence, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onnxnn_runtime.arrays.numbers import is_number
from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.gallery.gallery import Gallery
from onnxnn_runtime.messages.catalogue import speaking
from onnxnn_runtime.messages.shorten import shortened

from .api import vectors
from .asked import read
from .content import as_json
from .errors import BadRequest, Unavailable
from .served import Served
from .settings import ServerSettings
from .threads import in_thread

if TYPE_CHECKING:
    from onnxnn_runtime.gallery.results import Matches

    from .state import ServerState

__all__ = ["GallerySearch", "cannot_be_read", "open_gallery", "routes"]

_log = logging.getLogger("onnxnn.server")

MOST_MATCHES = 1_000
"""Matches of one query that a request may ask for."""


_COST_OF_MATCHES = 30
"""How much longer a match takes than a number in a response."""


class GallerySearch:
    """A gallery, and the served model whose vectors it holds.

    Args:
        gallery: The gallery.
        served: The model.
    """

    def __init__(self, gallery: Gallery, served: Served) -> None:
        self.gallery = gallery
        self.served = served
        self._lock = threading.Lock()
        self._lanes = served.lanes

    async def search(
        self, inputs: Sequence[object], settings: ServerSettings, size: int, k: int, threshold: float | None
    ) -> list[Matches]:
        """Find the entries that are most similar to each input; what other processes added counts.

        Args:
            inputs: As for `preparations`.
            settings: Limits.
            size: Bytes of the body that held the inputs.
            k, threshold: As for `Gallery.search`.

        Raises:
            InputError: An input does not match the model, or an option is out of range.
            Unavailable: The file of the model is another one since, or the gallery was damaged.
        """
        lanes = self.served.lanes
        if lanes is not self._lanes and lanes.model.fingerprint == self.gallery.model_sha256:
            self._lanes = lanes  # the file is another one with the same weights
        if lanes is not self._lanes:
            raise Unavailable.coded(
                "E-SERVER-01",
                "{name}: the file has changed, and the gallery holds vectors of another model. Build the "
                "gallery again.",
                name=self.served.name,
            )
        queries = await vectors(self.served, inputs, settings, size)

        def find(model: object) -> list[Matches]:
            with self._lock:
                try:
                    with speaking(None):
                        self.gallery.refresh()
                except OnnxnnError as error:  # it names the folder, which clients need not know
                    raise cannot_be_read(error) from error
            return cast("List[Matches]", self.gallery.search(queries, k, threshold))

        return await self.served.call(find)


def cannot_be_read(error: OnnxnnError) -> Unavailable:
    """Log what is wrong with the gallery, and return the error for the client."""
    _log.error("%s", error)
    return Unavailable.coded(
        "E-SERVER-01",
        "the gallery cannot be read; the log of the server says why."
        " Mend what the log names, or build the gallery again.",
    )


def open_gallery(path: str, models: Sequence[Served]) -> GallerySearch:
    """Open a gallery for the one of several models whose vectors it holds.

    Args:
        path: The folder.
        models: Those that are served.

    Raises:
        InputError: It holds no gallery, or that of another model; the message names it.
    """
    wanted = Gallery.open(path).model_sha256
    found = next((each for each in models if each.model.fingerprint == wanted), models[0])
    return GallerySearch(Gallery.open(path, found.model), found)


def routes(state: ServerState) -> list[Route]:
    """Return the route of the gallery; none without one."""
    return [Route("/search", _search, methods=["POST"])] if state.gallery is not None else []


async def _search(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    asked = await read(request, state.settings)
    asked.check_options(("k", "threshold"))
    found = state.gallery
    if found is None or state.chosen(asked.model or found.served.name, "embed") is not found.served:
        raise BadRequest.coded(
            "E-SERVER-01",
            "{name}: the gallery holds no vectors of this model."
            " Ask the model that built it, or build it again with this one.",
            name=shortened(asked.model),
        )
    k, threshold = asked.integer("k", MOST_MATCHES) or 5, asked.value("threshold")
    if threshold is not None and not is_number(threshold):
        raise InputError.coded(
            "E-INPUT-06", "threshold={value}: expected a number in -1..1.", value=shortened(threshold)
        )
    matches = await found.search(asked.inputs, state.settings, asked.size, k, threshold)
    name = found.served.name
    return await in_thread(_COST_OF_MATCHES * k * len(matches), lambda: _response(name, matches))


def _response(model: str, matches: Sequence[Matches]) -> Response:
    found = [
        [{"name": each.name, "score": each.score, "label": each.label} for each in several]
        for several in matches
    ]
    return as_json({"model": model, "matches": found})
