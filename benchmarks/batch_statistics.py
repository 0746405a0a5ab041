"""What measuring the statistics of batch normalisation costs: the same training with and without it.

    python benchmarks/batch_statistics.py [ROUNDS]

README's network on 48 + 12 images of 64 x 64 for 20 epochs, with batches of 32 and of 8 (the default), in
turn, in seconds of the processor. Without measuring, what measures in the trainer and before `best.pth` is
written is replaced by nothing; the same files are written. Reach: 1.05.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from quality_small_set import train, write

from onnxnn.callbacks import Writer
from onnxnn.trainer import Trainer


def seconds(images: Path, folder: Path, measured: bool, **options: int) -> float:
    """Return how much time of the processor a training took."""
    with contextlib.ExitStack() as stack:
        if not measured:
            stack.enter_context(mock.patch.object(Trainer, "_measure"))
            stack.enter_context(mock.patch.object(Trainer, "_finish_measuring"))
            stack.enter_context(mock.patch.object(Writer, "_measured", side_effect=lambda best, _: best))
        start = time.process_time()
        train(images, folder, 0, **options)
        return time.process_time() - start


def main() -> None:
    """Print the medians' ratio for each batch size."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "train", 20, 0)
        for options in ({"batch_size": 32}, {}):
            times = [
                [
                    seconds(folder / "train", folder / "ckpt", measured, **options)
                    for measured in (False, True)
                ]
                for _ in range(rounds)
            ]
            without, with_ = (sorted(each)[rounds // 2] for each in zip(*times, strict=True))
            best = min(b for _, b in times) / min(a for a, _ in times)
            print(
                f"{options or 'batch size left out'}: {without:.1f} s without, {with_:.1f} s with measuring, "
                f"ratio of the medians {with_ / without:.3f}, of the fastest {best:.3f} (to reach 1.05)",
                flush=True,
            )


if __name__ == "__main__":
    main()
