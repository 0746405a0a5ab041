"""Diffusion models as ONNX files: the denoiser, and the whole sampling loop in one graph."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxnn_runtime as rt
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxnn_runtime.card.diffusion import SamplerSpec
from onnxnn_runtime.errors import ExportError
from support.onnx_check import nodes_of

from onnxnn import nn
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.nodes import MOST_PARTS

SMALL = {"img_size": 8, "timestep": 30, "dim": 8, "dim_mults": (1, 2)}

NETWORKS = {
    "default": {"img_size": 28},
    "small": SMALL,
    "colour": {**SMALL, "color": "RGB"},
    "classes": {**SMALL, "classes": 3},
    "no patches": {**SMALL, "patch": 1, "dim_mults": (1, 2, 2), "attention": (0, 2)},
    "large patches, one level": {**SMALL, "patch": 4, "dim_mults": (2,), "attention": False},
    "noise": {**SMALL, "prediction": "noise", "schedule": "sigmoid"},
    "basenn": {**SMALL, "preset": "basenn", "dim_mults": (1, 2, 2)},
    "basenn, attention everywhere": {**SMALL, "preset": "basenn", "attention": (0, 1), "classes": 2},
    "a table of all steps": {**SMALL, "timestep": 4},
}


def network(color="grayscale", **options):
    """Return a network that says something though it learned nothing."""
    model = nn(verbose=0)
    model.set_seed(0)
    model.add("diffusion_model", **options)
    model.color = color
    with torch.no_grad():
        for name, parameter in model.model.named_parameters():
            if parameter.dim() == 1:  # gains, offsets and biases, where folding goes wrong unseen
                parameter += torch.randn_like(parameter) * 0.2
            elif not parameter.any() or "memory" in name:
                torch.nn.init.normal_(parameter, std=0.1)
    return model


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def inputs(model, batch, seed=0):
    denoiser = model.model[0]
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((batch, *denoiser.image_shape), dtype=np.float32)
    feeds = {"x": x, "t": draw.integers(0, denoiser.schedule.timesteps, batch)}
    if denoiser.num_classes:
        feeds["label"] = draw.integers(0, denoiser.num_classes + 1, batch)
    return feeds


def weights_of(model):
    """Return every stored array by its name, those of loop bodies included."""
    found = {}
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        for tensor in graph.initializer:
            assert tensor.name not in found
            found[tensor.name] = numpy_helper.to_array(tensor)
        graphs += [
            attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")
        ]
    return found


def assert_splits_fit_webgpu(path):
    parts = [len(node.output) for node in nodes_of(onnx.load(path).graph) if node.op_type == "Split"]
    assert parts
    assert max(parts) <= MOST_PARTS


# ---- the denoiser --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_predicts_what_torch_predicts(tmp_path, name):
    model = network(**NETWORKS[name])
    report = model.export(tmp_path / "a.onnx")
    assert report.parity["relative"] <= 1e-5
    assert_splits_fit_webgpu(tmp_path / "a.onnx")
    run = session(tmp_path / "a.onnx")
    for batch in (1, 4):
        feeds = inputs(model, batch)
        with torch.inference_mode():
            expected = model.model.eval()[0](*map(torch.from_numpy, feeds.values())).numpy()
        assert 0.05 < expected.std() < 10
        np.testing.assert_allclose(run.run(None, feeds)[0], expected, rtol=0, atol=1e-5 * expected.std() * 3)


def test_what_the_file_takes_gives_and_says(tmp_path):
    model = network(**NETWORKS["classes"])
    model.export(tmp_path / "a.onnx")
    file = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(file, full_check=True)
    assert (file.opset_import[0].version, file.ir_version) == (13, 7)
    known = {value.name: value.type.tensor_type for value in [*file.graph.input, *file.graph.output]}
    shapes = {name: [d.dim_param or d.dim_value for d in kind.shape.dim] for name, kind in known.items()}
    images = ["batch", 1, 8, 8]
    assert shapes == {"x": images, "t": ["batch"], "label": ["batch"], "output": images}
    assert known["t"].elem_type == known["label"].elem_type == TensorProto.INT64
    assert [entry.key for entry in file.metadata_props] == ["onnxnn"]  # XEduHub could not run it
    card = rt.load(tmp_path / "a.onnx").card
    assert (card.task, card.input.kind, card.output.kind) == ("gen", "image", "image")
    assert card.diffusion.classes == ("0", "1", "2")
    assert card.diffusion.shape == (1, 8, 8)
    assert card.diffusion.sampler is None


def test_a_step_costs_no_sines(tmp_path):
    model = network(**SMALL)
    model.export(tmp_path / "a.onnx")
    file = onnx.load(tmp_path / "a.onnx")
    kinds = {node.op_type for node in file.graph.node}
    assert not kinds & {"Sin", "Cos", "Erf", "Resize"}
    assert weights_of(file)["diffusion_model1.cond.steps"].shape[0] == 30
    assert not any("time" in name for name in weights_of(file))


def test_the_runtime_samples_what_torch_samples(tmp_path):
    model = network(**SMALL)
    model.export(tmp_path / "a.onnx")
    expected = model.sample(num=3, steps=5, seed=1)
    np.testing.assert_allclose(
        rt.load(tmp_path / "a.onnx").sample(num=3, steps=5, seed=1), expected, atol=1e-5
    )


def test_a_trained_network_with_classes_names_them(tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (12, 8, 8), dtype=np.uint8)
    model = nn(verbose=0, save_fold=str(tmp_path))
    model.load_dataset(x, np.arange(12) % 2, classes=["猫", "狗"], batch_size=4)
    model.add("diffusion_model", **SMALL, classes=True)
    model.train(lr=1e-3, epochs=1, metrics=[])
    report = model.export(tmp_path / "a.onnx", checkpoint=tmp_path / "basenn.pth")
    assert 0 < report.parity["relative"] <= 1e-5
    served = rt.load(tmp_path / "a.onnx")
    assert served.card.diffusion.classes == ("猫", "狗")
    named = served.sample(label=["狗", "猫"], guidance=2.0, steps=4, seed=0)
    np.testing.assert_allclose(named, model.sample(label=[1, 0], guidance=2.0, steps=4, seed=0), atol=1e-5)


def test_convert_writes_a_script_that_samples(tmp_path):
    network(**NETWORKS["classes"]).convert(out_file=tmp_path / "数字.onnx")
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "数字.py")],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert "images.png" in ran.stdout
    assert (tmp_path / "images.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.png", "数字.onnx", "数字.py"]


def test_a_file_that_differs_is_not_written(tmp_path):
    with pytest.raises(ExportError, match=r"differs from torch by .* Nothing was written"):
        network(**SMALL).export(tmp_path / "a.onnx", tolerance=1e-30)
    assert list(tmp_path.iterdir()) == []


# ---- the loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sampler", "steps"),
    [
        ("small", "dpm++", 6),
        ("small", "ddim", 5),
        ("small", "dpm++", 1),
        ("small", "ddim", 30),
        ("colour", "dpm++", 4),
        ("classes", "ddim", 4),
        ("noise", "dpm++", 6),
        ("basenn", "dpm++", 3),
    ],
)
def test_the_loop_samples_what_the_runtime_samples(tmp_path, name, sampler, steps):
    model = network(**NETWORKS[name])
    model.export(tmp_path / "one.onnx")
    report = model.export(tmp_path / "all.onnx", sampler=sampler, steps=steps)
    assert report.parity["absolute"] <= 1e-4
    assert_splits_fit_webgpu(tmp_path / "all.onnx")
    one, whole = rt.load(tmp_path / "one.onnx"), rt.load(tmp_path / "all.onnx")
    assert whole.card.diffusion.sampler == SamplerSpec(sampler, steps, 1.0)
    label = [2, 0, 1] if one.card.diffusion.classes else None
    for count in (3, 3):  # the second time nothing is left of the first
        expected = one.sample(num=count, sampler=sampler, steps=steps, seed=3, label=label)
        assert expected.std() > 0.05
        np.testing.assert_allclose(whole.sample(num=count, seed=3, label=label), expected, atol=1e-4)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_stands_in_the_loop(tmp_path, guidance):
    model = network(**NETWORKS["classes"])
    model.export(tmp_path / "all.onnx", sampler="dpm++", steps=4, guidance=guidance)
    whole = rt.load(tmp_path / "all.onnx")
    expected = model.sample(label=[0, 1, 2], guidance=guidance, steps=4, seed=0)
    np.testing.assert_allclose(whole.sample(label=[0, 1, 2], seed=0), expected, atol=1e-4)
    others = model.sample(label=[0, 1, 2], guidance=guidance + 1, steps=4, seed=0)
    assert np.abs(expected - others).max() > 1e-3


def test_any_onnx_runtime_samples_with_one_call(tmp_path):
    model = network(**NETWORKS["classes"])
    model.export(tmp_path / "all.onnx", sampler="dpm++", steps=4)
    file = onnx.load(tmp_path / "all.onnx")
    onnx.checker.check_model(file, full_check=True)
    assert (file.opset_import[0].version, file.ir_version) == (13, 7)
    assert [node.op_type for node in file.graph.node].count("Loop") == 1
    run = session(tmp_path / "all.onnx")
    assert [(i.name, i.type, i.shape) for i in run.get_inputs()] == [
        ("noise", "tensor(float)", ["batch", 1, 8, 8]),
        ("label", "tensor(int64)", ["batch"]),
    ]
    (output,) = run.get_outputs()
    assert (output.name, output.shape) == ("images", ["batch", 1, 8, 8])
    noise = np.random.default_rng(0).standard_normal((5, 1, 8, 8), dtype=np.float32)
    images = run.run(None, {"noise": noise, "label": np.array([0, 1, 2, 3, 0])})[0]
    assert images.shape == noise.shape
    assert 0 <= images.min() < images.max() <= 1


def test_weights_are_stored_once_and_steps_as_a_table(tmp_path):
    model = network(**SMALL)
    model.export(tmp_path / "one.onnx")
    model.export(tmp_path / "all.onnx", sampler="dpm++", steps=6)
    one, whole = (weights_of(onnx.load(tmp_path / name)) for name in ("one.onnx", "all.onnx"))
    convs = [name for name in one if name.endswith(("conv1.weight", "conv2.weight"))]
    assert len(convs) == 14
    assert all(np.array_equal(one[name], whole[name]) for name in convs)
    large = [array.tobytes() for array in whole.values() if array.size > 64]
    assert len(large) == len(set(large))
    total = 2 * sum(block.conv1.out_channels for block in model.model.modules() if hasattr(block, "conv1"))
    assert whole["diffusion_model1.cond.steps"].shape == (6, total)
    assert "diffusion_model1.cond.weight" not in whole


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sampler": "ddpm"}, r"'ddpm' adds new noise at each step.* Choose 'dpm\+\+' or 'ddim'"),
        ({"sampler": "dpm+"}, r"sampler='dpm\+': unknown sampler. Did you mean 'dpm\+\+'\?"),
        ({"sampler": "ddim", "steps": 31}, r"steps=31: expected an integer from 1 to 30"),
        ({"sampler": "ddim", "steps": 0}, r"steps=0: expected"),
        ({"sampler": "ddim", "steps": 2.0}, r"steps=2.0: expected"),
        ({"steps": 5}, r"export\(steps=5\): expected a sampler for these options. Use sampler='dpm\+\+'"),
        ({"sampler": "ddim", "guidance": 2.0}, r"expected a network with classes for guidance"),
        ({"preprocess": "graph"}, r'preprocess="graph": expected .* got a diffusion model'),
        ({"opset_version": 12}, r"opset_version=12: expected at least 13, the default"),
    ],
)
def test_exports_that_do_not_fit(tmp_path, options, says):
    with pytest.raises(ExportError, match=says):
        network(**SMALL).export(tmp_path / "a.onnx", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("guidance", [float("nan"), float("inf"), -1, True, "2"])
def test_guidance_is_a_number(tmp_path, guidance):
    with pytest.raises(ExportError, match=r"expected guidance to be a number from 0 to 1000; 1 is none"):
        network(**NETWORKS["classes"]).export(tmp_path / "a.onnx", sampler="ddim", guidance=guidance)


def test_other_networks_have_no_loop(tmp_path):
    model = nn(verbose=0)
    model.add("linear", size=(2, 3))
    with pytest.raises(ExportError, match=r"only a diffusion model is sampled, and this network is none"):
        model.export(tmp_path / "a.onnx", sampler="dpm++")


@pytest.mark.parametrize("opset", [13, 17, 18, 21])
def test_newer_opsets(tmp_path, opset):
    model = network(**NETWORKS["basenn, attention everywhere"])
    model.export(tmp_path / "one.onnx", opset_version=opset)
    model.export(tmp_path / "all.onnx", opset_version=opset, sampler="dpm++", steps=3, guidance=2.0)


@pytest.mark.slow
def test_the_command_puts_the_loop_into_the_file(tmp_path):
    network(**NETWORKS["classes"]).save(tmp_path / "a.pth")
    options = ["--sampler", "ddim", "--steps", "3", "--guidance", "2", "--json"]
    command = [sys.executable, "-m", "onnxnn_cli", "export", "a.pth", "-o", "a.onnx", *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["parity"]["absolute"] <= 1e-4
    assert rt.load(tmp_path / "a.onnx").card.diffusion.sampler == SamplerSpec("ddim", 3, 2.0)


# ---- the graph's loop ----------------------------------------------------------------------------


def test_a_loop_adds_up(tmp_path):
    graph = GraphBuilder(13)
    three = graph.constant([3], np.float32)

    def body(inner, turn, values):
        total, other = values
        number = inner.node("Cast", turn, to=TensorProto.FLOAT)
        more = inner.node("Mul", number, inner.constant([10], np.float32))
        return [inner.node("Add", total, more), inner.node("Add", other, "scaled")]

    scaled = graph.node("Mul", "input", three, name="scaled")
    assert scaled == "scaled"
    total, other = graph.loop(4, {"input": ["n"], scaled: ["n"]}, body)
    graph.output("total", total)
    graph.output("other", other)
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])
        for name in ("input", "total", "other")
    }
    model = graph.model("test", [values["input"]], [values["total"], values["other"]], 7, {})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, tmp_path / "a.onnx")
    found = session(tmp_path / "a.onnx").run(None, {"input": np.array([1, 2], np.float32)})
    np.testing.assert_array_equal(found, [[61, 62], [15, 30]])
