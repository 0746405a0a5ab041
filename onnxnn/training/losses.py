"""Losses by torch's name or Keras's, fitted to how the network ends.

The loss sees the values before a final softmax or sigmoid wherever that is the better-conditioned way
to compute the same thing: cross entropy on logits, binary cross entropy on logits. A mean squared error
on a softmax stays on probabilities, because there the two differ. Where a regression ends in the scale of its
targets, its losses see scaled values and scaled targets: always returning the mean has a squared error of 1.
PoissonNLLLoss sees the logarithm of a rate, and the network ends in the rate.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from onnxnn_runtime.api.registry import Registry
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import Message, coded
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.definition.definition import Net
from onnxnn.graph.shape import Shape
from onnxnn.layers.denormalize import ExponentialModule

from .embedding_losses import ArcFace, SupCon

__all__ = [
    "EMBEDDING_LOSSES",
    "LOSSES",
    "REGRESSION_LOSSES",
    "Loss",
    "as_classes",
    "as_values",
    "make",
    "official_name",
]

Tensor = torch.Tensor

LOSSES: Registry[None] = Registry(
    [
        (
            "CrossEntropyLoss",
            None,
            ("crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
        ),
        ("NLLLoss", None, ()),
        ("BCELoss", None, ("bce", "binary_crossentropy")),
        ("BCEWithLogitsLoss", None, ()),
        ("MSELoss", None, ("mse", "mean_squared_error")),
        ("L1Loss", None, ("mae", "mean_absolute_error")),
        ("SmoothL1Loss", None, ()),
        ("HuberLoss", None, ("huber",)),
        ("KLDivLoss", None, ("kl_divergence",)),
        ("PoissonNLLLoss", None, ("poisson",)),
        ("SoftMarginLoss", None, ()),
        ("MultiLabelSoftMarginLoss", None, ()),
        ("HingeEmbeddingLoss", None, ()),
        ("SupCon", None, ("supervised_contrastive",)),
        ("ArcFace", None, ()),
        ("MinSNR", None, ("min_snr", "min-snr")),
    ]
)
"""Every loss by torch's name, with its aliases; `make` adapts it to a network."""

REGRESSION_LOSSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss")
EMBEDDING_LOSSES = ("SupCon", "ArcFace")
_DEFAULTS = {"cls": "CrossEntropyLoss", "reg": "MSELoss", "gen": "CrossEntropyLoss", "embed": "SupCon"}


