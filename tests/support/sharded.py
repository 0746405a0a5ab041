"""Trainings that give the same in one process and in several, and how several are started.

In each process `python -m support.sharded FOLDER CASE...` writes what the cases gave into FOLDER.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from onnxnn import Callback, nn
from support.diffusion import denoiser
from support.prepared import settings
from support.reversals import made

RANK = int(os.environ.get("LOCAL_RANK", "0"))


def torchrun(processes, *script, cwd, seconds=200):
    """Run a script, or `-m` a module, in several processes on a free port; after a time all are killed."""
    return finished([*launcher(processes), *script], cwd, seconds)


def launcher(processes):
    """Return the begin of a command that runs a script in several processes."""
    return [
        *(sys.executable, "-m", "torch.distributed.run"),
        *("--standalone", "--nproc_per_node", str(processes)),
    ]


def finished(command, cwd, seconds=200):
    """Return a command with its output and exit code; after a time it is killed with what it started."""
    process = subprocess.Popen(
        [str(each) for each in command],
        cwd=str(cwd),
        env=settings({"OMP_NUM_THREADS": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        texts = process.communicate(timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, *texts)


class Recorder(torch.nn.Module):
    """Notes how many samples it sees, and one random number for each step."""

    def __init__(self):
        super().__init__()
        self.learned, self.measured, self.drawn = [], [], []

    def forward(self, x):
        (self.learned if self.training else self.measured).append(len(x))
        if self.training:
            self.drawn.append(float(torch.rand(1)))
        return x


class Stop(Callback):
    """Ends training, in the main process alone, after the second epoch."""

    def on_epoch(self, trainer):
        trainer.stop = trainer.epoch == 2


class Skips(torch.nn.Module):
    """Leaves one weight out of every other step, and another one out of all."""

    def __init__(self):
        super().__init__()
        self.used, self.sometimes, self.never = (torch.nn.Linear(8, 8) for _ in range(3))
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        x = self.used(x)
        return self.sometimes(x) if self.steps % 2 else x


def table(count=43):
    x = np.random.default_rng(0).standard_normal((count, 6)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


def classifier(folder, *between, batch_size=8, seed=0):
    """Return a network with 30 samples to learn from, the last batch of 6, and 13 to measure with."""
    model = nn("cls", save_fold=str(folder), verbose=0)
    if seed is not None:
        model.set_seed(seed)
    model.load_dataset(*table(), batch_size=batch_size, train_val_ratio=0.7)
    model.add("linear", size=(6, 8), activation="relu")
    for layer in between:
        model.add(layer)
    model.add("linear", size=(8, 2), activation="softmax")
    model.add(optimizer="SGD", momentum=0.9)
    return model


def plain(folder):
    model = classifier(folder)
    model.train(lr=0.1, epochs=3, metrics=["acc", "f1"], clip=0.5, device="cpu")
    return model


def skipped(folder):
    """A custom module that does not use each of its weights in each step."""
    torch.manual_seed(0)
    model = classifier(folder, Skips())
    model.train(lr=0.1, epochs=2, device="cpu")
    return model


def single_samples(folder):
    """Batches of four samples, of which the last has two; three processes do not all have one."""
    model = classifier(folder, "batchnorm1d", batch_size=4)
    model.train(lr=0.05, epochs=2, metrics="acc", device="cpu")
    return model


def normalized(folder):
    model = nn("reg", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    x = np.random.default_rng(0).standard_normal((37, 2, 6, 6)).astype(np.float32)
    model.load_dataset(x, x.mean((2, 3)), batch_size=8, train_val_ratio=0.8)
    model.add("conv2d", size=(2, 4), kernel_size=3)
    model.add("batchnorm2d", size=4)
    model.add("global_avgpool")
    model.add("linear", size=(4, 2))
    model.add(optimizer="SGD")
    model.train(lr=0.05, epochs=3, metrics=["mae", "mse"], ema=0.9, device="cpu")
    return model


def plateau(folder):
    model = classifier(folder)
    model.train(lr=1.0, epochs=12, patience=3, schedule="plateau", device="cpu")
    return model


def tokens(folder):
    """Targets of different lengths, so that processes have different numbers of tokens."""
    model = made(folder, dropout=0.0)
    model.add(optimizer="SGD")
    model.train(lr=0.05, epochs=2, device="cpu")
    return model


def begun(folder):
    model = classifier(folder)
    model.train(lr=0.1, epochs=2, device="cpu")
    return model


def resumed(folder):
    """Two more epochs after those of `begun`, which another number of processes trained."""
    model = classifier(folder)
    other = folder.parent.with_name("one" if "WORLD_SIZE" in os.environ else "two")
    model.train(lr=0.1, epochs=2, checkpoint=other / "begun/basenn.pth", device="cpu")
    return model


def long(folder):
    model = classifier(folder)
    model.train(lr=0.1, epochs=4, device="cpu")
    return model


EQUAL = {each.__name__: each for each in (plain, normalized, skipped, plateau, tokens, begun, resumed, long)}
"""Trainings that are the same in any number of processes."""


def unseeded(folder):
    """Nothing is seeded: the processes begin with the weights and the order of the main one."""
    torch.manual_seed(RANK)
    model = classifier(folder, seed=None)
    model.train(lr=0.1, epochs=2, ema=0.5, device="cpu")
    return model


def stopped(folder):
    model = classifier(folder)
    model.train(lr=0.1, epochs=9, callbacks=[Stop()], device="cpu")
    return model


def recorded(folder):
    recorder = Recorder()
    model = classifier(folder, recorder)
    recorder.measured.clear()  # what adding it tried
    model.train(lr=0.1, epochs=1, device="cpu")
    noted = {**vars(recorder), "after": [random.random(), float(np.random.rand()), float(torch.rand(1))]}
    (folder / f"recorded{RANK}.json").write_text(json.dumps(noted, default=str), encoding="utf-8")
    return model


def diffusion(folder):
    model = denoiser(folder, ratio=0.7)
    model.train(lr=1e-3, epochs=2, samples_every=1, device="cpu")
    return model


def vectors(folder):
    model = nn("embed", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(*table(), batch_size=16, train_val_ratio=0.7)
    model.add("linear", size=(6, 4))
    model.train(lr=0.01, epochs=2, metrics="acc", device="cpu")
    return model


def written(folder):
    """Files that a script writes after training, and what reads them."""
    model = plain(folder)
    report = model.export(folder / "a.onnx")
    model.plot_history(folder / "history.png")
    model.save(folder / "saved.pth")
    if RANK == 0:
        model.save(folder / "main.pth")
    again = nn(verbose=0)
    again.load(folder / "saved.pth")
    sizes = {"a.onnx": report.size}
    (folder / f"sizes{RANK}.json").write_text(json.dumps(sizes), encoding="utf-8")
    return again


SAME = {
    each.__name__: each for each in (unseeded, stopped, recorded, diffusion, vectors, written, single_samples)
}
"""Trainings that give the same in all processes."""


def result(case, folder):
    """Run a case, and return its history, steps and weights as numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    model = {**EQUAL, **SAME}[case](folder)
    weights = {name: value.double().flatten().tolist() for name, value in model.model.state_dict().items()}
    return {
        "history": [dict(row) for row in model.history],
        "steps": [dict(row) for row in getattr(model.history, "steps", [])],
        "best": getattr(model.history, "best_epoch", None),
        "weights": weights,
    }


def main():
    folder = Path(sys.argv[1])
    found = {case: result(case, folder / case) for case in sys.argv[2:]}
    (folder / f"rank{RANK}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
