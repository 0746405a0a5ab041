"""Files whose batch and sizes are fixed, and the runtime, which runs them in batches of any size."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
import torch
from onnx import TensorProto
from onnxnn_runtime.errors import ExportError, InputError
from PIL import Image
from support.diffusion import denoiser
from support.onnx_check import nodes_of, shake
from support.poems import poet

from onnxnn import nn
from onnxnn.export.fixed_shapes import _folded

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (7, 20, 24, 3), dtype=np.uint8)


def encoder(folder, size=(20, 24)):
    """Return a network for images of any size, with a feature vector, that says something."""
    model = nn("cls", verbose=0)
    model.set_seed(0)
    for number, image in enumerate(IMAGES):
        kept = folder / "images" / str(number % 3)
        kept.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(kept / f"{number}.png")
    model.load_img_data(str(folder / "images"), transform={"Resize": size}, batch_size=7)
    model.add("batchnorm2d")
    model.add("conv2d", size=(3, 6), kernel_size=3, activation="relu")
    model.add("global_avgpool")
    model.add("linear", size=(6, 3), activation="softmax")
    shake(model.model)
    return model


def texts():
    """Return a classifier of tokens with attention, and tokens."""
    tokens = DRAW.integers(1, 9, (20, 7))
    model = nn("cls", verbose=0)
    model.set_seed(0)
    model.load_dataset(tokens, np.arange(20) % 2)
    model.add("embedding", size=(9, 8))
    model.add("positional_embedding", size=(12, 8))
    model.add("transformer_encoder", size=(8, 16), num_heads=2)
    model.add("global_maxpool")
    model.add("linear", size=(8, 1), activation="sigmoid")
    return model, tokens


def both(model, folder, fixed=True, **options):
    """Export a network with free sizes and with fixed ones; return both as the runtime opens them."""
    model.export(folder / "free.onnx", **options)
    model.export(folder / "fixed.onnx", fixed_shapes=fixed, **options)
    return rt.load(folder / "free.onnx", device="cpu"), rt.load(folder / "fixed.onnx", device="cpu")


def run_graph(model, x):
    """Return what a graph returns for its input x."""
    return rt.load(model.SerializeToString(), device="cpu").infer(x)


def assert_sizes_known(path):
    """Every value has a size along every axis, and nothing is left that computes sizes."""
    graph = onnx.load(path).graph
    for value in [*graph.input, *graph.value_info, *graph.output]:
        assert all(dim.HasField("dim_value") for dim in value.type.tensor_type.shape.dim), value.name
    assert not {node.op_type for node in graph.node} & {"Shape", "Range", "ConstantOfShape"}


@pytest.mark.parametrize("fixed", [True, {"batch": 3}, {"batch": 4, "height": 33, "width": 17}])
def test_images(tmp_path, fixed):
    free, fixed_file = both(encoder(tmp_path), tmp_path, fixed)
    assert_sizes_known(tmp_path / "fixed.onnx")
    sizes = {"batch": 1, "height": 20, "width": 24, **({} if fixed is True else fixed)}
    assert fixed_file.inputs["input"] == ("float32", (sizes["batch"], 3, sizes["height"], sizes["width"]))
    assert fixed_file.card.input.shape == ("batch", 3, sizes["height"], sizes["width"])
    x = DRAW.random((7, 3, sizes["height"], sizes["width"]), dtype=np.float32)
    for count in (1, 3, 7):
        expected = free.infer({"input": x[:count]})
        found = fixed_file.infer({"input": x[:count]})
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, atol=1e-6)
    np.testing.assert_allclose(fixed_file.embed(x), free.embed(x), atol=1e-6)
    assert [each.label for each in fixed_file.predict(x)] == [each.label for each in free.predict(x)]
    assert rt.verify(fixed_file).passed


def test_many_images_in_threads(tmp_path):
    free, fixed = both(encoder(tmp_path), tmp_path, {"batch": 3})
    many = np.concatenate([IMAGES] * 20)
    np.testing.assert_allclose(fixed.embed(many), free.embed(many), atol=1e-6)
    np.testing.assert_allclose(fixed.embed(many, batch_size=5), free.embed(many), atol=1e-6)


def test_tokens(tmp_path):
    model, tokens = texts()
    free, fixed = both(model, tmp_path)
    assert_sizes_known(tmp_path / "fixed.onnx")
    np.testing.assert_allclose(fixed.infer(tokens), free.infer(tokens), atol=1e-6)


def test_text_is_written_token_by_token(tmp_path):
    free, fixed = both(poet(), tmp_path)
    assert_sizes_known(tmp_path / "fixed.onnx")
    assert fixed.inputs["input"] == ("int64", (1, 1))
    options = {"length": 30, "temperature": 0.9, "seed": 3}
    assert fixed.generate("春江潮水", **options) == free.generate("春江潮水", **options)


@pytest.mark.parametrize("loop", [{}, {"sampler": "dpm++", "steps": 4}])
@pytest.mark.parametrize("fixed", [True, {"batch": 2}])
def test_images_are_sampled_in_any_number(tmp_path, loop, fixed):
    free, fixed_file = both(denoiser(tmp_path, classes=True), tmp_path, fixed, **loop)
    asked = {"num": 3, "seed": 1, "label": ["top", "bottom", "top"], **({} if loop else {"steps": 4})}
    np.testing.assert_allclose(fixed_file.sample(**asked), free.sample(**asked), atol=1e-5)


def test_images_prepared_in_the_graph(tmp_path):
    """The weights of the resize are constants then, and nothing is float64."""
    model = encoder(tmp_path, (12, 10))
    free, fixed = both(model, tmp_path, {"height": 31, "width": 40}, preprocess="graph")
    assert_sizes_known(tmp_path / "fixed.onnx")
    graph = onnx.load(tmp_path / "fixed.onnx").graph
    types = {tensor.data_type for tensor in graph.initializer}
    types |= {value.type.tensor_type.elem_type for value in graph.value_info}
    assert TensorProto.DOUBLE not in types
    images = DRAW.integers(0, 256, (3, 31, 40, 3), dtype=np.uint8)
    np.testing.assert_allclose(fixed.infer(images), free.infer(images), atol=1e-6)
    Image.fromarray(images[0]).save(tmp_path / "a.png")
    assert fixed.predict(tmp_path / "a.png")[0].label == free.predict(tmp_path / "a.png")[0].label
    Image.fromarray(images[0][:20]).save(tmp_path / "small.png")
    with pytest.raises(InputError, match=r"31"):
        fixed.predict(tmp_path / "small.png")


class Flat(torch.nn.Module):
    """Computes sizes from sizes, as modules of users do."""

    def forward(self, x):
        return x.reshape(x.shape[0], -1, x.shape[-1]).mean(1)


class Larger(torch.nn.Module):
    """Resizes to a size that depends on the image, with an arange beside it."""

    def forward(self, x):
        height, width = x.shape[-2:]
        x = x + torch.arange(width, dtype=torch.float32) / width
        x = torch.nn.functional.interpolate(x, size=(height * 2, width * 2), mode="bilinear")
        return x.flatten(2).amax(2)


class Remembering(torch.nn.Module):
    """An LSTM whose first state torch makes of zeros."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 5, batch_first=True)

    def forward(self, x):
        return self.lstm(x[..., 0].transpose(1, 2))[0][:, -1]


