"""`onnxnn embed`: feature vectors into a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Optional

import typer

from .inputs import given, sources
from .options import BATCH_SIZE, CHANNEL_ORDER, DEVICE, FORCE, INPUTS, JSON, LOW_MEMORY, MODEL, SKIP, takes
from .output import print_json, print_text
from .skipping import advising_to_skip, check_left
from .text import gettext, ngettext

HELP = gettext(
    "Write the feature vectors of inputs to a file.\n\n"
    "A .npz holds the arrays `embeddings`, float32 (N, D), and `names`; a .csv the columns name, v0, v1, "
    '...; a .json a list of objects with "name" and "vector"; a .npy the vectors alone. A name that ends in '
    "/ is a folder of Parquet files, where a run that was ended resumes.\n\n"
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
        help=gettext("The file to write: .npz, .csv, .npy or .json; or a folder, such as vectors/."),
    )
    engine: str = typer.Option(
        "local",
        "--engine",
        metavar="ENGINE",
        help=gettext("For a folder: local, or ray for the machines of a Ray cluster."),
    )
    workers: Optional[int] = typer.Option(
        None,
        "--workers",
        metavar="N",
        min=1,
        help=gettext("With ray: processes; one for each core if not given."),
    )
    shard_size: Optional[int] = typer.Option(
        None,
        "--shard-size",
        metavar="N",
        min=1,
        help=gettext("Inputs in one Parquet file of a folder; 1000 if not given."),
    )
    normalize: bool = typer.Option(False, "--normalize", help=gettext("Scale each vector to length 1."))
    batch_size: Optional[int] = BATCH_SIZE
    channel_order: Optional[str] = CHANNEL_ORDER
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    skip_errors: bool = SKIP
    force: bool = FORCE
    as_json: bool = JSON


@takes(Embedding)
def embed(asked: Embedding) -> None:
    """Write the feature vectors of inputs to a file."""
    if _is_folder(asked):
        _embed_into_shards(asked)
        return
    import onnxnn_runtime as rt
    from onnxnn_runtime.messages.progress import ProgressLine
    from onnxnn_runtime.outputs.vectors import check_vectors_path, write_vectors

    _check_needs_no_folder(asked)
    check_vectors_path(asked.out, sources([asked.file, *asked.inputs]), asked.force, option="--force")
    model = rt.load(asked.file, device=asked.device, low_memory=asked.low_memory)
    with ProgressLine(progress_words) as progress, advising_to_skip(asked.skip_errors, asked.inputs):
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
        _print_count(num, dimension, asked.out)


def _is_folder(asked: Embedding) -> bool:
    """Return whether shards are written: into a folder that is there, or a name that ends in /.

    A folder with the name of a file, such as v.npz, is rather a mistake.
    """
    is_there = os.path.isdir(asked.out) and not asked.out.lower().endswith((".npz", ".npy", ".csv", ".json"))
    return asked.out.endswith(("/", os.sep)) or is_there


def _check_needs_no_folder(asked: Embedding) -> None:
    """Refuse options of shards where one file is written.

    Raises:
        InputError: There is one.
    """
    from onnxnn_runtime.errors import InputError

    if asked.engine != "local" or asked.workers is not None or asked.shard_size is not None:
        raise InputError.coded(
            "E-INPUT-06",
            "-o {file}: expected a folder with --engine, --workers and --shard-size, which write Parquet "
            "files. Use a name that ends in /, such as vectors/.",
            file=asked.out,
        )


def _embed_into_shards(asked: Embedding) -> None:
    from onnxnn_runtime import load
    from onnxnn_runtime.bulk import embed_files
    from onnxnn_runtime.messages.progress import ProgressLine

    model = load(asked.file, device=asked.device, low_memory=True) if asked.low_memory else asked.file
    with ProgressLine(progress_words) as progress, advising_to_skip(asked.skip_errors, asked.inputs):
        found = embed_files(
            model,
            asked.inputs,
            asked.out,
            engine=asked.engine,
            workers=asked.workers,
            normalize=asked.normalize,
            errors="skip" if asked.skip_errors else "raise",
            batch_size=asked.batch_size,
            shard_size=asked.shard_size or 1000,
            device=asked.device,
            progress=progress,
            force=asked.force,
        )
    check_left(found.num, found.skipped)
    if asked.as_json:
        facts = {"shards": found.shards, "resumed": found.resumed, "skipped": len(found.skipped)}
        print_json({"folder": asked.out, "num": found.num, "dimension": found.dimension, **facts})
    else:
        _print_count(found.num, found.dimension, asked.out)


def _print_count(num: int, dimension: int, out: str) -> None:
    print_text(
        ngettext(
            "{count} vector of {dimension} numbers in {file}",
            "{count} vectors of {dimension} numbers in {file}",
            num,
            dimension=dimension,
            file=out,
        )
    )


def progress_words(done: int, total: Optional[int]) -> str:
    if total is None:
        return gettext("embedded {done}", done=done)
    return gettext("embedded {done} of {total}", done=done, total=total)
