"""What a training needs to be resumed, as its checkpoint holds it."""

from __future__ import annotations

from typing import Any, TypedDict

import torch

from .history import Row

Tensor = torch.Tensor


class RandomState(TypedDict):
    """The state of every random generator that training draws from."""

    torch: Tensor
    cuda: list[Tensor]
    python: tuple[int, Tensor, float | None]
    numpy: tuple[Tensor, int, int, float]


class AverageState(TypedDict):
    """The weights that are trained beside their moving average, and how many steps that has seen."""

    steps: int
    weights: dict[str, Tensor]


class TrainingState(TypedDict, total=False):
    """What `Trainer.state` returns; the light one ends with `loss`."""

    epoch: int
    settings: dict[str, Any]
    lr: float
    history: list[Row]
    unmeasured: Row | None
    best: float
    best_epoch: int | None
    epochs_since_best: int
    loss: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None
    random: RandomState
    average: AverageState | None
