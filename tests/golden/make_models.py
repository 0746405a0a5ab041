"""Write the small ONNX files that the runtime's tests open: python tests/golden/make_models.py.

Needs `onnx`; the tests themselves need neither `onnx` nor torch, so the files are kept beside this
script. Weights are small round numbers, so that tests can compute every answer with NumPy.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxnn_runtime import (
    DiffusionSpec,
    InputSpec,
    ModelCard,
    OutputSpec,
    Preprocess,
    SamplerSpec,
    Schedule,
    StateSpec,
)
from onnxnn_runtime.card.columns import ColumnSpec
from onnxnn_runtime.unknown import fit

FOLDER = Path(__file__).parent / "models"
CHANNEL_WEIGHTS = np.array([[4.0, 0.0], [0.0, 2.0], [0.0, 4.0]], np.float32)


def node(kind: str, inputs: list[str], output: str, **attributes: object) -> NodeProto:
    """Return one node."""
    return helper.make_node(kind, inputs, [output], name=output, **attributes)


def value(name: str, shape: list[object], kind: int = TensorProto.FLOAT) -> object:
    """Return the declaration of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    graph: GraphProto, card: ModelCard | None = None, opset: int = 13, ir_version: int = 7
) -> ModelProto:
    """Return a model with its card in the metadata."""
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="golden")
    built.ir_version = ir_version
    if card is not None:
        helper.set_model_props(built, {"onnxnn": card.to_json()})
    return built


def save(name: str, built: ModelProto) -> None:
    """Write one file."""
    (FOLDER / f"{name}.onnx").write_bytes(built.SerializeToString())


def channel_means(name: str, shape: list[object], outputs: list[object], tail: list[NodeProto]) -> GraphProto:
    """Return a graph that averages each channel into `embedding` and continues with `tail`."""
    nodes = [node("GlobalAveragePool", ["input"], "pooled"), node("Flatten", ["pooled"], "embedding"), *tail]
    weights = [numpy_helper.from_array(CHANNEL_WEIGHTS, "weight")]
    return helper.make_graph(nodes, name, [value("input", shape)], outputs, weights)


