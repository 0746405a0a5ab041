"""What export says about engines other than ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from onnxnn import nn


def recurrent(**options):
    model = nn("cls", verbose=0)
    sequences = np.random.default_rng(0).standard_normal((20, 5, 3)).astype(np.float32)
    model.load_dataset(sequences, np.arange(20) % 2)
    model.add("rnn", size=(3, 4), return_sequences=False, **options)
    model.add("linear", size=2, activation="softmax")
    return model


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2}])
def test_a_relu_in_an_rnn_is_warned_of(tmp_path, options):
    with pytest.warns(UserWarning, match=r"tract computes tanh in its place.* Use nonlinearity='tanh'"):
        recurrent(nonlinearity="relu", **options).export(tmp_path / "a.onnx")


def test_tanh_is_computed_everywhere(tmp_path, recwarn):
    recurrent().export(tmp_path / "a.onnx")
    assert not [each for each in recwarn if "tract" in str(each.message)]
