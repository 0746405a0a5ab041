"""Cross entropies of logits with targets of any form."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import Message, coded, ngettext
from onnxnn_runtime.messages.shapes import shape_text

from .target_forms import as_classes, as_values, has_label_for_each

Tensor = torch.Tensor


def softmax_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    if target.is_floating_point():
        if target.shape != logits.shape:
            target = _columns_to_one_hot(target, logits)
        return F.cross_entropy(classes_second(logits), classes_second(target))
    if not has_label_for_each(logits, target):
        raise TrainingError(_labels_expected(logits, target))
    # Where every step is a sample, its classes lie side by side in memory.
    try:
        return F.cross_entropy(logits.flatten(0, -2), target.flatten())
    except IndexError as error:
        raise TrainingError.coded(
            "E-DATA-07",
            "expected class indices below {outputs}, the network's number of outputs, got {low}..{high}. "
            "The last layer needs {needed}.",
            outputs=logits.shape[-1],
            low=int(target.min()),
            high=int(target.max()),
            needed=ngettext("{count} output", "{count} outputs", int(target.max()) + 1),
        ) from error


def nll(y: Tensor, target: Tensor) -> Tensor:
    """Return the mean negative of what the network gives each right class, as torch's NLLLoss.

    Args:
        y: float32 (N, K), (N, T, K) or (N, K, H, W).
        target: Classes as indices or one-hot rows.
    """
    return F.nll_loss(classes_second(y), as_classes(target))


def kl_divergence(logits: Tensor, target: Tensor) -> Tensor:
    return F.kl_div(F.log_softmax(logits, -1), as_values(target, logits), reduction="batchmean")


def _columns_to_one_hot(target: Tensor, logits: Tensor) -> Tensor:
    if target.ndim == 2 and target.shape[1] > 1 and target.shape[1] < logits.shape[1]:
        return F.pad(target, (0, logits.shape[1] - target.shape[1]))  # more outputs than classes
    return as_values(as_classes(target), logits)


def classes_second(y: Tensor) -> Tensor:
    """(N, T, K) -> (N, K, T), as torch's losses have it; (N, K) and images stay."""
    return y.movedim(-1, 1) if y.ndim == 3 else y


def _labels_expected(logits: Tensor, target: Tensor) -> Message:
    if target.ndim > 1 and logits.ndim == 2:
        return coded(
            "E-DATA-07",
            "the network returns {output}: expected one label for each sample, got labels {labels}, one for "
            "each step ({steps}). Leave out what ends the sequence in the network, return_sequences=False, "
            "add('global_avgpool') or add('flatten').",
            output=shape_text(logits.shape),
            labels=shape_text(target.shape),
            steps=target.shape[1],
        )
    if target.ndim > 1:
        return coded(
            "E-DATA-07",
            "the network returns {output}: expected labels {expected}, got {labels}. Load labels of that "
            "shape.",
            output=shape_text(logits.shape),
            expected=shape_text(logits.shape[:-1]),
            labels=shape_text(target.shape),
        )
    return coded(
        "E-DATA-07",
        "the network returns {output}: expected labels {expected}, got {labels}. For one label for each "
        "sample, end the network with add('global_avgpool') or add('flatten') and a linear layer.",
        output=shape_text(logits.shape),
        expected=shape_text(logits.shape[:-1]),
        labels=shape_text(target.shape),
    )
