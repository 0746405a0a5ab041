"""`onnxnn generate`: go on with a text."""

from __future__ import annotations

from typing import Optional

import typer

from .options import DEVICE, JSON, MODEL
from .output import print_json


def generate(
    file: str = MODEL,
    prompt: str = typer.Argument(..., metavar="PROMPT", help="How the text begins."),
    length: int = typer.Option(24, "--length", "-n", min=1, help="Characters of the whole text."),
    temperature: float = typer.Option(
        1.0, "--temperature", min=0.0, help="Below 1 more predictable, above 1 less; 0 has no chance in it."
    ),
    top_k: Optional[int] = typer.Option(
        None, "--top-k", min=1, help="Choose among this many of the likeliest characters."
    ),
    seed: Optional[int] = typer.Option(None, "--seed", min=0, help="The same seed writes the same text."),
    stop: Optional[str] = typer.Option(None, "--stop", help="End where this text appears."),
    words: bool = typer.Option(
        False, "--words", help="The model's tokens are words: split PROMPT at spaces."
    ),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Go on with a text, character by character.

    Example: onnxnn generate poems.onnx 春 --length 24 --temperature 0.8 --seed 0
    """
    import onnxnn_runtime as rt

    model = rt.load(file, device=device)
    begin = prompt.split() if words else prompt
    found = model.generate(begin, length, temperature, top_k, seed, stop)
    text = " ".join(found) if words else found
    if as_json:
        print_json({"prompt": prompt, "text": text})
    else:
        print(text)
