"""The shape of one sample, with named axes.

Layers act along axes by name: pooling along "height" and "width", `linear` along "feature" or along
everything flattened, recurrent layers along "time". The batch axis is not part of a shape. A size is
None where it is not known yet or where the data may choose it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.messages.catalogue import gettext, ngettext

AXES = ("channel", "depth", "height", "width", "time", "feature", "token", "length")
"""Every axis name. "length" is the one spatial axis of a one-dimensional convolution."""

_PLACES = ("depth", "height", "width")

DATA = "the data"
"""The source of a shape that the data has."""

Size = int | None


@dataclass(frozen=True)
class Shape:
    """Sizes and axis names of one sample.

    Args:
        sizes: The size of each axis, None where free.
        axes: The name of each axis, one of `AXES`.
        source: Where it comes from, for messages: a layer's name in quotes, `DATA`, or "" where nobody said.
        masked: Whether it is known which steps of a sequence are padding; see `Net`.
        vocabulary: How many different tokens there are, where the data says.

    >>> Shape.image(3, None, None)
    Shape(channel 3, height ?, width ?)
    >>> Shape.vector(4).batched(120)
    '[120, 4]'
    """

    sizes: tuple[Size, ...]
    axes: tuple[str, ...]
    source: str = field(default="", compare=False)
    masked: bool = False
    vocabulary: Size = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.axes) or not set(self.axes) <= set(AXES):
            raise ValueError(
                gettext("sizes {sizes} and axes {axes} do not match.", sizes=self.sizes, axes=self.axes)
            )

    @classmethod
    def vector(cls, size: Size) -> Shape:
        """Return the shape (feature,)."""
        return cls((size,), ("feature",))

    @classmethod
    def image(cls, channels: Size, height: Size, width: Size) -> Shape:
        """Return the shape (channel, height, width)."""
        return cls((channels, height, width), ("channel", "height", "width"))

    @classmethod
    def signal(cls, channels: Size, length: Size) -> Shape:
        """Return the shape (channel, length) of one-dimensional convolutions."""
        return cls((channels, length), ("channel", "length"))

    @classmethod
    def sequence(cls, time: Size, features: Size) -> Shape:
        """Return the shape (time, feature) of recurrent layers."""
        return cls((time, features), ("time", "feature"))

    @classmethod
    def tokens(cls, time: Size, vocabulary: Size = None) -> Shape:
        """Return the shape (token,): integers below the size of the vocabulary, one per step."""
        return cls((time,), ("token",), vocabulary=vocabulary)

    @property
    def numel(self) -> Size:
        """The number of values in one sample; None while a size is free."""
        return None if None in self.sizes else math.prod(map(present, self.sizes))

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[Size]:
        return iter(self.sizes)

    def __getitem__(self, axis: str) -> Size:
        return self.sizes[self.axes.index(axis)]

    def with_sizes(self, **sizes: Size) -> Shape:
        """Return a copy in which the named axes have other sizes."""
        changed = tuple(sizes.get(axis, size) for axis, size in zip(self.axes, self.sizes, strict=True))
        return replace(self, sizes=changed)

    def came_from(self, source: str) -> Shape:
        """Return a copy that remembers what produced it."""
        return replace(self, source=source)

    def to_data(self) -> dict[str, list[Size] | list[str]]:
        """Return sizes and axes as JSON data."""
        return {"sizes": list(self.sizes), "axes": list(self.axes)}

    def batched(self, batch: Size = None) -> str:
        """Return the sizes with the batch in front, as the lessons write them: "[120, 10]"."""
        return "[" + ", ".join("?" if size is None else str(size) for size in (batch, *self.sizes)) + "]"

    def describe(self) -> str:
        """Return the sizes with their meaning and origin, e.g. "10 channels x 3 x 3 from 'avgpool'".

        Depth, height and width are named where they do not stand in this order after the channels.
        """
        usual = [axis for axis in ("channel", *_PLACES) if axis in self.axes] == list(self.axes)
        words = []
        for axis, size in zip(self.axes, self.sizes, strict=True):
            number = "?" if size is None else str(size)
            if axis not in _PLACES:
                words.append(_counted(axis, number))
            else:
                words.append(number if usual else f"{axis_name(axis)} {number}")
        shape = " x ".join(words)
        if not self.source:
            return shape
        if self.source == DATA:
            return gettext("{shape} from the data", shape=shape)
        return gettext("{shape} from {source}", shape=shape, source=self.source)

    def __repr__(self) -> str:
        pairs = zip(self.axes, self.sizes, strict=True)
        return "Shape(" + ", ".join(f"{axis} {'?' if size is None else size}" for axis, size in pairs) + ")"


def total(sizes: Iterable[Size]) -> Size:
    """Return the sum of sizes; None while one is free."""
    known = list(sizes)
    return None if None in known else sum(map(present, known))


def axis_name(axis: str) -> str:
    """Return the word for a spatial axis in the language of the user."""
    if axis == "depth":
        return gettext("depth")
    if axis == "height":
        return gettext("height")
    return gettext("width") if axis == "width" else gettext("length")


def _counted(axis: str, number: str) -> str:
    """Return a size with its unit, e.g. "3 channels"; the number is "?" where it is not known."""
    count = int(number) if number.isdecimal() else 0
    if axis == "channel":
        return ngettext("{number} channel", "{number} channels", count, number=number)
    if axis == "time":
        return ngettext("{number} step", "{number} steps", count, number=number)
    if axis == "feature":
        return ngettext("{number} feature", "{number} features", count, number=number)
    if axis == "token":
        return ngettext("{number} token", "{number} tokens", count, number=number)
    return ngettext("{number} position", "{number} positions", count, number=number)
