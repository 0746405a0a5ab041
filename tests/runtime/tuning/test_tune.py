"""`load(..., tune=True)`: the setting is measured once, kept, and used; what is given counts more."""

from __future__ import annotations

import pickle  # noqa: TID251  (users pickle models; nothing of ours reads one)

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.model import Model
from onnxnn_runtime.session import engine
from onnxnn_runtime.session.resources import Tuned
from onnxnn_runtime.tuning import machine, tune
from onnxnn_runtime.tuning.timing import Timing

KINDS = (
    *("binary", "denoiser", "image_any_size", "image_classifier", "image_fixed", "image_in_graph", "loop"),
    *("no_card", "seq2seq-0.1.0", "sequence", "table", "text", "tokens", "two_inputs"),
)


def width(model):
    return model._engine._session.session.get_session_options().intra_op_num_threads


def batches_run(model, count, **options):
    """Return the sizes of the batches that many images run in, and how many sessions ran them."""
    found = []
    run = model._engine._run

    def counted(session, feeds, outputs):
        found.append((id(session), len(next(iter(feeds.values())))))
        return run(session, feeds, outputs)

    model._engine._run = counted
    model.embed([np.zeros((6, 6, 3), np.uint8)] * count, **options)
    model._engine._run = run
    return {size for _, size in found}, {session for session, _ in found}


