"""The Transformer from sequence to sequence: pairs, training, writing, export, errors."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
import torch.nn.functional as F
from onnxnn_runtime import CardError, DataError, InputError, LayerError, TrainingError
from torch.utils.data import DataLoader, TensorDataset

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.shape import Shape

SIZES = {"source_vocab": 13, "target_vocab": 13, "size": (16, 32), "max_length": 12, "num_heads": 2}


def reversals(count, seed=0, longest=10):
    """Return sources of 3 to `longest` tokens and, as targets, the same tokens backwards."""
    draw = np.random.default_rng(seed)
    source = np.zeros((count, longest), int)
    target = np.zeros((count, longest + 2), int)
    for x, y in zip(source, target, strict=True):
        word = draw.integers(3, 13, draw.integers(3, longest + 1))
        x[: len(word)], y[: len(word) + 2] = word, [1, *word[::-1], 2]
    return source, target


def made(tmp_path=None, count=60, **options):
    """Return a network with a few pairs to learn from."""
    network = nn("gen", verbose=0, save_fold=str(tmp_path / "checkpoints") if tmp_path else None)
    network.set_seed(0)
    network.load_dataset(*reversals(count), batch_size=20)
    network.add("transformer", **{**SIZES, **options})
    return network


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network that has begun to learn, its folder, and the exported file."""
    folder = tmp_path_factory.mktemp("transformer")
    network = made(folder, count=200)
    network.train(lr=3e-3, epochs=3, metrics=["acc", "exact"])
    network.export(folder / "reverse.onnx")
    return network, folder


# ---- the network ---------------------------------------------------------------------------------


def test_shapes_names_and_json():
    network = made()
    net = network.model.eval()
    source, target = (torch.from_numpy(array[:4]) for array in reversals(4))
    y = net((source, target[:, :5]))
    assert y.shape == (4, 5, 13)
    torch.testing.assert_close(y.sum(2), torch.ones(4, 5))
    assert "transformer1.decoder.blocks.1.cross.key.weight" in net.state_dict()
    data = json.loads(json.dumps(network.card().network))
    again = Definition.from_data(data, Shape.tokens(10))
    assert again.to_data() == tuple(data)
    again.build().load_state_dict(net.state_dict())


def test_the_decoder_does_not_look_ahead():
    net = made().model.eval()
    source, target = (torch.from_numpy(array[:2]) for array in reversals(2))
    other = target.clone()
    other[:, 4:] = 5
    with torch.no_grad():
        y, changed = net((source, target)), net((source, other))
    torch.testing.assert_close(y[:, :4], changed[:, :4])
    assert (y[:, 4:] - changed[:, 4:]).abs().max() > 1e-3


def test_padding_of_the_source_changes_nothing():
    net = made().model.eval()
    source, target = torch.tensor([[5, 7, 3]]), torch.tensor([[1, 3]])
    padded = torch.nn.functional.pad(source, (0, 6))
    with torch.no_grad():
        torch.testing.assert_close(net((source, target)), net((padded, target)), atol=1e-6, rtol=0)


def test_every_weight_learns():
    network = made(dropout=0.0)
    source, target = (torch.from_numpy(array) for array in reversals(20))
    y = network.model.logits((source, target[:, :-1]))
    torch.nn.functional.cross_entropy(y.flatten(0, 1), target[:, 1:].flatten(), ignore_index=0).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.model.parameters())


def test_the_summary_tells_shape_and_parameters(capsys):
    text = made().summary()
    assert "[20, ?, 13]" in text
    capsys.readouterr()


# ---- training ------------------------------------------------------------------------------------


def test_training_reports_tokens_and_whole_sequences(trained):
    network, _ = trained
    assert [row["epoch"] for row in network.history] == [1, 2, 3]
    assert network.history[-1]["loss"] < network.history[0]["loss"]
    assert {"acc", "exact"} < set(network.history[0])
    found = network.evaluate(reversals(50, seed=1))
    assert set(found) == {"loss", "acc", "exact"}
    assert 0 <= found["exact"] <= found["acc"] <= 1


def test_the_loss_leaves_padding_out():
    network = made(dropout=0.0)
    source, target = reversals(20)
    wider = np.pad(target, ((0, 0), (0, 1)))[:, :13]
    before = network.evaluate((source, target))
    assert network.evaluate((source, wider)) == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_the_loss_is_the_mean_over_all_tokens_however_they_are_batched(tmp_path, batch_size):
    network = made(tmp_path, dropout=0.0)
    source, target = map(torch.from_numpy, reversals(60))
    with torch.no_grad():
        scores = network.model.eval().logits((source, target[:, :-1]))
        each = F.cross_entropy(scores.movedim(2, 1), target[:, 1:], reduction="none")[target[:, 1:] != 0]
    wanted = pytest.approx(each.mean().item(), rel=1e-4)
    assert network.evaluate((source, target), batch_size=batch_size)["loss"] == wanted
    network.add(optimizer="SGD")
    history = network.train(lr=1e-9, epochs=1, batch_size=batch_size)
    assert history[0]["loss"] == wanted


def test_exact_is_the_share_that_greedy_writing_gets_right(tmp_path):
    network = made(tmp_path, count=40, dropout=0.0)
    network.train(lr=5e-3, epochs=60)
    source, target = reversals(40)
    wanted = [[int(token) for token in row if token > 2] for row in target]
    right = sum(a == b for a, b in zip(network.generate(source), wanted, strict=True))
    assert network.evaluate((source, target))["exact"] == pytest.approx(right / 40)
    assert right > 0


def test_training_goes_on_from_a_checkpoint(trained, tmp_path):
    network, folder = trained
    again = made(tmp_path, count=200)
    history = again.train(epochs=1, checkpoint=folder / "checkpoints" / "basenn.pth")
    assert len(history) == 4
    assert history[-1]["loss"] < network.history[0]["loss"]


