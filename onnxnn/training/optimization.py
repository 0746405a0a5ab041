"""The optimizer of one training, and the schedule of its learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.warn import warn
from torch import nn

from .lr_schedules import is_per_step, make_schedule
from .optimizers import default_lr, make_optimizer
from .resume import load_optimizer, load_schedule
from .settings import TrainSettings
from .state import TrainingState


class Optimization:
    """An optimizer and its schedule.

    Args:
        settings: How to train.
        weights: What to train; those that are frozen are left out.
        epochs: How many epochs the schedule is for.
        steps: How many steps an epoch has.
        fused: Whether the optimizer may do everything in one step.

    Raises:
        TrainingError: There is nothing to train.
    """

    def __init__(
        self, settings: TrainSettings, weights: Iterable[nn.Parameter], epochs: int, steps: int, fused: bool
    ) -> None:
        self._settings, self._steps = settings, steps
        trained = [weight for weight in weights if weight.requires_grad]
        if not trained:
            raise TrainingError.coded(
                "E-TRAIN-01", "the network has no weights to train. Add a layer such as 'linear'."
            )
        self._start_lr = default_lr(settings.optimizer) if settings.lr is None else settings.lr
        options = settings.optimizer_options
        self.optimizer = make_optimizer(settings.optimizer, trained, self._start_lr, options, fused=fused)
        self._make_schedule(epochs)

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def after_step(self) -> None:
        """Take the next step of a schedule that changes with every step."""
        if self._is_per_step and self._schedule.last_epoch < self._schedule.total_steps:
            self._schedule.step()

    def after_epoch(self, value: float) -> None:
        """Take the next step of a schedule that changes with every epoch.

        Args:
            value: What is monitored, lower is better.
        """
        if self._schedule is None or self._is_per_step:
            return
        if isinstance(self._schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self._schedule.step(value)
        else:
            self._schedule.step()

    def state(self) -> TrainingState:
        """Return what is needed to resume."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self._schedule is None else dict(self._schedule.state_dict()),
        }

    def load(self, state: TrainingState) -> None:
        """Take over what the optimizer of an earlier training gathered.

        Args:
            state: The whole state of that training.
        """
        before, now = state["settings"]["optimizer"], self._settings.optimizer
        if before != now:
            warn(
                gettext(
                    "the checkpoint was trained with {before}; {now} begins without what it had gathered.",
                    before=before,
                    now=now,
                )
            )
        elif "optimizer" in state:
            load_optimizer(self.optimizer, state["optimizer"])

    def load_schedule(self, state: TrainingState) -> None:
        """Let the schedule stand where it stood in an earlier training, whose whole state is given."""
        known = state.get("schedule")
        if self._schedule is not None and known:
            load_schedule(self._schedule, known)

    def begin_schedule(self, epochs: int) -> None:
        """Begin a new schedule for so many epochs, from the learning rate of the settings."""
        for group in self.optimizer.param_groups:
            group.update(self._settings.optimizer_options)
            group["lr"] = self._start_lr
            group.pop("initial_lr", None)
        self._make_schedule(epochs)

    def _make_schedule(self, epochs: int) -> None:
        self.base_lr = self.lr
        self._schedule: Any = make_schedule(self._settings.schedule, self.optimizer, epochs, self._steps)
        self._is_per_step = self._schedule is not None and is_per_step(self._schedule)
