"""A denoiser that knows its image, a start image, and a mask.

denoiser.onnx samples grey 0.3 (1, 4, 5); denoiser_classes.onnx samples 0.2, 0.9, and 0.5 without a label,
(3, 6, 4); loop.onnx returns 0.1 noise + 0.5. See make_models.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnxnn_runtime import DiffusionSpec, Schedule
from onnxnn_runtime.diffusion.sampling import (
    SamplingOptions,
    sample_images,
)

SHAPE = (1, 4, 5)
SPEC = DiffusionSpec(Schedule(50), SHAPE)
NAMED = replace(SPEC, classes=("0", "1", "seven"))


def soft(x, t, labels):
    """The exact answer for pixels of a normal distribution, deviation 0.5; labels are grey values."""
    signal, strength = SPEC.schedule.strengths(t)
    x0 = signal * 0.25 / (signal**2 * 0.25 + strength**2) * x
    if labels is not None:
        x0 = x0 + 0.2 * labels.reshape(-1, 1, 1, 1).astype(np.float32)
    return (signal * (x - signal * x0) / strength - strength * x0).astype(np.float32)


def sample(num=None, preprocess=None, **options):
    """Sample from the network that knows the distribution."""
    return sample_images(soft, SPEC, SamplingOptions(num, **options), preprocess)


def assert_close(one, other):
    np.testing.assert_allclose(one, other, atol=1e-6)


START = np.random.RandomState(0).randint(0, 256, SHAPE[1:]).astype(np.uint8)
MASK = np.zeros((4, 5), int)
MASK[1:3, 2:] = 1
