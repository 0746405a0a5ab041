"""What a model returns for samples, a few at a time, so that thousands of images never stay in memory."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generator, List, Sequence, Tuple

import numpy as np

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.inputs.reading import Sample

if TYPE_CHECKING:
    from onnxnn_runtime.session.engine import Engine

Part = Tuple[List[int], List[np.ndarray], List[Skipped]]
"""The places of a few samples, the values of each output for them, and what was left out."""


@dataclass(frozen=True)
class Runner:
    """A model, and how samples are run through it.

    Args:
        engine: Runs the graph.
        spec: What the model takes.
        options: How samples are read, and how far the run is reported.
    """

    engine: Engine
    spec: InputSpec
    options: ReadOptions

    def parts(self, samples: Sequence[Sample], outputs: Sequence[str]) -> Generator[Part, None, None]:
        """Yield what the graph returns for a few samples at a time, in order.

        Args:
            samples: What to run.
            outputs: The outputs of the graph.

        Raises:
            InputError: A sample cannot be read, and `options.errors` is "raise".
        """
        errors, size = self.options.errors, self.options.batch_size
        place = -1
        with closing(self.engine.stream(iter(samples), self.spec, outputs, errors, size)) as stream:
            for _, names, values, skipped in stream:
                places = []
                for name in names:  # in order; those between are left out
                    place += 1
                    while samples[place].name != name:
                        place += 1
                    places.append(place)
                yield places, values, skipped

    def all(
        self, samples: Sequence[Sample], outputs: Sequence[str], skipped: list[Skipped]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the places int64 (N,) of the samples that were read, and the values of each output.

        Args:
            samples, outputs: As for `parts`.
            skipped: What was left out is added to it.
        """
        places: list[int] = []
        values: list[list[np.ndarray]] = [[] for _ in outputs]
        with closing(self.parts(samples, outputs)) as parts:
            for read, found, left_out in parts:
                skipped.extend(left_out)
                places.extend(read)
                for held, value in zip(values, found):
                    held.extend([value] if read else [])
                self.options.report(len(places) + len(skipped), len(samples))
        joined = [np.concatenate(each) if each else np.zeros((0, 0), np.float32) for each in values]
        return np.array(places, np.int64), joined
