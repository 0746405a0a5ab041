"""Token ids of new data follow those of a trained_poet network."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError, InputError
from support.poems import ROWS, WORDS, poet

from onnxnn import nn

# ---- data with other numbers ---------------------------------------------------------------------

TURNED = {word: len(WORDS) - 1 - number for word, number in WORDS.items()}


@pytest.fixture
def turned(tmp_path):
    """The same poem in a file whose words have other numbers."""
    np.savez(tmp_path / "turned.npz", data=len(WORDS) - 1 - ROWS, word2idx=TURNED)
    return tmp_path / "turned.npz"


@pytest.fixture
def strange(tmp_path):
    """A poem with a word that the network does not know, in the place of another."""
    words = {word.replace("月", "日"): number for word, number in TURNED.items()}
    np.savez(tmp_path / "strange.npz", data=len(WORDS) - 1 - ROWS, word2idx=words)
    return tmp_path / "strange.npz"


def data_then_load(checkpoint, path):
    model = nn("cls", verbose=0)
    batches = model.load_npz_data(path)
    model.load(checkpoint)
    return model, batches


def load_then_data(checkpoint, path):
    model = nn("cls", verbose=0)
    model.load(checkpoint)
    return model, model.load_npz_data(path)


def layers_then_load(checkpoint, path):
    model = nn("cls", verbose=0)
    batches = model.load_npz_data(path)
    model.add("em_lstm", size=(12, 24), num_layers=2)
    model.load(checkpoint)
    return model, batches


def continued(checkpoint, path, layers=True):
    model = nn("cls", verbose=0, save_fold=str(path.parent))
    batches = model.load_npz_data(path)
    if layers:
        model.add("em_lstm", size=(12, 24), num_layers=2)
    model.train(checkpoint=checkpoint, epochs=1, lr=1e-9)
    return model, batches


def continued_without_layers(checkpoint, path):
    return continued(checkpoint, path, layers=False)


WAYS = [data_then_load, load_then_data, layers_then_load, continued, continued_without_layers]


@pytest.mark.parametrize("way", WAYS)
def test_data_takes_the_numbers_of_a_trained_network(trained_poet, turned, way):
    model, batches = way(trained_poet / "basenn.pth", turned)
    assert model.word2idx == model.card().input.vocabulary == WORDS
    wanted = nn(verbose=0)
    wanted.load(trained_poet / "basenn.pth")
    found = [model.evaluate(data) for data in (batches, turned, (ROWS, None))]
    assert found == [pytest.approx(wanted.evaluate((ROWS, None)), rel=1e-3)] * 3
    assert model.generate("春江", length=9, temperature=0) == wanted.generate("春江", length=9, temperature=0)
    np.testing.assert_array_equal(model.inference(turned), model.inference(ROWS))


@pytest.mark.parametrize("way", WAYS)
def test_a_word_that_the_trained_network_does_not_know(trained_poet, strange, way):
    with pytest.raises(DataError, match=r"got '日' in the data\. .* by model\.word2idx"):
        way(trained_poet / "basenn.pth", strange)


def test_a_word_that_the_network_does_not_know_in_evaluate_and_inference(trained_poet, strange):
    model = nn(verbose=0)
    model.load(trained_poet / "basenn.pth")
    with pytest.raises(DataError, match="got '日' in the data"):
        model.evaluate(strange)
    with pytest.raises(InputError, match="got '日' in the data"):
        model.inference(strange)


def test_fewer_words_than_the_network_knows(trained_poet):
    few = {word: number for number, word in enumerate("月江春")}
    model = nn("cls", verbose=0)
    model.load(trained_poet / "basenn.pth")
    model.load_dataset([[0, 1, 2, 0, 1, 2, 0, 1, 2]], word2idx=few)
    assert model.word2idx == model.card().input.vocabulary == WORDS
    (x, y), *_ = model._data.train
    assert x.tolist() == [[WORDS[word] for word in "月江春月江春月江"]]
    assert y.tolist() == [[WORDS[word] for word in "江春月江春月江春"]]


def test_training_continues_in_one_process_with_the_numbers_it_began_with(tmp_path, turned):
    model = poet()
    model.save_fold = str(tmp_path)
    model.train(epochs=1)
    before = model.evaluate((ROWS, None))
    model.load_npz_data(turned)
    assert model.word2idx == WORDS
    assert model.evaluate(turned) == pytest.approx(before)


def test_another_networks_data_is_left_when_a_checkpoint_brings_its_own(trained_poet, strange):
    model = nn("cls", verbose=0)
    model.load_npz_data(strange)
    model.add("em_lstm", size=(4, 8))
    model.load(trained_poet / "basenn.pth")
    assert model.word2idx == model.card().input.vocabulary == WORDS
