"""LSTM training against a plain PyTorch loop: the action network, and the poem writer.

    python benchmarks/train_lstm.py

Both sides train the same layers with Adam and accuracy, on the same threads, in turn, over DataLoader's
equal: shuffled batches of tensors in memory. Ours also keeps the history and writes its checkpoint. Times
are of epochs after the first. Reach: a throughput of 0.95, that is a time of at most 1.05.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from quick import quick_or
from torch import nn as torch_nn
from train_common import Clock, report

from onnxnn import nn
from onnxnn.training.callbacks import Callback
from onnxnn.training.trainer import Trainer

EPOCHS, ROUNDS = 1, quick_or(1, 12)
SAMPLES, VOCABULARY = quick_or((32, 50), (320, 2000))


class Actions(torch_nn.Module):
    """An LSTM, its last step, batch normalisation, two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch_nn.LSTM(132, 256, batch_first=True)
        self.head = torch_nn.Sequential(
            torch_nn.BatchNorm1d(256), torch_nn.Linear(256, 64), torch_nn.Linear(64, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.lstm(x)[0][:, -1])
        return output


class Poems(torch_nn.Module):
    """Embedding, two LSTMs, a linear layer at each step."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = torch_nn.Embedding(vocabulary, 128)
        self.lstm = torch_nn.LSTM(128, 256, num_layers=2, batch_first=True)
        self.linear = torch_nn.Linear(256, vocabulary)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.linear(self.lstm(self.embedding(x))[0])
        return output.flatten(0, 1)


def plain(net: torch_nn.Module, x: torch.Tensor, y: torch.Tensor, batch_size: int) -> float:
    """Train as torch's tutorials do; return the seconds of all epochs but the first."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    clock = Clock()
    for epoch in range(EPOCHS + 1):
        if epoch == 1:
            clock.__enter__()
        right = torch.zeros((), dtype=torch.long)
        for chosen in torch.split(torch.randperm(len(x)), batch_size):
            target = y[chosen].flatten()
            optimizer.zero_grad()
            output = net(x[chosen])
            loss = F.cross_entropy(output, target)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            right += (output.argmax(1) == target).sum()
    clock.__exit__()
    return clock.seconds


class Watch(Callback):
    """A clock that runs through all epochs but the first."""

    def __init__(self) -> None:
        self.clock, self.epochs = Clock(), 0

    def on_epoch(self, trainer: Trainer) -> None:
        """Begin after the first epoch, end after the last."""
        self.epochs += 1
        if self.epochs == 1:
            self.clock.__enter__()
        elif self.epochs == EPOCHS + 1:
            self.clock.__exit__()


def ours(layers: list[tuple[str, dict[str, Any]]], load: Callable[[nn], object]) -> float:
    """Train with onnxnn; return the seconds of all epochs but the first."""
    model, watch = nn("cls", verbose=0), Watch()
    load(model)
    for name, options in layers:
        model.add(name, **options)
    with tempfile.TemporaryDirectory() as folder:
        model.train(lr=1e-3, epochs=EPOCHS + 1, metrics=["acc"], save_fold=folder, callbacks=[watch])
    return watch.clock.seconds


def main() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(SAMPLES, 30, 132)).astype(np.float32)
    y = draw.integers(0, 3, SAMPLES)
    layers: list[tuple[str, dict[str, Any]]] = [
        ("action_model", {"size": (132, 256)}),
        ("linear", {"size": (256, 64)}),
        ("linear", {"size": (64, 3), "activation": "softmax"}),
    ]
    times = [
        (
            plain(Actions(), torch.from_numpy(x), torch.from_numpy(y), 32),
            ours(layers, lambda model: model.load_dataset(x, y, batch_size=32)),
        )
        for _ in range(ROUNDS + 1)
    ]
    report(f"action network, {SAMPLES} x 30 x 132, batch 32", times[1:], "plain loop", reach=1.05)

    rows = draw.integers(0, VOCABULARY, (SAMPLES, 25))
    words = {chr(0x4E00 + number): number for number in range(VOCABULARY)}
    poems: list[tuple[str, dict[str, Any]]] = [("em_lstm", {"size": (128, 256), "num_layers": 2})]
    tokens = torch.from_numpy(rows)
    times = [
        (
            plain(Poems(VOCABULARY), tokens[:, :-1], tokens[:, 1:], 16),
            ours(poems, lambda model: model.load_dataset(rows, word2idx=words, batch_size=16)),
        )
        for _ in range(ROUNDS + 1)
    ]
    report(
        f"poem writer, {SAMPLES} x 24, vocabulary {VOCABULARY:,}, batch 16",
        times[1:],
        "plain loop",
        reach=1.05,
    )


if __name__ == "__main__":
    main()
