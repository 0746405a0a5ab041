"""README's ten lines on 60 photo-like images: how well the exported file names new ones.

    python benchmarks/quality_small_set.py [SEED ...]

Three classes of 20 images: crops of scikit-learn's two photographs and of a third made of them (the mean of
one and the other upside down), brightness and noise varied. A fifth validates, 20 epochs
train MobileNet from scratch at 64 x 64, and the exported file names 90 other crops. To reach, for each seed:
0.65 with batch_size=32 written out, 0.85 with batch_size left out; a guess is right in 0.33.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
from PIL import Image
from quick import quick_or
from sklearn.datasets import load_sample_images

from onnxnn import nn

SIDE, EPOCHS = quick_or((32, 1), (64, 20))
IMAGES, NEW_IMAGES = quick_or((5, 2), (20, 30))
"""Of each class."""


def photographs() -> dict[str, np.ndarray]:
    """Return three photographs, uint8 (427, 640, 3)."""
    china, flower = load_sample_images().images
    mean = (china.astype(np.uint16) + flower[::-1]) // 2
    return {"china": china, "flower": flower, "third": mean.astype(np.uint8)}


def crop(photo: np.ndarray, draw: np.random.Generator) -> Image.Image:
    """Return a part of a photograph, brighter or darker and with noise."""
    size = int(draw.integers(240, 360))
    top, left = (int(draw.integers(0, length - size)) for length in photo.shape[:2])
    part = Image.fromarray(np.ascontiguousarray(photo[top : top + size, left : left + size]))
    pixels = np.asarray(part.resize((96, 96)), np.float64) * draw.uniform(0.7, 1.3)
    pixels += draw.normal(0, draw.uniform(0, 12), pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def write(folder: Path, count: int, seed: int) -> None:
    """Write a folder of so many images for each class."""
    draw = np.random.default_rng(seed)
    for name, photo in photographs().items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            crop(photo, draw).save(folder / name / f"{number}.png")


def train(images: Path, folder: Path, seed: int, **options: Any) -> nn:
    """Train as the README does."""
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.set_seed(seed)
    model.load_img_data(images, transform={"Resize": (SIDE, SIDE)}, train_val_ratio=0.8, **options)
    model.add("mobilenet_backbone")
    model.add("linear", size=(1280, 100), activation="relu")
    model.add("linear", size=(100, 3), activation="softmax")
    model.add(optimizer="Adam")
    model.train(lr=1e-3, epochs=EPOCHS, metrics=["acc"])
    return model


def accuracy(file: Path, images: Path) -> float:
    """Return the share of images that an exported file names rightly."""
    model = rt.load(file)
    files = sorted(images.glob("*/*.png"))
    found = model.predict(list(map(str, files)))
    return float(np.mean([one.label == path.parent.name for one, path in zip(found, files, strict=True)]))


def main() -> None:
    """Print a line for each seed and batch size."""
    for seed in map(int, sys.argv[1:] or quick_or(["0"], ["0", "1", "2"])):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder / "train", IMAGES, seed)
            write(folder / "new", NEW_IMAGES, 1000 + seed)
            for options, reach in (({"batch_size": 32}, 0.65), ({}, 0.85)):
                start = time.perf_counter()
                model = train(folder / "train", folder / "ckpt", seed, **options)
                model.export(folder / "model.onnx")
                found = accuracy(folder / "model.onnx", folder / "new")
                last = model.history[-1]
                print(
                    f"seed {seed}, {options or 'batch size left out'}: {found:.3f} of new images (to reach "
                    f"{reach}), acc {last['acc']:.2f}, val_acc {last['val_acc']:.2f}, "
                    f"best epoch {model.history.best_epoch}, {time.perf_counter() - start:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
