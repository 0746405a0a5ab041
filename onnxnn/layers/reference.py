"""What a module gives, as exported files are compared with it."""

from __future__ import annotations

import torch
from torch import nn


def reference(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return a module's output; one that stumbles over a batch of one is shown the sample twice.

    (`x.squeeze()` without an axis, as lessons write it, removes a batch of one.)

    Args:
        module: In evaluation mode, where samples do not see each other.
        x: A batch.
    """
    first = next(module.parameters(), None)
    x = x if first is None else x.to(first.device)
    with torch.inference_mode():
        try:
            y: torch.Tensor = module(x)
            if y.shape[:1] == x.shape[:1]:
                return y
        except (RuntimeError, ValueError, IndexError):
            if len(x) != 1:
                raise
        twice: torch.Tensor = module(torch.cat([x, x]))
        return twice[:1]
