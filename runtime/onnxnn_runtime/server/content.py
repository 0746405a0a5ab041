"""Bodies of requests and responses: JSON, and binary content inside it."""

from __future__ import annotations

import base64
import binascii
import math
import re

import numpy as np
from starlette.responses import Response

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from . import json_text
from .errors import BadRequest, TooLarge

MOST_VALUES = 1_000_000
"""Values in a JSON text: each becomes an object of Python, which takes up to a hundred bytes."""

_MOST_KEYS = 100_000
"""Objects in a JSON text, and keys of all of them: both are read one by one."""

_MOST_LISTS = 300_000
"""Lists in a JSON text."""

_PIECE = 2**18
"""Characters of base64 that are decoded at once, so that others need not wait; four are three bytes."""

_DATA_URI = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,")


def json_object(body: bytes) -> dict[str, object]:
    """Return the object that a JSON text holds.

    Raises:
        BadRequest: It is no JSON, or no object.
        TooLarge: It holds more than `MOST_VALUES` values, or too many objects, keys or lists.
    """
    if max(body.count(b":"), body.count(b"{")) > _MOST_KEYS or body.count(b"[") > _MOST_LISTS:
        raise TooLarge.coded(
            "E-SERVER-03",
            "expected JSON with at most {keys:,} keys of objects and {lists:,} lists, got more. Send "
            "numbers as binary content.",
            keys=_MOST_KEYS,
            lists=_MOST_LISTS,
        )
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise TooLarge.coded(
            "E-SERVER-03",
            "expected JSON with at most {most:,} values, got more. Send numbers as binary content.",
            most=MOST_VALUES,
        )
    try:
        found = json_text.loads(body.decode("utf-8"), _refuse)
    except (ValueError, RecursionError) as error:
        raise BadRequest.coded(
            "E-SERVER-05", "expected a JSON object as the body ({reason}).", reason=shortened(str(error), 120)
        ) from error
    if not isinstance(found, dict):
        raise BadRequest.coded(
            "E-SERVER-05", "expected a JSON object as the body, got {found}.", found=type(found).__name__
        )
    return found


def _refuse(constant: str) -> None:
    raise ValueError(gettext("{constant} is no number of JSON", constant=constant))


def binary(text: str, name: str) -> bytes:
    """Return the content of base64 or of a data URI (RFC 2397).

    Args:
        text: The base64, with or without "data:image/jpeg;base64," before it.
        name: What errors call it.

    Raises:
        BadRequest: It is neither; an address (URL) is never opened.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise BadRequest.coded(
            "E-SERVER-05",
            "{name}: expected an image as base64 or as a data URI, got an address, which is never opened. "
            "Send the content of the file.",
            name=name,
        )
    start = _DATA_URI.match(text)
    try:
        return _decoded(text, start.end() if start else 0)
    except (binascii.Error, ValueError) as error:
        raise BadRequest.coded(
            "E-SERVER-05",
            "{name}: expected an image as base64 or as a data URI, got {text}.",
            name=name,
            text=shortened(text, 40),
        ) from error


def _decoded(text: str, start: int) -> bytes:
    """Return the content of strict base64 that begins at some character."""
    if len(text) - start <= _PIECE:
        return base64.b64decode(text[start:], validate=True)
    found = bytearray()
    for place in range(start, len(text), _PIECE):
        piece = text[place : place + _PIECE]
        if "=" in piece and place + _PIECE < len(text):
            raise ValueError(gettext("its end is followed by more"))
        found += base64.b64decode(piece, validate=True)
    return bytes(found)


def as_json(data: object, status: int = 200) -> Response:
    """Return a response of JSON; numbers that JSON does not have, NaN and infinite ones, become null.

    An array of one axis is a list.
    """
    try:
        text = "".join(json_text.pieces(data))
    except ValueError:
        text = "".join(json_text.pieces(_finite(data)))
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")


def _finite(data: object) -> object:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, np.ndarray):
        return _finite(data.tolist())
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
