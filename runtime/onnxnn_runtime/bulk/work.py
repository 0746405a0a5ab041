"""Working on one job: embed its inputs, write its shard under a temporary name.

The one process that holds the folder's lock gives shards their names, so what a worker writes that has lost
that process, killed perhaps, never counts.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import cannot_write
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.model import Model

from .plan import Job
from .shards import Maker, Record, Shard, read_vectors, record_of, write_shard

_END = ".unnamed"
"""How temporary names end; readers of folders of Parquet files pass over those that begin with a dot."""

_TEMPORARY = re.compile(
    rf"\.part-\d+\.[0-9a-f]{{8}}{_END}|\.\.part-\d+\.[0-9a-f]{{8}}{_END}\.[0-9a-f]{{8}}\.part"
)
"""Those names, and those of files from which they are renamed."""


@dataclass(frozen=True)
class Settings:
    """How inputs are embedded.

    Args:
        maker: What the shards say.
        errors: "raise" stops at a broken input; "skip" leaves it out.
        batch_size: Inputs that run together; None follows the device.
    """

    maker: Maker
    errors: str
    batch_size: int | None


class Done(NamedTuple):
    """A job that is done: its shard is on the disk, under its temporary name until `keep`.

    Args:
        job: The job.
        temporary: Where the shard is; None where there is none, since all inputs were broken.
        dimension: The length of a vector.
        num: How many inputs of the job are done.
        broken: The error of the first broken input; None where all of them are done.
    """

    job: Job
    temporary: Path | None
    dimension: int
    num: int
    broken: InputError | None = None

    def keep(self) -> None:
        """Give the shard its name, at once and for good.

        Raises:
            OutputError: It cannot be renamed.
        """
        try:
            os.replace(str(self.temporary), str(self.job.path))
        except OSError as error:
            raise cannot_write(self.job.path, error) from error


def remove_temporary(folder: Path) -> None:
    """Remove shards that never got their names; workers that still run lose theirs."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def work(model: Model, job: Job, settings: Settings) -> Done:
    """Embed the inputs of a job and write its shard, under a temporary name.

    Where an input is broken and `errors` is "raise", the shard holds the others.

    Raises:
        InputError: As for `Model.embed`, of no input.
        OutputError: The shard cannot be written.
    """
    records = [record_of(name) for name in job.inputs]
    found = model.embed_named(
        list(job.inputs), settings.maker.normalize, errors="skip", batch_size=settings.batch_size
    )
    broken = _error_of(model, found.skipped[0]) if found.skipped and settings.errors == "raise" else None
    reasons = dict(found.skipped)
    place = {name: number for number, name in enumerate(found.names)}
    if broken is not None:
        records = [each for each in records if each.name in place]
        if not records:
            return Done(job, None, 0, 0, broken)
    num = len(records)
    records = [_with_reason(each, place, reasons) for each in records]
    vectors = found.vectors[[place[each.name] for each in records if not each.reason]]
    if job.before is not None:
        replaced = {each.name for each in records}
        kept = [each for each in job.before.records if each.name not in replaced]
        old = read_vectors(job.before, [each.name for each in kept if not each.reason])
        records, vectors = [*kept, *records], np.concatenate([old, vectors])
    temporary = job.path.with_name(f".{job.path.stem}.{os.urandom(4).hex()}{_END}")
    write_shard(Shard(temporary, settings.maker, tuple(records)), vectors)
    return Done(job, temporary, vectors.shape[1], num, broken)


def _error_of(model: Model, skipped: Skipped) -> InputError:
    """Return the error of an input that was left out."""
    try:
        model.embed_named([skipped.name])
    except InputError as error:
        return error
    return InputError.coded("E-INPUT-02", "{name}: {reason}", name=skipped.name, reason=skipped.reason)


def _with_reason(record: Record, place: dict[str, int], reasons: dict[str, str]) -> Record:
    if record.name in place:
        return record
    return record._replace(reason=reasons.get(record.name) or "?")