@pytest.mark.parametrize("target", [None, "server"])
@pytest.mark.parametrize("module", [Flat, Larger, Remembering])
def test_custom_modules(tmp_path, capfd, module, target):
    """Torch writes their constants as nodes."""
    model = nn("cls", verbose=0)
    model.set_seed(0)
    x = DRAW.random((6, 3, 8, 10), dtype=np.float32)
    model.load_dataset(x, np.arange(6) % 2)
    model.add(module())
    model.add("linear", size=2, activation="softmax")
    model.export(tmp_path / "a.onnx", fixed_shapes={"batch": 4}, target=target)
    assert capfd.readouterr().err == ""
    assert_sizes_known(tmp_path / "a.onnx")
    np.testing.assert_allclose(rt.load(tmp_path / "a.onnx").infer(x), model.inference(x), atol=1e-6)


def test_an_output_that_is_left_out_is_no_constant():
    """Two nodes leave an output out; one of them is always the same."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    weights = [
        onnx.numpy_helper.from_array(DRAW.random(shape, dtype=np.float32), name)
        for name, shape in (("w", (1, 8, 3)), ("r", (1, 8, 2)), ("c", (4, 1, 3)))
    ]
    graph = onnx.helper.make_graph(
        [
            node("LSTM", ["c", "w", "r"], ["", "same"], hidden_size=2),
            node("LSTM", ["x", "w", "r"], ["", "h"], hidden_size=2),
            node("Add", ["same", "h"], ["y"]),
        ],
        "g",
        [value("x", TensorProto.FLOAT, [4, 1, 3])],
        [value("y", TensorProto.FLOAT, [1, 1, 2])],
        weights,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7)
    x = DRAW.random((4, 1, 3), dtype=np.float32)
    folded = _folded(model)
    assert [each.op_type for each in folded.graph.node] == ["LSTM", "Add"]
    np.testing.assert_allclose(run_graph(folded, x), run_graph(model, x), atol=1e-6)


def test_sizes_of_numpy(tmp_path):
    encoder(tmp_path).export(tmp_path / "a.onnx", fixed_shapes={"batch": np.int64(2), "height": np.uint8(30)})
    assert rt.load(tmp_path / "a.onnx").inputs["input"][1] == (2, 3, 30, 24)


def test_names_of_nodes_and_weights_stay(tmp_path):
    both(encoder(tmp_path), tmp_path)
    names = [
        {node.name for node in nodes_of(onnx.load(tmp_path / name).graph)}
        for name in ("free.onnx", "fixed.onnx")
    ]
    assert names[1] <= names[0]
    assert {"batchnorm2d1", "conv2d2", "linear4"} <= names[1]


@pytest.mark.parametrize(
    ("fixed", "says"),
    [
        ("yes", r"fixed_shapes='yes': expected True, or a size of at least 1 for axes by name"),
        ({}, r"fixed_shapes=\{\}: expected True"),
        ({"batch": 0}, r"expected True, or a size"),
        ({"batch": 1.5}, r"expected True, or a size"),
        ({"depth": 3}, r"expected sizes of axes that are free \(batch, height, width\), got depth=3"),
        ({"channel": 1}, r"expected sizes of axes that are free .* got channel=1"),
        ({"height": 2}, r"fixed_shapes=\{'height': 2\}: .*conv2d"),
    ],
)
def test_sizes_that_do_not_fit(tmp_path, fixed, says):
    with pytest.raises(ExportError, match=says):
        encoder(tmp_path).export(tmp_path / "a.onnx", fixed_shapes=fixed)
    assert not (tmp_path / "a.onnx").exists()


def test_the_size_before_preprocessing_is_asked_for(tmp_path):
    with pytest.raises(ExportError, match=r'"width": 640\} or --sizes height=480,width=640, got no height'):
        encoder(tmp_path).export(tmp_path / "a.onnx", preprocess="graph", fixed_shapes=True)


def test_a_writer_takes_one_token(tmp_path):
    with pytest.raises(ExportError, match=r"expected batch and time to be 1 in a file that writes text"):
        poet().export(tmp_path / "a.onnx", fixed_shapes={"time": 8})


def test_a_target_has_no_fixed_size(tmp_path):
    pairs = DRAW.integers(3, 9, (20, 5))
    model = nn("gen", verbose=0)
    model.load_dataset(pairs, np.concatenate([np.full((20, 1), 1), pairs, np.full((20, 1), 2)], axis=1))
    model.add("transformer", source_vocab=9, target_vocab=9, size=(8, 16), max_length=9, num_heads=2)
    with pytest.raises(ExportError, match=r"expected a network whose inputs keep their sizes"):
        model.export(tmp_path / "a.onnx", fixed_shapes=True)


@pytest.mark.slow
def test_the_command(tmp_path):
    encoder(tmp_path).save(tmp_path / "a.pth")
    command = [
        sys.executable,
        "-m",
        "onnxnn_cli",
        "export",
        "a.pth",
        "-o",
        "a.onnx",
        "--fixed-shapes",
        "--json",
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["parity"]["relative"] <= 1e-5
    assert_sizes_known(tmp_path / "a.onnx")


def test_a_size_that_the_network_sets_is_refused_before_preprocessing_too(tmp_path):
    model = nn(verbose=0)
    x = np.random.default_rng(0).integers(0, 256, (8, 12, 12, 1), dtype=np.uint8)
    model.load_dataset(x, np.arange(8) % 2)
    model.add("conv2d", size=(1, 2), kernel_size=3)
    model.add("linear", size=(200, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    for preprocess in ("runtime", "graph"):
        with pytest.raises(ExportError, match="axes that are free"):
            model.export(tmp_path / "a.onnx", fixed_shapes={"height": 40}, preprocess=preprocess)
        assert not (tmp_path / "a.onnx").exists()
        model.export(tmp_path / "b.onnx", fixed_shapes={"height": 12}, preprocess=preprocess)
