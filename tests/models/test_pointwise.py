"""Convolutions over single pixels with a stride: torch's outputs, without the fault of its gradients."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn as torch_nn

from onnxnn import nn
from onnxnn.models.pointwise import PointwiseConv2d, can_be_channels_last, is_strided_pointwise


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"groups": 2}])
@pytest.mark.parametrize("stride", [2, (3, 1), (1, 2)])
def test_outputs_and_gradients_are_those_of_torch(stride, options):
    own, plain = (kind(4, 6, 1, stride, **options) for kind in (PointwiseConv2d, torch_nn.Conv2d))
    own.load_state_dict(plain.state_dict())
    x = torch.randn(3, 4, 7, 8)
    y = [convolution(x) for convolution in (own, plain)]
    torch.testing.assert_close(*y)
    for each in y:
        each.square().sum().backward()
    torch.testing.assert_close(own.weight.grad, plain.weight.grad)


def test_all_such_convolutions_of_layers_leave_pixels_out_first():
    model = nn(verbose=0)
    model.add("conv2d", size=(3, 8), kernel_size=1, stride=2)
    model.add("conv2d", size=(8, 8), kernel_size=(1, 1), stride=(1, 2))
    model.add("res_block", size=(8, 16), stride=2)
    model.add("res_bottleneck", size=(16, 8), stride=2)
    found = [module for module in model.model.modules() if is_strided_pointwise(module)]
    assert len(found) == 4
    assert all(isinstance(module, PointwiseConv2d) for module in found)
    assert can_be_channels_last(model.model)
    assert not can_be_channels_last(torch_nn.Sequential(torch_nn.Conv2d(3, 8, 1, 2)))
    assert not can_be_channels_last(torch_nn.Linear(3, 8))


CRASHES = """
import numpy as np, sys, torch
from onnxnn import nn
torch.set_num_threads(2)
model = nn(save_fold=sys.argv[1], verbose=0)
model.set_seed(0)
x = np.random.default_rng(0).random((25, 3, 16, 16), np.float32)
model.load_dataset(x, np.arange(25) % 3, batch_size=8)
model.add("conv2d", size=(3, 8), kernel_size=3)
model.add("res_block", size=(8, 16), stride=2)
model.add("linear", size=(784, 3), activation="softmax")
model.train(lr=0.01, epochs=12)
"""


def test_a_residual_network_trains_to_the_end(tmp_path):
    """With torch's own convolution the heap was broken: batches of 9 with two threads, on AVX-512."""
    done = subprocess.run([sys.executable, "-c", CRASHES, str(tmp_path)], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
