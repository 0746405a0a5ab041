"""How well a language model predicts the next token, before and after it is quantised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from onnxnn_runtime.card.card import StateSpec
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.labelled.samples import Samples
from onnxnn_runtime.report.figures import perplexity
from onnxnn_runtime.session.states import zeros_of

from .measures import Array, Comparison, Measure
from .running import Feeds, Runner


class Perplexity(Measure):
    """The exponential of the mean negative log-likelihood of each next token of the samples.

    Args:
        feed: The input for tokens.
        states: The recurrent states, which begin with zeros.
    """

    max_drop = 1.0

    def __init__(self, feed: str, states: Sequence[StateSpec]) -> None:
        super().__init__(feed)
        self._states = states

    def feeds(self, samples: Samples) -> Iterator[Feeds]:
        for feed in super().feeds(samples):
            yield {**feed, **zeros_of(self._states, len(feed[self._feed]))}

    def results(self, runner: Runner, samples: Samples, output: str) -> Array:
        """Return the probability of each token that follows another in a sample, float64 (M,).

        Raises:
            DataError: No token does.
        """
        found = []
        for feed in self.feeds(samples):
            next_tokens = feed[self._feed][:, 1:, np.newaxis]
            probabilities = runner.run(feed, [output])[0][:, :-1]
            found.append(np.take_along_axis(probabilities, next_tokens, axis=2).ravel())
        joined = np.concatenate(found).astype(np.float64)
        if not joined.size:
            raise DataError.coded(
                "E-DATA-05",
                "expected sequences of two tokens or more, got single ones, which nothing follows. Give "
                "whole texts.",
            )
        return joined

    def compare(self, before: Array, after: Array, labels: Array | None, max_drop: float) -> Comparison:
        old, new = (perplexity(each) for each in (before, after))
        figures = {"perplexity": old}, {"perplexity": new}
        return Comparison("perplexity", *figures, 100 * (new / old - 1), max_drop)
