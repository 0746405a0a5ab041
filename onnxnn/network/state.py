"""The state of a network at a moment: immutable, and replaced as a whole by a call that succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.preprocess import COLORS
from onnxnn_runtime.errors import DataError, InputError, LayerError
from onnxnn_runtime.messages.catalogue import coded, gettext
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.checkpoint.card import describe, describe_added
from onnxnn.checkpoint.checkpoint import Checkpoint
from onnxnn.data import Data, Preparation
from onnxnn.definition.definition import Definition, Net
from onnxnn.graph.shape import Shape
from onnxnn.inference.evaluation import check_sample
from onnxnn.inference.predict import Reader
from onnxnn.kinds import NetworkKind, kind_of
from onnxnn.layers import Layer, find, make

from .published import as_published, first_layer, preparation_of

Waiting = tuple[str | nn.Module | None, str | None, Mapping[str, object]]
"""A call of `add` that waits for data: its layer, its activation, its options."""

Changed = tuple["NetworkState", tuple[str, ...]]
"""A new state, and lines for the user about what was done."""


@dataclass(frozen=True)
class OptimizerChoice:
    """The optimizer that trains a network.

    Args:
        name: Its name.
        options: Its options but the learning rate.
        is_chosen: Whether the user chose it; a training that is resumed takes the checkpoint's otherwise.
    """

    name: str = "Adam"
    options: Mapping[str, object] = field(default_factory=dict)
    is_chosen: bool = False


@dataclass(frozen=True, eq=False)
class NetworkState:
    """Layers, data, weights, and how data is prepared for them.

    A network that was trained or loaded owns the preparation of its data: what is loaded later is prepared in
    that way, by name, or refused. Before, the data that was loaded last says how.

    Args:
        task: "cls", "reg", "gen" or "embed".
        is_task_open: Whether nobody chose the task, so that targets or a loss can make it a regression.
        definition: The layers, their shapes and their torch module.
        calls: How many calls of `add` there were.
        waiting: Calls of `add` that wait for data.
        data: What it learns from.
        owned: How the data that the weights were trained with was prepared; None for new weights.
        checkpoint: What it was loaded from.
        training: How it was trained; None as the checkpoint says.
        color: "RGB" or "grayscale" where images go in or come out.
        optimizer: What trains it.
    """

    task: str = "cls"
    definition: Definition = field(default_factory=Definition)
    calls: int = 0
    waiting: tuple[Waiting, ...] = ()
    data: Data | None = None
    owned: Preparation | None = None
    checkpoint: Checkpoint | None = None
    training: Mapping[str, Any] | None = None
    color: str | None = None
    is_task_open: bool = False
    optimizer: OptimizerChoice = field(default_factory=OptimizerChoice)

    @property
    def preparation(self) -> Preparation | None:
        """How data is prepared: as the weights know it, as the data was loaded, as weights were published."""
        return self.owned or (preparation_of(self.definition) if self.data is None else self.data.counted)

    @property
    def net(self) -> Net:
        """The torch module.

        Raises:
            LayerError: There are no layers yet.
        """
        self.check_layers()
        return self.definition.net

    @property
    def batch_size(self) -> int | None:
        """Samples in a training batch, for what is shown; None where there is no data."""
        return None if self.data is None else self.data.train.batch_size

    @property
    def reader(self) -> Reader | None:
        """How an image is read where training read it by a function given as transform."""
        return None if self.preparation is None else self.preparation.read

    @property
    def example(self) -> torch.Tensor | None:
        """A raw sample of the data, or of what the network was loaded from; None without both."""
        if self.data is not None:
            return torch.from_numpy(self.data.example.copy())
        return None if self.checkpoint is None else self.checkpoint.example

    def card(self, training: Mapping[str, Any] | None = None) -> ModelCard:
        """Return the model card.

        Args:
            training: How it was trained; None as this state says.

        Raises:
            LayerError: There are no layers yet.
        """
        self.check_layers()
        return self._card if training is None else replace(self._card, training=training)

    @cached_property
    def _card(self) -> ModelCard:
        before = None if self.checkpoint is None else self.checkpoint.card
        return describe(self.kind, self.preparation, before, self.training)

    @cached_property
    def kind(self) -> NetworkKind:
        """The network as its kind."""
        return kind_of(self.task, self.definition)

    def check_layers(self) -> None:
        """Refuse a network without layers.

        Raises:
            LayerError: It has none, or they wait for data.
        """
        if self.waiting:
            raise LayerError(
                coded(
                    "E-LAYER-10",
                    "the layers wait for data: the first one is a custom module, whose input size is not "
                    "known. Load data (load_dataset, load_img_data, ...) or a checkpoint (load) first.",
                )
            )
        if not self.definition.has_layers:
            raise LayerError(
                coded("E-LAYER-10", "the network has no layers yet. Add some, or load a checkpoint.")
            )

    # ---- layers --------------------------------------------------------------------------------

    def with_layer(
        self, layer: str | nn.Module | None, activation: str | None, options: Mapping[str, object]
    ) -> Changed:
        """Return the network with a layer, an activation, or both after it.

        Raises:
            LayerError: Something is unknown or does not match.
            DataError: The data is such as this layer cannot learn from.
        """
        if self._has_to_wait(layer):
            return replace(self, waiting=(*self.waiting, (layer, activation, options))), ()
        state, lines = self._with_data_for(layer, options)
        definition = state.definition if state.owned is None else state.definition.resolved()
        if state.data is not None and (state.owned is None or not state.owned.classes):
            definition = definition.with_num_classes(len(state.data.classes) or None)
        definition = definition.with_layer(state.calls + 1, layer, activation, options)
        added = [placed for placed in definition.placed() if placed.entry.index == state.calls + 1]
        owned = state.owned
        if owned is not None and not all(each.layer.keeps_outputs for each in added):
            owned = owned.without_labels()  # the outputs are others now
        state = replace(state, definition=definition, calls=state.calls + 1, owned=owned, training={})
        if state.data is not None and state.data.kind == "tokens" and added and added[0].layer.stands_alone:
            state.kind.check_data(state.data)
        return state.with_color(state.color), (*lines, describe_added(added, state.batch_size))

    def _has_to_wait(self, layer: str | nn.Module | None) -> bool:
        """Return whether a call of `add` waits for data or a checkpoint.

        The input size of a custom module in front is not known; so it waits, and what is added after it.
        """
        first = isinstance(layer, nn.Module) and not self.definition.entries
        return self.definition.input_shape is None and (bool(self.waiting) or first)

    def _with_data_for(self, layer: str | nn.Module | None, options: Mapping[str, object]) -> Changed:
        """Return the network with its data as its first layer takes it.

        Images are resized to those that a diffusion model draws, or prepared as published weights want them;
        a table of integers is read as tokens.
        """
        data, state = self.data, self
        lines: tuple[str, ...] = ()
        if data is None:
            return self, lines
        found = find(layer) if isinstance(layer, str) else None
        if data.kind == "table" and not self.calls and found is not None and found.reads_tokens:
            state, _ = self.with_data(data.as_tokens())
            data = present(state.data)
        made = make(found.kind, options) if found is not None and self._may_prepare(found) else None
        size = None if made is None else made.image_size
        if size is None:
            fitted, lines = as_published(data, made)
            if fitted is not data:
                state, _ = state.with_data(fitted)
                data = present(state.data)
            if data.problem is not None:
                raise data.problem
        elif not self.definition.entries:  # else the error that follows says more
            fitted = data.in_size(size)
            if fitted.sample != data.sample:
                lines = (gettext("images are resized to {size} x {size}", size=size),)
            if fitted is not data:
                state, _ = state.with_data(fitted)
        return state, lines

    def _may_prepare(self, layer: type[Layer]) -> bool:
        """Return whether a layer may say how images are prepared: in front, and of no trained network."""
        return layer.stands_alone or not (self.calls or self.definition.entries[1:] or self.owned)

    # ---- data ----------------------------------------------------------------------------------

    def with_data(self, data: Data) -> Changed:
        """Return the network with data to learn from, prepared as it knows it.

        Raises:
            DataError: It is of another kind, lacks a column, or has a class or token that the network does
                not know.
            LayerError: The layers do not match it.
        """
        if self.owned is not None:
            state = replace(self, data=self.prepared(data))
            lines = data.remarks
        else:
            state, lines = self._with_own_preparation(data)
        loaded = present(state.data)
        if state.definition.has_layers and loaded.kind == "tokens":
            state.kind.check_data(loaded)
        state, waiting = replace(state, waiting=()), state.waiting
        for layer, activation, options in waiting:
            state, more = state.with_layer(layer, activation, options)
            lines += more
        return state, lines

    def _with_own_preparation(self, data: Data) -> Changed:
        if self.task == "reg":
            data = data.as_values(gettext("the data"))
        data, lines = as_published(data, first_layer(self.definition))
        if self.kind.image_size is not None:
            data = data.in_size(self.kind.image_size)
        elif data.problem is not None and (self.definition.has_layers or self.waiting):
            raise data.problem
        if data.kind == "table" and self.definition.reads_tokens:
            data = data.as_tokens()
        definition = self.definition.with_num_classes(len(data.classes) or None)
        definition = definition.with_input(data.sample, data.normalize)
        color = None if data.preprocess is None else data.preprocess.color
        return replace(self, definition=definition, data=data, color=color), (*data.remarks, *lines)

    def prepared(self, data: Data, source: str | None = None, keep_classes: bool = False) -> Data:
        """Return data as this network has its data prepared.

        Args:
            data: A data set as it was loaded.
            source: What messages call it; None means "the data".
            keep_classes: Whether classes keep their own ids.

        Raises:
            DataError: It is of another kind or shape, lacks a column, or has a class or token that the
                network does not know.
        """
        source = source or gettext("the data")
        if self.task == "reg":
            data = data.as_values(source)
        known = self.preparation
        spec = self.card().input if self.definition.has_layers else None
        if data.kind == "table" and (spec.kind if spec else known.kind if known else "") == "tokens":
            data = data.as_tokens()
        is_named = known is not None and known.features and data.features
        if spec is not None and data.is_ready and not is_named:
            check_sample(data.sample.sizes, data.kind, spec, source)
        if known is not None:
            new_classes = not set(data.classes) <= set(known.classes)
            has_none = spec is not None and self.kind.samples_images and not self.card().classes
            keep_classes = keep_classes or has_none or (self.task == "embed" and new_classes)
            data = data.prepared(known, keep_classes=keep_classes, source=source)
        if data.problem is not None and not self.kind.samples_images:
            raise data.problem
        if spec is not None:
            check_sample(data.sample.sizes, data.kind, spec, source)
        return data

    def as_now(self, data: Data) -> Data:
        """Return data that was loaded for this network at some time in the form that it has its data in now.

        Data of another network stays as it is.
        """
        if self.owned is None:
            return data if self.kind.image_size is None else data.in_size(self.kind.image_size)
        try:
            return self.prepared(data)
        except (DataError, LayerError):
            return data

    # ---- weights -------------------------------------------------------------------------------

    def data_of(self, data: Data) -> Data | None:
        """Return data as the network takes it, prepared as it knows it or in the data's own way.

        Raises:
            DataError: It is of another kind, or has other columns, words or classes.
            LayerError: The layers do not match it.
        """
        if self.owned is not None:
            return self.prepared(data)
        state, _ = self._with_own_preparation(data)
        return state.data

    def with_training(self, training: Mapping[str, Any]) -> NetworkState:
        """Return the network as it was trained with its data, whose preparation it owns from now on."""
        return replace(self.owning(), training=training)

    def owning(self) -> NetworkState:
        """Return the network that owns the preparation of its data."""
        return replace(self, owned=present(self.data).counted)

    def with_own_weights(self) -> NetworkState:
        """Return the same network with a torch module of its own; see `Definition.with_own_weights`."""
        return replace(self, definition=self.definition.with_own_weights())

    def custom_modules(self) -> list[nn.Module]:
        """Return the modules of custom layers, of those that wait for data too."""
        return self.definition.custom_modules() + [
            layer for layer, *_ in self.waiting if isinstance(layer, nn.Module)
        ]

    # ---- colour --------------------------------------------------------------------------------

    def with_color(self, color: str | None) -> NetworkState:
        """Return the network in a colour, in which a diffusion model without data draws.

        Raises:
            InputError: Its data or its checkpoint has another.
        """
        state = self if color == self.color else replace(self, color=color)
        if color is None or not self.kind.samples_images:
            return state
        channels, shape = COLORS[color], self.definition.input_shape
        if shape is None or shape["channel"] == channels:
            return state
        if self.data is not None or self.checkpoint is not None:
            raise InputError(
                coded(
                    "E-INPUT-06",
                    "color={color}: expected images of {expected} channel(s), as the data or checkpoint of "
                    "this network has them, got {got}. Leave color as it is.",
                    color=shortened(color),
                    expected=shape["channel"],
                    got=channels,
                )
            )
        definition = self.definition.with_input(Shape.image(channels, *shape.sizes[1:]))
        return replace(state, definition=definition)
