"""Metrics by name: acc, mae, mse, f1, and exact for networks from sequence to sequence.

Each is a sum over samples of a few numbers, and a formula on that sum. So batches add up exactly, and
nothing has to leave the device before an epoch ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from onnxnn_runtime.api.registry import Registry
from onnxnn_runtime.arrays.conversion import is_several
from onnxnn_runtime.card.labels import THRESHOLD
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from onnxnn.definition.definition import Net

from .losses import Loss
from .target_forms import as_classes, as_values

Tensor = torch.Tensor

METRICS: Registry[None] = Registry(
    [
        ("acc", None, ("accuracy",)),
        ("mae", None, ()),
        ("mse", None, ()),
        ("f1", None, ("f1_score",)),
        ("exact", None, ()),
    ]
)
"""Every metric by its name, with its aliases; `make` adapts it to a network."""

_KNOWN = ", ".join(METRICS)


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        name: "acc", "mae", "mse", "f1" or "exact".
        count: (what the loss saw, target) -> a vector of sums over the batch.
        value: The sum of such vectors -> the metric.
    """

    name: str
    count: Callable[[Tensor, Tensor], Tensor]
    value: Callable[[Tensor], float]


def official_names(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return metrics' names as used here, each once: `"Acc"`, `["acc", "f1"]` or None are understood.

    Raises:
        TrainingError: There is no such metric; the message names the nearest one.
    """
    if names is not None and not isinstance(names, str) and not is_several(names):
        raise TrainingError.coded(
            "E-TRAIN-03",
            "metrics={metrics}: expected a name or a list of names. Known: {known}.",
            metrics=shortened(names),
            known=_KNOWN,
        )
    given = [names] if isinstance(names, str) else () if names is None else names
    found: dict[str, None] = {}
    for name in given:
        official = METRICS.find(name)
        if official is None:
            raise TrainingError.coded(
                "E-TRAIN-02",
                "metrics={metrics}: unknown metric {metric}{hint} Known: {known}.",
                metrics=shortened(names),
                metric=shortened(name),
                hint=METRICS.hint(name),
                known=_KNOWN,
            )
        found[official] = None
    return tuple(found)


def higher_is_better(name: str) -> bool:
    """Return whether a column of the history improves by growing."""
    return name.removeprefix("val_") in ("acc", "f1", "exact")


def make(names: Sequence[str], net: Net, loss: Loss, task: str, num_classes: int = 0) -> list[Metric]:
    """Return the metrics of those names for a network trained with a loss.

    In regression `acc` and `f1` mean nothing and are left out with a warning, so that scripts that ask
    for them run. For nn("embed") `acc` is the share of samples whose nearest other sample in the batch,
    by cosine, is of their class.

    Raises:
        TrainingError: A metric cannot be computed for nn("embed").
    """
    wanted = official_names(names)
    if "exact" in wanted:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "metrics: 'exact' counts whole sequences, which only a transformer writes. Leave it out.",
        )
    if task == "embed":
        if set(wanted) - {"acc"}:
            raise TrainingError.coded(
                "E-TRAIN-04",
                "metrics={metrics}: nn('embed') has only 'acc' (nearest neighbour). Leave the others out.",
                metrics=shortened(list(wanted)),
            )
        return [Metric("acc", _neighbour_hits, share_of) for _ in wanted]
    if task == "reg" and {"acc", "f1"} & set(wanted):
        warn(gettext("acc and f1 count right classes, and nn('reg') has none: they are left out."))
        wanted = tuple(name for name in wanted if name in ("mae", "mse"))
    predict = _Predictor(net, loss)
    return [_metric(name, predict, num_classes) for name in wanted]


class _Predictor:
    """What the loss saw, as predicted classes and as the network's own output."""

    def __init__(self, net: Net, loss: Loss) -> None:
        self._finish = net.finish if loss.from_logits else None
        self._threshold = 0.0 if loss.from_logits else THRESHOLD  # sigmoid(0) is 0.5

    def classes(self, output: Tensor) -> Tensor:
        axis = 1 if output.ndim == 4 else -1
        if output.shape[axis] > 1:
            return output.argmax(axis)
        return (output.squeeze(axis) >= self._threshold).long()

    def values(self, output: Tensor) -> Tensor:
        return output if self._finish is None else self._finish(output)


def _metric(name: str, predict: _Predictor, num_classes: int) -> Metric:
    def hits(output: Tensor, target: Tensor) -> Tensor:
        found = predict.classes(output)
        right = found == as_classes(target).reshape(found.shape)
        return torch.stack((right.sum(), right.new_full((), right.numel(), dtype=torch.long)))

    def per_class(output: Tensor, target: Tensor) -> Tensor:
        size = max(output.shape[-1], num_classes, 2)
        found, true = predict.classes(output).flatten(), as_classes(target).flatten()
        right = true[found == true]
        return torch.cat([torch.bincount(labels, minlength=size) for labels in (right, found, true)])

    def error(power: int) -> Callable[[Tensor, Tensor], Tensor]:
        def count(output: Tensor, target: Tensor) -> Tensor:
            values = predict.values(output).float()
            difference = values - as_values(target, values)
            total = difference.abs().sum() if power == 1 else difference.square().sum()
            return torch.stack((total, total.new_full((), difference.numel())))

        return count

    if name == "acc":
        return Metric(name, hits, share_of)
    if name == "f1":
        return Metric(name, per_class, _macro_f1)
    return Metric(name, error(1 if name == "mae" else 2), share_of)


def share_of(sums: Tensor) -> float:
    total, count = sums.tolist()
    return float(total / count)


def _macro_f1(sums: Tensor) -> float:
    """F1 = 2·TP / (predicted + true) for each class that was predicted or is true; their mean."""
    right, found, true = sums.double().chunk(3)
    seen = (found + true) > 0
    return float((2.0 * right[seen] / (found + true)[seen]).mean())


def _neighbour_hits(vectors: Tensor, target: Tensor) -> Tensor:
    z = F.normalize(vectors.float(), dim=1)
    similarity = z @ z.T
    similarity.fill_diagonal_(-2.0)
    hits = target[similarity.argmax(1)] == target
    if len(target) < 2:
        hits = torch.zeros_like(hits)
    return torch.stack((hits.sum(), hits.new_full((), hits.numel(), dtype=torch.long)))
