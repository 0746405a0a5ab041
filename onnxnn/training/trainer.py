"""The training loop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence

import torch
from onnxnn_runtime.errors import CheckpointError
from onnxnn_runtime.messages.catalogue import coded
from onnxnn_runtime.messages.shorten import printable

from onnxnn.data.batches import Batches
from onnxnn.models.pointwise import can_be_channels_last

from .agreement import check_agreement
from .batch_statistics import SAMPLES, SMALLEST_BATCH, BatchStatistics
from .callbacks import Callback
from .device import Machine
from .ema import MovingAverage, put
from .epoch_figures import EpochFigures
from .frozen_features import with_features
from .history import History, Row
from .learner import LossModule, Sums, figures, sums
from .metrics import Metric
from .monitor import Monitor
from .optimization import Optimization
from .random_state import random_state, set_random_state
from .resume import check_random_state
from .settings import TrainSettings
from .state import AverageState, TrainingState

__all__ = ["Trainer"]

Tensor = torch.Tensor


class Trainer:
    """One training of one network.

    Args:
        learner: The network, trained in place, and the loss to minimise.
        train: The batches to learn from.
        validation: The batches to check every epoch with, or None.
        settings: How to train.
        metrics: What else to report.
        machine: Where to train; the CPU or GPU that is there by default.
        callbacks: What to do beside.
        decay: The decay of the moving average of weights; 0 keeps none.

    Attributes:
        epoch: How many epochs are done, those of an earlier run that it resumes included.
        history: Their rows.
        learner: The network and its loss as one module.
        seen: What that is given of `train` and `validation`: features of them where layers are frozen.
        optimization: The optimizer and its schedule.
        stop: Set it to end training after the epoch.
        is_best: Whether the last epoch was the best so far.
        is_measured: Whether the running statistics of batch normalisation are those of the weights, measured
            again (see `onnxnn.training.batch_statistics`); always where there are none.
        interrupted: Whether Ctrl-C ended training.

    With a moving average of weights, `net` holds the average in validation, in what callbacks see after an
    epoch, and when training is over.
    """

    def __init__(
        self,
        learner: LossModule,
        train: Batches,
        validation: Batches | None,
        settings: TrainSettings,
        *,
        metrics: Sequence[Metric] = (),
        machine: Machine | None = None,
        callbacks: Iterable[Callback] = (),
        decay: float = 0.0,
    ) -> None:
        self.net, self.loss, self.train, self.validation = learner.net, learner.loss, train, validation
        self.settings, self.metrics, self.callbacks = settings, list(metrics), list(callbacks)
        self.machine = machine or Machine()
        self.history = History()
        self.epoch = 0
        self.stop = self.is_best = self.interrupted = False
        self._monitor = Monitor(settings.column(validation is not None), settings.patience)
        self._figures = EpochFigures(self.loss, self.metrics, 0)
        self.is_measured = True
        self._unmeasured: Row | None = None
        self._look_at = time.monotonic() + _LOOK_EVERY
        self.machine.start()
        check_agreement(self.machine, learner, train, validation, settings)
        self.seen = train, validation
        self.learner = learner.to(self.machine.device)
        self.machine.take_from_main(self.learner)
        # Convolutions run 1.2 (LeNet) to 1.7 times (MobileNetV2) as fast with channels last in memory.
        self._channels_last = can_be_channels_last(self.net)
        if self._channels_last:
            self.learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimization = Optimization(
            settings, self.learner.parameters(), len(train), self.machine.fused, self.net.lr_factors()
        )
        self._average = MovingAverage(self.net, decay) if decay else None
        self._statistics = BatchStatistics(self.learner)
        self._state: TrainingState | None = None

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self.train)

    def run(self) -> History:
        """Train to the last epoch and return the history; the network comes back on the CPU.

        Ctrl-C ends training early and keeps what was learned; a second one, while the last files are written,
        passes.

        Raises:
            TrainingError: The loss or a weight became NaN or infinite.
        """
        self._module, self._stepper = self.machine.setup(self.learner, self.optimization.optimizer)
        self.learner.train()  # every module: an earlier training leaves them in evaluation mode
        self._restore_random()
        try:
            self._all_epochs()
            if self._average is not None:
                self._average.keep()
            self._finish_measuring()
            self.machine.together(lambda: self._call("on_end"))
            self.machine.take_from_main(self.learner)  # buffers that each process has of its own samples
            self.machine.finish()
        except BaseException as error:
            self.interrupted = self.interrupted or isinstance(error, KeyboardInterrupt)
            self._call("on_failure")
            raise
        finally:
            self._leave_machine()
        return self.history

    def _all_epochs(self) -> None:
        try:
            self.machine.together(lambda: self._call("on_start"))
            if self.machine.keeps_features:
                self.seen = with_features(self.learner, *self.seen, self._prepared)
            while self.epoch < self.settings.epochs and not self.stop:
                self._one_epoch()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self.learner.eval()
            self._statistics.end()

    def _leave_machine(self) -> None:
        self.learner.zero_grad()  # gradients take as much memory as weights
        self.learner.to("cpu")
        if self._channels_last:
            self.learner.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        """Let the network hold the moving average of its weights, where there is one."""
        return contextlib.nullcontext() if self._average is None else self._average.shown()

    # ---- an epoch ------------------------------------------------------------------------------

    def _one_epoch(self) -> None:
        if not self.net.training:  # walking through all modules costs more than a small batch
            self.learner.train()
        self._unmeasured = None
        self._statistics.begin_epoch()
        self._figures = EpochFigures(self.loss, self.metrics, self.epoch)
        listeners = [c for c in self.callbacks if type(c).on_step is not Callback.on_step]
        lr = self.optimization.lr
        with self.machine.epoch():
            for x, target, share in self.machine.batches(self.seen[0], self.loss.size):
                loss, output = self._step(x, target, share)
                with self.machine.after_step():
                    self._after_step(loss, output, target, share, listeners if self.machine.is_main else [])
        self.machine.together(lambda: None)  # an error after the last step
        row, steps = self._figures.summary(self.machine)
        self.history.steps.extend(steps)
        row["lr"] = lr
        with self._averaged():
            self._finish_epoch(row)

    def _step(self, x: Tensor, target: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Learn from one batch and return (loss, what it saw), without waiting for any number."""
        x = self._laid_out(x)
        if self._statistics:
            self._statistics.begin_step()
            self.is_measured = False
        self._stepper.zero_grad()
        loss, output = self._module(x, target)
        self.machine.backward(loss if share == 1 else loss * share)
        if self.settings.clip is not None:
            self.machine.clip(self._stepper, self.settings.clip)
        self.machine.step(self._stepper)
        if self._average is not None:
            self._average.update()
        self.optimization.after_step()
        return loss.detach(), output.detach()

    def _after_step(
        self, loss: Tensor, output: Tensor, target: Tensor, share: float, listeners: Iterable[Callback]
    ) -> None:
        self._figures.add(loss, output, target, share)
        if time.monotonic() > self._look_at:  # a long epoch is not wasted on NaN
            self._figures.check_last()
            self._look_at = time.monotonic() + _LOOK_EVERY
        for listener in listeners:
            listener.on_step(self)

    def _laid_out(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last) if self._channels_last and x.ndim == 4 else x

    def _prepared(self, x: Tensor) -> Tensor:
        return self._laid_out(x.to(self.machine.device))

    def _finish_epoch(self, row: Row) -> None:
        self._figures = EpochFigures(self.loss, self.metrics, self.epoch)
        if self._average is not None:  # the statistics of training are those of other weights
            self._measure()
        row.update(self._validated())
        row["lr"] = row.pop("lr")  # last column
        self.history.append(row)
        self.epoch += 1
        self.is_best = self._monitor.judge(row)
        if self.is_best:
            self.history.best_epoch = self.epoch
        self.stop = self.stop or self._monitor.is_patience_over
        self.optimization.after_epoch(self._monitor.signed(row))
        if self.validation is not None and (self.stop or self.epoch >= self.settings.epochs):
            self._finish_measuring()  # without validation there is time until the end
        self.stop = any(self.machine.together(self._is_to_stop))

    def _is_to_stop(self) -> bool:
        """Call the callbacks after an epoch, and return whether training is to stop."""
        self._call("on_epoch")
        return self.stop

    def _validated(self, alone: bool = False) -> Row:
        """Return loss and metrics of the validation data, where there is some.

        Args:
            alone: Whether this process calls it alone.
        """
        validation = self.seen[1]
        if validation is None:
            return {}
        machine, is_shared = self.machine, self.learner.is_per_sample and not alone
        data = machine.part(validation) if is_shared else validation

        def measured() -> Sums:
            return sums(self.learner, data, self.metrics, machine.device)

        parts = [measured()] if alone else machine.together(measured)
        found = figures(parts if is_shared else parts[:1], self.metrics)
        return {f"val_{name}": value for name, value in found.items()}

    # ---- batch normalisation -------------------------------------------------------------------

    def _measure(self) -> None:
        """Measure the running statistics of the weights as they are."""
        if self.is_measured:
            return

        def run(batch: tuple[Tensor, Tensor]) -> None:
            x, target = (part.to(self.machine.device) for part in batch)
            self.learner(self._laid_out(x), target)

        self._statistics.measure(run, lambda: self.seen[0].some(SAMPLES, SMALLEST_BATCH))
        self.is_measured = True

    def _finish_measuring(self) -> None:
        """Measure the statistics of the last weights, and validate their epoch again."""
        if self.is_measured:
            return
        self._measure()
        if not self.history or self._figures:  # an epoch was broken off after it
            return
        row, found = self.history[-1], self._validated()
        self._unmeasured = {name: row[name] for name in found}  # what a training that is resumed goes by
        row.update(found)
        if self._monitor.signed(row) < self._monitor.best:
            self.is_best, self.history.best_epoch = True, self.epoch

    def measured(self, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Row]:
        """Return weights with their own running statistics, and the figures of validation for them.

        Args:
            weights: The state dict after an earlier epoch; the network's own stays as it is.
        """
        now, is_measured = _copied(self.net.state_dict()), self.is_measured
        self.net.load_state_dict(dict(weights))
        self.is_measured = False
        try:
            self._measure()
            return _copied(self.net.state_dict()), self._validated(alone=True)
        finally:
            self.net.load_state_dict(now)
            self.is_measured = is_measured

    def _call(self, hook: str) -> None:
        if self.machine.is_main:
            for callback in self.callbacks:
                getattr(callback, hook)(self)

    # ---- resuming an earlier training ----------------------------------------------------------

    def state(self, light: bool = False) -> TrainingState:
        """Return what is needed to resume: tensors, numbers, texts, lists and dicts of them.

        Args:
            light: Leave out the optimizer's and the schedule's part.
        """
        state: TrainingState = {
            "epoch": self.epoch,
            "settings": self.settings.to_data(),
            "lr": self.optimization.base_lr,
            "history": [dict(row) for row in self.history],
            "unmeasured": None if self._unmeasured is None else dict(self._unmeasured),
            "best_epoch": self.history.best_epoch,
            "loss": dict(self.loss.state_dict()),
        }
        state |= self._monitor.state()
        if not light:
            state |= self.optimization.state()
            state["random"] = random_state()
            state["average"] = None if self._average is None else self._average.state()
        return state

    def resume(self, state: TrainingState, same_schedule: bool, keep_best: bool = False) -> None:
        """Resume an earlier training; call it before `run`.

        Args:
            state: What `state` returned then.
            same_schedule: True finishes that training: its settings are this trainer's, the schedule
                stands where it stood. False begins a new schedule, from the learning rate of these
                settings.
            keep_best: Whether an epoch has to be better than that training's best to be the best; always
                where it is finished.

        Raises:
            CheckpointError: The state does not match this network.
        """
        try:
            self.epoch = int(state["epoch"])
            self.history[:] = [dict(row) for row in state["history"]]
            unmeasured = state.get("unmeasured")
            if unmeasured:
                self.history[-1].update(unmeasured)
            if state["loss"].keys() == self.loss.state_dict().keys():
                self.loss.load_state_dict(state["loss"])
            self._load_average(state.get("average"))
            self.optimization.load(state, is_same=same_schedule)
            if same_schedule:
                self._monitor.load(state)
                self._remember_best(state)
                self.optimization.load_schedule(state)
            else:
                if keep_best and state["settings"]["loss"] == self.settings.loss:
                    self._monitor.look_back(self.history)
                    self._remember_best(state)
                self.optimization.begin_schedule(max(1, self.settings.epochs - self.epoch))
            if "random" in state:
                check_random_state(state["random"])
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError, OverflowError) as error:
            reason = printable(getattr(error, "text", str(error)).rstrip("."))
            raise CheckpointError(
                coded(
                    "E-CKPT-03",
                    "the checkpoint's training state does not match: {reason}."
                    " Train from it with checkpoint= in place of resume=, or with the network that wrote it.",
                    reason=reason,
                )
            ) from error
        self._state = state

    def _remember_best(self, state: TrainingState) -> None:
        best = state.get("best_epoch")
        self.history.best_epoch = best if any(row["epoch"] == best for row in self.history) else None

    def _load_average(self, state: AverageState | None) -> None:
        """Resume from the weights that were trained; the network came with their average."""
        if state is not None and self._average is not None:
            self._average.load(state)
        elif state is not None:
            put(dict(self.net.named_parameters()), state["weights"])

    def _restore_random(self) -> None:
        if self._state is not None and "random" in self._state:
            set_random_state(self._state["random"])


_LOOK_EVERY = 5.0  # seconds; waiting for a loss costs time on a GPU


def _copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in weights.items()}
