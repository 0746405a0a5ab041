"""A gallery in Qdrant, on a server or in a folder: https://qdrant.tech/documentation/."""

from __future__ import annotations

import os
import uuid
import weakref
from typing import TYPE_CHECKING, Any, Iterator, Sequence
from urllib.parse import urlsplit

import numpy as np

from onnxnn_runtime.errors import InputError

from .address import Address, is_loopback
from .engine import KEY, Engine, Part, Row
from .packages import qdrant

if TYPE_CHECKING:
    from typing_extensions import Protocol

    class Point(Protocol):
        """A point of Qdrant."""

        payload: dict[str, Any] | None


_NAMESPACE = uuid.UUID("6f1f2c0e-6e0d-5c8e-9d53-0f6f6e6e6e01")
_POINTS = 1000
"""Points that one request reads or removes."""

_TIMEOUT = 60
"""Seconds that a request may take."""


class QdrantEngine(Engine):
    """A collection of Qdrant.

    The key of a server is read from the environment, QDRANT_API_KEY, alone.

    Args:
        address: Where it is.
        create: Whether the folder may be created.

    Raises:
        ImportError: qdrant-client is not installed.
        InputError: It cannot be opened, or its key would be sent without encryption.
    """

    def __init__(self, address: Address, create: bool) -> None:
        super().__init__(address)
        module = qdrant()
        self._models = module.models
        self._client: Any = None
        from qdrant_client.http.exceptions import ApiException  # here, after the message of `qdrant`

        self.failures = (*self.failures, ApiException)
        if not address.is_file:
            self._client = module.QdrantClient(**_connection(address))
        elif create or os.path.isdir(address.place):
            with self.asking():
                self._client = module.QdrantClient(path=address.place)
        if self._client is not None:
            self._end = weakref.finalize(self, self._client.close)

    def facts(self) -> str | None:
        if self._client is None:
            return None
        with self.asking():
            if not self._client.collection_exists(self.address.table):
                return None
            metadata = self._client.get_collection(self.address.table).config.metadata or {}
            return str(metadata.get(KEY, ""))

    def create(self, dimension: int, facts: str) -> None:
        vectors = self._models.VectorParams(size=dimension, distance=self._models.Distance.DOT)
        with self.asking():
            self._client.create_collection(self.address.table, vectors_config=vectors, metadata={KEY: facts})

    def count(self, labelled: bool) -> int:
        with self.asking():
            found = self._client.count(self.address.table, count_filter=self._filter(labelled), exact=True)
            return int(found.count)

    def rows(self) -> Iterator[Row]:
        return (_row_of(point) for points in self._pages(with_vectors=False) for point in points)

    def parts(self) -> Iterator[Part]:
        for points in self._pages(with_vectors=True):
            if points:
                yield Part(
                    [_row_of(point) for point in points],
                    np.asarray([point.vector for point in points], np.float32),
                )

    def _pages(self, with_vectors: bool) -> Iterator[list[Any]]:
        offset = None
        while True:
            with self.asking():
                points, offset = self._client.scroll(
                    self.address.table,
                    limit=_POINTS,
                    offset=offset,
                    with_payload=True,
                    with_vectors=with_vectors,
                )
            yield points
            if offset is None:
                return

    def nearest(self, query: np.ndarray, count: int, labelled: bool, exact: bool) -> Part:
        # The client's local mode is always exact, and warns of parameters.
        parameters = None if self.address.is_file else self._models.SearchParams(exact=exact)
        with self.asking():
            found = self._client.query_points(
                self.address.table,
                query=query.tolist(),
                limit=count,
                query_filter=self._filter(labelled),
                search_params=parameters,
                with_payload=True,
                with_vectors=True,
            ).points
        vectors = np.asarray([point.vector for point in found], np.float32)
        return Part([_row_of(point) for point in found], vectors.reshape(-1, len(query)))

    def _filter(self, labelled: bool) -> Any:
        if not labelled:
            return None
        empty = self._models.IsEmptyCondition(is_empty=self._models.PayloadField(key="label"))
        return self._models.Filter(must_not=[empty])

    def remove(self, rows: Sequence[Row]) -> None:
        with self.asking():
            for start in range(0, len(rows), _POINTS):
                points = [_id_of(row.name) for row in rows[start : start + _POINTS]]
                self._client.delete(self.address.table, points_selector=points, wait=True)

    def put(self, parts: Iterator[Part], are_new: bool) -> None:
        with self.asking():
            for part in parts:
                points = self._models.Batch(
                    ids=[_id_of(row.name) for row in part.rows],
                    vectors=part.vectors.tolist(),
                    payloads=[_payload_of(row) for row in part.rows],
                )
                self._client.upsert(self.address.table, points=points, wait=True)

    def latest(self) -> None:
        """Do nothing: every request sees what is there."""

    def close(self) -> None:
        if self._client is not None:
            self._end()


def _connection(address: Address) -> dict[str, object]:
    """Return the arguments of the client of a server.

    Raises:
        InputError: There is a key, which would be sent without encryption.
    """
    key = os.environ.get("QDRANT_API_KEY") or None
    url = urlsplit(address.place)
    if key is not None and url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise InputError.coded(
            "E-INPUT-06",
            "{address}: expected https for the key in QDRANT_API_KEY, got http. Use qdrant://, or unset the "
            "key.",
            address=address.text,
        )
    return {
        "url": address.place,
        "api_key": key,
        "https": url.scheme == "https",
        "timeout": _TIMEOUT,
        "check_compatibility": False,
    }


def _id_of(name: str) -> str:
    """Return the id of the point of a name: Qdrant takes integers and UUIDs."""
    return str(uuid.uuid5(_NAMESPACE, name))


def _payload_of(row: Row) -> dict[str, object]:
    return {name: value for name, value in row._asdict().items() if value is not None}


def _row_of(point: Point) -> Row:
    payload = point.payload or {}
    name, label, position = payload.get("name", ""), payload.get("label"), payload.get("position", 0)
    return Row(name, label, position, payload.get("digest", ""))
