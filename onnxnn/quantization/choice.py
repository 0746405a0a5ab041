"""Which measure a model has."""

from __future__ import annotations

from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import ExportError

from .frechet import FrechetDistance
from .measures import Accuracy, Measure, Values, Vectors
from .perplexity import Perplexity


def measure_for(kind: ModelKind, name: str) -> Measure:
    """Return the measure for a kind of model.

    Args:
        kind: What the model does.
        name: What errors call it.

    Raises:
        ExportError: There is none: sequence to sequence, and what only takes and returns arrays; or the graph
            holds the whole sampling loop.
    """
    feed = next(iter(kind.inputs))
    if kind.does == "classify":
        return Accuracy(feed)
    if kind.does == "regress":
        return Values(feed)
    if kind.does == "embed" and kind.vector is not None:
        return Vectors(feed, kind.vector)
    if kind.does == "generate" and kind.card is not None:
        return Perplexity(feed, kind.card.input.states)
    if kind.sampling is not None:
        if kind.sampling.sampler is None:
            return FrechetDistance(kind.sampling)
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
        "float file.",
        name=name,
        call=kind.call,
    )
