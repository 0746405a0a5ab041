"""What `add` says to calls as Keras and torch have them."""

from __future__ import annotations

import re

import pytest
import torch
from onnxnn_runtime.errors import CallError, LayerError, TrainingError

from onnxnn import nn
from onnxnn.layers import registry
from onnxnn.layers.registry import option_names


@pytest.fixture
def model():
    return nn(verbose=0)


def refused(model, *args, error=LayerError, **options):
    """Return the message of an `add` that is refused, and check that the network is as it was."""
    with pytest.raises(error) as caught:
        model.add(*args, **options)
    assert not model._definition.has_layers
    assert model.optimizer == "Adam"
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "options", "written"),
    [
        (("Linear", (4, 3), "Softmax"), {}, "add('Linear', size=(4, 3), activation='Softmax')"),
        (("linear", "softmax", (4, 3)), {}, "add('linear', size=(4, 3), activation='softmax')"),
        (("linear", 4), {}, "add('linear', size=4)"),
        (("linear", 4, 3), {}, "add('linear', size=(4, 3))"),
        (("Dense", 10), {}, "add('Dense', size=10)"),
        (("conv2d", (1, 6), 5), {}, "add('conv2d', size=(1, 6), kernel_size=5)"),
        (("conv2d", 3, 6), {"kernel_size": 3}, "add('conv2d', size=(3, 6), kernel_size=3)"),
        (("maxpool", 2, 2), {}, "add('maxpool', kernel_size=2, stride=2)"),
        (("dropout", 0.2), {}, "add('dropout', p=0.2)"),
        (("leakyrelu", 0.1), {}, "add('leakyrelu', slope=0.1)"),
        (("reshape", (1, 28, 28)), {}, "add('reshape', size=(1, 28, 28))"),
        (("lstm", [4, 3]), {}, "add('lstm', size=[4, 3])"),
    ],
)
def test_options_without_their_names_are_answered_with_the_line_to_write(model, given, options, written):
    assert f"Write {written}." in refused(model, *given, **options)


@pytest.mark.parametrize("kind", [kind for kind, cls in registry.items() if cls.named])
def test_every_layer_explains_a_value_without_a_name(model, kind):
    said = refused(model, kind, (4, 3))
    names = option_names(kind)
    assert f"Write add('{kind}', {names[0]}=(4, 3))" in said if names else "has no options" in said


def test_a_value_that_is_no_activation_is_named(model):
    assert "activation=3" in refused(model, "linear", size=(4, 3), activation=3)
    assert "activation=['relu']" in refused(model, "linear", size=(4, 3), activation=["relu"])
    assert "at most 3 arguments without a name" in refused(model, "conv2d", 3, 6, 5, error=CallError)


