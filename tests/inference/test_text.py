"""Tokens as data, embedding and em_lstm, what comes next, and writing text as the runtime writes it."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import CardError, DataError, InputError, LayerError, TrainingError

from onnxnn import nn
from onnxnn.data import from_arrays, load_npz
from onnxnn.data.options import ArrayOptions

POEM = "春江潮水连海平，海上明月共潮生。滟滟随波千万里，何处春江无月明。"
WORDS = {word: number for number, word in enumerate(sorted(set(POEM)))}
ROWS = np.array([[WORDS[word] for word in POEM[i : i + 9]] for i in range(len(POEM) - 8)])


def poet(seed=0, **options):
    torch.manual_seed(seed)
    model = nn(verbose=0)
    model.load_dataset(ROWS, word2idx=WORDS, batch_size=8)
    model.add("em_lstm", **{"size": (12, 24), "num_layers": 2, **options})
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a trained poem writer: basenn.pth and poems.onnx."""
    folder = tmp_path_factory.mktemp("poems")
    model = poet()
    model.train(lr=0.02, epochs=25, metrics=["acc"], save_fold=str(folder))
    model.export(folder / "poems.onnx")
    return folder


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


def test_whole_numbers_become_tokens_where_the_network_wants_them():
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
    with pytest.raises(TrainingError, match="at least 23 outputs of the network for 23 classes, got 20"):
        model.train(epochs=1, save_fold=str(tmp_path))


# ---- what comes next -----------------------------------------------------------------------------


def test_inference_goes_on_from_the_hidden_state(trained):
    model = nn()
    whole, _ = model.inference("春江潮", checkpoint=trained / "basenn.pth")
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


def test_a_network_in_training_mode_stays_in_it(trained):
    model = poet()
    model.model.train()
    model.inference("春")
    model.generate("春", length=3, seed=0)
    assert model.model.training


def test_arrays_of_tokens_give_a_row_for_each_step(trained):
    model = nn()
    found = model.inference(ROWS[:3], checkpoint=trained / "basenn.pth")
    assert found.shape == (3, 9, 23)
    np.testing.assert_allclose(rt.load(trained / "poems.onnx").infer(ROWS[:3]), found, atol=1e-5)


def test_evaluating_on_pairs(trained):
    model = nn()
    model.load(trained / "basenn.pth")
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
def test_tokens_that_do_not_go_on_from_a_hidden_state(tokens, message):
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


def test_the_likeliest_next_token_is_printed_by_its_word(trained, capsys):
    model = nn(verbose=0)
    model.load(trained / "basenn.pth")
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


def test_a_text_of_words_begins_and_goes_on():
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


HELLO = np.array([[0, 1, 2, 2, 3]])  # h e l l o
OHLOL = np.array([[3, 0, 2, 3, 2]])


def per_step(tmp_path, y, classes=None, outputs=4):
    torch.manual_seed(0)
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_dataset(np.repeat(HELLO, 4, 0), np.repeat(y, 4, 0), classes=classes)
    model.add("embedding", size=(4, 8))
    model.add("rnn", size=(8, 16))
    model.add("linear", size=(16, outputs), activation="softmax")
    return model


def test_classes_name_the_labels_of_each_step(tmp_path):
    model = per_step(tmp_path, OHLOL, classes=list("helo"))
    model.train(lr=0.05, epochs=60)
    model.inference(HELLO)
    assert "".join(model.print_result()[0]["预测值"]) == "ohlol"
    with pytest.raises(
        DataError, match=r"y: expected class indices 0\.\.1 for the 2 named classes .*, got 0\.\.3"
    ):
        per_step(tmp_path, OHLOL, classes=["a", "b"])


def test_a_label_beyond_the_outputs(tmp_path):
    with pytest.raises(TrainingError, match="at least 4 outputs of the network for 4 classes, got 3"):
        per_step(tmp_path, OHLOL, outputs=3).train(epochs=1)
    model = per_step(tmp_path, OHLOL)
    with pytest.raises(TrainingError, match="The last layer needs 9 outputs"):
        model.evaluate((HELLO, np.array([[8, 0, 2, 3, 2]])))


def test_tags_with_a_single_one_in_each_row_are_tags_where_the_classes_say_so():
    x, tags = np.array([[1, 2, 3], [3, 2, 1]]), np.array([[0, 1, 0], [1, 0, 0]])
    words = {word: number for number, word in enumerate("abcd")}
    data = from_arrays(x, tags, "cls", ArrayOptions(classes=["O", "NAME"], word2idx=words))
    assert np.array_equal(data.train.tensors()[1], tags)
    assert data.classes == ("O", "NAME")
    one_hot = from_arrays(x, tags, "cls", ArrayOptions(word2idx=words))
    assert one_hot.train.tensors()[1].tolist() == [1, 0]


