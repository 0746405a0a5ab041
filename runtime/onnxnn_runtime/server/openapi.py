"""The OpenAPI document of the server's calls: `static/openapi.json`, with the routes that this server has.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

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


async def _openapi(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    paths = {route.path for route in request.app.routes if isinstance(route, Route)}
    return as_json(document(paths, state.settings.token is not None))
