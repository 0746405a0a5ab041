"""Options that several commands share, so that they are spelled and explained once."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Type, TypeVar, get_type_hints

import typer

from .text import gettext

Options = TypeVar("Options")

MODEL: Any = typer.Argument(..., metavar="FILE", help=gettext("An .onnx file."))
INPUTS: Any = typer.Argument(
    ...,
    metavar="INPUT",
    help=gettext("Images or folders of them; .csv for tables, .npy or .npz for arrays."),
)
DEVICE: Any = typer.Option(
    "auto",
    "--device",
    metavar="DEVICE",
    help=gettext("cpu, cuda, cuda:1, openvino, openvino:bf16, coreml, dml, xnnpack, or auto to choose."),
)
LOW_MEMORY: Any = typer.Option(
    False, "--low-memory", help=gettext("Take as little memory as possible, which is slower.")
)
SKIP: Any = typer.Option(False, "--skip-errors", help=gettext("Leave out inputs that cannot be read."))
FORCE: Any = typer.Option(
    False, "--force", help=gettext("Replace a file of another format, or an input of this command, too.")
)
JSON: Any = typer.Option(False, "--json", help=gettext("Print the result as JSON."))
BATCH_SIZE: Any = typer.Option(
    None, "--batch-size", metavar="N", min=1, help=gettext("Inputs that run together; more need more memory.")
)
CHANNEL_ORDER: Any = typer.Option(
    None,
    "--channel-order",
    metavar="ORDER",
    help=gettext("rgb, or bgr for arrays of images that OpenCV read; otherwise as the file says."),
)
TARGET: Any = typer.Option(
    None,
    "--target",
    metavar="TARGET",
    help=gettext("Where the file shall run, e.g. unihiker or ort1.13: `onnxnn targets` prints them."),
)
MAX_DROP: Any = typer.Option(
    None,
    "--max-drop",
    metavar="POINTS",
    help=gettext(
        "How many points of 100 may be lost; 0.5 if not given, of same neighbours 3. Perplexity may grow "
        "by so many percent, 1 if not given, the Fréchet distance of images by 10."
    ),
)


def takes(options: Type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Turn a function of one dataclass into a command, whose arguments and options are the fields."""

    def decorated(command: Callable[[Options], None]) -> Callable[..., None]:
        @functools.wraps(command)
        def called(**given: object) -> None:
            command(options(**given))

        called.__annotations__ = get_type_hints(options)
        called.__signature__ = inspect.signature(options)  # type: ignore[attr-defined]
        return called

    return decorated
