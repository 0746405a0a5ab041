"""Writing targets with a cache: each token costs one step of the decoder, not a run of the whole network.

The graph takes the whole source with the first token, and returns what it needs of both in states. With
every further token it is given those states and a source without tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Sequence

import numpy as np

from .promises import check_rows
from .states import PAST, Described

if TYPE_CHECKING:
    from onnxnn_runtime.generation.seq2seq import Begin

Run = Callable[["dict[str, np.ndarray]", Sequence[str]], "list[np.ndarray]"]
"""(feeds, names of outputs) -> their values."""


def begin(name: str, states: Described, output: str, run: Run) -> Begin:
    """Return what writes targets, for `onnxnn_runtime.generation.seq2seq.search`.

    Args:
        name: What errors call the model.
        states: The graph's states that may be left out, as `cache_of` returns them.
        output: Its first output.
        run: Runs the graph.
    """
    return lambda source: _Cached(name, states, output, run, source).follow


class _Cached:
    """The states of one call of `generate`.

    Args:
        name, states, output, run: As for `begin`.
        source: int64 (N, S).
    """

    def __init__(self, name: str, states: Described, output: str, run: Run, source: np.ndarray) -> None:
        self._name, self._output, self._run, self._source = name, output, run, source
        self._of_source = [state for state, (_, shape) in states.items() if PAST[0] in shape]
        self._of_target = [state for state in states if state not in self._of_source]
        self._values: dict[str, np.ndarray] = {}
        self._owners = np.arange(len(source))  # the source of each row

    def follow(self, targets: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
        """Return how likely each token comes next; see `onnxnn_runtime.generation.seq2seq.Follow`."""
        if not self._values:
            found = self._step(self._source, targets, [*self._of_source, *self._of_target])
        else:
            if rows is not None:
                self._choose(rows)
            nothing = np.empty((len(targets), 0), np.int64)
            found = self._step(nothing, targets[:, -1:], self._of_target)
        return found[:, -1]

    def _step(self, source: np.ndarray, target: np.ndarray, after: Sequence[str]) -> np.ndarray:
        feeds = {"input": source, "target": np.ascontiguousarray(target), **self._values}
        outputs = [f"next_{state}" for state in after]
        found, *values = self._run(feeds, [self._output, *outputs])
        for output, value in zip(outputs, values):
            check_rows(self._name, output, np.shape(value), len(target))
        self._values.update(zip(after, values))
        return found

    def _choose(self, rows: np.ndarray) -> None:
        """Let each row continue one of the last step; beams of one source share what is known of it."""
        owners = self._owners[rows]
        states = [] if np.array_equal(owners, self._owners) else self._of_source
        for state in (*states, *self._of_target):
            self._values[state] = self._values[state][rows]
        self._owners = owners
