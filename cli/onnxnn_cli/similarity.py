"""`onnxnn similarity`: how alike two inputs are to a model."""

from __future__ import annotations

import typer

from .inputs import given
from .options import DEVICE, JSON, MODEL
from .output import print_json, print_text


def similarity(
    file: str = MODEL,
    a: str = typer.Argument(..., metavar="A", help="An image or another input of the model."),
    b: str = typer.Argument(..., metavar="B", help="The one to compare it with."),
    method: str = typer.Option(
        "cosine", "--method", help="cosine, euclidean, manhattan, chebyshev, pearson or dot."
    ),
    device: str = DEVICE,
    as_json: bool = JSON,
) -> None:
    """Print how similar the feature vectors of two inputs are.

    With cosine, 1 is the same direction and 0 nothing in common.

    Example: onnxnn similarity pets.onnx cat.jpg dog.jpg
    """
    import onnxnn_runtime as rt

    model = rt.load(file, device=device)
    vectors = model.embed(given([a, b]))
    if len(vectors) != 2:
        raise rt.InputError(
            f"{a}, {b}: expected two inputs, got {len(vectors)}. For folders use `onnxnn embed`."
        )
    value = float(rt.get_similarity(vectors[0], vectors[1], method=method))
    if as_json:
        print_json({"a": a, "b": b, "method": method, "similarity": value})
    else:
        print_text(f"{value:.6f}")
