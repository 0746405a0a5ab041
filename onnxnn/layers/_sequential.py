"""A list of layers inside a layer, as `branches` has several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.graph.shape import Shape

from .activation import activation_of
from .registry import Layer, make, read_signals, unused_name


@dataclass(frozen=True)
class Step:
    """One layer and the activation after it, None without one."""

    layer: Layer
    activation: Layer | None = None

    def parts(self) -> tuple[Layer, ...]:
        """Return the layer, and the activation where there is one."""
        return (self.layer,) if self.activation is None else (self.layer, self.activation)


@dataclass(frozen=True)
class Path:
    """Layers in order; without any, the output is the input."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def read(cls, given: object) -> Path:
        """Return the path for a list of (layer, options), of names alone, or of recipes' {layer: options}.

        Raises:
            LayerError: It is no such list, or a layer or option is unknown.
        """
        if not isinstance(given, tuple):
            raise LayerError.coded(
                "E-LAYER-04",
                "expected a list of (layer, options), or an empty list for the bypass, got {got}.",
                got=shortened(given),
            )
        return cls(tuple(_read_step(step) for step in given))

    def to_data(self) -> list[list[Any]]:
        """Return what `read` takes, as JSON data."""
        data = []
        for step in self.steps:
            options = step.layer.options()
            if step.activation is not None:
                options["activation"] = step.activation.kind
            data.append([step.layer.kind, options])
        return data

    def reads_signals(self, in_shape: Shape) -> bool | None:
        """Return whether the first layers take (N, A, B) for signals; None where they do not say."""
        return read_signals((step.layer for step in self.steps), in_shape)

    def with_classes(self, number: int) -> Path:
        """Return the path with the data's number of classes, where a layer asks for that."""
        return Path(tuple(Step(step.layer.with_classes(number), step.activation) for step in self.steps))

    def resolve(self, in_shape: Shape) -> Path:
        """Return the path with sizes left to the layer before filled in.

        Raises:
            LayerError: A layer does not match its input.
        """
        steps, shape = [], in_shape
        for step in self.steps:
            parts = []
            for part in step.parts():
                parts.append(part.resolve(shape))
                shape = parts[-1].out_shape(shape).came_from(f"'{part.title}'")
            steps.append(Step(*parts))
        return Path(tuple(steps))

    def placed(self, in_shape: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        """Yield each layer and activation with its name ("conv2d1") and its input shape."""
        shape = in_shape
        names: list[str] = []
        for number, step in enumerate(self.steps, 1):
            for part in step.parts():
                names.append(unused_name(f"{part.title}{number}", names))
                yield names[-1], part, shape
                shape = part.out_shape(shape).came_from(f"'{part.title}'")

    def out_shape(self, in_shape: Shape) -> Shape:
        """Return the shape after the last layer."""
        shape = in_shape
        for _, part, shape in self.placed(in_shape):
            shape = part.out_shape(shape)
        return shape


def _read_step(given: object) -> Step:
    if isinstance(given, str):
        given = (given, {})
    elif isinstance(given, Mapping) and len(given) == 1:
        given = next(iter(given.items()))
    if not isinstance(given, tuple) or len(given) != 2 or not isinstance(given[0], str):
        raise LayerError.coded(
            "E-LAYER-04",
            'expected (layer, options), such as ("conv2d", {{"size": 64, "kernel_size": 3}}), got {got}. '
            "A custom module goes into add itself.",
            got=shortened(given),
        )
    name, options = given
    if not isinstance(options, Mapping):
        raise LayerError.coded(
            "E-LAYER-04",
            "expected the options of {layer} to be {{name: value}}, got {got}.",
            layer=shortened(name),
            got=shortened(options),
        )
    activation = options.get("activation")
    made = make(name, {key: value for key, value in options.items() if key != "activation"})
    if made.stands_alone:
        raise LayerError.coded(
            "E-LAYER-06",
            "{where}: a whole network stands alone, not in a branch."
            " Add it to a network of its own, or write the branch with layers.",
            where=made.call(),
        )
    return Step(made, None if activation is None else activation_of(activation))
