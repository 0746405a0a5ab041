"""Inference requests of the Open Inference Protocol v2: JSON, and binary data after it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Mapping, Sequence

from starlette.requests import Request

from onnxnn_runtime.inputs.whole import only_input
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import printable, shortened

from .content import json_object
from .errors import BadRequest, TooLarge, UnsupportedMedia
from .settings import ServerSettings
from .tensors import DATATYPES, Tensor
from .threads import in_thread

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

__all__ = ["InferRequest", "Wanted", "read_infer_request", "takes_images"]

HEADER = "Inference-Header-Content-Length"
"""Bytes of JSON at the beginning of a body that holds binary data, too; 0 where it is binary data alone."""

_MOST_TENSORS = 1_000
"""Inputs of a request, and outputs."""


@dataclass(frozen=True)
class Wanted:
    """An output that a request asks for.

    Args:
        name: The output's name.
        binary: Whether it is returned as binary data rather than in JSON; None as for the whole request.
        classes: How many of the best classes are returned in place of the scores; 0 returns these.
    """

    name: str
    binary: bool | None = None
    classes: int = 0


@dataclass(frozen=True)
class InferRequest:
    """What a request asks for.

    Args:
        inputs: Each input once.
        outputs: Each output once; () stands for all.
        request_id: What the response repeats, or None.
        binary: Whether outputs are returned as binary data where they do not say otherwise.
        parameters: All of the request's.
        size: Bytes of its JSON.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Wanted] = ()
    request_id: str | None = None
    binary: bool = False
    parameters: Mapping[str, object] = field(default_factory=dict)
    size: int = 0


async def read_infer_request(request: Request, model: Model, settings: ServerSettings) -> InferRequest:
    """Return what a request asks for; whether the model can do it is not checked here.

    Args:
        request: The request.
        model: Says what a body of binary data alone is.
        settings: Limits.

    Raises:
        BadRequest: It is malformed.
        TooLarge: It is larger than allowed once it is decompressed.
        UnsupportedMedia: It is compressed in another way than gzip or deflate.
    """
    body = await request.body()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        body = await in_thread(None, lambda: _decompressed(body, encoding, settings.max_body_bytes))
    length = request.headers.get(HEADER)
    if length is None:
        length = str(len(body))
    if not (length.isascii() and length.isdigit() and len(length) < 20 and int(length) <= len(body)):
        raise BadRequest.coded(
            "E-SERVER-05",
            "{header}: expected the bytes of JSON in the body, 0..{most}, got {value}.",
            header=HEADER,
            most=len(body),
            value=shortened(length),
        )
    end = int(length)
    if not end and body:
        return _raw(body, model)
    return await in_thread(len(body), lambda: _asked(json_object(body[:end]), body[end:], end))


def _decompressed(body: bytes, encoding: str, most: int) -> bytes:
    if encoding not in ("gzip", "deflate"):
        raise UnsupportedMedia.coded(
            "E-SERVER-05",
            "Content-Encoding={value}: expected gzip or deflate.",
            value=shortened(encoding),
        )
    unpacking = zlib.decompressobj(47)  # the header says which of the two
    try:
        found = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise BadRequest.coded(
            "E-SERVER-05", "expected a body of the Content-Encoding {value}.", value=encoding
        ) from error
    if len(found) > most:
        raise TooLarge.coded(
            "E-SERVER-03",
            "expected a body of at most {most:.3g} MB, got a larger one. Send less.",
            most=most / 1e6,
        )
    if not unpacking.eof or unpacking.unused_data:
        raise BadRequest.coded(
            "E-SERVER-05", "expected a body of the Content-Encoding {value}.", value=encoding
        )
    return found


def takes_images(model: Model) -> bool:
    """Return whether a model prepares encoded images for its only input."""
    if model.card is None or model.card.input.kind != "image":
        return False
    return len(model.inputs) == 1 and not model.kind.sampling


def _raw(body: bytes, model: Model) -> InferRequest:
    """Return the request of a body of binary data alone: one image, or one sample of a fixed shape.

    Raises:
        BadRequest: The model takes several inputs, or its samples have no fixed shape.
    """
    name = only_input(model.name, list(model.inputs))
    if takes_images(model):
        data = len(body).to_bytes(4, "little") + body
        return InferRequest([Tensor(name, DATATYPES["string"], (1,), None, data)], binary=True)
    dtype, shape = model.inputs[name]
    sizes = [size if isinstance(size, int) else 0 for size in shape]
    if dtype == "string" or 0 in sizes[1:]:
        raise BadRequest.coded(
            "E-SERVER-05",
            "{name}: expected JSON before the binary data, since its shape is not fixed. Give it and the "
            "header {header}.",
            name=printable(name, 80),
            header=HEADER,
        )
    one = tuple(size or 1 for size in sizes)
    return InferRequest([Tensor(name, DATATYPES.get(dtype, dtype), one, None, body)], binary=True)


