"""Starting the server: `serve`."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Sequence

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext

from .settings import ServerSettings

if TYPE_CHECKING:
    import socket

__all__ = ["serve"]


def serve(paths: Sequence[str], settings: ServerSettings) -> None:
    """Serve model files until the process is stopped (SIGTERM, Ctrl-C); then finish what has begun.

    Args:
        paths: The `.onnx` files.
        settings: Address, token, limits.

    Raises:
        InputError: A package is missing, a file cannot be opened, or the address is in use.
    """
    try:
        import python_multipart  # noqa: F401
        import uvicorn

        from .app import create_app
    except ImportError as error:
        raise InputError.coded(
            "E-PACKAGE-01",
            "the server needs Starlette, uvicorn and python-multipart ({error}). Install them: pip install "
            '"onnxnn-runtime[serve]"',
            error=error,
        ) from error

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if sockets:
                print(gettext("Serving at {address}", address=address(sockets[0].getsockname())), flush=True)

    config = uvicorn.Config(
        create_app(paths, settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_timeout),
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises the signal again when it is done
    Server(config).run(sockets=[config.bind_socket()])


def address(name: Sequence[object]) -> str:
    """Return the address of a socket as browsers take it."""
    host = f"[{name[0]}]" if ":" in str(name[0]) else name[0]
    return f"http://{host}:{name[1]}"
