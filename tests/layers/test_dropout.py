"""Dropout wherever a layer has it: in training it acts as strongly as it was asked to, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.layers import make

SEQUENCE = Shape.sequence(5, 8)


def built(kind, in_shape, **options):
    torch.manual_seed(0)
    return make(kind, options).resolve(in_shape).build(in_shape)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_the_layer_zeroes_that_share_and_scales_the_rest(p):
    y = built("dropout", Shape.vector(8), p=p).train()(torch.ones(5000, 8))
    assert (y == 0).float().mean() == pytest.approx(p, abs=0.02)
    assert y[y != 0].unique().tolist() == pytest.approx([1 / (1 - p)])


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(("options", "random"), [({"dropout": 0.5}, True), ({}, False)])
def test_between_stacked_recurrent_layers(kind, options, random):
    module = built(kind, SEQUENCE, size=(8, 6), num_layers=2, **options)
    x = torch.rand(3, 5, 8)
    assert torch.equal(module.train()(x), module(x)) is not random
    assert torch.equal(module.eval()(x), module(x))


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_between_stacked_layers_all_of_it_hides_the_input(kind):
    module = built(kind, SEQUENCE, size=(8, 6), num_layers=2, dropout=1.0).train()
    assert torch.equal(module(torch.rand(2, 5, 8)), module(torch.rand(2, 5, 8)))


def test_all_that_an_encoder_adds_can_be_switched_off():
    module = built("transformer_encoder", SEQUENCE, size=(8, 16), num_layers=2, dropout=1.0).train()
    x = torch.rand(2, 5, 8)
    torch.testing.assert_close(module(x), torch.nn.functional.layer_norm(x, (8,)))
    assert not torch.allclose(module.eval()(x), torch.nn.functional.layer_norm(x, (8,)))


@pytest.mark.parametrize("options", [{}, {"dropout": 0.4}])
def test_an_encoders_share(options):
    module = built("transformer_encoder", SEQUENCE, size=(8, 16), **options)
    shares = [part.p for part in module.modules() if isinstance(part, torch.nn.Dropout)]
    assert shares == [options.get("dropout", 0.1)]


def test_a_transformer_without_embeddings_and_blocks_gives_its_last_bias():
    """Switched off are the embeddings, which alone know the tokens, and all that the blocks add."""
    options = {"source_vocab": 9, "target_vocab": 9, "size": (8, 16), "max_length": 6, "dropout": 1.0}
    module = built("transformer", Shape.tokens(5, 9), **options).train()
    y = module((torch.randint(1, 9, (2, 5)), torch.randint(1, 9, (2, 4))))
    torch.testing.assert_close(y, module.output.bias.expand(2, 4, 9))


def test_a_transformers_share():
    options = {"source_vocab": 9, "target_vocab": 9, "size": (8, 16), "max_length": 6}
    for given in ({}, {"dropout": 0.4}):
        module = built("transformer", Shape.tokens(5, 9), **options, **given)
        shares = [part.p for part in module.modules() if isinstance(part, torch.nn.Dropout)]
        assert shares == [given.get("dropout", 0.1)] * 5  # the embeddings', and each of four blocks'


def test_the_auxiliary_classifiers_share_is_the_papers():
    module = built("auxiliary_head", Shape.image(4, 8, 8), size=3)
    assert [part.p for part in module.modules() if isinstance(part, torch.nn.Dropout)] == [0.7]


def test_it_travels_with_the_definition():
    definition = Definition(SEQUENCE)
    definition = definition.with_layer(1, "lstm", options={"size": 6, "num_layers": 2, "dropout": 0.3})
    definition = definition.with_layer(2, "dropout", options={"p": 0.6})
    again = Definition.from_data(definition.to_data(), SEQUENCE).build()
    assert (again.lstm1.dropout, again.dropout2.p) == (0.3, 0.6)
