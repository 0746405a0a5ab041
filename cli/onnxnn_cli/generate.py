"""`onnxnn generate`: continue a text, or write the target of a source."""

from __future__ import annotations

from typing import Any, List, Optional

import typer

from .options import DEVICE, JSON, MODEL
from .output import print_json, print_text
from .text import coded, gettext

HELP = gettext(
    "Continue a text, character by character; or write the target of a source of numbers.\n\n"
    "Example: onnxnn generate poems.onnx 春 --length 24 --temperature 0.8 --seed 0"
)
"""The help text."""


def generate(
    file: str = MODEL,
    prompt: str = typer.Argument(
        ..., metavar="PROMPT", help=gettext("How the text begins; or numbers such as '5 7 3'.")
    ),
    length: Optional[int] = typer.Option(
        None, "--length", "-n", min=1, help=gettext("Characters of the whole text; 24 where left out.")
    ),
    temperature: Optional[float] = typer.Option(
        None,
        "--temperature",
        min=0.0,
        help=gettext("Below 1 more predictable, above 1 less; 0 has no chance in it."),
    ),
    top_k: Optional[int] = typer.Option(
        None, "--top-k", min=1, help=gettext("Choose among this many of the likeliest characters.")
    ),
    seed: Optional[int] = typer.Option(
        None, "--seed", min=0, help=gettext("The same seed writes the same text.")
    ),
    stop: Optional[str] = typer.Option(None, "--stop", help=gettext("End where this text appears.")),
    words: bool = typer.Option(
        False, "--words", help=gettext("The model's tokens are words: split PROMPT at spaces.")
    ),
    max_length: Optional[int] = typer.Option(
        None, "--max-length", min=1, help=gettext("From sequence to sequence: the longest target.")
    ),
    beams: Optional[int] = typer.Option(
        None,
        "--beams",
        min=1,
        help=gettext("From sequence to sequence: how many beginnings are followed at once."),
    ),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Continue a text, character by character; or write the target of a source of numbers."""
    import onnxnn_runtime as rt

    model = rt.load(file, device=device)
    begin: Any = prompt
    if model.translates:
        begin = _numbers(prompt, words)
    elif words:
        begin = prompt.split()
    found = model.generate(begin, length, temperature, top_k, seed, stop, max_length, beams)
    if as_json:
        written = {"target": found} if model.translates else {"text": " ".join(found) if words else found}
        print_json({"prompt": prompt, **written})
    else:
        print_text(found if isinstance(found, str) else " ".join(map(str, found)))


def _numbers(prompt: str, words: bool) -> List[int]:
    """Return the numbers in a text such as "5 7 3".

    Raises:
        InputError: There is something else in it, or it was said to hold words.
    """
    from onnxnn_runtime.errors import InputError

    if words:
        raise InputError(
            coded(
                "E-INPUT-06",
                "--words: expected a model that continues a text, got a sequence-to-sequence model, which "
                "takes integers. Leave --words out.",
            )
        )
    try:
        return [int(number) for number in prompt.replace(",", " ").split()]
    except ValueError as error:
        raise InputError(
            coded(
                "E-INPUT-07",
                "{prompt!r}: expected integers, such as '5 7 3', because this is a sequence-to-sequence "
                "model.",
                prompt=prompt,
            )
        ) from error
