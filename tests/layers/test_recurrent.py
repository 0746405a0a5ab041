"""Recurrent layers: what they compute and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import LayerError
from support.definitions import network

from onnxnn import nn
from onnxnn.definition.dynamic_axes import free_input
from onnxnn.graph.shape import Shape
from onnxnn.layers import make

SEQUENCE = Shape.sequence(5, 6)


def built(kind, **options):
    torch.manual_seed(0)
    return make(kind, options).build(SEQUENCE).eval()


# ---- what they compute ---------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def weights(module):
    return [getattr(module, name).detach().numpy().astype(float) for name in module._flat_weights_names]


def test_rnn_is_its_formula():
    module, x = built("rnn", size=(6, 4)), np.random.default_rng(0).normal(size=(5, 6))
    w, u, b, c = weights(module)
    h, rows = np.zeros(4), []
    for step in x:
        h = np.tanh(w @ step + b + u @ h + c)
        rows.append(h)
    found = module(torch.tensor(x[None], dtype=torch.float32))[0].detach().numpy()
    np.testing.assert_allclose(found, rows, atol=1e-6)


def test_lstm_is_its_formula():
    module, x = built("lstm", size=(6, 4)), np.random.default_rng(1).normal(size=(5, 6))
    w, u, b, d = weights(module)
    h, c, rows = np.zeros(4), np.zeros(4), []
    for step in x:
        i, f, g, o = np.split(w @ step + u @ h + b + d, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        rows.append(h)
    found = module(torch.tensor(x[None], dtype=torch.float32))[0].detach().numpy()
    np.testing.assert_allclose(found, rows, atol=1e-6)


def test_gru_is_its_formula():
    module, x = built("gru", size=(6, 4)), np.random.default_rng(2).normal(size=(5, 6))
    (wr, wz, wn), (ur, uz, un), (br, bz, bn), (cr, cz, cn) = (np.split(v, 3) for v in weights(module))
    h, rows = np.zeros(4), []
    for step in x:
        r, z = sigmoid(wr @ step + br + ur @ h + cr), sigmoid(wz @ step + bz + uz @ h + cz)
        h = (1 - z) * np.tanh(wn @ step + bn + r * (un @ h + cn)) + z * h
        rows.append(h)
    found = module(torch.tensor(x[None], dtype=torch.float32))[0].detach().numpy()
    np.testing.assert_allclose(found, rows, atol=1e-6)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_two_calls_with_the_state_equal_one(kind):
    module, x = built(kind, size=(6, 4), num_layers=2), torch.randn(3, 7, 6)
    whole, end = module.step(x, None)
    first, state = module.step(x[:, :3], None)
    second, after = module.step(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(after, end)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_the_last_step_of_both_directions(kind):
    options = {"size": (6, 4), "num_layers": 2, "bidirectional": True}
    steps, last = built(kind, **options), built(kind, **options, return_sequences=False)
    last.load_state_dict(steps.state_dict())
    x = torch.randn(2, 5, 6)
    expected = torch.cat([steps(x)[:, -1, :4], steps(x)[:, 0, 4:]], dim=1)  # backwards it ends at the first
    torch.testing.assert_close(last(x), expected)


def test_num_layers_makes_layers():
    names = list(built("lstm", size=(6, 4), num_layers=3, bidirectional=True).state_dict())
    assert len(names) == 3 * 2 * 4
    assert "weight_hh_l2_reverse" in names


def test_unsqueeze_takes_the_last_step():
    x = torch.randn(2, 5, 6)
    assert torch.equal(make("unsqueeze", {}).build(SEQUENCE)(x), x[:, -1:, :])


def test_squeeze_leaves_a_batch_of_one():
    assert make("squeeze", {}).build(Shape.sequence(1, 6))(torch.zeros(1, 1, 6)).shape == (1, 6)


def test_squeeze_reads_a_grey_image_row_by_row():
    rows = network(Shape.image(1, 5, 7), ("squeeze", {}), ("rnn", {"size": 4}))
    assert [placed.out_shape for placed in rows.placed()] == [Shape.sequence(5, 7), Shape.sequence(5, 4)]
    x = torch.rand(2, 1, 5, 7)
    assert torch.equal(rows.build()[0](x), x[:, 0])


def test_sizes_may_be_left_to_the_layer_before():
    layers = network(SEQUENCE, ("gru", {"size": 4, "bidirectional": True}), ("lstm", {"size": 3})).to_data()
    assert [entry["options"]["size"] for entry in layers] == [[6, 4], [8, 3]]


def test_the_number_of_steps_is_free():
    for kind in ("rnn", "gru", "lstm", "action_model"):
        assert free_input(network(SEQUENCE, (kind, {"size": 4}))) == Shape.sequence(None, 6)


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "layer", "options", "message"),
    [
        (
            SEQUENCE,
            "lstm",
            {"size": (6, 4), "num_layers": 0},
            "expected num_layers to be an integer of at least 1, got 0",
        ),
        (SEQUENCE, "em_lstm", {"size": (6, 4), "num_layers": 0}, "expected num_layers to be an integer"),
        (
            SEQUENCE,
            "rnn",
            {"size": (7, 4)},
            r"6 input features for 5 steps x 6 features .* Use size=\(6, 4\)",
        ),
        (SEQUENCE, "action_model", {"size": (7, 4)}, r"Use size=\(6, 4\)"),
        (SEQUENCE, "rnn", {"size": (6, 0)}, r"expected size to be \(features, hidden\)"),
        (SEQUENCE, "rnn", {"size": (6, 4), "nonlinearity": "gelu"}, "to be 'tanh' or 'relu', got 'gelu'"),
        (SEQUENCE, "gru", {"size": (6, 4), "nonlinearity": "relu"}, "unknown option 'nonlinearity'"),
        (
            SEQUENCE,
            "gru",
            {"size": (6, 4), "dropout": 2},
            "expected dropout to be a number from 0 to 1, got 2",
        ),
        (
            SEQUENCE,
            "gru",
            {"size": (6, 4), "bidirectional": 1},
            "expected bidirectional to be True or False, got 1",
        ),
        (
            SEQUENCE,
            "lstm",
            {"size": (6, 4), "num_layer": 2},
            "unknown option 'num_layer'. Did you mean 'num_layers'",
        ),
        (Shape.sequence(0, 6), "lstm", {"size": 4}, "expected a sequence of at least 1 step, got 0"),
        (
            Shape.vector(6),
            "lstm",
            {"size": 4},
            r"expected a sequence .* got 6 features from the data.*x\.reshape\(len\(x\), -1, 1\)",
        ),
        (Shape.signal(3, 9), "rnn", {"size": 4}, r"Put add\('permute', axes=\(2, 1\)\) before it"),
        (Shape.tokens(5, 9), "gru", {"size": 4}, r"Put add\('embedding', size=...\) first"),
        (Shape.image(3, 8, 8), "gru", {"size": 4}, "expected a sequence"),
        (SEQUENCE, "squeeze", {}, "expected a first axis of size 1, which alone can be removed"),
        (Shape.vector(6), "unsqueeze", {}, "expected a sequence"),
    ],
)
def test_what_does_not_fit_is_said_at_the_add(shape, layer, options, message):
    with pytest.raises(LayerError, match=message):
        network(shape, (layer, options))


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        ("lstm", {"size": 4, "dropout": 0.5}),
        ("branches", {"paths": [[("gru", {"size": 4, "dropout": 0.5})], []]}),
    ],
)
def test_dropout_without_a_second_layer_is_reported(layer, options):
    network = nn("cls", verbose=0)
    network.load_dataset(np.ones((2, 5, 6), "float32"), [0, 1])
    with pytest.warns(
        UserWarning, match=r"dropout acts between stacked layers.*Write num_layers=2, or"
    ) as caught:
        network.add(layer, **options)
    assert caught[0].filename == __file__
    network.add("lstm", size=4, dropout=0.5, num_layers=2)
    network.model.eval()  # nothing is said twice


def test_conv1d_after_an_embedding_names_both_ways():
    with pytest.raises(
        LayerError, match=r"channels_first=True in the embedding, or put add.'permute', axes="
    ) as e:
        network(
            Shape.tokens(7, 9), ("embedding", {"size": 7}), ("conv1d", {"size": (7, 4), "kernel_size": 3})
        )
    assert "'embedding'" in str(e.value)
    for between in ({"channels_first": True}, {}):
        layers = [("embedding", {"size": 8, **between}), ("conv1d", {"size": 4, "kernel_size": 3})]
        if not between:
            layers.insert(1, ("permute", {"axes": (2, 1)}))
        assert network(Shape.tokens(7, 9), *layers).output_shape == Shape.signal(4, 5)
