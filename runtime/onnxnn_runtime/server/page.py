"""The page for browsers, the readable page of the calls, and what the page needs to know about the models.

Browsers load nothing from elsewhere: all files are in `static`, and the policy of the pages allows no others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .content import as_json
from .description import STATIC, described
from .state import ServerState

__all__ = ["POLICY", "STATIC", "page_response", "routes", "static_file"]

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""What browsers may load for a page: https://www.w3.org/TR/CSP3/"""

_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


def routes(state: ServerState) -> list[Route]:
    """Return the routes of the pages."""
    return [
        Route("/", _page),
        Route("/docs", _docs),
        Route("/static/{name}", _static),
        Route("/models", _models),
    ]


async def _page(request: Request) -> Response:
    return static_file("index.html")


async def _docs(request: Request) -> Response:
    return static_file("docs.html")


async def _static(request: Request) -> Response:
    return static_file(request.path_params["name"])


def static_file(name: str, folders: Sequence[Path] = (STATIC,)) -> Response:
    """Return a file of the pages.

    Args:
        name: One of those in the folders, compared with their listings; never a path.
        folders: Where to look; the first that has the file counts.

    Raises:
        HTTPException: There is none of this name.
    """
    for folder in folders:
        for path in folder.iterdir():
            if path.name == name and path.suffix in _MEDIA_TYPES:
                return page_response(path.read_bytes(), _MEDIA_TYPES[path.suffix])
    raise HTTPException(404)


def page_response(content: bytes, media_type: str, policy: str = POLICY) -> Response:
    """Return a part of a page, with the headers that say what browsers may do with it.

    Args:
        content: The file.
        media_type: Its type.
        policy: What it may load.
    """
    headers = {**_HEADERS, "Content-Security-Policy": policy}
    return Response(content, media_type=media_type, headers=headers)


async def _models(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    settings = state.settings
    return as_json(
        {
            "models": [described(each.name, each.kind, each.state) for each in state.models.values()],
            "gallery": None if state.gallery is None else state.gallery.served.name,
            "max_items": settings.max_items,
            "max_body_bytes": settings.max_body_bytes,
            "max_pixels": settings.max_pixels,
        }
    )
