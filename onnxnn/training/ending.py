"""What training puts at the end of a network, so that it returns what its loss learned.

Cross entropy reads scores of any size and learns probabilities: softmax belongs after it, sigmoid after
its binary form. Values in the units of a user, house prices of millions, are out of reach for a fresh
network, which returns numbers around 0 of size 1: their scale belongs after it (see `target_scale`). Both are
the network's last operation in torch, checkpoint and ONNX; the loss sees what comes before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnxnn_runtime.card.card import ModelCard

from onnxnn.definition.definition import Definition
from onnxnn.layers import Layer, make

from .losses import official_name

_SOFTMAX_LOSSES = ("CrossEntropyLoss", "NLLLoss", "KLDivLoss")
_ENDING_OF_VALUES = {
    "KLDivLoss": "softmax",
    "BCEWithLogitsLoss": "sigmoid",
    "MultiLabelSoftMarginLoss": "sigmoid",
}
_SIGMOID_LOSSES = ("BCEWithLogitsLoss", "SoftMarginLoss", "MultiLabelSoftMarginLoss")


def score_ending(task: str, definition: Definition, num_classes: int, loss: str | None) -> Layer | None:
    """Return the activation that turns scores into the probabilities which a loss learned, or None.

    An encoder, with more outputs than classes, keeps its vectors. Values to predict are probabilities too
    where their loss says so.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network.
        num_classes: How many classes or tokens the targets have; 0 for values.
        loss: The loss's name in any spelling; None for the task's usual one.
    """
    shape = definition.output_shape
    if task == "embed" or shape is None or definition.net.ending:
        return None
    name = "CrossEntropyLoss" if loss is None else official_name(loss)
    units = shape["channel"] if "channel" in shape.axes else shape.sizes[-1]
    if not num_classes or task == "reg":
        return make(_ENDING_OF_VALUES[name], {}) if task != "cls" and name in _ENDING_OF_VALUES else None
    is_encoder = units is not None and units > num_classes
    if units is None or is_encoder or (units < num_classes and units != 1):
        return None
    last = definition.placed()[-1].layer
    if name == "NLLLoss" and not last.is_custom:
        return None  # refused by the loss; a custom module may end in log-softmax
    if name in _SOFTMAX_LOSSES and units > 1:
        return make("softmax", {})
    return make("sigmoid", {}) if name in _SIGMOID_LOSSES else None


def closing_of(definition: Definition, card: ModelCard) -> Layer | None:
    """Return what a checkpoint's training put after the layers; older files do not hold it."""
    if definition.closing is not None:
        return definition.closing
    last = card.network[-1] if len(card.network) > 1 else None
    if last is not None and last["name"].endswith("0"):
        layer = make(last["layer"], last["options"], stored=True)
        if f"{layer.title}0" == last["name"]:
            return layer
    if not card.training.get("epochs") or not isinstance(card.training.get("settings", {}), Mapping):
        return None
    classes = len(card.output.classes) or len(card.input.vocabulary or ())
    return score_ending(card.task, definition, classes, loss_of(card))


def loss_of(card: ModelCard) -> str | None:
    """Return the loss that a network was trained with; None for the task's usual one."""
    how = card.training.get("settings", {})
    return how.get("loss") if isinstance(how, Mapping) else None
