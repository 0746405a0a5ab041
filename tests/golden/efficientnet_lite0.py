"""Writes efficientnet_lite0.json: what another EfficientNet-Lite0 computes with given weights.

The other one is the package `efficientnet_lite_pytorch` (Apache-2.0), with weights that `tensor_of` draws
from each tensor's name. Its convolutions are built for the size of the image, which is even, odd and neither
square:

    pip install efficientnet_lite_pytorch==0.1.0
    python tests/golden/efficientnet_lite0.py > tests/golden/efficientnet_lite0.json
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

import numpy as np
import torch

SIZES = ((64, 64), (33, 50), (47, 31))


def tensor_of(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the values of a tensor by its name, such that a deep network neither dies out nor overflows."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    role = name.rpartition(".")[2]
    if role == "num_batches_tracked":
        return torch.tensor(0)
    if role == "running_var":
        values = random.uniform(0.5, 1.5, shape)
    elif len(shape) > 1:
        values = random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
    else:
        values = random.uniform(-0.2, 0.2, shape) + (role == "weight")
    return torch.from_numpy(values.astype(np.float32))


def image_of(size: tuple[int, int]) -> torch.Tensor:
    """Return an image (1, 3, H, W) in -1..1."""
    return torch.from_numpy(np.random.default_rng(5).uniform(-1, 1, (1, 3, *size)).astype(np.float32))


def main() -> None:
    from efficientnet_lite_pytorch import EfficientNet

    found: dict[str, dict[str, object]] = {}
    for size in SIZES:
        net = EfficientNet.from_name("efficientnet-lite0", image_size=size).eval()
        shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
        net.load_state_dict({name: tensor_of(name, shape) for name, shape in shapes.items()})
        found["tensors"] = dict(shapes)
        with torch.inference_mode():
            features = net.extract_features(image_of(size)).mean((2, 3))[0]
            scores = net(image_of(size))[0]
        found["x".join(map(str, size))] = {
            "features": [round(value, 6) for value in features[::80].tolist()],
            "scores": [round(value, 6) for value in scores[::100].tolist()],
        }
    rows = ",\n".join(f' "{part}": {{\n{_lines(values)}\n }}' for part, values in found.items())
    print(f"{{\n{rows}\n}}")


def _lines(values: Mapping[str, object]) -> str:
    return ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in values.items())


if __name__ == "__main__":
    main()
