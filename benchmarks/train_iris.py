"""Iris network, 1,000 epochs, all 120 rows in one batch, against a bare full-batch loop.

    python benchmarks/train_iris.py

Both train the same three layers with the same optimizer by name (Adam), on the same threads, in turn,
five times; ours also computes accuracy, keeps the history and writes its checkpoint. Reach: 1.3.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from quick import quick_or
from torch import nn as torch_nn
from train_common import Clock, report

from onnxnn import nn

EPOCHS, ROUNDS = quick_or((2, 1), (1000, 5))


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return 120 flowers in three clouds, drawn with the means and spreads of the iris data."""
    rng = np.random.default_rng(0)
    means = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    spreads = np.array([[0.35, 0.38, 0.17, 0.1], [0.5, 0.3, 0.47, 0.2], [0.64, 0.32, 0.55, 0.27]])
    y = np.arange(120) % 3
    return (means[y] + spreads[y] * rng.standard_normal((120, 4))).astype(np.float32), y


def ours(x: np.ndarray, y: np.ndarray, folder: Path) -> Clock:
    """Train with onnxnn."""
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.load_dataset(x, y)
    model.add("linear", size=(4, 10), activation="relu")
    model.add("linear", size=(10, 5), activation="relu")
    model.add("linear", size=(5, 3), activation="softmax")
    with Clock() as clock:
        model.train(lr=0.01, epochs=EPOCHS, metrics=["acc"])
    return clock


def bare(x: np.ndarray, y: np.ndarray) -> Clock:
    """Train with a loop as in torch's own tutorials."""
    net = torch_nn.Sequential(
        torch_nn.Linear(4, 10),
        torch_nn.ReLU(),
        torch_nn.Linear(10, 5),
        torch_nn.ReLU(),
        torch_nn.Linear(5, 3),
    )
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    optimizer, loss_function = torch.optim.Adam(net.parameters(), lr=0.01), torch_nn.CrossEntropyLoss()
    with Clock() as clock:
        for _ in range(EPOCHS):
            optimizer.zero_grad()
            loss_function(net(inputs), targets).backward()
            optimizer.step()
    return clock


def main() -> None:
    x, y = rows()
    with tempfile.TemporaryDirectory() as folder:
        times = [(bare(x, y).seconds, ours(x, y, Path(folder)).seconds) for _ in range(ROUNDS + 1)]
    report(f"iris, {EPOCHS:,} epochs", times[1:], "bare loop", reach=1.3)


if __name__ == "__main__":
    main()