def _asked(found: Mapping[str, object], tail: bytes, size: int) -> InferRequest:
    request_id = found.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise BadRequest.coded("E-CALL-03", "id={value}: expected a text.", value=shortened(request_id))
    parameters = _parameters(found, "parameters")
    inputs = _inputs(_list(found, "inputs"), tail)
    outputs = [_wanted(each, f"outputs[{i}]") for i, each in enumerate(_list(found, "outputs"))]
    _check_once("inputs", [each.name for each in inputs])
    _check_once("outputs", [each.name for each in outputs])
    is_binary = _flag(parameters, "binary_data_output", "parameters")
    return InferRequest(inputs, outputs, request_id, bool(is_binary), parameters, size)


def _inputs(found: Sequence[object], tail: bytes) -> list[Tensor]:
    tensors: list[Tensor] = []
    place = 0
    for number, each in enumerate(found):
        where = f"inputs[{number}]"
        entry = _object(each, where)
        size = _size(_parameters(entry, where), where)
        if (size is None) == ("data" not in entry):
            raise BadRequest.coded(
                "E-CALL-02", "{where}: expected either data or the parameter binary_data_size.", where=where
            )
        end = place + (size or 0)
        if end > len(tail):
            raise _other_length(end, tail)
        data = None if size is None else tail[place:end]
        tensors.append(_tensor(entry, where, data))
        place = end
    if place != len(tail):
        raise _other_length(place, tail)
    return tensors


def _tensor(entry: Mapping[str, object], where: str, data: bytes | None) -> Tensor:
    shape = entry.get("shape")
    if not isinstance(shape, list):
        raise BadRequest.coded(
            "E-CALL-03",
            "{where}: expected {key} as a list, got {value}.",
            where=where,
            key="shape",
            value=shortened(shape),
        )
    name, datatype = _text(entry, "name", where), _text(entry, "datatype", where)
    if data is None:
        return Tensor(name, datatype, tuple(shape), entry["data"])
    return Tensor(name, datatype, tuple(shape), None, data)


def _other_length(expected: int, tail: bytes) -> BadRequest:
    return BadRequest.coded(
        "E-SERVER-05",
        "expected {expected} of binary data after the JSON, as binary_data_size of the inputs says, got "
        "{found}. The header {header} says where the JSON ends.",
        expected=ngettext("{count} byte", "{count} bytes", expected),
        found=len(tail),
        header=HEADER,
    )


def _size(parameters: Mapping[str, object], where: str) -> int | None:
    size = parameters.get("binary_data_size")
    if size is None or (type(size) is int and size >= 0):
        return size if isinstance(size, int) else None
    raise BadRequest.coded(
        "E-CALL-03",
        "{where}: expected {key} as an integer from 0, got {value}.",
        where=where,
        key="binary_data_size",
        value=shortened(size),
    )


def _wanted(found: object, where: str) -> Wanted:
    entry = _object(found, where)
    parameters = _parameters(entry, where)
    classes = parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise BadRequest.coded(
            "E-CALL-03",
            "{where}: expected {key} as an integer from 0, got {value}.",
            where=where,
            key="classification",
            value=shortened(classes),
        )
    return Wanted(_text(entry, "name", where), _flag(parameters, "binary_data", where), classes)


def _parameters(found: Mapping[str, object], where: str) -> Mapping[str, object]:
    parameters = _object(found.get("parameters", {}), where)
    if any(key.startswith("shared_memory_") for key in parameters):
        raise BadRequest.coded(
            "E-SERVER-05", "{where}: shared memory is not offered. Send the data.", where=where
        )
    return parameters


def _flag(parameters: Mapping[str, object], key: str, where: str) -> bool | None:
    value = parameters.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise BadRequest.coded(
        "E-CALL-03",
        "{where}: expected {key} as true or false, got {value}.",
        where=where,
        key=key,
        value=shortened(value),
    )


def _list(found: Mapping[str, object], key: str) -> list[object]:
    value = found.get(key, [])
    if not isinstance(value, list):
        raise BadRequest.coded(
            "E-CALL-03", "{key}={value}: expected a list.", key=key, value=shortened(value)
        )
    if len(value) > _MOST_TENSORS:
        raise TooLarge.coded(
            "E-SERVER-03",
            "{key}: expected at most {most}, got {count}.",
            key=key,
            most=_MOST_TENSORS,
            count=len(value),
        )
    return value


def _object(value: object, where: str) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    raise BadRequest.coded(
        "E-CALL-03", "{where}: expected an object, got {value}.", where=where, value=shortened(value)
    )


def _text(entry: Mapping[str, object], key: str, where: str) -> str:
    value = entry.get(key)
    if isinstance(value, str):
        return value
    raise BadRequest.coded(
        "E-CALL-03",
        "{where}: expected {key} as a text, got {value}.",
        where=where,
        key=key,
        value=shortened(value),
    )


def _check_once(key: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadRequest.coded(
                "E-CALL-02", "{key}: expected each once, got {name} twice.", key=key, name=shortened(name)
            )
