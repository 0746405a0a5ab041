"""`benchmark`: every kind of file, the figures, and settings that fail. Nothing here compares times."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.benchmarking import benchmark as module
from onnxnn_runtime.benchmarking import candidate, child
from onnxnn_runtime.benchmarking.child import Start, start_of
from onnxnn_runtime.benchmarking.report import Setting
from support.models import FLOAT, graph, model, node, tensor, value

UNITS = {
    "binary": "images",
    "denoiser": "steps",
    "denoiser_classes": "steps",
    "image_any_size": "images",
    "image_classifier": "images",
    "image_embedder": "images",
    "image_fixed": "images",
    "image_in_graph": "images",
    "loop": "images",
    "no_card": "samples",
    "seq2seq-0.1.0": "tokens",
    "sequence": "sequences",
    "table": "rows",
    "text": "tokens",
    "tokens": "sequences",
    "two_inputs": "samples",
    "values": "rows",
}
"""Small models of every kind -> what is counted."""


def quickly(files, **options):
    return rt.benchmark(files, **{"seconds": 0.005, "threads": 1, "devices": "cpu", **options})


def test_where_the_operators_run_is_kept(quick, golden, monkeypatch):
    monkeypatch.setattr(rt.Model, "operators", property(lambda model: {"cuda": 3, "cpu": 1}))
    (found,) = quickly(golden / "models" / "table.onnx", batch_sizes=[1]).files
    assert found.operators == {"cpu": {"cuda": 3, "cpu": 1}}


@pytest.mark.parametrize("name", UNITS)
def test_every_kind_of_file(quick, golden, name):
    path = golden / "models" / (name + ".onnx")
    report = quickly(path, batch_sizes=[1, 2])
    (found,) = report.files
    assert found.unit == UNITS[name]
    assert found.does == rt.load(path).kind.does
    assert [each.problem for each in found.measurements] == [""] * len(found.measurements)
    for each in found.measurements:
        assert 0 < each.p50 <= each.p95
        assert each.rate > 0
        assert each.runs >= 3
        assert (each.start, each.memory) == (0.25, 50_000_000)
    assert found.fastest in found.measurements
    assert found.most in found.measurements
    json.dumps(report.to_dict(), allow_nan=False)
    assert str(path) in str(report)


@pytest.mark.parametrize("threads", [[1], [1, 2], [2]])
def test_the_settings_that_are_measured(quick, golden, threads):
    path = str(golden / "models" / "image_classifier.onnx")
    report = quickly(path, batch_sizes=[3, 1, 3], threads=threads)
    alone = [Setting("cpu", number, 1, size) for number in threads for size in (1, 3)]
    shared = [Setting("cpu", number, number, size) for number in threads if number > 1 for size in (1, 3)]
    assert [each.setting for each in report.files[0].measurements] == alone + shared
    assert quick == [(path, setting, False) for setting in alone + shared]
    assert set(report.peaks) == {f"cpu {number}" for number in threads}


def test_threads_are_powers_of_two_and_all_cores(quick, golden, monkeypatch):
    monkeypatch.setattr(candidate, "num_threads", lambda: 3)
    report = quickly(golden / "models" / "table.onnx", batch_sizes=1, threads=None)
    found = [(each.setting.threads, each.setting.workers) for each in report.files[0].measurements]
    assert found == [(1, 1), (2, 1), (3, 1), (3, 3)]


def test_a_fixed_batch_and_a_text_have_one_batch(quick, golden, tmp_path):
    fixed = tmp_path / "fixed.onnx"
    relu = node("Relu", ["x"], ["y"])
    fixed.write_bytes(model(graph([relu], [value("x", (5, 2), FLOAT)], [value("y", (5, 2), FLOAT)])))
    found = quickly(fixed, batch_sizes=[1, 2, 8]).files[0]
    assert [each.setting.batch_size for each in found.measurements] == [5]
    assert found.inputs == {"x": (5, 2)}
    found = quickly(golden / "models" / "text.onnx", batch_sizes=[2, 8]).files[0]
    assert [each.setting.batch_size for each in found.measurements] == [2]


@pytest.mark.parametrize("shape", [None, ()])
def test_a_graph_without_a_batch(quick, tmp_path, shape):
    path = tmp_path / "made.onnx"
    inputs = [] if shape is None else [value("x", shape, FLOAT)]
    name, constants = ("c", [tensor("c", np.zeros((2, 3), np.float32))]) if shape is None else ("x", [])
    path.write_bytes(model(graph([node("Relu", [name], ["y"])], inputs, [value("y", None)], constants)))
    (found,) = quickly(path, batch_sizes=[1, 8]).files
    assert [(each.setting.batch_size, each.problem) for each in found.measurements] == [(1, "")]


def test_auto_is_the_device_that_it_chose(quick, golden):
    path = golden / "models" / "table.onnx"
    found = quickly(path, batch_sizes=1, devices=["auto"]).files[0]
    assert {each.setting.device for each in found.measurements} == {rt.load(path).device}


def test_a_device_is_measured_once(quick, golden):
    path = golden / "models" / "table.onnx"
    named = ["auto", rt.load(path).device, "auto"]
    assert len(quickly(path, batch_sizes=1, devices=named).files[0].measurements) == 1


def test_a_file_that_is_gone_has_its_figures(quick, golden, tmp_path, monkeypatch):
    path = tmp_path / "a.onnx"
    path.write_bytes((golden / "models" / "table.onnx").read_bytes())
    real = module.time_together
    monkeypatch.setattr(module, "time_together", lambda *given: (real(*given), path.unlink())[0])
    (found,) = quickly(path, batch_sizes=1).files
    assert (found.multiply_adds, found.size) == (None, (golden / "models" / "table.onnx").stat().st_size)
    assert found.fastest.p50 > 0


def test_without_a_folder_for_temporary_files(quick, golden, monkeypatch):
    def refuse(*_, **__):
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(candidate.tempfile, "TemporaryDirectory", refuse)
    (found,) = quickly(golden / "models" / "table.onnx", batch_sizes=1).files
    assert found.multiply_adds is None
    assert found.fastest.p50 > 0


@pytest.mark.parametrize(("kind", "precision"), [(FLOAT, "float32"), (10, "fp16"), (16, "fp16")])
def test_the_precision_is_read_from_the_file(quick, tmp_path, kind, precision):
    """Files of other tools have no card that says it."""
    path = tmp_path / "a.onnx"
    inside = [node("Cast", ["x"], ["h"], to=kind), node("Cast", ["h"], ["y"], to=FLOAT)]
    path.write_bytes(model(graph(inside, [value("x", ["N", 3])], [value("y", ["N", 3])], [])))
    assert quickly(path, batch_sizes=1).files[0].precision == precision


def test_every_device_that_is_here(quick, golden, monkeypatch):
    """One that does not start has no figures, but the reason; on a GPU threads are not varied."""
    monkeypatch.setattr(candidate, "offered_here", lambda: ["cpu", "cuda"])
    monkeypatch.setattr(
        module, "start_of", lambda _, setting, __: Start(problem="no" * (setting.device != "cpu"))
    )
    report = quickly(golden / "models" / "table.onnx", batch_sizes=1, threads=[1, 2], devices=None)
    found = [
        (each.setting.device, each.setting.threads, each.problem) for each in report.files[0].measurements
    ]
    assert found == [("cpu", 1, ""), ("cpu", 2, ""), ("cpu", 2, ""), ("cuda", 2, "no")]
    assert set(report.peaks) == {"cpu 1", "cpu 2"}


def test_openvino(quick, golden):
    pytest.importorskip("openvino")
    report = quickly(golden / "models" / "image_classifier.onnx", threads=2, devices=["cpu", "openvino"])
    found = [(each.setting.device, each.setting.workers) for each in report.files[0].measurements]
    assert sorted(set(found)) == [("cpu", 1), ("cpu", 2), ("openvino", 1), ("openvino", 2)]
    assert [each.problem for each in report.files[0].measurements] == [""] * 12


def test_low_memory_opens_models_so(quick, golden, monkeypatch):
    opened = []
    monkeypatch.setattr(
        candidate, "load", lambda *_, **options: opened.append(options) or rt.load(*_, **options)
    )
    report = quickly(golden / "models" / "table.onnx", batch_sizes=1, threads=2, low_memory=True)
    assert [each.setting.workers for each in report.files[0].measurements] == [1]
    assert opened[-1] == {"device": "cpu", "threads": 2, "low_memory": True}
    assert all(low_memory for _, _, low_memory in quick)
    assert "low_memory=True" in report.to_dict()["files"][0]["fastest"]["python"]


def test_several_files_are_compared(quick, golden):
    paths = [golden / "models" / name for name in ("table.onnx", "values.onnx", "no_card.onnx")]
    report = quickly(paths, batch_sizes=1)
    text = str(report)
    assert [each.file for each in report.files] == [str(path) for path in paths]
    assert "values.onnx: " in text
    assert " x as fast for one as table.onnx, " in text
    assert "no_card.onnx: 1" not in text, "samples are not compared with rows"


def test_a_setting_that_fails_says_why_and_the_others_go_ahead(golden, monkeypatch, quick):
    def crashing(path, setting, low_memory):
        return Start(problem="its process crashed (code -11)") if setting.batch_size == 2 else Start(0.1, 1)

    monkeypatch.setattr(module, "start_of", crashing)
    report = quickly(golden / "models" / "image_classifier.onnx", batch_sizes=[1, 2, 4])
    measurements = report.files[0].measurements
    assert [bool(each.problem) for each in measurements] == [False, True, False]
    assert measurements[1].p50 is measurements[1].rate is measurements[1].memory is None
    assert "cpu, threads 1, batch 2: its process crashed (code -11)" in str(report)
    assert report.files[0].most.setting.batch_size != 2


def test_where_everything_fails_there_is_no_best(golden, monkeypatch, quick):
    monkeypatch.setattr(module, "start_of", lambda *_: Start(problem="no"))
    report = quickly(golden / "models" / "table.onnx", batch_sizes=1)
    assert report.files[0].fastest is report.files[0].most is None
    assert report.to_dict()["files"][0]["most"] is None
    assert "batch 1: no" in str(report)


def test_batches_that_the_model_refuses_here(quick, golden, monkeypatch):
    def refuse(opened, batch):
        if batch > 1:
            raise rt.InputError.coded("E-INPUT-10", "x: too large. Take less.")
        return work(opened, batch)

    work = candidate.workload
    monkeypatch.setattr(candidate, "workload", refuse)
    found = quickly(golden / "models" / "table.onnx", batch_sizes=[1, 2]).files[0]
    assert [each.problem for each in found.measurements] == ["", "x: too large. Take less."]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"batch_sizes": []},
            r"batch_sizes=\[\]: expected a list with at least one value, such as \[1, 2\]\.",
        ),
        ({"batch_sizes": "many"}, r"batch_sizes='many': expected a list"),
        ({"batch_sizes": [0]}, r"batch_sizes=0: expected an integer from 1 to 4096\."),
        ({"batch_sizes": [1.5]}, r"batch_sizes=1\.5: expected an integer"),
        ({"batch_sizes": True}, r"batch_sizes=True: expected an integer"),
        ({"threads": [2000]}, r"threads=2000: expected an integer from 1 to 1024\."),
        ({"threads": {}}, r"threads={}: expected a list"),
        ({"threads": (each for each in [1])}, r"threads=.*: expected a list"),
        ({"seconds": 0}, r"seconds=0: expected a number above 0, up to 600\."),
        ({"seconds": float("nan")}, r"seconds=nan: expected a number"),
        ({"seconds": "1"}, r"seconds='1': expected a number"),
        ({"devices": []}, r"devices=\[\]: expected a list with at least one value, such as \['cpu'\]\."),
    ],
)
def test_options_out_of_range(golden, options, message):
    with pytest.raises(rt.InputError, match=message):
        rt.benchmark(golden / "models" / "table.onnx", **options)


def test_numbers_of_numpy_are_numbers(quick, golden):
    report = quickly(golden / "models" / "table.onnx", batch_sizes=np.array([2, 1]), threads=np.int64(1))
    assert [each.setting.batch_size for each in report.files[0].measurements] == [1, 2]


@pytest.mark.parametrize("files", [[], None, 3, b"x", [None], {"a": 1}])
def test_what_is_no_path(files):
    with pytest.raises(rt.InputError, match=r"benchmark\(.*expected the path of an \.onnx file, or a list"):
        rt.benchmark(files)


def test_files_that_cannot_be_opened(tmp_path, golden):
    with pytest.raises(rt.MissingInputError, match=r"absent\.onnx"):
        rt.benchmark(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("text", encoding="utf-8")
    with pytest.raises(rt.InputError, match=r"text\.onnx"):
        rt.benchmark([golden / "models" / "table.onnx", tmp_path / "text.onnx"])


@pytest.mark.parametrize("device", ["tpu", "cuda:99", 3, [1]])
def test_a_device_that_is_absent_is_refused(golden, device):
    with pytest.raises(rt.DeviceError, match="device="):
        rt.benchmark(golden / "models" / "table.onnx", devices=[device])


def test_a_program_that_holds_python_is_not_started_again(golden, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(child.subprocess, "run", lambda *_, **__: pytest.fail("started"))
    found = start_of(str(golden / "models" / "table.onnx"), Setting("cpu", 1, 1, 1), False)
    assert found.problem.startswith("no process of Python can be started")


def test_a_new_process_reports_start_and_memory(golden):
    path = str(golden / "models" / "image_classifier.onnx")
    found = start_of(path, Setting("cpu", 2, 2, 3), False)
    assert found.problem == ""
    assert 0 < found.seconds < 300
    assert found.memory is None or found.memory > 10_000_000


def test_what_a_new_process_says_when_it_fails(golden, tmp_path, monkeypatch):
    setting = Setting("cpu", 1, 1, 1)
    assert "absent.onnx" in start_of(str(tmp_path / "absent.onnx"), setting, False).problem
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing"))
    assert "no process of Python can be started" in start_of("a.onnx", setting, False).problem


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.abort()", r"its process crashed \(code -?\d+\)"),
        ("raise SystemError('broken wheel')", "its process failed: SystemError: broken wheel"),
        ("import time; time.sleep(60)", "it took more than 1 s"),
    ],
)
def test_a_process_that_ends_otherwise(monkeypatch, script, message):
    from onnxnn_runtime.benchmarking import child

    monkeypatch.setattr(child, "_SCRIPT", script)
    monkeypatch.setattr(child, "SECONDS", 1.0 if "sleep" in script else 60.0)
    found = child.start_of("a.onnx", Setting("cpu", 1, 1, 1), False)
    assert re.match(message, found.problem), found.problem
    assert found.seconds is found.memory is None
