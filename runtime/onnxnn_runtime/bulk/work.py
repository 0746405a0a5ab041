"""Working on one job: embed its inputs, write its shard under a temporary name.

The one process that holds the folder's lock gives shards their names, so what a worker writes that has lost
that process, killed perhaps, never counts.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onnxnn_runtime.files.access import cannot_write
from onnxnn_runtime.model import Model

from .plan import Job
from .shards import Maker, Record, Shard, read_vectors, record_of, write_shard

_END = ".unnamed"
"""How temporary names end; readers of folders of Parquet files pass over those that begin with a dot."""


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
        temporary: Where the shard is.
        dimension: The length of a vector.
    """

    job: Job
    temporary: Path
    dimension: int

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
    for path in folder.glob(f".*{_END}"):
        with contextlib.suppress(OSError):
            path.unlink()


def work(model: Model, job: Job, settings: Settings) -> Done:
    """Embed the inputs of a job and write its shard, under a temporary name.

    Raises:
        InputError: An input is broken and `errors` is "raise".
        OutputError: The shard cannot be written.
    """
    records = [record_of(name) for name in job.inputs]
    found = model.embed_named(
        list(job.inputs), settings.maker.normalize, errors=settings.errors, batch_size=settings.batch_size
    )
    reasons = dict(found.skipped)
    place = {name: number for number, name in enumerate(found.names)}
    records = [_with_reason(each, place, reasons) for each in records]
    vectors = found.vectors[[place[each.name] for each in records if not each.reason]]
    if job.before is not None:
        kept = [each for each in job.before.records if each.name not in set(job.inputs)]
        old = read_vectors(job.before, [each.name for each in kept if not each.reason])
        records, vectors = [*kept, *records], np.concatenate([old, vectors])
    temporary = job.path.with_name(f".{job.path.stem}.{os.urandom(4).hex()}{_END}")
    write_shard(Shard(temporary, settings.maker, tuple(records)), vectors)
    return Done(job, temporary, vectors.shape[1])


def _with_reason(record: Record, place: dict[str, int], reasons: dict[str, str]) -> Record:
    if record.name in place:
        return record
    return record._replace(reason=reasons.get(record.name) or "?")
