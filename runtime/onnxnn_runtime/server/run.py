"""Starting the server: `serve`."""

from __future__ import annotations

import contextlib
import functools
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Callable, Sequence

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.system import system_reason

from .settings import ServerSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .app import Attach

__all__ = ["listen", "require_packages", "serve"]

_BACKLOG = 2048
"""Connections that wait until they are accepted."""


def serve(paths: Sequence[str], settings: ServerSettings, attached: Sequence[Attach] = ()) -> None:
    """Serve model files until the process is stopped (SIGTERM, Ctrl-C); then finish what has begun.

    Args:
        paths: The `.onnx` files.
        settings: Address, token, limits.
        attached: Other ways in, as for `create_app`; with one process only.

    Raises:
        InputError: A package is missing, a file cannot be opened, or the address cannot be listened on.
    """
    require_packages()
    if attached and settings.workers > 1:
        raise InputError.coded(
            "E-INPUT-06",
            "workers={count}: expected one process with --mqtt, since each would answer every message. Leave "
            "--workers out.",
            count=settings.workers,
        )
    from .app import create_app

    listen(functools.partial(create_app, [str(path) for path in paths], settings, attached), settings)


def listen(
    application: Callable[[], ASGIApp],
    settings: ServerSettings,
    started: Callable[[str], None] | None = None,
) -> None:
    """Answer requests until the process is stopped (SIGTERM, Ctrl-C); then finish what has begun.

    Args:
        application: Makes what answers.
        settings: Address and limits.
        started: Called with the address, such as "http://127.0.0.1:8000", once it is listened on; None prints
            it.

    Raises:
        InputError: The address cannot be listened on.
    """
    import uvicorn

    from .protocol import DeadlineProtocol

    drain: Any = settings.drain_timeout  # uvicorn declares an integer, and waits for fractions, too
    config = uvicorn.Config(
        application if settings.workers > 1 else application(),
        factory=settings.workers > 1,
        http=DeadlineProtocol,
        ws="none",
        lifespan="on",
        log_level="error",  # its warnings are of what clients do wrong
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=drain,
        workers=settings.workers,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        """End before uvicorn listens to signals, and where it raises the signal again when it is done."""
        server.should_exit = True  # Python drops what is raised while it calls back a weak reference
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    with _listening(settings) as listener, contextlib.suppress(KeyboardInterrupt):
        (started or _say_address)(_address(listener))
        if settings.workers > 1:
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, sockets=[listener]).run()
        else:
            server.run(sockets=[listener])


def _say_address(address: str) -> None:
    print(gettext("Serving at {address}", address=address), flush=True)


def require_packages(extra: str = "onnxnn-runtime[serve]") -> None:
    """Refuse to go further without the packages of a server.

    Args:
        extra: What to install where one is missing.

    Raises:
        InputError: One is missing.
    """
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise InputError.coded(
            "E-PACKAGE-01",
            "the server needs Starlette, uvicorn and python-multipart ({error}). Install them: pip install "
            '"{extra}"',
            error=error,
            extra=extra,
        ) from error


def _listening(settings: ServerSettings) -> socket.socket:
    """Return a socket that listens: clients wait in its queue until the models are warm.

    Raises:
        InputError: The address is in use, or not one of this machine.
    """
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InputError.coded(
            "E-INPUT-06",
            "{host}:{port}: cannot be listened on ({reason}). Choose another --host or --port.",
            host=host,
            port=settings.port,
            reason=system_reason(error),
        ) from error


def _address(listener: socket.socket) -> str:
    """Return the address of a socket as browsers take it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
