"""Training a network and measuring it."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.errors import (
    DataError,
    OutputError,
    TrainingError,
)
from onnxnn_runtime.files import as_path
from onnxnn_runtime.streams import say

from onnxnn import checkpoint as checkpoints
from onnxnn import pairs
from onnxnn.callbacks import Callback
from onnxnn.checkpoint import Checkpoint
from onnxnn.data import Data
from onnxnn.device import Machine
from onnxnn.evaluation import batches_of
from onnxnn.history import History
from onnxnn.notebook import show_images
from onnxnn.plot import plot_history
from onnxnn.settings import Settings
from onnxnn.training import job as jobs

from .core import in_numbers
from .files import Files


class Training(Files):
    """Training and measuring."""

    def train(
        self,
        lr: float | None = None,
        epochs: int = 30,
        batch_num: int = 1,
        batch_size: int | None = None,
        save_fold: str | None = None,
        loss: str | None = None,
        metrics: str | Sequence[str] | None = None,
        filename: str = "basenn.pth",
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        clip: float | None = None,
        patience: int | None = None,
        monitor: str | None = None,
        ema: float | None = None,
        samples_every: int | None = None,
        device: str = "auto",
        devices: int = 1,
        strategy: str = "auto",
        precision: str | int = "32-true",
        callbacks: Sequence[Callback] = (),
    ) -> History:
        """Train, write checkpoints into `save_fold`, and return the history.

        `basenn.pth` holds the last epoch, `best.pth` the best one where there is validation data, those of a
        training that is gone on with among them, and `basenn.csv` the history. Ctrl-C ends training and keeps
        what was learned. What is refused leaves the network and its data as they were. A last batch of a
        single sample joins the batch before it.

        Args:
            lr, epochs, batch_size, loss, metrics, schedule, clip, patience, monitor, ema, samples_every: See
                `onnxnn.settings.Settings`.
            batch_num: Accepted as BaseNN has it, without effect there and here.
            save_fold: Where checkpoints go, from now on.
            filename: The checkpoint's name.
            checkpoint: Go on from this checkpoint for `epochs` more, with its optimizer's and random
                state, and its learning rate unless `lr` is given. The schedule begins anew.
            resume: Finish the interrupted training of this checkpoint, with its own settings, and write
                to it. The other settings of this call do not count.
            device, devices, strategy, precision: See `onnxnn.device.Machine`.
            callbacks: Instances of `onnxnn.callbacks.Callback`, what to do beside.

        Raises:
            TrainingError: A name is unknown, a number is out of range, or sizes do not fit; or the loss
                became NaN, and the network has the weights with which training began.
            CheckpointError: The checkpoint cannot be used, or is of another network.
            DataError: There is no data, or it has other words or classes than the checkpoint's.
            DeviceError: This machine does not have the device.
            OutputError: The checkpoint cannot be written; known before the first epoch, or it became so.
        """
        data = self._need_data()
        if checkpoint is not None and resume is not None:
            raise TrainingError("train(): give checkpoint= to add epochs, or resume= to finish, not both.")
        if not isinstance(callbacks, list | tuple) or not all(isinstance(c, Callback) for c in callbacks):
            raise TrainingError(
                f"callbacks={callbacks!r}: must be a list of instances of onnxnn.callbacks.Callback."
            )
        folder = as_path(self.save_fold if save_fold is None else save_fold, "save_fold", TrainingError)
        file = as_path(filename, "filename", TrainingError)
        if not file.name:
            raise TrainingError(f"filename={filename!r}: must be the name of a file, such as 'basenn.pth'.")
        wanted = Settings(
            lr,
            epochs,
            batch_size,
            self.optimizer,
            self._optimizer_options,
            loss,
            metrics,  # type: ignore[arg-type]  # any spelling comes in, names come out
            schedule,
            clip,
            patience,
            monitor,
            ema,
            samples_every,
        )
        machine = Machine(device, devices, strategy, precision)
        samples_in_a_batch = data.train.batch_size
        try:
            with self._as_it_was_if_refused():
                before = self._go_on_from(resume if checkpoint is None else checkpoint)
                data = self._in_outputs(self._data or in_numbers(data, self.task, self._numbers))
                settings = jobs.settings_of(wanted, before, resume is not None, resume)
                changed = self._give_last_step_only(data)
                self.save_fold = str(folder)
                job = jobs.Job(
                    self.task,
                    self._definition,
                    self.model,
                    data,
                    settings,
                    folder / file if resume is None else Path(resume),
                    self._card,
                    self.verbose,
                    callbacks,
                )
                trainer = job.prepare(machine, before, resume is not None)
            if changed and self.verbose:
                say(f"{changed}: return_sequences=False, since the data has one label for each sequence")
            try:
                self._trained = job.run(trainer)
            except OutputError:
                self.history = trainer.history  # what was learned is in memory
                raise
        except BaseException:
            data.train.batch_size = samples_in_a_batch
            raise
        self.history = trainer.history
        self._numbers = data.vocabulary, data.classes
        return self.history

    def evaluate(
        self,
        data: Any = None,
        loss: str | None = None,
        metrics: str | Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> dict[str, float]:
        """Return the loss and the metrics on data.

        Args:
            data: (x, y) as for `load_dataset`, batches, or a path as for the loader that was used for
                training; None takes the validation data.
            loss: As for `train`; None takes the task's usual one.
            metrics: As for `train`; None takes acc for classes, mae for values, acc and exact (the share
                of whole sequences) for pairs; a diffusion model has its loss alone, with the same noise each
                time.
            batch_size: How many samples to run at once.

        Raises:
            DataError: The data does not fit the network.
        """
        if metrics is None:
            metrics = "mae" if self.task in ("reg", "gen") else "acc"
            metrics = pairs.METRICS if self.model.teacher_forcing else metrics
            metrics = () if self.model.diffusion else metrics
        if data is None:
            data = self._need_data().validation
            if data is None:
                raise DataError("there is no validation data: load with train_val_ratio=0.8, or give data.")
        card = self.card()
        classes = card.output.classes if card.diffusion is None else card.diffusion.classes
        batches = batches_of(data, card.task, card.input, classes, batch_size)
        return jobs.evaluate_network(
            self.task, self._definition, self.model, batches, len(classes), loss, metrics
        )

    def set_seed(self, seed: int) -> None:
        """Make what follows repeatable: same seed, same processor, same bits.

        Args:
            seed: A whole number from 0 to 2³² - 1.

        Raises:
            TrainingError: It is none.
        """
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
            raise TrainingError(f"set_seed({seed!r}): a seed is a whole number from 0 to {2**32 - 1}.")
        seed = int(seed)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True

    def plot_history(self, path: str | Path = "history.png", title: str = "", force: bool = False) -> Path:
        """Draw the last training's history into an image; see `onnxnn.plot`."""
        written = plot_history(self.history, path, title, force)
        show_images(written)
        return written

    @contextmanager
    def _as_it_was_if_refused(self) -> Iterator[None]:
        """Leave the network, its weights and its data as they were where what is inside raises an error."""
        attributes = dict(self.__dict__)
        parts = [] if self._data is None else [self._data.train, self._data.validation]
        samples = [(part, part.samples) for part in parts if part is not None]
        net = self.model if self._definition.has_layers else None
        weights = None if net is None else copy.deepcopy(net.state_dict())
        try:
            yield
        except BaseException:
            if net is not None and weights is not None:
                net.load_state_dict(weights)
            for part, held in samples:
                part.samples = held
            self.__dict__.update(attributes)
            raise

    def _in_outputs(self, data: Data) -> Data:
        """Give labels such as 1, 2, 3 the outputs of their own numbers, where the network has so many."""
        names, shape = data.classes, self._definition.output_shape
        units = None if shape is None or "channel" in shape.axes else shape.sizes[-1]
        are_labels = self.task == "cls" and names and data.resized is None  # and no names of picture folders
        if units is None or not are_labels or not all(name.isdecimal() for name in names):
            return data
        largest = max(map(int, names))
        if units <= largest or names == tuple(map(str, range(len(names)))):
            return data
        self._take(data.renumbered(None, tuple(map(str, range(largest + 1)))))
        assert self._data is not None
        self._definition.num_classes = len(self._data.classes)
        if self.verbose:
            say(f"the labels {', '.join(names)} are the outputs of these numbers, of 0 to {units - 1}")
        return self._data

    def _give_last_step_only(self, data: Data) -> str | None:
        """Let the network give one output per sequence, where the data has one label for each.

        Returns:
            The name of the layer that gives its last step only from now on; None where nothing was changed.
        """
        shape = self._definition.output_shape
        if shape is None or shape.axes != ("time", "feature") or shape["time"] == 1:
            return None
        if self._definition.teacher_forcing or data.train.num_targets in (shape["time"], shape.numel):
            return None  # a target for each step
        if data.train.num_targets > 1 and data.train.num_classes:
            raise TrainingError(
                f"the network gives {shape.describe()}, and the data has {data.train.num_targets} labels for "
                f"each sequence: what fits is {shape['time']}, one for each step, or one for each sequence."
            )
        found = self._definition.last_step_only()
        if found is None:
            raise TrainingError(
                f"the network gives {shape.describe()}, and the data has one label for each sequence: put "
                "add('global_avgpool') or add('flatten') before the last linear layers."
            )
        weights = self.model.state_dict()
        self._definition, name = found
        with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten
            self._net = self._definition.build()
        self._net.load_state_dict(weights)
        return name

    def _go_on_from(self, path: str | Path | None) -> Checkpoint | None:
        """Load the checkpoint to go on from, if any: into the layers that were added, or with its own."""
        if path is None:
            return None
        if not self._definition.has_layers:
            self.load(path)
            assert self._loaded is not None
            return self._loaded
        loaded = checkpoints.load(path)
        self._fill(loaded, path)
        self._remember(loaded)
        return loaded
