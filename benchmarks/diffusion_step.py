"""One step of a diffusion model: our ONNX file beside torch eager and beside torch's own export.

    python benchmarks/diffusion_step.py [--threads 2] [--runs 15]

First BaseNN's network (preset="basenn", 5.24 million parameters) on 16 grey images of 28 x 28, random
weights, the same in all three: eager in inference mode; torch.onnx.export (dynamo, opset 18) in ONNX Runtime;
our file in ONNX Runtime. They run in turn, each after one run that is not counted and brings its threads
back; the fastest and the median run are printed. Then the default network, eager and ours, and one step of
its training at batch 64.

Reach: BaseNN's network 1.5 times faster than eager, and 1.1 times faster than on torch's export.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from quick import QUICK, quick_or
from train_common import Clock

from onnxnn import nn

BATCH, TRAINING_BATCH = quick_or((1, 2), (16, 64))


def network(**options: Any) -> nn:
    """Return a diffusion model for grey images of 28 x 28, not trained."""
    model = nn(verbose=0)
    model.set_seed(0)
    model.add("diffusion_model", img_size=28, **options)
    model.color = "grayscale"
    for parameter in model.model.parameters():
        if not parameter.any():  # what begins at zero would be too easy
            torch.nn.init.normal_(parameter, std=0.02)
    model.model.eval()
    return model


def session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open a file as the runtime does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that wait busily would slow down the one whose turn is next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def in_turn(ways: dict[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Return the seconds of each run of each way."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for _ in range(runs):
            for name, run in ways.items():
                run()
                with Clock() as clock:
                    run()
                seconds[name].append(clock.seconds)
    return seconds


def report(what: str, seconds: dict[str, list[float]], ours: str) -> None:
    """Print the times, and how much faster ours is."""
    print(what)
    for name, found in seconds.items():
        ratios = [statistic(found) / statistic(seconds[ours]) for statistic in (min, statistics.median)]
        times = f"fastest {min(found) * 1e3:7.1f} ms, median {statistics.median(found) * 1e3:7.1f} ms"
        print(
            f"  {name:24s} {times}"
            + ("" if name == ours else f"; ours {ratios[0]:.2f} and {ratios[1]:.2f} times as fast")
        )


def steps_of(model: nn, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return noise and steps to predict for."""
    draw = np.random.default_rng(0)
    shape: Any = model.model[0].image_shape
    x = draw.standard_normal((batch, *shape), dtype=np.float32)
    return torch.from_numpy(x), torch.from_numpy(draw.integers(0, 500, batch))


def torch_export(model: nn, path: Path) -> None:
    """Write a file by torch's own exporter, for 16 images and no other number, which only helps it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable()
        torch.onnx.export(
            model.model[0],
            steps_of(model, BATCH),
            str(path),
            dynamo=True,
            opset_version=18,
            external_data=False,
            verbose=False,
        )
        logging.disable(logging.NOTSET)


def training_step(model: nn, batch: int) -> Callable[[], object]:
    """Return a function that learns from one batch."""
    module = model.model[0].train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4)
    x, t = steps_of(model, batch)

    @torch.inference_mode(False)
    def learn() -> None:
        optimizer.zero_grad()
        with torch.enable_grad():
            (module(x.clone(), t.clone()) - 1).square().mean().backward()
        optimizer.step()

    return learn


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=quick_or(1, 15))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{given.threads} threads, {given.runs} runs of each in turn")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.onnx", Path(folder) / "torch.onnx"
        model = network(**quick_or({}, {"preset": "basenn"}))
        model.export(ours)
        x, t = steps_of(model, BATCH)
        feeds = {"x": x.numpy(), "t": t.numpy()}
        ways: dict[str, Callable[[], object]] = {"torch eager": lambda: model.model[0](x, t)}
        if not QUICK:  # exporting takes longer than all else
            torch_export(model, theirs)
            run_theirs = session(theirs, given.threads)
            ways["torch's export"] = lambda: run_theirs.run(None, feeds)
        run_ours = session(ours, given.threads)
        ways["ours"] = lambda: run_ours.run(None, feeds)
        report(f"BaseNN's network, batch {BATCH}", in_turn(ways, given.runs), "ours")
        print("  to reach: 1.5 and 1.1 times")

        small = network()
        small.export(ours)
        run_small = session(ours, given.threads)
        parameters = sum(p.numel() for p in small.model.parameters())
        for batch in quick_or((1,), (1, BATCH)):
            few, when = steps_of(small, batch)
            fed = {"x": few.numpy(), "t": when.numpy()}
            ways = {
                "torch eager": lambda few=few, when=when: small.model[0](few, when),  # type: ignore[misc]
                "ours": lambda fed=fed: run_small.run(None, fed),  # type: ignore[misc]
            }
            what = f"the default network ({parameters:,} parameters), batch {batch}"
            report(what, in_turn(ways, given.runs), "ours")
        name = f"training, batch {TRAINING_BATCH}"
        learned = in_turn({name: training_step(small, TRAINING_BATCH)}, given.runs)
        report("a step of its training", learned, name)


if __name__ == "__main__":
    main()
