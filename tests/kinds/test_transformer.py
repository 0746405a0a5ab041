"""The Transformer from sequence to sequence: training, generation, export."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
import torch.nn.functional as F
from support.prepared import run_python
from support.reversals import SIZES, made, reversals

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape

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


def test_the_summary_shows_shape_and_parameters(capsys):
    text = made().summary()
    assert "[20, ?, 13]" in text
    capsys.readouterr()


# ---- training ------------------------------------------------------------------------------------


def test_training_reports_tokens_and_whole_sequences(trained_transformer):
    network, _ = trained_transformer
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


def test_training_continues_from_a_checkpoint(trained_transformer, tmp_path):
    network, folder = trained_transformer
    again = made(tmp_path, count=200)
    history = again.train(epochs=1, checkpoint=folder / "checkpoints" / "basenn.pth")
    assert len(history) == 4
    assert history[-1]["loss"] < network.history[0]["loss"]


def test_a_fresh_process_writes_the_same(trained_transformer):
    network, folder = trained_transformer
    script = (
        "from onnxnn import nn; m = nn('gen', verbose=0); m.load('checkpoints/basenn.pth'); "
        "print(m.generate([[5, 7, 3], [4, 4, 9, 8]], beams=3))"
    )
    done = run_python(["-c", script], folder)
    assert done.stdout.strip() == str(network.generate([[5, 7, 3], [4, 4, 9, 8]], beams=3))


# ---- export --------------------------------------------------------------------------------------


def test_the_file_says_what_it_is(trained_transformer):
    _, folder = trained_transformer
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
def test_parity_at_batch_sizes_and_lengths_of_both(trained_transformer, tmp_path, opset):
    network, _ = trained_transformer
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
def test_torch_and_the_file_write_the_same(trained_transformer, beams):
    network, folder = trained_transformer
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


def test_the_sample_script_runs(trained_transformer, tmp_path):
    network, _ = trained_transformer
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


@pytest.mark.parametrize("task", ["cls", "gen"])
def test_whole_floats_as_pairs(tmp_path, task):
    source, target = reversals(8)
    network = nn(task, verbose=0, save_fold=str(tmp_path))
    network.load_dataset(source.astype(float), target.astype(float) if task == "cls" else target)
    network.add("transformer", **SIZES)
    network.train(epochs=1)
    assert network.evaluate((source.astype(float), target)) == network.evaluate((source, target))


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


def test_pairs_of_any_width_of_integers(tmp_path):
    network = nn("gen", verbose=0, save_fold=str(tmp_path))
    network.load_dataset(*(array.astype(np.uint8) for array in reversals(20)))
    network.add("transformer", **SIZES)
    network.train(epochs=1)
