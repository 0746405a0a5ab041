"""`onnxnn serve`: models answer over HTTP."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List, Optional

import typer

from .options import DEVICE, LOW_MEMORY, takes
from .text import gettext

if TYPE_CHECKING:
    from onnxnn_runtime.server.app import Attach
    from onnxnn_runtime.server.settings import ServerSettings

HELP = gettext(
    "Answer over HTTP what models say: for other programs, and for tablets in a browser.\n\n"
    "Example: onnxnn serve pets.onnx --port 8000"
)
"""The help text."""

TOKEN = "ONNXNN_TOKEN"
MQTT_PASSWORD = "ONNXNN_MQTT_PASSWORD"
"""The environment variables that hold the token, and the password for a broker."""


_FILES: Any = typer.Argument(
    ..., metavar="FILE", help=gettext("Model files; requests name them without folder and .onnx.")
)
_CORS: Any = typer.Option(
    None,
    "--cors",
    metavar="ORIGIN",
    help=gettext("Web pages that may use the server, such as https://a.org."),
)


@dataclass(frozen=True)
class Serving:
    """What is typed after `onnxnn serve`."""

    files: List[str] = _FILES
    host: str = typer.Option(
        "127.0.0.1",
        "--host",
        metavar="HOST",
        help=gettext("The address; 0.0.0.0 is open to other machines, with a token."),
    )
    port: int = typer.Option(
        8000, "--port", metavar="N", min=0, max=65535, help=gettext("The port; 0 takes a free one.")
    )
    gallery: Optional[str] = typer.Option(
        None, "--gallery", metavar="GALLERY", help=gettext("A gallery of one of the models, for /search.")
    )
    token_file: Optional[str] = typer.Option(
        None,
        "--token-file",
        metavar="FILE",
        help=gettext("A file with the token that requests need; or set ONNXNN_TOKEN."),
    )
    allow_open: bool = typer.Option(
        False, "--allow-open", help=gettext("Let other machines in without a token.")
    )
    cors: Optional[List[str]] = _CORS
    queue: int = typer.Option(
        64, "--queue", metavar="N", min=1, help=gettext("Requests that may wait for a model.")
    )
    max_body: int = typer.Option(
        32, "--max-body", metavar="N", min=1, help=gettext("The largest request, in MB.")
    )
    max_pixels: int = typer.Option(
        50, "--max-pixels", metavar="N", min=1, help=gettext("The largest image, in millions of pixels.")
    )
    max_items: int = typer.Option(
        64, "--max-items", metavar="N", min=1, help=gettext("Inputs in one request.")
    )
    timeout: float = typer.Option(
        30.0, "--timeout", metavar="SECONDS", help=gettext("Seconds that one request may take.")
    )
    max_connections: int = typer.Option(
        512, "--max-connections", metavar="N", min=1, help=gettext("Connections that may be open at once.")
    )
    header_timeout: float = typer.Option(
        10.0,
        "--header-timeout",
        metavar="SECONDS",
        help=gettext("Seconds in which the headers of a request are expected."),
    )
    workers: int = typer.Option(
        1, "--workers", metavar="N", min=1, help=gettext("Processes; one uses all processor cores already.")
    )
    threads: Optional[int] = typer.Option(
        None, "--threads", metavar="N", min=1, help=gettext("Processor cores to use; all where left out.")
    )
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    mqtt: Optional[str] = typer.Option(
        None,
        "--mqtt",
        metavar="ADDRESS",
        help=gettext("Answer images from an MQTT broker, too: mqtt://BROKER/TOPIC, or mqtts:// for TLS."),
    )
    mqtt_result: str = typer.Option(
        "", "--mqtt-result", metavar="TOPIC", help=gettext("Where results go; TOPIC/result where left out.")
    )
    mqtt_password_file: Optional[str] = typer.Option(
        None,
        "--mqtt-password-file",
        metavar="FILE",
        help=gettext("A file with the password for the broker; or set ONNXNN_MQTT_PASSWORD."),
    )
    quiet: bool = typer.Option(False, "--quiet", help=gettext("Print no line for each request."))


@takes(Serving)
def serve(asked: Serving) -> None:
    """Answer over HTTP what models say: for other programs, and for tablets in a browser."""
    from onnxnn_runtime.server.run import serve as run

    run(asked.files, _settings(asked), _attached(asked))


def _attached(asked: Serving) -> List[Attach]:
    """Return the way in through a broker, where one is asked for.

    Raises:
        InputError: The address is none, or its file of the password cannot be read.
    """
    if asked.mqtt is None:
        return []
    from onnxnn_runtime.broker.settings import parse_broker
    from onnxnn_runtime.server.run import require_packages

    require_packages()
    from onnxnn_runtime.broker.bridge import bridge_to

    password = secret(asked.mqtt_password_file, MQTT_PASSWORD)
    return [bridge_to(parse_broker(asked.mqtt, password, asked.mqtt_result))]


def _settings(asked: Serving) -> ServerSettings:
    from onnxnn_runtime.server.settings import ServerSettings, check_seconds

    for option, seconds in (("--timeout", asked.timeout), ("--header-timeout", asked.header_timeout)):
        check_seconds(option, seconds)
    return ServerSettings(
        host=asked.host,
        port=asked.port,
        token=secret(asked.token_file, TOKEN),
        allow_open=asked.allow_open,
        cors=tuple(asked.cors or ()),
        queue=asked.queue,
        gallery=asked.gallery,
        max_body_bytes=asked.max_body * 1_000_000,
        max_pixels=asked.max_pixels * 1_000_000,
        max_connections=asked.max_connections,
        max_items=asked.max_items,
        request_timeout=asked.timeout,
        header_timeout=asked.header_timeout,
        workers=asked.workers,
        threads=asked.threads,
        device=asked.device,
        low_memory=asked.low_memory,
        access_log=not asked.quiet,
    )


def secret(path: Optional[str], variable: str) -> Optional[str]:
    """Return a token or password: of the file, else of the environment, else None.

    Raises:
        InputError: The file cannot be read.
    """
    if path is None:
        return os.environ.get(variable) or None
    from onnxnn_runtime.files.access import regular_file

    with open(str(regular_file(path)), encoding="utf-8", errors="replace") as file:
        return file.read(10_000).strip()
