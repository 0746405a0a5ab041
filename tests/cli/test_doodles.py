"""A diffusion model that was exported with the current code, on any board: denoiser and loop."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt


def test_the_denoiser_predicts_what_torch_predicted(exported):
    model = rt.load(str(exported / "doodles.onnx"))
    with np.load(str(exported / "doodles.npz")) as kept:
        found = model.infer({name: kept[name] for name in ("x", "t", "label")})["output"]
        assert np.abs(found - kept["output"]).max() <= 1e-5


def test_both_files_sample_what_torch_samples(exported):
    one, whole = (rt.load(str(exported / name)) for name in ("doodles.onnx", "doodles_loop.onnx"))
    names = ["dashes", "dots", "dashes"]
    with np.load(str(exported / "doodles.npz")) as kept:
        drawn = one.sample(noise=kept["x"], label=names, guidance=2.0, steps=5)
        assert np.abs(drawn - kept["images"]).max() <= 1e-4
        assert np.abs(whole.sample(noise=kept["x"], label=names) - kept["images"]).max() <= 1e-4
