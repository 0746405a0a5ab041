"""What layers share whose `size` is (inputs, outputs), of which the input decides the first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.messages.catalogue import gettext, gettext_noop
from typing_extensions import Self

from onnxnn.graph.shape import Shape

from ._checks import free_size, images, no_steps, pair_of_sizes, sequences, wrong_size
from .registry import Layer


@dataclass(frozen=True)
class Sized(Layer):
    """A layer whose first option is (inputs, outputs); `outputs` alone takes the inputs of its input."""

    size: tuple[int | None, int] | int

    meaning: ClassVar[str] = gettext_noop("(inputs, outputs)")
    """What the two numbers are."""

    def __post_init__(self) -> None:
        size = pair_of_sizes(self, self.size, lambda: gettext(self.meaning))
        object.__setattr__(self, "size", size)

    def assumed_input(self) -> Shape:
        return super().assumed_input() if self.sizes[0] is None else self._input_of(self.sizes[0])

    @property
    def sizes(self) -> tuple[int | None, int]:
        """(inputs, outputs); None for inputs that the layer before decides."""
        return instance(self.size, tuple)

    @property
    def resolved_sizes(self) -> tuple[int, int]:
        """(inputs, outputs) of a resolved layer."""
        return present(self.sizes[0]), self.sizes[1]

    def _input_of(self, inputs: int) -> Shape:
        """Return the input of so many features or channels that is assumed where no data is loaded yet."""
        return Shape.vector(inputs)

    def _with_inputs(self, in_shape: Shape, axis: str) -> Self:
        """Return the layer with its inputs those along an axis of its input.

        Raises:
            LayerError: Neither says them, or they differ; the message names the size that matches.
        """
        (inputs, outputs), found = self.sizes, in_shape[axis]
        if inputs is None and found is None:
            raise free_size(self, in_shape, axis)
        if inputs is not None and found is not None and inputs != found:
            raise wrong_size(self, in_shape, axis, found, inputs, (found, outputs))
        return replace(self, size=(inputs or found, outputs))


@dataclass(frozen=True)
class SizedForImages(Sized):
    """A layer of images whose inputs are the channels."""

    meaning: ClassVar[str] = gettext_noop("(input channels, output channels)")

    def resolve(self, in_shape: Shape) -> Self:
        images(self, in_shape)
        return self._with_inputs(in_shape, "channel")

    def _input_of(self, inputs: int) -> Shape:
        return Shape.image(inputs, None, None)


@dataclass(frozen=True)
class SizedForSequences(Sized):
    """A layer of sequences (time, feature) whose inputs are the features of a step."""

    meaning: ClassVar[str] = gettext_noop("(features, hidden)")

    def resolve(self, in_shape: Shape) -> Self:
        sequences(self, in_shape)
        if in_shape["time"] == 0:
            raise no_steps(self)
        return self._with_inputs(in_shape, "feature")

    def fixes_input_size(self, in_shape: Shape) -> bool:
        return in_shape["feature"] is None

    def _input_of(self, inputs: int) -> Shape:
        return Shape.sequence(None, inputs)
