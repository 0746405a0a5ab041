"""The second process of `onnxnn demo diffusion`: sample digits with the runtime.

    python -m onnxnn_cli.demo_draw FOLDER

torch cannot be imported in it. It prints its figures as JSON on stdout, and writes FOLDER/drawn.png, in which
column i shows the digit i, and FOLDER/drawn.gif, in which the first of them come out of noise.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np

from .without_torch import block_torch, can_import

ROWS = 8


def draw(folder: Path) -> Dict[str, Any]:
    """Sample digits with both files of a folder, from the same noise.

    Args:
        folder: Holds denoiser.onnx and drawer.onnx.

    Returns:
        "torch_importable", "num", "seconds" with the denoiser, "seconds_in_graph" with the whole loop,
        "difference" between the two, "image", "animation".
    """
    import onnxnn_runtime as rt
    from onnxnn_runtime.api.invariants import present
    from onnxnn_runtime.outputs.grid import write_gif, write_grid

    drawer = rt.load(folder / "drawer.onnx", device="cpu")
    denoiser = rt.load(folder / "denoiser.onnx", device="cpu")
    spec = present(drawer.kind.sampling)
    classes, baked = spec.classes, present(spec.sampler)
    wanted = list(classes) * ROWS
    options: Dict[str, Any] = {"steps": baked.steps, "sampler": baked.name, "guidance": baked.guidance}
    start = time.perf_counter()
    images = denoiser.sample(seed=0, label=wanted, **options)
    middle = time.perf_counter()
    again = drawer.sample(seed=0, label=wanted)
    end = time.perf_counter()
    steps = denoiser.sample(seed=0, label=list(classes), return_all_timesteps=True, **options)
    return {
        "torch_importable": can_import("torch"),
        "num": len(images),
        "seconds": middle - start,
        "seconds_in_graph": end - middle,
        "difference": float(np.abs(images - again).max()),
        "image": str(write_grid(images, folder / "drawn.png", columns=len(classes))),
        "animation": str(write_gif(steps, folder / "drawn.gif", columns=len(classes))),
    }


def main(arguments: Sequence[str]) -> None:
    block_torch()
    print(json.dumps(draw(Path(arguments[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
