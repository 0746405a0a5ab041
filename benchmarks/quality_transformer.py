"""How well Transformers do on generated tasks that they have not seen the samples of.

    python benchmarks/quality_transformer.py

Prints, each from its own seed: the share of new words that the network from sequence to sequence writes
backwards without a mistake (reach: 0.99), in torch and from the exported file with 1 and 4 beams; how often
the encoder finds complaints in reviews in which a denial turns a word's meaning; the parity of both files;
and how long each training took.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
from quick import quick_or
from train_common import Clock

from onnxnn import nn

Array = np.ndarray[Any, Any]

WORDS, REVIEWS, NEW, EPOCHS = quick_or((64, 64, 8, 1), (4000, 10_000, 1000, 12))


def reversals(count: int, seed: int, longest: int = 10) -> tuple[Array, Array]:
    """Return words of 3 to `longest` of ten letters, and as targets the same letters backwards."""
    draw = np.random.default_rng(seed)
    source, target = np.zeros((count, longest), int), np.zeros((count, longest + 2), int)
    for x, y in zip(source, target, strict=True):
        word = draw.integers(3, 13, draw.integers(3, longest + 1))
        x[: len(word)], y[: len(word) + 2] = word, [1, *word[::-1], 2]
    return source, target


def reviews(count: int, seed: int, longest: int = 12) -> tuple[Array, Array]:
    """Return reviews of 3 to `longest` words, and whether they hold a complaint.

    Token 1 denies the next; 2 and 3 are bad words, 4 to 7 good ones. A bad word is a complaint unless it is
    denied, a good word is one if it is.
    """
    draw = np.random.default_rng(seed)
    x = np.zeros((count, longest), int)
    for row, length in zip(x, draw.integers(3, longest + 1, count), strict=True):
        row[:length] = draw.choice(14, length, p=[0, 0.2, 0.05, 0.05, *[0.05] * 4, *[0.5 / 6] * 6])
    denied = np.pad(x[:, :-1] == 1, ((0, 0), (1, 0)))
    bad, good = (x == 2) | (x == 3), (x >= 4) & (x <= 7)
    return x, np.where(denied, good, bad).any(1).astype(int)


def translator(folder: Path) -> nn:
    """Return a network from sequence to sequence that has learned from 4,000 words."""
    model = nn("gen", verbose=0, save_fold=str(folder))
    model.set_seed(0)
    model.load_dataset(*reversals(WORDS, seed=0), batch_size=64)
    sizes: dict[str, Any] = {"source_vocab": 13, "target_vocab": 13, "size": (64, 128), "max_length": 12}
    model.add("transformer", dropout=0.0, **sizes)
    model.train(lr=1e-3, epochs=EPOCHS, schedule="cosine")
    return model


def reader(folder: Path) -> nn:
    """Return an encoder that has learned from 10,000 reviews."""
    model = nn("cls", verbose=0, save_fold=str(folder))
    model.set_seed(0)
    model.load_dataset(*reviews(REVIEWS, seed=0), batch_size=64)
    model.add("embedding", size=(14, 32))
    model.add("positional_embedding", size=(14, 32))
    model.add("transformer_encoder", size=(32, 64), num_heads=4)
    model.add("global_maxpool")
    model.add("linear", size=(32, 1), activation="sigmoid")
    model.train(lr=3e-3, epochs=EPOCHS, schedule="cosine", loss="binary_crossentropy")
    return model


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Clock() as clock:
            model = translator(folder)
        parity = model.export(folder / "reverse.onnx").parity["absolute"]
        source, target = reversals(NEW, seed=1)
        wanted = [[int(token) for token in row if token > 2] for row in target]
        exact = model.evaluate((source, target))["exact"]
        print(f"backwards: {exact:.3f} of {NEW} new words exact in torch, trained in {clock.seconds:.0f} s")
        served = rt.load(folder / "reverse.onnx", device="cpu")
        for beams in (1, 4):
            written = served.generate(source, beams=beams)
            share = np.mean([a == b for a, b in zip(written, wanted, strict=True)])
            print(f"backwards: {share:.3f} exact from the file with {beams} beams; parity {parity:.1e}")
        with Clock() as clock:
            model = reader(folder)
        parity = model.export(folder / "reviews.onnx").parity["absolute"]
        accuracy = model.evaluate(reviews(NEW, seed=1))["acc"]
        print(
            f"reviews: {accuracy:.3f} of {NEW} new ones right, trained in {clock.seconds:.0f} s; "
            f"{parity=:.1e}"
        )


if __name__ == "__main__":
    main()
