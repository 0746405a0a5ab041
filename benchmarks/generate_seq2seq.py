"""Writing targets: with a cache of keys and values against the whole network for every token, per token.

    python benchmarks/generate_seq2seq.py

Two networks with random weights: the one of the page on Transformers (64 features, 13 tokens) and a larger
one (256 features, 3 blocks each, 8,000 tokens), both for sources of 50 tokens. None of them ever ends, so
that each writes 50 tokens. The file runs with its cache and, by the same search, whole (as `infer` does);
so does the network in torch. All write the same tokens, in turn, 5 times.
Reach: 3 times as fast from the file of the larger network, greedy.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
import torch
from onnxnn_runtime.generation.options import GenerationOptions
from onnxnn_runtime.generation.seq2seq import END, translate, whole
from quick import quick_or
from train_common import Clock

from onnxnn import nn

Array = np.ndarray[Any, Any]

LENGTH, RUNS = quick_or((6, 1), (50, 5))
NETWORKS = {
    "64 features, 2 blocks, 13 tokens": {"size": (64, 128), "num_layers": 2, "target_vocab": 13},
    "256 features, 3 blocks, 8,000 tokens": {"size": (256, 1024), "num_layers": 3, "target_vocab": 8000},
}


def endless(options: dict[str, Any]) -> nn:
    """Return a network with random weights that never ends a target."""
    model = nn("gen", verbose=0)
    model.set_seed(0)
    model.add("transformer", source_vocab=100, max_length=LENGTH + 2, **options)
    network: Any = model.model
    with torch.no_grad():
        network.transformer1.output.bias[END] = -1e4
    return model


def ways(model: nn, served: rt.Model, source: Array, beams: int) -> dict[str, Callable[[], object]]:
    """Return what writes the targets, by name; those without a cache come first of each pair."""
    module: Any = model.model.eval()
    card = served.card
    assert card is not None
    options = GenerationOptions(source, max_length=LENGTH, beams=beams)

    def by_file(given: Array, target: Array) -> Array:
        return served.infer({"input": given, "target": target})["output"]

    def by_torch(given: Array, target: Array) -> Array:
        with torch.inference_mode():
            found: Array = module((torch.from_numpy(given), torch.from_numpy(target))).numpy()
        return found

    return {
        "file, whole": lambda: translate(whole(by_file), card.input, options),
        "file, cache": lambda: served.generate(source, max_length=LENGTH, beams=beams),
        "torch, whole": lambda: translate(whole(by_torch), card.input, options),
        "torch, cache": lambda: model.generate(source, max_length=LENGTH, beams=beams),
    }


def compared(model: nn, served: rt.Model, rows: int, beams: int) -> str:
    """Return the times of all ways per token, as a line of text."""
    source = np.random.default_rng(0).integers(3, 100, (rows, LENGTH))
    times: dict[str, list[float]] = {}
    written: list[object] = []
    for _ in range(RUNS + 1):
        for name, write in ways(model, served, source, beams).items():
            with Clock() as clock:
                written.append(write())
            times.setdefault(name, []).append(clock.seconds)
    assert all(each == written[0] for each in written)
    best = {name: min(found[1:]) / LENGTH * 1e6 for name, found in times.items()}
    parts = []
    for place in ("file", "torch"):
        old, new = best[f"{place}, whole"], best[f"{place}, cache"]
        parts.append(f"{place} {old:.0f} -> {new:.0f} µs a token, {old / new:.1f} times as fast")
    return "; ".join(parts)


def main() -> None:
    print(f"{LENGTH} tokens from {LENGTH}, {torch.get_num_threads()} threads, best of {RUNS}; whole -> cache")
    for name, options in NETWORKS.items():
        model = endless(options)
        with tempfile.TemporaryDirectory() as folder:
            model.export(Path(folder) / "net.onnx")
            served = rt.load(Path(folder) / "net.onnx", device="cpu", threads=torch.get_num_threads())
        print(name)
        for rows, beams in ((1, 1), (1, 4), (8, 1)):
            print(f"  sources {rows}, beams {beams}: {compared(model, served, rows, beams)}")
    print("to reach: 3 times from the file of the larger network, 1 source, 1 beam")


if __name__ == "__main__":
    main()
