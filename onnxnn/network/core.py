"""What a network is made of: its layers, its data and what it was loaded from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card import TASKS, ModelCard
from onnxnn_runtime.errors import (
    DataError,
    InputError,
    LayerError,
    TrainingError,
    did_you_mean,
)
from onnxnn_runtime.preprocess import COLORS
from onnxnn_runtime.streams import say
from onnxnn_runtime.warn import warn
from torch import nn

from onnxnn import inference as running
from onnxnn import optimizers, pairs
from onnxnn.about import describe, describe_added
from onnxnn.checkpoint import Checkpoint
from onnxnn.data import Data
from onnxnn.definition import Definition, Net
from onnxnn.history import History
from onnxnn.layers import find, make
from onnxnn.layers._adding import check_arguments
from onnxnn.layers._registry import frozen
from onnxnn.layers.diffusion import DiffusionModel
from onnxnn.shape import Shape

from .attributes import VALUES

Array = np.ndarray[Any, Any]
Numbers = tuple[Mapping[str, int] | None, tuple[str, ...]]
"""The vocabulary and the classes that trained weights stand for; nothing where nothing was trained."""


class Core:
    """The state that all rooms share, and `add`, which every network begins with.

    Each room is a class of its own, a few methods that call the modules which do the work; `Network` is
    all of them together.
    """

    def __init__(self, task: str = "cls", save_fold: str | None = None, verbose: int = 1) -> None:
        self.task = str(task).lower()
        if self.task not in TASKS:
            hint = did_you_mean(self.task, TASKS) or "."
            raise TrainingError(f"nn({task!r}): unknown task{hint} Known: {', '.join(TASKS)}.")
        self.save_fold = "checkpoints" if save_fold is None else VALUES["save_fold"](save_fold)
        self.verbose = VALUES["verbose"](verbose)
        self.optimizer = "Adam"
        self._color: str | None = None
        self.word2idx: dict[str, int] | None = None
        self.idx2word: dict[int, str] | None = None
        self.ix2word: dict[int, str] | None = None
        self.history = History()
        self.result: Array | None = None
        self.val_label: Array | None = None
        self._optimizer_options: dict[str, Any] = {}
        self._definition = Definition()
        self._calls = 0
        self._waiting: list[tuple[Any, str | None, str | None, dict[str, Any]]] = []
        self._data: Data | None = None
        self._net: Net | None = None
        self._loaded: Checkpoint | None = None
        self._trained: Mapping[str, Any] | None = None  # how; None as the checkpoint says
        self._numbers: Numbers = (None, ())

    def add(
        self,
        layer: str | nn.Module | None = None,
        activation: str | None = None,
        optimizer: str | None = None,
        **options: Any,
    ) -> None:
        """Append a layer, an activation, or choose the optimizer.

        Args:
            layer: A layer's name in any case, or a `torch.nn.Module`.
            activation: An activation's name in any case.
            optimizer: SGD, Adam, AdamW, Adagrad, ASGD or RMSprop; without a layer, the options are the
                optimizer's, e.g. add(optimizer="SGD", momentum=0.8).
            options: The layer's options, such as size=(4, 10).

        Raises:
            LayerError: Something is unknown or does not fit; the network is as it was.
            TrainingError: The optimizer or an option of it is unknown.
        """
        if "optimmizer" in options:
            warn("add(optimmizer=...) is read as optimizer=.")
            optimizer = optimizer or options.pop("optimmizer")
            options.pop("optimmizer", None)
        check_arguments(layer, activation, optimizer, options)
        if layer is None and activation is None:
            if optimizer is None:
                raise LayerError("add(): name a layer, an activation or an optimizer.")
            name, options = optimizers.optimizer_name(optimizer), frozen(options)
            optimizers.check_optimizer_options(name, options)
            self.optimizer, self._optimizer_options = name, options
            self._calls += 1
            return
        name = self.optimizer if optimizer is None else optimizers.optimizer_name(optimizer)
        if self._has_to_wait(layer):
            self._waiting.append((layer, activation, optimizer, options))
            return
        if isinstance(layer, str):
            self._read_as_tokens(layer)
        self._fit_pictures(layer, options)
        self._check_pairs(layer, options)
        added = self._definition.add(self._calls + 1, layer, activation, options)
        if name != self.optimizer:
            self.optimizer, self._optimizer_options = name, {}
        self._calls += 1
        self._net = None
        self._trained = {}
        self._apply_color()
        if self.verbose:
            say(describe_added(added, self._data.train.batch_size if self._data else None))

    def _has_to_wait(self, layer: str | nn.Module | None) -> bool:
        """Tell whether a call of `add` waits for data or a checkpoint.

        A module of the user's own in front says nothing about what it takes; so it waits, and what is
        added after it.
        """
        first = isinstance(layer, nn.Module) and not self._definition.entries
        return self._definition.input_shape is None and (bool(self._waiting) or first)

    def _read_as_tokens(self, layer: str) -> None:
        """Read a table of whole numbers as tokens, where the network begins with a layer that wants them."""
        data = self._data
        if data is not None and data.kind == "table" and not self._calls and find(layer).reads_tokens:
            self._use(data.as_tokens())

    def _fit_pictures(self, layer: str | nn.Module | None, options: Mapping[str, Any]) -> None:
        """Bring picture files to the size that a diffusion model draws; other networks take them as they are.

        Raises:
            DataError: The data is such as only a diffusion model can learn from, and this is none.
        """
        if self._data is None:
            return
        found = find(layer) if isinstance(layer, str) else None
        made = make(found.kind, options) if found is not None and found.diffusion else None
        if isinstance(made, DiffusionModel):
            if self._definition.entries:
                return  # the error that follows tells more
            before, fitted = self._data, self._data.in_size(made.img_size)
            if self.verbose and fitted.sample != before.sample:
                say(f"pictures are brought to {made.img_size} x {made.img_size}")
            if fitted is not before:
                self._use(fitted)
        elif self._data.problem is not None:
            raise self._data.problem

    def _check_pairs(self, layer: str | nn.Module | None, options: Mapping[str, Any]) -> None:
        """Refuse a transformer that the loaded targets do not fit, as a layer that the samples do not fit."""
        if self._data is None or self._definition.entries or not isinstance(layer, str):
            return
        if find(layer).teacher_forcing and self._data.kind == "tokens":
            made = make(layer, options)
            pairs.check_data(self._data, made.resolve(self._data.sample), self.task)

    def _use(self, data: Data) -> Any:
        shape = self._definition.input_shape if self._definition.diffusion else None
        if shape is not None and shape["height"] is not None:
            data = data.in_size(shape["height"])
        elif data.problem is not None and (self._definition.has_layers or self._waiting):
            raise data.problem
        if data.kind == "table" and self._definition.reads_tokens:
            data = data.as_tokens()
        data = in_numbers(data, self.task, self._numbers)
        if self._definition.teacher_forcing and data.kind == "tokens":
            pairs.check_data(data, self._definition.entries[0].layer, self.task)
        self._definition.num_classes = len(data.classes) or None
        self._definition.set_input(data.sample, data.normalize)
        self._data, self._net = data, None
        self.color = data.preprocess.color if data.preprocess else None
        self._set_vocabulary(data.vocabulary)
        waiting, self._waiting = self._waiting, []
        for layer, activation, optimizer, options in waiting:
            self.add(layer, activation, optimizer, **options)
        return data.train if data.validation is None else (data.train, data.validation)

    def _set_vocabulary(self, vocabulary: dict[str, int] | None) -> None:
        if vocabulary is not None:
            self.word2idx = dict(vocabulary)
            self.idx2word = self.ix2word = {number: word for word, number in vocabulary.items()}

    @property
    def color(self) -> str | None:
        """ "RGB" or "grayscale" where pictures go in or come out, else None."""
        return self._color

    @color.setter
    def color(self, value: str | None) -> None:
        if value is not None and str(value) not in COLORS:
            hint = did_you_mean(str(value), COLORS) or "."
            raise InputError(f"color={value!r}: unknown{hint} Known: {', '.join(COLORS)}.")
        self._color = value
        self._apply_color()

    def _apply_color(self) -> None:
        """Let a diffusion model that knows no pictures yet draw in the colours that were asked for."""
        if self._color is None or not self._definition.diffusion:
            return
        channels, shape = COLORS[self._color], self._definition.input_shape
        if shape is None or shape["channel"] == channels:
            return
        if self._data is not None or self._loaded is not None:
            raise InputError(
                f"color={self._color!r}: this network draws pictures of {shape['channel']} channel(s), as "
                "its data or its checkpoint has them."
            )
        self._definition.set_input(Shape.image(channels, *shape.sizes[1:]))
        self._net = None

    def _no_diffusion(self, call: str) -> None:
        """Refuse what only networks with an output for an input can do."""
        if self._definition.diffusion:
            raise InputError(
                f"{call}: this is a diffusion model, which draws pictures out of noise: use sample(num=16) "
                "or inference(num=16)."
            )

    def _no_pairs(self, call: str) -> None:
        """Refuse what only networks with a single input can do."""
        if self._definition.teacher_forcing:
            raise InputError(
                f"{call}: this network goes from sequence to sequence and has two inputs: use "
                "generate(source), or inference((source, target))."
            )

    @property
    def model(self) -> Net:
        """The torch module."""
        if self._net is None:
            self._need_layers()
            self._net = self._definition.build()
        return self._net

    def card(self) -> ModelCard:
        """Return what the model says about itself."""
        return self._card(self._trained)

    def _card(self, how: Mapping[str, Any] | None) -> ModelCard:
        self._need_layers()
        before = self._loaded.card if self._loaded else None
        return describe(self.task, self._definition, self._data, before, how)

    def _need_layers(self) -> None:
        if self._waiting:
            raise LayerError(
                "the layers wait, since a module of your own in front does not say what it takes: load data "
                "(load_dataset, load_img_data, ...) or a checkpoint (load) first."
            )
        if not self._definition.has_layers:
            raise LayerError("the network has no layers yet: add some, or load a checkpoint.")

    def _need_data(self) -> Data:
        if self._data is None:
            raise DataError(
                "there is no data to learn from: call load_img_data, load_tab_data, load_npz_data "
                "or load_dataset first."
            )
        return self._data

    def _reader(self) -> running.Reader | None:
        """How a picture is read where training read it by a function of the user's own."""
        return None if self._data is None else self._data.read

    def _example(self) -> torch.Tensor | None:
        if self._data is not None:
            return torch.from_numpy(self._data.example.copy())
        return self._loaded.example if self._loaded else None


def in_numbers(data: Data, task: str, numbers: Numbers) -> Data:
    """Return data whose tokens and classes have the numbers that a network learned.

    Raises:
        DataError: It holds a word that the network does not know, or only some of its classes.
    """
    vocabulary, classes = numbers
    if task == "embed" and not set(data.classes) <= set(classes):
        classes = ()  # vectors can tell apart classes that the network has not seen
    return data.renumbered(vocabulary, classes)
