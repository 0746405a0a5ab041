"""What measuring the statistics of batch normalisation costs: its share of one training.

    python benchmarks/batch_statistics.py [ROUNDS]

README's network on 48 + 12 images of 64 x 64 for 20 epochs, with batches of 32 and of 8 (the default). All
that a training without measuring would not do is timed within the training, in seconds of the processor:
the passes over the training data, validating again, exchanging weights for `best.pth`.
Reach: 1.05 times the rest.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from quality_small_set import IMAGES, train, write
from quick import quick_or

from onnxnn.training.trainer import Trainer

METHODS = ("measured", "_measure", "_finish_measuring")


@contextlib.contextmanager
def timed(spent: list[float]) -> Iterator[None]:
    """Note the seconds of every call that measures; calls within calls count once."""
    inside: list[str] = []

    def watch(name: str) -> Any:
        method = getattr(Trainer, name)

        def call(*given: Any) -> Any:
            inside.append(name)
            start = time.process_time()
            try:
                return method(*given)
            finally:
                inside.pop()
                if not inside:
                    spent.append(time.process_time() - start)

        return mock.patch.object(Trainer, name, call)

    with contextlib.ExitStack() as stack:
        for name in METHODS:
            stack.enter_context(watch(name))
        yield


def main() -> None:
    """Print the median ratio for each batch size."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else quick_or(1, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "train", IMAGES, 0)
        for options in ({"batch_size": 32}, {}):
            ratios = []
            for seed in range(rounds):
                spent: list[float] = []
                with timed(spent):
                    start = time.process_time()
                    train(folder / "train", folder / "ckpt", seed, **options)
                    whole = time.process_time() - start
                ratios.append(whole / (whole - sum(spent)))
            listed = ", ".join(f"{ratio:.3f}" for ratio in ratios)
            median = statistics.median(ratios)
            print(f"{options or 'batch size left out'}: {median:.3f} of {listed} (to reach 1.05)", flush=True)


if __name__ == "__main__":
    main()
