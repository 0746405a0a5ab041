"""The page for browsers, the readable page of the calls, and what the page needs to know about the models.

Browsers load nothing from elsewhere: all files are in `static`, and the policy of the pages allows no others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.tokens import is_words

from .content import as_json
from .served import Served
from .state import ServerState

__all__ = ["POLICY", "STATIC", "routes"]

STATIC = Path(__file__).with_name("static")
"""The folder of the files."""

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

_CLASSES_SHOWN = 1_000
"""Class names that `/models` lists; more make no choice that a person can use."""


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


def static_file(name: str) -> Response:
    """Return a file of the pages.

    Args:
        name: One of those in `STATIC`, compared with its listing; never a path.

    Raises:
        HTTPException: There is none of this name.
    """
    for path in STATIC.iterdir():
        if path.name == name and path.suffix in _MEDIA_TYPES:
            return Response(path.read_bytes(), media_type=_MEDIA_TYPES[path.suffix], headers=_HEADERS)
    raise HTTPException(404)


async def _models(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    settings = state.settings
    return as_json(
        {
            "models": [described(each) for each in state.models.values()],
            "gallery": None if state.gallery is None else state.gallery.served.name,
            "max_items": settings.max_items,
            "max_body_bytes": settings.max_body_bytes,
            "max_pixels": settings.max_pixels,
        }
    )


def described(served: Served) -> dict[str, object]:
    """Return what a page needs to know about a model, as JSON has it.

    Args:
        served: The model.

    Returns:
        name, does (see `ModelKind.does`), state, has_vector, classes, input (null for a file without a card)
        and sampling (null for a model that samples no images).
    """
    kind = served.kind
    card = kind.card
    classes = () if card is None else card.classes
    return {
        "name": served.name,
        "does": kind.does,
        "state": served.state,
        "has_vector": kind.vector is not None,
        "classes": list(classes[:_CLASSES_SHOWN]),
        "input": None if card is None else _input(card.input),
        "sampling": _sampling(served),
    }


def _input(spec: InputSpec) -> Mapping[str, object]:
    width = spec.shape[-1] if spec.kind in ("table", "sequence") and len(spec.shape) > 1 else None
    return {
        "kind": spec.kind,
        "features": list(spec.features),
        "width": width if isinstance(width, int) else None,
        "tokens": _tokens(spec),
    }


def _tokens(spec: InputSpec) -> str | None:
    """Return what a model's tokens are: "characters", "words" or "ids"; None where it takes no tokens."""
    if spec.kind != "tokens":
        return None
    if spec.vocabulary is None:
        return "ids"
    return "words" if is_words(list(spec.vocabulary)[:1], spec.vocabulary) else "characters"


def _sampling(served: Served) -> Mapping[str, object] | None:
    spec = served.kind.sampling
    if spec is None:
        return None
    return {
        "shape": list(spec.shape),
        "timesteps": spec.schedule.timesteps,
        "fixed_steps": None if spec.sampler is None else spec.sampler.steps,
    }
