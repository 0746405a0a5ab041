"""`onnxnn generate`: continue a text, or write the target of a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional

import typer

from .options import DEVICE, JSON, LOW_MEMORY, MODEL, takes
from .output import print_json, print_text
from .text import gettext

HELP = gettext(
    "Continue a text, character by character; or write the target of a source of numbers.\n\n"
    "Example: onnxnn generate poems.onnx 春 --length 24 --temperature 0.8 --seed 0"
)
"""The help text."""


@dataclass(frozen=True)
class Generating:
    """What is typed after `onnxnn generate`."""

    file: str = MODEL
    prompt: str = typer.Argument(
        ..., metavar="PROMPT", help=gettext("How the text begins; or numbers such as '5 7 3'.")
    )
    length: Optional[int] = typer.Option(
        None,
        "--length",
        "-n",
        metavar="N",
        min=1,
        help=gettext("Characters of the whole text; 24 where left out."),
    )
    temperature: Optional[float] = typer.Option(
        None,
        "--temperature",
        metavar="NUMBER",
        min=0.0,
        help=gettext("Below 1 more predictable, above 1 less; 0 has no chance in it."),
    )
    top_k: Optional[int] = typer.Option(
        None,
        "--top-k",
        metavar="N",
        min=1,
        help=gettext("Choose among this many of the likeliest characters."),
    )
    seed: Optional[int] = typer.Option(
        None, "--seed", metavar="N", min=0, help=gettext("The same seed writes the same text.")
    )
    stop: Optional[str] = typer.Option(
        None, "--stop", metavar="TEXT", help=gettext("End where this text appears.")
    )
    words: bool = typer.Option(
        False, "--words", help=gettext("The model's tokens are words: split PROMPT at spaces.")
    )
    max_length: Optional[int] = typer.Option(
        None,
        "--max-length",
        metavar="N",
        min=1,
        help=gettext("From sequence to sequence: the longest target."),
    )
    beams: Optional[int] = typer.Option(
        None,
        "--beams",
        metavar="N",
        min=1,
        help=gettext("From sequence to sequence: how many beginnings are followed at once."),
    )
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    as_json: bool = JSON


@takes(Generating)
def generate(asked: Generating) -> None:
    """Continue a text, character by character; or write the target of a source of numbers."""
    import onnxnn_runtime as rt

    model = rt.load(asked.file, device=asked.device, low_memory=asked.low_memory)
    translates = model.kind.does == "translate"
    prompt: Any = asked.prompt.split() if asked.words else asked.prompt
    found = model.generate(
        _numbers(asked) if translates else prompt,
        length=asked.length,
        temperature=asked.temperature,
        top_k=asked.top_k,
        seed=asked.seed,
        stop=asked.stop,
        max_length=asked.max_length,
        beams=asked.beams,
    )
    if asked.as_json:
        text = " ".join(map(str, found)) if asked.words else found
        print_json({"prompt": asked.prompt, **({"target": found} if translates else {"text": text})})
    else:
        print_text(found if isinstance(found, str) else " ".join(map(str, found)))


def _numbers(asked: Generating) -> List[int]:
    """Return the numbers in a prompt such as "5 7 3".

    Raises:
        InputError: There is something else in it, or it was said to hold words.
    """
    from onnxnn_runtime.errors import InputError

    if asked.words:
        raise InputError.coded(
            "E-INPUT-06",
            "--words: expected a model that continues a text, got a sequence-to-sequence model, which "
            "takes integers. Leave --words out.",
        )
    try:
        return [int(number) for number in asked.prompt.replace(",", " ").split()]
    except ValueError as error:
        raise InputError.coded(
            "E-INPUT-07",
            "{prompt!r}: expected integers, such as '5 7 3', because this is a sequence-to-sequence model.",
            prompt=asked.prompt,
        ) from error
