"""The next token: hidden states, text as input, printed results."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import CardError, InputError
from support.poems import ROWS, WORDS, poet

from onnxnn import nn

# ---- what comes next -----------------------------------------------------------------------------


def test_inference_continues_from_the_hidden_state(trained_poet):
    model = nn()
    whole, _ = model.inference("春江潮", checkpoint=trained_poet / "basenn.pth")
    assert whole.shape == (23,)
    assert whole.sum() == pytest.approx(1, abs=1e-5)
    hidden = None
    for character in "春江潮":
        probabilities, hidden = model.inference(character, hidden=hidden)
    np.testing.assert_allclose(probabilities, whole, atol=1e-6)
    assert [tuple(state.shape) for state in hidden] == [(2, 1, 24)] * 2
    assert model.ix2word[np.argmax(probabilities)] == model.idx2word[int(np.argmax(whole))] == "水"
    assert model.word2idx == WORDS


def test_a_vocabulary_smaller_than_the_networks_is_exported(tmp_path):
    model = nn("gen", verbose=0)
    model.load_dataset([[0, 1, 1], [1, 0, 1]], word2idx={"a": 0, "b": 1})
    model.add("em_lstm", size=(4, 8), vocab_size=6)
    assert model.export(tmp_path / "spare.onnx").parity["relative"] <= 1e-5
    text = model.generate("ab", length=40, seed=0)  # of the two tokens that have a word
    assert rt.load(tmp_path / "spare.onnx").generate("ab", length=40, seed=0) == text
    assert (len(text), set(text)) == (40, {"a", "b"})


def test_a_network_in_training_mode_stays_in_it(trained_poet):
    model = poet()
    model.model.train()
    model.inference("春")
    model.generate("春", length=3, seed=0)
    assert model.model.training


def test_arrays_of_tokens_give_a_row_for_each_step(trained_poet):
    model = nn()
    found = model.inference(ROWS[:3], checkpoint=trained_poet / "basenn.pth")
    assert found.shape == (3, 9, 23)
    np.testing.assert_allclose(rt.load(trained_poet / "poems.onnx").infer(ROWS[:3]), found, atol=1e-5)


def test_evaluating_on_pairs(trained_poet):
    model = nn()
    model.load(trained_poet / "basenn.pth")
    found = model.evaluate((ROWS[:, :-1], ROWS[:, 1:]))
    assert found["acc"] > 0.8
    assert model.evaluate((ROWS, None))["loss"] == pytest.approx(found["loss"])


def test_hidden_state_of_another_model():
    _, hidden = poet(size=(12, 16)).inference("春")
    with pytest.raises(InputError, match=r"expected the shapes \(2, 1, 24\).* got \(2, 1, 16\)"):
        poet().inference("春", hidden=hidden)
    with pytest.raises(InputError, match="got none"):
        poet().inference("春", hidden=())


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.array([[1, 2], [3, 4]]), r"expected one sequence .*, got tokens of shape \(2, 2\)"),
        (np.zeros((1, 0), int), "at least one token"),
        (np.array([1.7]), "expected integers as token ids, got float64"),
        (np.array([99]), "as in the vocabulary"),
        ([[1, 2], [3]], "rows that differ in length"),
    ],
)
def test_tokens_that_do_not_continue_from_a_hidden_state(tokens, message):
    model = poet()
    _, hidden = model.inference("春")
    with pytest.raises(InputError, match=message):
        model.inference(tokens, hidden=hidden)


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (5, "hidden state: .* got int"),
        ("abc", "hidden state: .* got str"),
        (torch.tensor(1.0), "hidden state: .* got Tensor"),
        (torch.zeros(2, 2, 1, 24, device="meta"), "hidden state: .* got Tensor"),
        (np.zeros((5, 2)), "hidden state: expected the shapes"),
        ([np.array(["a"])], "hidden state: .* got list"),
        ([np.full((2, 1, 24), np.nan)] * 2, "got NaN or infinite ones"),
    ],
)
def test_a_hidden_state_that_is_none(hidden, message):
    with pytest.raises(InputError, match=message):
        poet().inference("春", hidden=hidden)


@pytest.mark.parametrize(
    "form", [list, np.stack, torch.stack, lambda states: [each.tolist() for each in states]]
)
def test_a_hidden_state_may_be_one_array(form):
    model = poet()
    _, hidden = model.inference("春")
    expected, _ = model.inference("江", hidden=hidden)
    np.testing.assert_allclose(model.inference("江", hidden=form(hidden))[0], expected, rtol=1e-6)


def test_the_likeliest_next_token_is_printed_by_its_word(trained_poet, capsys):
    model = nn(verbose=0)
    model.load(trained_poet / "basenn.pth")
    result = model.inference("春江潮")
    likeliest = int(result[0].argmax())
    wanted = {0: {"预测值": sorted(WORDS)[likeliest], "置信度": pytest.approx(result[0].max())}}
    assert model.print_result() == wanted
    assert model.print_result(result) == wanted  # with the hidden state, as it came back
    assert sorted(WORDS)[likeliest] in capsys.readouterr().out
    model.inference(ROWS[:2, :3])
    (first, _) = model.print_result().values()
    assert first["预测值"][-1] in WORDS


def test_words_are_printed_by_their_number_however_they_sort(tmp_path):
    words = {"c": 0, "a": 1, "d": 2, "b": 3}
    model = nn("gen", verbose=0)
    model.load_dataset([[0, 1, 2, 3]], word2idx={word: words[word] for word in sorted(words)})
    model.add("em_lstm", size=(4, 6))
    assert model.print_result(np.eye(4))[0]["预测值"] == list("cadb")
    model.save(tmp_path / "words.pth")
    again = nn(verbose=0)
    again.load(tmp_path / "words.pth")
    assert again.print_result(np.eye(4))[0]["预测值"] == list("cadb")


def test_a_text_of_words_begins_and_continues():
    names = {"the": 0, "cat": 1, "sat": 2, "a": 3}
    model = nn(verbose=0)
    model.load_dataset(np.array([[0, 1, 2], [3, 1, 2]]), word2idx=names)
    model.add("em_lstm", size=(4, 8))
    first, hidden = model.inference(["the", "cat"])
    then, _ = model.inference(["sat"], hidden=hidden)
    assert first.shape == then.shape == (4,)
    whole = model.inference(np.array([[0, 1, 2]]))[0]
    np.testing.assert_allclose([first, then], whole[1:], atol=1e-6)
    with pytest.raises(InputError, match=r"give a list, \['the', 'cat'\]"):
        model.inference("the cat")
    with pytest.raises(InputError, match="'dog' is not in the vocabulary of 4 tokens"):
        model.inference(["the", "dog"])
    one_letter, hidden = model.inference(["a"])  # a word like any other
    assert one_letter.shape == (4,)
    assert model.inference(["a", "cat"])[0].shape == (4,)


def test_marks_go_in_as_they_come_out():
    names = {"<START>": 0, "春": 1, "江": 2, "<EOP>": 3}
    model = nn(verbose=0)
    model.load_dataset(np.array([[0, 1, 2, 3]]), word2idx=names)
    model.add("em_lstm", size=(4, 8))
    hidden, found = None, []
    for number in range(4):
        output, hidden = model.inference(data=model.ix2word[number], hidden=hidden)
        found.append(output)
    np.testing.assert_allclose(model.inference("<START>春江<EOP>")[0], found[-1], atol=1e-6)
    np.testing.assert_allclose(model.inference([[0, 1, 2, 3]])[0], found, atol=1e-6)
    assert model.generate("<START>", length=4, seed=0).startswith("<START>")


def test_a_list_of_characters_is_several_texts():
    model = nn(verbose=0)
    model.load_dataset([[0, 1, 2], [1, 1, 2]], word2idx={"a": 0, "b": 1, "<pad>": 2, "[END]": 3})
    model.add("em_lstm", size=(4, 8))
    assert model.inference(["a", "b"]).shape == (2, 1, 4)


def test_a_hidden_state_for_a_network_without_one():
    model = nn(verbose=0)
    model.add("linear", size=(4, 3))
    with pytest.raises(CardError, match="does not resume from a hidden state"):
        model.inference(np.zeros((1, 4)), hidden=(np.zeros((1, 1, 4)),))


def test_a_token_outside_the_vocabulary():
    with pytest.raises(InputError, match="'x' is not in the vocabulary of 23 tokens"):
        poet().inference("x")
    with pytest.raises(InputError, match=r"expected token ids 0\.\.22, as in the vocabulary"):
        poet().inference(np.array([[23]]))
