"""What a gallery needs of an engine that holds vectors: LanceDB or Qdrant."""

from __future__ import annotations

import contextlib
import json
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Iterator, NamedTuple, Sequence

import numpy as np

from onnxnn_runtime.errors import InputError, MissingInputError, OnnxnnError
from onnxnn_runtime.messages.shorten import printable, shortened

from .address import Address
from .manifest import About

KEY = "onnxnn"
"""Under which key an engine keeps what the vectors are."""

_FORMAT, _VERSION = "onnxnn gallery", 1


class Row(NamedTuple):
    """An entry without its vector.

    Args:
        name: Its name.
        label: Its label, or None.
        position: Its place in the order in which entries were added.
        digest: A checksum of its vector.
    """

    name: str
    label: str | None
    position: int
    digest: str


class Part(NamedTuple):
    """Some entries with their vectors, float32 (N, D) of unit length."""

    rows: list[Row]
    vectors: np.ndarray


class Engine(ABC):
    """A table or collection of one engine.

    Args:
        address: Where it is.
    """

    def __init__(self, address: Address) -> None:
        self.address = address

    @property
    def where(self) -> str:
        """What messages call it."""
        return printable(self.address.text)

    @abstractmethod
    def facts(self) -> str | None:
        """Return the JSON text that `create` wrote; "" where the table has none, None without a table."""

    @abstractmethod
    def create(self, dimension: int, facts: str) -> None:
        """Make an empty table."""

    @abstractmethod
    def count(self, labelled: bool) -> int:
        """Return the number of entries, or of those that have a label."""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Yield all entries."""

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Yield all entries with their vectors."""

    @abstractmethod
    def nearest(self, query: np.ndarray, count: int, labelled: bool, exact: bool) -> Part:
        """Return the entries that are most similar to a vector (D,), `count` at most, in any order."""

    @abstractmethod
    def remove(self, rows: Sequence[Row]) -> None:
        """Remove entries."""

    @abstractmethod
    def put(self, parts: Iterator[Part], are_new: bool) -> None:
        """Write entries, in place of those of the same names where not all of them are new."""

    @abstractmethod
    def latest(self) -> None:
        """See what others have written since."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    def about(self) -> About:
        """Return what the vectors are.

        Raises:
            MissingInputError: There is no such table.
            InputError: It was written by something else.
        """
        text = self.facts()
        if text is None:
            raise MissingInputError.coded(
                "E-GALLERY-01",
                "{path}: no such gallery. Write one there with `onnxnn gallery push GALLERY --to {path}`.",
                path=self.where,
            )
        return self.read_about(text)

    def read_about(self, text: str) -> About:
        """Return what the JSON text says that the vectors are.

        Raises:
            InputError: It says nothing that is known.
        """
        try:
            data = json.loads(text)
            if data.pop("format") != _FORMAT or data.pop("version") != _VERSION:
                raise ValueError
            about = About(**data)
            texts = (about.dtype, about.model, about.path, about.sha256, about.preprocess)
            if type(about.dimension) is not int or not all(isinstance(each, str) for each in texts):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError.coded(
                "E-GALLERY-01",
                "{path}: expected a gallery that `onnxnn gallery push` of this version wrote, got a table of "
                "something else. Give another name: {example}.",
                path=self.where,
                example=self.where.partition("#")[0] + "#NAME",
            ) from error
        return about

    failures: tuple[type[Exception], ...] = (OSError, RuntimeError, ValueError)
    """What calls of the engine raise where it refuses or fails."""

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Turn errors of an engine within this block into one of ours.

        Raises:
            InputError: The engine refused or failed.
        """
        try:
            yield
        except OnnxnnError:
            raise
        except self.failures as error:
            raise InputError.coded(
                "E-GALLERY-06",
                "{path}: the engine failed or cannot be reached ({reason}). Check the "
                "address, and that it runs.",
                path=self.where,
                reason=_reason(error),
            ) from error


def facts_text(about: About) -> str:
    """Return the JSON text that says what the vectors are."""
    return json.dumps({"format": _FORMAT, "version": _VERSION, **asdict(about)}, sort_keys=True)


def _reason(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    if status in (401, 403):
        return f"HTTP {status}, QDRANT_API_KEY"
    return shortened(str(error).strip().split("\n")[0] or type(error).__name__)
