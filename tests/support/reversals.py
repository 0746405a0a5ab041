"""A small Transformer, and sequences with their reversals."""

from __future__ import annotations

import numpy as np
from onnxnn import nn

SIZES = {"source_vocab": 13, "target_vocab": 13, "size": (16, 32), "max_length": 12, "num_heads": 2}


def reversals(count, seed=0, longest=10):
    """Return sources of 3 to `longest` tokens and, as targets, the same tokens backwards."""
    draw = np.random.default_rng(seed)
    source = np.zeros((count, longest), int)
    target = np.zeros((count, longest + 2), int)
    for x, y in zip(source, target, strict=True):
        word = draw.integers(3, 13, draw.integers(3, longest + 1))
        x[: len(word)], y[: len(word) + 2] = word, [1, *word[::-1], 2]
    return source, target


def made(tmp_path=None, count=60, **options):
    """Return a network with a few pairs to learn from."""
    network = nn("gen", verbose=0, save_fold=str(tmp_path / "checkpoints") if tmp_path else None)
    network.set_seed(0)
    network.load_dataset(*reversals(count), batch_size=20)
    network.add("transformer", **{**SIZES, **options})
    return network
