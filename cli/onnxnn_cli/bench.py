"""`onnxnn bench`: how fast model files run here, and with which setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional

import typer

from .options import JSON, LOW_MEMORY, takes
from .output import print_json, print_text
from .text import gettext

HELP = gettext(
    "Measure how fast model files run on this machine, and with which setting.\n\n"
    "Latency (p50 and p95), rate, memory and the time of a start, by device, threads and batch, on made-up "
    "inputs. Several files are compared, such as float and INT8. Takes about a second for each setting and "
    "another one for its start.\n\n"
    "Example: onnxnn bench pets.onnx --batch-sizes 1,8"
)
"""The help text."""


FILES: Any = typer.Argument(..., metavar="FILE", help=gettext("One .onnx file, or several."))


@dataclass(frozen=True)
class Benching:
    """What is typed after `onnxnn bench`."""

    files: List[str] = FILES
    batch_sizes: str = typer.Option(
        "1,4,16", "--batch-sizes", metavar="N", help=gettext("How many inputs run together, such as 1,8.")
    )
    threads: Optional[str] = typer.Option(
        None,
        "--threads",
        metavar="N",
        help=gettext("Numbers of threads, such as 1,2; powers of two up to all cores if not given."),
    )
    device: Optional[str] = typer.Option(
        None,
        "--device",
        metavar="DEVICE",
        help=gettext("Devices such as cpu or cpu,cuda; all that are here if not given."),
    )
    seconds: float = typer.Option(
        1.0, "--seconds", metavar="SECONDS", help=gettext("How long each setting is timed.")
    )
    low_memory: bool = LOW_MEMORY
    as_json: bool = JSON


@takes(Benching)
def bench(asked: Benching) -> None:
    """Measure how fast model files run on this machine, and with which setting."""
    import onnxnn_runtime as rt

    report = rt.benchmark(
        list(asked.files),
        batch_sizes=_numbers("--batch-sizes", asked.batch_sizes),
        threads=None if asked.threads is None else _numbers("--threads", asked.threads),
        devices=None if asked.device is None else asked.device.split(","),
        seconds=asked.seconds,
        low_memory=asked.low_memory,
        progress=True,
    )
    if asked.as_json:
        print_json(report.to_dict())
    else:
        print_text(str(report))


def _numbers(option: str, text: str) -> List[int]:
    """Return integers from 1 that are written with commas between them."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and word.isascii() and int(word) for word in words):
        raise typer.BadParameter(
            gettext("expected integers from 1 with commas between them, such as 1,4."),
            param_hint=repr(option),
        )
    return [int(word) for word in words]
