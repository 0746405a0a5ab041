from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import OutputSpec
from onnxnn_runtime.session import engine
from PIL import Image

RED = np.full((6, 6, 3), [255, 0, 0], np.uint8)
GREEN = np.full((7, 5, 3), [0, 255, 0], np.uint8)


def softmax(scores):
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def test_predict_names_the_best_class(open_model):
    model = open_model("image_classifier")
    red, green = model.predict([RED, GREEN], k=2)
    expected = softmax(np.array([4.0, 0.0]))
    assert (red.label, red.index, red.name, green.label) == ("red", 0, "input[0]", "绿")
    assert red.score == pytest.approx(expected[0], rel=1e-6)
    assert [label for label, _ in red.top] == ["red", "绿"]
    np.testing.assert_allclose(red.scores, expected, rtol=1e-6)
    assert red.values == {}
    assert len(model.predict(RED)[0].top) == 1


def test_embed_gives_the_feature_vector(open_model):
    for name, expected in (
        ("image_classifier", [[1, 0, 0], [0, 1, 0]]),
        ("image_embedder", [[4, 0], [0, 2]]),
    ):
        vectors = open_model(name).embed([RED, GREEN])
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, rtol=1e-6)
    np.testing.assert_allclose(open_model("image_embedder").embed(GREEN, normalize=True), [[0, 1]], rtol=1e-6)
    black = np.zeros((4, 4, 3), np.uint8)
    assert open_model("image_embedder").embed(black, normalize=True).tolist() == [[0, 0]]


def test_a_model_without_a_vector_does_not_embed(open_model):
    with pytest.raises(rt.CardError, match=r"expected an output 'embedding', got .* kind 'classes'"):
        open_model("table").embed([[1, 2]])
    with pytest.raises(rt.CardError, match=r"kind 'embedding'\. Use embed"):
        open_model("image_embedder").predict(RED)


@pytest.mark.parametrize("many", [8, 1000], ids=["each core takes its own", "all cores together"])
def test_a_folder_equals_its_files_and_a_batch_its_images(open_model, folder, monkeypatch, many):
    monkeypatch.setattr(engine, "_MANY", many)
    monkeypatch.setattr(engine, "num_threads", lambda: 3)
    model = open_model("image_any_size")
    files = sorted(folder.glob("*/[0-9]*.png"))
    whole = model.embed_named(folder, batch_size=16)
    assert whole.names == [str(path) for path in files]
    assert [each.name for each in whole.skipped] == [str(folder / "notes.txt")]
    np.testing.assert_allclose(
        whole.vectors, np.concatenate([model.embed(path) for path in files]), atol=1e-6
    )
    np.testing.assert_allclose(
        whole.vectors, [np.asarray(Image.open(str(f))).mean((0, 1)) / 255 for f in files], atol=1e-6
    )
    with pytest.warns(UserWarning, match=r"1 input was left out: .*notes\.txt \(is no image\)\.$"):
        assert [each.name for each in model.predict(folder)] == whole.names


@pytest.mark.parametrize("many", [8, 1000])
def test_broken_files_raise_or_are_left_out(open_model, folder, monkeypatch, many):
    monkeypatch.setattr(engine, "_MANY", many)
    monkeypatch.setattr(engine, "num_threads", lambda: 2)
    model = open_model("image_embedder")
    (folder / "red" / "07.png").write_bytes(b"broken")
    (folder / "绿" / "39.png").write_bytes(b"broken")
    with pytest.raises(rt.InputError, match=r"07\.png: expected an image, got a text file"):
        model.embed(folder)
    result = model.embed_named(folder, errors="skip", batch_size=1)
    assert result.vectors.shape == (39, 2)
    assert [each.name[-6:] for each in result.skipped] == ["es.txt", "07.png", "39.png"]
    with pytest.warns(UserWarning, match="3 inputs were left out: ") as caught:
        predictions = open_model("image_classifier").predict(folder, errors="skip")
    assert (len(predictions), predictions.skipped, len(caught)) == (39, result.skipped, 1)
    with pytest.warns(UserWarning, match=r"3 inputs were left out: .*notes\.txt \(is no image\); .*07\.png"):
        model.embed(folder, errors="skip")


