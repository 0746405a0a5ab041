"""Data sets never change: no attribute is set, nothing is written into them, and all calls leave them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from onnxnn import nn
from onnxnn.data import Data, from_arrays, load_images, load_npz, load_table
from onnxnn.data.batches import Batches, Samples
from onnxnn.data.options import ArrayOptions, ImageOptions, TableOptions
from onnxnn.data.pairing import PairedBatches

LABELS = np.arange(8) % 2
FLIP = {"RandomHorizontalFlip": 0.5}


@pytest.fixture
def folder(tmp_path):
    for number in range(8):
        place = tmp_path / "ab"[number % 2]
        place.mkdir(exist_ok=True)
        Image.fromarray(np.full((6, 5, 3), 30 * number, np.uint8)).save(place / f"{number}.png")
    return tmp_path


@pytest.fixture(params=["table", "sequence", "images", "csv", "npz", "files", "kept files", "read files"])
def data(request, folder):
    options = ArrayOptions(train_val_ratio=0.5)
    rng = np.random.default_rng(0)
    if request.param == "table":
        return from_arrays(rng.normal(size=(8, 3)), LABELS, "cls", options)
    if request.param == "sequence":
        return from_arrays(rng.normal(size=(8, 4, 3)), LABELS, "cls", options)
    if request.param == "images":
        return from_arrays(np.zeros((8, 6, 5, 3), np.uint8), LABELS, "cls", options)
    if request.param == "npz":
        np.savez(folder / "a.npz", data=rng.normal(size=(8, 3)), label=LABELS)
        return load_npz(folder / "a.npz", "cls", options)
    if request.param == "csv":
        (folder / "a.csv").write_text(
            "x,y,label\n" + "".join(f"{n},{n % 3},{n % 2}\n" for n in range(8)), encoding="utf-8"
        )
        return load_table(folder / "a.csv", "cls", TableOptions(train_val_ratio=0.5))
    transform = None if request.param == "files" else FLIP
    batch_mode = request.param == "read files"
    return load_images(
        folder, "cls", ImageOptions(train_val_ratio=0.5, transform=transform, batch_mode=batch_mode)
    )


def parts_of(value):
    """Yield a data set and all that it is made of, and each thing's attributes."""
    yield value
    for field in dataclasses.fields(value):
        each = getattr(value, field.name)
        if isinstance(each, Data | Batches | Samples):
            yield from parts_of(each)


def state_of(data):
    """Return the identity of every attribute, and the content of every array and tensor."""
    found = []
    for part in parts_of(data):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            content = value.tolist() if isinstance(value, torch.Tensor | np.ndarray) else None
            found.append((type(part), field.name, id(value), content))
    return found


def test_no_attribute_can_be_set(data):
    parts = [*parts_of(data), PairedBatches(data.train)]
    assert len(parts) == 6
    for part in parts:
        for field in dataclasses.fields(part):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(part, field.name, None)
            with pytest.raises(dataclasses.FrozenInstanceError):
                delattr(part, field.name)


def test_nothing_is_kept_beside_the_fields(data):
    state = {id(part): set(vars(part)) for part in parts_of(data)}
    for part in data.parts:
        list(part)
        list(part.some(3))
        assert part.class_counts(2)
    for part in parts_of(data):
        assert set(vars(part)) == state[id(part)] == {field.name for field in dataclasses.fields(part)}


def test_arrays_cannot_be_written(data):
    with pytest.raises(ValueError, match="read-only"):
        data.example[...] = 1
    kept = getattr(data.train.samples, "kept", None) or ()
    for image in kept:
        with pytest.raises(ValueError, match="read-only"):
            image[...] = 1


def test_changes_are_made_to_others(data):
    before = state_of(data)
    known = dataclasses.replace(data.preparation, classes=("x", "y"))
    others = [
        data.in_size(4),
        data.with_preparation(known),
        data.with_batch_size(2),
        data.prepared(data.preparation),
        data.relabelled(known.labels, torch.tensor([1, 0])),
        dataclasses.replace(data, train=data.train.with_batch_size(3)),
    ]
    for other in others:
        assert state_of(data) == before
        assert list(other.train)


def test_training_and_evaluation_leave_the_data(tmp_path):
    x = np.random.default_rng(0).normal(size=(24, 3))
    model = nn("cls", verbose=0)
    model.load_dataset(x, np.arange(24) % 3, train_val_ratio=0.5, standardize=True, batch_size=4)
    model.add("linear", size=(3, 3), activation="softmax")
    data = model._state.data
    before = state_of(data)
    model.train(lr=0.1, epochs=2, save_fold=tmp_path)
    model.evaluate((x, np.arange(24) % 3))
    model.inference(x[:2])
    assert state_of(data) == before
    assert model._state.data.train.samples is data.train.samples
