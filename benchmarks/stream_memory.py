"""How much memory grows while `model.stream` runs over the frames of a made-up camera of 640x480.

The camera hands out a new array for each frame, with the blue channel first, as OpenCV does. First every
frame is answered, then a camera that is faster than the model drops frames. The growth is the difference of
two medians: of the last tenth of the frames, and of the second one. Beside it stands a plain loop of
`model.predict`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from PIL import Image
from quick import quick_or

EXPORT = """
import sys
sys.path.insert(0, sys.argv[1])
from stream_memory import Path, make_model
make_model(Path(sys.argv[2]))
"""


def make_model(path: Path) -> Path:
    """Export a small classifier that resizes images to 64 x 64."""
    import torch

    from onnxnn import nn

    torch.manual_seed(0)
    model = nn("cls", verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a/0.png", "a/1.png", "b/0.png", "b/1.png"):
            (Path(folder) / name).parent.mkdir(exist_ok=True)
            Image.new("RGB", (64, 64)).save(Path(folder) / name)
        model.load_img_data(folder, batch_size=2, transform={"Resize": (64, 64)})
        model.add("conv2d", size=(3, 8), kernel_size=3, stride=2, activation="relu")
        model.add("avgpool", kernel_size=31)
        model.add("linear", size=(8, 2), activation="softmax")
        model.save_fold = folder
        model.train(lr=0.01, epochs=1)
    model.export(str(path))
    return path


def camera(count: int) -> Iterator[np.ndarray]:
    """Yield frames, uint8 (480, 640, 3)."""
    scene = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    for index in range(count):
        yield np.roll(scene, index, axis=1)


def resident() -> float:
    """Return the memory of this process in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) * 1024 / 1e6


def growth(count: int, answers: Callable[[Iterator[np.ndarray]], Iterator[int]]) -> str:
    """Return the line that says how memory grows while frames are answered."""
    memory = np.zeros((count, 2))  # made at once, since a list would grow, too
    memory.fill(-1)
    number = dropped = 0
    for number, dropped in enumerate(answers(camera(count)), 1):
        memory[number - 1] = number + dropped, resident()
    at, taken = memory[:number].T
    tenth = max(1, number // 10)
    early = float(np.median(taken[at >= count // 10][:tenth]))
    grown = float(np.median(taken[-tenth:])) - early
    return f"{count} frames, {dropped} dropped: {early:.1f} MB, then {grown:+.1f} MB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="an ONNX file with a card; without it a small one is exported")
    parser.add_argument("--frames", type=int, default=quick_or(60, 20_000))
    parser.add_argument("--low-memory", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or str(Path(folder) / "small.onnx")
        if not options.model:  # in another process, since torch takes more than all that is measured
            subprocess.run([sys.executable, "-c", EXPORT, str(Path(__file__).parent), path], check=True)
        model = rt.load(path, device="cpu", threads=1, low_memory=options.low_memory)

        def streamed(drop: bool) -> Callable[[Iterator[np.ndarray]], Iterator[int]]:
            return lambda frames: (
                found.dropped for found in model.stream(frames, drop=drop, channel_order="bgr")
            )

        def plain(frames: Iterator[np.ndarray]) -> Iterator[int]:
            for frame in frames:
                model.predict(frame, channel_order="bgr")
                yield 0

        print("stream, every frame:  ", growth(options.frames, streamed(False)))
        print("stream, late dropped: ", growth(options.frames, streamed(True)))
        print("plain loop of predict:", growth(quick_or(60, options.frames // 10), plain))


if __name__ == "__main__":
    main()
