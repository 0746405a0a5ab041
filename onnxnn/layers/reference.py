"""The output of a module for a batch of any size, as inference and exported files are compared with it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text

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
    """Return the output of a module for a batch, where a single sample runs alone.

    A module that drops the axis of a batch of one (`x.squeeze()` without an axis, as lessons write it) is
    shown the sample twice, provided that this makes no difference: that other samples beside it, and how
    many there are, change nothing.

    Args:
        run: Custom modules are among what it runs.
        x: The batch.

    Raises:
        InputError: It fails on a single sample, and its output for one depends on the others.
    """
    if len(x) != 1:
        return run(x)
    try:
        y = run(x)
        if y.ndim > 1 and len(y) == 1 and bool(y.isfinite().all()):
            return y
        reason = (
            gettext("for a batch of one it returns the shape {shape}", shape=shape_text(y.shape))
            if y.isfinite().all()
            else gettext("for a batch of one it returns NaN or infinite numbers")
        )
    except Exception as error:  # whatever custom code raises
        said = str(getattr(error, "text", error)).partition("\n")[0]
        name = type(error).__name__
        failure = f"{name}: {said}" if said else name
        reason = gettext("on a batch of one it fails with {error}", error=failure)
    y, other = run(torch.cat((x, x)))[:1], torch.zeros_like(x)
    for beside in ((x, other), (x, other, x)):
        found = run(torch.cat(beside))[:1]
        if found.shape == y.shape and torch.allclose(y, found, rtol=1e-4, atol=1e-6, equal_nan=True):
            continue
        raise InputError.coded(
            "E-LAYER-07",
            "a custom module cannot run a single sample: {reason}, and its output for a sample depends "
            "on the others of its batch. Let forward keep the batch axis, such as x.squeeze(1) or "
            "x.flatten(1), or pass at least two samples.",
            reason=reason,
        )
    return y
