"""Batch normalisation over several processes computes what torch's own does over the whole batch."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.distributed as dist

from onnxnn.training.synchronized_batchnorm import SynchronizedBatchNorm


@pytest.fixture(autouse=True)
def group():
    """A group of this process alone, without a port."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class Own(torch.nn.BatchNorm1d):
    """A layer with a forward of its own."""

    def forward(self, x):
        return super().forward(x) + 1


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (torch.nn.BatchNorm1d(3), (5, 3)),
        (torch.nn.BatchNorm1d(3, affine=False), (5, 3, 4)),
        (torch.nn.BatchNorm2d(3, momentum=None), (4, 3, 5, 2)),
        (torch.nn.BatchNorm3d(3, track_running_stats=False), (2, 3, 2, 3, 2)),
    ],
)
def test_outputs_gradients_and_statistics_are_those_of_torch(layer, shape):
    torch.manual_seed(0)
    other = copy.deepcopy(layer)
    synchronized = SynchronizedBatchNorm(torch.nn.Sequential(layer))
    synchronized.samples = synchronized.total = shape[0]
    for _ in range(2):
        x = (torch.randn(shape) * 3 + 2).requires_grad_()
        same = x.detach().clone().requires_grad_()
        with synchronized.active():
            found = layer(x)
        expected = other(same)
        torch.testing.assert_close(found, expected)
        weight = torch.randn(shape)
        (found * weight).sum().backward()
        (expected * weight).sum().backward()
        torch.testing.assert_close(x.grad, same.grad, rtol=1e-4, atol=1e-5)
    for name, value in layer.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name])
    assert "forward" not in vars(layer)


def test_evaluation_and_layers_of_their_own_stay():
    own, usual = Own(3), torch.nn.BatchNorm1d(3).eval()
    synchronized = SynchronizedBatchNorm(torch.nn.Sequential(own, usual))
    x = torch.randn(4, 3)
    with synchronized.active():
        assert "forward" not in vars(own)
        torch.testing.assert_close(usual(x), x / (1 + usual.eps) ** 0.5)


def test_one_value_for_a_channel_is_refused():
    layer = torch.nn.BatchNorm1d(3)
    synchronized = SynchronizedBatchNorm(torch.nn.Sequential(layer))
    with synchronized.active(), pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(torch.ones(1, 3))
    synchronized.total = 2  # the other process has the other one
    with synchronized.active():
        assert layer(torch.ones(1, 3)).shape == (1, 3)
