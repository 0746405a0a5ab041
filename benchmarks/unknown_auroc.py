"""How well a digits encoder detects letters and shapes, which it has not been trained on.

    python benchmarks/unknown_auroc.py

Trains three networks on 60 % of the 1,797 handwritten digits, exports each with `unknown=True` while 20 % are
its validation data, and compares the distances of the last 20 % with those of letters and shapes. Letters and
shapes are white on black in every font of the machine and with a pen, turned and moved a little, brought to
8 x 8 pixels and enlarged as the digits are. Letters that look like digits are left out (O, I, S, Z, B, ...).

The feature vector of the first network is what its two convolutions return, that of the second the means of
three convolutions, and that of the third, LeNet-5, the last of its hidden linear layers, which keeps little
more than what distinguishes digits.

Prints the area under the ROC curve (AUROC) of the distance (Sun et al. 2022) and, as the alternative, of the
largest softmax score (Hendrycks and Gimpel 2017) in the same file; and which share of each is accepted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from onnxnn_runtime.api.invariants import present
from PIL import Image, ImageDraw, ImageFont
from quick import quick_or

from onnxnn import nn
from onnxnn.datasets import Digits, digits, split

FONTS = Path("/usr/share/fonts")
LETTERS = "ACDEFHJKMNPQRTUVWXYadefhkmnprtwxy"
CANVAS, SIDE = 64, 8

SHAPES = {
    "triangle": [(32, 10), (54, 52), (10, 52), (32, 10)],
    "square": [(12, 12), (52, 12), (52, 52), (12, 52), (12, 12)],
    "diamond": [(32, 8), (54, 32), (32, 56), (10, 32), (32, 8)],
    "cross": [(10, 10), (54, 54), (32, 32), (54, 10), (10, 54)],
    "plus": [(32, 8), (32, 56), (32, 32), (8, 32), (56, 32)],
    "star": [(32, 6), (40, 54), (8, 22), (56, 22), (24, 54), (32, 6)],
    "arrow": [(8, 32), (56, 32), (38, 14), (56, 32), (38, 50)],
    "house": [(12, 54), (12, 28), (32, 10), (52, 28), (52, 54), (12, 54)],
    "wave": [(6, 32), (16, 16), (26, 32), (36, 48), (46, 32), (58, 16)],
    "lines": [(8, 14), (56, 14), (8, 32), (56, 32), (8, 50), (56, 50)],
}
"""Strokes of the pen, in pixels of the canvas."""


def letters() -> Iterator[Image.Image]:
    """Yield the letters in every font of the machine that has them."""
    for path in sorted(FONTS.rglob("*.tt[fc]"))[: quick_or(2, 60)]:
        font = ImageFont.truetype(str(path), 58)
        for letter in LETTERS:
            image = Image.new("L", (CANVAS, CANVAS))
            ImageDraw.Draw(image).text((CANVAS // 2, CANVAS // 2), letter, fill=255, font=font, anchor="mm")
            yield image


def shapes(random: np.random.Generator, times: int = 12) -> Iterator[Image.Image]:
    """Yield each shape several times, its corners moved as a hand would."""
    for points in SHAPES.values():
        for _ in range(times):
            moved = [(x + random.normal(0, 2), y + random.normal(0, 2)) for x, y in points]
            image = Image.new("L", (CANVAS, CANVAS))
            ImageDraw.Draw(image).line(moved, fill=255, width=int(random.integers(6, 11)), joint="curve")
            yield image


def as_digits(images: Iterator[Image.Image], size: int, random: np.random.Generator) -> np.ndarray:
    """Return images turned and moved a little, in 8 x 8 pixels, enlarged: uint8 (N, size, size)."""
    found = []
    for image in images:
        shift = random.uniform(-3, 3, 2)
        turned = image.rotate(random.uniform(-12, 12), Image.Resampling.BILINEAR, translate=tuple(shift))
        small = turned.resize((SIDE, SIDE), Image.Resampling.BOX)
        found.append(np.asarray(small.resize((size, size), Image.Resampling.BICUBIC)))
    return np.stack(found)


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Return how often an unknown input has the larger score than a known one; ties count half."""
    larger = (unknown[:, None] > known[None]).mean()
    return float(larger + 0.5 * (unknown[:, None] == known[None]).mean())


