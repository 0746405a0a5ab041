"""The demo's second process: embed digits with the runtime and look for the nearest training digit.

    python -m onnxnn_cli.demo_compare FOLDER

torch cannot be imported in it. It prints its figures as JSON on stdout and writes FOLDER/similarity.png.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
from PIL import Image

from .similarity_image import Panel, similarity_image
from .text import gettext
from .without_torch import block_torch, can_import

GALLERY = "train"
QUERIES = ("held_out", "moved")


def compare(folder: Path) -> Dict[str, Any]:
    """Return the nearest-neighbour accuracies of encoder and raw pixels, and write the image.

    Args:
        folder: Holds encoder.onnx and the class folders train, held_out and moved.

    Returns:
        For each kind of query {"num": ..., "encoder": accuracy, "pixels": accuracy}, and
        "torch_importable", "vectors_per_second", "dimension", "image".
    """
    import onnxnn_runtime as rt
    from onnxnn_runtime.files.access import write_atomically

    model = rt.load(folder / "encoder.onnx", device="cpu")
    files = {name: sorted(folder.glob(f"{name}/*/*.png")) for name in (GALLERY, *QUERIES)}
    labels = {name: np.array([path.parent.name for path in paths]) for name, paths in files.items()}
    pixels = {name: _pixels(paths) for name, paths in files.items()}
    start = time.perf_counter()
    vectors = {name: model.embed(paths) for name, paths in files.items()}
    seconds = time.perf_counter() - start

    found: Dict[str, Any] = {
        "torch_importable": can_import("torch"),
        "dimension": int(vectors[GALLERY].shape[1]),
        "vectors_per_second": sum(map(len, files.values())) / seconds,
    }
    for name in QUERIES:
        found[name] = {"num": len(files[name])}
        for method, arrays in (("encoder", vectors), ("pixels", pixels)):
            similarity = rt.get_similarity(arrays[name], arrays[GALLERY])
            nearest = labels[GALLERY][np.argmax(similarity, axis=1)]
            found[name][method] = float(np.mean(nearest == labels[name]))
    image = _image(files, labels, vectors, pixels)
    written = write_atomically(folder / "similarity.png", lambda file: image.save(file, format="PNG"))
    found["image"] = str(written)
    return found


def _pixels(paths: Sequence[Path]) -> np.ndarray:
    """Return images as rows of pixels, float32 (N, H * W)."""
    rows = []
    for path in paths:
        with Image.open(str(path)) as image:
            rows.append(np.asarray(image.convert("L"), dtype=np.float32).ravel())
    return np.stack(rows)


def _image(
    files: Dict[str, List[Path]],
    labels: Dict[str, np.ndarray],
    vectors: Dict[str, np.ndarray],
    pixels: Dict[str, np.ndarray],
) -> Image.Image:
    """Return one moved digit of each class against one training digit of each class, both ways."""
    from onnxnn_runtime import get_similarity

    classes = sorted(set(labels[GALLERY]))
    rows = [int(np.argmax(labels["moved"] == name)) for name in classes]
    columns = [int(np.argmax(labels[GALLERY] == name)) for name in classes]
    panels = []
    for title, arrays in (
        (gettext("similarity by the encoder"), vectors),
        (gettext("similarity by raw pixels"), pixels),
    ):
        values = get_similarity(arrays["moved"][rows], arrays[GALLERY][columns])
        panels.append(Panel(title, np.asarray(values)))
    return similarity_image(
        panels,
        rows=[files["moved"][index] for index in rows],
        columns=[files[GALLERY][index] for index in columns],
        rows_title=gettext("moved digits"),
        columns_title=gettext("training digits"),
    )


def main(arguments: Sequence[str]) -> None:
    block_torch()
    print(json.dumps(compare(Path(arguments[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
