"""The layers that were added to a network, and the same in their places: sizes filled in, shapes known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.graph.shape import Shape
from onnxnn.layers import Layer, make, unused_name
from onnxnn.layers.activation import activation_of
from onnxnn.layers.custom import Custom


@dataclass(frozen=True)
class Entry:
    """One call of `add`: a layer as given, and the activation after it.

    Args:
        index: The number of the `add` call, from 1; 0 is the normalisation that belongs to the data.
        layer: The layer with the options that the user gave.
        activation: What follows it, or None.
    """

    index: int
    layer: Layer
    activation: Layer | None = None

    @property
    def name(self) -> str:
        """The layer's name in the state dict and in the graph, e.g. "conv2d1"."""
        return f"{self.layer.title}{self.index}"


@dataclass(frozen=True)
class Placed:
    """A layer in its place: sizes filled in, shapes known.

    Args:
        name: Its name in the state dict and in the graph.
        layer: The layer with every size filled in.
        in_shape: One sample before it.
        out_shape: One sample after it.
        entry: The call of `add` it comes from.
    """

    name: str
    layer: Layer
    in_shape: Shape
    out_shape: Shape
    entry: Entry


def entry_of(
    index: int,
    layer: str | nn.Module | None,
    activation: str | None,
    options: dict[str, object],
    num_classes: int | None,
) -> Entry:
    """Return what a call of `add` adds.

    Args:
        index: The number of the call.
        layer: A layer's name in any case, a torch module, or None for an activation alone.
        activation: An activation's name in any case.
        options: The layer's options.
        num_classes: How many classes the data has, where that is known; for layers that have classes.

    Raises:
        LayerError: Something is unknown or missing.
    """
    follows = None if activation is None else activation_of(activation)
    if isinstance(layer, str):
        made = make(layer, options)
        if num_classes is not None:
            made = made.with_classes(num_classes)
        if follows is None and made.default_activation is not None:
            follows = activation_of(made.default_activation)
        return Entry(index, made, follows)
    if layer is not None:
        return Entry(index, Custom.of(layer, options), follows)
    if follows is None:
        raise LayerError.coded(
            "E-LAYER-02", "add(): expected a layer, an activation or an optimizer, got nothing."
        )
    if options:
        raise LayerError.coded(
            "E-LAYER-02",
            "add(activation={name}): expected a layer for the options {options}. Write "
            "add({name}, ...) for the options of an activation.",
            name=shortened(activation),
            options=", ".join(options),
        )
    return Entry(index, follows)


def place(entries: Iterable[Entry], shape: Shape | None, num_classes: int | None) -> list[Placed]:
    """Return layers and activations with sizes filled in, from the input to the output.

    Args:
        entries: The layers in order.
        shape: One sample of the input; None where there are none.
        num_classes: How many classes the data has, where that is known.

    Raises:
        LayerError: A layer does not match its input.
    """
    found: dict[str, Placed] = {}
    for entry in entries:
        shape = present(shape)  # there is a first layer
        for layer in (entry.layer, entry.activation):
            if layer is None:
                continue
            name = unused_name(f"{layer.title}{entry.index}", found)
            if shape.axes == ("token",) and not layer.reads_tokens:
                raise LayerError.coded(
                    "E-LAYER-06",
                    "{where}: expected vectors, got {shape}, which are integers. Put "
                    "add('embedding', size=...) first: it makes a vector of each token.",
                    where=layer.call(),
                    shape=shape.describe(),
                )
            _check_alone(layer, found)
            if num_classes is not None:
                layer = layer.with_classes(num_classes)
            resolved = layer.resolve(shape)
            out_shape = resolved.out_shape(shape).came_from(f"'{entry.layer.title}'")
            found[name] = Placed(name, resolved, shape, out_shape, entry)
            shape = out_shape
    return list(found.values())


def _check_alone(layer: Layer, before: Mapping[str, Placed]) -> None:
    if not before:
        return
    first = next(iter(before.values())).layer
    if first.stands_alone and not (layer.is_activation and first.default_activation):
        raise LayerError.coded(
            "E-LAYER-06",
            "{where}: expected no layer after {first}, which is a whole network.",
            where=layer.call(),
            first=shortened(first.kind),
        )
    if layer.stands_alone:
        raise LayerError.coded(
            "E-LAYER-06",
            "{where}: expected no layer before it, since it is a whole network, got {before}.",
            where=layer.call(),
            before=shortened(list(before)[-1]),
        )
