"""Addresses of galleries in engines: which engine, where, and under which name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.files.access import as_path, check_name
from onnxnn_runtime.messages.shorten import printable, shortened

TABLE = "gallery"
"""The table or collection where an address names none."""

_SCHEMES = ("lancedb://", "qdrant://", "qdrant+http://", "qdrant+file://")

_PORT = 6333


class Address(NamedTuple):
    """Where a gallery is in an engine.

    Args:
        text: The address as it was given; it holds no secret.
        engine: "lancedb" or "qdrant".
        place: A path, or a URL.
        table: The table or collection.
        is_file: Whether `place` is a folder of this machine.
    """

    text: str
    engine: str
    place: str
    table: str
    is_file: bool


def is_address(path: object) -> bool:
    """Return whether a path is the address of an engine, or would be one of an unknown engine."""
    return isinstance(path, str) and re.match(r"[a-z][a-z0-9+.-]+://", path) is not None


def as_folder(path: object, error: type[OnnxnnError]) -> Path:
    """Return the path of a gallery that is to be written, or raise `error`; an address is refused."""
    if is_address(path):
        raise InputError.coded(
            "E-INPUT-06",
            "path={path}: expected a folder, got the address of an engine. Build the gallery in a folder, "
            "and write it there with push().",
            path=shortened(path),
        )
    folder = as_path(path, "path", error)
    check_name(folder, error)
    return folder


def parsed(text: str) -> Address:
    """Return the parts of an address.

    Raises:
        InputError: It is none, or has a user name, password or key in it.
    """
    scheme = next((each for each in _SCHEMES if isinstance(text, str) and text.startswith(each)), None)
    if scheme is None:
        raise InputError.coded(
            "E-INPUT-06",
            "{address}: expected lancedb://PATH, qdrant://HOST, qdrant+http://HOST or qdrant+file://PATH, "
            "each with #NAME for another table than {table}.",
            address=shortened(text),
            table=repr(TABLE),
        )
    rest, _, table = text[len(scheme) :].partition("#")
    if scheme in ("lancedb://", "qdrant+file://"):
        is_file = "://" not in rest
        return (
            Address(
                text,
                scheme[: -len("://")].partition("+")[0],
                os.path.expanduser(rest) if is_file else rest,
                _checked_table(text, table),
                is_file,
            )
            if rest
            else _no_place(text, scheme)
        )
    return _host(text, scheme, table)


def _host(text: str, scheme: str, table: str) -> Address:
    """Return the address of a Qdrant server: by https, but on this machine or where http is asked for."""
    try:
        parts = urlsplit("//" + text[len(scheme) :].partition("#")[0])
    except ValueError:
        parts = urlsplit("//@" if "@" in text else "//")  # no address: what is refused below, unrepeated
    if "@" in parts.netloc or parts.query:
        raise InputError.coded(
            "E-INPUT-06",
            "{scheme}...: expected an address without user name, password or key. Put the key into the "
            "environment as QDRANT_API_KEY.",
            scheme=scheme,
        )
    try:
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, 0
    if not host:
        return _no_place(text, scheme)
    path = parts.path.strip("/")
    if path and table:
        return _no_place(text, scheme)
    plain = scheme == "qdrant+http://" or is_loopback(host)
    shown = f"[{host}]" if ":" in host else host
    url = f"{'http' if plain else 'https'}://{shown}:{port}"
    return Address(text, "qdrant", url, _checked_table(text, table or path), False)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None


def _checked_table(text: str, table: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", table or TABLE) or (table or TABLE).strip(".") == "":
        raise InputError.coded(
            "E-INPUT-06",
            "{address}: expected a table name of letters, digits, '_', '-' and '.', got {table}.",
            address=printable(text),
            table=shortened(table),
        )
    return table or TABLE


def _no_place(text: str, scheme: str) -> Address:
    raise InputError.coded(
        "E-INPUT-06",
        "{address}: expected {scheme} and a host or path, with a table name at most once.",
        address=printable(text),
        scheme=scheme,
    )
