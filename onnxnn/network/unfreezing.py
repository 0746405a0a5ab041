"""Letting the last blocks of a frozen encoder learn after its head has."""

from __future__ import annotations

from dataclasses import replace

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.training.lr_schedules import is_count
from onnxnn.training.optimizers import is_number

from .core import NetworkCore

__all__ = ["unfreeze"]


def unfreeze(self: NetworkCore, last: int | None = None, lr_factor: float = 0.1) -> None:
    """Let the last blocks of an encoder that was added with trainable=False learn in the next `train`.

    Train the head first: while its weights are random, its gradients would spoil what the encoder knows. The
    unfrozen blocks then learn by `lr_factor` of the learning rate (Howard & Ruder, "Universal Language Model
    Fine-tuning for Text Classification", 2018, section 3.2, discriminative fine-tuning). The statistics
    of batch normalisation stay those of the published weights, since a few photographs give no better ones;
    its factors learn.

        model.train(epochs=20)
        model.unfreeze(last=2)
        model.train(epochs=10)

    Args:
        last: How many blocks learn: the last convolution is one, and so is each residual block before it.
            None means all of them. Called again, the new number counts.
        lr_factor: Their share of the learning rate, above 0 and up to 1.

    Raises:
        LayerError: No layer is frozen, it has fewer blocks, or `lr_factor` is out of range; the network is as
            it was.
    """
    definition = self._state.definition
    entry = next((each for each in definition.entries if each.layer.frozen_blocks is not None), None)
    if entry is None:
        raise LayerError.coded(
            "E-LAYER-10",
            "unfreeze(): expected a layer that was added with trainable=False, got none. Add one, such as "
            "add('efficientnet_lite0', weights='auto', trainable=False).",
        )
    blocks = present(entry.layer.frozen_blocks)
    learning = blocks if last is None else last
    _check(learning, lr_factor, blocks)
    layer = entry.layer.with_unfrozen(learning, lr_factor)
    state = replace(self._state, definition=definition.with_unfrozen(entry, layer))
    line = ngettext(
        "{name}: the last block of {all} learns from now on, by {factor} of the learning rate",
        "{name}: the last {count} blocks of {all} learn from now on, by {factor} of the learning rate",
        learning,
        name=entry.name,
        all=blocks,
        factor=shortened(lr_factor),
    )
    self._become((state, (line,)))


def _check(last: int, lr_factor: float, blocks: int) -> None:
    """Refuse values that are out of range.

    Raises:
        LayerError: One is.
    """
    if not is_count(last) or last > blocks:
        raise LayerError.coded(
            "E-LAYER-04",
            "unfreeze(last={last}): expected an integer from 1 to {most}, the number of blocks of the frozen "
            "layer. Use last=2 for a start.",
            last=shortened(last),
            most=blocks,
        )
    if not is_number(lr_factor) or not 0 < lr_factor <= 1:
        raise LayerError.coded(
            "E-LAYER-04",
            "unfreeze(lr_factor={factor}): expected a number above 0, up to 1. Use 0.1, a tenth of the "
            "learning rate.",
            factor=shortened(lr_factor),
        )
