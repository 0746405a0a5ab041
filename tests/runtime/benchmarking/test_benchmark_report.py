"""The report of a benchmark: the best settings, its JSON, and tables for 80 columns in both languages."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from onnxnn_runtime.benchmarking.report import BenchmarkReport, FileBenchmark, Measurement, Setting
from onnxnn_runtime.benchmarking.text import rate_title
from onnxnn_runtime.messages.catalogue import speaking
from onnxnn_runtime.messages.columns import text_width
from onnxnn_runtime.tuning.workload import UNITS

A, B, C, D, E = (
    Setting("cpu", 1, 1, 1),
    Setting("cpu", 2, 1, 1),
    Setting("cpu", 1, 1, 16),
    Setting("cpu", 2, 2, 4),
    Setting("cpu", 2, 1, 16),
)


def measured(setting, p50, rate, **more):
    return Measurement(setting, p50, 1.2 * p50, rate, 0.456, 0.21, 92_000_000, 0.05, 120, **more)


def of_file(*measurements, call="predict", unit="images", file="photos/pets.onnx"):
    return FileBenchmark(
        file,
        3_400_000,
        "classify",
        call,
        unit,
        "float32",
        {"input": (1, 3, 224, 224)},
        300_000_000,
        measurements,
    )


def report_of(*files, **options):
    return BenchmarkReport("1.32.0", "AMD EPYC", 2, {"cpu 1": 5e10, "cpu 2": 9e10}, files, **options)


USUAL = (
    measured(A, 0.010, 100.0),
    measured(B, 0.006, 166.0),
    measured(C, 0.150, 106.0),
    Measurement(E, problem="there is not enough memory"),
    measured(D, 0.019, 210.0),
)


def test_the_best_are_the_best_of_the_table():
    found = of_file(*USUAL)
    ran = [each for each in found.measurements if not each.problem]
    assert found.fastest.p50 == min(each.p50 for each in ran if each.setting.batch_size == 1)
    assert found.most.rate == max(each.rate for each in ran)
    assert (found.fastest.setting, found.most.setting) == (B, D)


def test_of_equal_ones_the_smaller_is_best():
    found = of_file(measured(B, 0.01, 100.0), measured(A, 0.01, 100.0), measured(C, 0.16, 100.0))
    assert found.fastest.setting == A
    assert found.most.setting.batch_size == 1


def test_least_time_is_of_the_smallest_batch_and_of_one_run():
    found = of_file(measured(D, 0.001, 1.0), measured(C, 0.002, 2.0))
    assert found.fastest.setting == C


@pytest.mark.parametrize(
    ("setting", "call", "line"),
    [
        (D, "predict", "load('pets.onnx', device='cpu', threads=2).predict(inputs, batch_size=4)"),
        (D, "embed", "load('pets.onnx', device='cpu', threads=2).embed(inputs, batch_size=4)"),
        (C, "predict", "load('pets.onnx', device='cpu', threads=1).predict(inputs, batch_size=16)"),
        (E, "predict", "load('pets.onnx', device='cpu', threads=2)"),
        (D, "infer", "load('pets.onnx', device='cpu', threads=2)"),
    ],
)
def test_the_line_of_python(setting, call, line):
    found = of_file(measured(A, 1.0, 1.0), measured(setting, 1.0, 20.0), call=call)
    assert report_of(found).python_line(found, found.most, many=True) == line


def test_the_line_names_the_device():
    """Without it, a GPU that is there would run the model, and not what was measured."""
    found = of_file(measured(A, 1.0, 1.0), measured(Setting("cuda", 2, 1, 1), 0.1, 9.0))
    report = report_of(found)
    assert report.python_line(found, found.fastest) == "load('pets.onnx', device='cuda', threads=2)"
    assert report.python_line(found, found.measurements[0]) == "load('pets.onnx', device='cpu', threads=1)"


def test_the_json_has_all_figures():
    data = json.loads(json.dumps(report_of(of_file(*USUAL)).to_dict(), allow_nan=False))
    assert set(data) == {"schema", "onnxruntime", "processor", "cores", "low_memory", "peaks", "files"}
    (found,) = data["files"]
    assert set(found) == {
        *("file", "size", "does", "call", "unit", "precision", "inputs", "multiply_adds"),
        *("measurements", "fastest", "most", "operators"),
    }
    figures = ("p50", "p95", "rate", "peak_share", "start", "memory", "spread", "runs", "problem")
    settings = ("device", "threads", "workers", "batch_size")
    assert [set(each) for each in found["measurements"]] == [{*settings, *figures}] * 5
    assert found["inputs"] == {"input": [1, 3, 224, 224]}
    assert found["most"] == {**found["measurements"][4], "python": found["most"]["python"]}


TABLE = """\
AMD EPYC, 2 cores, ONNX Runtime 1.32.0
peak by device and threads: cpu 1: 100 GFLOPS, cpu 2: 180 GFLOPS

