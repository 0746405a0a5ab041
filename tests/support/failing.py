"""Trainings that end early in several processes: `python -m support.failing FOLDER CASE` in each."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import torch
from onnxnn import Callback, nn
from PIL import Image
from support.sharded import RANK, classifier

ENDLESS = 1_000_000


class Marks(Callback):
    """Writes a file when training has begun, and is slow enough for a signal."""

    def __init__(self, file):
        self.file = file

    def on_step(self, trainer):
        if not self.file.exists():
            self.file.write_text("", encoding="utf-8")
        time.sleep(0.01)


class Broken(Callback):
    def on_epoch(self, trainer):
        raise KeyError("of the callback")


class FailsInOne(torch.nn.Module):
    def forward(self, x):
        if self.training and RANK == 1:
            raise ValueError("of the custom module")
        return x


def signalled(folder, number):
    """Send a signal to process 1 when training has begun."""
    file = folder / "begun"

    def later():
        while not file.exists():
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(os.getpid(), number)

    if RANK == 1 and number:
        threading.Thread(target=later, daemon=True).start()
    history = classifier(folder).train(lr=0.01, epochs=ENDLESS, callbacks=[Marks(file)], device="cpu")
    print(f"process {RANK} ended after {len(history)} epochs\n", end="", flush=True)


def no_folder(folder):
    nn("cls").load_img_data(str(folder / "nowhere"))


def one_reads_nothing(folder):
    """An image of process 1 cannot be read any more when training has begun."""
    images = folder / "images"
    if RANK == 0:
        for name in ("cat", "dog"):
            (images / name).mkdir(parents=True)
            for number in range(8):
                Image.new("RGB", (8, 8)).save(images / name / f"{number}.png")
        (folder / "made").write_text("", encoding="utf-8")
    while not (folder / "made").exists():
        time.sleep(0.01)
    model = nn("cls", save_fold=str(folder), verbose=0)

    begun = folder / "begun"

    def turned(image):
        if RANK == 1 and begun.exists():
            raise OSError("of the transform")
        return image

    model.load_img_data(str(images), transform=turned, batch_size=4)
    model.add("flatten")
    model.add("linear", size=(192, 2))
    model.train(lr=0.01, epochs=ENDLESS, callbacks=[Marks(begun)], device="cpu")


def nan(folder):
    """A sample of one process makes the loss NaN in it, and the weights in all."""
    model = nn("reg", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    x = np.ones((16, 3), np.float32)
    x[3] = 1e30
    model.load_dataset(x, x.sum(1), batch_size=4)
    model.add("linear", size=(3, 1))
    model.add(optimizer="SGD")
    model.train(lr=1e10, epochs=3, device="cpu")


def other_samples(folder):
    """Each process would learn from samples of its own, and more of them in one."""
    trained_on(folder, 30 - 12 * RANK, 0)


def other_numbers(folder):
    """As many samples, but drawn without a seed."""
    trained_on(folder, 30, RANK)


def trained_on(folder, count, seed):
    x = np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)
    model = nn("reg", save_fold=str(folder), verbose=0)
    model.load_dataset(x, np.zeros(count), batch_size=8)
    model.add("linear", size=(3, 1))
    model.train(lr=0.01, epochs=3, device="cpu")


def other_epochs(folder):
    classifier(folder).train(lr=0.1, epochs=2 + RANK, device="cpu")


def custom_module(folder):
    classifier(folder, FailsInOne()).train(lr=0.1, epochs=2, device="cpu")


def caught(folder):
    """A training that all refuse leaves the processes together."""
    model = classifier(folder)
    try:
        model.train(lr=0.1, epochs=2, callbacks=[Broken()], device="cpu")
    except Exception as error:
        print(f"process {RANK}: {type(error).__name__}: {error}\n", end="", flush=True)
    history = model.train(lr=0.1, epochs=2, device="cpu")
    print(f"process {RANK} ended after {len(history)} epochs\n", end="", flush=True)


def interrupted(folder):
    signalled(folder, signal.SIGINT)


def killed(folder):
    signalled(folder, signal.SIGKILL)


def endless(folder):
    signalled(folder, 0)


def started(folder):
    """The first process starts the other."""
    begins(folder)
    history = classifier(folder).train(
        lr=0.01, epochs=ENDLESS, callbacks=[Marks(folder / "begun")], device="cpu", devices=2
    )
    print(f"process {RANK} ended after {len(history)} epochs\n", end="", flush=True)


def late(folder):
    """The first process waits for the other, which takes long before it trains."""
    begins(folder)
    if RANK:
        time.sleep(600)
    classifier(folder).train(lr=0.01, epochs=1, device="cpu", devices=2)


def absent(folder):
    """The other process does not train."""
    begins(folder)
    if RANK:
        sys.exit(3)
    classifier(folder).train(lr=0.01, epochs=1, device="cpu", devices=2)


def begins(folder):
    """Write this process's number; let Ctrl-C end it also where a job in the background has none."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    part = folder / f"part{RANK}"
    part.write_text(str(os.getpid()), encoding="utf-8")
    part.rename(folder / f"process{RANK}")


if __name__ == "__main__":
    globals()[sys.argv[2]](Path(sys.argv[1]))
