"""The whole sampling loop of a diffusion model as ONNX nodes, from noise to images.

The table of `onnxnn_runtime.diffusion.sampler` stands in the graph as constants, one row for each
step of an ONNX `Loop`. Only samplers that add no new noise at a step can be written so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.arrays.numbers import is_number
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.diffusion import DiffusionSpec, SamplerSpec
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.diffusion.labels import MOST_GUIDANCE
from onnxnn_runtime.diffusion.sampler import make_plan
from onnxnn_runtime.errors import ExportError, InputError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.definition.definition import Definition, Net
from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.layers.diffusion import label_input
from onnxnn.models.unet import Denoiser

from .options import ExportOptions

OPSET = 13
"""The oldest opset in which diffusion models are written."""


def with_loop(card: ModelCard, options: ExportOptions) -> ModelCard:
    """Return the card of a file that holds the loop; without a sampler, the card as it is.

    Args:
        card: The network's.
        options: Which sampler, how many steps, and how strongly images follow their label.

    Raises:
        ExportError: An option has a wrong value, or the network is no diffusion model.
    """
    spec = ModelKind(card).sampling
    asked = {name: getattr(options, name) for name in ("sampler", "steps", "guidance")}
    given = ", ".join(f"{name}={shortened(value)}" for name, value in asked.items() if value is not None)
    if not given:
        return card
    if spec is None:
        raise ExportError.coded(
            "E-EXPORT-01",
            "export({options}): only a diffusion model is sampled, and this network is none. Leave these "
            "options out.",
            options=given,
        )
    if options.sampler is None:
        raise ExportError.coded(
            "E-EXPORT-01",
            "export({options}): expected a sampler for these options. Use sampler='dpm++' to put the "
            "sampling loop into the file.",
            options=given,
        )
    try:
        plan = make_plan(spec.schedule, options.sampler, options.steps)
    except InputError as error:
        raise ExportError.coded(
            "E-EXPORT-01", "export({options}): {error}", options=given, error=error
        ) from error
    if plan.draws:
        raise ExportError.coded(
            "E-EXPORT-01",
            "export({options}): {sampler} adds new noise at each step, and a graph takes noise only at "
            "the beginning. Choose 'dpm++' or 'ddim', or leave sampler out: then the runtime samples.",
            options=given,
            sampler=shortened(options.sampler),
        )
    strength = _guidance(options.guidance, spec, given)
    return replace(card, diffusion=replace(spec, sampler=SamplerSpec(options.sampler, len(plan), strength)))


def _guidance(guidance: object, spec: DiffusionSpec, given: str) -> float:
    """Return how strongly images follow their label; `given` is the options as messages name them."""
    if guidance is None:
        return 1.0
    if not spec.classes:
        raise ExportError.coded(
            "E-EXPORT-01",
            "export({options}): expected a network with classes for guidance, got one without. Leave "
            "guidance out.",
            options=given,
        )
    if not is_number(guidance) or not 0 <= guidance <= MOST_GUIDANCE:
        raise ExportError.coded(
            "E-EXPORT-01",
            "export({options}): expected guidance to be a number from 0 to {most}; 1 is none, 2 is usual.",
            options=given,
            most=MOST_GUIDANCE,
        )
    return guidance


def check(opset: int, in_graph: bool) -> None:
    """Refuse what a diffusion model's file cannot be.

    Raises:
        ExportError: The opset is too old, or preprocessing is to stand in the graph.
    """
    if opset < OPSET:
        raise ExportError.coded(
            "E-EXPORT-01",
            "opset_version={opset}: expected at least {oldest}, the default, for a diffusion model.",
            opset=opset,
            oldest=OPSET,
        )
    if in_graph:
        raise ExportError.coded(
            "E-EXPORT-01",
            'preprocess="graph": expected a network that takes images, got a diffusion model, which '
            "takes noise. Leave preprocess out.",
        )


def emit(graph: GraphBuilder, definition: Definition, net: Net, spec: DiffusionSpec, noise: Value) -> Value:
    """Write the loop around a network's only layer; return the images."""
    (placed,) = definition.placed()
    denoiser = instance(net.get_submodule(placed.name), Denoiser)
    return emit_loop(graph, denoiser, spec, placed.name, noise, label_input(graph, denoiser))


def emit_loop(
    graph: GraphBuilder, denoiser: Denoiser, spec: DiffusionSpec, name: str, noise: Value, label: Value | None
) -> Value:
    """Write nodes that turn noise into images.

    Args:
        graph: Where to.
        denoiser: The network.
        spec: The card's schedule and loop.
        name: The layer's name.
        noise: float32 (N, C, H, W), standard normal.
        label: int64 (N,), 0 to num_classes; None for networks without classes.

    Returns:
        The images, float32 (N, C, H, W) in 0..1.
    """
    sampler = present(spec.sampler)
    plan = make_plan(spec.schedule, sampler.name, sampler.steps)
    factors = np.concatenate([plan.to_clean, plan.update[:, :3]], axis=1).astype(np.float32)
    remembers = bool(factors[:, 4].any())
    guidance = sampler.guidance
    guided = label is not None and guidance != 1
    if guided:
        label = present(label)
        none = graph.node("Mul", label, graph.constant(0))
        none = graph.node("Add", none, graph.constant(denoiser.num_classes))
        label = graph.node("Concat", label, none, axis=0)

    def predict(inner: GraphBuilder, x: Value, row: Value) -> Value:
        """Ho & Salimans 2022, eq. 6: (1 - guidance) none + guidance labelled, both halves in one batch."""
        both = inner.node("Concat", x, x, axis=0) if guided else x
        with inner.scope(name):
            y = denoiser.emit(inner, both, row, label, plan.timesteps.tolist())
        if not guided:
            return y
        halves = inner.reshape(y, 2, -1, *spec.shape)
        shares = inner.constant(np.reshape([guidance, 1 - guidance], (2, 1, 1, 1, 1)), np.float32)
        return inner.total(inner.node("Mul", halves, shares), [0])

    def step(inner: GraphBuilder, row: Value, carried: list[Value]) -> list[Value]:
        x = carried[0]
        of_step = inner.node("Gather", inner.constant(factors, np.float32), row, axis=0)
        p, q, a, b, c = inner.split(inner.reshape(of_step, -1), 0, [1] * 5)
        clean = inner.node("Mul", predict(inner, x, row), q)
        clean = inner.clip(inner.node("Add", clean, inner.node("Mul", x, p)), -1, 1)
        x = inner.node("Add", inner.node("Mul", x, a), inner.node("Mul", clean, b))
        if not remembers:
            return [x]
        return [inner.node("Add", x, inner.node("Mul", carried[1], c)), clean]

    sizes = ("batch", *spec.shape)
    first = {noise: sizes}
    if remembers:  # c is 0 in the first step; so anything finite may stand for the estimate before
        first[graph.node("Identity", noise)] = sizes
    x = graph.loop(len(plan), first, step)[0]
    seen = graph.node(
        "Mul", graph.node("Add", x, graph.constant(1, np.float32)), graph.constant(0.5, np.float32)
    )
    return graph.clip(seen, 0, 1)
