"""Attention, masks of padding, positions, layer normalisation: against torch's own and by their meaning."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime import InputError, LayerError

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.layers.attention import Attention, bias_of, causal_bias
from onnxnn.layers.positional import Positions, sinusoids

CLASSIFIER = [
    ("embedding", {"size": (20, 8)}),
    ("positional_embedding", {"size": (12, 8)}),
    ("transformer_encoder", {"size": (8, 16), "num_heads": 2, "num_layers": 2}),
]
POOLS = ("global_maxpool", "global_avgpool")


def definition(*layers, shape=None):
    made = Definition(shape)
    for index, (name, options) in enumerate(layers, 1):
        made = made.with_layer(index, name, options=options)
    return made


def classifier(pool="global_maxpool", kind="learned"):
    """The network of the lesson: token and position, encoder, pooling over time, one sigmoid."""
    layers = [(name, dict(options)) for name, options in CLASSIFIER]
    layers[1][1]["kind"] = kind
    torch.manual_seed(0)
    return definition(*layers, (pool, {}), ("linear", {"size": (8, 1)}), ("sigmoid", {}))


# ---- modules -------------------------------------------------------------------------------------


def test_attention_is_torchs_multi_head_attention():
    torch.manual_seed(0)
    ours, theirs = Attention(12, 3), torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        for number, module in enumerate((ours.query, ours.key, ours.value)):
            module.weight.copy_(theirs.in_proj_weight.chunk(3)[number])
            module.bias.copy_(torch.randn(12))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        ours.output.load_state_dict(theirs.out_proj.state_dict())
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    expected, _ = theirs(x, memory, memory, key_padding_mask=~mask)
    torch.testing.assert_close(ours(x, memory, bias_of(mask)), expected, atol=1e-6, rtol=0)
    ahead = torch.ones(5, 5, dtype=torch.bool).triu(1)
    expected, _ = theirs(x, x, x, attn_mask=ahead)
    torch.testing.assert_close(ours(x, x, causal_bias(5, x.device)), expected, atol=1e-6, rtol=0)


def test_encoder_is_torchs_pre_norm_encoder():
    torch.manual_seed(0)
    module = definition(
        ("transformer_encoder", {"size": (12, 20), "num_heads": 3, "num_layers": 2}),
        shape=Shape.sequence(5, 12),
    ).build()[0]
    layer = torch.nn.TransformerEncoderLayer(12, 3, 20, norm_first=True, batch_first=True)
    theirs = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(12), enable_nested_tensor=False).eval()
    for ours, block in zip(module.stack.blocks, theirs.layers, strict=True):
        attention = ours.attention
        weights = [getattr(attention, name).weight for name in ("query", "key", "value")]
        biases = [getattr(attention, name).bias for name in ("query", "key", "value")]
        with torch.no_grad():
            block.self_attn.in_proj_weight.copy_(torch.cat(weights))
            block.self_attn.in_proj_bias.copy_(torch.cat(biases))
        block.self_attn.out_proj.load_state_dict(attention.output.state_dict())
        block.linear1.load_state_dict(ours.linear1.state_dict())
        block.linear2.load_state_dict(ours.linear2.state_dict())
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(module.eval()(x), theirs(x), atol=1e-6, rtol=0)


def test_sinusoids_at_known_places():
    table = sinusoids(50, 6)
    assert table[0].tolist() == [0, 1, 0, 1, 0, 1]
    assert table[7, 0] == pytest.approx(np.sin(7))
    assert table[7, 3] == pytest.approx(np.cos(7 / 10000 ** (2 / 6)))
    assert sinusoids(4, 5).shape == (4, 5)


def test_positions_add_their_row():
    module = Positions(4, 3, learned=True)
    x = torch.randn(2, 3, 3)
    assert torch.equal(module(x), x + module.weight[:3])


def test_without_positions_the_order_means_nothing_and_with_them_it_does():
    tokens = torch.tensor([[4, 9, 2, 7]])
    for kind, differs in (("learned", True), (None, False)):
        layers = CLASSIFIER if kind else [CLASSIFIER[0], CLASSIFIER[2]]
        torch.manual_seed(1)
        net = definition(*layers, ("global_avgpool", {})).build().eval()
        with torch.no_grad():
            difference = (net(tokens) - net(tokens.flip(1))).abs().max()
        assert (difference > 1e-3) == differs


# ---- padding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_padding_changes_nothing_in_torch_and_in_the_exported_file(tmp_path, pool, kind):
    network = nn("cls", verbose=0)
    network.set_seed(0)
    tokens = np.random.default_rng(0).integers(1, 20, (8, 5))
    network.load_dataset(tokens, np.arange(8) % 2, word2idx={str(n): n for n in range(20)})
    for name, options in CLASSIFIER:
        network.add(name, **(options | {"kind": kind} if name.startswith("pos") else options))
    network.add(pool)
    network.add("linear", size=(8, 1), activation="sigmoid")
    network.export(tmp_path / "net.onnx")
    model = rt.load(tmp_path / "net.onnx")
    padded = np.pad(tokens, ((0, 0), (0, 7)))
    bare = network.inference(tokens)
    assert np.ptp(bare) > 1e-3
    for found in (network.inference(padded), model.infer(tokens), model.infer(padded)):
        np.testing.assert_allclose(found, bare, atol=1e-6)


@pytest.mark.parametrize("pool", POOLS)
def test_a_sequence_of_padding_alone_gives_numbers(pool):
    with torch.no_grad():
        y = classifier(pool).build().eval()(torch.tensor([[0, 0, 0], [3, 4, 0]]))
    assert torch.isfinite(y).all()


def test_layers_within_branches_see_the_mask():
    path = [["transformer_encoder", {"size": (8, 16), "num_heads": 2}], ["global_maxpool", {}]]
    net = definition(CLASSIFIER[0], ("branches", {"paths": [path, [["global_avgpool", {}]]]})).build().eval()
    with torch.no_grad():
        torch.testing.assert_close(net(torch.tensor([[3, 4, 0, 0]])), net(torch.tensor([[3, 4]])))


CONVOLVED = [
    ("permute", {"axes": (2, 1)}),
    ("conv1d", {"size": 8, "kernel_size": 1}),
    ("permute", {"axes": (2, 1)}),
]


@pytest.mark.parametrize(
    "between",
    [
        ("branches", {"paths": [[], CONVOLVED], "merge": "add"}),
        ("branches", {"paths": [CONVOLVED, []], "merge": "add"}),
        ("branches", {"paths": [CONVOLVED, []]}),
        ("permute", {"axes": (1, 2)}),
    ],
    ids=["bypass-first", "bypass-last", "concat", "permute"],
)
def test_padding_stays_known_where_the_steps_stay(tmp_path, between):
    network = nn("cls", verbose=0)
    tokens = np.random.default_rng(0).integers(1, 20, (8, 5))
    network.load_dataset(tokens, np.arange(8) % 2, word2idx={str(n): n for n in range(20)})
    for name, options in (CLASSIFIER[0], between, ("global_avgpool", {}), ("linear", {"size": 2})):
        network.add(name, **options)
    network.export(tmp_path / "net.onnx")
    padded = np.pad(tokens, ((0, 0), (0, 4)))
    for found in (network.inference(padded), rt.load(tmp_path / "net.onnx").infer(padded)):
        np.testing.assert_allclose(found, network.inference(tokens), atol=1e-5)


def test_without_a_padding_token_zero_is_a_token_like_any_other():
    layers = [("embedding", {"size": (20, 8), "padding": None}), *CLASSIFIER[1:], ("global_maxpool", {})]
    net = definition(*layers).build().eval()
    with torch.no_grad():
        assert (net(torch.tensor([[3, 0]])) - net(torch.tensor([[3, 0, 0]]))).abs().max() > 1e-4


# ---- export --------------------------------------------------------------------------------------


def test_sixteen_layers_of_attention_keep_parity(tmp_path):
    network = nn("cls", verbose=0)
    network.set_seed(0)
    network.add("embedding", size=(30, 16))
    network.add("positional_embedding", size=40)
    network.add("transformer_encoder", size=(16, 32), num_heads=4, num_layers=16)
    network.add("global_avgpool")
    network.add("linear", size=(16, 5), activation="softmax")
    report = network.export(tmp_path / "deep.onnx")
    assert report.parity["absolute"] <= 1e-5
    card = rt.load(tmp_path / "deep.onnx").card
    assert (card.input.shape, card.input.num_tokens, card.input.max_length) == (("batch", "time"), 30, 40)


@pytest.mark.parametrize("longest", [1, 8])
def test_longer_sequences_than_there_are_positions_are_refused(tmp_path, longest):
    network = nn("cls", verbose=0)
    network.add("positional_embedding", size=(longest, 4))
    network.add("global_avgpool")
    network.add("linear", size=(4, 2), activation="softmax")
    network.export(tmp_path / "steps.onnx")
    model = rt.load(tmp_path / "steps.onnx")
    assert model.card.input.max_length == longest
    allowed = np.ones((2, longest, 4), np.float32)
    np.testing.assert_allclose(model.infer(allowed), network.inference(allowed), atol=1e-5)
    most = {1: "1 step", 8: "8 steps"}[longest]
    for run in (network.inference, model.infer, model.predict):
        with pytest.raises(InputError, match=f"at most {most} in a sequence, got {longest + 2}"):
            run(np.ones((1, longest + 2, 4), np.float32))


def test_longer_texts_than_there_are_positions_are_refused(tmp_path):
    network = nn("cls", verbose=0)
    network.load_dataset(np.array([[0, 1, 2], [2, 1, 0]]), [0, 1], word2idx={"a": 0, "b": 1, "c": 2})
    network.add("embedding", size=(3, 4))
    network.add("positional_embedding", size=8)
    network.add("global_avgpool")
    network.add("linear", size=(4, 2), activation="softmax")
    network.export(tmp_path / "text.onnx")
    model = rt.load(tmp_path / "text.onnx")
    assert len(model.predict("abcabcab")) == 1
    for run in (network.inference, model.predict):
        with pytest.raises(InputError, match=r"expected at most .* tokens in a sequence, got 9"):
            run("abcabcabc")


@pytest.mark.parametrize("opset", [9, 10, 11, 12, 13, 17, 18, 21])
def test_parity_in_every_opset(tmp_path, opset):
    network = nn("cls", verbose=0)
    network.set_seed(0)
    for name, options in CLASSIFIER:
        network.add(name, **options)
    network.add("global_maxpool")
    network.add("layernorm")
    network.add("linear", size=1, activation="sigmoid")
    assert network.export(tmp_path / "net.onnx", opset_version=opset).parity["absolute"] <= 1e-5


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "shape", "message"),
    [
        (
            "transformer_encoder",
            {"size": (6, 8)},
            None,
            r"num_heads to divide the features of a step \(6\), got 4\. Use one of 1, 2, 3, 6\.",
        ),
        ("transformer_encoder", {"size": 8, "num_heads": 3}, (5, 8), "Use one of 1, 2, 4, 8"),
        ("transformer_encoder", {"size": 8, "num_heads": 0}, (5, 8), "expected num_heads to be an integer"),
        ("transformer_encoder", {"size": (8, 9)}, (5, 4), r"Use size=\(4, 9\)"),
        ("transformer_encoder", {"size": (7, 9)}, (5, 8), r"Use size=\(8, 9\)"),
        ("transformer_encoder", {"size": 9}, (0, 4), "expected a sequence of at least 1 step, got 0"),
        ("transformer_encoder", {"size": 9, "num_layers": 0}, (5, 4), "expected num_layers to be an integer"),
        (
            "transformer_encoder",
            {"size": 9, "dropout": 2},
            (5, 4),
            "expected dropout to be a number from 0 to 1, got 2",
        ),
        ("positional_embedding", {"size": (4, 8)}, (5, 8), r"at most 4 steps, got 5\. Use size=\(5, 8\)"),
        ("positional_embedding", {"size": (9, 7)}, (5, 8), r"Use size=\(9, 8\)"),
        ("positional_embedding", {"size": 0}, (5, 8), r"expected size to be \(max_length, dim\)"),
        (
            "positional_embedding",
            {"size": 9, "kind": "learnt"},
            (5, 8),
            "unknown kind 'learnt'. Did you mean 'learned'",
        ),
        ("positional_embedding", {"size": 9, "made": "learned"}, (5, 8), "unknown option 'made'"),
        ("layernorm", {"size": 3}, (5, 8), "Use size=8"),
        ("layernorm", {"size": 0}, (5, 8), "expected size to be an integer"),
    ],
)
def test_sizes_and_options_that_do_not_fit(name, options, shape, message):
    with pytest.raises(LayerError, match=message):
        definition((name, options), shape=None if shape is None else Shape.sequence(*shape))


@pytest.mark.parametrize("name", ["transformer_encoder", "positional_embedding"])
def test_tokens_need_an_embedding_first(name):
    with pytest.raises(LayerError, match=r"add\('embedding'"):
        definition((name, {"size": 8}), shape=Shape.tokens(5, 9))


def test_layernorm_of_images_names_the_layer_to_use():
    with pytest.raises(LayerError, match="Use 'batchnorm2d' here"):
        definition(("layernorm", {}), shape=Shape.image(3, 8, 8))


def test_tokens_that_the_network_cannot_read(tmp_path):
    network = nn("cls", verbose=0)
    for name, options in CLASSIFIER:
        network.add(name, **options)
    network.add("global_maxpool")
    network.add("linear", size=2, activation="softmax")
    network.export(tmp_path / "net.onnx")
    model = rt.load(tmp_path / "net.onnx")
    cases = {
        "expected at most 12 tokens in a sequence, got 13": np.ones((1, 13), int),
        r"expected token ids 0\.\.19, as in the vocabulary, got 1..20": np.array([[1, 20]]),
        "expected token ids .*, got -1..3": np.array([[-1, 3]]),
        "at least one step, got": np.ones((1, 0), int),
    }
    for message, tokens in cases.items():
        with pytest.raises(InputError, match=message):
            network.inference(tokens)
        with pytest.raises(InputError, match=message):
            model.predict(tokens)
    with pytest.raises(InputError, match=r"expected a sequence of at most 12 steps .* got 13"):
        network.model(torch.ones(1, 13, dtype=torch.long))
    with pytest.raises(InputError, match=r"expected tokens 0\.\.19, .* got 1\.\.20"):
        network.model(torch.tensor([[1, 20]]))
    for message, tokens in list(cases.items())[:3]:
        with pytest.raises(InputError, match=message):
            model.infer(tokens)


# ---- learning ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_encoder_finds_complaints_in_reviews(tmp_path):
    """Which words a denial stands before decides, so that counting words is not enough."""
    draw = np.random.default_rng(0)
    network = nn("cls", verbose=0, save_fold=str(tmp_path))
    network.set_seed(0)
    network.load_dataset(*reviews(draw, 10000), batch_size=64)
    network.add("embedding", size=(14, 32))
    network.add("positional_embedding", size=(14, 32))
    network.add("transformer_encoder", size=(32, 64), num_heads=4)
    network.add("global_maxpool")
    network.add("linear", size=(32, 1), activation="sigmoid")
    network.train(lr=3e-3, epochs=12, schedule="cosine", loss="binary_crossentropy")
    assert network.evaluate(reviews(draw, 500))["acc"] >= 0.97


def reviews(draw, count, longest=12):
    """Return reviews (count, longest), padded with 0, and whether they hold a complaint.

    Token 1 denies the next; 2 and 3 are bad words, 4 to 7 good ones. A bad word is a complaint unless it is
    denied, a good word is one if it is.
    """
    x = np.zeros((count, longest), int)
    for row, length in zip(x, draw.integers(3, longest + 1, count), strict=True):
        row[:length] = draw.choice(14, length, p=[0, 0.2, 0.05, 0.05, *[0.05] * 4, *[0.5 / 6] * 6])
    denied = np.pad(x[:, :-1] == 1, ((0, 0), (1, 0)))
    bad, good = (x == 2) | (x == 3), (x >= 4) & (x <= 7)
    return x, np.where(denied, good, bad).any(1).astype(int)
