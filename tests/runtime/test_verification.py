"""`verify`: what it reports of whole files, and of files that compute something else than their card says."""

from __future__ import annotations

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.verification import Check
from support.models import FLOAT, graph, model, node, value

X = ("batch", 2)


def opened(kind="Relu", card=None, **options):
    made = node(kind, ["input"], ["output"], "", **options)
    data = model(graph([made], [value("input", X, FLOAT)], [value("output", X, FLOAT)]))
    return rt.load(data, device="cpu", card=card)


def test_a_whole_file_passes():
    card = ModelCard("cls", (), InputSpec("table", X), OutputSpec("classes", X, ("a", "b")))
    report = rt.verify(opened(card=card))
    assert report.passed
    assert [each.name for each in report.checks] == [
        "opens",
        "output is finite",
        "output is the same alone and in a batch",
        "card names the classes",
    ]
    assert str(report).splitlines()[1] == "ok    output is finite: shape (2, 2)"


def test_a_file_without_a_card_fails_and_says_why():
    report = rt.verify(opened())
    assert not report.passed
    assert report.runs
    assert report.checks[-1] == ("card", False, "the file has none; predict and embed will refuse it")
    assert str(report).splitlines()[-1].startswith("FAIL  card: ")


def test_a_report_prints_in_the_language_of_the_user_and_keeps_the_names_of_its_checks(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    report = rt.verify(opened())
    lines = str(report).splitlines()
    assert lines[1] == "通过  output 为有限的数：形状 (2, 2)"
    assert lines[-1].startswith("失败  模型卡：")
    assert [each.name for each in report.checks][:2] == ["opens", "output is finite"]


def test_a_sample_that_depends_on_its_batch_fails():
    report = rt.verify(opened("Softmax", axis=0))
    assert [each.name for each in report.checks if not each.passed] == [
        "output is the same alone and in a batch",
        "card",
    ]


def test_it_takes_a_model_alone():
    for given in ("pets.onnx", b"", ..., [1]):
        with pytest.raises(rt.InputError, match=r"verify\(.*\): expected what load\(\) returned"):
            rt.verify(given)
    with pytest.raises(rt.CallError, match="unknown option 'zzz'"):
        rt.verify(opened(), zzz=1)


@pytest.mark.parametrize(
    "checks", [3, None, "ok", [3], ["abc"], [("runs", True, "")], [Check(3, True, "")], {}, iter([])]
)
def test_what_is_no_check_is_no_report(checks):
    with pytest.raises(
        rt.InputError, match=r"VerificationReport\(checks=.*\): expected the checks of verify"
    ):
        rt.VerificationReport(checks)


def test_a_report_of_a_list_of_checks_is_immutable():
    report = rt.VerificationReport([Check("runs", True, "")])
    assert report.checks == (("runs", True, ""),)
    assert str(report) == "ok    runs: "