def test_the_setting_is_used(open_model, measured):
    measured.found = Tuned(3, 2, 5)
    model = open_model("image_classifier", device="cpu", tune=True)
    assert width(model) == 3
    sizes, sessions = batches_run(model, 2 * engine._MANY // 5 * 5)
    assert sizes == {5}
    assert id(model._engine._session) not in sessions
    assert len(sessions) == 1
    assert model._engine._single.session.get_session_options().intra_op_num_threads == 1
    assert batches_run(model, 2 * engine._MANY, batch_size=4)[0] == {4}


def test_one_session_for_all_where_that_is_faster(open_model, measured):
    measured.found = Tuned(2, 1, 8)
    model = open_model("image_classifier", device="cpu", tune=True)
    sizes, sessions = batches_run(model, 2 * engine._MANY)
    assert sizes == {8}
    assert sessions == {id(model._engine._session)}


def test_one_thread_alone_and_several_for_many(open_model, measured):
    measured.found = Tuned(1, 4, 2)
    model = open_model("image_classifier", device="cpu", tune=True)
    assert width(model) == 1
    assert batches_run(model, 2 * engine._MANY)[0] == {2}
    assert model._engine._workers == 4


def test_results_are_the_same(open_model, measured, folder):
    images = [np.full((6, 6, 3), 2 * each, np.uint8) for each in range(100)]
    expected = open_model("image_classifier", device="cpu").embed(images)
    found = open_model("image_classifier", device="cpu", tune=True).embed(images)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_threads_that_are_given_count_more(open_model, measured):
    model = open_model("image_classifier", device="cpu", threads=1, tune=True)
    assert (width(model), model._engine._workers) == (1, 1)
    assert batches_run(model, 2 * engine._MANY // 5 * 5)[0] == {5}


def test_it_is_measured_once_and_said(open_model, measured, capfd):
    open_model("image_classifier", device="cpu", tune=True)
    said = capfd.readouterr()
    assert said.out == ""
    assert "image_classifier.onnx: measured for " in said.err
    assert "threads=2, batch_size=5. This is remembered." in said.err
    tune._remembered.clear()  # as in another process
    model = open_model("image_classifier", device="cpu", tune=True)
    assert (width(model), len(measured.calls)) == (2, 1)
    assert capfd.readouterr().err == ""


def test_without_tune_nothing_is_measured_or_read(open_model, measured, folder):
    model = open_model("image_classifier", device="cpu")
    assert measured.calls == []
    assert not folder.exists()
    assert model._engine._tuned is None


@pytest.mark.parametrize("what", ["graph", "runtime", "cores", "device"])
def test_another_model_or_machine_is_measured_again(open_model, measured, monkeypatch, what):
    open_model("image_classifier", device="cpu", tune=True)
    name, device = "image_classifier", "cpu"
    if what == "graph":
        name = "image_embedder"
    elif what == "runtime":
        real = machine.onnxruntime()
        monkeypatch.setattr(machine, "onnxruntime", lambda: type("module", (), {"__version__": "0.1"}))
        assert real.__version__ != "0.1"
    elif what == "cores":
        monkeypatch.setattr(machine, "num_threads", lambda: 77)
    else:
        monkeypatch.setattr(tune, "offers_cuda", lambda: True)
        monkeypatch.setattr(Model, "device", property(lambda _: "cuda:0"))
        device = "auto"
    open_model(name, device=device, tune=True)
    assert len(measured.calls) == 2


@pytest.mark.parametrize("offers", [False, True])
def test_auto_has_the_setting_of_the_device_that_it_takes(open_model, measured, monkeypatch, offers):
    """Also where a GPU is offered that does not start, so that its batches never run on a processor."""
    monkeypatch.setattr(tune, "offers_cuda", lambda: offers)
    open_model("image_classifier", device="cpu", tune=True)
    model = open_model("image_classifier", device="auto", tune=True)
    assert (model.device, len(measured.calls)) == ("cpu", 1)


def test_a_card_makes_no_other_model(golden, tmp_path, measured):
    path = golden / "models" / "image_classifier.onnx"
    content = path.read_bytes()
    rt.load(path, device="cpu", tune=True)
    copy = tmp_path / "renamed.onnx"
    copy.write_bytes(content + bytes([0x72, 4, 0x0A, 0, 0x12, 0]))  # an empty entry of the metadata
    rt.load(copy, device="cpu", tune=True)
    rt.load(content, device="cpu", tune=True)
    assert len(measured.calls) == 1


def test_a_cache_that_cannot_be_written_measures_once_a_process(open_model, measured, folder, capfd):
    folder.write_text("a file", encoding="utf-8")
    for _ in range(2):
        assert width(open_model("image_classifier", device="cpu", tune=True)) == 2
    assert len(measured.calls) == 1
    assert "The cache folder cannot be written" in capfd.readouterr().err


def test_nothing_is_written_beside_the_model(golden, tmp_path, measured):
    path = tmp_path / "models" / "a.onnx"
    path.parent.mkdir()
    path.write_bytes((golden / "models" / "table.onnx").read_bytes())
    rt.load(path, tune=True)
    assert [each.name for each in path.parent.iterdir()] == ["a.onnx"]


def test_a_copy_has_the_same_setting(open_model, measured):
    model = pickle.loads(pickle.dumps(open_model("image_classifier", device="cpu", tune=True)))
    assert width(model) == 2
    assert len(measured.calls) == 1


def test_it_excludes_low_memory(open_model):
    with pytest.raises(
        rt.InputError, match=r"tune=True, low_memory=True\): expected one of the two.*E-INPUT-06"
    ):
        open_model("table", tune=True, low_memory=True)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_is_tuned(open_model, monkeypatch, name):
    monkeypatch.setattr(tune, "_EACH", 0.002)
    monkeypatch.setattr(tune, "num_threads", lambda: 2)
    model = open_model(name, tune=True)
    setting = model._engine._tuned
    assert setting.threads in (1, 2)
    assert setting.workers in (1, 2)
    assert setting.batch_size is None or setting.batch_size >= 1


def test_a_model_that_cannot_be_run_here_opens_without(open_model, monkeypatch, capfd):
    def refuse(*_):
        raise rt.InputError.coded("E-INPUT-10", "x: too large. Take less.")

    monkeypatch.setattr(tune, "workload", refuse)
    model = open_model("table", device="cpu", tune=True)
    assert model._engine._tuned is None
    assert "table.onnx: not tuned: x: too large. Take less." in capfd.readouterr().err


def test_when_time_is_over_the_usual_setting_stays(open_model, monkeypatch):
    monkeypatch.setattr(tune, "_SECONDS", -1.0)
    monkeypatch.setattr(tune, "num_threads", lambda: 2)
    model = open_model("image_classifier", device="cpu", tune=True)
    assert model._engine._tuned == Tuned(2, 2, 2)


def rates(*found):
    return [Timing([1 / each] if each else [], [each] if each else []) for each in found]


BATCHES = (2, 2, 4, 4, 1, 1, 8, 8, 16, 16)
"""What is tried for many images: each batch side by side, and one after the other."""


@pytest.mark.parametrize(
    ("alone", "many", "expected"),
    [
        ((10, 9), [100] * 10, Tuned(2, 2, 2)),
        ((10, 10.2), [100] * 9 + [104], Tuned(2, 2, 2)),  # less than noise
        ((10, 12), [100] * 10, Tuned(1, 2, 2)),
        ((10, 9), [100, 90, 100, 90, 100, 130, 100, 90, 100, 90], Tuned(2, 1, 1)),
        ((10, 9), [100, 90, 103, 90, 80, 90, 106, 90, 120, 90], Tuned(2, 2, 16)),
        ((0, 0), [0] * 10, Tuned(2, 2, 2)),
        ((0, 9), [0, 90] + [0] * 8, Tuned(1, 1, 2)),
    ],
)
def test_what_is_best(open_model, monkeypatch, alone, many, expected):
    """`alone` are runs a second with two threads and with one, `many` the images a second of `BATCHES`."""
    answers = [rates(*alone), rates(*(rate / batch for rate, batch in zip(many, BATCHES)))]
    monkeypatch.setattr(tune, "measure", lambda *_: answers.pop(0))
    monkeypatch.setattr(tune, "num_threads", lambda: 2)
    model = open_model("image_classifier", device="cpu")
    found = tune._measured(lambda threads, runs: model, 1000, 0.0)
    assert found == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([[10, 10, 10], [12, 12, 12]], "b"),
        ([[10, 10, 10], [9, 12, 12]], "a"),  # slower in one turn
        ([[10, 10, 13], [12, 12, 12]], "a"),  # the usual one was faster in one turn
        ([[10, 10, 10], [10.4, 10.4, 10.4]], "a"),
        ([[10, 10, 10], [12, 12, 12], [11, 19, 19]], "c"),
        ([[], [1]], "b"),
        ([[1], []], "a"),
    ],
)
def test_another_setting_is_taken_where_it_is_clearly_faster(turns, expected):
    timings = [Timing([1.0] * len(each), each) for each in turns]
    assert tune._best("abc"[: len(turns)], timings) == expected


@pytest.mark.parametrize(
    ("most", "expected"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8]), (6, [1, 2, 4, 6])]
)
def test_numbers_of_threads(most, expected):
    assert tune.thread_counts(most) == expected


def test_large_files_are_compared_in_few_sessions(open_model, monkeypatch):
    opened = []
    monkeypatch.setattr(tune, "num_threads", lambda: 16)
    monkeypatch.setattr(tune, "_EACH", 0.001)
    model = open_model("two_inputs", device="cpu")
    tune._measured(lambda threads, runs: opened.append(threads) or model, 2**30, 1e18)
    assert opened == [16, 8]
