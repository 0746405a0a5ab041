"""How well the sequence networks of the lessons do on generated data that they have not learned from.

    python benchmarks/quality_sequences.py

Prints, each from its own seed: accuracy of both forms of the action network on held-out pose sequences;
the error of an RNN on held-out waves beside that of the best line through the same windows; and what the
character model makes of "hello".
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from quick import quick_or

from onnxnn import nn

Array = np.ndarray[Any, Any]

ACTIONS = ["walking", "boxing", "waving"]

SHORT_FORM: list[tuple[str, dict[str, Any]]] = [
    ("action_model", {"size": (132, 256)}),
    ("linear", {"size": (256, 64)}),
    ("linear", {"size": (64, 3)}),
]
LONG_FORM: list[tuple[str, dict[str, Any]]] = [
    ("lstm", {"size": (132, 128)}),
    ("dropout", {"p": 0.2}),
    ("lstm", {"size": (128, 256)}),
    ("dropout", {"p": 0.2}),
    ("unsqueeze", {}),
    ("lstm", {"size": (256, 256)}),
    ("squeeze", {}),
    ("batchNorm1d", {"size": 256}),
    ("linear", {"size": (256, 256)}),
    ("linear", {"size": (256, 128)}),
    ("linear", {"size": (128, 64)}),
    ("linear", {"size": (64, 3)}),
]

_BODY = np.random.default_rng(33).normal(size=(33, 4)) * [0.3, 0.6, 0.2, 0.05] + [0, 0, 0, 0.9]


def poses(count: int, seed: int) -> tuple[Array, Array]:
    """Return moving bodies (count, 30, 132), 33 joints with x, y, z and visibility, and their actions.

    Legs and arms swing against each other, or the wrists strike forward in turn, or one raised hand goes to
    and fro. Every sample has its own size, place, tempo, phase, strength and trembling.
    """
    draw = np.random.default_rng(seed)
    label = np.arange(count) % 3
    phase = draw.uniform(0.3, 0.8, (count, 1)) * np.arange(30) + draw.uniform(0, 6.3, (count, 1))
    strength = draw.uniform(0.15, 0.4, (count, 1))
    swing, strike = strength * np.sin(phase), strength * np.abs(np.sin(phase / 2))
    moved = np.zeros((count, 30, 33, 4))
    for joint, sign in ((25, 1), (27, 1), (15, -1), (26, -1), (28, -1), (16, 1)):
        moved[label == 0, :, joint, 0] = sign * swing[label == 0]
    moved[label == 1, :, 15, 2] = -strike[label == 1]
    moved[label == 1, :, 16, 2] = strike[label == 1] - 0.4
    moved[label == 2, :, 16, 0] = swing[label == 2]
    moved[label == 2, :, 16, 1] = -0.5
    size, place = draw.uniform(0.8, 1.2, (count, 1, 1, 1)), 0.2 * draw.normal(size=(count, 1, 1, 4))
    trembling = 0.05 * draw.normal(size=moved.shape)
    return ((_BODY + moved) * size + place + trembling).reshape(count, 30, 132).astype(np.float32), label


def action_accuracy(layers: list[tuple[str, dict[str, Any]]]) -> float:
    """Train an action network on 240 sequences; return its accuracy on 120 others."""
    model = nn("cls", verbose=0)
    model.set_seed(0)
    x, y = poses(240, seed=0)
    model.load_dataset(x, y, classes=ACTIONS, batch_size=32)
    for name, options in layers:
        model.add(name, **options)
    model.add(activation="softmax")
    with tempfile.TemporaryDirectory() as folder:
        model.train(lr=1e-3, epochs=quick_or(1, 30), schedule="cosine", save_fold=folder)
    return model.evaluate(poses(120, seed=1))["acc"]


def wave_errors() -> tuple[float, float]:
    """Return the mean squared errors of an RNN and of the best line, on 200 windows learned by neither.

    Each window holds 20 noisy values of a sine of its own frequency and phase; the next value is wanted.
    """
    draw = np.random.default_rng(0)
    steps = np.arange(21)[np.newaxis]
    waves = np.sin(draw.uniform(0.2, 1.2, (1200, 1)) * steps + draw.uniform(0, 6.3, (1200, 1)))
    waves = (waves + 0.05 * draw.normal(size=waves.shape)).astype(np.float32)
    x, y = waves[:, :20], waves[:, 20]
    with_one = np.hstack([x, np.ones_like(x[:, :1])])
    line, *_ = np.linalg.lstsq(with_one[:1000], y[:1000], rcond=None)
    model = nn("reg", verbose=0)
    model.set_seed(0)
    model.load_dataset(x[:1000, :, np.newaxis], y[:1000], batch_size=50)
    model.add("rnn", size=(1, 64))
    model.add("linear", size=(64, 1))
    with tempfile.TemporaryDirectory() as folder:
        model.train(lr=2e-3, epochs=quick_or(1, 40), schedule="cosine", clip=1.0, save_fold=folder)
    found = model.evaluate((x[1000:, :, np.newaxis], y[1000:]))["loss"]
    return found, float(np.mean((with_one[1000:] @ line - y[1000:]) ** 2))


def hello() -> str:
    """Return what a small RNN, trained on the one pair "hello" and "ohlol", makes of "hello"."""
    letters = "ehlo"
    x = np.eye(4, dtype=np.float32)[[[letters.index(letter) for letter in "hello"]]]
    y = np.array([[letters.index(letter) for letter in "ohlol"]])
    model = nn(verbose=0)
    model.set_seed(0)
    model.load_dataset(x, y, classes=list(letters))
    model.add("rnn", size=(4, 16))
    model.add("linear", size=(16, 4), activation="softmax")
    with tempfile.TemporaryDirectory() as folder:
        model.train(lr=0.05, epochs=quick_or(1, 60), save_fold=folder)
    return "".join(letters[number] for number in model.inference(x)[0].argmax(1))


def main() -> None:
    """Print the figures."""
    for name, layers in (("action_model", SHORT_FORM), ("three lstm", LONG_FORM)):
        print(f"actions, {name}: {action_accuracy(layers):.4f} held out", flush=True)
    rnn, line = wave_errors()
    print(f"waves: mean squared error {rnn:.5f}, best line {line:.5f}", flush=True)
    print(f"hello -> {hello()}")


if __name__ == "__main__":
    main()
