"""The model card of a network: its input, its output, how it was trained."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.card import Axis, InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn._version import __version__
from onnxnn.data import BY_INDEX, Preparation
from onnxnn.definition.definition import Definition, Placed
from onnxnn.definition.dynamic_axes import free_input, free_output, max_length, min_sizes
from onnxnn.definition.last_layer import last_bounded
from onnxnn.graph.shape import Shape
from onnxnn.layers.registry import immutable

if TYPE_CHECKING:
    from onnxnn.kinds.kind import NetworkKind

_KINDS = {
    ("feature",): "table",
    ("channel", "height", "width"): "array",
    ("time", "feature"): "sequence",
    ("token",): "tokens",
}


def describe(
    kind: NetworkKind,
    preparation: Preparation | None = None,
    before: ModelCard | None = None,
    training: Mapping[str, object] | None = None,
) -> ModelCard:
    """Return the card of a network.

    Args:
        kind: The network, as its kind describes it.
        preparation: How its data is prepared; None where it never had any.
        before: The card of the checkpoint it came from, for what the author said about it.
        training: How it was trained; None keeps what `before` says.

    Raises:
        LayerError: The network has no layers.
    """
    if training is None:
        training = before.training if before else {}
    if preparation is not None and preparation.by_index:
        training = {**training, BY_INDEX: True}
    return ModelCard(
        task=kind.card_task,
        network=kind.definition.to_data(),
        input=kind.input_spec(preparation),
        output=kind.output_spec(preparation),
        training=training,
        license=before.license if before else "",
        note=before.note if before else "",
        diffusion=kind.diffusion_spec(preparation),
    )


def describe_input(definition: Definition, known: Preparation | None) -> InputSpec:
    """Return the input; a size that the network lets vary stands there as the axis's name."""
    shape = free_input(definition)
    if shape is None or not definition.has_layers:
        raise LayerError.coded("E-LAYER-10", "the network has no layers yet. Add some, or load a checkpoint.")
    spec = InputSpec(
        _KINDS.get(shape.axes, "array"),
        _batched(shape),
        num_tokens=definition.vocabulary(),
        max_length=max_length(definition),
        min_sizes=min_sizes(definition),
        dtype="float64" if definition.is_wide else "float32",
        deviations=_deviations(definition, shape),
    )
    if known is None:
        return spec
    return replace(
        spec,
        kind=known.kind,
        preprocess=known.preprocess,
        features=known.features,
        columns=known.columns,
        vocabulary=None if known.vocabulary is None else dict(known.vocabulary),
    )


def describe_output(kind: str, definition: Definition, known: Preparation | None) -> OutputSpec:
    """Return the output; a size that follows one the network lets vary stands there as the axis's name.

    Args:
        kind: "classes", "binary", "values", "embedding", "tokens" or "image".
        definition: The network.
        known: How its data is prepared: the names of classes and targets.
    """
    shape = present(free_output(definition))
    classes = () if known is None else known.classes
    targets = () if known is None else known.targets
    return OutputSpec(
        kind=kind,
        shape=_batched(shape),
        classes=classes,
        embedding=None if kind == "embedding" else definition.feature_size(),
        targets=targets if kind == "values" else (),
        scores=_kind_of_scores(kind, definition),
    )


def how_trained(
    settings: Mapping[str, object], history: list[dict[str, float]], samples: int
) -> dict[str, Any]:
    """Return how a network was trained, as plain JSON data with the library versions."""
    last = dict(history[-1]) if history else {}
    epochs = int(last.pop("epoch", 0))
    kept = ("optimizer", "lr", "loss", "batch_size", "schedule", "clip", "class_weight")
    return {
        "epochs": epochs,
        "samples": samples,
        "final": {name: value for name, value in last.items() if name != "lr"},
        "settings": {name: settings[name] for name in kept if settings.get(name) is not None},
        "versions": {
            "onnxnn": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def describe_added(added: list[Placed], batch_size: int | None = None) -> str:
    """Return what `add` prints: "linear1: size=(4, 10), relu -> [120, 10]"."""
    first = added[0]
    options = [f"{name}={shortened(immutable(value))}" for name, value in first.layer.options().items()]
    options += [placed.layer.kind for placed in added[1:]]
    described = f": {', '.join(options)}" if options else ""
    return f"{first.name}{described} -> {added[-1].out_shape.batched(batch_size)}"


def output_kind(task: str, definition: Definition, num_classes: int) -> str:
    """Return what the output of a feed-forward network is.

    A classifier with more outputs than classes and no softmax or sigmoid at its end is an encoder, as
    the lessons build it: its output is an embedding.
    """
    if task in ("embed", "reg", "gen"):
        return "embedding" if task == "embed" else "values"
    shape = present(free_output(definition))
    units = shape["channel"] if "channel" in shape.axes else shape.sizes[-1]
    ending = definition.custom_ending() or definition.placed()[-1].layer.kind
    if units == 1:
        return "binary"
    if num_classes and units is not None and units > num_classes and ending not in ("softmax", "sigmoid"):
        return "embedding"
    return "classes"


def _deviations(definition: Definition, shape: Shape) -> tuple[float, ...]:
    """Return the deviation of each number of a row or step of a network that takes float64; () for others."""
    is_last = shape.axes[-1] == "feature"
    return definition.entries[0].layer.float64_deviations if is_last else ()


def _kind_of_scores(kind: str, definition: Definition) -> str:
    """Return what the scores of classes are; what is no score of a class is no raw score either."""
    last = last_bounded(definition)
    ending = definition.custom_ending() or (last[1].kind if last else "")
    is_raw = kind in ("classes", "binary") and ending not in ("softmax", "sigmoid")
    return "raw score" if is_raw else "probability"


def _batched(shape: Shape) -> tuple[Axis, ...]:
    sizes = (axis if size is None else size for axis, size in zip(shape.axes, shape.sizes, strict=True))
    return ("batch", *sizes)
