"""Networks that do not fit into memory are refused before anything is taken for them."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import CheckpointError, LayerError, OnnxnnError, TrainingError

from onnxnn import nn
from onnxnn.definition import memory
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.recipe import read_recipe
from onnxnn.training.optimizers import states_per_weight

IMAGE, VECTOR, SEQUENCE = Shape.image(3, 32, 32), Shape.vector(8), Shape.sequence(5, 8)
TOKENS = Shape.tokens(7, 20)
BIG = 10**9

LAYERS = [
    (VECTOR, "linear", {"size": BIG * 1000}),
    (IMAGE, "linear", {"size": BIG}),
    (IMAGE, "conv2d", {"size": BIG, "kernel_size": 3}),
    (IMAGE, "conv2d", {"size": 10**7, "kernel_size": 31, "padding": 15}),
    (IMAGE, "res_block", {"size": 10**8, "num_blocks": 2}),
    (SEQUENCE, "lstm", {"size": BIG}),
    (SEQUENCE, "gru", {"size": 100_000, "num_layers": 1000}),
    (SEQUENCE, "rnn", {"size": BIG}),
    (TOKENS, "embedding", {"size": BIG * 100}),
    (SEQUENCE, "transformer_encoder", {"size": (8, BIG * 100)}),
    (IMAGE, "separable_conv2d", {"size": BIG * 100, "kernel_size": 3}),
    (IMAGE, "mobilenet", {"num_classes": BIG}),
]


@pytest.mark.parametrize(("shape", "layer", "options"), LAYERS)
def test_a_layer_that_does_not_fit_is_refused_by_add(shape, layer, options, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 16 * 10**9)  # the machine may have more
    definition, start = Definition(shape), time.process_time()
    with pytest.raises(LayerError, match=rf"add\('{layer}'.* take .*GB are free here"):
        definition = definition.with_layer(1, layer, None, options)
    assert definition.entries == []
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("shape", "layer", "options"),
    [
        (IMAGE, "res_block", {"size": 8, "num_blocks": BIG}),
        (IMAGE, "res_bottleneck", {"size": 8, "num_blocks": 10**30}),
        (SEQUENCE, "gru", {"size": 64, "num_layers": BIG}),
        (SEQUENCE, "transformer_encoder", {"size": 8, "num_layers": 10**5000}),
    ],
)
def test_stacks_have_a_stated_height(shape, layer, options):
    with pytest.raises(LayerError, match="to be at most 1,000, got") as error:
        Definition(shape).with_layer(1, layer, None, options)
    assert len(str(error.value)) < 400


def test_the_estimate_is_what_the_weights_take():
    for layer, options in [("conv2d", {"size": 8, "kernel_size": 3}), ("mobilenet_backbone", {})]:
        definition = Definition(IMAGE)
        definition = definition.with_layer(1, layer, None, options)
        (placed,) = definition.placed()
        counted = memory.cost_of(placed.layer, placed.in_shape, placed.out_shape)
        weights = definition.build().parameters()
        assert counted.weights == sum(w.numel() * w.element_size() for w in weights)


def test_estimating_draws_no_random_numbers():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    definition = Definition(IMAGE)
    definition = definition.with_layer(1, "conv2d", None, {"size": 9, "kernel_size": 3})
    definition = definition.with_layer(2, "res_block", None, {"size": 9})
    assert torch.equal(before, torch.get_rng_state())


def test_a_network_of_layers_that_fit_alone(monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, str(100 << 20))
    definition = Definition(Shape.vector(4096))
    definition = definition.with_layer(1, "linear", None, {"size": 4096})
    with pytest.raises(LayerError, match=r"the network's weights take 0\.1 GB"):
        definition = definition.with_layer(2, "linear", None, {"size": 4096})
    assert len(definition.entries) == 1


def test_a_batch_that_does_not_fit(monkeypatch, tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.zeros((64, 1, 64, 64), np.float32), np.arange(64) % 2)
    model.add("conv2d", size=64, kernel_size=3)
    model.add("global_avgpool")
    model.add("linear", size=2, activation="softmax")
    monkeypatch.setenv(memory.VARIABLE, str(50 << 20))
    with pytest.raises(
        TrainingError, match=r"batch_size=64: training takes at least 0\.1 GB.*smaller batch_size"
    ):
        model.train(epochs=1)
    assert len(model.train(epochs=1, batch_size=4)) == 1


def test_recipes_name_the_layer_and_its_line(tmp_path):
    text = "data: {digits: 8}\nlayers:\n  - flatten\n  - linear: {size: 1000000000000}\n"
    (tmp_path / "big.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(LayerError, match=r"big\.yaml, line 4, layer 2: .*take "):
        read_recipe(tmp_path / "big.yaml").run()


def test_a_checkpoint_of_a_network_that_does_not_fit(tmp_path):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 3))
    model.save(tmp_path / "small.pth")
    content = torch.load(tmp_path / "small.pth", weights_only=True)
    content["card"] = content["card"].replace('"size": [4, 3]', '"size": [4, 3000000000000]')
    torch.save(content, tmp_path / "big.pth")
    with pytest.raises(OnnxnnError, match="GB are free here") as error:
        nn(verbose=0).load(tmp_path / "big.pth")
    assert isinstance(error.value, CheckpointError | ValueError)


def test_a_checkpoint_of_a_network_far_larger_than_its_weights(tmp_path):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 3))
    model.save(tmp_path / "small.pth")
    content = torch.load(tmp_path / "small.pth", weights_only=True)
    content["card"] = content["card"].replace('"size": [4, 3]', '"size": [4, 30000000]')
    torch.save(content, tmp_path / "big.pth")
    with pytest.raises(CheckpointError, match=r"big.pth: expected weights of .* GB, as its network has, got"):
        nn(verbose=0).load(tmp_path / "big.pth")


@pytest.mark.parametrize(("optimizer", "states"), [("SGD", 1), ("Adam", 2), ("Adagrad", 1), ("RMSprop", 1)])
def test_numbers_that_an_optimizer_keeps(optimizer, states):
    assert states_per_weight(optimizer) == states
    assert states_per_weight("SGD", {"momentum": 0}) == 0


def test_a_training_counts_the_optimizer_and_the_copies_of_weights(monkeypatch, tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.zeros((4, 100), np.float32), np.arange(4) % 2)
    model.add("linear", size=(100, 10_000))
    model.add("linear", size=2, activation="softmax")
    megabytes = 4 * 1.03  # of weights
    monkeypatch.setenv(memory.VARIABLE, str(int(4.5 * megabytes * 1e6)))
    assert len(model.train(epochs=1)) == 1  # gradients, two moments, the weights with which it began
    with pytest.raises(TrainingError, match="training takes at least"):
        model.train(epochs=1, ema=0.9)


def test_writing_a_checkpoint_takes_little_memory(tmp_path):
    model = nn("cls", verbose=0)
    model.add("linear", size=(1000, 2000))
    model.save(tmp_path / "a.pth")
    tracemalloc.start()
    model.save(tmp_path / "a.pth")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (tmp_path / "a.pth").stat().st_size / 4
