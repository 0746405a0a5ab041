"""A diffusion network in torch, as the runtime's sampling loop calls it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnxnn_runtime.diffusion.sampling import Predict

from onnxnn.definition.module import Net
from onnxnn.kinds.diffusion import denoiser_of

__all__ = ["predictor"]

Array = np.ndarray[Any, Any]


def predictor(net: Net, device: torch.device) -> Predict:
    """Return the network as the runtime's loop calls it; it must be on that device, in evaluation mode."""
    denoiser = denoiser_of(net)

    def predict(x: Array, t: int, labels: Array | None) -> Array:
        with torch.inference_mode():
            pictures = torch.from_numpy(x).to(device)
            steps = torch.full((len(x),), t, dtype=torch.int64, device=device)
            numbers = None if labels is None else torch.from_numpy(labels).to(device)
            found: Array = denoiser(pictures, steps, numbers).float().cpu().numpy()
        return found

    return predict