class Loss(nn.Module):
    """A loss and what it takes.

    Args:
        name: Its name, torch's spelling.
        function: (output, target) -> the mean loss of a batch.
        from_logits: Whether `output` is the network's before its final softmax or sigmoid.
        size: target -> how many things the mean is over, samples or tokens, by which batches are weighted.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Tensor, Tensor], Tensor],
        from_logits: bool,
        size: Callable[[Tensor], int | Tensor] = len,
    ) -> None:
        super().__init__()
        self.name = name
        self.function = function  # a module with weights (ArcFace) is registered by this
        self.from_logits = from_logits
        self.size = size

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        return self.function(output, target)


def official_name(name: str) -> str:
    """Return a loss's name as torch writes it.

    Raises:
        TrainingError: There is no such loss; the message names the nearest one.
    """
    found = LOSSES.find(name)
    if found is None:
        raise TrainingError(
            coded(
                "E-TRAIN-02",
                "loss={loss}: unknown loss{hint} Known: {known}.",
                loss=shortened(name),
                hint=LOSSES.hint(name),
                known=", ".join(sorted(LOSSES)),
            )
        )
    return found


def usual_name(task: str) -> str:
    """Return the loss of a task where none is chosen."""
    return _DEFAULTS[task]


def make(name: str | None, net: Net, output: Shape, task: str = "cls", num_classes: int = 0) -> Loss:
    """Return the loss of that name, fitted to how a network ends.

    Args:
        name: torch's or Keras's name in any case; None for the task's usual one.
        net: The network.
        output: The shape of one sample of its output.
        task: "cls", "reg", "gen" or "embed".
        num_classes: The number of classes in the data, 0 where there are none.

    Raises:
        TrainingError: The loss is unknown or does not match the network's last layer or the classes.
    """
    wanted = usual_name(task) if name is None else official_name(name)
    units = output["channel"] if "channel" in output.axes else output.sizes[-1]
    scale = net.scale
    end = net.ending if scale is None else ""
    if wanted == "MinSNR":
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "loss='MinSNR' weighs the timesteps of a diffusion model, and this network is none. Leave "
                "loss out, or choose another one.",
            )
        )
    if wanted in EMBEDDING_LOSSES or task == "embed":
        return _embedding(wanted, task, len(output), units, num_classes)
    if task in ("cls", "gen") and num_classes:
        _check_units(wanted, units, num_classes, end)
    if wanted in ("CrossEntropyLoss", "NLLLoss", "KLDivLoss") and units == 1 and task != "reg":
        wanted = "BCELoss"  # two classes on one unit: the cross entropy of (1 - p, p)
    if wanted in ("CrossEntropyLoss", "NLLLoss", "KLDivLoss"):
        _check_class_axis(wanted, output)
    if wanted in ("CrossEntropyLoss", "NLLLoss"):
        return _cross_entropy(wanted, net, end, task)
    if wanted == "KLDivLoss":
        return Loss(wanted, _kl_divergence, from_logits=True)
    if wanted in ("BCELoss", "BCEWithLogitsLoss"):
        return _binary(wanted, end)
    if wanted in ("SoftMarginLoss", "MultiLabelSoftMarginLoss", "HingeEmbeddingLoss"):
        return _margin(wanted, task)
    if wanted == "PoissonNLLLoss" and num_classes and task in ("cls", "gen") and end != "softmax":
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "loss='PoissonNLLLoss': expected counts, got classes. Use loss='CrossEntropyLoss'.",
            )
        )
    functions: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "MSELoss": F.mse_loss,
        "L1Loss": F.l1_loss,
        "SmoothL1Loss": F.smooth_l1_loss,
        "HuberLoss": F.huber_loss,
        "PoissonNLLLoss": F.poisson_nll_loss,
    }
    function = functions[wanted]
    is_poisson, returns_rates = wanted == "PoissonNLLLoss", isinstance(scale, ExponentialModule)
    if is_poisson and scale is not None and not returns_rates:
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "loss='PoissonNLLLoss' learns the logarithm of a rate, and this network was trained to "
                "return values. Train a new one with it, or use loss='MSELoss'.",
            )
        )
    if scale is not None and is_poisson == returns_rates:
        return Loss(wanted, lambda y, target: function(y, scale.undo(as_values(target, y))), from_logits=True)
    return Loss(wanted, lambda y, target: function(y, as_values(target, y)), from_logits=False)


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
    elif _has_label_for_each(output, target):
        return F.one_hot(target.reshape(output.shape[:-1]), output.shape[-1]).to(output.dtype)
    raise TrainingError(
        coded(
            "E-DATA-07",
            "the network returns {output}: expected {expected} target values for each sample, got targets "
            "{targets}. The last layer's size must be the number of targets.",
            output=list(output.shape),
            expected=output[0].numel(),
            targets=list(target.shape),
        )
    )


def as_classes(target: Tensor, axis: int = -1) -> Tensor:
    """Return targets as class indices int64: one-hot rows by their largest value, columns as they are."""
    if not target.is_floating_point():
        return target
    if target.ndim > 1 and target.shape[axis] > 1:
        return target.argmax(axis)
    return (target.flatten(1).squeeze(1) if target.ndim > 1 else target).round().long()


def _check_units(name: str, units: int | None, num_classes: int, end: str) -> None:
    if units is None:
        return
    binary = name in ("CrossEntropyLoss", "NLLLoss", "KLDivLoss", "BCELoss", "BCEWithLogitsLoss")
    if units == 1 and num_classes <= 2 and (end == "sigmoid" or not binary):
        return
    if units == 1 and num_classes <= 2:
        if name == "BCEWithLogitsLoss" and not end:
            return
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "one output unit with {ending} cannot separate two classes. End the network with "
                "add('linear', size=1, activation='sigmoid'), or with 2 units and softmax.",
                ending=end,
            )
            if end
            else coded(
                "E-TRAIN-04",
                "one output unit cannot separate two classes. End the network with add('linear', size=1, "
                "activation='sigmoid'), or with 2 units and softmax.",
            )
        )
    if units < num_classes:
        raise TrainingError(
            coded(
                "E-DATA-07",
                "expected at least {classes} outputs of the network for {classes} classes, got {outputs}. "
                "Set the last layer's size to {classes}.",
                classes=num_classes,
                outputs=units,
            )
        )


def _check_class_axis(name: str, output: Shape) -> None:
    """Refuse outputs with the classes on an axis where the loss does not expect them."""
    of_images = name != "KLDivLoss" and len(output) > 2 and output.axes[0] == "channel"
    if len(output) > 1 and output.axes[-1] != "feature" and not of_images:
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "the network returns {output}, and loss={loss} expects the classes on another axis. For one "
                "label for each sample, end the network with add('global_avgpool') or add('flatten') and a "
                "linear layer; for one at each position of a signal, with add('permute', axes=(2, 1)).",
                output=output.describe(),
                loss=shortened(name),
            )
        )


def _cross_entropy(name: str, net: Net, end: str, task: str) -> Loss:
    if task == "reg":
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "loss={loss}: expected classes, got nn('reg'), which predicts values. Use loss='MSELoss' or "
                "'L1Loss'.",
                loss=shortened(name),
            )
        )
    if name == "NLLLoss" and not end:
        if isinstance(net[-1], nn.Linear):
            raise TrainingError(
                coded(
                    "E-TRAIN-04",
                    "loss='NLLLoss': expected probabilities, got the outputs of a linear layer. End the "
                    "network with add(activation='softmax'), or use loss='CrossEntropyLoss'.",
                )
            )
        return Loss(name, lambda y, target: F.nll_loss(_classes_second(y), as_classes(target)), False)
    return Loss(name, _softmax_cross_entropy, from_logits=True)


def _softmax_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    if target.is_floating_point():
        if target.shape != logits.shape:
            target = _columns_to_one_hot(target, logits)
        return F.cross_entropy(_classes_second(logits), _classes_second(target))
    if not _has_label_for_each(logits, target):
        raise TrainingError(_labels_expected(logits, target))
    # Where every step is a sample, its classes lie side by side in memory.
    try:
        return F.cross_entropy(logits.flatten(0, -2), target.flatten())
    except IndexError as error:
        raise TrainingError(
            coded(
                "E-DATA-07",
                "expected class indices below {outputs}, the network's number of outputs, got {low}..{high}. "
                "The last layer needs {needed} outputs.",
                outputs=logits.shape[-1],
                low=int(target.min()),
                high=int(target.max()),
                needed=int(target.max()) + 1,
            )
        ) from error


def _has_label_for_each(logits: Tensor, target: Tensor) -> bool:
    """Whether there is a class index for each output; (N,) matches (N, 1, K), one step for each sample."""
    return len(target) == len(logits) and target.numel() == logits.shape[:-1].numel()


def _labels_expected(logits: Tensor, target: Tensor) -> Message:
    if target.ndim > 1 and logits.ndim == 2:
        return coded(
            "E-DATA-07",
            "the network returns {output}: expected one label for each sample, got labels {labels}, one for "
            "each of {steps} steps. Leave out what ends the sequence in the network, return_sequences=False, "
            "add('global_avgpool') or add('flatten').",
            output=tuple(logits.shape),
            labels=tuple(target.shape),
            steps=target.shape[1],
        )
    if target.ndim > 1:
        return coded(
            "E-DATA-07",
            "the network returns {output}: expected labels {expected}, got {labels}. Load labels of that "
            "shape.",
            output=tuple(logits.shape),
            expected=tuple(logits.shape[:-1]),
            labels=tuple(target.shape),
        )
    return coded(
        "E-DATA-07",
        "the network returns {output}: expected labels {expected}, got {labels}. For one label for each "
        "sample, end the network with add('global_avgpool') or add('flatten') and a linear layer.",
        output=tuple(logits.shape),
        expected=tuple(logits.shape[:-1]),
        labels=tuple(target.shape),
    )


def _kl_divergence(logits: Tensor, target: Tensor) -> Tensor:
    return F.kl_div(F.log_softmax(logits, -1), as_values(target, logits), reduction="batchmean")


def _columns_to_one_hot(target: Tensor, logits: Tensor) -> Tensor:
    if target.ndim == 2 and target.shape[1] > 1 and target.shape[1] < logits.shape[1]:
        return F.pad(target, (0, logits.shape[1] - target.shape[1]))  # more outputs than classes
    return as_values(as_classes(target), logits)


def _classes_second(y: Tensor) -> Tensor:
    """(N, T, K) -> (N, K, T), as torch's losses have it; (N, K) and images stay."""
    return y.movedim(-1, 1) if y.ndim == 3 else y


