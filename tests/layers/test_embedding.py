"""Embedding and em_lstm: names, padding, and sizes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import LayerError, TrainingError
from support.poems import ROWS, WORDS, poet

from onnxnn import nn

# ---- layers --------------------------------------------------------------------------------------


def test_em_lstm_has_basenns_names_and_ends_in_softmax():
    model = poet()
    names = {name.split(".")[1] for name in model.model.state_dict()}
    assert names == {"embedding", "lstm", "linear"}
    assert [name for name, _ in model.model.named_children()] == ["em_lstm1", "softmax1"]
    y = model.model(torch.from_numpy(ROWS[:2]))
    torch.testing.assert_close(y.sum(-1), torch.ones(2, 9))


def test_em_lstm_with_the_activation_added_by_hand_has_one_softmax():
    model = poet()
    model.add(activation="softmax")
    assert [name for name, _ in model.model.named_children()] == ["em_lstm1", "softmax2"]
    assert [name for name, _ in poet(activation="identity").model.named_children()][-1] == "identity1"


def test_two_spellings_of_the_embedding():
    model = nn(verbose=0)
    model.load_dataset(ROWS, word2idx=WORDS)
    model.add("embedding", vocab_size=30, embedding_dim=8)
    assert model.model.embedding1.weight.shape == (30, 8)


def test_an_embedding_knows_which_steps_are_padding():
    model = nn(verbose=0)
    model.load_dataset(ROWS, word2idx=WORDS)
    model.add("embedding", size=8, padding=3)
    mask = model.model.embedding1.mask(torch.tensor([[3, 1, 3, 0]]))
    assert mask.tolist() == [[False, True, False, True]]


def test_the_vector_of_padding_is_learned_like_any_other():
    model = nn(verbose=0)
    model.load_dataset(ROWS, word2idx=WORDS)
    model.add("embedding", size=8, padding=3)
    model.model(torch.tensor([[3, 1]])).sum().backward()
    used = model.model.embedding1.weight.grad.abs().sum(1) > 0
    assert used.nonzero().flatten().tolist() == [1, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (20, 8)}, "expected a vocabulary of at least 23 .* got 20. Use 23"),
        ({"size": (24, 8), "padding": -1}, "expected padding to be a token id, or None"),
        (
            {"size": (24, 8), "channels_first": "yes"},
            "expected channels_first to be True or False, got 'yes'",
        ),
        ({"size": (24, 8), "vocab_size": 24}, r"expected size=\(vocabulary, dim\), or vocab_size="),
        ({"vocab_size": 24}, r"expected size=\(vocabulary, dim\), or vocab_size="),
        ({}, r"expected size to be \(vocabulary, dim\)"),
    ],
)
def test_embeddings_that_do_not_fit(options, message):
    model = nn(verbose=0)
    model.load_dataset(ROWS, word2idx=WORDS)
    with pytest.raises(LayerError, match=message):
        model.add("embedding", **options)


def test_layers_for_tokens_need_tokens():
    model = nn(verbose=0)
    model.load_dataset(np.zeros((2, 4, 3), np.float32), [0, 1])
    with pytest.raises(LayerError, match=r"expected tokens, integers .*word2idx="):
        model.add("em_lstm", size=(4, 8))
    with pytest.raises(LayerError, match="the size of the vocabulary is not known"):
        nn(verbose=0).add("em_lstm", size=(4, 8))
    with pytest.raises(LayerError, match=r"expected size to be \(dim, hidden\)"):
        poet(size=12)


def test_a_vocabulary_larger_than_the_output(tmp_path):
    model = nn(verbose=0)
    model.load_dataset(ROWS, word2idx=WORDS)
    for name, options in (("embedding", {"size": 4}), ("rnn", {"size": 6}), ("linear", {"size": 20})):
        model.add(name, **options)
    with pytest.raises(
        TrainingError, match=r"at least one output of the network for each class \(23 in all\), got 20"
    ):
        model.train(epochs=1, save_fold=str(tmp_path))
