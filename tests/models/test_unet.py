"""The U-Net and its layer: sizes, presets, its conditioning, and options that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import LayerError

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.models.unet import Denoiser
from onnxnn.models.unet_blocks import Attention, LinearAttention, NormFirst, RmsNorm

SMALL = {"img_size": 8, "timestep": 20, "dim": 8, "dim_mults": (1, 2)}


def definition(channels=1, known=None, **options):
    made = Definition(Shape.image(channels, options.get("img_size", 28), options.get("img_size", 28)))
    made = made.with_num_classes(known)
    made = made.with_layer(1, "diffusion_model", options=options)
    return made


def denoiser(**options):
    torch.manual_seed(0)
    found = definition(**options).build()[0]
    assert isinstance(found, Denoiser)
    return found


def woken(module):
    """Give what begins at zero something to say."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


# ---- the network ---------------------------------------------------------------------------------


def test_basenn_preset_has_the_size_of_basenns_network():
    # BaseNN 2.0.0: sum(p.numel() for p in Unet(dim=64, channels=1, dim_mults=(1, 2, 2)).parameters())
    net = denoiser(preset="basenn")
    assert sum(p.numel() for p in net.parameters()) == 5_244_033
    assert net.schedule == Schedule(500, "sigmoid", "noise")


@pytest.mark.parametrize(
    ("channels", "options"),
    [
        (1, {}),
        (3, {"img_size": 16}),
        (3, {"img_size": 12, "patch": 1, "dim": 8, "dim_mults": (1, 2, 4)}),
        (1, {"img_size": 6, "patch": 3, "dim": 8, "dim_mults": (3, 1), "attention": (0, 1)}),
        (1, {"img_size": 5, "patch": 1, "dim": 8, "dim_mults": (1,), "attention": False}),
        (3, {"img_size": 8, "preset": "basenn", "dim": 8}),
        (1, {"img_size": 4, "preset": "basenn", "dim": 8, "dim_mults": (1, 1), "attention": False}),
    ],
)
def test_what_comes_out_has_the_shape_of_what_goes_in(channels, options):
    net = woken(denoiser(channels=channels, **options))
    x = torch.randn(2, *net.image_shape)
    assert net.image_shape == (channels, options.get("img_size", 28), options.get("img_size", 28))
    y = net(x, torch.tensor([0, 499]))
    assert y.shape == x.shape
    assert torch.isfinite(y).all()
    assert y.std() > 0


def test_the_default_predicts_zeros_before_it_learned_anything():
    net = denoiser(**SMALL)
    assert not net(torch.randn(2, 1, 8, 8), torch.tensor([1, 2])).any()
    x, cond = torch.randn(2, 8, 4, 4), torch.randn(2, 32)
    torch.testing.assert_close(net.down[0].blocks[0](x, cond), x, rtol=0, atol=0)


@pytest.mark.parametrize("preset", ["classroom", "basenn"])
def test_every_weight_learns(preset):
    net = woken(denoiser(known=3, **SMALL, classes=True, preset=preset))
    y = net(torch.randn(4, 1, 8, 8), torch.tensor([0, 5, 10, 19]), torch.tensor([0, 1, 2, 3]))
    (y**2).sum().backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_step_and_label_are_heard():
    net = woken(denoiser(known=3, **SMALL, classes=True)).eval()
    x = torch.randn(1, 1, 8, 8)
    t, label = torch.tensor([4]), torch.tensor([1])
    y = net(x, t, label)
    assert not torch.allclose(net(x, torch.tensor([5]), label), y)
    assert not torch.allclose(net(x, t, torch.tensor([2])), y)
    torch.testing.assert_close(net(x, t), net(x, t, torch.tensor([3])), rtol=0, atol=0)  # no label


def test_images_of_a_batch_do_not_see_each_other():
    net = woken(denoiser(**SMALL)).eval()
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([1, 9, 17])
    torch.testing.assert_close(net(x, t)[1:2], net(x[1:2], t[1:2]), rtol=1e-4, atol=1e-5)


