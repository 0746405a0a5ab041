"""A gallery in LanceDB: https://lancedb.github.io/lancedb/."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterator, Sequence

import numpy as np

from .address import Address
from .engine import KEY, Engine, Part, Row
from .packages import lancedb

if TYPE_CHECKING:
    from typing_extensions import Protocol

    class Columns(Protocol):
        """A batch or a table of PyArrow."""

        def column(self, name: str) -> Any:
            """Return a column."""


_COLUMNS = ["name", "label", "position", "digest"]
_LABELLED = "label IS NOT NULL"
_REMOVED = 1000
"""Rows that one statement removes."""


class LanceEngine(Engine):
    """A table of LanceDB, in a folder or in object storage.

    Args:
        address: Where it is.
        create: Whether the folder may be created.

    Raises:
        ImportError: LanceDB is not installed.
        InputError: It cannot be opened.
    """

    def __init__(self, address: Address, create: bool) -> None:
        super().__init__(address)
        module, self._arrow = lancedb()
        self._table: Any = None
        self._database: Any = None
        if create or not address.is_file or os.path.isdir(address.place):
            with self.asking():
                self._database = module.connect(address.place)

    def facts(self) -> str | None:
        if self._database is None:
            return None
        with self.asking():
            if not self._exists():
                return None
            self._table = self._database.open_table(self.address.table)
            metadata = self._table.schema.metadata or {}
            return str(metadata.get(KEY.encode(), b"").decode("utf-8", "replace"))

    def _exists(self) -> bool:
        token = None
        while True:
            page = self._database.list_tables(page_token=token)
            if self.address.table in page.tables:
                return True
            token = page.page_token
            if not token:
                return False

    def create(self, dimension: int, facts: str) -> None:
        pa = self._arrow
        schema = pa.schema(
            [
                pa.field("name", pa.string()),
                pa.field("label", pa.string()),
                pa.field("position", pa.int64()),
                pa.field("digest", pa.string()),
                pa.field("vector", pa.list_(pa.float32(), dimension)),
            ],
            metadata={KEY: facts},
        )
        with self.asking():
            self._table = self._database.create_table(self.address.table, schema=schema)

    def count(self, labelled: bool) -> int:
        with self.asking():
            return int(self._table.count_rows(_LABELLED if labelled else None))

    def rows(self) -> Iterator[Row]:
        with self.asking():
            for batch in self._table.search().select(_COLUMNS).to_batches():
                yield from _rows_of(batch)

    def parts(self) -> Iterator[Part]:
        with self.asking():
            for batch in self._table.search().to_batches():
                yield self._part_of(batch)

    def nearest(self, query: np.ndarray, count: int, labelled: bool, exact: bool) -> Part:
        with self.asking():
            search = self._table.search(query, vector_column_name="vector").distance_type("dot").limit(count)
            if labelled:
                search = search.where(_LABELLED, prefilter=True)
            if exact:
                search = search.bypass_vector_index()
            return self._part_of(search.select([*_COLUMNS, "vector", "_distance"]).to_arrow())

    def remove(self, rows: Sequence[Row]) -> None:
        with self.asking():
            for start in range(0, len(rows), _REMOVED):
                positions = ", ".join(str(int(row.position)) for row in rows[start : start + _REMOVED])
                self._table.delete(f"position IN ({positions})")

    def put(self, parts: Iterator[Part], are_new: bool) -> None:
        schema = self._table.schema
        with self.asking():
            if are_new:
                batches = (self._batch_of(part) for part in parts)
                self._table.add(self._arrow.RecordBatchReader.from_batches(schema, batches))
                return
            for part in parts:
                replacing = self._table.merge_insert("name").when_matched_update_all()
                replacing = replacing.when_not_matched_insert_all()
                replacing.execute(self._arrow.Table.from_batches([self._batch_of(part)]))

    def latest(self) -> None:
        with self.asking():
            self._table.checkout_latest()

    def close(self) -> None:
        self._table = self._database = None

    def _batch_of(self, part: Part) -> Any:
        pa, schema = self._arrow, self._table.schema
        columns = [[row[place] for row in part.rows] for place in range(len(_COLUMNS))]
        arrays = [pa.array(column, schema.field(name).type) for name, column in zip(_COLUMNS, columns)]
        flat = pa.array(np.ascontiguousarray(part.vectors, np.float32).ravel())
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, part.vectors.shape[1]))
        return pa.record_batch(arrays, schema=schema)

    def _part_of(self, batch: Columns) -> Part:
        vectors = batch.column("vector")
        if hasattr(vectors, "combine_chunks"):
            vectors = vectors.combine_chunks()
        dimension = self._table.schema.field("vector").type.list_size
        flat = np.asarray(vectors.flatten(), np.float32)
        return Part(list(_rows_of(batch)), flat.reshape(-1, dimension))


def _rows_of(batch: Columns) -> Iterator[Row]:
    return (Row(*values) for values in zip(*(batch.column(name).to_pylist() for name in _COLUMNS)))
