"""MobileNetV2 at 64x64, batch 32, against a plain PyTorch loop over the same network.

    python benchmarks/train_mobilenet.py

The plain loop draws batches from a cached float32 tensor by one permutation per epoch and steps with
Adam. Ours loads the same images from memory. Both are timed from the second epoch on, in turn.
Reach: 1.05.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from quick import quick_or
from torch import nn as torch_nn
from train_common import Clock, report
from train_lenet import EpochTimes

from onnxnn import nn
from onnxnn.models.mobilenet import MobileNetV2

BATCH, STEPS, EPOCHS, ROUNDS, CLASSES = quick_or((4, 2, 2, 1, 2), (32, 8, 3, 3, 2))


def ours(x: np.ndarray, y: np.ndarray, folder: Path) -> list[float]:
    """Return the seconds of each epoch with onnxnn."""
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.load_dataset(x, y, batch_size=BATCH)
    model.add("mobilenet")
    model.add(activation="softmax")
    times = EpochTimes()
    model.train(lr=1e-3, epochs=EPOCHS, metrics=["acc"], callbacks=[times])
    return times.seconds


def plain(x: np.ndarray, y: np.ndarray) -> list[float]:
    """Return the seconds of each epoch with a plain loop."""
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    net = MobileNetV2(num_classes=CLASSES)
    optimizer, loss_function = torch.optim.Adam(net.parameters(), lr=1e-3), torch_nn.CrossEntropyLoss()
    seconds = []
    for _ in range(EPOCHS):
        with Clock() as clock:
            order = torch.randperm(len(inputs))
            for start in range(0, len(inputs), BATCH):
                chosen = order[start : start + BATCH]
                optimizer.zero_grad()
                loss = loss_function(net(inputs[chosen]), targets[chosen])
                loss.backward()
                optimizer.step()
        seconds.append(clock.seconds)
    return seconds


def main() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(BATCH * STEPS) % CLASSES
    x = rng.random((len(y), 3, 64, 64), dtype=np.float32) * (0.5 + 0.5 * y[:, None, None, None])
    x = x.astype(np.float32)
    times: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            theirs, mine = plain(x, y), ours(x, y, Path(folder))
            times += zip(theirs[1:], mine[1:], strict=True)
    report(f"MobileNetV2 at 64x64, {STEPS} batches of {BATCH}", times, "plain loop", reach=1.05)


if __name__ == "__main__":
    main()
