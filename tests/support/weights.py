"""The weights of checkpoints, and whether two are equal."""

from __future__ import annotations

import torch
from onnxnn.checkpoint import checkpoint


def saved_weights(path):
    """Return the state dict in a checkpoint."""
    return checkpoint.load(path).state_dict


def same_weights(a, b):
    """Whether two state dicts have the same names and the same bits, whatever device holds them."""
    return a.keys() == b.keys() and all(torch.equal(a[name].cpu(), b[name].cpu()) for name in a)
