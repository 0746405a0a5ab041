"""`onnxnn embed`: feature vectors into an npz file."""

from __future__ import annotations

from typing import List, Optional

import typer

from .options import BATCH_SIZE, DEVICE, INPUTS, JSON, MODEL, SKIP
from .output import print_json
from .progress import Counter, tell_skipped


def embed(
    file: str = MODEL,
    inputs: List[str] = INPUTS,
    out: str = typer.Option(..., "--out", "-o", metavar="VECTORS.npz", help="The file to write."),
    normalize: bool = typer.Option(False, "--normalize", help="Scale each vector to length 1."),
    device: str = DEVICE,
    skip_errors: bool = SKIP,
    batch_size: Optional[int] = BATCH_SIZE,
    as_json: bool = JSON,
) -> None:
    """Write the feature vectors of inputs to an npz file.

    It holds the arrays `embeddings`, float32 (N, D), and `names`.

    Example: onnxnn embed pets.onnx photos cat.jpg -o vectors.npz
    """
    import numpy as np
    import onnxnn_runtime as rt
    from onnxnn_runtime.files import as_path, check_not_source, write_atomically

    check_not_source(as_path(out, "--out"), [file, *inputs])
    model = rt.load(file, device=device)
    with Counter("embedded") as progress:
        errors = "skip" if skip_errors else "raise"
        found = model.embed_named(inputs, normalize, errors, batch_size, progress)
    tell_skipped(found.skipped)
    names = np.array(found.names, dtype=np.str_)
    write_atomically(out, lambda opened: np.savez(opened, embeddings=found.vectors, names=names))
    num, dimension = found.vectors.shape
    if as_json:
        print_json({"file": out, "num": num, "dimension": dimension, "skipped": len(found.skipped)})
    else:
        print(f"{num} vectors of {dimension} numbers in {out}")