def test_what_is_left_out_is_named_once_without_codes(open_model, tmp_path, monkeypatch):
    missing = str(tmp_path / "a.png")
    for language, warning in (("en", r"1 input was left out: .*\.$"), ("zh", "跳过了 1 个输入：.*。$")):
        monkeypatch.setenv("ONNXNN_LANG", language)
        with pytest.warns(UserWarning, match=warning):
            (skipped,) = open_model("image_classifier").predict([missing], errors="skip").skipped
        assert (skipped.name, missing in skipped.reason, "[E-" in skipped.reason) == (missing, False, False)


def test_when_everything_is_broken_nothing_is_left(open_model, tmp_path):
    result = open_model("image_embedder").embed_named([tmp_path / "a.png", b"x"], errors="skip")
    assert result.vectors.shape == (0, 2)
    assert len(result.skipped) == 2
    with pytest.warns(UserWarning, match="2 inputs were left out"):
        assert open_model("image_embedder").embed([tmp_path / "a.png", b"x"], errors="skip").shape == (0, 2)
    with pytest.warns(UserWarning, match="2 inputs were left out"):
        assert open_model("image_classifier").predict([tmp_path / "a.png", b"x"], errors="skip") == []
    assert open_model("image_embedder").embed([]).shape == (0, 2)


def test_progress_is_reported(open_model, folder):
    seen = []
    files = sorted(folder.glob("*/[0-9]*.png"))
    model = open_model("image_embedder")
    model.embed(files, batch_size=15, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(15, 40), (30, 40), (40, 40)]
    model.embed(iter(files), batch_size=40, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (40, None)


def test_vectors_can_be_streamed(open_model, folder):
    model = open_model("image_embedder")
    parts = list(model.embed_stream(sorted(folder.glob("*/[0-9]*.png")), batch_size=16))
    assert [len(part.names) for part in parts] == [16, 16, 8]
    np.testing.assert_array_equal(
        np.concatenate([part.vectors for part in parts]), model.embed_named(folder, batch_size=16).vectors
    )


def test_one_sigmoid_is_decided_at_one_half(open_model):
    model = open_model("binary")
    dark, bright, middle = model.predict(
        [np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8), np.full((1, 1, 4, 4), 0.5, np.float32)],
        k=2,
    )
    share = 1 / (1 + np.exp(-0.5))
    assert (dark.label, bright.label, middle.label) == ("dark", "bright", "bright")
    assert bright.score == dark.score == pytest.approx(share, rel=1e-6)
    assert [label for label, _ in dark.top] == ["dark", "bright"]
    assert dark.scores.tolist() == pytest.approx([1 - share], rel=1e-6)


def test_the_steps_of_a_sequence_are_classified(open_model):
    model = open_model("text")
    output = OutputSpec("classes", ("batch", "time", 4), ("a", "b", "c"))
    model.card = replace(model.card, output=output)
    (result,) = model.predict(["春江月"], k=2)
    assert result.label == ["b", "c", "a"]
    assert result.index == [1, 2, 0]
    assert result.score == pytest.approx(result.scores.max(axis=1).tolist())
    assert (result.top, result.values) == ((), {})
    model.card = replace(model.card, output=replace(output, shape=("batch", "time", 2, 2)))
    with pytest.raises(rt.CardError, match=r"for each part of it \(batch, time, 2, 2\)"):
        model.predict(["春江"])


def test_values_have_the_names_of_their_targets(open_model):
    (result,) = open_model("values").predict([2.0, 4.0])
    assert result.values == {"x": 2.0, "y": 4.0, "value 2": 0.0}
    assert (result.label, result.score, result.top) == (None, None, ())


def test_tables_sequences_and_tokens(open_model, tmp_path):
    (tmp_path / "a.csv").write_text("宽,length\n0,9\n9,0\n", encoding="utf-8")
    assert [each.label for each in open_model("table").predict(tmp_path / "a.csv")] == ["a", "b"]
    assert [each.label for each in open_model("table").predict([[9, 0], [0, 9]])] == ["a", "b"]
    steps = [np.array([[1, 0]] * 3), np.array([[0, 1]] * 5)]
    assert [each.label for each in open_model("sequence").predict(steps)] == ["still", "moving"]
    assert [each.label for each in open_model("tokens").predict(["好好b", "cc"])] == ["x", "z"]


def test_preprocessing_in_the_graph_takes_images_of_any_size(open_model):
    np.testing.assert_allclose(open_model("image_in_graph").embed([RED, GREEN]), [[255, 0, 0], [0, 255, 0]])


