"""Targets in the form that a loss or a metric expects."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shapes import shape_text

Tensor = torch.Tensor


def as_values(target: Tensor, output: Tensor) -> Tensor:
    """Return targets in the form of a network's output, so that nothing is ever broadcast.

    Args:
        target: Class indices int64 (N,) or (N, T), or float32 values with as many numbers as `output`.
        output: float32 (N, K) or (N, T, K).

    Returns:
        float32 of `output`'s shape: one-hot rows for class indices (a column of 0 and 1 where K = 1).

    Raises:
        TrainingError: The two do not have equally many values.
    """
    if target.is_floating_point():
        if target.numel() == output.numel():
            return target.reshape(output.shape)
    elif target.numel() == output.numel():
        return target.reshape(output.shape).to(output.dtype)
    elif has_label_for_each(output, target):
        return F.one_hot(target.reshape(output.shape[:-1]), output.shape[-1]).to(output.dtype)
    raise TrainingError.coded(
        "E-DATA-07",
        "the network returns {output}: expected {expected} for each sample, got targets "
        "{targets}. The last layer's size must be the number of targets.",
        output=shape_text(output.shape),
        expected=ngettext("{count} target value", "{count} target values", output[0].numel()),
        targets=shape_text(target.shape),
    )


def as_classes(target: Tensor, axis: int = -1) -> Tensor:
    """Return targets as class indices int64: one-hot rows by their largest value, columns as they are."""
    if not target.is_floating_point():
        return target
    if target.ndim > 1 and target.shape[axis] > 1:
        return target.argmax(axis)
    return (target.flatten(1).squeeze(1) if target.ndim > 1 else target).round().long()


def has_label_for_each(logits: Tensor, target: Tensor) -> bool:
    """Whether there is a class index for each output; (N,) matches (N, 1, K), one step for each sample."""
    return len(target) == len(logits) and target.numel() == logits.shape[:-1].numel()