def conv(inputs: int, outputs: int, kernel_size: int = 3, padding: int = 0) -> tuple[str, dict[str, object]]:
    """Return a convolution."""
    size = (inputs, outputs)
    return "conv2d", {"size": size, "kernel_size": kernel_size, "padding": padding, "activation": "relu"}


def linear(size: int, activation: str = "relu") -> tuple[str, dict[str, object]]:
    """Return a linear layer."""
    return "linear", {"size": size, "activation": activation}


POOL: tuple[str, dict[str, object]] = ("maxpool", {"kernel_size": 2})
NORM: tuple[str, dict[str, object]] = ("batchnorm2d", {})
MEAN: tuple[str, dict[str, object]] = ("global_avgpool", {})

NETWORKS = {
    "convolutions": [conv(1, 8), POOL, conv(8, 16), POOL],
    "their means": [conv(1, 16), NORM, POOL, conv(16, 32), NORM, POOL, conv(32, 64), MEAN],
    "LeNet-5": [conv(1, 6, 5, 2), POOL, conv(6, 16, 5), POOL, linear(120), linear(84)],
}


def encoder(layers: list[tuple[str, dict[str, object]]], train: Digits, folder: str) -> nn:
    """Return a network that was trained on three quarters of the digits given."""
    network = nn("cls", verbose=0)
    network.set_seed(0)
    network.load_dataset(train.images, train.labels, batch_size=32, train_val_ratio=0.75)
    for name, options in [*layers, linear(10, "softmax")]:
        network.add(name, **options)  # type: ignore[arg-type]  # options of layers
    network.add(optimizer="Adam")
    network.save_fold = folder
    network.train(lr=2e-3, epochs=quick_or(1, 15), schedule="cosine", metrics=["acc"])
    return network


def main() -> None:
    """Print the figures."""
    train, test = split(digits(size=28))
    random = np.random.default_rng(0)
    strangers = {
        "letters": as_digits(letters(), 28, random),
        "shapes": as_digits(shapes(random), 28, random),
    }
    for name in quick_or(["convolutions"], list(NETWORKS)):
        with tempfile.TemporaryDirectory() as folder:
            network = encoder(NETWORKS[name], train, folder)
            plain = network.export(Path(folder) / "plain.onnx")
            report = network.export(Path(folder) / "digits.onnx", unknown=True)
            model = rt.load(report.path)
        spec = present(report.unknown)
        print(
            f"{name}: {sum(spec.counts)} references of {spec.size} numbers, k = {spec.k}, "
            f"{(report.size - plain.size) / 1e3:.0f} kB more"
        )
        compare(model, test, strangers)


def compare(model: rt.Model, test: Digits, strangers: dict[str, np.ndarray]) -> None:
    """Print the figures of one model."""
    known = model.predict(test.images, unknown=True)
    right = np.mean([int(each.top[0][0]) == label for each, label in zip(known, test.labels, strict=True)])
    print(f"  digits  {len(known):5}: {right:.4f} right, {accepted(known):.4f} accepted as known")
    for name, images in strangers.items():
        found = model.predict(images, unknown=True)
        by_distance = auroc(distances(known), distances(found))
        by_score = auroc(-scores(known), -scores(found))
        print(
            f"  {name:7} {len(found):5}: AUROC {by_distance:.4f} by distance, {by_score:.4f} by softmax "
            f"score; {accepted(found):.4f} accepted",
            flush=True,
        )


def distances(found: rt.Predictions) -> np.ndarray:
    """Return the distance of each input."""
    return np.array([each.distance for each in found])


def scores(found: rt.Predictions) -> np.ndarray:
    """Return the largest softmax score of each input."""
    return np.array([each.score for each in found])


def accepted(found: rt.Predictions) -> float:
    """Return the share of inputs that count as known."""
    return float(np.mean(distances(found) <= 1))


if __name__ == "__main__":
    main()
