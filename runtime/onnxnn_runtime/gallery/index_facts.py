"""What is known of the index of a gallery; the manifest has it."""

from __future__ import annotations

from dataclasses import dataclass

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

_LARGEST = (1 << 60) - 1


@checked_class()
@dataclass(frozen=True)
class IndexFacts:
    """The HNSW index of a gallery.

    Args:
        number: The number in its file's name.
        vectors: The number of the file of vectors that it was built from.
        rows: How many rows that file had; later ones are searched exactly.
        recall: The share of the 10 nearest neighbours that it finds, 0..1, measured against exact search.
        queries: How many entries were searched for to measure that.
        connectivity: Neighbours of each node of the graph.
        expansion_add: Candidates looked at when a node is added.
        expansion_search: Candidates looked at in a search.
        size: Bytes of its file.
        file_crc: CRC-32 of blocks of its file.
        vectors_crc: CRC-32 of some of the rows.

    Raises:
        InputError: A value is no such number.
    """

    number: int
    vectors: int
    rows: int
    recall: float
    queries: int
    connectivity: int
    expansion_add: int
    expansion_search: int
    size: int
    file_crc: int
    vectors_crc: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name != "recall" and not (type(value) is int and 0 <= value <= _LARGEST):
                raise InputError.coded(
                    "E-INPUT-06",
                    "{name}={value}: expected an integer in {low}..{high}.",
                    name=name,
                    value=shortened(value),
                    low=0,
                    high=_LARGEST,
                )
        if type(self.recall) not in (int, float) or not 0 <= self.recall <= 1:
            raise InputError.coded(
                "E-INPUT-06",
                "recall={recall}: expected a share above 0, up to 1.",
                recall=shortened(self.recall),
            )

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"index-{self.number:06d}.usearch"
