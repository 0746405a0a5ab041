"""Training on an NVIDIA GPU: the same results as on the CPU, in files that need no GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime import load
from onnxnn_runtime.errors import DeviceError
from support.every_network import NETWORKS, drawings, images, sequences

from onnxnn import nn
from onnxnn.training.optimizers import OPTIMIZERS

GPU = "cuda"

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU, found by torch")


def weights_after(network, folder, device, **options):
    """Train one network; return the rows of its history and its weights on the CPU."""
    model = network(folder)
    model.set_seed(0)
    history = model.train(lr=1e-3, epochs=2, device=device, **options)
    return list(history), {name: value.cpu() for name, value in model.model.state_dict().items()}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_first_epochs_are_those_of_the_cpu(network, tmp_path):
    rows, weights = weights_after(network, tmp_path / "gpu", GPU)
    wanted, wanted_weights = weights_after(network, tmp_path / "cpu", "cpu")
    if network is not drawings:  # noise is drawn on the device
        assert [row["loss"] for row in rows] == pytest.approx([row["loss"] for row in wanted], rel=1e-2)
    for name, value in weights.items():
        assert value.shape == wanted_weights[name].shape
        assert torch.isfinite(value.double()).all()


@pytest.mark.parametrize("precision", ["32-true", "16-mixed", "bf16-mixed"])
@pytest.mark.parametrize("network", NETWORKS)
def test_each_precision_trains_and_exports(network, precision, tmp_path):
    rows, _ = weights_after(network, tmp_path / "ckpt", GPU, precision=precision)
    assert all(np.isfinite(row["loss"]) for row in rows)
    model = nn(verbose=0)
    model.load(str(tmp_path / "ckpt" / "basenn.pth"))
    assert model.model.device == torch.device("cpu")
    model.export(str(tmp_path / "model.onnx"))
    assert load(str(tmp_path / "model.onnx"), device="cpu").device == "cpu"


@pytest.mark.parametrize("network", [images, sequences])
def test_a_network_of_the_gpu_equals_the_exported_file(network, tmp_path):
    model = network(tmp_path)
    model.train(lr=1e-3, epochs=2, device=GPU)
    shape = (9, 3, 12, 12) if network is images else (9, 7, 4)
    x = np.random.default_rng(1).random(shape, dtype=np.float32)
    model.export(str(tmp_path / "model.onnx"))
    found = load(str(tmp_path / "model.onnx"), device="cpu").infer(x)
    np.testing.assert_allclose(model.inference(x), found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_training_resumes_on_the_other_device(network, tmp_path):
    model = network(tmp_path)
    model.train(lr=1e-3, epochs=2, device=GPU)
    for device in ("cpu", GPU):
        model = network(tmp_path)
        history = model.train(
            lr=1e-3,
            epochs=1,
            device=device,
            checkpoint=str(tmp_path / "basenn.pth"),
            save_fold=str(tmp_path / device),
        )
        assert np.isfinite(history[-1]["loss"])


@pytest.mark.parametrize("network", [images, sequences])
def test_figures_of_the_gpu_are_those_of_the_cpu(network, tmp_path):
    model = network(tmp_path)
    history = model.train(lr=1e-3, epochs=2, device=GPU, ema=0.9)
    assert model.evaluate()["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_runs(name, tmp_path):
    model = images(tmp_path)
    model.add(optimizer=name)
    history = model.train(lr=1e-3, epochs=1, device=GPU)
    assert np.isfinite(history[-1]["loss"])


def test_a_gpu_that_is_not_there_is_refused(tmp_path):
    model = images(tmp_path)
    with pytest.raises(DeviceError, match=r"cuda:99.*This machine offers: cpu, cuda:0"):
        model.train(lr=1e-3, epochs=1, device="cuda:99")


def test_images_drawn_on_the_gpu_are_those_of_the_cpu(tmp_path):
    model = drawings(tmp_path)
    model.train(lr=1e-3, epochs=1, device=GPU)
    found = model.sample(2, steps=4, seed=0, device=GPU)
    np.testing.assert_allclose(found, model.sample(2, steps=4, seed=0, device="cpu"), atol=1e-3)
