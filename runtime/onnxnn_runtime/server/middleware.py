"""What every request passes: its id, the token, limits of its body, counters and the log."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import sys
import time
import uuid
from typing import TYPE_CHECKING, Mapping

from starlette.datastructures import Headers, MutableHeaders

from onnxnn_runtime.messages.catalogue import gettext

from .errors import BadRequest, TimeLimit, TooLarge, Unauthorized, answer
from .state import ServerState

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["OPEN_PATHS", "Guard"]

OPEN_PATHS = ("/healthz", "/v2/health/live", "/v2/health/ready")
"""Paths that answer without the token, for whoever watches whether the server lives."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Guard:
    """The outermost part of the application.

    Args:
        app: What answers.
        state: Its settings say what is allowed, its metrics count.
        routes: The path of each endpoint, for metrics.
    """

    def __init__(self, app: ASGIApp, state: ServerState, routes: Mapping[object, str]) -> None:
        self._app = app
        self._state = state
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = _id_of(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            self._check_token(scope["path"], headers)
            await self._app(scope, self._limited(receive, headers), sending)
        except Exception as error:
            if status:
                raise  # the response is half sent
            await answer(error, scope["path"], self._state.hidden)(scope, receive, sending)
        finally:
            self._count(scope, status, time.perf_counter() - begun, request_id)

    def _check_token(self, path: str, headers: Headers) -> None:
        token = self._state.settings.token
        if token is None or path in OPEN_PATHS:
            return
        given = headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("latin-1"), b"Bearer " + token.encode("ascii")):
            raise Unauthorized.coded(
                "E-SERVER-02",
                "expected the header 'Authorization: Bearer TOKEN' with the token of this server, got {got}.",
                got=gettext("another one") if given else gettext("none"),
            )

    def _limited(self, receive: Receive, headers: Headers) -> Receive:
        """Return a function that receives a body up to its limits of bytes and seconds."""
        settings, loop = self._state.settings, asyncio.get_running_loop()
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise BadRequest.coded(
                "E-SERVER-05", "Content-Length: expected an integer, got {got!r}.", got=length[:20]
            )
        if int(length) > settings.max_body_bytes:
            raise _too_large(settings.max_body_bytes)
        received, complete = 0, False
        deadline = loop.time() + settings.request_timeout

        async def receiving() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()  # waits for the client to leave
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - loop.time()))
            except asyncio.TimeoutError:
                raise TimeLimit.coded(
                    "E-SERVER-04",
                    "expected the whole body within {seconds:g} s, got {count} bytes of it.",
                    seconds=settings.request_timeout,
                    count=received,
                ) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > settings.max_body_bytes:
                raise _too_large(settings.max_body_bytes)
            return message

        return receiving

    def _count(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = self._routes.get(scope.get("endpoint"), "")
        self._state.metrics.request(scope["method"] if route else "", route, status, seconds)
        if self._state.settings.access_log:
            client: tuple[str, int] | None = scope.get("client")
            line = {
                "time": round(time.time(), 3),
                "id": request_id,
                "client": client[0] if client else None,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(seconds * 1000, 2),
            }
            print(json.dumps(line), file=sys.stdout, flush=True)


def _id_of(headers: Headers) -> str:
    """Return the id that the client gave a request, or a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _too_large(most: int) -> TooLarge:
    return TooLarge.coded(
        "E-SERVER-03",
        "expected a body of at most {most:.3g} MB, got a larger one. Send less.",
        most=most / 1e6,
    )
