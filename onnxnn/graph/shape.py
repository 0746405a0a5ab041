"""The shape of one sample, with named axes.

Layers act along axes by name: pooling along "height" and "width", `linear` along "feature" or along
everything flattened, recurrent layers along "time". The batch axis is not part of a shape. A size is
None where it is not known yet or where the data may choose it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

__all__ = ["AXES", "Shape"]

AXES = ("channel", "depth", "height", "width", "time", "feature", "token", "length")
"""Every axis name. "length" is the one spatial axis of a one-dimensional convolution."""

_PLACES = ("depth", "height", "width")

Size = int | None


@dataclass(frozen=True)
class Shape:
    """Sizes and axis names of one sample.

    Args:
        sizes: The size of each axis, None where free.
        axes: The name of each axis, one of `AXES`.
        source: Where it comes from, for messages: a layer's name, or "" where nobody said.
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
            raise ValueError(f"sizes {self.sizes} and axes {self.axes} do not belong together")

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
        """Return the shape (token,): whole numbers below the size of the vocabulary, one per step."""
        return cls((time,), ("token",), vocabulary=vocabulary)

    @property
    def numel(self) -> Size:
        """The number of values in one sample; None while a size is free."""
        known = [size for size in self.sizes if size is not None]
        return math.prod(known) if len(known) == len(self.sizes) else None

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

    def batched(self, batch: Size = None) -> str:
        """Return the sizes with the batch in front, as the lessons write them: "[120, 10]"."""
        return "[" + ", ".join("?" if size is None else str(size) for size in (batch, *self.sizes)) + "]"

    def describe(self) -> str:
        """Return the sizes with their meaning and origin, e.g. "10 channels x 3 x 3 from 'avgpool'".

        Depth, height and width are named where they do not stand in this order behind the channels.
        """
        usual = [axis for axis in ("channel", *_PLACES) if axis in self.axes] == list(self.axes)
        words = []
        for axis, size in zip(self.axes, self.sizes, strict=True):
            number = "?" if size is None else str(size)
            if axis not in _PLACES:
                words.append(f"{number} {_plural(axis, size)}")
            else:
                words.append(number if usual else f"{axis} {number}")
        return " x ".join(words) + (f" from {self.source}" if self.source else "")

    def __repr__(self) -> str:
        pairs = zip(self.axes, self.sizes, strict=True)
        return "Shape(" + ", ".join(f"{axis} {'?' if size is None else size}" for axis, size in pairs) + ")"


def _plural(axis: str, size: Size) -> str:
    word = {"time": "step", "length": "position"}.get(axis, axis)
    return word if size == 1 else word + "s"
