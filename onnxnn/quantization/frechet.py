"""How far the images of a diffusion model are from real ones, before and after it is quantised."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.diffusion.options import SamplingOptions
from onnxnn_runtime.diffusion.sampler import make_plan
from onnxnn_runtime.diffusion.sampling import sample_images
from onnxnn_runtime.labelled.samples import Samples

from .measures import Array, Comparison, Measure
from .running import Feeds, Runner

_SIDE = 8
"""Rows and columns of the means that stand for an image."""

_FEWEST, _MOST = 64, 256
"""How many images are sampled at least and at most; between, as many as there are real ones."""

_LEAST = 1e-6
"""The least distance that another is a percentage of."""


def frechet_distance(a: Array, b: Array) -> float:
    """Return the Fréchet distance between the normal distributions of two sets of features.

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)), with m, C the means and covariances: Dowson & Landau 1982;
    of images Heusel et al. 2017, arXiv:1706.08500, equation 6.

    Args:
        a: (N, D), two or more.
        b: (M, D), two or more.
    """
    mean_a, mean_b = a.mean(0), b.mean(0)
    cov_a, cov_b = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ cov_b @ root)  # (C1 C2)^(1/2) has the roots of these eigenvalues
    trace = np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(np.maximum(both, 0)).sum()
    return float(((mean_a - mean_b) ** 2).sum() + trace)


def block_means(images: Array) -> Array:
    """Return the means of 8x8 blocks that cover each image, float64 (N, C * 64); of small images fewer.

    Args:
        images: (N, C, H, W).
    """
    found = np.asarray(images, np.float64)
    for axis in (2, 3):
        edges = np.linspace(0, found.shape[axis], min(_SIDE, found.shape[axis]) + 1).astype(int)
        sizes = np.diff(edges).reshape(-1, *(1,) * (3 - axis))
        found = np.add.reduceat(found, edges[:-1], axis=axis) / sizes
    return found.reshape(len(found), -1)


class FrechetDistance(Measure):
    """The distance of sampled images to real ones: both files sample from the same noise.

    The features are the means of blocks of the image: no network that has seen many images is at hand.

    Args:
        spec: The noise schedule, the size and the classes of the images.
    """

    max_drop = 10.0

    def __init__(self, spec: DiffusionSpec) -> None:
        super().__init__("x")
        self._spec = spec

    def feeds(self, samples: Samples) -> Iterator[Feeds]:
        """Yield real images with the noise of timesteps spread as those of sampling are.

        So calibrates Li et al. 2023 ("Q-Diffusion", arXiv:2302.04304, section 4.1): over all timesteps alike.
        """
        random = np.random.default_rng(0)
        steps = make_plan(self._spec.schedule).timesteps
        for batch in samples.batches():
            noise = random.standard_normal(batch.shape, dtype=np.float32)
            t = random.choice(steps, len(batch))
            shares = np.array([self._spec.schedule.strengths(int(each)) for each in t], np.float32)
            signal, strength = shares.T.reshape(2, -1, 1, 1, 1)
            labels = random.integers(0, len(self._spec.classes) + 1, len(batch))
            yield self._fed((2 * batch - 1) * signal + noise * strength, t, labels)

    def _fed(self, x: Array, t: Array, labels: Array | None) -> Feeds:
        feeds = {"x": x, "t": t.astype(np.int64)}
        return {**feeds, "label": labels} if self._spec.classes and labels is not None else feeds

    def results(self, runner: Runner, samples: Samples, output: str) -> Array:
        """Return sampled images, float32 (M, C, H, W) in 0..1."""

        def predict(x: Array, t: int, labels: Array | None) -> Array:
            return runner.run(self._fed(x, np.full(len(x), t), labels), [output])[0]

        count = min(max(len(samples), _FEWEST), _MOST)
        return sample_images(predict, self._spec, SamplingOptions(num=count, seed=0))

    def references(self, samples: Samples) -> Array | None:
        """Return the real images, float32 (N, C, H, W) in 0..1."""
        return np.concatenate(list(samples.batches()))

    def compare(self, before: Array, after: Array, labels: Array | None, max_drop: float) -> Comparison:
        real = block_means(before if labels is None else labels)
        old, new = (frechet_distance(real, block_means(each)) for each in (before, after))
        figures = {"frechet": old}, {"frechet": new}
        return Comparison("frechet", *figures, 100 * (new - old) / max(old, _LEAST), max_drop)
