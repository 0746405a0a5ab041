"""What `benchmark` measured: one `Measurement` for each setting, and which is best."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Mapping, Sequence

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.session.devices import is_processor

SCHEMA = 1
"""The version of `BenchmarkReport.to_dict`."""


@dataclass(frozen=True)
class Setting:
    """How a model is opened and run.

    Args:
        device: As `load` takes it.
        threads: As `load` takes them.
        workers: How many threads run the model at once, each a batch of its own with one core, as `predict`
            and `embed` do with many inputs; 1: all threads work on one batch.
        batch_size: Inputs that run together.
    """

    device: str
    threads: int
    workers: int
    batch_size: int


@dataclass(frozen=True)
class Measurement:
    """How one setting runs.

    Args:
        setting: Which.
        p50: Seconds that half of the runs took at most; where tokens are written one by one, of a token.
        p95: Seconds that 95 of 100 runs took at most.
        rate: How many units (images, rows, tokens, ...) come out in a second.
        peak_share: Multiply-adds a second relative to those of a product of two large matrices of float32
            on the same device with as many threads; None where they cannot be counted. A file of integers
            can surpass 1.
        start: Seconds from the first line that a new Python runs to the first result: import, opening, one
            run.
        memory: Bytes of the most memory that such a process held; None where the system does not say.
        spread: How far the turns differ: the fastest from the slowest, relative to the median.
        runs: How many runs were timed.
        problem: Why there are no figures; "" where there are.
    """

    setting: Setting
    p50: float | None = None
    p95: float | None = None
    rate: float | None = None
    peak_share: float | None = None
    start: float | None = None
    memory: int | None = None
    spread: float | None = None
    runs: int = 0
    problem: str = ""


@dataclass(frozen=True)
class FileBenchmark:
    """How one file runs.

    Args:
        file: Its path.
        size: Its bytes.
        does: What the model does: "classify", "embed", "generate", ...
        call: The method of `Model` for it.
        unit: What `Measurement.rate` counts: "images", "rows", "sequences", "samples", "tokens", or "steps":
            denoising steps of an image.
        precision: "int8" or "fp16" where its operators and weights are of that, else "float32".
        inputs: The shape of each input of the graph as it was timed alone, without states.
        multiply_adds: Of one unit; None where they cannot be counted.
        measurements: One for each setting.
        operators: How many operators run on which device, by the device that was asked for, such as
            {"cuda": {"cuda": 118, "cpu": 4}}, where ONNX Runtime says it: see `Model.operators`.
    """

    file: str
    size: int
    does: str
    call: str
    unit: str
    precision: str
    inputs: Mapping[str, Sequence[int]]
    multiply_adds: int | None
    measurements: tuple[Measurement, ...]
    operators: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def fastest(self) -> Measurement | None:
        """The setting with the least p50 of the smallest batch; None where nothing ran."""
        ran = [each for each in self.measurements if each.p50 is not None and each.setting.workers == 1]
        least = min((each.setting.batch_size for each in ran), default=0)
        alone = [each for each in ran if each.setting.batch_size == least]
        return min(alone, key=lambda each: (each.p50 or 0.0, each.setting.threads), default=None)

    @property
    def most(self) -> Measurement | None:
        """The setting with the highest rate; None where nothing ran."""
        ran = [each for each in self.measurements if each.rate is not None]
        return max(ran, key=lambda each: (each.rate or 0.0, -each.setting.batch_size), default=None)


@checked_class()
@dataclass(frozen=True)
class BenchmarkReport:
    """What `benchmark` measured; it prints as tables.

    Args:
        onnxruntime: Its version.
        processor: The processor's name.
        cores: How many cores this process may use.
        peaks: Multiply-adds a second of a product of two large matrices, by device and threads: "cpu 2".
        files: One for each file.
        low_memory: Whether the models were opened with `low_memory=True`.

    Raises:
        InputError: They are no figures of `benchmark`.
    """

    onnxruntime: str
    processor: str
    cores: int
    peaks: Mapping[str, float]
    files: tuple[FileBenchmark, ...]
    low_memory: bool = False

    def __post_init__(self) -> None:
        files = self.files if isinstance(self.files, (tuple, list)) else (None,)
        if not (isinstance(self.peaks, dict) and all(isinstance(each, FileBenchmark) for each in files)):
            raise InputError.coded(
                "E-CALL-03",
                "BenchmarkReport(files={files}): expected what benchmark() measured, a tuple of "
                "FileBenchmark, and peaks by name.",
                files=shortened(self.files),
            )
        object.__setattr__(self, "files", tuple(files))

    def to_dict(self) -> dict[str, object]:
        """Return all figures as plain JSON data; times are seconds, memory is bytes."""
        return {
            "schema": SCHEMA,
            "onnxruntime": self.onnxruntime,
            "processor": self.processor,
            "cores": self.cores,
            "low_memory": self.low_memory,
            "peaks": dict(self.peaks),
            "files": [self._of_file(each) for each in self.files],
        }

    def _of_file(self, found: FileBenchmark) -> dict[str, object]:
        facts = asdict(found)
        facts["inputs"] = {name: list(shape) for name, shape in found.inputs.items()}
        facts["measurements"] = [_flat(each) for each in found.measurements]
        for name, best in (("fastest", found.fastest), ("most", found.most)):
            line = "" if best is None else self.python_line(found, best, many=name == "most")
            facts[name] = None if best is None else {**_flat(best), "python": line}
        return facts

    def python_line(self, found: FileBenchmark, best: Measurement, many: bool = False) -> str:
        """Return the call that opens a file with a setting, as a line of Python.

        Args:
            found: The file.
            best: The setting's figures.
            many: Whether it is for many inputs: with the call that runs them so.
        """
        setting = best.setting
        options = [f"device={setting.device!r}", f"threads={setting.threads}"]  # "auto" may choose another
        if self.low_memory:
            options.append("low_memory=True")
        opened = f"load({os.path.basename(found.file)!r}, {', '.join(options)})"
        shares = setting.workers > 1 or setting.threads == 1 or not is_processor(setting.device)
        if many and shares and found.call in ("predict", "embed"):
            return f"{opened}.{found.call}(inputs, batch_size={setting.batch_size})"
        return opened

    def __str__(self) -> str:
        from .text import report_text  # here, because text of it alone needs that

        return report_text(self)


def _flat(measurement: Measurement) -> dict[str, object]:
    """Return a measurement with its setting as one dict."""
    facts = asdict(measurement)
    setting: dict[str, object] = facts.pop("setting")
    return {**setting, **facts}
