"""HTTP connections of uvicorn, with a deadline for the headers of each request, which uvicorn lacks."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .settings import HEADER_TIMEOUT

__all__ = ["DeadlineProtocol"]

_Protocol: Any = AutoHTTPProtocol  # that of httptools where it is installed, else that of h11

_MOST_BYTES = 512 * 1024
"""Bytes that may have been received before the headers of a request are complete."""

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class DeadlineProtocol(_Protocol):  # type: ignore[misc]
    """Closes a connection on which no request is complete enough to be answered within some seconds.

    The same holds for what is left of a body after its request was answered, e.g. with 413. While a request
    is being answered, the limits of the application hold. Headers that take more than `_MOST_BYTES` close
    the connection, too.
    """

    _timer: asyncio.TimerHandle | None = None
    _bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first headers."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request; begin or cease to wait for the rest of its headers."""
        super().data_received(data)
        self._watch()
        in_headers = self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)
        self._bytes = self._bytes + len(data) if in_headers else 0
        if self._bytes > _MOST_BYTES:
            self._close(_TOO_LARGE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cease to wait."""
        super().connection_lost(exc)
        self._unwatch()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.app_state[HEADER_TIMEOUT], self._give_up)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self._close(_TOO_SLOW)

    def _close(self, response: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(response)
            self.transport.close()
