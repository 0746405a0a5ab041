"""Writing text: the loop, the draw, and a small model whose every answer NumPy computes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.card.tokens import to_numbers
from onnxnn_runtime.generation.generate import draw, generate
from onnxnn_runtime.generation.options import GenerationOptions

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
            r"state0: expected float32 \(1, batch, 4\), got float32 \(2, 1, 4\)",
        ),
        (np.zeros((1, 1, 5), np.float32), r"got float32 \(1, 1, 5\)"),
        (np.full((1, 1, 4), np.nan, np.float32), "state0: expected finite numbers"),
        (np.full((1, 1, 4), 1e300), "state0: expected numbers of at most .* for float32"),
        (np.zeros((1, 2, 4), np.float32), "the same size along 'batch', got 1 in input and 2 in state0"),
    ],
)
def test_hidden_state_of_another_model(open_model, capfd, state, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("text").infer({"input": np.array([[0]]), "state0": state})
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (None, r"input: expected int64 \(batch, time\), got None"),
        (3, r"got int64 \(\)"),
        ([[1, 2], [3]], "input: expected rows of the same length"),
        ({"a": 1}, "expected arrays for input, state0, got a"),
        ({"state0": np.zeros((1, 1, 4))}, "got state0"),
    ],
)
def test_what_is_no_input_of_a_network_with_states(open_model, x, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("text").infer(x)


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


@pytest.mark.parametrize("words", [np.array(["春", "江"]), np.array(["春", "江"], object)])
def test_words_in_an_array(open_model, words):
    assert open_model("text").generate(words, length=4, temperature=0) == ["春", "江", "花", "月"]


@pytest.mark.parametrize(
    "prompt", [np.zeros(10**6), np.array([["春"]]), np.broadcast_to(np.float32(0), 10**12)]
)
def test_an_array_that_is_no_text_is_none(open_model, prompt):
    with pytest.raises(rt.InputError, match="expected text, or a list of words"):
        open_model("text").generate(prompt)


def test_stop_is_left_out(open_model):
    model = open_model("text")
    assert model.generate("春", length=20, temperature=0, stop="月") == "春江花"
    assert model.generate("春", length=20, temperature=0, stop=["月春", "x"]) == "春江花"
    assert model.generate(["春"], length=20, temperature=0, stop=["月"]) == ["春", "江", "花"]
    assert model.generate("月", length=3, temperature=0, stop="月") == "月春江"


NAMES = {"the": 0, "cat": 1, "sat": 2, "ice cream": 3}


def in_turn(tokens, state):
    """Say that each token is followed by the next one, and the last by the first."""
    return np.eye(4, dtype=np.float32)[(tokens[0, -1] + 1) % 4], None


@pytest.mark.parametrize(
    ("stop", "written"),
    [
        ("cat", ["the"]),
        ("cat sat", ["the"]),
        ("the cat", ["the", "cat", "sat", "ice cream"]),
        ("ice cream", ["the", "cat", "sat"]),
        (["sat the", "ice cream"], ["the", "cat", "sat"]),
        ("sat the", ["the", "cat", "sat", "ice cream", "the", "cat"]),
    ],
)
def test_stops_of_words(stop, written):
    assert generate(in_turn, NAMES, GenerationOptions(["the"], 6, stop=stop)) == written


@pytest.mark.parametrize("stop", ["zebra", "cat zebra", ["cat", "zebra"]])
def test_a_stop_word_that_the_vocabulary_lacks(stop):
    with pytest.raises(rt.InputError, match=r"stop='.*zebra': 'zebra' is not in the vocabulary of 4 tokens"):
        generate(in_turn, NAMES, GenerationOptions(["the"], 6, stop=stop))


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 3}, {"temperature": 0.5, "top_k": 5}])
def test_numbers_without_a_word_are_never_written(options):
    def step(tokens, state):
        return np.array([0.02, 0.04, 0.01, 0.03, 0.6, 0.3], np.float32), None

    text = generate(step, WORDS, GenerationOptions("春", 60, seed=0, **options))
    assert len(text) == 60
    if options.get("temperature") == 0:
        assert set(text[1:]) == {"江"}


def test_nothing_is_computed_for_the_last_token():
    calls = []

    def step(tokens, state):
        calls.append(tokens.tolist())
        return np.array([0.1, 0.2, 0.3, 0.4], np.float32), None

    assert generate(step, WORDS, GenerationOptions("春江", 4, temperature=0)) == "春江月月"
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


@pytest.mark.parametrize("temperature", [0, 0.5, 1])
@pytest.mark.parametrize("probabilities", [[np.nan, 0.5], [0.5, np.inf], [0.0, 0.0]])
def test_probabilities_that_choose_nothing(probabilities, temperature):
    with pytest.raises(rt.InputError, match=r"expected finite probabilities of tokens.*or all 0"):
        draw(np.array(probabilities, np.float32), 0.5, temperature)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length=0: expected an integer of at least 1"),
        ({"length": 1_000_001}, "length=1000001: expected at most 1,000,000 tokens"),
        ({"length": 2**62}, "expected at most 1,000,000 tokens"),
        ({"length": 2}, "length=2: expected more than 2: the prompt has 2 tokens"),
        ({"length": 2.5}, "length=2.5: expected an integer"),
        ({"temperature": -1}, "temperature=-1: expected a number of at least 0"),
        ({"temperature": float("nan")}, "temperature=nan: expected"),
        ({"top_k": 0}, "top_k=0: expected an integer of at least 1"),
        ({"seed": -1}, "seed=-1: expected an integer of at least 0"),
        ({"stop": ""}, "stop='': expected a text or a list of texts, none of them empty"),
        ({"stop": ["", "x"]}, "stop="),
        ({"stop": 5}, "stop=5: expected a text or a list of texts"),
    ],
)
def test_options_out_of_range(open_model, options, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("text").generate("春江", **options)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("春x", "'x' is not in the vocabulary of 4 tokens"),
        ("", "got an empty text"),
        ([], "got an empty text"),
        ([0, 1], "expected text, or a list of words"),
        (None, "expected text, or a list of words, each a text, got None"),
        (3, "expected text, or a list of words"),
        (np.array([[0]]), "expected text, or a list of words"),
    ],
)
def test_prompts_that_do_not_fit(open_model, prompt, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("text").generate(prompt)


def test_numbers_and_words_of_numpy(open_model):
    model = open_model("text")
    written = model.generate(["春", "江"], length=6, temperature=np.float32(0.5), seed=1)
    assert model.generate(np.array(["春", "江"]), length=6, temperature=0.5, seed=1) == written


def test_arrays_of_words_and_a_text_in_an_array(open_model):
    model = open_model("text")
    words = model.generate(np.array(["春", "江"]), length=4, temperature=0)
    assert [(type(word), word) for word in words] == [(str, word) for word in "春江花月"]
    assert model.generate(np.array("春"), length=4, temperature=0) == "春江花月"


@pytest.mark.parametrize(
    ("form", "text"), [("NFC", "e\u0301a"), ("NFC", ["e\u0301", "a"]), ("NFD", "\u00e9a")]
)
def test_accents_in_another_form(form, text):
    tokens = "\u00e9a" if form == "NFC" else "e\u0301a"
    vocabulary = {token: number for number, token in enumerate(tokens)}
    with pytest.raises(rt.InputError, match=rf"not in the .*: use unicodedata.normalize\('{form}', text\)"):
        to_numbers(text, vocabulary)
    with pytest.raises(rt.InputError, match=r"'x' is not in the vocabulary of \d tokens\. It holds '"):
        to_numbers("xa", vocabulary)


def test_words_given_as_one_text():
    with pytest.raises(rt.InputError, match=r"Its tokens are words: give a list, \['the', 'cat'\]"):
        to_numbers("the cat", {"the": 0, "cat": 1})


MARKED = ["<START>", "<EOP>", "</s>", "<", "<S", "长", "江", "[SEP]", "<S>", "ab", "a", "b"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("<START>", ["<START>"]),
        ("<START>长江", ["<START>", "长", "江"]),
        ("长</s></s><EOP>", ["长", "</s>", "</s>", "<EOP>"]),
        ("[SEP]长<", ["[SEP]", "长", "<"]),
        ("<S>长", ["<S>", "长"]),
        ("ab", ["ab"]),
        ("aba", ["a", "b", "a"]),
        (["<START>", "ab"], ["<START>", "ab"]),
    ],
)
def test_a_text_is_a_token_or_made_of_characters_and_marks(text, tokens):
    assert to_numbers(text, {token: number for number, token in enumerate(MARKED)}) == [
        MARKED.index(token) for token in tokens
    ]


@pytest.mark.parametrize(
    ("text", "unknown"), [("长<EOS>", "<EOS>"), ("[长", "["), ("<EOP>x", "x"), ("<", "<")]
)
def test_unknown_marks_are_named_as_a_whole(text, unknown):
    with pytest.raises(rt.InputError, match=f"^{re.escape(repr(unknown))} is not in the vocabulary"):
        to_numbers(text, {"<EOP>": 0, "长": 1})


@pytest.mark.parametrize("name", ["table", "image_classifier", "tokens"])
def test_models_that_do_not_generate(open_model, name):
    with pytest.raises(rt.CardError, match="expected a model that generates text"):
        open_model(name).generate("春")


def test_a_file_without_a_card(open_model):
    with pytest.raises(rt.CardError, match="no onnxnn card in its metadata, which generate needs"):
        open_model("no_card").generate("春")


def test_predict_names_the_way(open_model):
    with pytest.raises(
        rt.CardError,
        match=r"predict\(\) expected an output of classes or values, .* 'tokens'. Use generate\(\)",
    ):
        open_model("text").predict("春")


def test_a_network_of_tokens_that_does_not_generate_says_why(open_model):
    with pytest.raises(rt.CardError, match=r"to 'classes'. End the network in a softmax.*look ahead"):
        open_model("tokens").generate("好")


def test_a_card_with_states_which_the_graph_lacks(open_model):
    with pytest.raises(rt.CardError, match="its card has the state 'state0', which the graph does not have"):
        open_model("table", card=open_model("text").card)


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (
            [("state0", (10**9, "batch", 10**9))],
            r"'state0': expected the shape \(1000000000, batch, .* \(1, batch, 4\)",
        ),
        ([("state0", ("layers", "batch", 4))], r"'state0': expected the shape \(layers, batch, 4\)"),
        ([("state0", (1, 4))], r"'state0': expected the shape \(1, 4\) by its card, got \(1, batch, 4\)"),
        ([("state9", (1, "batch", 4))], "the state 'state9', which the graph does not have"),
        ([("input", ("batch", "time")), ("state0", (1, "batch", 4))], "got states alone"),
        ([], "lacks its state 'state0'"),
    ],
)
def test_a_card_that_contradicts_the_states_of_its_graph(open_model, states, message):
    outputs = {"state0": "next_state0"}
    stated = tuple(rt.StateSpec(name, outputs.get(name, "output"), shape) for name, shape in states)
    card = open_model("text").card
    with pytest.raises(rt.CardError, match=message):
        open_model("text", card=replace(card, input=replace(card.input, states=stated)))
