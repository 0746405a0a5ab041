"""What a data set keeps of the arrays it is given: copies, whole samples, nothing that a mask hides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import DataError, InputError

from onnxnn import nn
from onnxnn.data import from_arrays
from onnxnn.data.options import ArrayOptions

KINDS = {
    "table": np.zeros((6, 4), np.float32),
    "table of doubles": np.zeros((6, 4)),
    "sequences": np.zeros((6, 3, 2), np.float32),
    "images": np.zeros((6, 5, 5, 3), np.uint8),
    "grey images": np.zeros((6, 5, 5), np.uint8),
    "images, channels first": np.zeros((6, 1, 5, 5), np.uint8),
    "ready images": np.zeros((6, 1, 5, 5), np.float32),
    "volumes": np.zeros((6, 1, 5, 5, 5), np.float32),
}
LABELS = np.arange(6) % 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("given", [np.array, torch.from_numpy])
def test_later_changes_of_the_arrays_change_nothing(kind, ratio, given):
    own, labels, values = KINDS[kind].copy(), LABELS.copy(), LABELS.astype(np.float32)
    x = given(own) if given is torch.from_numpy else own
    for task, y in (("cls", labels), ("reg", values)):
        data = from_arrays(x, y, task, ArrayOptions(train_val_ratio=ratio, shuffle=False))
        before = [part.clone() for part in data.train.tensors()]
        own += 1
        y += 1
        for part, kept in zip(data.train.tensors(), before, strict=True):
            assert torch.equal(part, kept)
        assert not np.asarray(data.example).any()
        own -= 1


def test_a_batch_that_is_changed_does_not_change_the_data():
    model = nn(verbose=0)
    batches = model.load_dataset(KINDS["table"], LABELS)
    for x, y in batches:
        x += 1
        y += 1
    (x, y), *_ = batches
    assert not x.any()
    assert sorted(y.tolist()) == sorted(LABELS.tolist())


def masked(array, *places):
    mask = np.zeros(array.shape, bool)
    for place in places:
        mask[place] = True
    return np.ma.array(array, mask=mask)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_values_are_refused(kind):
    x = KINDS[kind]
    hidden = masked(x, (2,) + (0,) * (x.ndim - 1))
    for given in (hidden, list(hidden)):
        with pytest.raises(DataError, match=r"x: expected .* a masked array that hides 1 of"):
            from_arrays(given, LABELS, "cls")
    data = from_arrays(masked(x), LABELS, "cls")  # nothing is hidden
    assert data.train.num_samples == 6


def test_hidden_labels_are_refused():
    for task, y in (("cls", LABELS), ("reg", LABELS * 1.0), ("cls", np.eye(2)[LABELS])):
        with pytest.raises(DataError, match=r"y: expected .*, got a masked array that hides 1 of"):
            from_arrays(KINDS["table"], masked(y, (1,) + (0,) * (y.ndim - 1)), task)


def test_hidden_values_are_refused_by_inference():
    model = nn(verbose=0)
    model.add("linear", size=(4, 2), activation="softmax")
    for given in (masked(np.zeros(4), 1), masked(np.zeros((2, 4)), (1, 1)), [masked(np.zeros(4), 1)]):
        with pytest.raises(InputError, match="a masked array that hides 1 of"):
            model.inference(given)
    for given in (masked(np.zeros((2, 4)), (1, 1)), [masked(np.zeros(4), 1), np.zeros(4)]):
        with pytest.raises(DataError, match="a masked array that hides 1 of"):
            model.evaluate((given, [0, 1]))
    assert model.inference(masked(np.zeros(4))).shape == (1, 2)


@pytest.mark.parametrize("labels", [np.zeros(5, int), [0, 1], ["a"] * 5, np.eye(2)[[0, 1]], np.arange(8)])
@pytest.mark.parametrize("task", ["cls", "reg", "embed"])
@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_compared_before_anything_else(labels, task, kind):
    x = np.concatenate([KINDS[kind], KINDS[kind][:1]])
    with pytest.raises(DataError, match=f"y: expected 7 labels, one for each sample of x, got {len(labels)}"):
        from_arrays(x, labels, task)
