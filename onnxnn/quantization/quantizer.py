"""From a float model file to a smaller one that was measured: `quantize`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxnn_runtime as rt
from onnx import ModelProto
from onnxnn_runtime import ModelCard
from onnxnn_runtime.api.calls import checked, checked_class
from onnxnn_runtime.card.card import METADATA_KEY
from onnxnn_runtime.card.quantization import QuantizationSpec
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.opening import require_card
from onnxnn_runtime.outputs.output_files import check_output
from onnxnn_runtime.session.onnxfile import ModelFile

from .candidate import Candidate, Trial, best_candidate
from .choice import measure_for
from .measures import MIN_COSINE, Comparison, Measure
from .options import QuantizeOptions
from .processor import here, integer_types
from .running import Runner, fastest
from .samples import Samples, read_samples
from .selection import name_nodes

Array = np.ndarray[Any, Any]

_MIN_OPSET = 13
"""The first opset in which weights have a scale for each channel."""

_INTEGER_NODES = ("QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger")


@checked_class()
@dataclass(frozen=True)
class QuantizationReport:
    """What `quantize` did.

    Args:
        path: The file.
        size: Its bytes.
        float_size: Those of the float file.
        facts: What the card says of it: precision, settings, and the figures before and after.
        seconds: How long one sample takes in this file on this machine.
        float_seconds: The same in the float file.
    """

    path: Path
    size: int
    float_size: int
    facts: QuantizationSpec
    seconds: float
    float_seconds: float

    @property
    def speedup(self) -> float:
        """How many times as fast as the float file this one is, on this machine."""
        return self.float_seconds / self.seconds

    def to_dict(self) -> dict[str, object]:
        """Return the report for programs, as `onnxnn quantize --json` prints it."""
        facts = self.facts
        return {
            "file": str(self.path),
            "size": self.size,
            "float_size": self.float_size,
            "precision": facts.precision,
            "settings": dict(facts.settings),
            "measure": facts.measure,
            "samples": facts.samples,
            "float": dict(facts.before),
            "quantized": dict(facts.after),
            "drop": facts.drop,
            "float_layers": list(facts.float_layers),
            "seconds": self.seconds,
            "float_seconds": self.float_seconds,
        }


@checked
def quantize(
    file: str | os.PathLike[str],
    data: object,
    out: str | os.PathLike[str],
    *,
    precision: str = "int8",
    target: str = "any",
    labels: Sequence[object] | None = None,
    held_out: object = None,
    method: str = "mse",
    calibration: int = 128,
    max_drop: float | None = None,
    auto: bool = False,
    seed: int = 0,
    force: bool = False,
) -> QuantizationReport:
    """Write a model file that computes in smaller numbers, if it is as accurate as the float file.

    Some samples calibrate, the others measure both files; nothing is written where the loss is larger than
    `max_drop`.

    Args:
        file: An `.onnx` file that `export` wrote: a model that classifies, computes values or feature
            vectors, continues text, or samples images (the denoiser alone).
        data: Samples as for `Model.predict`: a folder of images, a CSV file, arrays. Their labels are the
            names of subfolders, or a column. For models of text texts or arrays of tokens, for diffusion
            models images such as they were trained on.
        out: The file to write.
        precision, target, method, calibration, max_drop, auto, seed: See `QuantizeOptions`.
        labels: The label of each sample, where the data does not hold them.
        held_out: Samples that measure, as `data`; None takes some of `data`.
        force: Whether to replace a file of another format, or an input.

    Raises:
        ExportError: The model cannot be quantised, or loses too much.
        InputError, DataError: The samples do not match the model, or are too few.
        OutputError: The file cannot be written.
    """
    options = QuantizeOptions(precision, target, method, calibration, max_drop, auto, seed)
    check_output(out, "ONNX", [file, data, held_out], force)
    name = os.fspath(file)
    model = rt.load(file, device="cpu")
    card = require_card(model.card, name, "quantize")
    measure = measure_for(model.kind, name)
    proto = _checked_graph(file, name, card)
    samples = read_samples(data, card, labels)
    held = None if held_out is None else read_samples(held_out, card)
    made = quantized_model(proto, card, measure, samples, options, held)
    return _written(out, proto, made)


@dataclass(frozen=True)
class Made:
    """A quantised model that passed, with the finished card inside.

    Args:
        model: The model.
        facts: What its card says of it.
        times: Seconds for one sample in the float model and in this one.
    """

    model: ModelProto
    facts: QuantizationSpec
    times: tuple[float, float]


def quantized_model(
    model: ModelProto,
    card: ModelCard,
    measure: Measure,
    samples: Samples,
    options: QuantizeOptions,
    held_out: Samples | None = None,
) -> Made:
    """Return a model in smaller numbers that was measured.

    Args:
        model: The float model, with its card.
        card: The card.
        measure: How the two are compared.
        samples: What calibrates, and measures where `held_out` is None.
        options: How it is quantised.
        held_out: What measures.

    Raises:
        ExportError: It cannot be quantised, or loses too much.
    """
    name_nodes(model.graph)
    calibrating, measuring = _divided(samples, held_out, options)
    output = measure.output or model.graph.output[0].name
    types = integer_types(options.target)
    exact = types != here() and not types.reduced
    found = best_candidate(model, Trial(calibrating, measure, output, exact), options)
    runners = Runner(model, exact=False), Runner(found.model, exact)
    before, after = (measure.results(runner, measuring, output) for runner in runners)
    comparison = measure.compare(before, after, measure.references(measuring), _limit(measure, options))
    _check_passed(comparison, len(measuring), options)
    facts = _facts(found, comparison, options, (len(calibrating), len(measuring)))
    _put_card(found.model, replace(card, parity=None, quantization=facts))
    first = next(iter(measure.feeds(measuring.part([0]))))
    single = Runner(model, exact=False, threads=1), Runner(found.model, exact=False, threads=1)
    seconds = fastest(single, first, output)
    return Made(found.model, facts, (seconds[0], seconds[1]))


def _checked_graph(file: PathLike, name: str, card: ModelCard) -> ModelProto:
    """Return the graph of a float file.

    Raises:
        ExportError: It is quantised already, or of an opset that is too old.
    """
    content = ModelFile(file).content
    model = onnx.load_model_from_string(bytes(content))
    if card.quantization is not None or any(node.op_type in _INTEGER_NODES for node in model.graph.node):
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected a file that computes in float, got one that is quantised already. Quantise the "
            "file that `onnxnn export` wrote.",
            name=name,
        )
    opset = next((entry.version for entry in model.opset_import if not entry.domain), 0)
    if opset < _MIN_OPSET:
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected opset {least} or newer, got {opset}: older ones have one scale for all "
            "weights of a layer. Export it again with opset_version={least}.",
            name=name,
            least=_MIN_OPSET,
            opset=opset,
        )
    return model


def _divided(samples: Samples, held_out: Samples | None, options: QuantizeOptions) -> tuple[Samples, Samples]:
    """Return what calibrates and what measures, drawn by the seed.

    Without samples of their own to measure, at most half calibrate, and all others measure.
    """
    order = np.random.default_rng(options.seed).permutation(len(samples))
    count = min(options.calibration, len(samples) // 2 if held_out is None else len(samples))
    measuring = samples.part(sorted(order[count:])) if held_out is None else held_out
    return samples.part(sorted(order[:count])), measuring


def _limit(measure: Measure, options: QuantizeOptions) -> float:
    return measure.max_drop if options.max_drop is None else options.max_drop


def _check_passed(comparison: Comparison, samples: int, options: QuantizeOptions) -> None:
    """Refuse a model that lost too much.

    Raises:
        ExportError: It did; with the figures.
    """
    if comparison.passed:
        return
    advice = (
        gettext("Give more or more varied samples, or a larger max_drop.")
        if options.auto
        else gettext("Try auto=True (--auto), give more or more varied samples, or a larger max_drop.")
    )
    if not comparison.cosine >= MIN_COSINE:
        raise ExportError.coded(
            "E-QUANT-02",
            "feature vectors lose too much: expected a mean cosine of at least {least} to those of the float "
            "file, got {cosine:.4f} on {samples}. Nothing was written. {advice}",
            least=MIN_COSINE,
            cosine=comparison.cosine,
            samples=ngettext("{count} held-out sample", "{count} held-out samples", samples),
            advice=advice,
        )
    if comparison.grows:
        raise ExportError.coded(
            "E-QUANT-02",
            "the quantised model loses too much: expected {measure} to grow by at most {most:g} %, got "
            "{drop:.2f} % on {samples} (float: {before}; quantised: {after}). Nothing was written. {advice}",
            measure=comparison.measure,
            most=comparison.max_drop,
            drop=comparison.drop,
            samples=ngettext("{count} held-out sample", "{count} held-out samples", samples),
            before=figures_text(comparison.before),
            after=figures_text(comparison.after),
            advice=advice,
        )
    raise ExportError.coded(
        "E-QUANT-02",
        "the quantised model loses too much: expected at most {most:g} points less, got {drop:.2f} on "
        "{samples} (float: {before}; quantised: {after}). Nothing was written. {advice}",
        most=comparison.max_drop,
        drop=comparison.drop,
        samples=ngettext("{count} held-out sample", "{count} held-out samples", samples),
        before=figures_text(comparison.before),
        after=figures_text(comparison.after),
        advice=advice,
    )


def figures_text(figures: Mapping[str, float]) -> str:
    """Return figures for people: "accuracy 0.9712, agreement 1"."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _facts(
    found: Candidate, comparison: Comparison, options: QuantizeOptions, counts: tuple[int, int]
) -> QuantizationSpec:
    types = integer_types(options.target)
    settings: dict[str, object] = {
        "target": options.target,
        "activations": types.activations,
        "weights": "int8",
        "reduced": types.reduced,
        "method": options.method,
        "equalized": found.way.equalized,
        "sums_kept": found.way.keeps_sums,
        "calibration": counts[0],
    }
    return QuantizationSpec(
        precision=options.precision,
        settings=settings,
        measure=comparison.measure,
        samples=counts[1],
        before=dict(comparison.before),
        after=dict(comparison.after),
        drop=float(comparison.drop),
        float_layers=found.float_layers,
    )


def _put_card(model: ModelProto, card: ModelCard) -> None:
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = card.to_json()


def _written(out: PathLike, proto: ModelProto, made: Made) -> QuantizationReport:
    data: bytes = made.model.SerializeToString()
    rt.load(data, device="cpu")  # the runtime opens what is written
    path = write_atomically(out, lambda target: target.write(data))
    return QuantizationReport(
        path, len(data), proto.ByteSize(), made.facts, seconds=made.times[1], float_seconds=made.times[0]
    )