def test_modules_are_explained(model):
    assert "Write add(Linear(...))" in refused(model, torch.nn.Linear)
    assert "a module has no options" in refused(model, torch.nn.Linear(4, 3), (4, 3))
    with pytest.raises(LayerError, match="no layers yet"):
        _ = model.model


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": (4, 3)}, "Write add('linear', size=(4, 3))"),
        ({"loss": "mse"}, "train(loss='mse')"),
        ({"lr": 0.1, "epochs": 2}, "train(lr=0.1, epochs=2)"),
        ({}, "a layer, an activation or an optimizer"),
    ],
)
def test_options_without_a_layer_are_explained(model, options, said):
    assert said in refused(model, **options)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MaxPooling2D", "Did you mean 'maxpool'?"),
        ("MaxPooling1D", "Did you mean 'maxpool1d'?"),
        ("AveragePooling2D", "Did you mean 'avgpool'?"),
        ("GlobalAveragePooling2D", "Did you mean 'global_avgpool'?"),
        ("BatchNormalization", "'batchnorm2d'"),
        ("LayerNormalization", "Did you mean 'layernorm'?"),
        ("MultiHeadAttention", "Did you mean 'transformer_encoder'?"),
        ("SimpleRNN", "Did you mean 'rnn'?"),
        ("Concatenate", "'branches' with merge='concat'"),
        ("Conv2DTranspose", "torch.nn.ConvTranspose2d"),
        ("UpSampling2D", "torch.nn.Upsample"),
        ("ZeroPadding2D", "padding="),
        ("InputLayer", "None is needed"),
        ("Input", "None is needed"),
        ("Rescaling", "None is needed"),
        ("Sequential", "None is needed"),
        ("Linaer", "Did you mean 'linear'?"),
    ],
)
def test_layers_of_keras_and_torch_are_answered_with_ours(model, name, said):
    message = refused(model, name)
    assert said in message
    for meant in re.findall(r"Did you mean '(\w+)'\?", message):
        assert meant in registry


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Dense", {"units": 10}, "Write size=10"),
        ("Dense", {"units": 10, "input_dim": 4}, "Write size=(4, 10)"),
        ("linear", {"in_features": 4, "out_features": 3}, "Write size=(4, 3)"),
        ("Conv2D", {"filters": 6, "kernel_size": 3}, "Write size=6"),
        ("conv2d", {"in_channels": 1, "out_channels": 6, "kernel_size": 3}, "Write size=(1, 6)"),
        ("LSTM", {"hidden_size": 10, "input_size": 4}, "Write size=(4, 10)"),
        ("embedding", {"num_embeddings": 10, "embedding_dim": 4}, "Write size=(10, 4)"),
        ("Dropout", {"rate": 0.2}, "Did you mean 'p'?"),
        ("maxpool", {"pool_size": 2}, "Did you mean 'kernel_size'?"),
        ("maxpool", {"kernel_size": 2, "strides": 2}, "Did you mean 'stride'?"),
        ("LeakyReLU", {"alpha": 0.1}, "Did you mean 'slope'?"),
        ("LeakyReLU", {"negative_slope": 0.1}, "Did you mean 'slope'?"),
        ("Reshape", {"target_shape": (2, 2)}, "Did you mean 'size'?"),
        ("transformer_encoder", {"size": 8, "nhead": 2}, "Did you mean 'num_heads'?"),
        ("linear", {"size": 3, "use_bias": False}, "Did you mean 'bias'?"),
        ("linear", {"size": 3, "input_shape": (4,)}, "Leave it out"),
        ("linear", {"size": 3, "kernel_regularizer": "l2"}, "weight_decay"),
        ("lstm", {"size": 3, "batch_first": True}, "Leave it out"),
        ("linear", {"size": 3, "name": "fc"}, "Leave it out"),
    ],
)
def test_options_of_keras_and_torch_are_answered_with_ours(model, name, options, said):
    message = refused(model, name, **options)
    assert said in message
    assert "option 'size' is missing" not in message


@pytest.mark.parametrize("kind", ["conv1d", "conv2d", "conv3d"])
@pytest.mark.parametrize(
    ("padding", "options", "said"),
    [
        ("same", {"kernel_size": 3}, "padding=1."),
        ("SAME", {"kernel_size": 5}, "padding=2."),
        ("same", {"kernel_size": 3, "dilation": 2}, "padding=2."),
        ("same", {"kernel_size": 4}, "with an odd kernel_size"),
        ("valid", {"kernel_size": 3}, "padding=0."),
    ],
)
def test_words_for_a_padding_are_answered_with_their_number(model, kind, padding, options, said):
    assert said in refused(model, kind, size=(1, 6), padding=padding, **options)


@pytest.mark.parametrize("option", ["lr", "learning_rate"])
def test_a_learning_rate_belongs_to_train(model, option):
    message = refused(model, optimizer="SGD", error=TrainingError, **{option: 0.1})
    assert "train(lr=...)" in message


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"activatoin": "relu"}, "activation"),
        ({"act": "relu"}, "activation"),
        ({"optimiser": "SGD"}, "optimizer"),
        ({"layr": "linear", "size": (3, 4)}, "layer"),
        ({"activation": "relu", "optimzer": "SGD"}, "optimizer"),
        ({"layer": "linear", "size": (3, 4), "activatoin": "relu"}, "activation"),
        ({"layer": "relu", "optimiser": "SGD"}, "optimizer"),
    ],
)
def test_mistyped_arguments_of_add_itself(model, options, meant):
    layer = options.pop("layer", None)
    assert f"Did you mean {meant!r}?" in refused(model, layer, **options)


def test_a_mistyped_activation_beside_an_optimizer(model):
    message = refused(model, optimizer="Adam", actvation="softmax", error=TrainingError)
    assert "id you mean 'activation'?" in message


def test_options_of_layers_are_not_taken_for_arguments_of_add(model):
    assert "'num_layers' is an option of which layer?" in refused(model, num_layers=3)


@pytest.mark.parametrize("name", ["denormalize", "exponential"])
def test_layers_that_training_alone_adds_are_unknown(name):
    with pytest.raises(LayerError, match=rf"^add\('{name}'\): unknown layer"):
        nn("reg", verbose=0).add(name)
