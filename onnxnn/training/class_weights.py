"""Weights of classes in the loss, for classes of which there are few samples.

The loss of a batch is sum_i w(y_i) l_i / N, the mean of the samples' losses, each times the weight of its
class, as Keras has it (`Model.fit(class_weight=...)`). "balanced" are the weights of scikit-learn
(`sklearn.utils.class_weight.compute_class_weight`, after King and Zeng, "Logistic Regression in Rare
Events Data", 2001): w_c = N / (K N_c), for N samples of K classes, N_c of the class c. Their mean over the
samples is 1, so that the learning rate keeps its meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from onnxnn_runtime.arrays.columns import names_listed
from onnxnn_runtime.errors import TrainingError, name_hint
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

from onnxnn.data import Batches
from onnxnn.data.batches import InMemory

from .cross_entropy import classes_second
from .losses import Loss
from .target_forms import as_classes, has_label_for_each

Tensor = torch.Tensor

BALANCED = "balanced"

ClassWeight = str | Mapping[Any, float] | None
"""What a call may give: "balanced", {class name or index: weight}, or None."""


def checked_class_weight(wanted: object) -> str | dict[str, float] | None:
    """Return what a call gave in the form that a checkpoint keeps: classes as texts.

    Raises:
        TrainingError: It is no such thing.
    """
    if wanted is None or is_one_of(wanted, (BALANCED,)):
        return BALANCED if wanted else None
    given: Mapping[Any, Any] = wanted if isinstance(wanted, Mapping) else {None: None}
    if not all(isinstance(key, str | int) and _is_weight(value) for key, value in given.items()):
        raise TrainingError.coded(
            "E-TRAIN-03",
            "class_weight={got}: expected 'balanced', or a dict of classes and their weights, numbers "
            "from 0, such as {{'cat': 1, 'dog': 5}}.",
            got=shortened(wanted),
        )
    return {str(key): float(value) for key, value in given.items()}


def _is_weight(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < math.inf  # type: ignore[operator]


def weighted(
    loss: Loss, wanted: str | Mapping[str, float] | None, train: Batches, classes: Sequence[str]
) -> Loss:
    """Return a loss that weighs classes in training, and measures as before elsewhere.

    Args:
        loss: The loss.
        wanted: What `checked_class_weight` returned.
        train: The samples to learn from, whose labels are counted.
        classes: The names of the classes; () where the targets are none.

    Raises:
        TrainingError: There are no classes, or none of that name.
    """
    if not wanted:
        return loss
    labels = _labels(train)
    if labels is None or not classes:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "class_weight={got}: expected data with classes for a network that classifies, got other "
            "targets. Leave class_weight out.",
            got=shortened(wanted),
        )
    if isinstance(wanted, str):
        counts = torch.bincount(labels.flatten(), minlength=len(classes)).double()
        weights = torch.where(counts > 0, labels.numel() / (counts.gt(0).sum() * counts), 1.0)
    else:
        weights = torch.ones(len(classes), dtype=torch.float64)
        for name, value in wanted.items():
            weights[_place(name, classes)] = value
    return WeightedLoss(loss, weights.float())


def _labels(train: Batches) -> Tensor | None:
    """Return the class index of each sample or step, int64; None where there are values."""
    samples = train.samples
    labels = samples.y if isinstance(samples, InMemory) else samples.labels
    return None if labels is None or labels.is_floating_point() else labels


def _place(name: str, classes: Sequence[str]) -> int:
    if name in classes:
        return list(classes).index(name)
    if name.isascii() and name.isdigit() and int(name) < len(classes):
        return int(name)
    raise TrainingError.coded(
        "E-TRAIN-04",
        "class_weight: unknown class {name}{hint} Classes: {classes}.",
        name=shortened(name, 40),
        hint=name_hint(name, classes),
        classes=names_listed(classes),
    )


class WeightedLoss(Loss):
    """A loss whose samples count by their classes in training; the loss of other data is the plain mean.

    Args:
        loss: The loss.
        weights: The weight of each class, float32 (classes,).
    """

    weights: Tensor

    def __init__(self, loss: Loss, weights: Tensor) -> None:
        super().__init__(loss.name, loss.function, loss.from_logits, loss.size)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        if not self.training:
            return super().forward(output, target)
        if self.name in ("CrossEntropyLoss", "NLLLoss"):
            return self._cross_entropy(output, target)
        return _by_class(self.function, output, as_classes(target), self.weights)

    def _cross_entropy(self, output: Tensor, target: Tensor) -> Tensor:
        scores, labels = classes_second(output), as_classes(target)
        if labels.numel() * scores.shape[1] != scores.numel():
            return super().forward(output, target)  # which says what does not match
        labels = labels.reshape(scores.shape[:1] + scores.shape[2:])
        function = F.cross_entropy if self.from_logits else F.nll_loss
        return (function(scores, labels, reduction="none") * self.weights[labels]).mean()


def _by_class(
    function: Callable[[Tensor, Tensor], Tensor], output: Tensor, labels: Tensor, weights: Tensor
) -> Tensor:
    """Return the weighted mean of a loss that is a mean over samples, from its mean in each class."""
    if labels.ndim > 1 and has_label_for_each(output, labels):
        output, labels = output.flatten(0, -2), labels.flatten()
    labels = labels.reshape(len(output))
    parts = [
        weights[label] * members.sum() * function(output[members], labels[members])
        for label in torch.unique(labels)
        for members in [labels == label]
    ]
    return torch.stack(parts).sum() / len(labels)
