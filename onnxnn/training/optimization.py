"""The optimizer of one training, and the schedule of its learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

_FACTOR = "lr_factor"
"""How a group of an optimizer's weights says its share of the learning rate, where it is not 1."""


class Optimization:
    """An optimizer and its schedule.

    Args:
        settings: How to train.
        weights: What to train; those that are frozen are left out.
        steps: How many steps an epoch has.
        fused: Whether the optimizer may do everything in one step.
        factors: The share of the learning rate of each weight that has another one than the others.

    Raises:
        TrainingError: There is nothing to train.
    """

    def __init__(
        self,
        settings: TrainSettings,
        weights: Iterable[nn.Parameter],
        steps: int,
        fused: bool,
        factors: Mapping[nn.Parameter, float] | None = None,
    ) -> None:
        self._settings, self._steps = settings, steps
        trained = [weight for weight in weights if weight.requires_grad]
        if not trained:
            raise TrainingError.coded(
                "E-TRAIN-01", "the network has no weights to train. Add a layer such as 'linear'."
            )
        self._start_lr = default_lr(settings.optimizer) if settings.lr is None else settings.lr
        options = settings.optimizer_options
        first, *others = _by_factor(trained, factors or {})
        lr = self._start_lr * first[0]
        self.optimizer = make_optimizer(settings.optimizer, first[1], lr, options, fused=fused)
        self.optimizer.param_groups[0] |= {} if first[0] == 1 else {_FACTOR: first[0]}
        for factor, group in others:
            self.optimizer.add_param_group({"params": group, "lr": self._start_lr * factor, _FACTOR: factor})
        self._make_schedule(settings.epochs)

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        group = self.optimizer.param_groups[0]
        return float(group["lr"]) / float(group.get(_FACTOR, 1.0))

    @property
    def lines(self) -> tuple[str, ...]:
        """A line about learning rates where some weights have one of their own."""
        factors = [group[_FACTOR] for group in self.optimizer.param_groups if _FACTOR in group]
        if not factors:
            return ()
        rates = ", ".join(f"{factor * self.base_lr:.3g}" for factor in factors)
        return (gettext("learning rate {lr:.3g}; {rates} for unfrozen blocks", lr=self.base_lr, rates=rates),)

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

    def load(self, state: TrainingState, is_same: bool) -> None:
        """Take over what the optimizer of an earlier training gathered.

        Args:
            state: The whole state of that training.
            is_same: Whether it is that training which is finished; another may have learned other weights.
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
        elif "optimizer" in state and not is_same and self._learns_others(state):
            warn(
                gettext(
                    "the checkpoint's training learned other weights, since layers were frozen or unfrozen "
                    "after it; {optimizer} begins without what it had gathered.",
                    optimizer=now,
                )
            )
        elif "optimizer" in state:
            shares = [{_FACTOR: each[_FACTOR]} if _FACTOR in each else {} for each in self._groups]
            load_optimizer(self.optimizer, state["optimizer"])
            if not is_same:  # torch takes over all that groups hold; the shares are those of the network now
                for group, share in zip(self._groups, shares, strict=True):
                    group.pop(_FACTOR, None)
                    group.update(share)

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups

    def _learns_others(self, state: TrainingState) -> bool:
        """Return whether the optimizer of a state has other numbers of weights in its groups."""
        try:
            sizes = [len(group["params"]) for group in state["optimizer"]["param_groups"]]
        except (LookupError, TypeError):
            return False  # what is wrong with it is found when it is loaded
        return sizes != [len(group["params"]) for group in self.optimizer.param_groups]

    def load_schedule(self, state: TrainingState) -> None:
        """Let the schedule stand where it stood in an earlier training, whose whole state is given."""
        known = state.get("schedule")
        if self._schedule is not None and known:
            load_schedule(self._schedule, known)

    def begin_schedule(self, epochs: int) -> None:
        """Begin a new schedule for so many epochs, from the learning rate of the settings."""
        for group in self.optimizer.param_groups:
            group.update(self._settings.optimizer_options)
            group["lr"] = self._start_lr * group.get(_FACTOR, 1.0)
            group.pop("initial_lr", None)
        self._make_schedule(epochs)

    def _make_schedule(self, epochs: int) -> None:
        self.base_lr = self.lr
        self._schedule: Any = make_schedule(self._settings.schedule, self.optimizer, epochs, self._steps)
        self._is_per_step = self._schedule is not None and is_per_step(self._schedule)


def _by_factor(
    weights: Iterable[nn.Parameter], factors: Mapping[nn.Parameter, float]
) -> list[tuple[float, list[nn.Parameter]]]:
    """Return weights in groups of the same share of the learning rate, the largest share first."""
    groups: dict[float, list[nn.Parameter]] = {}
    for weight in weights:
        groups.setdefault(factors.get(weight, 1.0), []).append(weight)
    return sorted(groups.items(), key=lambda group: -group[0])
