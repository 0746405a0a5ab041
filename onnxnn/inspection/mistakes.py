"""Images that a network takes for another class while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from onnxnn.definition.module import evaluating
from onnxnn.training.random_state import random_state, set_random_state
from onnxnn.training.trainer import Trainer

__all__ = ["Mistake", "Mistakes", "mistakes"]

Array = np.ndarray[Any, Any]

SAMPLES = 200
"""How many images are looked at, the same ones each time."""


@dataclass(frozen=True, eq=False)
class Mistake:
    """An image that was taken for another class.

    Args:
        image: float32 (C, H, W) in 0..1.
        given: The name of the class that it was taken for.
        score: Its probability.
        expected: The name of its own class.
    """

    image: Array
    given: str
    score: float
    expected: str


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The mistakes among some images.

    Args:
        found: The mistakes, the surest first.
        wrong: How many there are in all.
        seen: How many images were looked at.
        validated: Whether they are of the validation data, not of those that are learned from.
    """

    found: tuple[Mistake, ...]
    wrong: int
    seen: int
    validated: bool


def mistakes(trainer: Trainer, classes: Sequence[str], most: int) -> Mistakes | None:
    """Return what a network gets wrong among the first validation images, or those that it learns from.

    No weight and no random generator changes.

    Args:
        trainer: The training, between two epochs.
        classes: The names of the classes.
        most: How many mistakes at most.

    Returns:
        The mistakes; None where the samples are no images of one class each.
    """
    numbers = np.arange(SAMPLES)
    before = random_state()
    try:
        found = _outputs(trainer, torch.from_numpy(numbers))
    finally:
        set_random_state(before)
    if found is None:
        return None
    images, labels, scores = found
    if scores.shape[1] == 1:  # one output says how likely the second class is
        scores = np.concatenate([1 - scores, scores], axis=1)
    taken = scores.argmax(axis=1)
    wrong = np.flatnonzero(taken != labels)
    surest = wrong[np.argsort(-scores[wrong, taken[wrong]], kind="stable")][:most]

    def name(number: int) -> str:
        return classes[number] if number < len(classes) else str(number)

    return Mistakes(
        tuple(
            Mistake(images[i], name(int(taken[i])), float(scores[i, taken[i]]), name(int(labels[i])))
            for i in surest
        ),
        len(wrong),
        len(images),
        trainer.validation is not None,
    )


def _outputs(trainer: Trainer, numbers: torch.Tensor) -> tuple[Array, Array, Array] | None:
    """Return images, class indices and probabilities of some samples."""
    raw = trainer.train if trainer.validation is None else trainer.validation
    seen = trainer.seen[0 if trainer.validation is None else 1]
    if seen is None or len(raw.samples.sizes) != 3 or raw.samples.sizes[0] not in (1, 3):
        return None
    group = numbers[numbers < len(raw.samples)]
    device = trainer.machine.device
    with evaluating(trainer.learner), torch.inference_mode():
        x, target = next(iter(seen.samples.take([group])))
        if target.ndim != 1 or target.is_floating_point():
            return None
        _, output = trainer.learner(x.to(device), target.to(device))
        if output.ndim != 2:
            return None
        scores = trainer.net.finish(output) if trainer.loss.from_logits else output
        images = x if seen is raw else next(iter(raw.samples.take([group])))[0]
    return images.cpu().numpy(), target.numpy(), scores.float().cpu().numpy()
