"""A network from sequence to sequence in torch: what it writes, and how likely each token comes next."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.generation.seq2seq import Predict, translate

from onnxnn.definition.module import Net, evaluating

__all__ = ["predictor", "write"]

Array = np.ndarray[Any, Any]


def write(net: Net, spec: InputSpec, source: Any, max_length: int | None, beams: int | None) -> Any:
    """Write the targets of sources; see `onnxnn_runtime.generation.seq2seq.translate`."""
    return translate(predictor(net), spec, source, max_length, beams)


def predictor(net: Net) -> Predict:
    """Return a function that runs a network in evaluation mode and leaves it in the mode it was in."""
    device = net.device

    def predict(source: Array, target: Array) -> Array:
        with evaluating(net), torch.inference_mode():
            y = net((torch.from_numpy(source).to(device), torch.from_numpy(target).to(device)))
        found: Array = y.float().cpu().numpy()
        return found

    return predict
