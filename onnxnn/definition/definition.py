"""The network as data: a list of layers, its shapes, its JSON, its torch module, its ONNX nodes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxnn_runtime.errors import CardError, LayerError
from onnxnn_runtime.messages.catalogue import Message, following
from onnxnn_runtime.messages.warn import warn
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import DATA, Shape, total
from onnxnn.layers import Layer, read_signals
from onnxnn.layers.custom import Custom
from onnxnn.layers.embedding import TokenReader
from onnxnn.layers.linear import Linear
from onnxnn.layers.norm import Normalize
from onnxnn.layers.recurrent import Recurrent
from onnxnn.layers.transformer import Transformer

from . import last_layer, memory, stored, summary
from .entries import Entry, Placed, entry_of, place
from .module import Net
from .module_copy import copied
from .repeated import run_twice, stands_already, warn_of_stacking

if TYPE_CHECKING:
    from onnxnn_runtime.card.card import LayerEntry

__all__ = ["Definition", "Net", "Placed"]


class Definition:
    """The layers of a network in order, immutable; its torch module is built when it is needed.

    Args:
        input_shape: One sample as the data gives it; None while no data is loaded, then the first
            layer's own sizes count.

    Attributes:
        num_classes: How many classes the data has, for layers that take it from there.
    """

    def __init__(self, input_shape: Shape | None = None) -> None:
        self._input_shape = input_shape
        self._normalize: Entry | None = None
        self._added: tuple[Entry, ...] = ()
        self._closing: Entry | None = None
        self._modules: dict[str, tuple[Layer, Shape, nn.Module]] = {}
        self._net: Net | None = None
        self._placed: tuple[Placed, ...] = ()
        self.num_classes: int | None = None

    @property
    def entries(self) -> list[Entry]:
        """All layers in order: the data's normalisation first, and what training put after them last."""
        first, last = ([entry] if entry else [] for entry in (self._normalize, self._closing))
        return [*first, *self._added, *last]

    @property
    def has_layers(self) -> bool:
        """Whether a layer was added; the data's normalisation is none of the network's own."""
        return bool(self._added)

    @property
    def is_wide(self) -> bool:
        """Whether the network takes float64, since it begins with a `normalize` that subtracts in it."""
        first = self.entries[0].layer if self.entries else None
        return isinstance(first, Normalize) and first.wide

    @property
    def input_shape(self) -> Shape | None:
        """One sample of its input; None while neither data nor a layer says."""
        if self._input_shape is not None:
            return self.as_read(self._input_shape)
        return self._added[0].layer.assumed_input() if self._added else None

    def as_read(self, sample: Shape) -> Shape:
        """Return one sample of data with the axes that the first layers see: (N, A, B) may be signals."""
        if sample.axes != ("time", "feature"):
            return sample
        signals = read_signals((entry.layer for entry in self._added), sample)
        return Shape.signal(*sample.sizes) if signals else sample

    def with_input(self, shape: Shape | None, normalize: Layer | None = None) -> Definition:
        """Return the same layers for data of another shape, and the normalisation that belongs to it.

        Raises:
            LayerError: The layers do not match it.
        """
        other = self._copied()
        other._net = None
        other._input_shape = shape
        other._normalize = None if normalize is None else Entry(0, normalize)
        memory.check(other.placed())
        return other

    def with_num_classes(self, number: int | None) -> Definition:
        """Return the same network for data with so many classes, for layers that take them from there."""
        other = self._copied()
        other.num_classes = number
        return other

    def with_layer(
        self,
        index: int,
        layer: str | nn.Module | None,
        activation: str | None = None,
        options: Mapping[str, object] | None = None,
    ) -> Definition:
        """Return the network with a layer, an activation, or both after its layers.

        Args:
            index: The number of the `add` call.
            layer: A layer's name in any case, a torch module, or None for an activation alone.
            activation: An activation's name in any case.
            options: The layer's options.

        Raises:
            LayerError: Something is unknown or does not match.
        """
        entry = entry_of(index, layer, activation, dict(options or {}), self.num_classes)
        other = self._copied()
        other._net = other._closing = None  # other layers have other outputs
        other._added = (*(self._without_default_activation() if layer is None else self._added), entry)
        try:
            memory.check(other.placed())
        except LayerError as error:
            if stands_already(self._added, entry):
                raise LayerError(Message(error.text + following(run_twice()), error.code)) from error
            raise
        warn_of_stacking(other._added)
        for remark in entry.layer.remarks():
            warn(remark)
        return other

    def _without_default_activation(self) -> tuple[Entry, ...]:
        """Return the layers without the activation that the last one brought, to make room for another."""
        if self._added:
            last = self._added[-1]
            if last.activation is not None and last.activation.kind == last.layer.default_activation:
                return (*self._added[:-1], replace(last, activation=None))
        return self._added

    def last_step_only(self) -> tuple[Definition, str] | None:
        """Return this network whose last recurrent layer returns its last step only, and that layer's name.

        So one output per sequence is left, and all weights have the shapes they have here. None where there
        is no such layer, or where what follows it needs every step.
        """
        for number in range(len(self._added) - 1, -1, -1):
            entry = self._added[number]
            if isinstance(entry.layer, Recurrent) and entry.layer.return_sequences:
                changed = self.with_own_weights()
                last = replace(entry, layer=replace(entry.layer, return_sequences=False))
                changed._added = (*self._added[:number], last, *self._added[number + 1 :])
                changed._net, changed._placed = None, ()
                try:
                    changed.placed()
                except LayerError:
                    return None
                return changed, entry.name
        return None

    def placed(self, input_shape: Shape | None = None) -> list[Placed]:
        """Return all layers and activations with sizes filled in, from the input to the output.

        Args:
            input_shape: Another shape of one sample to go through the network with.

        Raises:
            LayerError: A layer does not match its input.
        """
        if input_shape is not None:
            return self._place(input_shape)
        if not self._placed:
            self._placed = tuple(self._place(self.input_shape))
        return list(self._placed)

    def _place(self, shape: Shape | None) -> list[Placed]:
        if shape is not None and not shape.source and self._input_shape is not None:
            shape = shape.came_from(DATA)
        return place(self.entries, shape, self.num_classes)

    @property
    def output_shape(self) -> Shape | None:
        """One sample as it leaves the network; None while there is no layer."""
        placed = self.placed()
        return placed[-1].out_shape if placed else self._input_shape

    def shape_after(self, input_shape: Shape) -> Shape:
        """Return one sample as it leaves the network, for another input than the data's.

        Raises:
            LayerError: A layer does not match its input.
        """
        return self.resolved().placed(input_shape)[-1].out_shape

    def feature_layer(self) -> Placed | None:
        """Return the head, whose input is the feature vector; None without one."""
        return last_layer.feature_layer(self.placed())

    def feature_size(self) -> int | None:
        """Return the length of the feature vector before the head; None where there is none."""
        return last_layer.feature_size(self.placed())

    def generates(self) -> bool:
        """Whether the network can write text: at each step it says how likely each token comes next."""
        return last_layer.generates(self.placed())

    @property
    def reads_tokens(self) -> bool:
        """Whether its input is integers, one for each step."""
        shape = self.input_shape if self.has_layers else None
        return shape is not None and shape.axes == ("token",)

    def vocabulary(self) -> int | None:
        """Return how many different tokens the network reads; None where it reads none."""
        placed = self.placed()
        reader = placed[0].layer if placed else None
        if isinstance(reader, Transformer):
            return reader.source_vocab
        return reader.vocabulary if isinstance(reader, TokenReader) else None

    def custom_modules(self) -> list[nn.Module]:
        """Return the custom modules, of which a network has no copies."""
        layers = (entry.layer for entry in self._added)
        return [each.module for each in layers if isinstance(each, Custom) and each.module is not None]

    def custom_ending(self) -> str:
        """Return "softmax" or "sigmoid" where the last layer is a custom module that ends so."""
        return last_layer.custom_ending(self.placed())

    def _copied(self) -> Definition:
        """Return the same network, to be changed before it is handed out; its modules are the same."""
        other = copy.copy(self)
        other._modules, other._placed = dict(self._modules), ()
        return other

    def with_own_weights(self) -> Definition:
        """Return the same network with a torch module of its own, of equal weights.

        What is done with those weights is not seen here, but for custom modules, which are the ones that were
        added, with the layers and weights that they hold. The module is copied, not built a second time: what
        a script set in it stays (`requires_grad`, hooks), no random number is drawn and no file is read.
        """
        net, other = self.net, self._copied()
        other._net = copied(net, shared=self.custom_modules())
        other._modules = {
            name: (layer, shape, other._net.get_submodule(name))
            for name, (layer, shape, _) in self._modules.items()
            if name in other._net._modules
        }
        return other

    def with_unfrozen(self, entry: Entry, layer: Layer) -> Definition:
        """Return the same network with equal weights of its own, of which a frozen layer's blocks learn.

        Args:
            entry: The frozen layer.
            layer: The same with the number of blocks that learn.
        """
        other = self.with_own_weights()
        other._added = tuple(replace(each, layer=layer) if each is entry else each for each in self._added)
        other._placed = ()
        placed = next(each for each in other.placed() if each.entry.index == entry.index)
        module = other.net.get_submodule(placed.name)
        placed.layer.freeze(module)
        other._modules[placed.name] = (placed.layer, placed.in_shape, module)
        return other

    def with_normalize(self, normalize: Layer | None) -> Definition:
        """Return the same network with another standardisation at its beginning."""
        if normalize == self.normalize:
            return self
        return self.with_input(self._input_shape, normalize)

    def resolved(self) -> Definition:
        """Return the same network with every size filled in: other data does not change what it is."""
        layers, other = {id(placed.entry): placed.layer for placed in reversed(self.placed())}, self._copied()
        other._normalize, other._closing = (
            None if entry is None else replace(entry, layer=layers[id(entry)])
            for entry in (self._normalize, self._closing)
        )
        other._added = tuple(replace(entry, layer=layers[id(entry)]) for entry in self._added)
        return other

    @property
    def normalize(self) -> Layer | None:
        """The layer at the beginning that standardises the data; None where there is none."""
        return None if self._normalize is None else self._normalize.layer

    @property
    def closing(self) -> Layer | None:
        """The layer that training put after the others (see `onnxnn.training.ending`), or None."""
        return None if self._closing is None else self._closing.layer

    def with_closing(self, layer: Layer | None) -> Definition:
        """Return the same network with another layer after those that were added, or none."""
        if layer == self.closing:
            return self
        other = self._copied()
        other._net = None
        other._closing = None if layer is None else Entry(0, layer)
        return other

    def to_data(self) -> tuple[LayerEntry, ...]:
        """Return the layers, sizes filled in, as the card holds them."""
        return stored.to_data(self.entries, self.placed())

    @classmethod
    def from_data(
        cls,
        data: Iterable[LayerEntry],
        input_shape: Shape | None,
        modules: Iterable[nn.Module] = (),
    ) -> Definition:
        """Rebuild a network from what `to_data` returned.

        Args:
            data: The entries.
            input_shape: One sample of its input.
            modules: The custom modules of the network in order; no file holds their code.

        Raises:
            CardError: An entry is not what this version writes.
            LayerError: A custom module is missing or is of another class.
        """
        definition = cls(input_shape)
        for entry in stored.from_data(data, modules):
            if entry.index != 0:
                definition._added = (*definition._added, entry)
            elif definition._added:
                definition._closing = entry
            else:
                definition._normalize = entry
        try:
            memory.check(definition.placed())
        except LayerError as error:
            raise CardError.coded(
                "E-CARD-02", "card: the layers do not match each other: {error}", error=error
            ) from error
        return definition

    @property
    def net(self) -> Net:
        """The torch module, the same one as long as the network is the same."""
        if self._net is None:
            self._net = self.build()
        return self._net

    def build(self) -> Net:
        """Return a new torch module; layers built before keep their weights."""
        net = Net()
        for placed in self.placed():
            known = self._modules.get(placed.name)
            if known is not None and known[0] == placed.layer and known[1] == placed.in_shape:
                module = known[2]
            else:
                module = placed.layer.build(placed.in_shape)
                self._modules[placed.name] = (placed.layer, placed.in_shape, module)
            net.add_placed(placed, module)
        net.custom_ending = self.custom_ending()
        return net

    def multiply_adds(self) -> int | None:
        """Return the multiply-adds of one sample; None while a size is free."""
        return total(placed.layer.multiply_adds(placed.in_shape) for placed in self.placed())

    def summary(self, batch: int | None = None) -> str:
        """Return the table of layers, output shapes, parameters and multiply-adds.

        Args:
            batch: Samples in a batch, the first number of each shape; "?" where it is not known.
        """
        return summary.table(self, batch)

    def emit(self, graph: GraphBuilder, x: Value, net: Net, input_shape: Shape) -> tuple[Value, Value | None]:
        """Write the whole network's nodes.

        Args:
            graph: Where to.
            x: The graph's input.
            net: The trained module.
            input_shape: One sample, None for the sizes that stay free.

        Returns:
            The output's value, and the feature vector's before the head where there is one.
        """
        head = self.feature_layer()
        for placed in self.resolved().placed(input_shape):
            with graph.scope(placed.name):
                if head is not None and placed.name == head.name and isinstance(placed.layer, Linear):
                    graph.mark_feature(graph.flatten(x, len(placed.in_shape) + 1))
                x = placed.layer.emit(graph, x, net.get_submodule(placed.name), placed.in_shape)
        return x, graph.feature
