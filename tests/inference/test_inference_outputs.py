"""What `inference` returns in torch is checked as the runtime checks a file's outputs."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.session import pipeline

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
    with pytest.raises(
        InputError, match=r"inference\(\): output .* got \d of \d that are NaN .* a smaller lr"
    ):
        model.inference(np.eye(4)[:count])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_call_returns_figures_of_such_weights(value):
    model = nn("cls", verbose=0)
    model.load_dataset(np.eye(4), [0, 1, 0, 1])
    model.add("linear", size=(4, 3), activation="relu")
    model.add("linear", size=(3, 2), activation="softmax")
    torch.nn.init.constant_(model.model[0].bias, value)
    with pytest.raises(InputError, match=r"evaluate\(\): the loss is NaN"):
        model.evaluate((np.eye(4), [0, 1, 0, 1]))
    with pytest.raises(InputError, match=r"extract_feature\(\): .* got 12 of 12"):
        model.extract_feature(np.eye(4))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("layers", [False, True])
def test_results_that_are_no_numbers_have_no_best_class(value, layers):
    model = nn("cls", verbose=0)
    if layers:
        model.load_dataset(np.eye(4), [0, 1, 0, 1])
        model.add("linear", size=(4, 2), activation="softmax")
    with pytest.raises(InputError, match=r"print_result\(\): .* got 1 of 4"):
        model.print_result(np.array([[0.25, 0.75], [value, 0.5]]))


class Fails(torch.nn.Module):
    """Raises for samples; `add` tries it with zeros."""

    def forward(self, x):
        if x.any():
            raise KeyError(len(x))
        return x * 1.0


@pytest.mark.parametrize("name", ["inference", "extract_feature"])
def test_reading_ahead_ends_where_a_module_raises(monkeypatch, name):
    model, kept, ordered = network(Fails()), [], pipeline.ordered

    def keeping(*args, **options):
        kept.append(ordered(*args, **options))
        return kept[-1]  # which is not closed by being forgotten

    monkeypatch.setattr(pipeline, "ordered", keeping)
    with pytest.raises(KeyError):
        getattr(model, name)(np.eye(4), batch_size=2)
    assert [inspect.getgeneratorstate(each) for each in kept] == [inspect.GEN_CLOSED]


def test_samples_without_a_row_of_their_own_are_counted():
    model = network(DropsRows())
    assert model.inference(np.eye(4)[:3]).shape == (3, 1)
    with pytest.raises(InputError, match="output 'output': expected one row for each of 4 samples, got 3"):
        model.inference(np.eye(4), batch_size=4)
