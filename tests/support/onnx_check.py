"""Comparing a network in torch with its ONNX graph in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from onnxnn.definition.definition import Definition, Net
from onnxnn.definition.dynamic_axes import free_input
from onnxnn.export.model import axis_names
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.shape import Shape


def shake(net: torch.nn.Module, seed: int = 0) -> None:
    """Give batch normalisations the statistics of a trained network: fresh ones hide folding errors."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            for name, low, high in (
                ("running_mean", -0.5, 0.5),
                ("running_var", 0.5, 2.0),
                ("weight", 0.5, 1.5),
                ("bias", -0.5, 0.5),
            ):
                value = getattr(module, name)
                with torch.no_grad():
                    value.copy_(low + (high - low) * torch.rand(value.shape, generator=generator))


def random_input(shape: Shape, batch: int, seed: int = 0) -> torch.Tensor:
    """Return samples of a shape: values in -1..1, or tokens."""
    generator = torch.Generator().manual_seed(seed)
    sizes = (batch, *shape.sizes)
    if shape.axes == ("token",):
        return torch.randint(0, shape.vocabulary or 6, sizes, generator=generator)
    return torch.rand(sizes, generator=generator) * 2 - 1


def nodes_of(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes of a graph and of the graphs inside it."""
    found = []
    for node in graph.node:
        found.append(node)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found += nodes_of(attribute.g)
    return found


def emit(definition: Definition, net: Net, free: Shape | None = None, opset: int = 13) -> onnx.ModelProto:
    """Return the ONNX model of a network, its outputs "output" only."""
    free = free or free_input(definition)
    assert free is not None
    graph = GraphBuilder(opset)
    y, _ = definition.emit(graph, "input", net.eval(), free)
    graph.output("output", y)
    dtype = TensorProto.INT64 if free.axes == ("token",) else TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("input", dtype, ["batch", *axis_names(free)])]
    sizes = definition.shape_after(free).sizes
    dims = ["batch", *(f"out{i}" if size is None else size for i, size in enumerate(sizes))]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, dims)]
    model = graph.model("test", inputs, outputs, 7, {})
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """Run a model on one input."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"input": x})[0]


def largest_difference(
    definition: Definition,
    net: Net,
    shapes: Sequence[Shape],
    opset: int = 13,
    batches: Sequence[int] = (1, 3),
) -> float:
    """Return the largest |ONNX Runtime - torch| over batch sizes and shapes of a sample."""
    model = emit(definition, net, opset=opset)
    worst = 0.0
    for shape in shapes:
        for batch in batches:
            x = random_input(shape, batch, seed=batch)
            with torch.no_grad():
                expected = net(x).numpy()
            found = run(model, x.numpy())
            assert found.shape == expected.shape
            worst = max(worst, float(np.abs(found - expected).max()))
    return worst
