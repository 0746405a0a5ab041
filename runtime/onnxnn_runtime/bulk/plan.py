"""What is left to do: the inputs, the shards that are there, and the jobs between them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Sequence

from onnxnn_runtime.card.tokens import is_file
from onnxnn_runtime.errors import InputError, OutputError
from onnxnn_runtime.files.access import as_path, cannot_write, regular_file
from onnxnn_runtime.files.paths import path_text
from onnxnn_runtime.inputs.folders import Skipped, images_of
from onnxnn_runtime.inputs.given import matching
from onnxnn_runtime.messages.shorten import printable, shortened

from .shards import Maker, Record, Shard, read_shard, record_of

_NAME = re.compile(r"part-(\d{5}|[1-9]\d{5,})\.parquet")


@dataclass(frozen=True)
class Job:
    """One shard to write.

    Args:
        path: Where.
        inputs: What is embedded for it.
        before: The shard that it replaces, whose other inputs keep their vectors; None for a new one.
    """

    path: Path
    inputs: tuple[str, ...]
    before: Shard | None = None


def find_inputs(given: object, errors: str) -> tuple[list[str], list[Skipped]]:
    """List image files, each once.

    Args:
        given: Paths of images, of folders of them, or patterns; one or several.
        errors: "raise" refuses paths where nothing is, before any work is done.

    Returns:
        Their paths, and what lies in the folders and is no image.

    Raises:
        InputError: Something is no path, a folder holds no images, or a file is missing.
    """
    found: list[str] = []
    skipped: list[Skipped] = []
    for each in given if isinstance(given, (list, tuple)) else [given]:
        for path in matching(_path(each)):
            if not os.path.isdir(path):
                if errors == "raise" and not os.path.lexists(path):
                    regular_file(path)
                found.append(path)
                continue
            images, others = images_of(path)
            skipped.extend(others)
            found.extend(images)
    if not found:
        raise InputError.coded(
            "E-INPUT-01", "expected at least one input, got none. Give the path of an image or a folder."
        )
    return list(dict.fromkeys(found)), skipped


def _path(given: object) -> str:
    path = path_text(given) if isinstance(given, (str, os.PathLike)) else ""
    if not path or is_file(path):
        raise InputError.coded(
            "E-INPUT-05",
            "{input}: expected the path of an image or of a folder of images, from which shards are made. "
            "For other inputs write a file, such as -o vectors.npz.",
            input=path if path else shortened(given),
        )
    return path


def find_shards(folder: Path) -> list[Shard]:
    """Read what the shards in a folder say, in order of their numbers; other files are passed over.

    Raises:
        OutputError: A shard is damaged, or it is no folder.
    """
    try:
        names = os.listdir(str(as_path(folder)))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise cannot_write(folder, error) from error
    numbers = {int(found[1]): name for name in names for found in [_NAME.fullmatch(name)] if found}
    return [read_shard(folder / name) for _, name in sorted(numbers.items())]


def check_maker(folder: Path, shards: Iterable[Shard], maker: Maker) -> None:
    """Refuse a folder with vectors of another model, or scaled otherwise.

    Args:
        folder: The folder.
        shards: What is in it.
        maker: What is to make the next ones.

    Raises:
        OutputError: One was made by another.
    """
    for shard in shards:
        if shard.maker != maker:
            raise OutputError.coded(
                "E-OUTPUT-02",
                "{folder}: expected vectors of the model {expected} (normalize={normalize}), got those of "
                "the model {got} (normalize={other}). Choose another folder, or replace them with force=True "
                "(--force).",
                folder=printable(str(folder)),
                expected=maker.model[:12],
                normalize=maker.normalize,
                got=printable(shard.maker.model[:12]),
                other=shard.maker.normalize,
            )


def plan(folder: Path, inputs: Sequence[str], shards: Sequence[Shard], errors: str, size: int) -> list[Job]:
    """Return the shards to write.

    Shards with inputs that have changed are written again, where the others keep their vectors; new inputs
    go into new shards. With `errors` "raise", inputs that were left out are tried again.

    Args:
        folder: Where.
        inputs: What is to be embedded.
        shards: What is in the folder.
        errors: "raise" or "skip".
        size: The most inputs of a new shard.
    """
    given, jobs = set(inputs), []
    done: set[str] = set()
    for shard in shards:
        stale = [each.name for each in shard.records if each.name in given and _is_stale(each, errors)]
        done.update(each.name for each in shard.records)
        if stale:
            jobs.append(Job(shard.path, tuple(stale), shard))
    last = max((int(shard.path.stem[5:]) for shard in shards), default=-1)
    new = [name for name in inputs if name not in done]
    for number, start in enumerate(range(0, len(new), size), last + 1):
        jobs.append(Job(folder / f"part-{number:05d}.parquet", tuple(new[start : start + size])))
    return jobs


def _is_stale(record: Record, errors: str) -> bool:
    return bool(record.reason and errors == "raise") or not record.is_of(record_of(record.name))
