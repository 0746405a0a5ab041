"""What a network is made of: its layers, its data and what it was loaded from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.preprocess import COLORS
from onnxnn_runtime.defaults import TASKS
from onnxnn_runtime.errors import DataError, InputError, LayerError, TrainingError, name_hint
from onnxnn_runtime.messages.catalogue import coded, gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.messages.suggestions import key_of
from onnxnn_runtime.messages.warn import warn
from torch import nn

from onnxnn.data import Batches, Data
from onnxnn.data.labels import ValuesError
from onnxnn.definition.definition import Definition, Net
from onnxnn.inference import predict as running
from onnxnn.inference.evaluation import data_of
from onnxnn.layers.adding import check_arguments
from onnxnn.layers.registry import frozen
from onnxnn.training import optimizers
from onnxnn.training.history import History

from .attributes import VALUES
from .state import NetworkState

Array = np.ndarray[Any, Any]


class Core:
    """The state that all rooms share, and `add`, which every network begins with.

    Each room is a class of its own, a few methods that call the modules which do the work; `Network` is
    all of them together. A call that succeeds replaces the state; one that is refused leaves it.
    """

    def __init__(self, task: str | None = None, save_fold: str | None = None, verbose: int = 1) -> None:
        name = "cls" if task is None else key_of(task)
        if name not in TASKS:
            raise TrainingError(
                coded(
                    "E-TRAIN-03",
                    "nn({task}): unknown task{hint} Known: {known}.",
                    task=shortened(task),
                    hint=name_hint(name, TASKS),
                    known=", ".join(TASKS),
                )
            )
        self.save_fold = "checkpoints" if save_fold is None else VALUES["save_fold"](save_fold)
        self.verbose = VALUES["verbose"](verbose)
        self.word2idx: dict[str, int] | None = None
        self.idx2word: dict[int, str] | None = None
        self.ix2word: dict[int, str] | None = None
        self.history = History()
        self.result: Array | None = None
        self.val_label: Array | None = None
        self._optimizer = "Adam"
        self._optimizer_options: dict[str, Any] = {}
        self._optimizer_chosen = False
        self._state = NetworkState(task=name, is_task_open=task is None)

    @property
    def task(self) -> str:
        """ "cls", "reg", "gen" or "embed"."""
        return self._state.task

    @task.setter
    def task(self, value: str) -> None:
        self._state = replace(self._state, task=value, is_task_open=False)

    @property
    def optimizer(self) -> str:
        """The optimizer's name, as `add(optimizer=...)` sets it."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: str) -> None:
        if value != self._optimizer:
            self._optimizer, self._optimizer_options = value, {}
        self._optimizer_chosen = True

    @property
    def _data(self) -> Data | None:
        return self._state.data

    @property
    def _definition(self) -> Definition:
        return self._state.definition

    def _become(self, changed: tuple[NetworkState, tuple[str, ...]]) -> None:
        """Take a new state, and print what was done."""
        self._state, lines = changed
        preparation = self._state.preparation
        self._set_vocabulary(None if preparation is None else preparation.vocabulary)
        if self.verbose:
            for line in lines:
                say(line)

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
            LayerError: Something is unknown or does not match; the network is as it was.
            TrainingError: The optimizer or an option of it is unknown.
        """
        if "optimmizer" in options:
            warn(gettext("add(optimmizer=...) is read as optimizer=."))
            optimizer = optimizer or options.pop("optimmizer")
            options.pop("optimmizer", None)
        check_arguments(layer, activation, optimizer, options)
        if layer is None and activation is None:
            if optimizer is None:
                raise LayerError(
                    coded(
                        "E-CALL-02",
                        "add(): expected a layer, an activation or an optimizer, got none. Name one, such as "
                        "add('linear', size=(4, 3)).",
                    )
                )
            name, options = optimizers.optimizer_name(optimizer), frozen(options)
            optimizers.check_optimizer_options(name, options)
            self.optimizer, self._optimizer_options = name, options
            self._state = replace(self._state, calls=self._state.calls + 1)
            return
        chosen = None if optimizer is None else optimizers.optimizer_name(optimizer)
        self._become(self._state.with_layer(layer, activation, options))
        if chosen is not None:
            self.optimizer = chosen

    def _load(self, read: Callable[[str], Data], are_values: bool = False) -> Any:
        """Load data, as values to predict where its labels are no classes and no task was chosen.

        Args:
            read: Returns the data for a task.
            are_values: Whether the call says that labels are values.
        """
        try:
            return self._use(read(self.task))
        except ValuesError as error:
            state = self._state
            if state.task != "cls" or state.owned is not None or not (state.is_task_open or are_values):
                raise
            try:
                data = read("reg")
            except DataError:
                raise error from None
            line = gettext("{error} They are read as values to predict, as by nn('reg').", error=error)
            data = replace(data, remarks=(line, *data.remarks))
            return self._use(data, replace(state, task="reg"))

    def _use(self, data: Data, state: NetworkState | None = None) -> Any:
        self._become((self._state if state is None else state).with_data(data))
        parts = tuple(part.handed_out(self._as_now) for part in self._need_data().parts)
        return parts[0] if len(parts) == 1 else parts

    def _as_now(self, batches: Batches) -> Batches:
        """Return batches that a load method returned as the network has its data prepared now."""
        return self._state.as_now(data_of(batches)).train

    def _set_vocabulary(self, vocabulary: Mapping[str, int] | None) -> None:
        if vocabulary is not None:
            self.word2idx = dict(vocabulary)
            self.idx2word = self.ix2word = {number: word for word, number in vocabulary.items()}

    @property
    def color(self) -> str | None:
        """ "RGB" or "grayscale" where images are the input or output, else None."""
        return self._state.color

    @color.setter
    def color(self, value: str | None) -> None:
        if value is not None and (not isinstance(value, str) or value not in COLORS):
            raise InputError(
                coded(
                    "E-INPUT-06",
                    "color={value}: unknown color{hint} Known: {known}.",
                    value=shortened(value),
                    hint=name_hint(value, COLORS),
                    known=", ".join(COLORS),
                )
            )
        self._state = self._state.with_color(value)

    @property
    def model(self) -> Net:
        """The torch module."""
        return self._state.net

    def card(self) -> ModelCard:
        """Return the model card: inputs, outputs, preprocessing, training."""
        return self._state.card()

    def _need_data(self) -> Data:
        if self._data is None:
            raise DataError(
                coded(
                    "E-TRAIN-01",
                    "there is no data to train on. Call load_img_data, load_tab_data, load_npz_data or "
                    "load_dataset first.",
                )
            )
        return self._data

    def _reader(self) -> running.Reader | None:
        """How an image is read where training read it by a function given as transform."""
        preparation = self._state.preparation
        return None if preparation is None else preparation.read

    def _example(self) -> torch.Tensor | None:
        if self._data is not None:
            return torch.from_numpy(self._data.example.copy())
        checkpoint = self._state.checkpoint
        return None if checkpoint is None else checkpoint.example
