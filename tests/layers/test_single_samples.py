"""Networks with custom modules on one sample: the module sees that sample alone."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import InputError

from onnxnn import nn


class Centred(torch.nn.Module):
    """Takes the batch's mean off: what it gives depends on the batch."""

    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class Counting(torch.nn.Module):
    """Divides by the number of samples in the batch."""

    def forward(self, x):
        return x / len(x)


class Squeezing(torch.nn.Module):
    """Drops the axis of a batch of one, as lessons write it, and treats every sample alike."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x):
        return torch.softmax(self.linear(x.squeeze()), 1)


class SqueezingCentred(Squeezing):
    """Drops the axis, and depends on the batch."""

    def forward(self, x):
        return super().forward(x - x.mean(0, keepdim=True))


class SqueezingCounting(Squeezing):
    """Drops the axis, and divides by the number of samples in the batch."""

    def forward(self, x):
        return super().forward(x / len(x))


class Standardising(torch.nn.Module):
    """Divides by the batch's deviation, which is NaN for one sample."""

    def forward(self, x):
        return (x - x.mean(0)) / (x.std(0) + 1e-3)


class Demanding(torch.nn.Module):
    """Refuses one sample in a way of its own."""

    def forward(self, x):
        assert len(x) > 1
        return x * len(x)


def network(module):
    model = nn("cls", verbose=0)
    model.set_seed(0)
    model.load_dataset(np.random.default_rng(0).random((12, 4)).astype(np.float32), np.arange(12) % 2)
    model.add("linear", size=(4, 4))
    model.add(module)
    return model


@pytest.mark.parametrize("module", [Centred, Counting])
def test_one_sample_gives_what_the_module_gives_for_it(module, tmp_path):
    model = network(module())
    x = np.random.default_rng(1).random((1, 4)).astype(np.float32)
    with torch.inference_mode():
        expected = model.model.eval()(torch.from_numpy(x)).numpy()
    assert model.inference(x) == pytest.approx(expected, abs=1e-7)
    if module is Centred:  # the other one is no graph for batches of any size
        model.export(tmp_path / "m.onnx")
        assert rt.load(tmp_path / "m.onnx").infer(x) == pytest.approx(expected, abs=1e-6)


def test_a_module_that_squeezes_one_sample_away_gives_what_it_gives_among_others():
    model = network(Squeezing())
    x = np.random.default_rng(1).random((3, 4)).astype(np.float32)
    assert model.inference(x[:1]) == pytest.approx(model.inference(x)[:1], abs=1e-6)


@pytest.mark.filterwarnings("ignore:std")
@pytest.mark.parametrize("module", [SqueezingCentred, SqueezingCounting, Standardising, Demanding])
def test_a_module_that_cannot_run_one_sample_is_refused(module):
    model = network(module())
    x = np.random.default_rng(1).random((3, 4)).astype(np.float32)
    assert model.inference(x).shape == (3, 4)
    with pytest.raises(InputError, match=r"cannot run a single sample.*depends on the others"):
        model.inference(x[:1])