def images() -> None:
    """Images: classes, an embedding, one sigmoid, preprocessing in the graph."""
    free: list[object] = ["batch", 3, "height", "width"]
    spec = InputSpec("image", ("batch", 3, "height", "width"), Preprocess("RGB", (("resize", 8, 8),)))
    outputs = [value("output", ["batch", 2]), value("embedding", ["batch", 3])]
    softmax = [
        node("MatMul", ["embedding", "weight"], "scores"),
        node("Softmax", ["scores"], "output", axis=1),
    ]
    graph = channel_means("image_classifier", free, outputs, softmax)
    classes = OutputSpec("classes", ("batch", 2), ("red", "绿"), 3)
    save("image_classifier", model(graph, ModelCard("cls", (), spec, classes)))
    references = np.eye(3)[np.arange(20) % 2] + 0.05 * np.random.RandomState(1).rand(20, 3)
    unknown = fit(references, np.arange(20) % 2)
    save("image_unknown", model(graph, ModelCard("cls", (), spec, classes, unknown=unknown)))
    sizes: list[object] = ["batch", 2, "height", "width"]
    maps = node("Conv", ["input", "map_weight"], "heatmap", kernel_shape=[1, 1])
    mapped = channel_means("image_heatmap", free, [*outputs, value("heatmap", sizes)], [*softmax, maps])
    mapped.initializer.append(
        numpy_helper.from_array(CHANNEL_WEIGHTS.T[:, :, None, None].copy(), "map_weight")
    )
    crop = Preprocess(steps=(("resize_short", 8), ("center_crop", 8, 8)))
    cropped = InputSpec("image", ("batch", 3, "height", "width"), crop)
    save("image_heatmap", model(mapped, ModelCard("cls", (), cropped, classes)))
    save("no_card", model(graph))
    save("too_new", model(graph, opset=99, ir_version=99))

    any_size = InputSpec("image", ("batch", 3, "height", "width"), Preprocess())
    save("image_any_size", model(graph, ModelCard("cls", (), any_size, classes)))
    fixed = InputSpec("image", ("batch", 3, 6, 5), Preprocess())
    graph = channel_means("image_fixed", ["batch", 3, 6, 5], outputs, softmax)
    save("image_fixed", model(graph, ModelCard("cls", (), fixed, classes)))

    vector = [node("MatMul", ["embedding", "weight"], "output")]
    graph = channel_means("image_embedder", free, [value("output", ["batch", 2])], vector)
    embedding = OutputSpec("embedding", ("batch", 2))
    save("image_embedder", model(graph, ModelCard("embed", (), spec, embedding)))

    nodes = [
        node("GlobalAveragePool", ["input"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        node("Sub", ["flat", "half"], "centred"),
        node("Sigmoid", ["centred"], "output"),
    ]
    half = [numpy_helper.from_array(np.array(0.5, np.float32), "half")]
    grey: list[object] = ["batch", 1, "height", "width"]
    graph = helper.make_graph(nodes, "binary", [value("input", grey)], [value("output", ["batch", 1])], half)
    spec = InputSpec("image", ("batch", 1, "height", "width"), Preprocess("grayscale", (("resize", 4, 4),)))
    output = OutputSpec("binary", ("batch", 1), ("dark", "bright"))
    save("binary", model(graph, ModelCard("cls", (), spec, output)))

    nodes = [
        node("Cast", ["input"], "float", to=TensorProto.FLOAT),
        node("Transpose", ["float"], "planes", perm=[0, 3, 1, 2]),
        node("GlobalAveragePool", ["planes"], "pooled"),
        node("Flatten", ["pooled"], "output"),
    ]
    raw = value("input", ["batch", "height", "width", 3], TensorProto.UINT8)
    graph = helper.make_graph(nodes, "image_in_graph", [raw], [value("output", ["batch", 3])])
    spec = InputSpec(
        "image", ("batch", "height", "width", 3), Preprocess("RGB", (("resize", 8, 8),)), in_graph=True
    )
    save("image_in_graph", model(graph, ModelCard("embed", (), spec, OutputSpec("embedding", ("batch", 3)))))


def mixed() -> None:
    """A table of a number, a town, a date and a boolean; gaps become 5, and one of `size` is marked."""
    columns = (
        ColumnSpec("size", "number"),
        ColumnSpec("town", "categorical", ("Oslo", "上海", "")),
        ColumnSpec("plate", "ignore"),
        ColumnSpec("built", "date", parts=("year", "weekday")),
        ColumnSpec("garden", "boolean"),
    )
    fill = numpy_helper.from_array(np.full(7, 5, np.float32), "fill")
    place = numpy_helper.from_array(np.array([0]), "place")
    nodes = [
        node("IsNaN", ["input"], "gaps"),
        node("Where", ["gaps", "fill", "input"], "filled"),
        node("Gather", ["gaps", "place"], "marked", axis=1),
        node("Cast", ["marked"], "indicator", to=TensorProto.FLOAT),
        node("Concat", ["filled", "indicator"], "output", axis=1),
    ]
    inputs, outputs = [value("input", ["batch", 7])], [value("output", ["batch", 8])]
    graph = helper.make_graph(nodes, "mixed", inputs, outputs, [fill, place])
    names = tuple(column.name for column in columns if column.is_used)
    spec = InputSpec("table", ("batch", 7), features=names, columns=columns)
    save("mixed", model(graph, ModelCard("reg", (), spec, OutputSpec("values", ("batch", 8)))))


def numbers() -> None:
    """Tables, sequences, tokens, several inputs."""
    weight = numpy_helper.from_array(np.array([[1, 0, -1], [0, 1, 0.5]], np.float32), "weight")
    nodes = [node("MatMul", ["input", "weight"], "scores"), node("Softmax", ["scores"], "output", axis=1)]
    inputs, outputs = [value("input", ["batch", 2])], [value("output", ["batch", 3])]
    graph = helper.make_graph(nodes, "table", inputs, outputs, [weight])
    spec = InputSpec("table", ("batch", 2), features=("length", "宽"))
    save(
        "table",
        model(graph, ModelCard("cls", (), spec, OutputSpec("classes", ("batch", 3), ("a", "b", "c")))),
    )

    mixed()
    graph = helper.make_graph(
        [node("MatMul", ["input", "weight"], "output")], "values", inputs, outputs, [weight]
    )
    output = OutputSpec("values", ("batch", 3), targets=("x", "y"))
    save("values", model(graph, ModelCard("reg", (), InputSpec("table", ("batch", 2)), output)))

    nodes = [node("ReduceMean", ["input"], "output", axes=[1], keepdims=0)]
    steps = [value("input", ["batch", "time", 2])]
    graph = helper.make_graph(nodes, "sequence", steps, [value("output", ["batch", 2])])
    spec = InputSpec("sequence", ("batch", "time", 2))
    output = OutputSpec("classes", ("batch", 2), ("still", "moving"))
    save("sequence", model(graph, ModelCard("cls", (), spec, output)))

    table = numpy_helper.from_array(np.eye(3, dtype=np.float32), "table")
    nodes = [
        node("Gather", ["table", "input"], "rows", axis=0),
        node("ReduceMean", ["rows"], "output", axes=[1], keepdims=0),
    ]
    tokens = [value("input", ["batch", "token"], TensorProto.INT64)]
    graph = helper.make_graph(nodes, "tokens", tokens, [value("output", ["batch", 3])], [table])
    spec = InputSpec("tokens", ("batch", "token"), vocabulary={"好": 0, "b": 1, "c": 2})
    output = OutputSpec("classes", ("batch", 3), ("x", "y", "z"))
    save("tokens", model(graph, ModelCard("cls", (), spec, output)))

    nodes = [node("Add", ["a", "b"], "sum"), node("Sub", ["a", "b"], "difference")]
    both = [value("a", ["batch", 2]), value("b", ["batch", 2])]
    results = [value("sum", ["batch", 2]), value("difference", ["batch", 2])]
    save("two_inputs", model(helper.make_graph(nodes, "two_inputs", both, results)))


def text() -> None:
    """A network that writes text: an RNN of four tokens that prefers to go through them in a circle."""
    size = 4
    weights = {
        "table": np.eye(size),
        "W": 2 * np.roll(np.eye(size), 1, axis=0)[np.newaxis],  # token i asks for token i + 1
        "R": -0.5 * np.eye(size)[np.newaxis],
        "scale": np.array(3.0),
    }
    nodes = [
        node("Gather", ["table", "input"], "rows", axis=0),
        node("Transpose", ["rows"], "steps", perm=[1, 0, 2]),
        helper.make_node(
            "RNN", ["steps", "W", "R", "", "", "state0"], ["h", "next_state0"], hidden_size=size
        ),
        node("Squeeze", ["h", "axis"], "flat"),
        node("Transpose", ["flat"], "sequence", perm=[1, 0, 2]),
        node("Mul", ["sequence", "scale"], "scores"),
        node("Softmax", ["scores"], "output", axis=2),
    ]
    state: list[object] = [1, "batch", size]
    inputs = [value("input", ["batch", "time"], TensorProto.INT64), value("state0", state)]
    outputs = [value("output", ["batch", "time", size]), value("next_state0", state)]
    stored = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    stored.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    spec = InputSpec(
        "tokens",
        ("batch", "time"),
        vocabulary={"春": 0, "江": 1, "花": 2, "月": 3},
        states=(StateSpec("state0", "next_state0", (1, "batch", size)),),
    )
    card = ModelCard("gen", (), spec, OutputSpec("tokens", ("batch", "time", size)))
    save("text", model(helper.make_graph(nodes, "text", inputs, outputs, stored), card))


def diffusion() -> None:
    """Networks that know what they will draw: each class is one image, grey 0.3, or 0.2 and 0.9."""
    grey = DiffusionSpec(Schedule(30, "cosine", "v"), (1, 4, 5))
    save("denoiser", model(denoiser(grey, np.full((1, 1, 1, 1), 0.3)), diffusion_card(grey)))
    both = DiffusionSpec(Schedule(40, "linear", "noise"), (3, 6, 4), ("红", "blue"))
    known = np.array([0.2, 0.9, 0.5]).reshape(3, 1, 1, 1)  # the last one where there is no label
    save("denoiser_classes", model(denoiser(both, known), diffusion_card(both)))

    nodes = [node("Mul", ["noise", "tenth"], "little"), node("Add", ["little", "half"], "images")]
    numbers = {"tenth": 0.1, "half": 0.5}
    stored = [numpy_helper.from_array(np.array(each, np.float32), name) for name, each in numbers.items()]
    looped = replace(grey, sampler=SamplerSpec("ddim", 10))
    shape = ["batch", *grey.shape]
    graph = helper.make_graph(nodes, "loop", [value("noise", shape)], [value("images", shape)], stored)
    save("loop", model(graph, diffusion_card(looped)))


def diffusion_card(spec: DiffusionSpec) -> ModelCard:
    """Return the card of a diffusion model."""
    channels, height, width = spec.shape
    preprocess = Preprocess("grayscale" if channels == 1 else "RGB", (("resize", height, width),))
    taken = InputSpec("image", ("batch", *spec.shape), preprocess)
    return ModelCard("gen", (), taken, OutputSpec("image", ("batch", *spec.shape)), diffusion=spec)


def denoiser(spec: DiffusionSpec, known: np.ndarray) -> GraphProto:
    """Return the graph that predicts as if x were noise over a known image, for each label one, in 0..1."""
    left = spec.schedule.alphas_cumprod.reshape(-1, 1, 1, 1)
    tables = {"signals": np.sqrt(left), "strengths": np.sqrt(1 - left), "images": 2 * known - 1}
    stored = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in tables.items()]
    nodes = [
        node("Gather", ["signals", "t"], "signal"),
        node("Gather", ["strengths", "t"], "strength"),
        node("Mul", ["signal", "image"], "left"),
        node("Sub", ["x", "left"], "laid"),
    ]
    inputs = [value("x", ["batch", *spec.shape]), value("t", ["batch"], TensorProto.INT64)]
    if spec.classes:
        inputs.append(value("label", ["batch"], TensorProto.INT64))
        nodes.insert(0, node("Gather", ["images", "label"], "image"))
    else:
        nodes.insert(0, node("Identity", ["images"], "image"))
    if spec.schedule.prediction == "noise":
        nodes.append(node("Div", ["laid", "strength"], "output"))
    else:
        nodes += [
            node("Div", ["laid", "strength"], "noise"),
            node("Mul", ["signal", "noise"], "some"),
            node("Mul", ["strength", "image"], "other"),
            node("Sub", ["some", "other"], "output"),
        ]
    return helper.make_graph(nodes, "denoiser", inputs, [value("output", ["batch", *spec.shape])], stored)


def external() -> None:
    """Files that point to other files: in the open, and hidden in a branch of an If."""
    elsewhere = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[2])
    elsewhere.data_location = TensorProto.EXTERNAL
    elsewhere.external_data.add(key="location", value="../secret.bin")
    inputs, outputs = [value("input", ["batch", 2])], [value("output", ["batch", 2])]
    add = node("Add", ["input", "weight"], "output")
    save("external", model(helper.make_graph([add], "external", inputs, outputs, [elsewhere])))

    def branch(name: str, tensor: TensorProto) -> GraphProto:
        constant = helper.make_node("Constant", [], [name], value=tensor)
        return helper.make_graph([constant], name, [], [value(name, [2])])

    inside = numpy_helper.from_array(np.ones(2, np.float32))
    choose = node(
        "If", ["truth"], "chosen", then_branch=branch("then", elsewhere), else_branch=branch("else", inside)
    )
    truth = numpy_helper.from_array(np.array(True), "truth")
    nodes = [choose, node("Add", ["input", "chosen"], "output")]
    save("external_inside", model(helper.make_graph(nodes, "external", inputs, outputs, [truth])))


def resize() -> None:
    """Resize an image by an independent implementation: torch's antialiased bilinear."""
    import torch

    image = np.random.default_rng(0).integers(0, 256, (3, 23, 31), dtype=np.uint8)
    arrays = {"image": image.transpose(1, 2, 0)}
    for height, width in ((8, 8), (11, 40), (40, 11)):
        resized = torch.nn.functional.interpolate(
            torch.from_numpy(image)[None].double(), (height, width), mode="bilinear", antialias=True
        )
        arrays[f"{height}x{width}"] = resized[0].numpy().transpose(1, 2, 0)
    np.savez_compressed(Path(__file__).parent / "resize.npz", **arrays)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    images()
    numbers()
    text()
    diffusion()
    external()
    resize()