photos/pets.onnx: float32, 3.40 MB, 300,000,000 multiply-adds each
timed with input (1, 3, 224, 224)
device  threads  batch  p50 ms  p95 ms  images/s  of peak  start s  MB
cpu           1      1    10.0    12.0       100     46 %     0.21  92
cpu           2      1    6.00    7.20       166     46 %     0.21  92
cpu           1     16     150     180       106     46 %     0.21  92
cpu           2     16       -       -         -        -        -   -
cpu         2x1      4    19.0    22.8       210     46 %     0.21  92
cpu, threads 2, batch 16: there is not enough memory
least time for one: 6.00 ms with
  load('pets.onnx', device='cpu', threads=2)
most in a second: 210 images/s in batches of 4 with
  load('pets.onnx', device='cpu', threads=2).predict(inputs, batch_size=4)

2x1: two threads, each with its own batch, as predict and embed run many inputs\
"""


def test_the_table_in_english():
    assert str(report_of(of_file(*USUAL))) == TABLE


def test_the_table_in_chinese_is_aligned():
    with speaking("zh_CN"):
        lines = str(report_of(of_file(*USUAL))).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("设备"))
    assert len({text_width(line) for line in lines[start : start + 6]}) == 1


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("unit", UNITS)
def test_tables_have_at_most_80_columns(language, unit):
    slow = Measurement(Setting("openvino", 16, 16, 128), 23.4, 34.5, 123456.7, 9.99, 12.34, 12_345_000_000)
    with speaking(language):
        assert rate_title(unit)
        lines = str(report_of(of_file(slow, *USUAL, unit=unit))).splitlines()
    widths = [text_width(line) for line in lines if line.startswith(("cpu  ", "openvino  "))]
    assert len(widths) >= 5
    assert max(widths) <= 80


def test_a_busy_machine_is_named():
    text = str(report_of(of_file(Measurement(A, 1.0, 2.0, 1.0, spread=0.4), measured(B, 1.0, 1.0))))
    assert "1 setting varied by more than 25 %: were other programs at work?" in text
    assert "varied by" not in str(report_of(of_file(*USUAL)))


def test_files_are_compared_with_the_first():
    fast = of_file(measured(A, 0.003, 420.0), file="pets-int8.onnx")
    text = str(report_of(of_file(*USUAL), fast))
    assert "pets-int8.onnx: 2.00 x as fast for one as pets.onnx, 2.00 x as many in a second" in text


def test_operators_that_the_device_lacks_are_shown():
    found = replace(of_file(*USUAL), operators={"cuda": {"cuda": 118, "cpu": 4}})
    assert "118 of 122 operators run on cuda, 4 on cpu" in str(report_of(found)).splitlines()
    (facts,) = report_of(found).to_dict()["files"]
    assert facts["operators"] == {"cuda": {"cuda": 118, "cpu": 4}}
    assert "operators run on" not in str(report_of(of_file(*USUAL)))


def test_what_cannot_be_counted_is_a_dash():
    found = FileBenchmark(
        "a.onnx", 1, "infer", "infer", "samples", "float32", {}, None, (Measurement(A, 1.0, 1.0, 1.0),)
    )
    text = str(BenchmarkReport("1", "x", 1, {}, (found,)))
    assert "multiply-adds not counted" in text
    (line,) = [each for each in text.splitlines() if each.startswith("cpu ")]
    assert line.split() == ["cpu", "1", "1", "1000", "1000", "1.00", "-", "-", "-"]


def test_all_lines_but_the_note_have_at_most_80_columns():
    assert max(map(text_width, TABLE.splitlines())) <= 80