def test_an_image_of_another_size_than_the_network_is_refused(open_model, tmp_path):
    Image.fromarray(RED).save(str(tmp_path / "a.png"))
    with pytest.raises(
        rt.InputError, match=r"a\.png: expected one sample of shape \(3, 6, 5\), got \(3, 6, 6\)"
    ):
        open_model("image_fixed").predict(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "sizes", "x", "message"),
    [
        (
            "image_any_size",
            {"height": 7, "width": 8},
            np.zeros((1, 3, 9, 7), np.float32),
            "expected images of at least 7 x 8, got 9 x 7",
        ),
        (
            "image_any_size",
            {"height": 7},
            np.zeros((1, 3, 6, 1), np.float32),
            "expected images of at least 7 x 1, got 6 x 1",
        ),
        ("image_in_graph", {"width": 7}, RED[np.newaxis], "expected images of at least 1 x 7, got 6 x 6"),
        ("sequence", {"time": 3}, np.zeros((1, 2, 2)), "expected at least 3 steps, got 2"),
        ("tokens", {"token": 3}, np.zeros((1, 2), int), "expected at least 3 tokens, got 2"),
        ("tokens", {"token": 3}, np.zeros((1, 1), int), "expected at least 3 tokens, got 1"),
    ],
)
def test_inputs_that_are_too_small_for_the_network(open_model, name, sizes, x, message):
    card = open_model(name).card
    model = open_model(name, card=replace(card, input=replace(card.input, min_sizes=sizes)))
    ask = model.embed if card.output.kind == "embedding" else model.predict
    with pytest.raises(rt.InputError, match=r"input\[0\]: " + message):
        ask(x)
    with pytest.raises(rt.InputError, match="input: " + message):
        model.infer(x)
    with pytest.raises(rt.InputError, match="input: " + message):
        model.infer({"input": x})
    if card.output.kind == "classes":
        with pytest.warns(UserWarning, match="left out"):
            assert message[:9] in ask(x, errors="skip").skipped[0].reason


def test_inputs_of_the_smallest_size_are_taken(open_model):
    card = open_model("tokens").card
    model = open_model("tokens", card=replace(card, input=replace(card.input, min_sizes={"token": 2})))
    assert len(model.predict("bc")) == len(model.infer([[1, 2]])) == 1


def test_more_outputs_than_classes_are_numbered(open_model):
    model = open_model("image_classifier")
    card = rt.ModelCard("cls", (), model.card.input, rt.OutputSpec("classes", ("batch", 2), ("red",)))
    assert open_model("image_classifier", card=card).predict(GREEN)[0].label == "1"


