"""What a module gives, as exported files are compared with it."""

from __future__ import annotations

from collections.abc import Callable

import torch


def reference(module: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return a module's output; one that stumbles over a batch of one is shown the sample twice.

    (`x.squeeze()` without an axis, as lessons write it, removes a batch of one.)

    Args:
        module: In evaluation mode, where samples do not see each other.
        x: A batch, on the module's device.
    """
    with torch.inference_mode():
        try:
            y = module(x)
            if y.shape[:1] == x.shape[:1]:
                return y
        except (RuntimeError, ValueError, IndexError):
            if len(x) != 1:
                raise
        return module(torch.cat([x, x]))[:1]
