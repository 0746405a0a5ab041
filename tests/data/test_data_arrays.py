"""Data sets from arrays: what shapes mean, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import DataError
from support.arrays import X, Y, only

from onnxnn.data import from_arrays
from onnxnn.data.labels import targets
from onnxnn.data.options import ArrayOptions
from onnxnn.graph.shape import Shape

# ---- arrays ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "kind", "shape", "preprocess"),
    [
        (np.ones((6, 4)), "table", Shape.vector(4), None),
        (np.ones((6, 4), np.uint8), "table", Shape.vector(4), None),
        (np.ones((6, 5, 4)), "sequence", Shape.sequence(5, 4), None),
        (np.ones((6, 1, 5, 4)), "image", Shape.image(1, 5, 4), Preprocess("grayscale")),
        (np.ones((6, 3, 5, 4), np.float16), "image", Shape.image(3, 5, 4), Preprocess("RGB")),
        (np.ones((6, 5, 4), np.uint8), "image", Shape.image(1, 5, 4), Preprocess("grayscale")),
        (np.ones((6, 5, 4, 1), np.uint8), "image", Shape.image(1, 5, 4), Preprocess("grayscale")),
        (np.ones((6, 5, 4, 3), np.uint8), "image", Shape.image(3, 5, 4), Preprocess("RGB")),
        (np.ones((6, 5, 4, 3)), "image", Shape.image(3, 5, 4), Preprocess("RGB")),
        (np.full((6, 3, 5, 4), -1.0), "array", Shape.image(3, 5, 4), None),
        (np.ones((6, 7, 5, 4)), "array", Shape.image(7, 5, 4), None),
        (
            np.ones((6, 2, 3, 5, 4)),
            "array",
            Shape((2, 3, 5, 4), ("channel", "depth", "height", "width")),
            None,
        ),
    ],
)
def test_what_an_array_means(x, kind, shape, preprocess):
    data = from_arrays(x, Y, "cls")
    assert (data.kind, data.sample, data.preprocess) == (kind, shape, preprocess)
    inputs, labels = only(data.train)
    assert inputs.dtype == torch.float32
    assert inputs.shape == (6, *shape.sizes)
    assert labels.tolist() == Y


def test_ready_images_are_left_alone_and_raw_ones_preprocessed():
    ready = np.random.default_rng(0).random((6, 3, 5, 4), dtype=np.float32)
    np.testing.assert_array_equal(only(from_arrays(ready, Y, "cls").train)[0], ready)
    raw = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), np.uint8)
    data = from_arrays(raw, Y, "cls")
    assert (
        only(data.train)[0].numpy().tobytes() == np.stack([data.preprocess(image) for image in raw]).tobytes()
    )
    np.testing.assert_array_equal(data.example, raw[0])


def test_lists_and_tensors():
    for x in (X.tolist(), torch.from_numpy(X)):
        np.testing.assert_array_equal(only(from_arrays(x, Y, "cls").train)[0], X)


def test_arrays_that_cannot_be_written_to():
    for x in (np.ones((6, 4), np.float32), np.ones((6, 5, 4, 1), np.uint8)):
        y = np.ones((6, 1), np.float32)
        x.flags.writeable = y.flags.writeable = False
        assert from_arrays(x, y, "reg").train.num_samples == 6


@pytest.mark.parametrize("values", [1.7e9 + np.arange(10.0), 1_700_000_000 + np.arange(10)])
def test_targets_whose_differences_are_lost_are_mentioned(values):
    with pytest.warns(UserWarning, match="values to predict has differences that float32 cannot hold"):
        targets(values)
    targets(1e5 * np.arange(10.0))
    targets(np.full(10, 1.7e9))
    targets(values.astype(np.float32))


def test_regression_targets_stay_numbers():
    data = from_arrays(X, Y, "reg")
    assert data.classes == ()
    assert only(data.train)[1].tolist() == [[float(y)] for y in Y]


def test_split_and_batches():
    data = from_arrays(X, Y, "cls", ArrayOptions(batch_size=2, train_val_ratio=0.5))
    assert (data.train.num_samples, data.validation.num_samples) == (3, 3)
    assert sorted(torch.cat([y for _, y in data.validation]).tolist()) == [0, 1, 2]
    assert not data.validation.shuffle


def test_a_label_for_each_step():
    data = from_arrays(np.ones((2, 5, 4)), [[0, 1, 1, 2, 3], [0, 1, 2, 3, 1]], "cls")
    assert only(data.train)[1].tolist() == [[0, 1, 1, 2, 3], [0, 1, 2, 3, 1]]
    assert data.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("task", ["cls", "gen"])
@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("x", [np.ones((2, 5, 4)), np.array([[0, 1, 2, 2, 3]] * 2)])
def test_texts_and_columns_for_each_step(x, column, task):
    texts, numbers = np.array([list("ohlol")] * 2), np.array([[2, 0, 1, 2, 1]] * 2)
    for classes in (None, ["h", "l", "o"]):
        for y in (texts, texts.tolist(), numbers) if classes else (texts, texts.tolist()):
            data = from_arrays(
                x, np.array(y)[:, :, None] if column else y, task, ArrayOptions(classes=classes)
            )
            assert data.classes == ("h", "l", "o")
            assert np.array_equal(only(data.train)[1], numbers)
            assert data.kind == ("sequence" if x.ndim == 3 else "tokens")


def test_tokens():
    data = from_arrays([[0, 1, 2], [2, 1, 0]], None, "gen", ArrayOptions(word2idx={"a": 0, "b": 1, "c": 2}))
    x, y = only(data.train)
    assert data.kind == "tokens"
    assert data.sample == Shape.tokens(2)
    assert data.vocabulary == {"a": 0, "b": 1, "c": 2}
    assert (x.tolist(), y.tolist()) == ([[0, 1], [2, 1]], [[1, 2], [1, 0]])
    assert x.dtype == y.dtype == torch.int64


@pytest.mark.parametrize("channels", [1, 3])
def test_images_with_the_channels_first_are_the_same_images(channels):
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 8, channels), dtype=np.uint8)
    last, first = from_arrays(images, Y, "cls"), from_arrays(np.moveaxis(images, 3, 1), Y, "cls")
    assert last.sample == first.sample
    assert last.preprocess == first.preprocess
    assert np.array_equal(last.example, first.example)
    for a, b in zip(last.train.tensors(), first.train.tensors(), strict=True):
        assert a.equal(b)


@pytest.mark.parametrize(
    ("x", "y", "task", "message"),
    [
        (X, Y[:5], "cls", "y: expected 6 labels, one for each sample of x, got 5"),
        (X, None, "cls", "y: expected one label for each sample, got None"),
        (X, ["no"] * 6, "reg", "expected numbers for regression, got 'no'"),
        (
            np.array([["1", 2]] * 6, dtype=object),
            Y,
            "cls",
            r"expected an array of numbers, got type object.*x\.astype",
        ),
        (X[:0], [], "cls", r"x: expected at least one sample, got an array of shape \(0, 2\)"),
        (X[:, 0], Y, "cls", r"x\.reshape\(-1, 1\)"),
        (
            [[1, 2], [3]],
            [0, 1],
            "cls",
            r"x: expected rows of one length, got 2 values in row 0 and 1 in row 1.*up with 0",
        ),
        ([[[1], [2, 3]], [[1], [2]]], [0, 1], "cls", r"x: expected rows of one length, got different ones"),
        (
            X[:2],
            [[1, 2], [1]],
            "cls",
            r"y: expected rows of one length, got 2 values in row 0 and 1 in row 1",
        ),
        (
            np.ones((2, 3, 4)),
            [[1, 2, 0], [1]],
            "cls",
            "y: expected rows of one length, .* Fill short sequences",
        ),
        (
            np.ones((6, 5, 4)),
            np.ones((6, 4), int) + Y[0],
            "cls",
            r"y: .* \(6, 5\) or one-hot .* got shape \(6, 4\)",
        ),
        (np.ones((6, 5, 4)), [[["a", "b"]] * 5] * 6, "cls", r"y: .* got shape \(6, 5, 2\)"),
        (np.ones((6, 5, 4)), [list("abcd")] * 6, "cls", r"y: .* each step, \(6, 5\) .* got shape \(6, 4\)"),
        (
            np.ones((6, 5, 4)),
            np.eye(4)[np.ones((6, 4), int)],
            "cls",
            r"each step, \(6, 5\) .* got shape \(6, 4, 4\)",
        ),
        (
            X.astype(int),
            np.concatenate([np.eye(3, dtype=int)[Y[:5]], [[1, 1, 0]]]),
            "cls",
            r"rows with a single 1, got \[1, 1, 0\] in row 5",
        ),
        ([["a"]], [0], "cls", "expected an array of numbers"),
        (
            np.where(X == 5, np.nan, X),
            Y,
            "cls",
            r"x\[2, 1\]: expected a finite number, got nan; not finite: 1 of 12",
        ),
        (np.where(X == 5, -np.inf, X), Y, "cls", r"x\[2, 1\]: expected a finite number, got -inf"),
        (X, [0] * 6, "cls", "one class only"),
        (X, [0] * 6, "embed", "one class only"),
        (X, Y, "class", r"nn\('class'\): expected one of 'cls', 'reg', 'gen', 'embed'"),
        (np.ones((6, 3, 5, 4), np.uint8), Y, "cls", r"x\.transpose\(0, 2, 3, 1\)"),
        (np.ones((6, 9, 5, 4), np.uint8), Y, "cls", r"x\.astype\('float32'\)"),
        (np.full((6, 9, 5, 3), 2.0), Y, "cls", r"expected values in 0\.\.1 .*, got 2\.\.2"),
        (np.ones((6, 1, 1, 1, 1, 1)), Y, "cls", "2 to 5 axes"),
    ],
)
def test_arrays_that_do_not_fit(x, y, task, message):
    with pytest.raises(DataError, match=message):
        from_arrays(x, y, task)


@pytest.mark.parametrize(
    ("x", "word2idx", "message"),
    [
        ([[0, 3]], {"a": 0, "b": 1}, r"x\[0, 1\]: expected a token id of the vocabulary, 0\.\.1, got 3"),
        ([[0.0, 1.0]], {"a": 0, "b": 1}, "expected tokens, integers"),
        ([[0, 1]], {"a": 0, "b": 2}, "expected the ids 0, 1, 2"),
        ([[0, 1]], {"a": "0", "b": "1"}, "expected the ids 0, 1, 2"),
        ([[0, 1]], {}, r"word2idx: expected the id of every token"),
        ([[0, 1]], {"a": 0, "\udc80": 1}, "half a character"),
        ([[0, 0]], {"a": 0}, r"expected at least two different tokens, got one token only \('a'\)"),
    ],
)
def test_tokens_that_do_not_fit(x, word2idx, message):
    with pytest.raises(DataError, match=message):
        from_arrays(x, x, "gen", ArrayOptions(word2idx=word2idx))
