"""How many numbers a graph makes of a few bytes: of constant shapes, lengths and attributes."""

from __future__ import annotations

from typing import Any, Sequence

from onnxnn_runtime.messages.catalogue import gettext

from .graph_fields import Node, Tensor, attributes_of, product, read_tensor
from .graph_scope import RefusedGraphError, Scope
from .protobuf import fields_of, message_of, numbers_of

LARGEST = 2**26
"""Numbers in one tensor that a graph makes of a shape: a quarter of a gigabyte of float32."""

MOST_NUMBERS = 2**28
"""Numbers in all such tensors together."""


class Sizes:
    """The count of one model."""

    def __init__(self) -> None:
        self._made = 0.0

    def make(self, node: str, count: float) -> None:
        """Count numbers that a node makes of a shape; "" for a sparse tensor."""
        self._made += max(count, 0.0)
        if not count <= LARGEST or self._made > MOST_NUMBERS:  # also where it is NaN
            raise RefusedGraphError(
                gettext(
                    "{node} makes a tensor of {numbers:.3g} numbers; expected at most {largest:,} in one and "
                    "{most:,} in all",
                    node=node or gettext("a sparse tensor"),
                    numbers=count,
                    largest=LARGEST,
                    most=MOST_NUMBERS,
                )
            )

    def node(self, node: Node, scope: Scope) -> None:
        """Count what a node makes, where that is known."""
        if node.kind == "Range":
            self._range(node, scope)
        elif node.kind in ("Resize", "Upsample"):
            self._scales(node, scope)
        elif node.kind in _COUNTED:
            self._shape(node, scope)

    def _make(self, node: str, sizes: Sequence[float]) -> None:
        """Count numbers of a tensor with these sizes; an axis is long even where another has the length 0."""
        self.make(node, max(product(sizes), product([max(sizes, default=0)])))

    def tensor(self, tensor: Tensor) -> None:
        """Refuse an axis that only an empty tensor can have."""
        if max(tensor.dims, default=0) > 2**31:
            raise ValueError(gettext("a tensor has an axis that is longer than 2^31"))

    def sparse(self, data: memoryview) -> str:
        """Count the numbers of a SparseTensorProto; return its name, which is that of its values."""
        name = ""
        dims: list[int] = []
        for key, value in fields_of(data):
            if key == 3:
                dims.extend(numbers_of(value))
            elif key == 1:
                name = read_tensor(message_of(value)).name
        self._make("", dims)
        return name

    def _numbers(self, node: Node, place: int, scope: Scope) -> Any:
        """Return the numbers of an input that is a small constant, else None."""
        if place >= len(node.inputs):
            return None
        scope.require_order(node, node.inputs[place])
        return scope.find(node.inputs[place]).numbers

    def _shape(self, node: Node, scope: Scope) -> None:
        """Refuse a constant shape, or attributes that are sizes, of too many numbers."""
        for place in _SHAPES.get(node.kind, ()):
            numbers = self._numbers(node, place, scope)
            if numbers:
                self._make(node.kind, numbers)
        lengths = 1.0
        for place in _LENGTHS.get(node.kind, ()):
            numbers = self._numbers(node, place, scope)
            if numbers and node.kind == "Pad":
                lengths *= _padded(numbers)
            elif numbers:
                lengths *= max(1.0, *map(abs, numbers))
        strides = ("strides",) if node.kind == "ConvTranspose" else ()
        for name, each in attributes_of(node, "shape", "output_shape", *_SIZES, *strides).items():
            numbers = each.numbers or [each.number or 0]
            if name in ("shape", "output_shape"):
                self._make(node.kind, numbers)
            elif name == "ngram_indexes":
                lengths *= max(numbers) + 1.0
            elif name in ("pads", "paddings"):
                lengths *= _padded(numbers)
            else:
                lengths *= product([max(each, 1) for each in numbers])
        if lengths > 1:
            self.make(node.kind, lengths)

    def _range(self, node: Node, scope: Scope) -> None:
        """Refuse Range(start, limit, delta) of too many numbers."""
        found = [self._numbers(node, place, scope) for place in range(len(node.inputs))]
        if len(found) == 3 and all(found):
            (start, *_), (limit, *_), (delta, *_) = found
            self.make("Range", (limit - start) / delta if delta else 0.0)

    def _scales(self, node: Node, scope: Scope) -> None:
        """Refuse sizes of Resize, and scales that make images large beyond use."""
        self._shape(node, scope)
        place = 2 if node.kind == "Resize" and len(node.inputs) > 2 else 1
        scales = self._numbers(node, place, scope)
        for numbers in [scales, *(each.numbers for each in attributes_of(node, "scales").values())]:
            if numbers:
                self.make(node.kind, 1000 * product(numbers))


def _padded(pads: Sequence[float]) -> float:
    """Return how many numbers a tensor holds at least after padding.

    Args:
        pads: Those before each axis, then those after each.
    """
    axes = len(pads) // 2
    return product([max(before + after, 1) for before, after in zip(pads[:axes], pads[axes:])])


# Which inputs are shapes, and which are lengths.
_SHAPES = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Tile": (1,),
    "Resize": (3,),
    "AffineGrid": (1,),
    "CenterCropPad": (1,),
    "Col2Im": (1,),
    "MaxUnpool": (2,),
}
_LENGTHS = {
    "OneHot": (1,),
    "Pad": (1,),
    "HannWindow": (0,),
    "HammingWindow": (0,),
    "BlackmanWindow": (0,),
    "DFT": (1,),
    "MelWeightMatrix": (0, 1),
}
_SIZES = (
    "pads",
    "paddings",
    "output_padding",
    "output_height",
    "output_width",
    "pooled_shape",
    "sample_size",
    "ngram_indexes",
)

_WITH_SIZES = [
    "RandomNormal",
    "RandomUniform",
    "Conv",
    "ConvInteger",
    "QLinearConv",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "LpPool",
    "MaxRoiPool",
    "RoiAlign",
    "Multinomial",
    "TfIdfVectorizer",
]
_COUNTED = frozenset([*_SHAPES, *_LENGTHS, *_WITH_SIZES])
