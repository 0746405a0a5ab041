"""The options of a training: all that is wrong is said at once."""

from __future__ import annotations

import itertools

import pytest
from onnxnn_runtime.errors import TrainingError

from onnxnn.training.settings import TrainSettings

WRONG = {
    "lr": -1,
    "epochs": "five",
    "batch_size": 0,
    "optimizer": "Adamm",
    "loss": "crossentropie",
    "metrics": ("accuracy_of_all",),
    "schedule": "cosinus",
    "clip": 0,
    "patience": 1.5,
    "ema": 2,
    "samples_every": -1,
}


@pytest.mark.parametrize("pair", list(itertools.combinations(WRONG, 2)), ids="-".join)
def test_two_wrong_options_are_said_in_one_error(pair):
    alone = []
    for name in pair:
        with pytest.raises(TrainingError) as found:
            TrainSettings(**{name: WRONG[name]})
        alone.append(found.value.text)
    with pytest.raises(TrainingError) as both:
        TrainSettings(**{name: WRONG[name] for name in pair})
    assert all(text in both.value.text for text in alone)
    assert both.value.code.startswith("E-TRAIN-")


def test_no_blank_stands_between_chinese_sentences(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    with pytest.raises(TrainingError) as found:
        TrainSettings(lr=-1, epochs=0)
    assert "。 " not in found.value.text
    assert "epochs=0" in found.value.text
    assert "lr=-1" in found.value.text
