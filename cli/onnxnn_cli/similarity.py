"""`onnxnn similarity`: how alike two inputs are to a model."""

from __future__ import annotations

import typer

from .inputs import given
from .options import DEVICE, JSON, LOW_MEMORY, MODEL
from .output import print_json, print_text
from .text import gettext

HELP = gettext(
    "Print how similar the feature vectors of two inputs are.\n\n"
    "With cosine, 1 is the same direction and 0 nothing in common.\n\n"
    "Example: onnxnn similarity pets.onnx cat.jpg dog.jpg"
)
"""The help text."""


def similarity(
    file: str = MODEL,
    a: str = typer.Argument(..., metavar="A", help=gettext("An image or another input of the model.")),
    b: str = typer.Argument(..., metavar="B", help=gettext("The one to compare it with.")),
    method: str = typer.Option(
        "cosine",
        "--method",
        metavar="METHOD",
        help=gettext("cosine, euclidean, manhattan, chebyshev, pearson or dot."),
    ),
    device: str = DEVICE,
    low_memory: bool = LOW_MEMORY,
    as_json: bool = JSON,
) -> None:
    """Print how similar the feature vectors of two inputs are."""
    import onnxnn_runtime as rt

    model = rt.load(file, device=device, low_memory=low_memory)
    vectors = model.embed(given([a, b]))
    if len(vectors) != 2:
        raise rt.InputError.coded(
            "E-INPUT-05",
            "{a}, {b}: expected two inputs, got {count}. For folders use `onnxnn embed`.",
            a=a,
            b=b,
            count=len(vectors),
        )
    value = float(rt.get_similarity(vectors[0], vectors[1], method=method))
    if as_json:
        print_json({"a": a, "b": b, "method": method, "similarity": value})
    else:
        print_text(f"{value:.6f}")
