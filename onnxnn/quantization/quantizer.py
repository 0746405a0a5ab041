"""From a float model file to a smaller one that was measured: `quantize`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
from onnx import ModelProto
from onnxnn_runtime.api.calls import checked, checked_class
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.quantization import QuantizationSpec
from onnxnn_runtime.card.unknown import UnknownSpec, unit
from onnxnn_runtime.card.words import figures_text, held_out_text, made_up_text
from onnxnn_runtime.errors import DataError, ExportError, InputError
from onnxnn_runtime.files.access import write_atomically
from onnxnn_runtime.files.paths import path_text
from onnxnn_runtime.labelled.samples import Samples
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.export.model import put_card

from .candidate import Candidate, Trial, Way, best_candidate
from .choice import measure_for
from .float16 import float16_candidate
from .made_up import check_finite, compare_made_up, time_made_up
from .measures import MIN_COSINE, Comparison, Measure
from .options import QuantizeOptions
from .processor import here, integer_types
from .running import Feeds, Runner, fastest
from .samples import read_samples
from .selection import name_nodes
from .sources import FloatFile, open_float_file, stays_in_float
from .validity import checked as checked_by_onnx

Array = np.ndarray[Any, Any]


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
    target: str | None = None,
    labels: Sequence[object] | None = None,
    held_out: object = None,
    method: str = "mse",
    num_calibration: int = 128,
    max_drop: float | None = None,
    auto: bool = False,
    seed: int = 0,
    force: bool = False,
) -> QuantizationReport:
    """Write a model file that computes in smaller numbers, if it is as accurate as the float file.

    Some samples calibrate, the others measure both files; nothing is written where the loss is larger than
    `max_drop`. Float16 needs no calibration: all samples measure.

    Args:
        file: An `.onnx` file that `export` wrote: a model that classifies, computes values or feature
            vectors, continues text, or samples images (the denoiser alone); for "fp16" without data any one.
        data: Samples as for `Model.predict`: a folder of images, a CSV file, arrays. Their labels are the
            names of subfolders, or a column. For models of text texts or arrays of tokens, for diffusion
            models images such as they were trained on. None, for "fp16", measures on made-up inputs.
        out: The file to write.
        precision, target, method, num_calibration, max_drop, auto, seed: See `QuantizeOptions`.
        labels: The label of each sample, where the data does not hold them.
        held_out: Samples that measure, as `data`; None takes some of `data`.
        force: Whether to replace a file of another format, or an input.

    Raises:
        ExportError: The model cannot be quantised, or loses too much.
        InputError, DataError: An option is wrong, or the samples do not match the model or are too few.
        OutputError: The file cannot be written.
    """
    options = QuantizeOptions(precision, target, method, num_calibration, max_drop, auto, seed)
    if not isinstance(file, str | os.PathLike):
        raise InputError.coded(
            "E-CALL-03",
            "quantize({file}): expected the path of an .onnx file, which `export` wrote.",
            file=shortened(file),
        )
    check_output(out, "ONNX", [file, data, held_out], force)
    made = make_smaller(
        open_float_file(file, path_text(file), options), Given(data, labels, held_out), options
    )
    path = write_atomically(out, lambda written: written.write(made.data))
    return made.report(path)


@dataclass(frozen=True)
class Given:
    """The samples that are given.

    Args:
        data, labels, held_out: As for `quantize`.
        held_out_labels: The label of each held-out sample, where the data does not hold them.
    """

    data: object = None
    labels: Sequence[object] | None = None
    held_out: object = None
    held_out_labels: Sequence[object] | None = None


@dataclass(frozen=True)
class Made:
    """A model in smaller numbers that passed.

    Args:
        data: It, as a file with the finished card inside.
        float_size: The bytes of the float file.
        facts: What its card says of it.
        times: Seconds for one sample in the float model and in this one.
    """

    data: bytes
    float_size: int
    facts: QuantizationSpec
    times: tuple[float, float]

    def report(self, path: Path) -> QuantizationReport:
        """Return the report of the file that was written."""
        before, after = self.times
        return QuantizationReport(path, len(self.data), self.float_size, self.facts, after, before)


def make_smaller(source: FloatFile, given: Given, options: QuantizeOptions) -> Made:
    """Return a model in smaller numbers that was measured.

    Args:
        source: The float model.
        given: What calibrates and measures.
        options: How it becomes smaller.

    Raises:
        ExportError: It cannot be, or loses too much.
        InputError, DataError: The samples do not match the model, or are too few.
    """
    name_nodes(source.proto.graph)
    if options.precision == "fp16" and given.data is None:
        return _made_without_samples(source, options)
    measure = measure_for(source.model.kind, source.name, options.precision)
    if given.data is None:
        raise DataError.coded(
            "E-DATA-12",
            "{name}: expected samples that calibrate its integers, got none. Give data (--data): a folder of "
            "images, a .csv, .npy or .npz file, or arrays.",
            name=source.name,
        )
    held, reading = given.held_out, source.reading
    samples = read_samples(given.data, reading, given.labels, is_half=held is not None)
    held_out = None if held is None else read_samples(held, reading, given.held_out_labels, is_half=True)
    return quantized_model(source, measure, samples, options, held_out)


def quantized_model(
    source: FloatFile,
    measure: Measure,
    samples: Samples,
    options: QuantizeOptions,
    held_out: Samples | None = None,
) -> Made:
    """Return a model in smaller numbers that was measured on samples.

    Args:
        source: The float model, whose nodes have names.
        measure: How the two are compared.
        samples: What calibrates, and measures where `held_out` is None.
        options: How it is quantised.
        held_out: What measures.

    Raises:
        ExportError: It cannot be quantised, or loses too much.
    """
    model, in_float16 = source.proto, options.precision == "fp16"
    calibrating, measuring = _divided(samples, held_out, options)
    output = measure.output or model.graph.output[0].name
    types = integer_types(options.target)
    exact = not in_float16 and types != here() and not types.reduced
    found: Candidate
    if in_float16:
        float16 = float16_candidate(model, stays_in_float(source))
        found, measured = float16, float16.rounded()
    else:
        found = best_candidate(model, Trial(calibrating, measure, output, exact), options)
        measured = found.model
        checked_by_onnx(measured, "int8")
    runners = Runner(model, exact=False), Runner(measured, exact)
    before, after = (measure.results(runner, measuring, output) for runner in runners)
    if in_float16:
        check_finite(before, after)
    comparison = measure.compare(before, after, measure.references(measuring), _limit(measure, options))
    _check_passed(comparison, held_out_text(len(measuring)), options)
    first = next(iter(measure.feeds(measuring.part([0]))))
    single = Runner(model, exact=False, threads=1), Runner(found.model, exact=False, threads=1)
    seconds = fastest(single, first, output)
    facts = _facts(found, comparison, _settings(options, len(calibrating), found.way), len(measuring))
    if source.card.unknown is not None:
        source = _with_threshold(source, source.card.unknown, runners, lambda: measure.feeds(measuring))
    return _made(source, found.model, facts, (seconds[0], seconds[1]))


def _with_threshold(
    source: FloatFile, spec: UnknownSpec, runners: tuple[Runner, Runner], feeds: Callable[[], Iterator[Feeds]]
) -> FloatFile:
    """Return the float file with the threshold of the smaller one: the distances of its vectors are larger.

    What rounding adds to a vector has nothing to do with the direction of the references, so that the squares
    of both distances add up.
    """
    before, after = (unit(runner.all(feeds(), present(source.model.kind.vector))) for runner in runners)
    error = float(((after - before) ** 2).sum(axis=1).mean())
    changed = replace(spec, threshold=min(math.sqrt(spec.threshold**2 + error), 2.0))
    return replace(source, card=replace(source.card, unknown=changed))


def _made_without_samples(source: FloatFile, options: QuantizeOptions) -> Made:
    """Return a model in float16 that was measured on made-up inputs."""
    found = float16_candidate(source.proto, stays_in_float(source))
    rounded = found.rounded().SerializeToString()
    comparison, count = compare_made_up(source.model, rounded, options.max_drop)
    _check_passed(comparison, made_up_text(count), options)
    times = time_made_up((source.proto.SerializeToString(), found.model.SerializeToString()))
    facts = _facts(found, comparison, {**_settings(options, 0, found.way), "inputs": "made up"}, count)
    return _made(source, found.model, facts, times)


def _made(source: FloatFile, model: ModelProto, facts: QuantizationSpec, times: tuple[float, float]) -> Made:
    put_card(model, replace(source.card, parity=None, quantization=facts))
    data: bytes = model.SerializeToString()
    rt.load(data, device="cpu")  # the runtime opens what is written
    return Made(data, source.size, facts, times)


def _divided(samples: Samples, held_out: Samples | None, options: QuantizeOptions) -> tuple[Samples, Samples]:
    """Return what calibrates and what measures, drawn by the seed.

    Without samples of their own to measure, at most half calibrate, and all others measure. Float16 needs no
    calibration.
    """
    if options.precision == "fp16":
        return samples.part([]), samples if held_out is None else held_out
    order = np.random.default_rng(options.seed).permutation(len(samples))
    count = min(options.num_calibration, len(samples) // 2 if held_out is None else len(samples))
    measuring = samples.part(sorted(order[count:])) if held_out is None else held_out
    return samples.part(sorted(order[:count])), measuring


def _limit(measure: Measure, options: QuantizeOptions) -> float:
    return measure.max_drop if options.max_drop is None else options.max_drop


def _check_passed(comparison: Comparison, samples: str, options: QuantizeOptions) -> None:
    """Refuse a model that lost too much.

    Args:
        comparison: What was found.
        samples: On what, such as "60 held-out samples".
        options: How the model was made.

    Raises:
        ExportError: It did; with the figures.
    """
    if comparison.passed:
        return
    if options.precision == "fp16":
        advice = gettext("Keep the float file, or give a larger max_drop.")
    elif options.auto:
        advice = gettext("Give more or more varied samples, or a larger max_drop.")
    else:
        advice = gettext("Try auto=True (--auto), give more or more varied samples, or a larger max_drop.")
    if not comparison.cosine >= MIN_COSINE:
        raise ExportError.coded(
            "E-QUANT-02",
            "feature vectors lose too much: expected a mean cosine of at least {least} to those of the float "
            "file, got {cosine:.4f} on {samples}. Nothing was written. {advice}",
            least=MIN_COSINE,
            cosine=comparison.cosine,
            samples=samples,
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
            samples=samples,
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
        samples=samples,
        before=figures_text(comparison.before),
        after=figures_text(comparison.after),
        advice=advice,
    )


def _settings(options: QuantizeOptions, calibrated: int, way: Way) -> dict[str, object]:
    """Return how a model was made smaller, as its card says it."""
    target = options.target or "any"
    if options.precision == "fp16":
        return {"target": target, "activations": "float16", "weights": "float16"}
    types = integer_types(options.target)
    return {
        "target": target,
        "activations": types.activations,
        "weights": "int8",
        "reduced": types.reduced,
        "method": options.method,
        "equalized": way.equalized,
        "sums_kept": way.keeps_sums,
        "calibration": calibrated,
    }


def _facts(
    found: Candidate, comparison: Comparison, settings: Mapping[str, object], samples: int
) -> QuantizationSpec:
    return QuantizationSpec(
        precision="fp16" if settings["weights"] == "float16" else "int8",
        settings=settings,
        measure=comparison.measure,
        samples=samples,
        before=dict(comparison.before),
        after=dict(comparison.after),
        drop=float(comparison.drop),
        float_layers=found.float_layers,
    )
