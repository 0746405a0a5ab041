"""What a request asks for, in whichever way it is written: multipart, JSON, or one image as the body."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Collection, Mapping, Sequence
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from onnxnn_runtime.arrays.numbers import check_integer
from onnxnn_runtime.errors import name_hint
from onnxnn_runtime.messages.shorten import shortened

from .content import json_object
from .errors import BadRequest, TooLarge, UnsupportedMedia
from .settings import ServerSettings
from .threads import in_thread

__all__ = ["Asked", "read"]

_LONGEST_VALUE = 100
"""Characters of a field that may be a number, or true or false."""

_MOST_FIELDS = 32
"""Fields of a form that are no files."""

_MOST_ESCAPES = 200_000
"""Characters of a form that are written as %41; all are read at once."""

_COST_OF_FORMS = 10
"""How much longer a byte of a form with %41 takes than one of JSON."""

# What it has to say of a malformed form is in the answer.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Asked:
    """What a request asks for.

    Args:
        inputs: Bytes of uploaded files, or values of the JSON's `inputs` or `input`.
        options: Everything else by name; texts, but for JSON.
        files: Uploaded files that are options, such as `mask`.
        size: Bytes of the body.
    """

    inputs: Sequence[object]
    options: Mapping[str, object]
    files: Mapping[str, bytes]
    size: int = 0

    @property
    def model(self) -> object:
        """The name of the model, or None."""
        return self.options.get("model")

    def check_options(self, known: Collection[str]) -> None:
        """Refuse options that a call does not have.

        Raises:
            BadRequest: There is one; the message names it.
        """
        for name in (*self.options, *self.files):
            if name != "model" and name not in known:
                raise BadRequest.coded(
                    "E-CALL-01",
                    "{name}: unknown option{hint} Options: {known}.",
                    name=shortened(name),
                    hint=name_hint(name, known),
                    known=", ".join(["model", *known]),
                )

    def value(self, name: str) -> object:
        """Return an option; of a text that is a number or true or false of JSON that value."""
        value = self.options.get(name)
        if not isinstance(value, _Text):
            return value
        if len(value) > _LONGEST_VALUE:
            return str(value)
        try:
            found: object = json.loads(value)
        except (ValueError, RecursionError):
            return str(value)
        return found if isinstance(found, (bool, int, float)) else str(value)

    def flag(self, name: str) -> bool:
        """Return an option that is true or false; False where it is not there.

        Raises:
            BadRequest: It is something else.
        """
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise BadRequest.coded(
                "E-INPUT-06",
                "{name}={value}: expected true or false.",
                name=name,
                value=shortened(value),
            )
        return bool(value)

    def integer(self, name: str, most: int) -> int | None:
        """Return an option that is an integer from 1 to `most`, or None where it is not there.

        Raises:
            InputError: It is none.
            TooLarge: It is more than the server allows.
        """
        value = self.value(name)
        if value is None:
            return None
        check_integer(name, value)
        if isinstance(value, int) and value <= most:
            return value
        raise TooLarge.coded(
            "E-SERVER-03",
            "{name}={value}: expected at most {most}, which this server allows.",
            name=name,
            value=shortened(value),
            most=most,
        )


class _Parser(MultiPartParser):
    """Keeps uploaded files in memory: the limit of the body is one for them, too."""

    spool_max_size = 2**40


class _Text(str):
    """An option of a form or an address, which has no types."""


async def read(request: Request, settings: ServerSettings, files: Collection[str] = ()) -> Asked:
    """Return what a request asks for.

    Args:
        request: A POST. Options may stand in its address, too.
        settings: How many inputs there may be.
        files: The names of uploaded files that are options; all others are inputs.

    Raises:
        BadRequest: The body is malformed.
        TooLarge: There are too many inputs.
        UnsupportedMedia: The body is of another type.
    """
    options: dict[str, object] = {name: _Text(value) for name, value in request.query_params.items()}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        inputs, fields, uploaded = await _form(request, settings, files)
        size = sum(len(each) for each in (*inputs, *fields.values()) if isinstance(each, (str, bytes)))
        asked = Asked(inputs, {**options, **fields}, uploaded, size)
    elif kind == "application/x-www-form-urlencoded":
        body = await request.body()
        inputs, fields = await in_thread(_COST_OF_FORMS * len(body), lambda: _pairs(body))
        asked = Asked(inputs, {**options, **fields}, {}, len(body))
    elif kind.startswith("image/") or kind == "application/octet-stream":
        asked = Asked([await request.body()], options, {})
    elif kind in ("application/json", ""):
        body = await request.body()
        found = await in_thread(len(body), lambda: json_object(body) if body else {})
        asked = _of_json(found, options, len(body))
    else:
        raise UnsupportedMedia.coded(
            "E-SERVER-05",
            "Content-Type={kind}: expected a form, application/json, or an image/jpeg or other image alone.",
            kind=shortened(kind),
        )
    if len(asked.inputs) > settings.max_items:
        raise TooLarge.coded(
            "E-SERVER-03",
            "inputs: expected at most {most}, got {count}. Send them in several requests.",
            most=settings.max_items,
            count=len(asked.inputs),
        )
    return asked


def _of_json(found: Mapping[str, object], options: Mapping[str, object], size: int) -> Asked:
    both = {**options, **found}
    if "inputs" in both and "input" in both:
        raise BadRequest.coded("E-CALL-02", "inputs: given together with input. Leave one out.")
    inputs = both.pop("inputs", None)
    if inputs is None:
        inputs = [both.pop("input")] if "input" in both else []
    if not isinstance(inputs, list):
        raise BadRequest.coded(
            "E-CALL-03",
            "inputs={value}: expected a list. For a single one give input.",
            value=shortened(inputs),
        )
    return Asked(inputs, both, {}, size)


def _pairs(body: bytes) -> tuple[list[object], dict[str, object]]:
    inputs: list[object] = []
    fields: dict[str, object] = {}
    if body.count(b"%") > _MOST_ESCAPES:
        raise TooLarge.coded(
            "E-SERVER-03",
            "expected a form with at most {most:,} characters as %41, got more. Send it as "
            "multipart/form-data.",
            most=_MOST_ESCAPES,
        )
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise BadRequest.coded(
            "E-SERVER-05", "expected a form of at most {most} fields in UTF-8.", most=_MOST_FIELDS
        ) from error
    for name, value in pairs:
        _put(name, value, inputs, fields)
    return inputs, fields


async def _form(
    request: Request, settings: ServerSettings, names: Collection[str]
) -> tuple[list[object], dict[str, object], dict[str, bytes]]:
    inputs: list[object] = []
    fields: dict[str, object] = {}
    files: dict[str, bytes] = {}
    _, parameters = parse_options_header(request.headers["content-type"])
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() != "utf-8":  # codecs of Python take minutes for some texts, and raise other errors
        raise UnsupportedMedia.coded(
            "E-SERVER-05", "charset={charset}: expected a form in UTF-8.", charset=shortened(charset)
        )
    parser = _Parser(
        request.headers,
        request.stream(),
        max_files=settings.max_items + len(names),
        max_fields=_MOST_FIELDS,
        max_part_size=2**20,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadRequest.coded(
            "E-SERVER-05", "expected a form of multipart/form-data ({reason}).", reason=error.message
        ) from error
    try:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                _put(name, value, inputs, fields)
            elif name in names:
                files[name] = await value.read()
            else:
                inputs.append(await value.read())
    finally:
        await form.close()
    return inputs, fields, files


def _put(name: str, value: str, inputs: list[object], fields: dict[str, object]) -> None:
    """Put a field that is text where it belongs: to the inputs, or to the options."""
    if name in ("input", "inputs"):
        inputs.append(_Text(value))
    else:
        fields[name] = _Text(value)
