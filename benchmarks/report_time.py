"""How long a report of many images takes, beside embedding them.

    python benchmarks/report_time.py

MobileNetV2 with a head of ten classes, and JPEG files of 640x480 in class folders. In turns within one run:
`embed` of all files; `report` of them, saved as a page; and `report` with half of the files as training
images, which are embedded, too. Prints seconds (the best round of each), and the ratio round by round (their
median).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import onnxnn_runtime as rt
from embed_common import SIZE, make_files
from onnxnn_runtime.session.cores import num_threads
from PIL import Image
from quick import quick_or

CLASSES = tuple("abcdefghij")


def make_classifier(path: Path) -> Path:
    """Export MobileNetV2 with an untrained head; its file also returns the 1,280 features."""
    import torch

    from onnxnn import nn

    torch.manual_seed(0)
    model = nn("cls", verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        for name in CLASSES:
            (Path(folder) / name).mkdir()
            for number in range(2):
                Image.new("RGB", (32, 32)).save(Path(folder) / name / f"{number}.png")
        model.load_img_data(folder, batch_size=2, transform={"Resize": (SIZE, SIZE)})
    model.add("mobilenet_backbone")
    model.add("linear", size=(1280, len(CLASSES)), activation="softmax")
    model.export(str(path))
    return path


def in_class_folders(files: list[str], folder: Path) -> Path:
    """Link files into ten class folders."""
    for number, file in enumerate(files):
        place = folder / CLASSES[number % len(CLASSES)] / Path(file).name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(file)
    return folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=quick_or(20, 1000))
    parser.add_argument("--rounds", type=int, default=quick_or(1, 3))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        files = make_files(work / "jpg", options.files)
        test = in_class_folders(files, work / "test")
        train = in_class_folders(files[: len(files) // 2], work / "train")
        model = rt.load(make_classifier(work / "model.onnx"), device="cpu")
        runners: dict[str, Callable[[], object]] = {
            "embed": lambda: model.embed(str(test)),
            "report": lambda: model.report(str(test)).save(work / "report.html"),
            "report, train=": lambda: model.report(str(test), train=str(train)).save(work / "seen.html"),
        }
        seconds: dict[str, list[float]] = {name: [] for name in runners}
        for run in range(options.rounds + 1):
            for name, runner in runners.items():
                start = time.perf_counter()
                runner()
                if run or options.rounds == 1:
                    seconds[name].append(time.perf_counter() - start)
            print(f"round {run} of {options.rounds}", file=sys.stderr)
        size = (work / "report.html").stat().st_size
    print(f"{options.files} JPEG files of 640x480 to {SIZE}x{SIZE}, {num_threads()} cores")
    for name, taken in seconds.items():
        print(f"{name:15} {min(taken):6.2f} s")
    ratio = statistics.median(a / b for a, b in zip(seconds["report"], seconds["embed"], strict=True))
    print(f"a report takes {ratio:.2f} x the time of embedding; its page has {size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
