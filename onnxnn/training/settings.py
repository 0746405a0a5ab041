"""How to train: all options of `train`, as data that a checkpoint can carry."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from onnxnn_runtime.errors import TrainingError, name_hint, raise_together
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

from onnxnn.layers.registry import immutable

from . import losses, lr_schedules, metrics, optimizers
from .class_weights import ClassWeight, checked_class_weight
from .optimizers import Range


@dataclass(frozen=True)
class TrainSettings:
    """How to train a network.

    Args:
        lr: Learning rate; None takes the optimizer's usual one.
        epochs: How often to go through the data.
        batch_size: Samples in a batch; None leaves the data's own.
        optimizer: SGD, Adam, AdamW, Adagrad, ASGD or RMSprop, in any case.
        optimizer_options: Its other options by torch's names, e.g. {"weight_decay": 1e-4}.
        loss: A loss by torch's or Keras's name; None takes the task's usual one.
        metrics: Any of acc, mae, mse, f1.
        schedule: constant, cosine, linear, step, exponential, plateau or onecycle, or a dict of
            "name" and options; None keeps the learning rate.
        clip: The largest norm of all gradients together; None lets them be.
        patience: Stop after this many epochs without a better `monitor`; None never stops early.
        monitor: The column of the history that says which epoch is best; None means val_loss where
            there is validation data, else loss.
        ema: The decay of the moving average of weights, which is what validation, checkpoints and the
            trained network hold then: from 0 (none) to below 1. None takes 0.999 for a diffusion model and
            none for others.
        samples_every: A diffusion model draws samples after every so many epochs, 0 never; None takes those
            that are powers of two, and eight of the whole training.
        class_weight: What the samples of each class count in the loss: "balanced" as if there were equally
            many of each, or {class: weight}; see `onnxnn.training.class_weights`.

    Raises:
        TrainingError: A name is unknown or a number is out of range; it says all that is wrong.
    """

    lr: float | None = None
    epochs: int = 30
    batch_size: int | None = None
    optimizer: str = "Adam"
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    loss: str | None = None
    metrics: tuple[str, ...] = ()
    schedule: str | Mapping[str, Any] | None = None
    clip: float | None = None
    patience: int | None = None
    monitor: str | None = None
    ema: float | None = None
    samples_every: int | None = None
    class_weight: ClassWeight = None

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, immutable(getattr(self, item.name)))
        raise_together(
            self._check_optimizer,
            self._check_columns,
            lambda: None if self.loss is None else losses.official_name(self.loss),
            lambda: lr_schedules.check_schedule(self.schedule),
            lambda: _check("epochs", self.epochs, _COUNT, optional=False),
            lambda: _check("patience", self.patience, _COUNT),
            lambda: _check("batch_size", self.batch_size, _COUNT),
            lambda: _check("lr", self.lr, _POSITIVE),
            lambda: _check("clip", self.clip, _POSITIVE),
            lambda: _check("ema", self.ema, _SHARE),
            self._check_samples_every,
            self._check_class_weight,
        )

    def column(self, validated: bool) -> str:
        """Return the history's column that says which epoch is best.

        Raises:
            TrainingError: It names validation, and there is no validation data.
        """
        column = self.monitor or ("val_loss" if validated else "loss")
        if column.startswith("val_") and not validated:
            raise TrainingError.coded(
                "E-TRAIN-03",
                "monitor={monitor}: there is no validation data. Load data with train_val_ratio=0.8, or "
                "use monitor={instead}.",
                monitor=shortened(column),
                instead=shortened(column.removeprefix("val_")),
            )
        return column

    def to_data(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        data = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        data["metrics"] = list(self.metrics)
        data["optimizer_options"] = dict(self.optimizer_options)
        if isinstance(self.schedule, Mapping):
            data["schedule"] = dict(self.schedule)
        return data

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> TrainSettings:
        """Read what `to_data` returned."""
        known = {item.name for item in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})

    def _check_optimizer(self) -> None:
        object.__setattr__(self, "optimizer", optimizers.optimizer_name(self.optimizer))
        optimizers.check_optimizer_options(self.optimizer, self.optimizer_options)

    def _check_samples_every(self) -> None:
        if self.samples_every is False or not is_one_of(self.samples_every, (0,)):
            _check("samples_every", self.samples_every, _COUNT)

    def _check_class_weight(self) -> None:
        object.__setattr__(self, "class_weight", checked_class_weight(self.class_weight))

    def _check_columns(self) -> None:
        object.__setattr__(self, "metrics", metrics.official_names(self.metrics))
        columns = ["loss", *self.metrics]
        known = [*columns, *(f"val_{name}" for name in columns)]
        if self.monitor is not None and not is_one_of(self.monitor, known):
            raise TrainingError.coded(
                "E-TRAIN-03",
                "monitor={monitor}: unknown column{hint} Known: {known}.",
                monitor=shortened(self.monitor),
                hint=name_hint(self.monitor, known),
                known=", ".join(known),
            )


_COUNT: Range = (lr_schedules.is_count, lambda: gettext("an integer of at least 1"))
_POSITIVE: Range = (
    lambda value: optimizers.is_number(value) and value > 0,
    lambda: gettext("a number above 0, up to 3.4e38"),
)
_SHARE: Range = (
    lambda value: optimizers.is_number(value) and 0 <= value < 1,
    lambda: gettext("a number from 0 to below 1"),
)


def _check(name: str, value: object, allowed: Range, optional: bool = True) -> None:
    matches, expected = allowed
    if not matches(value) and not (value is None and optional):
        raise TrainingError.coded(
            "E-TRAIN-03",
            "{name}={value}: expected {expected}.",
            name=name,
            value=shortened(value),
            expected=expected(),
        )
