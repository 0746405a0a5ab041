"""How fast a model runs on this machine, by device, threads and batch: `benchmark`."""

from __future__ import annotations

import os
from typing import Iterator, Sequence, Union

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.api.options import takes
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.paths import expanded, path_text
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.progress import ProgressLine
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.providers import onnxruntime
from onnxnn_runtime.tuning.machine import processor
from onnxnn_runtime.tuning.timing import ROUNDS

from .candidate import Candidate, time_together
from .child import start_of
from .options import BenchmarkOptions
from .report import BenchmarkReport, Setting

File = Union[str, "os.PathLike[str]"]


@checked
@takes(BenchmarkOptions, by_place=0)
def benchmark(files: File | Sequence[File], options: BenchmarkOptions) -> BenchmarkReport:
    """Measure how fast models run on this machine.

        report = onnxnn_runtime.benchmark(["pets.onnx", "pets-int8.onnx"])
        print(report)
        report.files[0].fastest.p50, report.files[0].most.rate

    Each setting is a device, a number of threads and a batch. It is opened and run in a process of its own
    first, which says how long a start takes and how much memory it needs. Then all settings of all files are
    timed here in turns, on made-up inputs: what disturbs one disturbs all.

    Args:
        files: The `.onnx` file, or several that are compared, such as one of float numbers and one of INT8.
        batch_sizes, threads, devices, seconds: See
            `onnxnn_runtime.benchmarking.options.BenchmarkOptions`.
        low_memory, progress: See `onnxnn_runtime.benchmarking.options.BenchmarkOptions`.

    Returns:
        The figures. A setting that fails has none, but the reason in `problem`.

    Raises:
        MissingInputError: There is no such file.
        InputError: A file is no ONNX file, or an option is out of range.
        CardError: The card of a file is malformed.
        DeviceError: A device was given that is not there.
    """
    candidates = [Candidate.opened(path, options) for path in _paths(files)]
    settings = sum(len(each.settings) for each in candidates)
    total = settings * (1 + ROUNDS)

    def words(done: int, _: int | None) -> str:
        return gettext("{done} of {total} measurements", done=done, total=total)

    with ProgressLine(words, options.progress) as line:
        for number, each, setting in _numbered(candidates):
            each.starts.append(start_of(each.path, setting, options.low_memory))
            line(number, total)
        peaks = time_together(
            candidates, options.seconds, lambda done: line(min(settings + done, total), total)
        )
    return BenchmarkReport(
        str(onnxruntime().__version__),
        processor(),
        num_threads(),
        peaks,
        tuple(each.result(peaks) for each in candidates),
        options.low_memory,
    )


def _numbered(candidates: Sequence[Candidate]) -> Iterator[tuple[int, Candidate, Setting]]:
    """Yield every setting of every file, with its number from 1."""
    number = 0
    for each in candidates:
        for setting in each.settings:
            number += 1
            yield number, each, setting


def _paths(files: object) -> list[str]:
    """Return the paths of the files.

    Raises:
        InputError: There is none, or what is given is no path.
    """
    several = list(files) if isinstance(files, (list, tuple)) else [files]
    if not several or not all(isinstance(each, (str, os.PathLike)) for each in several):
        raise InputError.coded(
            "E-CALL-03",
            "benchmark({files}): expected the path of an .onnx file, or a list of paths.",
            files=shortened(files),
        )
    return [expanded(path_text(each)) for each in several]
