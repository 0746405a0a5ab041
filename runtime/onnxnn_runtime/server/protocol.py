"""HTTP connections of uvicorn, with limits that it lacks: of slow senders, slow readers, their number."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .settings import SETTINGS, ServerSettings

__all__ = ["DeadlineProtocol"]

_Protocol: Any = AutoHTTPProtocol  # that of httptools where it is installed, else that of h11

_MOST_BYTES = 512 * 1024
"""Bytes that may have been received before the headers of a request are complete."""

_LEAST_BYTES = 64 * 1024
"""Bytes of a response that a client must take between two looks, or all that are left."""

_REFUSED = 64
"""Connections above the limit that are answered with 503 at once; further ones are closed unanswered."""

_EMPTY = b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout" + _EMPTY

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large" + _EMPTY

_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1" + _EMPTY


class _Transport:
    """What uvicorn writes to. Of a connection that has ended it takes nothing, where uvloop's raises errors.

    Args:
        transport: The loop's.

    Attributes:
        written: Bytes that were sent, or wait to be.
    """

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self.written = 0
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # the loop's is one
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        if not self.is_closing():
            self.written += len(data)
            self._transport.write(data)


class DeadlineProtocol(_Protocol):  # type: ignore[misc]
    """Closes a connection on which no request is complete enough to be answered within some seconds.

    The same holds for what is left of a body after its request was answered, e.g. with 413, and where that is
    more than the largest body. While a request is being answered, the limits of the application hold.
    Headers that take more than `_MOST_BYTES` close the connection, and so does a client that does not read
    its response. Connections above `max_connections` are answered with 503.
    """

    _timer: asyncio.TimerHandle | None = None
    _pace: asyncio.TimerHandle | None = None
    _due = 0
    _bytes = 0
    _left = 0
    _is_extra = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first headers."""
        super().connection_made(_Transport(transport))
        most = self._settings.max_connections
        self._is_extra = len(self.connections) > most
        if len(self.connections) > most + _REFUSED:
            self.transport.abort()
            return
        self._limit_kernel()
        self._watch()
        self._look_later()

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request; begin or cease to wait for the rest of its headers."""
        if self.transport.is_closing():
            return  # an answer is being sent that ends the connection
        if self._is_extra:
            self._close(_TOO_MANY)
            return
        super().data_received(data)
        self._watch()
        is_answered = self.cycle is not None and self.cycle.response_complete
        in_headers = self.cycle is None or (is_answered and not self.cycle.more_body)
        self._bytes = self._bytes + len(data) if in_headers else 0
        self._left = self._left + len(data) if is_answered and not in_headers else 0
        if self._bytes > _MOST_BYTES:
            self._close(_TOO_LARGE)
        elif self._left > self._settings.max_body_bytes:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cease to wait."""
        super().connection_lost(exc)
        self._unwatch()
        if self._pace is not None:
            self._pace.cancel()

    @property
    def _settings(self) -> ServerSettings:
        settings: ServerSettings = self.app_state[SETTINGS]
        return settings

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._timer is None:
            self._timer = self.loop.call_later(self._settings.header_timeout, self._give_up)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self._close(_TOO_MANY if self._is_extra else _TOO_SLOW)

    def _limit_kernel(self) -> None:
        """Let Linux keep little of what a client does not read, no longer than a request may take."""
        milliseconds = max(1, round(self._settings.request_timeout * 1000))
        connection = self.transport.get_extra_info("socket")
        for name, value in (("TCP_USER_TIMEOUT", milliseconds), ("TCP_NOTSENT_LOWAT", _LEAST_BYTES)):
            if hasattr(socket, name):
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def _look_later(self) -> None:
        self._pace = self.loop.call_later(self._settings.request_timeout, self._look)

    def _look(self) -> None:
        """End the connection where the client has taken too little of its response since the last look."""
        written = self.transport.written
        taken = written - self.transport.get_write_buffer_size()
        if taken < self._due:
            self.transport.abort()
            return
        self._due = min(written, taken + _LEAST_BYTES)
        self._look_later()

    def _close(self, response: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(response)
            self.transport.close()
