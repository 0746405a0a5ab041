"""What a server is started with."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from onnxnn_runtime.arrays.numbers import check_integer, is_number
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

__all__ = ["SETTINGS", "ServerSettings", "check_seconds", "is_loopback"]

SETTINGS = "onnxnn_settings"
"""The key of the lifespan's state under which connections find the `ServerSettings`."""

_LONGEST = 86_400.0
"""Seconds of the longest timeout: one day."""

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+")
"""What browsers send as `Origin`: https://www.rfc-editor.org/rfc/rfc6454#section-6.2"""

_SECONDS = ("request_timeout", "header_timeout", "drain_timeout")


@dataclass(frozen=True)
class ServerSettings:
    """How a server listens, what it accepts and how much of it.

    Args:
        host: The address to listen on; another one than this machine's own needs a token.
        port: The port; 0 takes a free one.
        token: What clients send as `Authorization: Bearer TOKEN`; None asks for none.
        allow_open: Listen on other addresses without a token, too.
        cors: Origins whose pages may call the server, "*" for all; () for none.
        queue: Requests to a model that may wait; one more is answered with 503.
        max_body_bytes: Bytes of the largest body of a request.
        max_pixels: Pixels of the largest image.
        max_connections: Connections that may be open; one more is answered with 503 and closed.
        max_items: Inputs of one request, images that it samples, and tokens of a text in hundreds.
        request_timeout: Seconds until a request is answered with 504, and in which a client must have read
            its response, or the next 64 KB of it.
        header_timeout: Seconds in which the headers of a request must be received.
        drain_timeout: Seconds that requests may still take when the server is stopped.
        workers: Processes that serve.
        gallery: The folder of the gallery that `/search` looks in.
        device: Where models run, as for `load`.
        threads: Processor cores that models may use; None takes all.
        low_memory: Whether memory counts more than time, as for `load`; one request runs at a time.
        reload_interval: Seconds between looks whether a file has changed; 0 never looks.
        access_log: Whether each request is logged, as a line of JSON on stdout.

    Raises:
        InputError: A value is out of range, or the address is open to others and there is no token.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allow_open: bool = False
    cors: tuple[str, ...] = ()
    queue: int = 64
    max_body_bytes: int = 32 * 2**20
    max_connections: int = 512
    max_pixels: int = 50_000_000
    max_items: int = 64
    request_timeout: float = 30.0
    header_timeout: float = 10.0
    drain_timeout: float = 30.0
    workers: int = 1
    gallery: str | None = None
    device: str = "auto"
    threads: int | None = None
    low_memory: bool = False
    reload_interval: float = 2.0
    access_log: bool = True

    def __post_init__(self) -> None:
        check_integer("port", self.port, lowest=0, highest=65_535)
        for name in ("queue", "max_body_bytes", "max_connections", "max_pixels", "max_items", "workers"):
            check_integer(name, getattr(self, name))
        for name in _SECONDS:
            check_seconds(name, getattr(self, name))
        for origin in self.cors:
            _check_origin(origin)
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise InputError.coded(
                "E-INPUT-06", "token: expected printable ASCII characters, got others. Choose another token."
            )
        if self.token is not None and not self.token.strip():
            raise InputError.coded(
                "E-INPUT-06", "token: expected characters, got none. Choose one, or leave it out."
            )
        if self.token is None and not self.allow_open and not is_loopback(self.host):
            raise InputError.coded(
                "E-INPUT-06",
                "host={host}: expected a token, since others can reach this address. Set ONNXNN_TOKEN or "
                "--token-file, or give --allow-open where everybody may use the server.",
                host=shortened(self.host),
            )


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_origin(origin: str) -> None:
    if origin != "*" and not _ORIGIN.fullmatch(origin):
        raise InputError.coded(
            "E-INPUT-06",
            "cors={origin}: expected an origin, such as https://a.org or http://192.168.1.2:8080, without a "
            "path, or '*' for all.",
            origin=shortened(origin),
        )


def check_seconds(name: str, value: object) -> None:
    """Refuse what is no number of seconds for a timeout.

    Raises:
        InputError: It is none; the message begins with `name`.
    """
    if not (is_number(value) and 0 < value <= _LONGEST):
        raise InputError.coded(
            "E-INPUT-06",
            "{name}={value}: expected seconds, a number above 0 and at most {most:g}.",
            name=name,
            value=shortened(value),
            most=_LONGEST,
        )
