"""Which measure a model has."""

from __future__ import annotations

from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import ExportError

from .frechet import FrechetDistance
from .measures import Accuracy, Measure, Values, Vectors
from .perplexity import Perplexity


def measure_for(kind: ModelKind, name: str, precision: str = "int8") -> Measure:
    """Return the measure for a kind of model.

    Args:
        kind: What the model does.
        name: What errors call it.
        precision: "int8" or "fp16".

    Raises:
        ExportError: There is none: sequence to sequence, and what only takes and returns arrays; or the graph
            holds the whole sampling loop, or takes one token at a time.
    """
    feed = next(iter(kind.inputs))
    if kind.does == "classify":
        return Accuracy(feed)
    if kind.does == "regress":
        return Values(feed)
    if kind.does == "embed" and kind.vector is not None:
        return Vectors(feed, kind.vector)
    if kind.does == "generate" and kind.card is not None and kind.inputs[feed][1][1:] != (1,):
        return Perplexity(feed, kind.card.input.states)
    if kind.sampling is not None and kind.sampling.sampler is None:
        return FrechetDistance(kind.sampling)
    if precision == "fp16":
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: this kind of model is not measured on samples: FP16 of it is compared on made-up "
            "inputs. Leave the samples out (data, --data, calibration).",
            name=name,
        )
    if kind.does == "generate":
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected a file that takes texts of any length, got one of fixed shapes, which takes "
            "one token at a time. Export it without fixed_shapes, and quantise that file.",
            name=name,
        )
    if kind.sampling is not None:
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected the denoiser alone, got a file with the whole sampling loop, whose inner graph "
            "the quantisation tools do not enter. Export it without sampler=, and quantise that file.",
            name=name,
        )
    raise ExportError.coded(
        "E-QUANT-01",
        "{name}: expected a model that classifies, computes values or feature vectors, continues text or "
        "samples images, got one for {call}(). Quantised models of other kinds are not measured yet. Use the "
        "float file, or FP16.",
        name=name,
        call=kind.call,
    )
