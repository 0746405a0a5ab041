"""Errors of requests: each has an HTTP status, and a body in the shape that the client of its path knows."""

from __future__ import annotations

import contextlib
import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Iterator, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from onnxnn_runtime.errors import (
    CallError,
    CardError,
    InputError,
    MissingInputError,
    OnnxnnError,
    OutOfMemoryError,
    OutputError,
)
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable

if TYPE_CHECKING:
    from .state import ServerState

__all__ = [
    "BadRequest",
    "Conflict",
    "Forbidden",
    "Overloaded",
    "RequestError",
    "TimeLimit",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "UnknownModel",
    "UnsupportedMedia",
    "about",
    "answer",
    "body_of",
    "on_error",
    "status_of",
]

_log = logging.getLogger("onnxnn.server")


class RequestError(InputError):
    """A request that cannot be answered as it was meant; `status` is that of HTTP."""

    status = 400
    retry_after: int | None = None
    """Seconds after which the client may try again."""


class BadRequest(RequestError):
    """The request is malformed."""


class Unauthorized(RequestError):
    """The token is missing or wrong."""

    status = 401


class Forbidden(RequestError):
    """The request comes from a page that may not call the server."""

    status = 403


class UnknownModel(RequestError):
    """No model of this name is served."""

    status = 404


class Conflict(RequestError):
    """What was asked for does not go together with how things are now."""

    status = 409


class TooLarge(RequestError):
    """The body, an image, or the number of inputs is above its limit."""

    status = 413


class UnsupportedMedia(RequestError):
    """The content is of a type that is not read here."""

    status = 415


class Overloaded(RequestError):
    """Too many requests wait already."""

    status = 503
    retry_after = 1


class Unavailable(RequestError):
    """What was asked for is not there at the moment."""

    status = 503


class TimeLimit(RequestError):
    """The request took too long."""

    status = 504


@contextlib.contextmanager
def about(name: str) -> Iterator[None]:
    """Let the errors inside say which option of a request they are about, unless they do already.

    Args:
        name: The option, which OpenAI's clients find as `param`.
    """
    try:
        yield
    except OnnxnnError as error:
        if not hasattr(error, "param") and status_of(error) < 500:
            vars(error)["param"] = printable(name, 80)
        raise


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error; 500 of what is no mistake of the client."""
    if isinstance(error, (RequestError, HTTPException)):
        return error.status if isinstance(error, RequestError) else error.status_code
    if isinstance(error, OutOfMemoryError):
        return 503
    if isinstance(error, OutputError):
        return 507  # insufficient storage: RFC 4918, 11.5
    if isinstance(error, MissingInputError):
        return 500  # no request names a file
    return 400 if isinstance(error, (InputError, CardError, CallError)) else 500


def answer(error: Exception, path: str, hidden: Mapping[str, str] = MappingProxyType({})) -> JSONResponse:
    """Return the response to a request that failed.

    Args:
        error: What was raised. What is no mistake of the client is logged, and the client learns no more
            than that there was one.
        path: The path of the request, which decides the shape of the body.
        hidden: What stands in messages in place of paths of this machine.
    """
    status = status_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException):
        headers.update(error.headers or {})
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    retry_after = getattr(error, "retry_after", None) or (1 if status == 503 else None)
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    if status == 500:
        _log.error("%s: %s", path, type(error).__name__, exc_info=error)
        code, message = "", gettext("The server failed on this request; its log says why.")
    elif isinstance(error, OnnxnnError):
        code, message = error.code, error.text
    else:
        code, message = "", _of_starlette(error)
    for file, name in hidden.items():
        message = message.replace(file, name)
    return JSONResponse(body_of(path, status, code, message, getattr(error, "param", None)), status, headers)


def _of_starlette(error: Exception) -> str:
    """Return the message of an error that Starlette found, which has none of ours."""
    if status_of(error) == 404:
        return gettext("The server has no such path. /docs lists all of them.")
    methods = (getattr(error, "headers", None) or {}).get("Allow")
    if methods:
        return gettext("The path takes another method: {methods}. /docs lists all calls.", methods=methods)
    return str(getattr(error, "detail", ""))


def body_of(path: str, status: int, code: str, message: str, param: str | None) -> Mapping[str, Any]:
    """Return the body of an error as the client of a path reads it.

    Args:
        path: Below `/v2` that of the Open Inference Protocol, below `/v1` OpenAI's, else our own.
        status: The HTTP status.
        code: The code of the kind of error, or "".
        message: What is wrong, and what to do.
        param: The option that it is about, or None.
    """
    if path == "/v2" or path.startswith("/v2/"):
        return {"error": f"{message} [{code}]" if code else message}
    if path == "/v1" or path.startswith("/v1/"):
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": param, "code": code or None}}
    return {"error": {"code": code or None, "message": message}}


async def on_error(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that failed; Starlette calls it."""
    state: ServerState = request.app.state.onnxnn
    return answer(error, request.url.path, state.hidden)
