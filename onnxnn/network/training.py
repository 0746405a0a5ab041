"""Training a network and measuring it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import DataError, OutputError, TrainingError
from onnxnn_runtime.files.access import as_path
from onnxnn_runtime.messages.catalogue import coded
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.checkpoint import checkpoint as checkpoints
from onnxnn.checkpoint.checkpoint import Checkpoint
from onnxnn.console.display import show_images
from onnxnn.inference.evaluation import batches_of
from onnxnn.inspection import history_plot
from onnxnn.inspection.live import Live, live_path
from onnxnn.training import job as jobs
from onnxnn.training.callbacks import Callback
from onnxnn.training.class_weights import ClassWeight
from onnxnn.training.device import Machine
from onnxnn.training.device_options import DeviceOptions
from onnxnn.training.ending import loss_of
from onnxnn.training.history import History
from onnxnn.training.losses import official_name
from onnxnn.training.machine import machine_for
from onnxnn.training.random_state import seed_all
from onnxnn.training.settings import TrainSettings
from onnxnn.training.trainer import Trainer

from .adapting import adapted
from .core import NetworkCore
from .custom_weights import custom_weights_kept
from .once import written_once
from .restoring import restored
from .state import NetworkState, OptimizerChoice

__all__ = ["evaluate", "plot_history", "set_seed", "train"]


def train(  # noqa: PLR0913  # self is counted where a function is a method
    self: NetworkCore,
    lr: float | None = None,
    epochs: int = 30,
    batch_num: int = 1,
    batch_size: int | None = None,
    save_fold: str | None = None,
    loss: str | None = None,
    metrics: str | Sequence[str] | None = None,
    *,
    filename: str = "basenn.pth",
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    schedule: str | Mapping[str, object] | None = None,
    clip: float | None = None,
    patience: int | None = None,
    monitor: str | None = None,
    ema: float | None = None,
    samples_every: int | None = None,
    class_weight: ClassWeight = None,
    device: str = "auto",
    devices: int = 1,
    strategy: str = "auto",
    precision: str | int = "32-true",
    callbacks: Sequence[Callback] = (),
    live: bool | str | Path = False,
) -> History:
    """Train, write checkpoints into `save_fold`, and return the history.

    `basenn.pth` holds the last epoch, `best.pth` the best one where there is validation data, those of a
    training that is resumed among them, and `basenn.csv` the history. Ctrl-C ends training and keeps
    what was learned. A last batch of a single sample joins the batch before it.

    What is trained is a torch module of its own, `trainer.net` in a callback, which the network takes when
    training is over; custom modules are trained themselves. A training that is refused or fails, because the
    loss becomes NaN or a callback raises, leaves the network and its data as they were.

    Args:
        lr, epochs, batch_size, loss, metrics, schedule, clip, patience, monitor, ema, samples_every: See
            `onnxnn.training.settings.TrainSettings`.
        class_weight: See `onnxnn.training.settings.TrainSettings`.
        batch_num: Accepted as BaseNN has it, without effect there and here.
        save_fold: Where checkpoints go, from now on.
        filename: The checkpoint's name.
        checkpoint: Resume from this checkpoint for `epochs` more, with its optimizer's and random
            state, and its learning rate and loss unless `lr` and `loss` are given. The schedule starts
            again.
        resume: Finish the interrupted training of this checkpoint, with its own settings, and write
            to it. The other settings of this call do not count.
        device, devices, strategy, precision: See `onnxnn.training.device_options.DeviceOptions`.
        callbacks: Instances of `onnxnn.Callback`, called during training.
        live: True writes live.html into `save_fold` as training goes: curves, mistakes as images, the first
            layer's weights, sampled images. A path is that of the page. It loads itself again in a browser; a
            notebook shows it in its place.

    Raises:
        TrainingError: A name is unknown, a number is out of range, or sizes do not match; or the loss
            became NaN.
        CheckpointError: The checkpoint cannot be used, or is of another network.
        DataError: There is no data, or it has other words or classes than the checkpoint's.
        DeviceError: This machine does not have the device.
        OutputError: The checkpoint cannot be written; known before the first epoch, or it became so.
    """
    _check_call(self, checkpoint, resume, callbacks)
    folder, file = _places(self.save_fold if save_fold is None else save_fold, filename)
    wanted = TrainSettings(
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=self._state.optimizer.name,
        optimizer_options=self._state.optimizer.options,
        loss=loss,
        metrics=metrics,  # type: ignore[arg-type]  # any spelling comes in, names come out
        schedule=schedule,
        clip=clip,
        patience=patience,
        monitor=monitor,
        ema=ema,
        samples_every=samples_every,
        class_weight=class_weight,
    )
    where = DeviceOptions(device, devices, strategy, precision, bool(self._state.custom_modules()))
    start, finish = resume if checkpoint is None else checkpoint, resume is not None
    with (machine := machine_for(where)).training(), custom_weights_kept(self._state):
        before, state = _started(self._state, start)
        settings = jobs.settings_of(wanted, before, finish, start, not state.optimizer.is_chosen)
        state, lines = adapted(_with_optimizer(state, settings), settings.loss)
        watched = [*callbacks, *_live(state, live_path(live, folder), folder.name, self.verbose)]
        state, job = _job(state, before is None, settings, Path(resume or file), self.verbose, watched)
        trainer = job.prepare(machine, before, finish)
        self._say((*lines, *trainer.optimization.lines))
        state, stopped = _trained(state, job, trainer)
    self._become((state, ()))
    self.save_fold, self.history = str(folder), trainer.history
    _raise(stopped, machine)
    return self.history


def _raise(stopped: BaseException | None, machine: Machine) -> None:
    """Raise what ended training but leaves what was learned, if anything did, in every process."""
    if stopped is not None:
        with machine.training():
            raise stopped


def _check_call(self: NetworkCore, checkpoint: object, resume: object, callbacks: object) -> None:
    self._need_data()
    _check_one_start(checkpoint, resume)
    _check_callbacks(callbacks)


def _with_optimizer(state: NetworkState, settings: TrainSettings) -> NetworkState:
    """Return the network with the optimizer that trains it."""
    is_chosen = state.optimizer.is_chosen
    return replace(
        state, optimizer=OptimizerChoice(settings.optimizer, settings.optimizer_options, is_chosen)
    )


def _live(state: NetworkState, page: Path | None, title: str, verbose: int) -> list[Callback]:
    """Return what writes the live page, where one is wanted.

    Args:
        state: The network as it is to be trained.
        page: The page, or None.
        title: What the page calls the training.
        verbose: 0 says nothing.
    """
    if page is None:
        return []
    classes = present(state.data).classes if state.kind.classifies else ()
    return [Live(page, state.definition, classes, title, verbose)]


def _job(
    state: NetworkState,
    is_shared: bool,
    settings: TrainSettings,
    path: Path,
    verbose: int,
    callbacks: Sequence[Callback],
) -> tuple[NetworkState, jobs.Job]:
    """Return the network with the weights that are trained, and everything that one training needs.

    Args:
        state: The network as it is to be trained.
        is_shared: Whether its weights are still those of the network before.
        settings, path, verbose, callbacks: As for `Job`.
    """
    data = present(state.data)
    if settings.batch_size is not None:
        data = data.with_batch_size(settings.batch_size)
    jobs.check(state.kind, data, settings)
    if is_shared:
        state = state.with_own_weights()
    describe = state.owning().card
    return state, jobs.Job(state.kind, state.net, data, settings, path, describe, verbose, callbacks)


def _trained(
    state: NetworkState, job: jobs.Job, trainer: Trainer
) -> tuple[NetworkState, OutputError | KeyboardInterrupt | None]:
    """Return the network as it was trained, and what ended training but leaves what was learned.

    That is a file that cannot be written any more, or Ctrl-C while the last files are written.

    Raises:
        TrainingError: The loss became NaN.
    """
    try:
        return state.with_training(job.run(trainer)), None
    except OutputError as error:
        return state.owning(), error
    except KeyboardInterrupt as error:
        if not trainer.interrupted:  # training had not begun
            raise
        return state.owning(), error


def _check_one_start(checkpoint: object, resume: object) -> None:
    if checkpoint is not None and resume is not None:
        raise TrainingError(
            coded(
                "E-CALL-02",
                "train(): expected checkpoint= or resume=, got both. Give checkpoint= to train more "
                "epochs, or resume= to finish a training.",
            )
        )


def _check_callbacks(callbacks: object) -> None:
    if not isinstance(callbacks, list | tuple) or not all(isinstance(c, Callback) for c in callbacks):
        raise TrainingError(
            coded(
                "E-TRAIN-06",
                "callbacks={value}: expected a list of instances of onnxnn.Callback.",
                value=shortened(callbacks),
            )
        )


def _places(save_fold: str, filename: str) -> tuple[Path, Path]:
    """Return the folder of the checkpoints, and the file of the last epoch."""
    folder = as_path(save_fold, "save_fold", TrainingError)
    return folder, folder / _checkpoint_name(filename)


def _checkpoint_name(filename: str) -> Path:
    file = as_path(filename, "filename", TrainingError)
    if not file.name:
        raise TrainingError(
            coded(
                "E-TRAIN-03",
                "filename={value}: expected the name of a file, such as 'basenn.pth'.",
                value=shortened(filename),
            )
        )
    return file


def _started(state: NetworkState, path: str | Path | None) -> tuple[Checkpoint | None, NetworkState]:
    """Return the checkpoint to resume, if any, and the network with its weights; see `restored`.

    Raises:
        LayerError: The network has no layers.
    """
    if path is None:
        state.check_layers()
        return None, state
    loaded = checkpoints.load(path)
    return loaded, restored(state, loaded, path, own_layers=state.definition.has_layers)


def evaluate(
    self: NetworkCore,
    data: object = None,
    loss: str | None = None,
    metrics: str | Sequence[str] | None = None,
    batch_size: int = 32,
    channel_order: str | None = None,
    *,
    header: bool | None = None,
) -> dict[str, float]:
    """Return the loss and the metrics on data.

    Args:
        data: (x, y) as for `load_dataset`, batches, or a path as for the loader that was used for
            training; None takes the validation data.
        loss: As for `train`; None takes that of the training, but for ArcFace, whose weights are not the
            network's; the task's usual one where there was none.
        metrics: As for `train`; None takes acc for classes, mae for values, acc and exact (the share
            of whole sequences) for pairs; a diffusion model has its loss alone, with the same noise each
            time.
        batch_size: How many samples to run at once.
        channel_order: "rgb", or "bgr" for arrays of images that OpenCV read; None as the network was
            trained. Files are RGB always.
        header: Whether the first row of a CSV file is a heading; None decides by what stands there.

    Raises:
        DataError: The data does not match the network.
    """
    if data is None:
        data = self._need_data().validation
        if data is None:
            raise DataError(
                coded(
                    "E-TRAIN-01",
                    "evaluate(): there is no validation data. Load data with train_val_ratio=0.8, or "
                    "give data.",
                )
            )
    card, state = self.card(), self._state
    classes = card.classes
    trained = loss_of(card)
    if loss is None and trained is not None and official_name(trained) != "ArcFace":
        loss = trained
    batches = batches_of(data, card, state.preparation, state.prepared, batch_size, channel_order, header)
    return jobs.evaluate_network(self._state.kind, self.model, batches, len(classes), loss, metrics)


def set_seed(self: NetworkCore, seed: int) -> None:
    """Make what follows repeatable: same seed, same processor, same bits.

    Args:
        seed: An integer from 0 to 2³² - 1.

    Raises:
        TrainingError: It is none.
    """
    check_seed("set_seed", seed)
    seed_all(int(seed))
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def check_seed(call: str, seed: object) -> None:
    """Refuse what is no seed.

    Raises:
        TrainingError: It is none.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise TrainingError.coded(
            "E-TRAIN-03",
            "{call}({seed}): expected an integer from 0 to {highest} as the seed. Use 0.",
            call=call,
            seed=shortened(seed),
            highest=2**32 - 1,
        )


@written_once
def plot_history(
    self: NetworkCore, path: str | Path = "history.png", title: str = "", force: bool = False
) -> Path:
    """Draw the last training's history into an image, which a notebook shows.

    Args:
        path, title, force: See `onnxnn.inspection.history_plot.plot_history`.
    """
    written = history_plot.plot_history(self.history, path, title, force)
    show_images(written)
    return written
