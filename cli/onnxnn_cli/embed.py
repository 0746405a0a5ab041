"""`onnxnn embed`: feature vectors into a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

import typer

from .inputs import given, sources
from .options import BATCH_SIZE, CHANNEL_ORDER, DEVICE, FORCE, INPUTS, JSON, MODEL, SKIP, takes
from .output import print_json, print_text
from .skipping import advising_to_skip, check_left
from .text import gettext, ngettext

HELP = gettext(
    "Write the feature vectors of inputs to a file.\n\n"
    "A .npz holds the arrays `embeddings`, float32 (N, D), and `names`; a .csv the columns name, v0, v1, "
    '...; a .json a list of objects with "name" and "vector"; a .npy the vectors alone.\n\n'
    "Example: onnxnn embed pets.onnx photos cat.jpg -o vectors.npz"
)
"""The help text."""


@dataclass(frozen=True)
class Embedding:
    """What is typed after `onnxnn embed`."""

    file: str = MODEL
    inputs: List[str] = INPUTS
    out: str = typer.Option(
        ...,
        "--out",
        "-o",
        metavar="VECTORS.npz",
        help=gettext("The file to write: .npz, .csv, .npy or .json."),
    )
    normalize: bool = typer.Option(False, "--normalize", help=gettext("Scale each vector to length 1."))
    batch_size: Optional[int] = BATCH_SIZE
    channel_order: Optional[str] = CHANNEL_ORDER
    device: str = DEVICE
    skip_errors: bool = SKIP
    force: bool = FORCE
    as_json: bool = JSON


@takes(Embedding)
def embed(asked: Embedding) -> None:
    """Write the feature vectors of inputs to a file."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.messages.progress import ProgressLine
    from onnxnn_runtime.outputs.vectors import check_vectors_path, write_vectors

    check_vectors_path(asked.out, sources([asked.file, *asked.inputs]), asked.force, option="--force")
    model = rt.load(asked.file, device=asked.device)
    with ProgressLine(_progress) as progress, advising_to_skip(asked.skip_errors, asked.inputs):
        found = model.embed_named(
            given(asked.inputs),
            asked.normalize,
            errors="skip" if asked.skip_errors else "raise",
            batch_size=asked.batch_size,
            progress=progress,
            channel_order=asked.channel_order,
        )
    check_left(len(found.names), found.skipped)
    write_vectors(asked.out, found.vectors, found.names, force=True)  # it was checked above
    num, dimension = found.vectors.shape
    if asked.as_json:
        print_json({"file": asked.out, "num": num, "dimension": dimension, "skipped": len(found.skipped)})
    else:
        print_text(
            ngettext(
                "{count} vector of {dimension} numbers in {file}",
                "{count} vectors of {dimension} numbers in {file}",
                num,
                dimension=dimension,
                file=asked.out,
            )
        )


def _progress(done: int, total: Optional[int]) -> str:
    if total is None:
        return gettext("embedded {done}", done=done)
    return gettext("embedded {done} of {total}", done=done, total=total)
