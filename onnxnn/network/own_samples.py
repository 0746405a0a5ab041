"""Samples of the data that a network holds, as an exported file takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.card import ModelCard

from onnxnn.data import Batches
from onnxnn.data.batches import InMemory
from onnxnn.quantization.options import MIN_SAMPLES

Array = np.ndarray[Any, Any]

_MOST_SAMPLES = 1000
"""The most samples that are taken."""

_MOST_BYTES = 2**28
"""The most memory that they take; but there are `MIN_SAMPLES` in any case."""


def arrays_of(batches: Batches, card: ModelCard, in_graph: bool) -> tuple[Array, Sequence[object] | None]:
    """Return samples as `onnxnn_runtime.Model.predict` takes them, and the label of each where it has one.

    Args:
        batches: Training or validation data; at most `_MOST_SAMPLES` of them are taken, with a fixed seed.
        card: The network's card.
        in_graph: Whether preprocessing goes into the graph, which then takes uint8 (N, H, W, 3).
    """
    batches = _without_augmentation(batches)
    count = batches.num_samples
    size = 4 * max(int(np.prod(batches.samples.sizes)), 1)
    most = min(count, _MOST_SAMPLES, max(_MOST_BYTES // size, MIN_SAMPLES))
    chosen = torch.from_numpy(np.sort(np.random.default_rng(0).permutation(count)[:most]))
    parts = list(batches.samples.take(torch.split(chosen, 32)))
    x = torch.cat([x for x, _ in parts]).numpy()
    return _as_given(x, card, in_graph), _labels(torch.cat([y for _, y in parts]), card)


def _without_augmentation(batches: Batches) -> Batches:
    """Return images as they are read outside training."""
    if batches.reread is None or isinstance(batches.samples, InMemory):
        return batches
    return batches.read_again(lambda plan: replace(plan, operations=plan.outside_training))


def _as_given(x: Array, card: ModelCard, in_graph: bool) -> Array:
    preprocess = card.input.preprocess
    if card.input.kind != "image" or preprocess is None:
        return x
    if preprocess.channel_order == "bgr" and x.shape[1] == 3:
        x = np.ascontiguousarray(x[:, ::-1])  # as they are given; the network has red first
    return np.rint(np.moveaxis(x, 1, -1) * 255).astype(np.uint8) if in_graph else x


def _labels(y: torch.Tensor, card: ModelCard) -> Sequence[object] | None:
    """Return class names, or values; None for anything else, such as the next token of each."""
    if card.output.kind == "values":
        return y.numpy().tolist() if y.is_floating_point() else None
    if y.is_floating_point() or y.ndim != 1 or card.output.kind == "tokens":
        return None
    classes = card.output.classes
    ids: list[int] = y.tolist()
    return [classes[each] if each < len(classes) else each for each in ids]