def test_labels_for_each_step_as_floats_without_fraction():
    x = np.random.default_rng(0).normal(size=(2, 3, 5))
    data = from_arrays(x, np.array([[0.0, 1.0, 2.0], [2.0, 2.0, 0.0]]), "cls")
    assert data.train.tensors()[1].tolist() == [[0, 1, 2], [2, 2, 0]]
    values = from_arrays(x, np.array([[0.0, 1.0, 2.0], [2.0, 2.0, 0.0]]), "gen").train.tensors()[1]
    assert values.dtype == torch.float32


def test_tokens_from_floats_and_from_csv(tmp_path):
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 20, (16, 3)), np.arange(16) % 2
    rows = "\n".join(",".join(map(str, [*row, label])) for row, label in zip(x, y, strict=True))
    (tmp_path / "words.csv").write_text("a,b,c,label\n" + rows)
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


def test_sequences_of_different_length_into_an_output_for_each_step(tmp_path):
    model = per_step(tmp_path, OHLOL)
    with pytest.raises(InputError, match="make no one array"):
        model.inference([HELLO[0], HELLO[0, :3]])


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


def test_sequences_without_a_step(tmp_path):
    model = per_step(tmp_path, OHLOL)
    with pytest.raises(DataError, match="at least one step of each sequence"):
        model.load_dataset(np.zeros((4, 0), int), np.zeros(4, int))
    with pytest.raises(InputError, match="at least one step"):
        model.inference(np.zeros((1, 0), int))
    model.export(tmp_path / "steps.onnx")
    with pytest.raises(InputError, match="at least 1 along each axis"):
        rt.load(tmp_path / "steps.onnx").infer(np.zeros((1, 0), int))


@pytest.mark.parametrize(
    ("layers", "steps", "message"),
    [
        (
            [("gru", {"return_sequences": False})],
            9,
            r"got labels \(12, 9\), one for each of 9 steps. Leave out .* return_sequences=False",
        ),
        ([("gru", {}), ("global_avgpool", {})], 9, r"one for each of 9 steps. Leave out .*'global_avgpool'"),
        ([("gru", {})], 4, "for each of its 9 steps, got 4 labels for each"),
    ],
)
def test_labels_that_are_not_as_many_as_the_networks_steps(tmp_path, layers, steps, message):
    draw = np.random.default_rng(0)
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_dataset(draw.integers(0, 20, (12, 9)), draw.integers(0, 5, (12, steps)))
    model.add("embedding", size=(20, 8))
    for name, options in layers:
        model.add(name, **({"size": (8, 8)} if name == "gru" else {}), **options)
    model.add("linear", size=(8, 5), activation="softmax")
    with pytest.raises(TrainingError, match=message):
        model.train(epochs=1)


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


def going_on(checkpoint, path, layers=True):
    model = nn("cls", verbose=0, save_fold=str(path.parent))
    batches = model.load_npz_data(path)
    if layers:
        model.add("em_lstm", size=(12, 24), num_layers=2)
    model.train(checkpoint=checkpoint, epochs=1, lr=1e-9)
    return model, batches


def going_on_without_layers(checkpoint, path):
    return going_on(checkpoint, path, layers=False)


WAYS = [data_then_load, load_then_data, layers_then_load, going_on, going_on_without_layers]


@pytest.mark.parametrize("way", WAYS)
def test_data_takes_the_numbers_of_a_trained_network(trained, turned, way):
    model, batches = way(trained / "basenn.pth", turned)
    assert model.word2idx == model.card().input.vocabulary == WORDS
    wanted = nn(verbose=0)
    wanted.load(trained / "basenn.pth")
    found = [model.evaluate(data) for data in (batches, turned, (ROWS, None))]
    assert found == [pytest.approx(wanted.evaluate((ROWS, None)), rel=1e-3)] * 3
    assert model.generate("春江", length=9, temperature=0) == wanted.generate("春江", length=9, temperature=0)
    np.testing.assert_array_equal(model.inference(turned), model.inference(ROWS))


@pytest.mark.parametrize("way", WAYS)
def test_a_word_that_the_trained_network_does_not_know(trained, strange, way):
    with pytest.raises(DataError, match=r"got '日' in the data\. .* by model\.word2idx"):
        way(trained / "basenn.pth", strange)


