"""What an engine asks of a session, whatever computes: ONNX Runtime or OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    from .states import Described

    class Session(Protocol):
        """A graph that is ready to run; several threads may run it at once.

        Attributes:
            engine: What computes, as messages call it: "ONNX Runtime" or "OpenVINO".
            device: Where it really runs, as `load` takes it: "cpu", "cuda:0", "openvino", ...
            takes_optional: Whether inputs that have a default can be fed.
            operators: How many operators each device runs, by its name without a number; {} where the engine
                does not say, and where no other than the processor was asked for.
        """

        engine: str
        device: str
        takes_optional: bool
        operators: Mapping[str, int]

        def described(self) -> tuple[Described, Described, Described]:
            """Return the graph's inputs, its outputs, and the inputs that have a default.

            Raises:
                UnicodeDecodeError: A name is no text.
            """

        def run(
            self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], seconds: float | None
        ) -> list[Any]:
            """Run the graph.

            Args:
                outputs: Names of the outputs to compute.
                feeds: An array for each input.
                seconds: How long it may take; None sets no limit. The operator at work then is finished.

            Raises:
                TimeLimitError: It took longer.
                Exception: The engine's own, where it cannot run the graph on these arrays.
            """


@dataclass(frozen=True)
class Share:
    """How much of the machine a session takes.

    Args:
        threads: Threads that work together on one run; 0 lets the engine choose.
        runs: How many threads run it at once, each a run of its own.
        low_memory: Whether memory counts more than time.
    """

    threads: int
    runs: int = 1
    low_memory: bool = False


class TimeLimitError(Exception):
    """One run of a graph took too long."""
