"""`train(precision="bf16")`: operations in bfloat16, weights, files and figures in float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.every_network import NETWORKS, drawings

from onnxnn import nn
from onnxnn.datasets import digits


def trained(network, folder, precision, epochs=2, **options):
    """Train one network on the CPU; return it and its history."""
    model = network(folder)
    model.set_seed(0)
    return model, model.train(lr=1e-3, epochs=epochs, device="cpu", precision=precision, **options)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns_alike(network, tmp_path):
    model, history = trained(network, tmp_path / "bf16", "bf16")
    _, expected = trained(network, tmp_path / "32", "32")
    for row, other in zip(history, expected, strict=True):
        assert row.keys() == other.keys()
        assert all(isinstance(value, int | float) for value in row.values())
        assert row["loss"] == pytest.approx(other["loss"], rel=0.05)
    assert {value.dtype for value in model.model.state_dict().values()} <= {torch.float32, torch.int64}
    assert history != expected  # it did compute otherwise


@pytest.mark.parametrize("network", NETWORKS)
def test_checkpoints_hold_float32_and_resume(network, tmp_path):
    whole, _ = trained(network, tmp_path / "whole", "bf16", epochs=3)
    trained(network, tmp_path, "bf16", epochs=2)
    model, history = trained(
        network,
        tmp_path,
        "bf16",
        epochs=1,
        checkpoint=str(tmp_path / "basenn.pth"),
        save_fold=str(tmp_path / "b"),
    )
    assert len(history) == 3
    stored = torch.load(tmp_path / "b" / "basenn.pth", weights_only=True)["state_dict"]
    for name, value in whole.model.state_dict().items():
        assert stored[name].dtype == value.dtype
        torch.testing.assert_close(model.model.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("network", [each for each in NETWORKS if each is not drawings])
def test_the_file_is_that_of_float32(network, tmp_path):
    model, _ = trained(network, tmp_path, "bf16")
    model.export(str(tmp_path / "model.onnx"))  # compares with torch


def test_the_digits_are_learned_as_well(tmp_path):
    data = digits(8)
    images, labels = data.images / np.float32(255), data.labels
    found = {}
    for precision in ("32", "bf16"):
        model = nn("cls", save_fold=str(tmp_path / precision), verbose=0)
        model.set_seed(0)
        model.load_dataset(images[:600], labels[:600], batch_size=50, train_val_ratio=0.8)
        model.add("flatten")
        model.add("linear", size=(64, 32), activation="relu")
        model.add("linear", size=(32, 10), activation="softmax")
        found[precision] = model.train(lr=5e-3, epochs=8, device="cpu", precision=precision, metrics="acc")[
            -1
        ]["val_acc"]
    assert found["bf16"] > 0.85
    assert found["bf16"] == pytest.approx(found["32"], abs=0.05)
