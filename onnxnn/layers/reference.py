"""What a module gives for a batch of any size, as inference and exported files are compared with it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from onnxnn_runtime.errors import InputError

__all__ = ["alone", "reference"]

Run = Callable[[torch.Tensor], torch.Tensor]


def reference(module: Run, x: torch.Tensor) -> torch.Tensor:
    """Return a module's output without gradients; see `alone`.

    Args:
        module: In evaluation mode.
        x: A batch, on the module's device.
    """
    with torch.inference_mode():
        return alone(module, x)


def alone(run: Run, x: torch.Tensor) -> torch.Tensor:
    """Return what a module gives for a batch, where a single sample runs alone.

    A module that drops the axis of a batch of one (`x.squeeze()` without an axis, as lessons write it) is
    shown the sample twice, provided that this makes no difference: that other samples beside it, and how
    many there are, change nothing.

    Args:
        run: Custom modules are among what it runs.
        x: The batch.

    Raises:
        InputError: It fails on a single sample, and what it gives for one depends on the others.
    """
    if len(x) != 1:
        return run(x)
    try:
        y = run(x)
        if y.ndim > 1 and len(y) == 1 and bool(y.isfinite().all()):
            return y
        what = tuple(y.shape) if y.isfinite().all() else "NaN or infinite numbers"
        reason = f"it gives {what} for a batch of one"
    except Exception as error:  # whatever the user's own code raises
        said = str(error).partition("\n")[0]
        reason = f"on a batch of one it fails with {type(error).__name__}" + (f": {said}" if said else "")
    y, other = run(torch.cat((x, x)))[:1], torch.zeros_like(x)
    for beside in ((x, other), (x, other, x)):
        found = run(torch.cat(beside))[:1]
        if found.shape == y.shape and torch.allclose(y, found, rtol=1e-4, atol=1e-6, equal_nan=True):
            continue
        raise InputError(
            f"a custom module cannot run a single sample: {reason}, and what it gives for a sample depends "
            "on the others of its batch. Let forward keep the batch axis, such as x.squeeze(1) or "
            "x.flatten(1), or give at least two samples."
        )
    return y
