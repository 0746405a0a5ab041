"""The OpenAPI document of the server's calls: `static/openapi.json`, with the routes that this server has.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import functools
import json
import sys
from typing import Collection

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .content import as_json
from .page import STATIC
from .state import ServerState

__all__ = ["document", "routes"]


def routes(state: ServerState) -> list[Route]:
    """Return the route of the document."""
    return [Route("/openapi.json", _openapi)]


def document(paths: Collection[str], needs_token: bool) -> dict[str, object]:
    """Return the document, as JSON has it.

    Args:
        paths: The paths of the routes that the server has; those that it lacks are left out.
        needs_token: Whether requests need the server's token.
    """
    version = str(sys.modules["onnxnn_runtime"].__version__)  # above this folder in the order of imports
    found: dict[str, object] = json.loads((STATIC / "openapi.json").read_text(encoding="utf-8"))
    described = found["paths"]
    if isinstance(described, dict):
        found["paths"] = {path: item for path, item in described.items() if path in paths}
    found["info"] = {"title": "onnxnn serve", "version": version}
    found["security"] = [{"token": []}] if needs_token else []
    return found


@functools.lru_cache(maxsize=4)
def _body(paths: frozenset[str], needs_token: bool) -> bytes:
    return bytes(as_json(document(paths, needs_token)).body)


async def _openapi(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    paths = frozenset(route.path for route in request.app.routes if isinstance(route, Route))
    return Response(_body(paths, state.settings.token is not None), media_type="application/json")
