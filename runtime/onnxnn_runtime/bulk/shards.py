"""One Parquet file of feature vectors, which says of which model and of which inputs they are.

The columns are `name` (text) and `vector` (a list of D float32). The metadata of the schema hold one key,
"onnxnn", a JSON text:

    {"format": 1, "inputs": [[name, size, mtime_ns, reason], ...], "model": SHA-256, "normalize": false}

Each input that was worked on stands there with its size in bytes and time of change in nanoseconds as they
were before it was read, and with the reason why it was left out, "" where it was not.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from onnxnn_runtime.errors import OutputError
from onnxnn_runtime.files.access import regular_file, write_atomically
from onnxnn_runtime.messages.shorten import printable

from .packages import arrow, parquet

_KEY = b"onnxnn"
_FORMAT = 1


class Record(NamedTuple):
    """An input as it was before it was read.

    Args:
        name: Its path, as it was given.
        size: In bytes; -1 where there was no such file.
        mtime_ns: When it was changed, in nanoseconds since 1970; -1 where there was no such file.
        reason: Why it was left out; "" where it has a vector.
    """

    name: str
    size: int
    mtime_ns: int
    reason: str = ""

    def is_of(self, other: Record) -> bool:
        """Return whether the file is still the same."""
        return self[:3] == other[:3]


class Maker(NamedTuple):
    """What made vectors; those of another maker do not belong beside them.

    Args:
        model: `Model.fingerprint`.
        normalize: Whether each vector is scaled to length 1.
    """

    model: str
    normalize: bool


@dataclass(frozen=True)
class Shard:
    """What a shard says about itself.

    Args:
        path: The file.
        maker: What made its vectors.
        records: Its inputs, those that were left out, too.
    """

    path: Path
    maker: Maker
    records: tuple[Record, ...]

    @property
    def num_vectors(self) -> int:
        """How many vectors it holds."""
        return sum(not record.reason for record in self.records)


def record_of(name: str) -> Record:
    """Return an input as it is now."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return Record(name, -1, -1)
    return Record(name, found.st_size, found.st_mtime_ns)


def write_shard(shard: Shard, vectors: np.ndarray) -> None:
    """Write a shard whole or not at all.

    Args:
        shard: What it says about itself.
        vectors: float32 (N, D), of the inputs that were not left out, in order.

    Raises:
        OutputError: It cannot be written.
    """
    pa, pq = arrow(), parquet()
    facts = {"format": _FORMAT, "inputs": shard.records, **shard.maker._asdict()}
    dimension = vectors.shape[1]
    schema = pa.schema(
        [
            pa.field("name", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False),
        ],
        metadata={_KEY: json.dumps(facts, sort_keys=True).encode("ascii")},
    )
    names = [_text(record.name) for record in shard.records if not record.reason]
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    columns = [pa.array(names, pa.string()), pa.FixedSizeListArray.from_arrays(flat, dimension)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink)
    write_atomically(shard.path, lambda file: file.write(sink.getvalue().to_pybytes()))


def read_shard(path: Path) -> Shard:
    """Read what a shard says about itself.

    Raises:
        OutputError: It is damaged, or another file.
    """
    pa, pq = arrow(), parquet()
    try:
        regular_file(path, error=OutputError)  # Arrow would wait for a named pipe without end
        facts = json.loads(pq.read_schema(str(path)).metadata[_KEY].decode("ascii"))
        if facts["format"] != _FORMAT:
            raise ValueError
        records = tuple(_record(*each) for each in facts["inputs"])
        return Shard(path, Maker(str(facts["model"]), bool(facts["normalize"])), records)
    except (
        pa.ArrowException,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        raise _damaged(path) from error


def read_vectors(shard: Shard, names: Sequence[str]) -> np.ndarray:
    """Return the vectors of some inputs of a shard, float32 (N, D), in its order.

    Args:
        shard: The shard.
        names: The inputs, none of which was left out.

    Raises:
        OutputError: The shard is damaged.
    """
    try:
        column = parquet().read_table(str(shard.path)).column("vector").combine_chunks()
        vectors = np.asarray(column.flatten()).reshape(shard.num_vectors, column.type.list_size)
    except (arrow().ArrowException, OSError, KeyError, AttributeError, ValueError) as error:
        raise _damaged(shard.path) from error
    wanted = set(names)
    kept = [record.name in wanted for record in shard.records if not record.reason]
    found: np.ndarray = vectors[np.array(kept, bool)]
    return found


def _damaged(path: Path) -> OutputError:
    return OutputError.coded(
        "E-OUTPUT-02",
        "{path}: expected a shard of vectors, as onnxnn writes it, got a damaged or another file. Move "
        "it away; its inputs are then embedded again.",
        path=printable(str(path)),
    )


def _record(name: str, size: int, mtime_ns: int, reason: str) -> Record:
    """Return a record from JSON, or raise TypeError."""
    if not (isinstance(name, str) and isinstance(reason, str)):
        raise TypeError
    return Record(name, int(size), int(mtime_ns), reason)


def _text(name: str) -> str:
    """Return a name that Parquet can hold: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
