"""Small networks and their cards, to export."""

from __future__ import annotations

import torch
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn_runtime import (
    InputSpec,
    ModelCard,
    OutputSpec,
    Preprocess,
)
from support.onnx_check import shake


def lenet() -> Definition:
    definition = Definition(Shape.image(1, 20, 20))
    definition = definition.with_layer(1, "conv2d", "relu", {"size": (1, 3), "kernel_size": (3, 3)})
    definition = definition.with_layer(2, "batchnorm2d", options={"size": 3})
    definition = definition.with_layer(3, "maxpool", options={"kernel_size": (2, 2)})
    definition = definition.with_layer(
        4, "conv2d", options={"size": (3, 10), "kernel_size": (3, 3), "bias": False}
    )
    definition = definition.with_layer(5, "batchnorm2d")
    definition = definition.with_layer(6, activation="relu", layer=None)
    definition = definition.with_layer(7, "avgpool", options={"kernel_size": (2, 2)})
    definition = definition.with_layer(8, "linear", "relu", {"size": (90, 10)})
    definition = definition.with_layer(9, "dropout", options={"p": 0.2})
    definition = definition.with_layer(10, "linear", "softmax", {"size": (10, 2)})
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
    definition = definition.with_layer(1, "mobilenet_backbone", options={"width": 0.35})
    definition = definition.with_layer(2, "linear", "softmax", {"size": (1280, outputs)})
    return definition
