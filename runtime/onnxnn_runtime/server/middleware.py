"""What every request passes: its id, the token, limits of its body, counters and the log."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
import uuid
from typing import TYPE_CHECKING, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect

from onnxnn_runtime.messages.catalogue import gettext, speaking

from .errors import BadRequest, Overloaded, TimeLimit, TooLarge, Unauthorized, answer
from .languages import language_of
from .origins import check_origin
from .settings import ServerSettings
from .state import ServerState

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["OPEN_PATHS", "Guard"]

OPEN_PATHS = ("/healthz", "/v2/health/live", "/v2/health/ready", "/", "/docs", "/openapi.json")
"""Paths that answer without the token: for whoever watches whether the server lives, and the pages, which ask
for the token."""

OPEN_FOLDER = "/static/"
"""What the pages consist of answers without the token, too."""

_BODIES = 8
"""Bodies of the largest size that may be in memory at once; or many small ones."""

_GONE = 499
"""What is logged and counted where the client left before it was answered, as nginx does."""

_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
"""What is counted by its name; clients may make up others."""

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
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, in the language that it asks for."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with speaking(language_of(Headers(scope=scope).get("accept-language", ""))):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
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

        body = _Body(self._state.settings, receive)
        try:
            check_origin(headers, self._state.settings)
            self._check_token(scope["path"], headers)
            if scope["method"] == "POST":
                self._state.check_free()
            body.check_length(headers.get("content-length", "0"))
            await self._app(scope, lambda: self._receive(body), sending)
        except ClientDisconnect:
            status = _GONE
        except Exception as error:
            if status:
                raise  # the response is half sent
            await answer(error, scope["path"], self._state.hidden)(scope, receive, sending)
        finally:
            self._held -= body.received
            self._count(scope, status, time.perf_counter() - begun, request_id)

    async def _receive(self, body: _Body) -> Message:
        """Return the next piece of a body.

        Raises:
            Overloaded: All bodies together take more memory than they may, or no model can take a request
                any longer.
        """
        before = body.received
        try:
            message = await body.receive()
        finally:
            self._held += body.received - before
        if self._held > _BODIES * self._state.settings.max_body_bytes:
            raise Overloaded.coded(
                "E-SERVER-04", "other requests take all memory for bodies. Try again in a second."
            )
        if body.received > before:
            self._state.check_free()  # before what has come is worked on
        return message

    def _check_token(self, path: str, headers: Headers) -> None:
        token = self._state.settings.token
        if token is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return
        given = headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("latin-1"), b"Bearer " + token.encode("ascii")):
            raise Unauthorized.coded(
                "E-SERVER-02",
                "expected the header 'Authorization: Bearer TOKEN' with the token of this server, got {got}.",
                got=gettext("another one") if given else gettext("none"),
            )

    def _count(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = self._routes.get(scope.get("endpoint"), "")
        method = scope["method"] if route and scope["method"] in _METHODS else ""
        self._state.metrics.request(method, route, status, seconds)
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
            self._state.access_log.write(line)


class _Body:
    """The body of one request, up to its limits of bytes and seconds.

    Args:
        settings: The limits.
        receive: What brings the pieces.
    """

    def __init__(self, settings: ServerSettings, receive: Receive) -> None:
        self.received = 0
        self._settings = settings
        self._receive = receive
        self._complete = False
        self._deadline = time.monotonic() + settings.request_timeout

    def check_length(self, length: str) -> None:
        """Refuse a body by what its header says.

        Raises:
            BadRequest: That is no length.
            TooLarge: It is too long.
        """
        if not (length.isascii() and length.isdecimal()):
            raise BadRequest.coded(
                "E-SERVER-05", "Content-Length: expected an integer, got {got!r}.", got=length[:20]
            )
        if len(length) > 18 or int(length) > self._settings.max_body_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        """Return the next piece.

        Raises:
            TimeLimit: It has not come in time.
            TooLarge: All are too long together.
        """
        if self._complete:
            return await self._receive()  # waits for the client to leave
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._deadline - time.monotonic()))
        except asyncio.TimeoutError:
            raise TimeLimit.coded(
                "E-SERVER-04",
                "expected the whole body within {seconds:g} s, got a part of it."
                " Send a smaller file, or over a faster connection.",
                seconds=self._settings.request_timeout,
            ) from None
        self.received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self.received > self._settings.max_body_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> TooLarge:
        most = self._settings.max_body_bytes / 1e6
        return TooLarge.coded(
            "E-SERVER-03", "expected a body of at most {most:.3g} MB, got a larger one. Send less.", most=most
        )


def _id_of(headers: Headers) -> str:
    """Return the id that the client gave a request, or a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
