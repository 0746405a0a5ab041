"""The application: models, routes and middleware put together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import AsyncContextManager, AsyncIterator, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from onnxnn_runtime.errors import InputError, OnnxnnError

from . import api, openai_api, openapi, page, protocol_v2, search, thumbnails
from .errors import on_error
from .metrics import CONTENT_TYPE, Metrics
from .middleware import Guard
from .served import Served
from .settings import SETTINGS, ServerSettings
from .state import ServerState

__all__ = ["PARTS", "Attach", "Part", "create_app", "serve_file"]

_log = logging.getLogger("onnxnn.server")

Part = Callable[[ServerState], Sequence[Route]]
"""Returns the routes of a part of a server."""

PARTS: tuple[Part, ...] = tuple(
    module.routes for module in (api, search, protocol_v2, openai_api, page, thumbnails, openapi)
)
"""Those of `onnxnn serve`."""

Attach = Callable[[ServerState], AsyncContextManager[None]]
"""Makes another way in, such as one through a broker, which is open while the server is."""


def create_app(
    paths: Sequence[str],
    settings: ServerSettings,
    attached: Sequence[Attach] = (),
    parts: Sequence[Part] = PARTS,
) -> Starlette:
    """Return the application that serves some model files.

    Args:
        paths: The files.
        settings: Limits, token and the like.
        attached: Other ways in: each opens once the models are warm, and closes before them.
        parts: What has the routes; another application than `onnxnn serve` has other ones.

    Returns:
        An ASGI application; `app.state.onnxnn` is its `ServerState`.

    Raises:
        OnnxnnError: A file cannot be opened, or two have one name.
    """
    metrics = Metrics()
    models: dict[str, Served] = {}
    gallery = None
    with contextlib.ExitStack() as stack:
        for path in paths:
            served = Served(path, settings, metrics)
            stack.callback(served.stop)
            if served.name in models:
                raise InputError.coded(
                    "E-INPUT-06",
                    "{path}: expected files with different names, got two called {name}. Rename one.",
                    path=path,
                    name=served.name,
                )
            models[served.name] = served
        if settings.gallery is not None:
            gallery = search.open_gallery(settings.gallery, list(models.values()))
        stack.pop_all()  # all of them are open: the lifespan stops them
    state = ServerState(models, settings, metrics, gallery)
    routes = [Route("/healthz", _healthz), Route("/metrics", _metrics)]
    for part in parts:
        routes += part(state)
    known: dict[object, str] = {route.endpoint: route.path for route in routes}
    middleware = [Middleware(Guard, state=state, routes=known)]
    if settings.cors:
        middleware.insert(
            0,
            Middleware(CORSMiddleware, allow_origins=settings.cors, allow_methods=["*"], allow_headers=["*"]),
        )
    app = Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={OnnxnnError: on_error, HTTPException: on_error},
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.onnxnn = state
    app.state.attached = [attach(state) for attach in attached]
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Warm the models up before the first request, look for changed files, and let the lanes end at last."""
    state: ServerState = app.state.onnxnn
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(state.access_log.close)
        stack.callback(_stop, state)
        for served in state.models.values():
            await served.start()
        watching = asyncio.ensure_future(_watch(state))
        stack.callback(watching.cancel)
        for each in app.state.attached:
            await stack.enter_async_context(each)
        yield {SETTINGS: state.settings}


def _stop(state: ServerState) -> None:
    """Let every lane end, also of the models that came later."""
    for served in state.models.values():
        served.stop()


async def serve_file(path: str, state: ServerState) -> Served:
    """Serve a file from now on, by its name; one that is served is opened again if it has changed.

    Args:
        path: The file.
        state: That of a server which runs.

    Raises:
        OnnxnnError: It cannot be opened.
    """
    loop = asyncio.get_running_loop()
    served = state.models.get(Path(path).stem)
    if served is not None:
        await served.reload()
        return served
    served = await loop.run_in_executor(None, Served, path, state.settings, state.metrics)
    await served.start()
    state.models[served.name] = served
    return served


async def _watch(state: ServerState) -> None:
    while state.settings.reload_interval:
        await asyncio.sleep(state.settings.reload_interval)
        for served in list(state.models.values()):
            try:
                await served.reload()
            except (
                Exception
            ) as error:  # of ONNX Runtime, or no memory: the old model stays, and is looked at again
                _log.error("%s: %s", served.name, type(error).__name__, exc_info=error)


async def _healthz(request: Request) -> JSONResponse:
    state: ServerState = request.app.state.onnxnn
    states = {name: served.state for name, served in state.models.items()}
    ready = all(each == "ready" for each in states.values())
    return JSONResponse({"ready": ready, "models": states}, 200 if ready else 503)


async def _metrics(request: Request) -> Response:
    state: ServerState = request.app.state.onnxnn
    return PlainTextResponse(state.metrics.text(), media_type=CONTENT_TYPE)
