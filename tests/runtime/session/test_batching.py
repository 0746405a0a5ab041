"""How many inputs run together: few on a processor, whatever their number."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.session import engine
from onnxnn_runtime.session.pipeline import (
    ON_DEVICE,
    PER_WORKER,
    batch_sizes,
    batches,
    default_batch_size,
)
from PIL import Image


def sizes_run(model, monkeypatch):
    """Return a list to which the sizes of the batches are added that run."""
    found = []
    run = model._engine._run

    def counted(session, feeds, outputs):
        found.append(len(next(iter(feeds.values()))))
        return run(session, feeds, outputs)

    monkeypatch.setattr(model._engine, "_run", counted)
    return found


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("count", [3, 40, 80])
@pytest.mark.parametrize("call", ["embed", "predict", "embed_named"])
def test_images_run_a_few_at_a_time(open_model, monkeypatch, threads, count, call):
    model = open_model("image_classifier", threads=threads, device="cpu")
    sizes = sizes_run(model, monkeypatch)
    images = [np.full((6, 6, 3), i, np.uint8) for i in range(count)]
    getattr(model, call)(images)
    assert sum(sizes) == count
    assert max(sizes) == min(count, PER_WORKER)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_given_batch_size_is_used(open_model, monkeypatch, threads):
    model = open_model("image_classifier", threads=threads, device="cpu")
    sizes = sizes_run(model, monkeypatch)
    model.embed([np.zeros((6, 6, 3), np.uint8)] * (engine._MANY + 6), batch_size=10)
    assert max(sizes) == 10


def test_rows_of_a_table_run_many_at_a_time(open_model, monkeypatch):
    model = open_model("table", threads=1, device="cpu")
    sizes = sizes_run(model, monkeypatch)
    model.predict(np.zeros((100, 2), np.float32))
    assert max(sizes) == ON_DEVICE


def test_a_gpu_takes_more(open_model):
    spec = open_model("image_classifier").input_spec
    assert default_batch_size(spec, "cuda:0") == ON_DEVICE
    assert default_batch_size(spec) == PER_WORKER


def test_batches_follow_the_same_rule(open_model, tmp_path):
    for i in range(6):
        Image.new("RGB", (5, 5)).save(str(tmp_path / f"{i}.png"))
    spec = open_model("image_classifier").input_spec
    assert [len(batch.names) for batch in batches(tmp_path, spec)] == [PER_WORKER] * 3


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (1, 2, [1]),
        (2, 2, [2]),
        (32, 32, [32]),
        (31, 32, [16, 8, 4, 2, 1]),
        (13, 10, [10, 2, 1]),
        (6, 3, [3, 3]),
    ],
)
def test_images_run_in_a_few_fixed_sizes(open_model, count, most, expected):
    assert batch_sizes(count, most, open_model("image_classifier").input_spec) == expected
    assert batch_sizes(count, most, open_model("table").input_spec) == [count]


def test_sizes_beyond_the_batch_size_are_powers_of_two_whatever_the_number(open_model, monkeypatch):
    model = open_model("image_classifier", threads=1, device="cpu")
    images = [np.full((6, 6, 3), 6 * i, np.uint8) for i in range(23)]
    alone = np.concatenate([model.embed(each) for each in images])
    sizes = sizes_run(model, monkeypatch)
    for count in range(1, len(images) + 1):
        np.testing.assert_allclose(model.embed(images[:count], batch_size=10), alone[:count], atol=1e-6)
    assert set(sizes) == {1, 2, 4, 8, 10}