def _binary(name: str, end: str) -> Loss:
    if end == "softmax":
        return Loss(name, lambda y, target: F.binary_cross_entropy(y, as_values(target, y)), False)
    if end == "" and name == "BCELoss":
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "loss='BCELoss': expected probabilities, got outputs of any size. End the network with "
                "add(activation='sigmoid'), or use loss='BCEWithLogitsLoss'.",
            )
        )
    return Loss(
        name, lambda y, target: F.binary_cross_entropy_with_logits(y, as_values(target, y)), from_logits=True
    )


def _margin(name: str, task: str) -> Loss:
    """Return a loss on scores; SoftMarginLoss sees 1 for a sample's class and -1 for the others."""
    if name == "MultiLabelSoftMarginLoss":
        return Loss(
            name, lambda y, target: F.multilabel_soft_margin_loss(y, as_values(target, y)), from_logits=True
        )
    if task == "reg":
        function = F.soft_margin_loss if name == "SoftMarginLoss" else F.hinge_embedding_loss
        return Loss(name, lambda y, target: function(y, as_values(target, y)), from_logits=False)
    if name == "HingeEmbeddingLoss":
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "loss='HingeEmbeddingLoss': expected nn('reg'), distances and targets 1 (alike) or -1 (not), "
                "got classes. For classes use loss='CrossEntropyLoss' or 'SoftMarginLoss'.",
            )
        )
    return Loss(name, lambda y, target: F.soft_margin_loss(y, 2 * as_values(target, y) - 1), from_logits=True)


def _embedding(name: str, task: str, rank: int, units: int | None, num_classes: int) -> Loss:
    if task != "embed" or name not in EMBEDDING_LOSSES:
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "loss={loss} with nn({task}): nn('embed') trains with loss='SupCon' or loss='ArcFace', and "
                "only nn('embed') does. Change the loss or the task.",
                loss=shortened(name),
                task=shortened(task),
            )
        )
    if rank != 1 or units is None:
        raise TrainingError(
            coded(
                "E-TRAIN-04",
                "nn('embed'): expected a vector for each sample as output. End the network with "
                "add('linear', ...).",
            )
        )
    if num_classes < 2:
        raise TrainingError(
            coded(
                "E-DATA-07",
                "nn('embed'): expected data with at least 2 classes, got {classes}. Load data with 2 or "
                "more.",
                classes=num_classes,
            )
        )
    return Loss(name, SupCon() if name == "SupCon" else ArcFace(units, num_classes), from_logits=False)
