"""What a card says about inputs that are like none of the training: reference vectors and a threshold."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass

import numpy as np

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened

from .fields import Fields, check_count


@checked_class()
@dataclass(frozen=True)
class UnknownSpec:
    """How a model detects inputs that are like none of its training samples.

    The distance of an input is the Euclidean one between its feature vector and the k-th nearest of the
    reference vectors, all scaled to length 1: 0..2.

    Args:
        k: Which of the nearest reference vectors counts, from 1.
        threshold: Inputs whose distance is larger are unknown, 0..2.
        accepted: The share of the samples of known classes that were to lie within it, above 0 up to 1.
        held_out: On how many held-out samples that was measured; 0: on the reference vectors, each compared
            with the others (leave-one-out).
        counts: How many reference vectors each class has, in the order of the classes; they stand in that
            order.
        size: The length of a vector.
        references: int8 (sum of counts, size) in base64: each vector scaled to a largest number of 127.

    Raises:
        CardError: A value is out of range, or `references` are not so many vectors.
    """

    k: int
    threshold: float
    accepted: float
    held_out: int
    counts: tuple[int, ...]
    size: int
    references: str

    def __post_init__(self) -> None:
        check_count("unknown.k", self.k)
        check_count("unknown.size", self.size)
        for key, value, low, high in (
            ("unknown.threshold", self.threshold, 0, 2),
            ("unknown.accepted", self.accepted, 0, 1),
            ("unknown.held_out", self.held_out, 0, math.inf),
            *(("unknown.counts", count, 0, math.inf) for count in self.counts),
        ):
            if not (type(value) in (int, float) and low <= value <= high):
                raise CardError.coded(
                    "E-CARD-02",
                    "card: '{key}': expected a number from {low}, got {value}. Export the model again.",
                    key=key,
                    low=low,
                    value=shortened(value),
                )
        number = sum(self.counts)
        if not self.k <= number or len(self._bytes()) != number * self.size:
            raise CardError.coded(
                "E-CARD-02",
                "card: '{key}': expected int8 {shape} in base64, got another length ({length}). Export the "
                "model again.",
                key="unknown.references",
                shape=shape_text((number, self.size)),
                length=len(self._bytes()),
            )

    def vectors(self) -> np.ndarray:
        """Return the reference vectors, float32 (N, D), each of length 1 (of zeros: 0)."""
        integers = np.frombuffer(self._bytes(), np.int8).reshape(-1, self.size)
        return unit(integers)

    def labels(self) -> np.ndarray:
        """Return the class index of each reference vector, int64 (N,)."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)

    def _bytes(self) -> bytes:
        try:
            return base64.b64decode(self.references.encode("ascii"), validate=True)
        except (ValueError, binascii.Error) as error:
            raise CardError.coded(
                "E-CARD-02",
                "card: '{key}': is not valid base64 ({error}). Export the model again.",
                key="unknown.references",
                error=error,
            ) from error


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (N, D) scaled to length 1, float32; one of zeros stays."""
    rows = np.asarray(vectors, np.float64)
    length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return (rows / np.where(length == 0, 1, length)).astype(np.float32)


def encoded(vectors: np.ndarray) -> str:
    """Return vectors (N, D) as a card holds them; their lengths are lost."""
    largest = np.abs(vectors).max(axis=1, initial=0, keepdims=True)
    scaled = np.asarray(vectors, np.float64) / np.where(largest == 0, 1, largest) * 127
    return base64.b64encode(np.rint(scaled).astype(np.int8).tobytes()).decode("ascii")


def read_unknown(data: dict[str, object]) -> UnknownSpec:
    """Read the card's `unknown`.

    Raises:
        CardError: A key is missing or unknown, or a value is of a wrong type or out of range.
    """
    fields = Fields("unknown.", data)
    counts = fields.take("counts", list)
    if not all(type(count) is int for count in counts):
        raise CardError.coded(
            "E-CARD-02",
            "card: '{key}': expected a list of integers, got {value}. Export the model again.",
            key="unknown.counts",
            value=shortened(counts),
        )
    spec = UnknownSpec(
        k=fields.take("k", int),
        threshold=fields.take("threshold", float),
        accepted=fields.take("accepted", float),
        held_out=fields.take("held_out", int),
        counts=tuple(counts),
        size=fields.take("size", int),
        references=fields.take("references", str),
    )
    fields.done()
    return spec
