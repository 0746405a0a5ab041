"""What a Transformer refuses: options, pairs, losses, calls."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime import CardError, DataError, InputError, LayerError, TrainingError
from support.reversals import SIZES, made, reversals
from torch.utils.data import DataLoader, TensorDataset

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.shape import Shape

# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"num_heads": 5},
            "divide the features of a step .16., got 5. Use one of 1, 2, 4, 8, 16",
        ),
        ({"max_length": 9}, "expected sources of at most 9 tokens, got 10. Use max_length=10"),
        ({"max_length": 0}, "expected max_length to be an integer of at least 1, got 0"),
        ({"num_layers": 0}, "expected num_layers to be an integer of at least 1, got 0"),
        ({"source_vocab": 12}, r"expected tokens 0\.\.11 in the source, got 12. Use source_vocab=13"),
        (
            {"target_vocab": 3},
            "expected target_vocab to be an integer of at least 4, got 3. 0 is padding, 1 the start",
        ),
        ({"size": 16}, r"expected size to be \(dim, feedforward\)"),
        ({"dropout": -1}, "expected dropout to be a number from 0 to 1, got -1"),
        ({"layers": 2}, "unknown option 'layers'. Did you mean 'num_layers'"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(LayerError, match=message):
        made(**options)


def test_a_transformer_stands_alone():
    network = made()
    with pytest.raises(LayerError, match="expected no layer after 'transformer', which is a whole network"):
        network.add("linear", size=4)
    network = nn("gen", verbose=0)
    network.load_dataset(np.random.rand(4, 5, 3), np.arange(4) % 2)
    with pytest.raises(LayerError, match=r"expected tokens, integers .* stands alone"):
        network.add("transformer", **SIZES)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            [[7, 5, 2, 0]],
            r"targets that begin with 1 \(start\), end with 2 \(end\).*, got \[7, 5, 2, 0\]",
        ),
        ([[1, 5, 7, 3]], r"got \[1, 5, 7, 3\]"),
        ([[1, 5, 2, 3]], r"got \[1, 5, 2, 3\]"),
        ([[1, 0, 5, 2]], r"got \[1, 0, 5, 2\]"),
        ([[1, 5, 1, 2]], r"got \[1, 5, 1, 2\]"),
        ([[1, 5, 13, 2]], r"target: expected tokens 0\.\.12 for target_vocab=13, got 1\.\.13"),
        ([[1, *[5] * 12, 2]], "target: expected at most 12 tokens, .* got 13. Use max_length=13"),
    ],
)
def test_targets_that_do_not_fit(tmp_path, target, message):
    network = made(tmp_path)
    pairs = np.array([[5, 7, 3]]), np.array(target)
    with pytest.raises(DataError, match=message):
        network.evaluate(pairs)
    with pytest.raises(DataError, match=message):
        network.load_dataset(*pairs)
    network.train(epochs=1)  # with the pairs it had
    network = nn("gen", verbose=0)
    network.load_dataset(*pairs)
    with pytest.raises(DataError, match=message):
        network.add("transformer", **SIZES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: -x, r"x\[0, 0\]: expected source tokens, integers from 0, got -5"),
        (lambda x: x + 0.5, r"x\[0, 0\]: expected source tokens, integers from 0, got 5\.5, since y holds"),
    ],
)
def test_a_source_that_is_none_is_blamed_itself(change, message):
    pairs = change(np.array([[5, 7, 3]])), np.array([[1, 5, 2]])
    with pytest.raises(DataError, match=message):
        made().evaluate(pairs)
    with pytest.raises(DataError, match=message):
        nn("gen", verbose=0).load_dataset(*pairs)


def test_pairs_are_for_nn_gen():
    network = nn("reg", verbose=0)
    network.load_dataset(*reversals(8))
    with pytest.raises(TrainingError, match=r"nn\('reg'\) .* expected nn\('gen'\)"):
        network.add("transformer", **SIZES)
    with pytest.raises(DataError, match=r"nn\('embed'\): expected classes, .* Use nn\('gen'\)"):
        nn("embed", verbose=0).load_dataset(*reversals(8))


def test_labels_instead_of_targets(tmp_path):
    network = nn("cls", verbose=0, save_fold=str(tmp_path))
    network.load_dataset(reversals(4)[0], [0, 1, 0, 1])
    with pytest.raises(DataError, match=r"expected token sequences, .*load_dataset\(source, target\)"):
        network.add("transformer", **SIZES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, "loss='MSELoss' .* a transformer learns which token comes next"),
        ({"metrics": "f1"}, "a transformer has 'acc' and 'exact'"),
    ],
)
def test_losses_and_metrics_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(TrainingError, match=message):
        made(tmp_path).train(epochs=1, **options)


def test_other_endings_than_softmax(tmp_path):
    network = nn("gen", verbose=0, save_fold=str(tmp_path))
    network.load_dataset(*reversals(8))
    network.add("transformer", activation="sigmoid", **SIZES)
    with pytest.raises(TrainingError, match="a transformer ends in softmax"):
        network.train(epochs=1)


def test_exact_is_for_pairs_only(tmp_path):
    network = nn("cls", verbose=0, save_fold=str(tmp_path))
    network.load_dataset(np.random.rand(6, 4), [0, 1, 0, 1, 0, 1])
    network.add("linear", size=2, activation="softmax")
    with pytest.raises(TrainingError, match="'exact' counts whole sequences"):
        network.train(epochs=1, metrics=["exact"])


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ([[5, 13]], {}, r"expected token ids 0\.\.12, as in the vocabulary, got 5..13"),
        ([[]], {}, "expected at least one token id, got an empty sequence"),
        ([3] * 13, {}, "expected at most 12 tokens in a sequence, got 13"),
        ([3], {"max_length": 13}, "max_length=13: expected at most 12"),
        ([3], {"beams": 0}, "beams=0: expected an integer of at least 1"),
        (
            [3],
            {"temperature": 0.5},
            "temperature=...: expected an option of a sequence-to-sequence network: max_length, beams",
        ),
        ([3], {"seed": 0}, r"seed=\.\.\.: expected an option of a sequence-to-sequence network:"),
        ([3], {"length": 9}, "length=...: expected an option of a sequence-to-sequence network:"),
        ([3], {"length": 24}, "length=...: expected an option of a sequence-to-sequence network:"),
        ([2**70], {}, r"expected token ids 0\.\.12, as in the vocabulary, got 1180591620717411303424\.\..*"),
        (None, {}, "source: expected the token ids of one source.* got NoneType"),
    ],
)
def test_what_generate_refuses(trained_transformer, source, options, message):
    network, folder = trained_transformer
    for model in (network, rt.load(folder / "reverse.onnx")):
        with pytest.raises(InputError, match=message):
            model.generate(source, **options)


def test_ways_of_running_that_need_one_input(trained_transformer):
    network, folder = trained_transformer
    with pytest.raises(
        InputError, match=r"expected two sequences for a transformer. Call generate\(source\)"
    ):
        network.inference([[3, 4]])
    both = network.inference(([[3, 4]], [[1, 4, 3]]))
    assert both.shape == (1, 3, 13)
    loader = DataLoader(
        TensorDataset(torch.tensor([[3, 4]] * 3), torch.tensor([[1, 4, 3]] * 3)), batch_size=2
    )
    np.testing.assert_allclose(network.inference(loader), np.repeat(both, 3, axis=0), atol=1e-6)
    with pytest.raises(InputError, match="two inputs"):
        network.inference(([[3, 4]], [[1, 4, 3]]), hidden=(1,))
    model = rt.load(folder / "reverse.onnx")
    with pytest.raises(
        CardError, match=r"predict\(\) expected an output of classes or values, .* Use generate\(\)"
    ):
        model.predict([[3, 4]])
    with pytest.raises(InputError, match=r"expected 2 inputs \(input, target\)"):
        model.infer([[3, 4]])
    with pytest.raises(InputError, match=r"cannot run|token"):
        model.infer({"input": [[3, 40]], "target": [[1]]})


def test_generate_on_a_network_that_does_not():
    network = nn("cls", verbose=0)
    network.add("linear", size=(4, 2), activation="softmax")
    with pytest.raises(CardError, match="expected a model that generates text"):
        network.generate([[3, 4]])


def test_emission_asks_for_the_target_as_an_input():
    definition = Definition(Shape.tokens(None))
    definition = definition.with_layer(1, "transformer", options=SIZES)
    graph = GraphBuilder(13)
    definition.emit(graph, "input", definition.build().eval(), Shape.tokens(None))
    assert [value.name for value in graph.more_inputs] == ["target"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, t: (s[:2] + 0.5, t[:2]), r"source: expected integers .* got float64 of shape \(2, 10\)"),
        (lambda s, t: (s[:2], t[:3]), "got 2 sources and 3 targets"),
        (lambda s, t: (s[:2, :0], t[:2]), "at least one token"),
        (lambda s, t: (s[:2], t[:2, :0]), r"target: .* got int64 of shape \(2, 0\)"),
        (lambda s, t: (s[0], t[0]), r"source: .* got int64 of shape \(10,\)"),
        (lambda s, t: ("a", "b"), "source: .* got <U1"),
        (lambda s, t: ([[3, 4], [5]], [[1], [1]]), r"source: expected rows of one length, .* up with 0"),
        (lambda s, t: ([[3, 4]], [[1], [1, 2]]), "target: expected rows of one length"),
    ],
)
def test_pairs_that_inference_refuses(change, message):
    with pytest.raises(InputError, match=message):
        made().inference(change(*reversals(4)))


def test_what_looks_inside_needs_a_single_input():
    for call in (made().visual_feature, made().extract_feature):
        with pytest.raises(
            InputError, match="expected two inputs for this network from sequence to sequence"
        ):
            call([[3, 4]])


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            np.full((2, 4), 3),
            np.full((3, 2), 1),
            "target: expected 2 rows, one for each source of input, got 3",
        ),
        (np.full((2, 4), 3), np.full((2, 13), 1), "target: expected at most .* tokens in a sequence, got 13"),
        (np.full((2, 4), 3), np.full((2, 2), 13), r"target: expected token ids 0\.\.12, .* got 13\.\.13"),
        (np.full((2, 4), 3), np.full((2, 2), -1), r"target: expected token ids .*, got -1\.\.-1"),
        (np.full((2, 4), 13), np.full((2, 2), 1), r"input: expected token ids .*, got 13\.\.13"),
    ],
)
def test_arrays_that_do_not_fit_the_file(trained_transformer, source, target, message):
    model = rt.load(trained_transformer[1] / "reverse.onnx")
    with pytest.raises(InputError, match=message):
        model.infer({"input": source, "target": target})


def test_pairs_of_floats():
    network = nn("gen", verbose=0)
    source, target = reversals(8)
    network.load_dataset(source, target.astype(np.float32))
    with pytest.raises(
        DataError, match=r"target: expected token sequences, .* got float32 of shape \(8, 12\)"
    ):
        network.add("transformer", **SIZES)