def test_attention_stands_where_it_was_asked_for():
    def kinds(net):
        return [type(level.attention).__name__ for level in [*net.down, *net.up]]

    none, full = "NoneType", "Attention"
    options = {**SMALL, "dim_mults": (1, 2, 2)}
    assert kinds(denoiser(**options)) == [none, none, full, full, none, none]
    assert kinds(denoiser(**options, attention=(0, 1))) == [full, full, none, none, full, full]
    assert set(kinds(denoiser(**options, attention=False))) == {none}
    linear = "LinearAttention"
    basenn = denoiser(**options, preset="basenn")
    assert kinds(basenn) == [linear, linear, full, full, linear, linear]


def test_attention_by_its_definition():
    torch.manual_seed(0)
    module = woken(Attention(8, heads=2, memory=3))
    x = torch.randn(2, 8, 3, 2)
    normal = x / x.pow(2).mean(1, keepdim=True).sqrt() * module.norm.gain[:, None, None]
    q, k, v = torch.einsum("oc,nchw->nohw", module.qkv.weight[:, :, 0, 0], normal).flatten(2).chunk(3, 1)
    parts = []
    for head in range(2):
        at = slice(32 * head, 32 * head + 32)
        keys = torch.cat([module.memory[0, head].T.expand(2, -1, -1), k[:, at]], 2)
        values = torch.cat([module.memory[1, head].T.expand(2, -1, -1), v[:, at]], 2)
        share = torch.softmax(q[:, at].transpose(1, 2) @ keys / np.sqrt(32), 2)
        parts.append(values @ share.transpose(1, 2))
    expected = module.out(torch.cat(parts, 1).reshape(2, 64, 3, 2))
    torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-5)


def test_linear_attention_by_its_definition():
    torch.manual_seed(0)
    module = woken(LinearAttention(8, heads=1, memory=2))
    x = torch.randn(1, 8, 2, 2)
    normal = module.norm(x)
    q, k, v = torch.einsum("oc,nchw->nohw", module.qkv.weight[:, :, 0, 0], normal).flatten(2)[0].chunk(3)
    keys, values = (torch.cat([known[0], seen], 1) for known, seen in zip(module.memory, (k, v), strict=True))
    context = torch.softmax(keys, 1) @ values.T
    y = (context.T @ torch.softmax(q, 0)) / np.sqrt(32)
    expected = module.out_norm(module.out(y.reshape(1, 32, 2, 2)))
    torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-5)


def test_rms_norm_of_nothing_is_nothing():
    assert not RmsNorm(4)(torch.zeros(1, 4, 2, 2)).any()


def test_the_conditioning_of_a_block_scales_and_shifts_its_second_norm():
    torch.manual_seed(0)
    block = woken(NormFirst(8, 16, 5))
    x, cond = torch.randn(2, 8, 4, 4), torch.randn(2, 5)
    weight, bias = (torch.from_numpy(array).float() for array in block.folded())
    scale, shift = (cond @ weight.T + bias)[:, :, None, None].chunk(2, 1)
    y = block.conv1(torch.nn.functional.silu(block.norm1(x)))
    plain = torch.nn.functional.group_norm(y, 8, eps=block.norm2.eps)
    expected = block.conv2(torch.nn.functional.silu(plain * scale + shift)) + block.shortcut(x)
    torch.testing.assert_close(block(x, cond), expected, rtol=1e-4, atol=1e-4)


# ---- the layer -----------------------------------------------------------------------------------


def test_a_file_records_every_choice_the_preset_made():
    made = definition(channels=3, known=4, classes=True)
    (entry,) = made.to_data()
    assert entry["options"] == {
        "dim": 32,
        "dim_mults": [1, 2],
        "attention": [1],
        "schedule": "cosine",
        "prediction": "v",
        "classes": 4,
        "patch": 2,
    }
    again = Definition.from_data(json.loads(json.dumps(made.to_data())), made.input_shape)
    assert again.to_data() == made.to_data()
    again.build().load_state_dict(made.build().state_dict())


def test_the_summary_counts_its_parameters():
    model = nn(verbose=0)
    model.add("diffusion_model", preset="basenn")
    model.color = "grayscale"
    (line,) = [line for line in model.summary().splitlines() if line.startswith("diffusion_model1")]
    assert line.split() == ["diffusion_model1", "[?,", "1,", "28,", "28]", "5,244,033", "?"]


def test_options_win_over_the_preset():
    net = denoiser(preset="basenn", img_size=8, timestep=30, prediction="v", dim=16)
    assert net.schedule == Schedule(30, "sigmoid", "v")
    assert net.first.out_channels == 16


