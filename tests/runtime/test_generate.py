"""Writing text: the loop, the draw, and a small model whose every answer NumPy computes."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.generate import draw, generate
from onnxnn_runtime.text import to_numbers

WORDS = {"春": 0, "江": 1, "花": 2, "月": 3}


def expected(tokens, h=None):
    """Return what text.onnx gives: h = tanh(W x + R h), p = softmax(3 h); see make_models.py."""
    h = np.zeros(4) if h is None else h
    rows = []
    for token in tokens:
        h = np.tanh(2 * np.eye(4)[(token + 1) % 4] - 0.5 * h)
        rows.append(np.exp(3 * h) / np.exp(3 * h).sum())
    return np.array(rows), h


def test_states_begin_with_zeros(open_model):
    found = open_model("text").infer(np.array([[0, 1, 1], [3, 0, 2]]))
    assert found.shape == (2, 3, 4)
    for row, tokens in zip(found, ([0, 1, 1], [3, 0, 2])):
        np.testing.assert_allclose(row, expected(tokens)[0], atol=1e-6)


def test_two_calls_equal_one_long_call(open_model):
    model = open_model("text")
    tokens = np.array([[0, 3, 2, 2, 1], [1, 0, 0, 3, 2]])
    whole = model.infer({"input": tokens})
    first = model.infer({"input": tokens[:, :2]})
    second = model.infer({"input": tokens[:, 2:], "state0": first["next_state0"]})
    np.testing.assert_allclose(
        np.concatenate([first["output"], second["output"]], axis=1), whole["output"], atol=1e-6
    )
    np.testing.assert_allclose(second["next_state0"], whole["next_state0"], atol=1e-6)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            np.zeros((2, 1, 4), np.float32),
            r"state0: float32 \(2, 1, 4\) arrives; what fits is float32 \(1, batch, 4",
        ),
        (np.zeros((1, 1, 5), np.float32), r"state0: float32 \(1, 1, 5\) arrives"),
        (np.full((1, 1, 4), np.nan, np.float32), "state0: holds NaN"),
    ],
)
def test_hidden_state_of_another_model(open_model, state, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("text").infer({"input": np.array([[0]]), "state0": state})


def test_the_likeliest_tokens_go_round(open_model):
    assert open_model("text").generate("春", length=9, temperature=0) == "春江花月春江花月春"


def test_the_text_is_what_the_probabilities_and_the_seed_say(open_model):
    chances = np.random.Generator(np.random.PCG64(7))
    tokens, h = [0, 2], None
    p, h = expected(tokens)
    while len(tokens) < 30:
        sums = np.cumsum(p[-1])
        tokens.append(int(np.searchsorted(sums, chances.random() * sums[-1], side="right")))
        p, h = expected(tokens[-1:], h)
    assert open_model("text").generate("春花", length=30, seed=7) == "".join("春江花月"[t] for t in tokens)


def test_the_same_seed_writes_the_same_text(open_model):
    model = open_model("text")
    texts = [model.generate("春", length=40, seed=seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 40
    assert model.generate("春", length=40) != model.generate("春", length=40)


def test_words_in_words_out(open_model):
    assert open_model("text").generate(["春", "江"], length=4, temperature=0) == ["春", "江", "花", "月"]


def test_stop_is_left_out(open_model):
    model = open_model("text")
    assert model.generate("春", length=20, temperature=0, stop="月") == "春江花"
    assert model.generate("春", length=20, temperature=0, stop=["月春", "x"]) == "春江花"
    assert model.generate(["春"], length=20, temperature=0, stop=["月"]) == ["春", "江", "花"]
    assert model.generate("月", length=3, temperature=0, stop="月") == "月春江"


def test_nothing_is_computed_for_the_last_token():
    calls = []

    def step(tokens, state):
        calls.append(tokens.tolist())
        return np.array([0.1, 0.2, 0.3, 0.4], np.float32), None

    assert generate(step, WORDS, "春江", length=4, temperature=0) == "春江月月"
    assert calls == [[[0, 1]], [[3]]]


# ---- a draw --------------------------------------------------------------------------------------

P = np.array([0.1, 0.5, 0.0, 0.15, 0.25], np.float32)


@pytest.mark.parametrize(
    ("chance", "token"),
    [(0.0, 0), (0.0999, 0), (0.1001, 1), (0.5999, 1), (0.6001, 3), (0.7501, 4), (0.9999, 4)],
)
def test_draw_inverts_the_sums(chance, token):
    assert draw(P, chance) == token


def test_temperature_raises_to_a_power():
    many = np.linspace(0, 1, 20001)[:-1]
    found = np.bincount([draw(P, chance, temperature=0.5) for chance in many], minlength=5) / len(many)
    np.testing.assert_allclose(found, P**2 / (P**2).sum(), atol=1e-3)


def test_top_k_draws_among_the_likeliest():
    many = np.linspace(0, 1, 2001)[:-1]
    found = np.bincount([draw(P, chance, top_k=2) for chance in many], minlength=5) / len(many)
    np.testing.assert_allclose(found, [0, 2 / 3, 0, 0, 1 / 3], atol=1e-3)
    assert {draw(P, chance, top_k=99) for chance in many} == {0, 1, 3, 4}


def test_a_low_temperature_does_not_underflow():
    tiny = np.array([1e-30, 1e-31, 1e-33], np.float32)
    assert draw(tiny, 0.5, temperature=0.01) == 0


def test_probabilities_that_are_no_numbers():
    with pytest.raises(rt.InputError, match="probabilities are not finite"):
        draw(np.array([np.nan, 0.5], np.float32), 0.5)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length=0: must be a whole number of at least 1"),
        ({"length": 2}, "length=2: the prompt has 2 tokens already"),
        ({"length": 2.5}, "length=2.5: must be a whole number"),
        ({"temperature": -1}, "temperature=-1: must be a number of at least 0"),
        ({"temperature": float("nan")}, "temperature=nan: must be"),
        ({"top_k": 0}, "top_k=0: must be a whole number of at least 1"),
        ({"seed": -1}, "seed=-1: must be a whole number of at least 0"),
        ({"stop": ""}, "stop='': must be a text, or several; none of them empty"),
        ({"stop": ["", "x"]}, "stop="),
        ({"stop": 5}, "stop=5: must be a text, or several"),
    ],
)
def test_options_out_of_range(open_model, options, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("text").generate("春江", **options)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("春x", "'x' is not in the vocabulary of 4 tokens"),
        ("", "the text is empty"),
        ([], "the text is empty"),
        ([0, 1], "text is expected"),
        (None, "text is expected, or a list of words, each a text; None arrives"),
        (3, "text is expected"),
        (np.array([[0]]), "text is expected"),
    ],
)
def test_prompts_that_do_not_fit(open_model, prompt, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("text").generate(prompt)


def test_numbers_and_words_of_numpy(open_model):
    model = open_model("text")
    written = model.generate(["春", "江"], length=6, temperature=np.float32(0.5), seed=1)
    assert model.generate(np.array(["春", "江"]), length=6, temperature=0.5, seed=1) == written


def test_words_given_as_one_text():
    with pytest.raises(rt.InputError, match=r"Its tokens are words: give a list, \['the', 'cat'\]"):
        to_numbers("the cat", {"the": 0, "cat": 1})


@pytest.mark.parametrize("name", ["table", "image_classifier", "tokens"])
def test_models_that_do_not_generate(open_model, name):
    with pytest.raises(rt.CardError, match="does not generate text"):
        open_model(name).generate("春")


def test_a_file_without_a_card(open_model):
    with pytest.raises(rt.CardError, match="no onnxnn card in its metadata, which generate needs"):
        open_model("no_card").generate("春")


def test_predict_names_the_way(open_model):
    with pytest.raises(rt.CardError, match=r"'tokens', which predict\(\) cannot name. Use generate\(\)"):
        open_model("text").predict("春")


def test_a_card_that_tells_of_states_which_the_graph_lacks(open_model):
    with pytest.raises(rt.CardError, match="tells of the state 'state0', which the graph does not have"):
        open_model("table", card=open_model("text").card)