def test_infer_takes_and_gives_raw_arrays(open_model):
    model = open_model("no_card")
    x = np.random.RandomState(0).rand(2, 3, 4, 5)
    expected = softmax(x.mean(axis=(2, 3)) @ np.array([[4.0, 0], [0, 2], [0, 4]]))
    np.testing.assert_allclose(model.infer(x), expected, rtol=1e-5)
    every = model.infer({"input": x.astype(np.float32)})
    assert list(every) == ["output", "embedding"]
    two = open_model("two_inputs")
    result = two.infer({"a": [[1, 2]], "b": [[3, 5]]})
    assert result["sum"].tolist() == [[4, 7]]
    assert result["difference"].tolist() == [[-2, -3]]
    with pytest.raises(rt.InputError, match=r"expected 2 inputs \(a, b\)"):
        two.infer([[1, 2]])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((1, 4, 4, 3), np.float32),
            r"expected float32 \(batch, 3, height, width\), got float32 \(1, 4, 4, 3\)",
        ),
        (np.zeros((3, 4, 4), np.float32), r"got float32 \(3, 4, 4\)"),
        (np.zeros((0, 3, 4, 4), np.float32), r"at least 1 along each axis, got float32 \(0, 3, 4, 4\)"),
        (np.zeros((1, 3, 4, 4), np.uint8), r"expected float32 .*, got uint8"),
        (np.zeros((1, 3, 4, 4), complex), "complex128"),
        (np.full((1, 3, 4, 4), "a"), "<U1"),
        (np.full((1, 3, 4, 4), np.nan), "input: expected finite numbers, got NaN"),
        (np.full((1, 3, 4, 4), np.inf), "input: expected finite numbers, got NaN"),
        (np.full((1, 3, 4, 4), 1e300), "input: expected numbers of at most .* for float32"),
        (None, "input: expected float32 .*, got None"),
        (3, r"input: expected float32 .*, got int64 \(\)"),
        ([[1, 2], [3]], "input: expected rows of the same length"),
        ({"input": [[[1], [2, 3]]]}, "input: expected rows of the same length"),
        ({"x": 1}, "expected arrays for input, got x"),
        ({}, "expected arrays for input, got none"),
        ({1: 2}, "got 1"),
    ],
)
def test_arrays_are_checked_before_onnx_runtime_sees_them(open_model, x, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("no_card").infer(x)


def test_infer_refuses_more_steps_than_the_card_allows(open_model):
    card = open_model("sequence").card
    model = open_model("sequence", card=replace(card, input=replace(card.input, max_length=3)))
    assert model.infer(np.zeros((2, 3, 2))).shape == (2, 2)
    for x in (np.zeros((2, 4, 2)), {"input": np.zeros((2, 4, 2))}):
        with pytest.raises(rt.InputError, match="input: expected at most 3 steps in a sequence, got 4"):
            model.infer(x)


def test_a_file_without_a_card_says_what_to_do(open_model):
    model = open_model("no_card")
    assert model.card is None
    for what in (lambda: model.predict(RED), lambda: model.embed(RED), lambda: model.input_spec):
        with pytest.raises(
            rt.CardError, match=r"no_card\.onnx: no onnxnn card .*`onnxnn export`.*card=ModelCard"
        ):
            what()
    card = open_model("image_classifier").card
    assert open_model("no_card", card=card).predict(RED)[0].label == "red"


def test_a_model_opens_from_its_bytes(golden):
    data = (golden / "models" / "image_classifier.onnx").read_bytes()
    model = rt.load(data, device="cpu")
    assert model.predict(GREEN)[0].label == "绿"
    assert repr(model) == "<Model the model of 855 bytes: image -> classes, on cpu>"


@pytest.mark.parametrize("change", ["rewritten", "deleted"])
def test_a_file_that_changes_after_loading_changes_nothing(golden, tmp_path, folder, monkeypatch, change):
    monkeypatch.setattr(engine, "_MANY", 8)
    monkeypatch.setattr(engine, "num_threads", lambda: 2)
    path = tmp_path / "a.onnx"
    path.write_bytes((golden / "models" / "image_embedder.onnx").read_bytes())
    model = rt.load(path)
    if change == "deleted":
        path.unlink()
    else:
        path.write_bytes((golden / "models" / "image_in_graph.onnx").read_bytes())
    assert model.embed_named(folder).vectors.shape == (40, 2)


def test_draft_can_be_chosen_when_loading(open_model):
    assert open_model("image_classifier", draft=True).card.input.preprocess.draft is True
    assert open_model("image_classifier").card.input.preprocess.draft is False


def test_a_malformed_card_names_its_file(golden, tmp_path):
    data = (golden / "models" / "image_classifier.onnx").read_bytes()
    (tmp_path / "a.onnx").write_bytes(data.replace(b'"schema": 1', b'"schema": 7'))
    with pytest.raises(rt.CardError, match=r"a\.onnx: card: expected schema 1, .* got schema 7"):
        rt.load(tmp_path / "a.onnx")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(rt.MissingInputError, match=r"none\.onnx: no such file"):
        rt.load(tmp_path / "none.onnx")
    with pytest.raises(rt.InputError, match="got a folder"):
        rt.load(tmp_path)
    with pytest.raises(rt.InputError, match=r"load\(None\): expected the path"):
        rt.load(None)


@pytest.mark.parametrize("k", [0, True, 1.5, "x"])
def test_k_is_an_integer(open_model, k):
    with pytest.raises(rt.InputError, match=r"k=.*: expected an integer of at least 1"):
        open_model("table").predict([[1, 2]], k=k)


@pytest.mark.parametrize("threads", [0, -1, True, 0.5, "x", 3000])
def test_threads_are_an_integer(open_model, threads):
    with pytest.raises(rt.InputError, match=r"threads=.*: expected an integer from 1 to 1024"):
        open_model("table", threads=threads)


def test_what_the_graph_itself_refuses_is_our_error(open_model, capfd):
    card = open_model("tokens").card
    model = open_model("tokens", device="cpu", card=replace(card, input=replace(card.input, vocabulary=None)))
    with pytest.raises(rt.InputError, match=r"tokens\.onnx: cannot run on input \(1, 1\)"):
        model.infer(np.array([[7]]))
    assert capfd.readouterr().err == ""  # ONNX Runtime says nothing besides


def test_nothing_is_warned_about(open_model, folder):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        open_model("image_embedder").embed(sorted(folder.glob("*/[0-9]*.png")))
    assert not caught
