"""What a network is made of: its layers, its data and what it was loaded from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.preprocess import COLORS
from onnxnn_runtime.defaults import TASKS
from onnxnn_runtime.errors import DataError, InputError, TrainingError, name_hint
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.messages.suggestions import key_of

from onnxnn.data import Batches, Data
from onnxnn.definition.definition import Definition, Net
from onnxnn.inference.evaluation import data_of
from onnxnn.training.history import History

from .attributes import VALUES
from .state import NetworkState, OptimizerChoice

Array = np.ndarray[Any, Any]


class NetworkCore:
    """What the functions that are `Network`'s methods share: its state, and what is kept of the last calls.

    A call that succeeds replaces the state; one that is refused leaves it.
    """

    def __init__(self, task: str | None = None, save_fold: str | None = None, verbose: int = 1) -> None:
        name = "cls" if task is None else key_of(task)
        if name not in TASKS:
            raise TrainingError.coded(
                "E-TRAIN-03",
                "nn({task}): unknown task{hint} Known: {known}.",
                task=shortened(task),
                hint=name_hint(name, TASKS),
                known=", ".join(TASKS),
            )
        self.save_fold = "checkpoints" if save_fold is None else VALUES["save_fold"](save_fold)
        self.verbose = VALUES["verbose"](verbose)
        self._word2idx: dict[str, int] | None = None
        self._idx2word: dict[int, str] | None = None
        self.history = History()
        self.result: Array | None = None
        self.val_label: Array | None = None
        self._files: tuple[str, ...] = ()  # those that the last `inference` looked at, where it had several
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
        return self._state.optimizer.name

    @optimizer.setter
    def optimizer(self, value: str) -> None:
        before = self._state.optimizer
        options = before.options if value == before.name else {}
        self._state = replace(self._state, optimizer=OptimizerChoice(value, options, is_chosen=True))

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
        vocabulary = None if preparation is None else preparation.vocabulary
        self._word2idx = None if vocabulary is None else dict(vocabulary)
        self._idx2word = None if vocabulary is None else {id_: word for word, id_ in vocabulary.items()}
        self._say(lines)

    def _say(self, lines: Iterable[str]) -> None:
        """Print lines about what is done, unless the network is silent."""
        if self.verbose:
            for line in lines:
                say(line)

    def _as_now(self, batches: Batches) -> Batches:
        """Return batches that a load method returned as the network has its data prepared now."""
        return self._state.as_now(data_of(batches)).train

    @property
    def word2idx(self) -> dict[str, int] | None:
        """The id of each token, as the data or the checkpoint has it, else None."""
        return self._word2idx

    @word2idx.setter
    def word2idx(self, value: dict[str, int] | None) -> None:
        _refuse_other("word2idx", value, self._word2idx)

    @property
    def idx2word(self) -> dict[int, str] | None:
        """The token of each id, as the data or the checkpoint has it, else None."""
        return self._idx2word

    @idx2word.setter
    def idx2word(self, value: dict[int, str] | None) -> None:
        _refuse_other("idx2word", value, self._idx2word)

    ix2word = idx2word

    @property
    def color(self) -> str | None:
        """ "RGB" or "grayscale" where images are the input or output, else None."""
        return self._state.color

    @color.setter
    def color(self, value: str | None) -> None:
        if value is not None and (not isinstance(value, str) or value not in COLORS):
            raise InputError.coded(
                "E-INPUT-06",
                "color={value}: unknown color{hint} Known: {known}.",
                value=shortened(value),
                hint=name_hint(value, COLORS),
                known=", ".join(COLORS),
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
            raise DataError.coded(
                "E-TRAIN-01",
                "there is no data to train on. Call load_img_data, load_tab_data, load_npz_data or "
                "load_dataset first.",
            )
        return self._data


def _refuse_other(name: str, value: object, own: object) -> None:
    """Refuse to set a vocabulary that is not the network's.

    Raises:
        TrainingError: It is another one.
    """
    if value != own:
        raise TrainingError.coded(
            "E-DATA-11",
            "{name}: cannot be set, since the vocabulary belongs to the data. Write load_dataset(x, "
            "word2idx=...), or load a checkpoint that has it.",
            name=name,
        )
