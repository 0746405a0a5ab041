"""The ResNet recipes take weight files of torchvision: names and shapes as published, equal results."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.paths import ROOT
from torch.nn import functional as F

from onnxnn import nn
from onnxnn.recipe import read_recipe

PARAMETERS = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032}


def published(name):
    """Return a state dict as torchvision publishes it, its values drawn at random."""
    draw = torch.Generator().manual_seed(0)
    state = {}
    for line in (ROOT / "tests/golden" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        key, *sizes = line.split()
        shape = tuple(map(int, sizes))
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(7)
        elif len(shape) > 1:
            state[key] = torch.randn(shape, generator=draw) * math.sqrt(2 / math.prod(shape[1:]))
        elif key.endswith(("running_var", "weight")):
            state[key] = 0.5 + torch.rand(shape, generator=draw)
        else:
            state[key] = 0.2 * torch.randn(shape, generator=draw)
    return state


def forward(state, x):
    """Return what torchvision's ResNet gives, written down from the paper and the names alone."""

    def convolved(name, number, x, stride):
        weight = state[f"{name}conv{number}.weight"]
        return normalised(f"{name}bn{number}", F.conv2d(x, weight, None, stride, weight.shape[-1] // 2))

    def normalised(name, x):
        roles = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{role}"] for role in roles))

    x = F.max_pool2d(convolved("", 1, x, 2).relu(), 3, 2, 1)
    for name in dict.fromkeys(".".join(key.split(".")[:2]) + "." for key in state if key.startswith("layer")):
        stride = 2 if name.endswith(".0.") and not name.startswith("layer1") else 1
        if f"{name}conv3.weight" in state:
            y = convolved(name, 2, convolved(name, 1, x, 1).relu(), stride).relu()
            y = convolved(name, 3, y, 1)
        else:
            y = convolved(name, 2, convolved(name, 1, x, stride).relu(), 1)
        if f"{name}downsample.0.weight" in state:
            x = normalised(
                f"{name}downsample.1", F.conv2d(x, state[f"{name}downsample.0.weight"], None, stride)
            )
        x = (x + y).relu()
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def of_recipe(name):
    """Return the recipe's network for colour images and 1000 classes."""
    model = nn("cls", verbose=0)
    model.load_dataset(np.zeros((2, 3, 64, 64), np.float32), [0, 1])
    for entry in read_recipe(ROOT / "recipes" / f"{name}.yaml").layers:
        options = {**entry.options, "size": 1000} if entry.name == "linear" else entry.options
        model.add(entry.name, entry.activation, **options)
    return model


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_published_weights_are_taken(name, tmp_path):
    state = published(name)
    learned = [value for key, value in state.items() if "running" not in key and "tracked" not in key]
    assert sum(value.numel() for value in learned) == PARAMETERS[name]
    path = tmp_path / f"{name}.pth"
    torch.save(state, path)
    model = of_recipe(name)
    model.load_weights(path)
    path.unlink()  # a hundred megabytes
    x = torch.rand(2, 3, 64, 50, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = model.model.eval().logits(x), forward(state, x)
    assert expected.std() > 0.1
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
