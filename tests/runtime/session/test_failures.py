"""Files that ONNX Runtime does not load: what is said about them."""

from __future__ import annotations

import sys

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import targets
from onnxnn_runtime.session import failures, providers
from support.models import function, graph, model, node, value

X = ("batch", 2)


def one_node(kind, domain="", **options):
    made = node(kind, ["input"], ["output"], domain, **options)
    return graph([made], [value("input", X)], [value("output", X)])


def too_new(monkeypatch, opset, ir_version, installed=(1, 13), python=(3, 11)):
    """Return what is said about a file where another ONNX Runtime is installed."""
    monkeypatch.setattr(failures, "runtime_version", lambda: installed)
    monkeypatch.setattr(sys, "version_info", (*python, 0))
    monkeypatch.setattr(targets, "this_computer", lambda: "linux-x86_64")
    facts = failures.FileFacts(ir_version, {"": opset}, "", {}, ())
    return failures.cannot_load("a.onnx", facts, RuntimeError("no"))


def test_a_file_that_is_too_new_names_the_version_and_the_line(monkeypatch):
    assert too_new(monkeypatch, 19, 9) == (
        "a.onnx: expected up to opset 17 and IR 8, which ONNX Runtime 1.13 loads, got opset 19 and IR 9, "
        "for which "
        'ONNX Runtime 1.15 is needed. Install it (pip install -U "onnxruntime>=1.15"), or export the '
        "file again: onnxnn export CKPT -o FILE.onnx --target ort1.13"
    )


def test_the_ir_alone_may_be_too_new(monkeypatch):
    said = too_new(monkeypatch, 13, 10, (1, 17))
    assert "IR 10, for which ONNX Runtime 1.18 is needed" in said
    assert said.endswith("--target ort1.17")


def test_what_is_said_where_python_is_too_old_for_that_version(monkeypatch):
    said = too_new(monkeypatch, 19, 9, python=(3, 7))
    assert "ONNX Runtime 1.15 is needed; here it ends at 1.14. Export it again: onnxnn export" in said
    assert "pip install" not in said


def test_the_line_names_the_package_that_is_installed(monkeypatch):
    monkeypatch.setattr(failures, "offers_cuda", lambda: True)
    assert 'pip install -U "onnxruntime-gpu>=1.15"' in too_new(monkeypatch, 19, 9)


@pytest.mark.parametrize(("opset", "ir_version"), [(99, 7), (13, 99), (99, 99)])
def test_a_file_newer_than_every_version_known(opset, ir_version):
    newest = targets.RELEASES[-1].name
    here = targets.for_version(providers.runtime_version())
    with pytest.raises(
        rt.InputError, match=rf"no ONNX Runtime up to {newest} loads\. .*--target {here} \[E-MODEL-03"
    ):
        rt.load(model(one_node("Relu"), opset=opset, ir_version=ir_version), device="cpu")


def test_a_custom_operator_is_named_with_its_domain():
    with pytest.raises(
        rt.InputError,
        match=r"got 'Sharpen' of the domain 'school\.example', which is a custom operator.*E-MODEL-03",
    ):
        rt.load(model(one_node("Sharpen", "school.example"), domains=["school.example"]), device="cpu")


def test_a_custom_operator_in_a_branch_is_found():
    body = graph([node("Blur", ["input"], ["y"], "school.example")], [], [value("y", X)])
    condition = node("If", ["yes"], ["output"], then_branch=body, else_branch=body)
    outer = graph([condition], [value("input", X), value("yes", (), 9)], [value("output", X)])
    with pytest.raises(rt.InputError, match=r"got 'Blur' of the domain 'school\.example'"):
        rt.load(model(outer, domains=["school.example"]), device="cpu")


def test_functions_of_the_file_are_no_custom_operators():
    from onnxnn_runtime.session.foreign import foreign_operators

    calls = one_node("Sharpen", "own")
    assert list(foreign_operators(model(calls, domains=["own"]))) == [("own", "Sharpen")]
    made = function("Sharpen", ["x"], ["y"], [node("Blur", ["x"], ["y"], "other.example")])
    data = model(calls, domains=["own"], functions=[made])
    assert list(foreign_operators(data)) == [("other.example", "Blur")]


def test_an_unknown_operator_of_the_standard_domain_is_named():
    with pytest.raises(rt.InputError, match=r"cannot load it \(.*Sharpen"):
        rt.load(model(one_node("Sharpen")), device="cpu")
