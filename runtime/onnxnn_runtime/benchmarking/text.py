"""A benchmark as people read it: tables for a terminal of 80 columns, in the language of the user."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterator, Sequence

from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.columns import aligned
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.session.devices import operators_text

if TYPE_CHECKING:
    from .report import BenchmarkReport, FileBenchmark, Measurement, Setting

BUSY = 0.25
"""How far the turns of a setting may differ before other programs are to be suspected."""


def report_text(report: BenchmarkReport) -> str:
    """Return a report as text."""
    parts = ["\n".join(_machine(report))]
    parts += ["\n".join(_of_file(report, each)) for each in report.files]
    parts += ["\n".join(_compared(report.files)), "\n".join(_notes(report.files))]
    return "\n\n".join(filter(None, parts))


def rate_title(unit: str) -> str:
    """Return what stands over a column of rates.

    Args:
        unit: One of `onnxnn_runtime.tuning.workload.UNITS`.
    """
    return {
        "images": gettext("images/s"),
        "rows": gettext("rows/s"),
        "sequences": gettext("sequences/s"),
        "samples": gettext("samples/s"),
        "tokens": gettext("tokens/s"),
        "steps": gettext("steps/s"),
    }[unit]


def _machine(report: BenchmarkReport) -> Iterator[str]:
    yield gettext(
        "{processor}, {cores}, ONNX Runtime {version}",
        processor=printable(report.processor, 60),
        cores=ngettext("{count} core", "{count} cores", report.cores),
        version=report.onnxruntime,
    )
    peaks = [f"{name}: {2e-9 * peak:.0f} GFLOPS" for name, peak in report.peaks.items()]
    if peaks:
        yield gettext("peak by device and threads: {peaks}", peaks=", ".join(peaks))
    if report.low_memory:
        yield gettext("opened with low_memory=True")


def _of_file(report: BenchmarkReport, found: FileBenchmark) -> Iterator[str]:
    counted = gettext("multiply-adds not counted")
    if found.multiply_adds is not None:
        counted = gettext("{count:,} multiply-adds each", count=found.multiply_adds)
    yield gettext(
        "{file}: {precision}, {size:.2f} MB, {counted}",
        file=printable(found.file, 200),
        precision=found.precision,
        size=found.size / 1e6,
        counted=counted,
    )
    shapes = [f"{printable(name, 20)} {shape_text(shape)}" for name, shape in found.inputs.items()]
    if shapes:
        yield gettext("timed with {inputs}", inputs=", ".join(shapes))
    yield from aligned([_heading(found), *map(_row, found.measurements)], right=range(1, 9))
    for each in found.measurements:
        if each.problem:
            yield gettext("{setting}: {problem}", setting=_words(each.setting), problem=each.problem)
    for device, operators in found.operators.items():
        yield operators_text(device, operators)
    yield from _best(report, found)


def _heading(found: FileBenchmark) -> list[str]:
    columns = [gettext("device"), gettext("threads"), gettext("batch"), "p50 ms", "p95 ms"]
    return [*columns, rate_title(found.unit), gettext("of peak"), gettext("start s"), "MB"]


def _row(each: Measurement) -> list[str]:
    setting = each.setting
    threads = str(setting.threads) if setting.workers == 1 else f"{setting.workers}x1"
    figures = [
        _digits(each.p50, 1000),
        _digits(each.p95, 1000),
        _digits(each.rate),
        "-" if each.peak_share is None else _percent(each.peak_share),
        "-" if each.start is None else f"{each.start:.2f}",
        "-" if each.memory is None else f"{each.memory / 1e6:.0f}",
    ]
    return [setting.device, threads, str(setting.batch_size), *figures]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "<1 %"


def _digits(value: float | None, factor: float = 1) -> str:
    """Return a figure with three digits, more where it is above 1000."""
    if value is None:
        return "-"
    value *= factor
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{places}f}"


def _words(setting: Setting) -> str:
    threads = str(setting.threads) if setting.workers == 1 else f"{setting.workers}x1"
    return gettext(
        "{device}, threads {threads}, batch {batch}",
        device=setting.device,
        threads=threads,
        batch=setting.batch_size,
    )


def _best(report: BenchmarkReport, found: FileBenchmark) -> Iterator[str]:
    """Say which settings are best, and how to ask for them in Python."""
    if found.fastest is not None:
        yield gettext("least time for one: {ms} ms with", ms=_digits(found.fastest.p50, 1000))
        yield "  " + report.python_line(found, found.fastest)
    if found.most is not None:
        yield gettext(
            "most in a second: {rate} {unit} in batches of {batch} with",
            rate=_digits(found.most.rate),
            unit=rate_title(found.unit),
            batch=found.most.setting.batch_size,
        )
        yield "  " + report.python_line(found, found.most, many=True)


def _compared(files: Sequence[FileBenchmark]) -> Iterator[str]:
    """Say how the other files compare with the first."""
    first = files[0]
    for each in files[1:]:
        if first.fastest and each.fastest and first.most and each.most and first.unit == each.unit:
            yield gettext(
                "{file}: {fast:.2f} x as fast for one as {first}, {many:.2f} x as many in a second",
                file=printable(os.path.basename(each.file), 60),
                first=printable(os.path.basename(first.file), 60),
                fast=(first.fastest.p50 or 0) / (each.fastest.p50 or 1),
                many=(each.most.rate or 0) / (first.most.rate or 1),
            )


def _notes(files: Sequence[FileBenchmark]) -> Iterator[str]:
    measurements = [each for found in files for each in found.measurements]
    if any(each.setting.workers > 1 for each in measurements):
        yield gettext("2x1: two threads, each with its own batch, as predict and embed run many inputs")
    busy = sum((each.spread or 0) > BUSY for each in measurements)
    if busy:
        yield ngettext(
            "{count} setting varied by more than {percent} %: were other programs at work? Measure again "
            "when the machine is quiet.",
            "{count} settings varied by more than {percent} %: were other programs at work? Measure again "
            "when the machine is quiet.",
            busy,
            percent=round(100 * BUSY),
        )
