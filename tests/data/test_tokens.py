"""Tokens as data, and labels that are the next token."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.errors import DataError, InputError, LayerError
from support.poems import ROWS, WORDS

from onnxnn import nn
from onnxnn.data import from_arrays, load_npz
from onnxnn.data.options import ArrayOptions

# ---- data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "words"])
def test_without_labels_each_token_is_labelled_with_the_next(tmp_path, form):
    vocabulary = {"word2idx": json.dumps(WORDS)} if form == "json" else {"words": np.array(sorted(WORDS))}
    np.savez(tmp_path / "poems.npz", data=ROWS, **vocabulary)
    data = load_npz(tmp_path / "poems.npz", "cls")
    x, y = data.train.tensors()
    assert (data.kind, data.vocabulary, data.classes) == ("tokens", WORDS, ())
    assert np.array_equal(x, ROWS[:, :-1])
    assert np.array_equal(y, ROWS[:, 1:])
    assert data.num_classes == len(WORDS)


def test_labels_for_each_step_keep_their_numbers():
    y = np.array([[2, 3, 2], [3, 3, 2]])  # 0 does not occur, and nothing is renumbered
    data = from_arrays(
        [[0, 1, 2], [1, 2, 3]], y, "cls", ArrayOptions(word2idx={"a": 0, "b": 1, "c": 2, "d": 3})
    )
    assert np.array_equal(data.train.tensors()[1], y)


def test_one_hot_labels_for_each_step():
    y = np.eye(3)[[[0, 2], [1, 1]]]
    data = from_arrays(np.zeros((2, 2, 5), np.float32), y, "cls")
    assert data.train.tensors()[1].tolist() == [[0, 2], [1, 1]]
    assert data.classes == ("0", "1", "2")


@pytest.mark.parametrize("classes", [None, ["inside", "outside"]])
@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("tags", [[[0, 1, 1], [1, 0, 1]], [[0, 1, 1], [0, 1, 0]], [[0, 0, 0], [1, 0, 0]]])
def test_tags_of_0_and_1_for_each_step_are_not_one_hot(tags, kind, classes):
    data = from_arrays(
        np.zeros((2, 3, 5), np.float32), np.array(tags, kind), "cls", ArrayOptions(classes=classes)
    )
    assert data.train.tensors()[1].tolist() == tags
    assert data.classes == (tuple(classes) if classes else ("0", "1"))


def test_a_single_1_in_each_row_is_one_hot():
    data = from_arrays(np.zeros((2, 3, 5), np.float32), [[0, 1, 0], [1, 0, 0]], "cls")
    assert data.train.tensors()[1].tolist() == [1, 0]


def test_integers_become_tokens_where_the_network_wants_them():
    model = nn(verbose=0)
    model.load_dataset(np.array([[1, 2, 0], [3, 3, 1]]), [0, 1])
    model.add("embedding", size=4)
    model.add("global_maxpool")
    model.add("linear", size=2, activation="softmax")
    assert model.card().input.kind == "tokens"
    assert model.inference(np.array([[3, 2, 1]])).shape == (1, 2)
    with pytest.raises(InputError, match=r"expected token ids 0\.\.3, as in the vocabulary, got 1\.\.4"):
        model.inference(np.array([[4, 1, 1]]))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.array([[0, 25]]), None, r"x\[0, 1\]: expected a token id of the vocabulary, 0\.\.22, got 25"),
        (np.array([[0, -1, 1]]), None, r"x\[0, 1\]: .* got -1"),
        (np.array([[0, 1]]), np.array([[1, 99]]), r"y\[0, 1\]: .* got 99"),
        (np.array([[1]]), None, r"x of shape \(1, 1\): expected sequences of at least two tokens"),
        (np.zeros((3, 0), int), None, r"x: expected at least one step .* shape \(3, 0\)"),
        (np.zeros((3, 4)), None, r"x: expected tokens, integers \(N, T\), got float64 of shape \(3, 4\)"),
    ],
)
def test_tokens_that_do_not_fit(x, y, message):
    with pytest.raises(DataError, match=message):
        from_arrays(x, y, "cls", ArrayOptions(word2idx=WORDS))


def test_numbers_that_are_no_tokens():
    model = nn(verbose=0)
    model.load_dataset([[0.5, 1.0], [2.0, 3.0]], [0, 1])
    with pytest.raises(DataError, match="expected tokens, integers from 0"):
        model.add("embedding", size=(10, 4))


def test_texts_of_words_to_classify(tmp_path):
    names = {"good": 0, "bad": 1, "very": 2}
    model = nn(verbose=0, save_fold=str(tmp_path))
    model.load_dataset(np.array([[2, 0], [2, 1]] * 4), np.array([1, 0] * 4), word2idx=names)
    model.add("embedding", size=(3, 4))
    model.add("global_avgpool")
    model.add("linear", size=(4, 2), activation="softmax")
    model.export(tmp_path / "mood.onnx")
    texts = [["very", "good"], ["bad"]]
    wanted = [model.inference(np.array([[2, 0]]))[0], model.inference(np.array([[1]]))[0]]
    np.testing.assert_allclose(model.inference(texts), wanted, atol=1e-6)
    found = rt.load(tmp_path / "mood.onnx").predict(texts)
    np.testing.assert_allclose([each.scores for each in found], wanted, atol=1e-5)


def test_tokens_from_floats_and_from_csv(tmp_path):
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 20, (16, 3)), np.arange(16) % 2
    rows = "\n".join(",".join(map(str, [*row, label])) for row, label in zip(x, y, strict=True))
    (tmp_path / "words.csv").write_text("a,b,c,label\n" + rows, encoding="utf-8")
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_tab_data(tmp_path / "words.csv")
    model.add("embedding", size=(20, 8))
    model.add("global_avgpool")
    model.add("linear", size=(8, 2), activation="softmax")
    model.train(epochs=1)
    model.export(tmp_path / "words.onnx")
    found = model.inference(x)
    assert np.array_equal(model.inference(x.astype(float)), found)
    assert np.array_equal(model.inference(tmp_path / "words.csv"), found)
    assert model.evaluate(tmp_path / "words.csv") == pytest.approx(model.evaluate((x.astype(float), y)))
    predicted = rt.load(tmp_path / "words.onnx").predict(str(tmp_path / "words.csv"))
    np.testing.assert_allclose([each.scores for each in predicted], found, atol=1e-5)
    with pytest.raises(InputError, match="expected integers as token ids"):
        model.inference(x + 0.5)


@pytest.mark.parametrize("word2idx", [["a", "b"], "ab", 3])
def test_a_vocabulary_that_is_no_dict(word2idx):
    with pytest.raises(DataError, match=r"expected a dict \{token: id\}"):
        from_arrays([[0, 1]], None, "cls", ArrayOptions(word2idx=word2idx))


def test_padding_outside_the_vocabulary():
    model = nn(verbose=0)
    with pytest.raises(
        LayerError, match=r"expected padding to be a token id of the vocabulary, 0\.\.19, got 30"
    ):
        model.add("embedding", size=(20, 8), padding=30)