def test_the_seeds_script_builds_a_network_without_data():
    model = nn(verbose=0)
    model.add("diffusion_model", img_size=28, timestep=500)
    assert isinstance(model.model[0], Denoiser)
    assert model.model[0].image_shape == (3, 28, 28)
    model.color = "grayscale"
    assert model.model[0].image_shape == (1, 28, 28)
    card = model.card()
    assert (card.task, card.input.kind, card.output.kind) == ("gen", "image", "image")
    assert card.diffusion.schedule == Schedule(500)
    assert card.input.preprocess.color == "grayscale"
    assert card.input.preprocess.steps == (("resize", 28, 28),)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"img_size": 30}, r"img_size to be a multiple of 4, .* got 30. Use 28 or 32"),
        ({"img_size": 1}, r"img_size to be a multiple of 4, .* got 1. Use 4"),
        ({"img_size": 28, "dim_mults": (1, 2, 2, 2), "patch": 1}, r"a multiple of 8, .* Use 24 or 32"),
        ({"img_size": 28.0}, r"expected img_size to be an integer"),
        ({"timestep": 0}, r"expected timestep to be an integer"),
        ({"preset": "basen"}, r"unknown preset 'basen'. Did you mean 'basenn'\? Known: classroom, basenn"),
        ({"schedule": "cosin"}, r"schedule='cosin': unknown. Did you mean 'cosine'\?"),
        ({"prediction": "x0"}, r"prediction='x0': expected one of noise, v"),
        ({"dim": 20}, r"expected dim to be a multiple of 8"),
        ({"dim": "32"}, r"expected dim to be a multiple of 8"),
        ({"dim_mults": ()}, r"expected dim_mults to be an integer of at least 1 for each level"),
        ({"dim_mults": (1, 0.5)}, r"dim_mults to be .*, got \(1, 0.5\)"),
        ({"dim_mults": 2}, r"dim_mults to be .*, got 2"),
        ({"attention": (2,)}, r"expected attention to be True, False or levels from 0 to 1"),
        ({"attention": "yes"}, r"expected attention to be True, False or levels"),
        ({"patch": 0}, r"expected patch to be an integer"),
        ({"classes": "seven"}, r"expected classes to be True, False or the number"),
        ({"classes": 0}, r"expected classes to be True, False or the number"),
        ({"timesteps": 100}, r"unknown option 'timesteps'. Did you mean 'timestep'\?"),
    ],
)
def test_options_that_do_not_fit(options, says):
    with pytest.raises(LayerError, match=says):
        nn(verbose=0).add("diffusion_model", **options)


def test_classes_need_data_that_names_them():
    model = nn(verbose=0)
    model.add("diffusion_model", classes=True)
    with pytest.raises(LayerError, match=r"classes=True takes them from the data. Load it first"):
        _ = model.model


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (Shape.image(1, 32, 32), r"images of 28 x 28, .*got 1 channel x 32 x 32 .*'Resize': \(28, 28\)"),
        (Shape.image(1, 28, None), r"expected images of 28 x 28"),
        (Shape.image(None, 28, 28), r"expected a fixed number of channels"),
        (Shape.vector(784), r"expected an image .* got 784 features"),
    ],
)
def test_images_that_do_not_match(shape, says):
    with pytest.raises(LayerError, match=says):
        Definition(shape).with_layer(1, "diffusion_model")


@pytest.mark.parametrize("layer", [("linear", {"size": 4}), ("relu", {}), ("diffusion_model", {})])
def test_nothing_goes_after_it(layer):
    model = nn(verbose=0)
    model.add("diffusion_model")
    with pytest.raises(
        LayerError, match=r"expected no layer after 'diffusion_model', which is a whole network"
    ):
        model.add(layer[0], **layer[1])


def test_no_activation_goes_with_it():
    with pytest.raises(LayerError, match=r"expected no layer after"):
        nn(verbose=0).add("diffusion_model", activation="relu")


def test_nothing_goes_before_it():
    model = nn(verbose=0)
    model.add("conv2d", size=(3, 3), kernel_size=1)
    with pytest.raises(LayerError, match=r"expected no layer before it, .* got 'conv2d1'"):
        model.add("diffusion_model")
