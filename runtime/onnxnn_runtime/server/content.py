"""Bodies of requests and responses: JSON, and binary content inside it."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re

from starlette.responses import Response

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from .errors import BadRequest, TooLarge

MOST_VALUES = 2_000_000
"""Values in a JSON text: each becomes an object of Python, which takes up to a hundred bytes."""

_DATA_URI = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,")


def json_object(body: bytes) -> dict[str, object]:
    """Return the object that a JSON text holds.

    Raises:
        BadRequest: It is no JSON, or no object.
        TooLarge: It holds more than `MOST_VALUES` values.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise TooLarge.coded(
            "E-SERVER-03",
            "expected JSON with at most {most:,} values, got more. Send numbers as binary content.",
            most=MOST_VALUES,
        )
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse)
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
        return base64.b64decode(text[start.end() :] if start else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest.coded(
            "E-SERVER-05",
            "{name}: expected an image as base64 or as a data URI, got {text}.",
            name=name,
            text=shortened(text, 40),
        ) from error


def as_json(data: object, status: int = 200) -> Response:
    """Return a response of JSON; numbers that JSON does not have, NaN and infinite ones, become null."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")


def _finite(data: object) -> object:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