def test_a_word_that_the_network_does_not_know_in_evaluate_and_inference(trained, strange):
    model = nn(verbose=0)
    model.load(trained / "basenn.pth")
    with pytest.raises(DataError, match="got '日' in the data"):
        model.evaluate(strange)
    with pytest.raises(InputError, match="got '日' in the data"):
        model.inference(strange)


def test_fewer_words_than_the_network_knows(trained):
    few = {word: number for number, word in enumerate("月江春")}
    model = nn("cls", verbose=0)
    model.load(trained / "basenn.pth")
    model.load_dataset([[0, 1, 2, 0, 1, 2, 0, 1, 2]], word2idx=few)
    assert model.word2idx == model.card().input.vocabulary == WORDS
    (x, y), *_ = model._data.train
    assert x.tolist() == [[WORDS[word] for word in "月江春月江春月江"]]
    assert y.tolist() == [[WORDS[word] for word in "江春月江春月江春"]]


def test_training_goes_on_in_one_process_with_the_numbers_it_began_with(tmp_path, turned):
    model = poet()
    model.save_fold = str(tmp_path)
    model.train(epochs=1)
    before = model.evaluate((ROWS, None))
    model.load_npz_data(turned)
    assert model.word2idx == WORDS
    assert model.evaluate(turned) == pytest.approx(before)


def test_another_networks_data_is_left_when_a_checkpoint_brings_its_own(trained, strange):
    model = nn("cls", verbose=0)
    model.load_npz_data(strange)
    model.add("em_lstm", size=(4, 8))
    model.load(trained / "basenn.pth")
    assert model.word2idx == model.card().input.vocabulary == WORDS


# ---- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"seed": 1}, {"seed": 2, "temperature": 0.7, "top_k": 5}, {"temperature": 0}, {"seed": 0, "stop": "，"}],
)
def test_the_file_writes_the_same_text_as_torch(trained, options):
    model = nn()
    model.load(trained / "basenn.pth")
    text = model.generate("春江", length=60, **options)
    assert rt.load(trained / "poems.onnx").generate("春江", length=60, **options) == text
    assert text.startswith("春江")
    assert len(text) == 60 or "stop" in options


def test_the_poem_is_learned(trained):
    assert rt.load(trained / "poems.onnx").generate("滟", length=6, temperature=0) in POEM


@pytest.mark.parametrize("temperature", [0, 1])
def test_weights_that_are_no_numbers_write_nothing(temperature):
    model = poet()
    with torch.no_grad():
        model.model.em_lstm1.embedding.weight.fill_(np.nan)
    with pytest.raises(InputError, match="expected finite probabilities"):
        model.generate("春", temperature=temperature)


def test_words_as_tokens(tmp_path):
    words = {word: number for number, word in enumerate(["the", "cat", "sat", "."])}
    model = nn("gen", verbose=0)
    model.load_dataset([[0, 1, 2, 3, 0, 1]] * 4, word2idx=words)
    model.add("embedding", size=8)
    model.add("gru", size=16)
    model.add("linear", size=4, activation="softmax")
    model.train(lr=0.05, epochs=60, save_fold=str(tmp_path))
    assert model.generate(["the"], length=5, temperature=0) == ["the", "cat", "sat", ".", "the"]
    with pytest.raises(InputError, match=r"give a list, \['the', 'cat'\]"):
        model.generate("the cat")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([("linear", {"size": (4, 3), "activation": "softmax"})], "got one from 'table' to 'classes'"),
        (
            [
                ("embedding", {"size": (23, 4)}),
                ("lstm", {"size": 8, "bidirectional": True}),
                ("linear", {"size": 23, "activation": "softmax"}),
            ],
            "got one from 'tokens' to 'classes'.*leave out layers that look ahead",
        ),
        ([("em_lstm", {"size": (4, 8), "vocab_size": 9})], "expected a vocabulary in its card, got none"),
    ],
)
def test_networks_that_do_not_generate(layers, message):
    model = nn(verbose=0)
    for name, options in layers:
        model.add(name, **options)
    with pytest.raises(CardError, match=message):
        model.generate("春")


def test_convert_writes_a_script_that_writes_text(trained, tmp_path):
    import subprocess
    import sys

    nn().convert(checkpoint=trained / "basenn.pth", out_file=tmp_path / "poems.onnx")
    done = subprocess.run(
        [sys.executable, tmp_path / "poems.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert done.stdout.startswith("春")
    assert len(done.stdout.strip()) == 24
