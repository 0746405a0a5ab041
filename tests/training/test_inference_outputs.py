"""What `inference` returns in torch is checked as the runtime checks a file's outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import InputError

from onnxnn import nn


class DropsRows(torch.nn.Module):
    """Returns three rows at most."""

    def forward(self, x):
        return x[:3] * 1.0


def network(*layers):
    model = nn("reg", verbose=0)
    model.load_dataset(np.eye(4), np.arange(4.0))
    for layer in layers:
        model.add(layer)
    model.add("linear", size=(4, 1))
    return model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("count", [1, 4])
def test_weights_that_are_no_numbers_are_no_answer(value, count):
    model = network()
    torch.nn.init.constant_(model.model[0].bias, value)
    with pytest.raises(InputError, match=r"inference\(\): \d of \d numbers in its output .* a smaller lr"):
        model.inference(np.eye(4)[:count])


def test_samples_without_a_row_of_their_own_are_counted():
    model = network(DropsRows())
    assert model.inference(np.eye(4)[:3]).shape == (3, 1)
    with pytest.raises(InputError, match="4 samples went in, and its output 'output' has 3 rows"):
        model.inference(np.eye(4), batch_size=4)