def test_a_fresh_process_writes_the_same(trained):
    network, folder = trained
    script = (
        "from onnxnn import nn; m = nn('gen', verbose=0); m.load('checkpoints/basenn.pth'); "
        "print(m.generate([[5, 7, 3], [4, 4, 9, 8]], beams=3))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=str(folder), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(network.generate([[5, 7, 3], [4, 4, 9, 8]], beams=3))


# ---- export --------------------------------------------------------------------------------------


def test_the_file_says_what_it_is(trained):
    _, folder = trained
    model = rt.load(folder / "reverse.onnx")
    assert list(model.inputs.items()) == [
        ("input", ("int64", ("batch", "time"))),
        ("target", ("int64", ("batch", "target_time"))),
    ]
    assert model.outputs["output"] == ("float32", ("batch", "target_time", 13))
    card = model.card
    assert (card.input.kind, card.input.num_tokens, card.input.max_length) == ("tokens", 13, 12)
    assert (card.output.kind, card.output.shape) == ("tokens", ("batch", "target_time", 13))
    assert (model.facts.opset[""], model.facts.ir_version) == (13, 7)
    assert card.parity["absolute"] <= 1e-5


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 20])
def test_parity_at_batch_sizes_and_lengths_of_both(trained, tmp_path, opset):
    network, _ = trained
    network.export(tmp_path / "net.onnx", opset_version=opset)
    model = rt.load(tmp_path / "net.onnx")
    draw = np.random.default_rng(0)
    for batch, source_steps, target_steps in ((1, 1, 1), (1, 12, 3), (3, 2, 12), (4, 9, 9)):
        source = draw.integers(0, 13, (batch, source_steps))  # padding among them, in the middle too
        target = draw.integers(0, 13, (batch, target_steps))
        with torch.no_grad():
            expected = network.model.eval()((torch.from_numpy(source), torch.from_numpy(target))).numpy()
        found = model.infer({"input": source, "target": target})["output"]
        assert np.abs(found - expected).max() <= 1e-5


@pytest.mark.parametrize("beams", [1, 4])
def test_torch_and_the_file_write_the_same(trained, beams):
    network, folder = trained
    model = rt.load(folder / "reverse.onnx")
    source = reversals(30, seed=5)[0]
    assert model.generate(source, beams=beams) == network.generate(source, beams=beams)
    ragged = [row[row > 0].tolist() for row in source]
    assert model.generate(ragged, max_length=6, beams=beams) == network.generate(
        source, max_length=6, beams=beams
    )


def test_sixteen_layers_keep_parity(tmp_path):
    network = made(num_layers=16)
    assert network.export(tmp_path / "deep.onnx").parity["absolute"] <= 1e-4


def test_the_sample_script_runs(trained, tmp_path):
    network, _ = trained
    network.convert(out_file=tmp_path / "net.onnx")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "net.py")], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("[[")


def test_export_without_data_and_a_short_max_length(tmp_path):
    network = nn("gen", verbose=0)
    network.add("transformer", **{**SIZES, "max_length": 5})
    network.export(tmp_path / "net.onnx")
    assert len(rt.load(tmp_path / "net.onnx").generate([3, 4])) <= 5


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"num_heads": 5},
            "divide the 16 features of a step, got 5. Use one of 1, 2, 4, 8, 16",
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


@pytest.mark.parametrize("task", ["cls", "gen"])
def test_whole_floats_as_pairs(tmp_path, task):
    source, target = reversals(8)
    network = nn(task, verbose=0, save_fold=str(tmp_path))
    network.load_dataset(source.astype(float), target.astype(float) if task == "cls" else target)
    network.add("transformer", **SIZES)
    network.train(epochs=1)
    assert network.evaluate((source.astype(float), target)) == network.evaluate((source, target))


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
def test_what_generate_refuses(trained, source, options, message):
    network, folder = trained
    for model in (network, rt.load(folder / "reverse.onnx")):
        with pytest.raises(InputError, match=message):
            model.generate(source, **options)


def test_ways_of_running_that_need_one_input(trained):
    network, folder = trained
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
    definition.add(1, "transformer", options=SIZES)
    graph = GraphBuilder(13)
    definition.emit(graph, "input", definition.build().eval(), Shape.tokens(None))
    assert [value.name for value in graph.more_inputs] == ["target"]


# ---- quality -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_learns_to_write_backwards(tmp_path):
    network = nn("gen", verbose=0, save_fold=str(tmp_path))
    network.set_seed(0)
    network.load_dataset(*reversals(4000), batch_size=64)
    network.add("transformer", source_vocab=13, target_vocab=13, size=(64, 128), max_length=12, dropout=0.0)
    network.train(lr=1e-3, epochs=12, schedule="cosine")
    source, target = reversals(500, seed=1)  # of 10^3 to 10^10 words hardly one was in the training data
    assert network.evaluate((source, target))["exact"] >= 0.99
    network.export(tmp_path / "reverse.onnx")
    written = rt.load(tmp_path / "reverse.onnx").generate(source)
    wanted = [[int(token) for token in row if token > 2] for row in target]
    assert np.mean([a == b for a, b in zip(written, wanted, strict=True)]) >= 0.99


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


def test_pairs_of_any_width_of_integers(tmp_path):
    network = nn("gen", verbose=0, save_fold=str(tmp_path))
    network.load_dataset(*(array.astype(np.uint8) for array in reversals(20)))
    network.add("transformer", **SIZES)
    network.train(epochs=1)


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
def test_arrays_that_do_not_fit_the_file(trained, source, target, message):
    model = rt.load(trained[1] / "reverse.onnx")
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
