"""How close generated digits come to real ones: our diffusion model beside BaseNN's network and recipe.

    python benchmarks/quality_diffusion.py [--minutes 8] [--samples 1000] [--only ours] [--keep FOLDER]

Both learn from the same 1,797 handwritten digits at 28x28 for the same time on all cores of this machine,
then draw images from their exported files. Measured is the Fréchet distance (Heusel et al. 2017) between
the real digits and 1,000 generated ones in the feature space of a small digit classifier, which is trained
on the real digits first, always from the same seed, and held fixed:

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))      m, C: mean and covariance of the 64 features

BaseNN's images are drawn in 20 steps of dpm++ too, since its own 500 steps of ddpm take more than an hour
for 1,000 images; --baseline ddpm 500 draws them so.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from onnxnn_runtime.outputs.grid import write_grid
from quick import quick_or

from onnxnn import nn
from onnxnn.datasets import digits, write_class_folders
from onnxnn.quantization.frechet import frechet_distance
from onnxnn.training.callbacks import Callback

CLASSIFIER_SEED = 7


class Stop(Callback):
    """Ends training after some minutes, as Ctrl-C does: what was learned is kept."""

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + 60 * minutes
        self.steps = 0

    def on_step(self, trainer: object) -> None:
        self.steps += 1
        if time.monotonic() > self._end:
            raise KeyboardInterrupt


class Features:
    """The fixed feature space: the 64 numbers before the last layer of a classifier of real digits."""

    def __init__(self, folder: Path) -> None:
        path = folder / "classifier.onnx"
        if not path.exists():
            train_classifier(folder, path)
        self._model = rt.load(path, device="cpu")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, 64) for images float32 (N, 1, 28, 28) in 0..1."""
        batches = (images[i : i + 256] for i in range(0, len(images), 256))
        parts = [self._model.infer({"input": batch})["embedding"] for batch in batches]
        return np.concatenate(parts).astype(np.float64)


def train_classifier(folder: Path, path: Path) -> None:
    """Train a small network to name the digits, and export it."""
    model = nn("cls", verbose=0)
    model.set_seed(CLASSIFIER_SEED)
    model.load_img_data(str(folder / "digits"), batch_size=32, color="grayscale")
    model.add("conv2d", size=(1, 16), kernel_size=5, activation="relu")
    model.add("maxpool", kernel_size=(2, 2))
    model.add("conv2d", size=(16, 32), kernel_size=5, activation="relu")
    model.add("maxpool", kernel_size=(2, 2))
    model.add("linear", size=(512, 64), activation="relu")
    model.add("linear", size=(64, 10), activation="softmax")
    model.save_fold = str(folder / "classifier")
    history = model.train(lr=1e-3, epochs=quick_or(1, 12), metrics=["acc"])
    print(f"classifier: {history[-1]['acc']:.4f} of the digits it learned from", flush=True)
    model.export(path)


def train(name: str, folder: Path, minutes: float) -> Path:
    """Train "ours" or "basenn" for some minutes and export the denoiser."""
    path = folder / f"{name}.onnx"
    if path.exists():
        return path
    model = nn(verbose=0)
    model.set_seed(0)
    batch = quick_or(2, 32 if name == "basenn" else 64)
    model.load_img_data(str(folder / "digits"), batch_size=batch, color="grayscale")
    stop = Stop(minutes)
    model.save_fold = str(folder / name)
    if name == "basenn":
        model.add("diffusion_model", img_size=28, timestep=500, preset="basenn")
        model.add(optimizer="Adam")
        model.train(epochs=10_000, lr=5e-4, loss="mse", ema=0, metrics=[], samples_every=0, callbacks=[stop])
    else:
        model.add("diffusion_model", img_size=28, timestep=500)
        model.train(epochs=10_000, metrics=[], callbacks=[stop])
    print(f"{name}: {stop.steps} batches of {batch} in {minutes:g} minutes", flush=True)
    model.export(path)
    return path


def main() -> None:
    """Print the distances."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=quick_or(0, 8))
    parser.add_argument("--samples", type=int, default=quick_or(4, 1000))
    parser.add_argument(
        "--baseline", nargs=2, default=("dpm++", quick_or(2, 20)), metavar=("SAMPLER", "STEPS")
    )
    parser.add_argument("--only", choices=("ours", "basenn"))
    parser.add_argument("--keep", type=Path, help="a folder for what was trained; it is not trained again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "digits").exists():
            write_class_folders(digits(size=28), folder / "digits")
        real = digits(size=28).images[:, np.newaxis].astype(np.float32) / 255
        features = Features(folder)
        known = features(real)
        shuffled = np.random.RandomState(0).permutation(len(known))
        halves = known[shuffled[:898]], known[shuffled[898:]]
        noise = np.random.RandomState(1).uniform(size=(options.samples, 1, 28, 28)).astype(np.float32)
        print(f"real against real   {frechet_distance(*halves):8.3f}")
        print(f"noise               {frechet_distance(known, features(noise)):8.3f}", flush=True)
        plans = {
            "basenn": [(options.baseline[0], int(options.baseline[1]))],
            "ours": quick_or([("ddpm", 2)], [("dpm++", 20), ("dpm++", 10), ("ddim", 20), ("ddpm", 500)]),
        }
        for name in ("ours", "basenn"):
            if options.only not in (None, name):
                continue
            model = rt.load(train(name, folder, options.minutes))
            for sampler, steps in plans[name]:
                start = time.perf_counter()
                drawn = model.sample(num=options.samples, sampler=sampler, steps=steps, seed=0)
                seconds = time.perf_counter() - start
                write_grid(drawn[:64], folder / f"{name}-{sampler.replace('+', 'p')}-{steps}.png")
                distance = frechet_distance(known, features(drawn))
                print(f"{name:6} {sampler:5} {steps:3} steps {distance:8.3f}   {seconds:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
