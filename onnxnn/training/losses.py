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
from onnxnn_runtime.messages.catalogue import coded
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.definition.definition import Net
from onnxnn.graph.shape import Shape
from onnxnn.layers.denormalize import ExponentialModule

from .cross_entropy import kl_divergence, nll, softmax_cross_entropy
from .embedding_losses import ArcFace, SupCon
from .target_forms import as_values

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
        raise TrainingError.coded(
            "E-TRAIN-02",
            "loss={loss}: unknown loss{hint} Known: {known}.",
            loss=shortened(name),
            hint=LOSSES.hint(name),
            known=", ".join(sorted(LOSSES)),
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
    end = net.ending if net.scale is None else ""
    if wanted == "MinSNR":
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss='MinSNR' weighs the timesteps of a diffusion model, and this network is none. Leave "
            "loss out, or choose another one.",
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
        return Loss(wanted, kl_divergence, from_logits=True)
    if wanted in ("BCELoss", "BCEWithLogitsLoss"):
        return _binary(wanted, end)
    if wanted in ("SoftMarginLoss", "MultiLabelSoftMarginLoss", "HingeEmbeddingLoss"):
        return _margin(wanted, task)
    return _of_values(wanted, net, classifies=bool(num_classes) and task in ("cls", "gen"))


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
        raise TrainingError.coded(
            "E-DATA-07",
            "expected at least one output of the network for each class ({classes} in all), got {outputs}. "
            "Set the last layer's size to {classes}.",
            classes=num_classes,
            outputs=units,
        )


def _check_class_axis(name: str, output: Shape) -> None:
    """Refuse outputs with the classes on an axis where the loss does not expect them."""
    of_images = name != "KLDivLoss" and len(output) > 2 and output.axes[0] == "channel"
    if len(output) > 1 and output.axes[-1] != "feature" and not of_images:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "the network returns {output}, and loss={loss} expects the classes on another axis. For one "
            "label for each sample, end the network with add('global_avgpool') or add('flatten') and a "
            "linear layer; for one at each position of a signal, with add('permute', axes=(2, 1)).",
            output=output.describe(),
            loss=shortened(name),
        )


def _cross_entropy(name: str, net: Net, end: str, task: str) -> Loss:
    if task == "reg":
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss}: expected classes, got nn('reg'), which predicts values. Use loss='MSELoss' or "
            "'L1Loss'.",
            loss=shortened(name),
        )
    if name == "NLLLoss" and not end:
        if isinstance(net[-1], nn.Linear):
            raise TrainingError.coded(
                "E-TRAIN-04",
                "loss='NLLLoss': expected probabilities, got the outputs of a linear layer. End the "
                "network with add(activation='softmax'), or use loss='CrossEntropyLoss'.",
            )
        return Loss(name, nll, False)
    return Loss(name, softmax_cross_entropy, from_logits=True)


def _binary(name: str, end: str) -> Loss:
    if end == "softmax":
        return Loss(name, lambda y, target: F.binary_cross_entropy(y, as_values(target, y)), False)
    if end == "" and name == "BCELoss":
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss='BCELoss': expected probabilities, got outputs of any size. End the network with "
            "add(activation='sigmoid'), or use loss='BCEWithLogitsLoss'.",
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
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss='HingeEmbeddingLoss': expected nn('reg'), distances and targets 1 (alike) or -1 (not), "
            "got classes. For classes use loss='CrossEntropyLoss' or 'SoftMarginLoss'.",
        )
    return Loss(name, lambda y, target: F.soft_margin_loss(y, 2 * as_values(target, y) - 1), from_logits=True)


def _embedding(name: str, task: str, rank: int, units: int | None, num_classes: int) -> Loss:
    if task != "embed" or name not in EMBEDDING_LOSSES:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss} with nn({task}): nn('embed') trains with loss='SupCon' or loss='ArcFace', and "
            "only nn('embed') does. Change the loss or the task.",
            loss=shortened(name),
            task=shortened(task),
        )
    if rank != 1 or units is None:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "nn('embed'): expected a vector for each sample as output. End the network with "
            "add('linear', ...).",
        )
    if num_classes < 2:
        raise TrainingError.coded(
            "E-DATA-07",
            "nn('embed'): expected data with at least 2 classes, got {classes}. Load data with 2 or more.",
            classes=num_classes,
        )
    return Loss(name, SupCon() if name == "SupCon" else ArcFace(units, num_classes), from_logits=False)


def _of_values(name: str, net: Net, classifies: bool) -> Loss:
    """Return a loss on values, which sees scaled ones where the network ends in the scale of its targets."""
    scale = net.scale
    is_poisson, returns_rates = name == "PoissonNLLLoss", isinstance(scale, ExponentialModule)
    if is_poisson and classifies and (scale is not None or net.ending != "softmax"):
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss='PoissonNLLLoss': expected counts, got classes. Use loss='CrossEntropyLoss'.",
        )
    if is_poisson and scale is not None and not returns_rates:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss='PoissonNLLLoss' learns the logarithm of a rate, and this network was trained to "
            "return values. Train a new one with it, or use loss='MSELoss'.",
        )
    function = _OF_VALUES[name]
    if scale is not None and is_poisson == returns_rates:
        return Loss(name, lambda y, target: function(y, scale.undo(as_values(target, y))), from_logits=True)
    return Loss(name, lambda y, target: function(y, as_values(target, y)), from_logits=False)


_OF_VALUES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "MSELoss": F.mse_loss,
    "L1Loss": F.l1_loss,
    "SmoothL1Loss": F.smooth_l1_loss,
    "HuberLoss": F.huber_loss,
    "PoissonNLLLoss": F.poisson_nll_loss,
}
REGRESSION_LOSSES = tuple(_OF_VALUES)
