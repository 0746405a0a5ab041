"""Comparing a model file with the checkpoint that it was exported from."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxnn_runtime
from onnxnn_runtime.defaults import TOLERANCE
from onnxnn_runtime.made_up import made_up_inputs
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.verification import Check, VerificationReport

from onnxnn.checkpoint import checkpoint as checkpoints
from onnxnn.network import Network

if TYPE_CHECKING:
    from onnxnn_runtime.card.card import LayerEntry

Array = np.ndarray[Any, Any]

_NAME = "equals torch"
"""How reports name the check, in any language."""


def verify_with_checkpoint(model: onnxnn_runtime.Model, checkpoint: str | Path) -> VerificationReport:
    """Return what `onnxnn_runtime.verify` finds, and whether a model that runs computes what torch does.

    Args:
        model: The file as the runtime loads it.
        checkpoint: The path of the checkpoint.

    Raises:
        CheckpointError: It cannot be read.
        MissingCheckpointError: There is none.
    """
    report = onnxnn_runtime.verify(model)
    if not report.runs:
        return report
    return replace(report, checks=(*report.checks, compare_with_checkpoint(model, checkpoint)))


def compare_with_checkpoint(model: onnxnn_runtime.Model, checkpoint: str | Path) -> Check:
    """Return whether a file computes what torch computes with a checkpoint; as `verify_with_checkpoint`."""
    other = _other_network(checkpoint, model)
    if other is not None:
        return other
    network = Network(verbose=0)
    network.load(checkpoint)
    if network._state.kind.samples_images:
        spec = model.kind.sampling
        options: dict[str, Any] = {"steps": 3}
        if spec is not None and spec.sampler is not None:
            baked = spec.sampler
            options = {"steps": baked.steps, "sampler": baked.name, "guidance": baked.guidance}
        expected = network.sample(2, seed=0, device="cpu", **options)
        return _difference(model.sample(2, seed=0, **options), expected, 1.0, are_images=True)
    feeds = made_up_inputs(model, 2)
    found = next(iter(model.infer(feeds).values()))
    expected = network.inference(tuple(feeds.values()) if len(feeds) > 1 else next(iter(feeds.values())))
    return _difference(found, expected, max(1.0, float(np.max(np.abs(expected)))))


def _difference(found: Array, expected: Array, scale: float, are_images: bool = False) -> Check:
    if expected.shape != found.shape:
        text = gettext(
            "expected an output of shape {expected}, as torch returns it, got {got}",
            expected=shape_text(expected.shape),
            got=shape_text(found.shape),
        )
        return Check(_NAME, False, text)
    off = float(np.max(np.abs(expected - found)))
    text = gettext("largest difference {difference:.2g}", difference=off)
    if are_images:
        text = gettext("largest difference of the images {difference:.2g}", difference=off)
    return Check(_NAME, off <= TOLERANCE * scale, text)


def _other_network(checkpoint: str | Path, model: onnxnn_runtime.Model) -> Check | None:
    """Return a failed check that names the first layer in which checkpoint and file differ, None if none."""
    there = checkpoints.load(checkpoint).card.network
    here = there if model.card is None else model.card.network
    for ours, theirs in zip_longest(here, there):
        if ours != theirs:
            text = gettext(
                "the checkpoint is of another network: the file has {layer}, the checkpoint {other}",
                layer=_layer(ours),
                other=_layer(theirs),
            )
            return Check(_NAME, False, text)
    return None


def _layer(entry: LayerEntry | None) -> str:
    if entry is None:
        return gettext("no more layers")
    options = [f"{name}={value}" for name, value in entry["options"].items()]
    if entry["activation"]:
        options.append(f"activation={entry['activation']}")
    return f"{entry['name']}({', '.join(options)})"
