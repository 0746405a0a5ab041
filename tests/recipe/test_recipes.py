"""Every shipped recipe builds, trains and exports, and is the network that its paper describes."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import onnxnn_runtime
import pytest
import torch
from support.paths import ROOT

import onnxnn.recipe
from onnxnn.datasets import Digits, digits
from onnxnn.definition.definition import Definition
from onnxnn.export.verification import ROUNDINGS
from onnxnn.graph.shape import Shape
from onnxnn.recipe import read_recipe

FOLDER = ROOT / "recipes"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
IMAGE = Shape.image(3, 224, 224)


def as_published(name, classes=1000):
    """The network of a recipe for colour images of 224 x 224 and 1000 classes."""
    definition = Definition(IMAGE)
    definition = definition.with_num_classes(classes)
    for number, entry in enumerate(read_recipe(FOLDER / f"{name}.yaml").layers, 1):
        options = dict(entry.options)
        if entry.activation == "softmax" and entry.name == "linear":
            options["size"] = classes
        definition = definition.with_layer(number, entry.name, entry.activation, options)
    return definition


def test_these_recipes_are_shipped():
    assert set(NAMES) >= {
        *("alexnet", "googlenet", "lenet", "mobilenet", "vgg11"),
        *("resnet18", "resnet34", "resnet50"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_network(name):
    assert as_published_for_digits(name).has_layers


def as_published_for_digits(name):
    recipe = read_recipe(FOLDER / f"{name}.yaml")
    definition = Definition(Shape.image(1, recipe.data, recipe.data))
    definition = definition.with_num_classes(10)
    for number, entry in enumerate(recipe.layers, 1):
        definition = definition.with_layer(number, entry.name, entry.activation, dict(entry.options))
    return definition


SLOW = ("alexnet", "resnet34", "resnet50", "vgg11")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES]
)
def test_a_recipe_builds_trains_a_step_and_exports(name, tmp_path, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(onnxnn.recipe, "digits", lambda size: Digits(*(part[:20] for part in digits(size))))
    recipe = read_recipe(FOLDER / f"{name}.yaml")
    if recipe.source != "digits":
        pytest.skip("its own test has its data")
    if recipe.layers[0].name == "diffusion_model":
        pytest.skip("samples images; tests/training/test_denoising.py trains it")
    short = dataclasses.replace(
        recipe,
        data_options={**recipe.data_options, "batch_size": 20},
        train={**recipe.train, "epochs": 1},
        save_fold=tmp_path,
        export=tmp_path / "model.onnx",
    )
    done = short.run()
    assert np.isfinite(done.history[0]["loss"])
    model = onnxnn_runtime.load(done.model, device="cpu")
    images = digits(recipe.data).images[:3, None].astype(np.float32) / 255
    found = model.infer(images)
    assert found.shape == (3, 10)
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    net, x = done.network.model.eval(), torch.from_numpy(images)
    with torch.inference_mode():
        exact = copy.deepcopy(net).double()(x.double()).numpy()
        ways = [net(x), torch.cat([net(row[None]) for row in x])]
        last = torch.channels_last
        ways.append(copy.deepcopy(net).to(memory_format=last)(x.to(memory_format=last)))
    # Fifty layers lose digits in float32: the file loses about as many as torch does, which rounds in another
    # order for each layout and batch size. Which of them loses the most differs between processors.
    lost = max(np.abs(way.numpy() - exact).max() for way in ways)
    assert np.abs(found - exact).max() <= max(1e-5, ROUNDINGS * lost)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("alexnet", 60_965_224),  # the paper's two halves, as groups
        ("vgg11", 132_863_336),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("mobilenet", 3_504_872),
    ],
)
def test_parameters_for_1000_classes_are_the_published_ones(name, parameters):
    assert sum(p.numel() for p in as_published(name).build().parameters()) == parameters


def test_googlenet_is_the_papers():
    definition = as_published("googlenet")
    sizes = [
        p.out_shape.sizes for p in definition.placed() if p.layer.kind in ("inception", "global_avgpool")
    ]
    assert sizes == [
        *((256, 28, 28), (480, 28, 28)),
        *((512, 14, 14), (512, 14, 14), (512, 14, 14), (528, 14, 14), (832, 14, 14)),
        *((832, 7, 7), (1024, 7, 7), (1024,)),
    ]
    net = definition.build()
    heads = sum(p.numel() for n, p in net.named_parameters() if "auxiliary_head" in n)
    # As in the paper's own published weights (bvlc_googlenet).
    assert sum(p.numel() for p in net.parameters()) - heads == 6_998_552


@pytest.mark.parametrize(
    ("name", "billions"),
    [("resnet18", 1.8), ("resnet34", 3.6), ("resnet50", 3.8), ("googlenet", 1.5), ("vgg11", 7.6)],
)
def test_multiply_adds_are_the_papers(name, billions):
    # He et al. count ResNet-50 with the stride in the first 1x1; torchvision's, in the 3x3, has 4.1.
    assert as_published(name).multiply_adds() == pytest.approx(billions * 1e9, rel=0.08)


def test_a_recipe_begins_with_trained_weights(tmp_path):
    text = (FOLDER / "lenet.yaml").read_text(encoding="utf-8")
    trained = read_recipe(FOLDER / "lenet.yaml").build()
    weights = {f"layer.{name}": value for name, value in trained.model.state_dict().items()}
    torch.save(weights, tmp_path / "trained.pth")
    (tmp_path / "lenet.yaml").write_text(f"{text}weights: trained.pth\n", encoding="utf-8")
    begun = read_recipe(tmp_path / "lenet.yaml").build()
    for name, value in begun.model.state_dict().items():
        assert torch.equal(value, weights[f"layer.{name}"])
    (tmp_path / "lenet.yaml").write_text(
        f"{text.replace('size: [84, 10]', 'size: [84, 12]')}weights: {{path: trained.pth, head: false}}\n",
        encoding="utf-8",
    )
    begun = read_recipe(tmp_path / "lenet.yaml").build()
    assert torch.equal(begun.model[0].weight, weights["layer.conv2d1.weight"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet", "resnet18"])
def test_held_out_digits_are_named(name, tmp_path):
    recipe = read_recipe(FOLDER / f"{name}.yaml")
    options = {**recipe.data_options, "train_val_ratio": 0.8}
    done = dataclasses.replace(recipe, data_options=options, save_fold=tmp_path, export=None).run()
    assert done.history[-1]["val_acc"] >= 0.98
