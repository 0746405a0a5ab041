"""LeNet on 6,000 PNG files of 28x28 in class folders, batch 32, against plain PyTorch.

    python benchmarks/train_lenet.py

The plain loop has every image as float32 in one tensor and writes out what a competent user writes:
one permutation per epoch, zero_grad, forward, loss, backward, step with `torch.optim.Adam`. Ours reads
the files itself and also computes accuracy. Both are timed from the second epoch on, in turn. Reach: 0.9.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from quick import quick_or
from torch import nn as torch_nn
from train_common import Clock, report

from onnxnn import nn
from onnxnn.training.callbacks import Callback
from onnxnn.training.trainer import Trainer

BATCH, EPOCHS, ROUNDS, PER_CLASS = quick_or((32, 2, 1, 4), (32, 5, 4, 600))


def write_images(folder: Path) -> None:
    """Write 6,000 images: for each class a smooth pattern of its own, with noise."""
    rng = np.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        coarse = rng.integers(0, 255, (4, 4), dtype=np.uint8)
        pattern = np.asarray(Image.fromarray(coarse).resize((28, 28)), np.float32)
        for number in range(PER_CLASS):
            pixels = pattern + rng.normal(0, 60, pattern.shape)
            image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            image.save(folder / str(label) / f"{number}.png")


class EpochTimes(Callback):
    """Seconds of every epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._clock = Clock()

    def on_start(self, trainer: Trainer) -> None:
        self._clock.__enter__()

    def on_epoch(self, trainer: Trainer) -> None:
        self._clock.__exit__()
        self.seconds.append(self._clock.seconds)
        self._clock.__enter__()


def ours(images: Path, checkpoints: Path) -> list[float]:
    """Return the seconds of each epoch with onnxnn."""
    model = nn("cls", save_fold=str(checkpoints), verbose=0)
    model.load_img_data(images, batch_size=BATCH, color="grayscale")
    model.add("conv2d", size=(1, 6), kernel_size=5, activation="relu")
    model.add("avgpool", kernel_size=2)
    model.add("conv2d", size=(6, 16), kernel_size=5, activation="relu")
    model.add("avgpool", kernel_size=2)
    model.add("linear", size=(256, 120), activation="relu")
    model.add("linear", size=(120, 84), activation="relu")
    model.add("linear", size=(84, 10), activation="softmax")
    times = EpochTimes()
    model.train(lr=1e-3, epochs=EPOCHS, metrics=["acc"], callbacks=[times])
    return times.seconds


def plain(images: Path) -> list[float]:
    """Return the seconds of each epoch with a plain loop over a cached tensor."""
    files = sorted(images.glob("*/*.png"))
    inputs = torch.stack([torch.from_numpy(np.array(Image.open(file))) for file in files])
    inputs = inputs[:, None].float() / 255
    targets = torch.tensor([int(file.parent.name) for file in files])
    net = torch_nn.Sequential(
        torch_nn.Conv2d(1, 6, 5),
        torch_nn.ReLU(),
        torch_nn.AvgPool2d(2),
        torch_nn.Conv2d(6, 16, 5),
        torch_nn.ReLU(),
        torch_nn.AvgPool2d(2),
        torch_nn.Flatten(),
        torch_nn.Linear(256, 120),
        torch_nn.ReLU(),
        torch_nn.Linear(120, 84),
        torch_nn.ReLU(),
        torch_nn.Linear(84, 10),
    )
    optimizer, loss_function = torch.optim.Adam(net.parameters(), lr=1e-3), torch_nn.CrossEntropyLoss()
    seconds = []
    for _ in range(EPOCHS):
        with Clock() as clock:
            order = torch.randperm(len(inputs))
            for start in range(0, len(inputs), BATCH):
                chosen = order[start : start + BATCH]
                x, y = inputs[chosen], targets[chosen]
                optimizer.zero_grad()
                loss = loss_function(net(x), y)
                loss.backward()
                optimizer.step()
        seconds.append(clock.seconds)
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images")
        write_images(images)
        times: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            theirs, mine = plain(images), ours(images, Path(folder, "checkpoints"))
            times += zip(theirs[1:], mine[1:], strict=True)
    report(f"LeNet, an epoch of {10 * PER_CLASS:,} images", times, "plain loop", reach=0.9)


if __name__ == "__main__":
    main()
