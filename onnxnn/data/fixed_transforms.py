"""Transforms of every image, in training and after: steps of `Preprocess`, and the first layer."""

from __future__ import annotations

from dataclasses import dataclass

from onnxnn_runtime.card.preprocess import Step
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.layers import Layer, make

from .transform_options import border, refuse, size, whole

__all__ = ["CenterCrop", "Grayscale", "Normalize", "Pad", "Resize"]


@dataclass(frozen=True)
class Resize:
    """Bring to (height, width), or the shorter side to one number with the proportions kept."""

    size: tuple[int, ...] | int

    def __post_init__(self) -> None:
        size(self)

    def steps(self) -> tuple[Step, ...]:
        if isinstance(self.size, tuple) and len(self.size) == 2:
            return (("resize", *size(self)),)
        return (("resize_short", size(self)[0]),)


@dataclass(frozen=True)
class CenterCrop:
    """Cut out the middle: (height, width), or one number for both. A smaller image is padded."""

    size: tuple[int, ...] | int

    def __post_init__(self) -> None:
        size(self)

    def steps(self) -> tuple[Step, ...]:
        return (("center_crop", *size(self)),)


@dataclass(frozen=True)
class Pad:
    """Add a border: all sides, (x, y) or (left, top, right, bottom), of a value 0..255."""

    padding: tuple[int, ...] | int
    fill: int = 0

    def __post_init__(self) -> None:
        border(self)
        whole(self, "fill", 0, 255)

    def steps(self) -> tuple[Step, ...]:
        return (("pad", *border(self), self.fill),)


@dataclass(frozen=True)
class Grayscale:
    """Take the colour out, leaving 1 channel, or 3 equal ones."""

    num_output_channels: int = 1

    def __post_init__(self) -> None:
        if self.num_output_channels not in (1, 3):
            raise refuse(
                self,
                gettext(
                    "num_output_channels: expected 1 or 3, got {got}.",
                    got=shortened(self.num_output_channels),
                ),
            )

    def steps(self) -> tuple[Step, ...]:
        return () if self.num_output_channels == 1 else (("grayscale",),)


@dataclass(frozen=True)
class Normalize:
    """(x - mean) / std for each channel of x in 0..1, as the network's first operation."""

    mean: tuple[float, ...] | float
    std: tuple[float, ...] | float

    def layer(self, channels: int) -> Layer:
        for name in ("mean", "std"):
            value = getattr(self, name)
            count = len(value) if isinstance(value, tuple) else 1
            if count not in (1, channels):
                raise refuse(
                    self,
                    gettext(
                        "{name}: expected one number or one for each channel ({channels}), got {count}.",
                        name=name,
                        channels=channels,
                        count=count,
                    ),
                )
        try:
            return make("normalize", {"mean": self.mean, "std": self.std})
        except LayerError as error:
            raise refuse(self, error.text) from error
