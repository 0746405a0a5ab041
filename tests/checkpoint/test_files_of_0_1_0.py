"""Files that version 0.1.0 wrote: a diffusion model, whose weights it named otherwise.

Both files are of one network, trained by 0.1.0 for two epochs with ema=0.9; the .npz has noise and the
samples that the ONNX file gave in five steps.
"""

from __future__ import annotations

import shutil

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from support.paths import GOLDEN

from onnxnn import nn
from onnxnn.models.unet import current_name

STORED = np.load(GOLDEN / "checkpoints/diffusion-0.1.0.npz")
LABELS = ["top", "bottom"]


@pytest.fixture
def checkpoint(tmp_path):
    return shutil.copy(GOLDEN / "checkpoints/diffusion-0.1.0.pth", tmp_path / "old.pth")


def sampled(model):
    return model.sample(2, steps=5, noise=STORED["noise"], label=LABELS, seed=0)


def close(images):
    """Return whether samples are those of 0.1.0; another machine may round one of 255 levels otherwise."""
    return np.abs(np.asarray(images).astype(int) - STORED["images"].astype(int)).max() <= 1


def test_the_file_has_the_old_names(checkpoint):
    names = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert sum(".tell." in name or ".behind." in name for name in names) == 14
    assert not any("cond" in name for name in names)


def test_the_onnx_file_gives_the_same_samples():
    assert close(sampled(rt.load(GOLDEN / "models/denoiser-0.1.0.onnx")))


def test_the_checkpoint_is_exported_to_the_same_samples(checkpoint, tmp_path):
    model = nn(verbose=0)
    model.load(checkpoint)
    model.export(tmp_path / "new.onnx")
    assert close(sampled(rt.load(tmp_path / "new.onnx")))
    assert close(model.sample(2, steps=5, noise=STORED["noise"], label=LABELS, seed=0))


def test_a_checkpoint_that_is_saved_again_has_the_names_of_this_version(checkpoint, tmp_path):
    model = nn(verbose=0)
    model.load(checkpoint)
    model.save(tmp_path / "new.pth")
    old = torch.load(checkpoint, weights_only=True)["state_dict"]
    new = torch.load(tmp_path / "new.pth", weights_only=True)["state_dict"]
    assert list(new) == [current_name(name) for name in old]
    assert all(torch.equal(new[current_name(name)], value) for name, value in old.items())


def test_training_resumes_with_the_moving_average(checkpoint, tmp_path):
    images, labels = np.zeros((8, 8, 8), np.uint8), np.arange(8) % 2
    stored = torch.load(checkpoint, weights_only=True)
    model = nn(save_fold=str(tmp_path / "new"), verbose=0)
    model.load_dataset(images, labels, classes=LABELS, batch_size=8)
    model.train(lr=1e-3, epochs=1, ema=0.9, checkpoint=checkpoint)
    new = torch.load(tmp_path / "new/basenn.pth", weights_only=True)["training"]
    assert new["average"]["steps"] == stored["training"]["average"]["steps"] + 1
    assert list(new["average"]["weights"]) == [
        current_name(name) for name in stored["training"]["average"]["weights"]
    ]


@pytest.mark.parametrize(
    "name", ["linear1.tell.weight", "custom1.down.0.behind.weight", "middle1.tells.weight"]
)
def test_other_names_stay(name):
    from onnxnn.checkpoint.checkpoint import _current_names

    assert list(_current_names({name: torch.zeros(1)})) == [name]
