"""From a network to one verified file: names, card, versions, folding, refusals, the sample script."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnxnn_runtime import (
    ExportError,
    InputError,
    InputSpec,
    ModelCard,
    OutputError,
    OutputSpec,
    Preprocess,
    load,
)
from support.onnx_check import emit, largest_difference, shake

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.export import exporter as export
from onnxnn.export import verification as parity
from onnxnn.export.exporter import IR_VERSIONS, OPSETS, export_onnx
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of
from onnxnn.layers import make


def lenet() -> Definition:
    definition = Definition(Shape.image(1, 20, 20))
    definition.add(1, "conv2d", "relu", {"size": (1, 3), "kernel_size": (3, 3)})
    definition.add(2, "batchnorm2d", options={"size": 3})
    definition.add(3, "maxpool", options={"kernel_size": (2, 2)})
    definition.add(4, "conv2d", options={"size": (3, 10), "kernel_size": (3, 3), "bias": False})
    definition.add(5, "batchnorm2d")
    definition.add(6, activation="relu", layer=None)
    definition.add(7, "avgpool", options={"kernel_size": (2, 2)})
    definition.add(8, "linear", "relu", {"size": (90, 10)})
    definition.add(9, "dropout", options={"p": 0.2})
    definition.add(10, "linear", "softmax", {"size": (10, 2)})
    return definition


def built(definition: Definition):
    torch.manual_seed(0)
    net = definition.build()
    shake(net)
    return net


def image_card(
    classes=("cat", "dog"), task="cls", steps=(("resize", 20, 20),), color="grayscale"
) -> ModelCard:
    return ModelCard(
        task, (), InputSpec("image", (), Preprocess(color, steps)), OutputSpec("classes", (), classes)
    )


def encoder_card(task) -> ModelCard:
    spec = InputSpec("image", (), Preprocess("RGB", (("resize", 20, 20),)))
    return ModelCard(task, (), spec, OutputSpec("embedding", (), ("cat", "dog")))


def table_card(kind="values") -> ModelCard:
    return ModelCard("reg", (), InputSpec("table", ()), OutputSpec(kind, ()))


def backbone(outputs: int = 2) -> Definition:
    definition = Definition(Shape.image(3, 32, 32))
    definition.add(1, "mobilenet_backbone", options={"width": 0.35})
    definition.add(2, "linear", "softmax", {"size": (1280, outputs)})
    return definition


def test_graph_names_and_card(tmp_path):
    definition = backbone()
    report = export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "pets.onnx")
    model = load(tmp_path / "pets.onnx", device="cpu")
    assert model.inputs == {"input": ("float32", ("batch", 3, "height", "width"))}
    assert model.outputs == {
        "output": ("float32", ("batch", 2)),
        "embedding": ("float32", ("batch", 1280)),
    }
    assert model.card.input.shape == ("batch", 3, "height", "width")
    assert model.card.output == OutputSpec("classes", ("batch", 2), ("cat", "dog"), 1280)
    assert model.card.network == tuple(definition.to_data())
    assert model.card.parity == report.parity
    assert 0 <= report.parity["absolute"] <= 1e-5
    assert report.size == (tmp_path / "pets.onnx").stat().st_size
    assert os.listdir(tmp_path) == ["pets.onnx"]


def test_xeduhubs_metadata(tmp_path):
    definition = lenet()
    export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")
    metadata = load(tmp_path / "a.onnx", device="cpu").facts.metadata
    assert metadata["input_size"] == "[1, 1, 20, 20]"
    assert metadata["dataset_type"] == "img"


def test_nodes_are_named_after_layers_and_weights_after_the_state_dict():
    definition = lenet()
    graph = emit(definition, built(definition)).graph
    assert [node.name for node in graph.node] == [
        "conv2d1", "relu1", "batchnorm2d2", "maxpool3", "conv2d4", "relu6", "avgpool7",
        "linear8/Flatten" if graph.node[7].op_type != "Flatten" else "linear8", "linear8/Gemm",
        "relu8", "linear10", "softmax10",
    ]  # fmt: skip
    assert {"conv2d1.weight", "conv2d1.bias", "linear10.weight"} <= {w.name for w in graph.initializer}


def test_values_carry_their_sizes_for_viewers(tmp_path):
    definition = lenet()
    export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")
    info = {v.name: v for v in onnx.load(tmp_path / "a.onnx").graph.value_info}
    dims = info["conv2d1"].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["batch", 3, 18, 18]


def test_batch_normalisation_is_folded_and_dropout_gone():
    definition = lenet()
    ops = [node.op_type for node in emit(definition, built(definition)).graph.node]
    # The first stands behind an activation, so it stays; the second is folded into its convolution.
    assert ops.count("BatchNormalization") == 1
    assert "Dropout" not in ops


@pytest.mark.parametrize(
    ("before", "shape", "after"),
    [
        (("conv2d", {"size": 4, "kernel_size": 3}), Shape.image(2, 9, 8), "batchnorm2d"),
        (("conv2d", {"size": 4, "kernel_size": 3, "bias": False}), Shape.image(2, 9, 8), "batchnorm2d"),
        (("conv2d", {"size": 4, "kernel_size": 3, "groups": 2}), Shape.image(2, 9, 8), "batchnorm2d"),
        (("conv1d", {"size": 4, "kernel_size": 3}), Shape.signal(2, 9), "batchnorm1d"),
        (("linear", {"size": 4}), Shape.vector(5), "batchnorm1d"),
        (("linear", {"size": 4, "bias": False}), Shape.vector(5), "batchnorm1d"),
    ],
)
def test_folding_gives_the_same_numbers(before, shape, after):
    definition = Definition(shape)
    definition.add(1, before[0], options=before[1])
    definition.add(2, after)
    net = built(definition)
    model = emit(definition, net)
    assert [node.op_type for node in model.graph.node] in (["Conv"], ["Gemm"])
    assert largest_difference(definition, net, [shape]) <= 1e-5


def test_nothing_is_folded_into_a_value_that_is_read_twice():
    definition = Definition(Shape.vector(5))
    definition.add(1, "linear", options={"size": 4})
    definition.add(2, "batchnorm1d")
    net = built(definition).eval()
    graph = GraphBuilder()
    x = graph.gemm("input", net[0].weight, net[0].bias)
    graph.share(x)
    assert graph.batch_norm(x, net[1], axis=1, rank=2) != x


def test_export_keeps_training_mode(tmp_path):
    definition = lenet()
    net = built(definition).train()
    export_onnx(kind_of("cls", definition), net, image_card(), tmp_path / "a.onnx")
    assert net.training


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("ir_version", IR_VERSIONS)
def test_range_of_versions(tmp_path, opset, ir_version):
    definition = lenet()
    path = tmp_path / "a.onnx"
    report = export_onnx(
        kind_of("cls", definition),
        built(definition),
        image_card(),
        path,
        opset_version=opset,
        ir_version=ir_version,
    )
    model = onnx.load(path)
    assert (model.opset_import[0].version, model.ir_version) == (opset, ir_version)
    assert report.parity["absolute"] <= 1e-5


def test_basenns_versions_work(tmp_path):
    definition = lenet()
    export_onnx(
        kind_of("cls", definition),
        built(definition),
        image_card(),
        tmp_path / "a.onnx",
        opset_version=10,
        ir_version=6,
    )


def test_numbers_of_numpy_are_numbers(tmp_path):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 2), activation="softmax")
    numbers = {"opset_version": np.int64(13), "ir_version": np.int32(7), "tolerance": np.float32(1e-3)}
    model.export(tmp_path / "a.onnx", **numbers)
    written = onnx.load(tmp_path / "a.onnx")
    assert (written.ir_version, written.opset_import[0].version) == (7, 13)


@pytest.mark.parametrize("versions", [{"opset_version": 8}, {"opset_version": 99}, {"opset_version": "13"}])
def test_opsets_outside_the_range_are_refused(tmp_path, versions):
    definition = lenet()
    with pytest.raises(ExportError, match=rf"opset_version=.*: expected {OPSETS[0]} to {OPSETS[1]}"):
        export_onnx(
            kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx", **versions
        )


@pytest.mark.parametrize("ir_version", [1, 3])
def test_before_ir_version_4_the_oldest_that_holds_the_weights_is_written(tmp_path, ir_version):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 2), activation="softmax")
    with pytest.warns(UserWarning, match=f"ir_version={ir_version}: 4 is written") as caught:
        model.convert(out_file=tmp_path / "a.onnx", ir_version=ir_version)
    assert onnx.load(tmp_path / "a.onnx").ir_version == 4
    assert len(caught) == 1


@pytest.mark.parametrize("ir_version", [0, 99, True, "3", None])
def test_ir_versions_outside_the_range_are_refused(tmp_path, ir_version):
    definition = lenet()
    with pytest.raises(ExportError, match=r"ir_version=.*: expected 4 to "):
        export_onnx(
            kind_of("cls", definition),
            built(definition),
            image_card(),
            tmp_path / "a.onnx",
            ir_version=ir_version,
        )


def test_nan_weights_are_refused(tmp_path):
    definition = lenet()
    net = built(definition)
    with torch.no_grad():
        net[0].weight[0] = float("nan")
    with pytest.raises(
        ExportError, match=r"conv2d1.weight holds NaN or infinite numbers: the training diverged"
    ):
        export_onnx(kind_of("cls", definition), net, image_card(), tmp_path / "a.onnx")
    assert os.listdir(tmp_path) == []


def test_a_file_that_differs_from_torch_is_not_left(tmp_path, monkeypatch):
    definition = lenet()
    net = built(definition)
    (tmp_path / "a.onnx").write_bytes(b"the old file")
    emit_right = Definition.emit

    def emit_wrong(self, graph, x, module, shape):
        found = emit_right(self, graph, x, module, shape)
        graph.weights["linear10.weight"] = graph.weights["linear10.weight"] * 1.01
        return found

    monkeypatch.setattr(Definition, "emit", emit_wrong)
    with pytest.raises(ExportError, match=r"differs from torch by .* expected at most 0.0001. Nothing was"):
        export_onnx(kind_of("cls", definition), net, image_card(), tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"the old file"
    assert os.listdir(tmp_path) == ["a.onnx"]


def test_the_embedding_is_compared_too(tmp_path, monkeypatch):
    definition = lenet()
    emit_right = Definition.emit

    def emit_wrong(self, graph, x, module, shape):
        y, feature = emit_right(self, graph, x, module, shape)
        return y, graph.node("Neg", feature)

    monkeypatch.setattr(Definition, "emit", emit_wrong)
    with pytest.raises(ExportError, match="differs from torch"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")


def test_an_invalid_graph_is_refused(tmp_path, monkeypatch):
    definition = lenet()
    monkeypatch.setattr(
        Definition, "emit", lambda self, graph, x, net, shape: (graph.node("Relu", "no"), None)
    )
    with pytest.raises(ExportError, match="the graph is not valid ONNX"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")


def test_more_than_two_gigabytes_are_refused(tmp_path, monkeypatch):
    definition = lenet()
    monkeypatch.setattr(export, "MAX_BYTES", 2**20 + 1000)
    with pytest.raises(ExportError, match=r"at most 2 GiB, which one ONNX file holds"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    definition = lenet()
    with pytest.raises(OutputError, match=r"cannot write .*a.onnx"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "file" / "a.onnx")


def test_an_empty_network_is_refused(tmp_path):
    definition = Definition(Shape.vector(3))
    with pytest.raises(ExportError, match=r"there is nothing to export\. Add layers first"):
        export_onnx(kind_of("cls", definition), definition.build(), table_card(), tmp_path / "a.onnx")


@pytest.mark.parametrize(("outputs", "task"), [(1000, "cls"), (16, "embed")])
def test_an_encoders_output_is_the_embedding(tmp_path, outputs, task):
    definition = backbone(outputs)
    export_onnx(kind_of("cls", definition), built(definition), encoder_card(task), tmp_path / "a.onnx")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert list(model.outputs) == ["output"]
    assert model.card.output.kind == "embedding"
    assert model.card.output.shape == ("batch", outputs)
    assert model.embed(np.zeros((20, 20, 3), np.uint8)).shape == (1, outputs)


def test_mobilenets_own_features_are_an_output(tmp_path):
    definition = Definition(Shape.image(3, 32, 32))
    definition.add(1, "mobilenet", "softmax", {"width": 0.35, "num_classes": 2})
    export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")
    assert load(tmp_path / "a.onnx", device="cpu").card.output.embedding == 1280


def test_a_head_on_the_input_has_no_feature_vector(tmp_path):
    definition = Definition(Shape.vector(4))
    definition.add(1, "linear", options={"size": (4, 1)})
    export_onnx(kind_of("cls", definition), built(definition), table_card(), tmp_path / "a.onnx")
    assert list(load(tmp_path / "a.onnx", device="cpu").outputs) == ["output"]


def test_standardisation_is_the_first_operation(tmp_path):
    definition = Definition()
    definition.set_input(Shape.vector(2), make("normalize", {"mean": (2000.0, 5.0), "std": (10.0, 0.1)}))
    definition.add(1, "linear", options={"size": (2, 1)})
    report = export_onnx(kind_of("cls", definition), built(definition), table_card(), tmp_path / "a.onnx")
    assert report.parity["absolute"] <= 1e-5
    nodes = onnx.load(tmp_path / "a.onnx").graph.node
    assert [node.op_type for node in nodes] == ["Sub", "Div", "Gemm"]


def test_sequences_stay_free_in_time(tmp_path):
    definition = Definition(Shape.sequence(7, 4))
    definition.add(1, "linear", "tanh", {"size": (4, 3)})
    card = ModelCard("reg", (), InputSpec("sequence", ()), OutputSpec("values", ()))
    export_onnx(kind_of("cls", definition), built(definition), card, tmp_path / "a.onnx")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.inputs["input"][1] == ("batch", "time", 4)
    assert model.outputs["output"][1] == ("batch", "time", 3)


def test_a_picture_that_shrinks_has_its_own_axis_names(tmp_path):
    definition = Definition(Shape.image(1, 9, 8))
    definition.add(1, "conv2d", options={"size": 2, "kernel_size": 3})
    export_onnx(kind_of("cls", definition), built(definition), image_card(()), tmp_path / "a.onnx")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.outputs["output"][1] == ("batch", 2, "output_height", "output_width")


@pytest.mark.parametrize("kind", ["image", "table", "long", "encoder"])
def test_the_sample_script_runs_as_it_is(tmp_path, kind):
    generator = np.random.default_rng(0)
    if kind == "image":
        definition, card = lenet(), image_card()
        example = generator.integers(0, 256, (25, 30, 1), dtype=np.uint8)
    elif kind == "encoder":
        definition, card, example = backbone(16), encoder_card("embed"), None
    else:
        features = 4 if kind == "table" else 100
        definition, card = Definition(Shape.vector(features)), table_card()
        definition.add(1, "linear", options={"size": (features, 2)})
        example = generator.random(features, np.float32)
    folder = tmp_path / "模型 1"
    export_onnx(
        kind_of("cls", definition),
        built(definition),
        card,
        folder / "数字.onnx",
        script=True,
        example=example,
    )
    script = folder / "数字.py"
    assert "import onnxnn_runtime as rt" in script.read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    start = {"image": ("cat", "dog"), "encoder": ("(16,)",)}.get(kind, ("{",))
    assert done.stdout.startswith(start)


def ran(script, capsys):
    """Run a script in this process, which is faster than another one, and return what it prints."""
    capsys.readouterr()
    runpy.run_path(str(script))
    return capsys.readouterr().out


@pytest.mark.parametrize("shape", [(1, 6, 5), (3, 6, 3), (3, 4, 9)])
def test_the_script_of_float_pictures_gives_what_the_array_gives(tmp_path, capsys, shape):
    x = np.random.default_rng(0).integers(0, 256, (6, *shape)) / 255
    model = nn("cls", verbose=0)
    model.load_dataset(x, [0, 1] * 3, classes=["cat", "dog"])
    model.add("linear", size=2, activation="softmax")
    model.convert(out_file=tmp_path / "a.onnx")
    label, score = ran(tmp_path / "a.py", capsys).split()
    expected = model.inference(x[:1])[0]
    assert label == ["cat", "dog"][expected.argmax()]
    assert float(score) == pytest.approx(expected.max(), abs=1e-6)


@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (2, "softmax"), (4, "softmax")])
def test_the_script_of_a_network_that_classifies_each_step_prints_labels(tmp_path, capsys, units, activation):
    x = np.random.default_rng(0).random((6, 5, 3))
    model = nn("cls", verbose=0)
    model.load_dataset(x, np.arange(30).reshape(6, 5) % 2, classes=["no", "yes"])
    model.add("rnn", size=(3, 4))
    model.add("linear", size=(4, units), activation=activation)
    model.convert(out_file=tmp_path / "a.onnx")
    result = model.inference(x[:1])
    labels = model.print_result(result)[0]["预测值"] if units <= 2 else result[0].argmax(axis=1)
    assert ran(tmp_path / "a.py", capsys) == f"{labels}\n"


def test_a_checkpoint_is_never_replaced(tmp_path):
    (tmp_path / "basenn.pth").write_bytes(b"PK\x03\x04 a checkpoint")
    definition = lenet()
    with pytest.raises(ExportError, match=r"is a checkpoint or a file of arrays.*such as 'basenn\.onnx'"):
        export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "basenn.pth")
    assert (tmp_path / "basenn.pth").read_bytes() == b"PK\x03\x04 a checkpoint"


def test_a_script_of_the_users_own_is_never_replaced(tmp_path):
    (tmp_path / "pets.py").write_text("print('mine')")
    definition = lenet()
    with pytest.warns(UserWarning, match=r"pets.py: exists already and was not written by export"):
        export_onnx(
            kind_of("cls", definition), built(definition), image_card(), tmp_path / "pets.onnx", script=True
        )
    assert (tmp_path / "pets.py").read_text() == "print('mine')"
    for _ in range(2):  # one of ours is replaced
        export_onnx(
            kind_of("cls", definition), built(definition), image_card(), tmp_path / "cats.onnx", script=True
        )


def test_probing_says_when_no_size_fits():
    definition = Definition()
    definition.add(1, "conv2d", options={"size": (1, 1), "kernel_size": 300})
    with pytest.raises(ExportError, match="Load data before exporting"):
        parity.probe_shapes(definition, definition.input_shape)


@pytest.mark.parametrize("color", ["RGB", "grayscale"])
def test_preprocessing_in_the_graph(tmp_path, color):
    channels = 3 if color == "RGB" else 1
    definition = Definition(Shape.image(channels, 16, 12))
    definition.add(1, "conv2d", "relu", {"size": 4, "kernel_size": 3})
    definition.add(2, "linear", "softmax", {"size": 2})
    net = built(definition)
    card = image_card(steps=(("resize_short", 20), ("center_crop", 16, 12)), color=color)
    path = tmp_path / "a.onnx"
    report = export_onnx(kind_of("cls", definition), net, card, path, preprocess="graph")
    assert report.parity["absolute"] <= 1e-5
    model = load(path, device="cpu")
    assert model.inputs == {"input": ("uint8", ("batch", "height", "width", 3))}
    assert model.card.input.in_graph
    picture = np.random.default_rng(1).integers(0, 256, (40, 33, 3), dtype=np.uint8)
    expected = net.eval()(torch.from_numpy(card.input.preprocess(picture)[None])).detach().numpy()
    np.testing.assert_allclose(model.infer(picture[None]), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(picture)[0].scores, expected[0], atol=1e-6)


def test_preprocessing_in_the_graph_without_a_resize_fixes_the_size(tmp_path):
    definition = lenet()
    card = image_card(steps=(("pad", 1, 2, 1, 0, 7),))
    export_onnx(kind_of("cls", definition), built(definition), card, tmp_path / "a.onnx", preprocess="graph")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.inputs["input"][1] == ("batch", 18, 18, 3)


def test_preprocessing_in_the_graph_is_for_pictures(tmp_path):
    definition = Definition(Shape.vector(4))
    definition.add(1, "linear", options={"size": 2})
    with pytest.raises(
        ExportError, match=r'preprocess="graph": expected a network that takes images, got one that takes'
    ):
        export_onnx(
            kind_of("cls", definition),
            built(definition),
            table_card(),
            tmp_path / "a.onnx",
            preprocess="graph",
        )
    with pytest.raises(ExportError, match=r'preprocess="graph": expected opset_version=13 or newer, got 12'):
        export_onnx(
            kind_of("cls", lenet()),
            built(lenet()),
            image_card(),
            tmp_path / "a.onnx",
            preprocess="graph",
            opset_version=12,
        )
    with pytest.raises(ExportError, match=r"""preprocess='inside': expected "runtime" or "graph"."""):
        export_onnx(
            kind_of("cls", lenet()), built(lenet()), image_card(), tmp_path / "a.onnx", preprocess="inside"
        )


def without_a_fixed_size(channels=3) -> Definition:
    definition = Definition(Shape.image(channels, 20, 20))
    definition.add(1, "conv2d", options={"size": 2, "kernel_size": 3})
    definition.add(2, "maxpool", options={"kernel_size": (2, 1)})
    definition.add(3, "global_avgpool")
    definition.add(4, "linear", "softmax", {"size": 2})
    return definition


def test_the_card_says_how_small_an_input_may_be(tmp_path):
    definition = without_a_fixed_size()
    export_onnx(
        kind_of("cls", definition), built(definition), image_card(steps=(), color="RGB"), tmp_path / "a.onnx"
    )
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.card.input.min_sizes == {"height": 4, "width": 3}
    assert len(model.predict(np.zeros((1, 3, 4, 3), np.float32))) == 1
    with pytest.raises(InputError, match="expected images of at least 4 x 3, got 3 x 3"):
        model.predict(np.zeros((3, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("steps", "sizes"),
    [
        ((), {"height": 4, "width": 3}),
        ((("pad", 1, 0, 1, 1, 7),), {"height": 3}),
        ((("resize", 20, 20),), {}),
        ((("resize_short", 20),), {}),
    ],
)
def test_preprocessing_in_the_graph_changes_how_small_a_picture_may_be(tmp_path, steps, sizes):
    definition = without_a_fixed_size()
    card = image_card(steps=steps, color="RGB")
    export_onnx(kind_of("cls", definition), built(definition), card, tmp_path / "a.onnx", preprocess="graph")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.card.input.min_sizes == sizes
    smallest = np.zeros((1, sizes.get("height", 1), sizes.get("width", 1), 3), np.uint8)
    assert len(model.infer(smallest)) == 1
    if sizes:
        with pytest.raises(InputError, match="expected images of at least"):
            model.infer(smallest[:, 1:])
