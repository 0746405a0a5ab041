"""Batches: sizes, order, repeatability; and the stratified split."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import DataError

from onnxnn.data import Batches
from onnxnn.data.batches import InMemory, to_float
from onnxnn.data.dataset import split


def numbered(count, batch_size=None, shuffle=True):
    x = torch.arange(count, dtype=torch.float32)
    return Batches(InMemory(x[:, None], x.long()), batch_size, shuffle)


@given(st.integers(1, 50), st.integers(1, 60), st.booleans())
def test_every_sample_comes_once_and_never_alone(count, batch_size, shuffle):
    batches = numbered(count, batch_size, shuffle)
    found = list(batches)
    assert len(found) == len(batches)
    assert sorted(torch.cat([y for _, y in found]).tolist()) == list(range(count))
    assert all(torch.equal(x[:, 0].long(), y) for x, y in found)
    assert all(len(y) <= batch_size + 1 for _, y in found)
    assert count == 1 or batch_size == 1 or all(len(y) > 1 for _, y in found)


def test_order_is_that_of_torch():
    batches = numbered(20, 6)
    torch.manual_seed(5)
    first = [y.tolist() for _, y in batches]
    second = [y.tolist() for _, y in batches]
    torch.manual_seed(5)
    assert [y.tolist() for _, y in batches] == first != second


def test_without_shuffle_the_order_stays():
    assert torch.cat([y for _, y in numbered(7, 3, shuffle=False)]).tolist() == list(range(7))


def test_all_in_one_batch_is_not_copied():
    batches = numbered(10)
    ((x, y),) = batches
    assert x.data_ptr() == batches.tensors()[0].data_ptr()
    assert batches.num_samples == len(y) == 10


def test_batches_do_not_change_and_the_batch_size_is_checked():
    batches = numbered(10)
    assert [len(y) for _, y in batches.with_batch_size(5)] == [5, 5]
    assert type(batches.with_batch_size(np.int64(4)).batch_size) is int
    assert batches.batch_size == 10
    for wrong in (0, -1, 2.0, "8", True):
        with pytest.raises(DataError, match="expected an integer of at least 1"):
            batches.with_batch_size(wrong)
    for name in ("batch_size", "samples", "shuffle", "preparation"):
        with pytest.raises(FrozenInstanceError):
            setattr(batches, name, 5)


def test_bytes_become_the_same_floats_as_for_serving():
    image = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    assert to_float(image).numpy().tobytes() == Preprocess.to_float(image.permute(1, 2, 0).numpy()).tobytes()


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.floats(0.05, 0.95))
def test_split_is_stratified(sizes, ratio):
    labels = torch.cat([torch.full((size,), number) for number, size in enumerate(sizes)])
    if max(sizes) == 1:
        with pytest.raises(DataError, match="got one sample of each class"):
            split(len(labels), ratio, labels)
        return
    train, held_back = split(len(labels), ratio, labels)
    assert sorted(train.tolist() + held_back.tolist()) == list(range(len(labels)))
    for number, size in enumerate(sizes):
        kept = int((labels[train] == number).sum())
        assert 1 <= kept <= max(size - 1, 1)
        assert abs(kept - ratio * size) <= 1


def test_split_keeps_order_and_is_the_same_in_every_program():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    train, held_back = split(30, 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(train, split(30, 0.5)[0])
    assert train.tolist() == sorted(train.tolist())
    assert train.tolist() != list(range(15))
    assert sorted([*train.tolist(), *held_back.tolist()]) == list(range(30))


def test_one_holds_nothing_back():
    train, held_back = split(4, 1.0)
    assert train.tolist() == [0, 1, 2, 3]
    assert len(held_back) == 0
    assert len(split(4, np.float32(0.5))[0]) == 2


@pytest.mark.parametrize("ratio", [0, 1.5, -1, "0.8", None, True, float("nan")])
def test_ratio_out_of_range(ratio):
    with pytest.raises(DataError, match=r"train_val_ratio=.* above 0 and at most 1"):
        split(10, ratio)


def test_nothing_left_to_validate():
    with pytest.raises(DataError, match=r"expected at least two samples, .* got one"):
        split(1, 0.8)
