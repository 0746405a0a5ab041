"""A denoiser is measured by the Fréchet distance of what it samples to real images."""

from __future__ import annotations

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime import ExportError
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.schedule import Schedule

from onnxnn import nn
from onnxnn.datasets import digits
from onnxnn.quantization.frechet import FrechetDistance, block_means, frechet_distance
from onnxnn.quantization.measures import Comparison
from onnxnn.quantization.quantizer import quantize
from onnxnn.quantization.samples import read_samples


@pytest.fixture(scope="module")
def images():
    return digits(size=8).images[:24]


def exported(folder, **options):
    """Return the path of a denoiser that says something though it learned nothing."""
    network = nn(verbose=0)
    network.set_seed(0)
    network.add("diffusion_model", img_size=8, timestep=30, dim=8, dim_mults=(1, 2), **options)
    with torch.no_grad():
        for parameter in network.model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    network.export(folder / "denoiser.onnx")
    return folder / "denoiser.onnx"


@pytest.mark.parametrize("options", [{}, {"classes": 3}], ids=["plain", "classes"])
def test_a_denoiser_is_quantised_and_measured(options, images, tmp_path):
    path = exported(tmp_path, **options)
    report = quantize(path, images, tmp_path / "int8.onnx", max_drop=50)
    facts = report.facts
    assert facts.measure == "frechet"
    assert facts.samples == 12
    before, after = facts.before["frechet"], facts.after["frechet"]
    assert facts.drop == pytest.approx(100 * (after - before) / before)
    drawn = [rt.load(each, device="cpu").sample(num=8, seed=0) for each in (path, report.path)]
    assert 0 < np.abs(drawn[0] - drawn[1]).mean() < 0.1
    assert any(node.op_type == "QuantizeLinear" for node in onnx.load(report.path).graph.node)


def test_a_denoiser_in_float16_is_measured_likewise(images, tmp_path):
    path = exported(tmp_path)
    facts = quantize(path, images, tmp_path / "fp16.onnx", precision="fp16").facts
    assert (facts.precision, facts.measure, facts.samples) == ("fp16", "frechet", len(images))
    assert abs(facts.drop) < 2
    drawn = [rt.load(tmp_path / name, device="cpu").sample(num=8, seed=0) for name in ("fp16.onnx", path)]
    assert np.abs(drawn[0] - drawn[1]).max() < 0.05


def test_a_distance_that_grows_too_much_is_refused(images, tmp_path, monkeypatch):
    found = Comparison("frechet", {"frechet": 2.0}, {"frechet": 2.5}, drop=25.0, max_drop=10.0)
    monkeypatch.setattr(FrechetDistance, "compare", lambda *given: found)
    with pytest.raises(ExportError, match=r"expected frechet to grow by at most 10 %, got 25\.00 % on"):
        quantize(exported(tmp_path), images, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_the_whole_loop_is_refused(images, tmp_path):
    network = nn(verbose=0)
    network.add("diffusion_model", img_size=8, timestep=30, dim=8, dim_mults=(1, 2))
    network.export(tmp_path / "loop.onnx", sampler="dpm++", steps=2)
    with pytest.raises(ExportError, match="expected the denoiser alone, got a file with the whole sampling"):
        quantize(tmp_path / "loop.onnx", images, tmp_path / "a.onnx")


def test_calibration_sees_all_timesteps(images, tmp_path):
    spec = DiffusionSpec(Schedule(1000), (1, 8, 8), ("a", "b"))
    card = rt.load(exported(tmp_path), device="cpu").card
    samples = read_samples(np.repeat(images, 10, axis=0), card)
    feeds = list(FrechetDistance(spec).feeds(samples))
    steps = np.concatenate([feed["t"] for feed in feeds])
    assert np.bincount(steps // 250, minlength=4).min() > 30
    assert set(np.concatenate([feed["label"] for feed in feeds])) == {0, 1, 2}
    late = np.concatenate([feed["x"][feed["t"] > 900] for feed in feeds])
    assert late.std() == pytest.approx(1, abs=0.1), "the last timestep is noise"


def test_the_distance_of_normal_distributions():
    """Of N(m, s^2 I) and N(0, I) in D dimensions: |m|^2 + D (s - 1)^2."""
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 200_000, 3))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(2 * a + 1, b) == pytest.approx(3 + 3, rel=0.02)
    assert frechet_distance(a[:, :1], b[:, :1] + 2) == pytest.approx(4, rel=0.02)


def test_blocks_of_images_of_any_size():
    images = np.arange(2 * 3 * 20 * 5, dtype=np.float32).reshape(2, 3, 20, 5)
    found = block_means(images)
    assert found.shape == (2, 3 * 8 * 5)
    assert found.reshape(2, 3, 8, 5)[1, 2, 0, 4] == images[1, 2, :2, 4].mean()
    assert block_means(np.ones((1, 1, 16, 16))).tolist() == [[1.0] * 64]
