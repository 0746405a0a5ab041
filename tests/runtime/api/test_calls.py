from __future__ import annotations

import copy
import inspect
import pickle  # noqa: TID251  # models travel between processes
import time
import traceback

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.api.calls import checked, checked_class, unknown_options
from onnxnn_runtime.messages import suggestions
from onnxnn_runtime.messages.suggestions import nearest
from support.public_calls import checks_of, public_calls

CALLS = public_calls(rt)


@pytest.mark.parametrize(("check", "name"), checks_of(CALLS))
def test_every_public_call(check, name):
    check(*CALLS[name])


def test_the_walk_finds_the_calls_that_users_make():
    assert {"onnxnn_runtime.load", "onnxnn_runtime.Model.predict", "onnxnn_runtime.Preprocess"} <= set(CALLS)
    assert len(CALLS) > 25


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rt.load(), "'path' is missing"),
        (lambda: rt.get_similarity([1], [1], "cosine", True, 5), "at most 4 arguments without a name, got 5"),
        (lambda: rt.get_similarity([1], [1], a=[1]), "'a' is given twice"),
        (lambda: rt.load("a.onnx", providers=["CPUExecutionProvider"]), "Did you mean 'device'"),
        (lambda: rt.load("a.onnx", intra_op_num_threads=1), "Did you mean 'threads'"),
        (lambda: rt.get_similarity([1], [1], metric="cosine"), "Did you mean 'method'"),
        (lambda: rt.Model.predict("cat.jpg"), "Make an object first"),
        (lambda: rt.Preprocess(colour="RGB"), "Did you mean 'color'"),
    ],
)
def test_wrong_arguments_are_explained(call, said):
    with pytest.raises(rt.CallError, match=said):
        call()


def test_all_wrong_options_are_reported_together():
    with pytest.raises(rt.CallError, match=r"'devise'.*'device'.*'thread'.*'threads'") as caught:
        rt.load("a.onnx", devise="cpu", thread=2)
    assert "missing" not in str(caught.value)


def test_what_an_unknown_option_means_is_not_missing_too():
    with pytest.raises(rt.CallError) as caught:
        rt.load(pathh="a.onnx")
    assert "missing" not in str(caught.value)


def test_signature_documentation_and_name_stay():
    assert list(inspect.signature(rt.load).parameters)[:3] == ["path", "device", "card"]
    assert rt.load.__name__ == "load"
    assert rt.load.__doc__.startswith("Open a model file.")
    assert "inputs" in inspect.signature(rt.Model.predict).parameters
    assert pickle.loads(pickle.dumps(rt.load)) is rt.load


def test_errors_from_inside_pass_unchanged_and_their_traceback_stays_short():
    @checked
    def outer(value=1):
        def inner(x):
            return x

        return inner(value, value)

    with pytest.raises(TypeError, match="inner") as caught:
        outer()
    assert not isinstance(caught.value, rt.CallError)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [frame.name for frame in frames[1:]] == ["checking", "outer"]


def test_a_wrong_call_is_one_error_without_a_cause():
    with pytest.raises(rt.CallError) as caught:
        rt.load(zzz=1)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("run", "use infer"),
        ("get_inputs", r"use \.inputs"),
        ("get_providers", r"use \.device"),
        ("fit", "onnxnn"),
        ("predict_proba", "infer"),
        ("transform", "embed"),
        ("embd", "Did you mean 'embed'"),
        ("Predict", "Did you mean 'predict'"),
        ("qqq", "It has: card, content, decoder, device, embed"),
    ],
)
def test_unknown_attributes_of_a_model_name_ours(open_model, name, said):
    model = open_model("table")
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=said) as caught:
        getattr(model, name)
    assert isinstance(caught.value, rt.OnnxnnError)


def test_advice_is_in_the_language_of_the_moment(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    with pytest.raises(AttributeError, match=r"没有属性 'nn'：它在 onnxnn 包中.*E-ATTRIBUTE-01"):
        _ = rt.nn
    with pytest.raises(
        rt.CallError, match=r"rt_load\(\)：未知的参数 'devise'。是否想写 'device'？"
    ) as caught:
        checked(rt_load)(devise=1)
    assert caught.value.code == "E-CALL-01"
    monkeypatch.setenv("ONNXNN_LANG", "en")
    with pytest.raises(AttributeError, match="it is in the package onnxnn"):
        _ = rt.nn


@pytest.mark.parametrize(
    "table",
    [
        suggestions.MODEL_ATTRIBUTES,
        *suggestions.MODEL_OPTIONS.values(),
        suggestions.RESULT_ATTRIBUTES,
        suggestions.RESULTS_ATTRIBUTES,
        suggestions.PACKAGE_ATTRIBUTES,
    ],
)
def test_all_advice_has_its_values_in_both_languages(monkeypatch, table):
    monkeypatch.setenv("ONNXNN_LANG", "en")
    english = dict(table)
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    for name, chinese in table.items():
        assert chinese != english[name]
        assert "{{" not in chinese + english[name]
    assert len(table) == len(english)


def rt_load(device="cpu"):
    return device


def test_attributes_of_a_model_cannot_be_invented(open_model):
    model = open_model("table")
    with pytest.raises(rt.UnknownAttributeError, match="no attribute 'batch_size'"):
        model.batch_size = 4
    with pytest.raises(rt.UnknownAttributeError, match="predict is a method"):
        model.predict = 4
    with pytest.raises(rt.UnknownAttributeError, match="device can be read, not set"):
        model.device = "cpu"
    model.card = model.card
    model._note = "private names are free"


def test_results_say_where_a_value_lies(open_model):
    result = open_model("table").predict([[1.0, 2.0]])
    with pytest.raises(AttributeError, match=r"results\[0\]\.label"):
        _ = result.labels
    with pytest.raises(AttributeError, match=r"use \.score"):
        _ = result[0].confidence


def test_what_other_libraries_look_for_is_not_disturbed(open_model):
    model = open_model("table")
    for probe in ("_repr_html_x", "__array__", "__array_interface__", "_ipython_canary_method_"):
        assert not hasattr(model, probe)
    assert np.asarray(model, dtype=object).shape == ()
    spec = model.card.input
    assert copy.deepcopy(spec) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    skipped = rt.Skipped("a.png", "broken")
    assert pickle.loads(pickle.dumps(skipped)) == copy.copy(skipped) == skipped


def test_subclasses_take_attributes_of_their_own():
    @checked_class()
    class Base:
        def __init__(self):
            self.known = 1

        @property
        def broken(self):
            return self._missing

    class Own(Base):
        def __init__(self):
            super().__init__()
            self.own = 2

    own = Own()
    own.other = 3
    assert (own.known, own.own, own.other) == (1, 2, 3)
    with pytest.raises(rt.UnknownAttributeError, match="Did you mean 'known'"):
        Base().knwon = 2
    with pytest.raises(AttributeError, match="_missing"):
        _ = Base().broken


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("epoch", ["lr", "epochs"], "epochs"),
        ("learning_rate", ["lr", "epochs"], "lr"),
        ("batchSize", ["batch_size"], "batch_size"),
        ("n_epochs", ["epochs"], "epochs"),
        ("max_iter", ["epochs"], "epochs"),
        ("units", ["size", "bias"], "size"),
        ("rate", ["p"], "p"),
        ("rate", ["rate_limit", "p"], "p"),
        ("zzz", ["size"], ""),
        (3, ["size"], ""),
        ("LR", ["lr"], "lr"),
    ],
)
def test_the_nearest_name(word, known, meant):
    assert nearest(word, known) == meant


def test_unknown_options_of_a_mapping():
    assert unknown_options("train", {"lr": 1}, ["lr"]) == ""
    said = unknown_options(
        "train", {"learning_rate": 1, "verbose": 0}, ["lr"], {"verbose": "use nn(verbose=0)"}
    )
    assert said == (
        "unknown option 'learning_rate' (did you mean 'lr'?); unknown option 'verbose': use nn(verbose=0). "
        "train takes: lr."
    )


@pytest.mark.parametrize("count", [5, 6, 100_000])
def test_of_many_unknown_options_five_are_named(count):
    def work(*, rate=1):
        return rate

    given = {f"ratio{number}": number for number in range(count)}
    began = time.monotonic()
    with pytest.raises(rt.CallError) as caught:
        checked(work)(**given)
    said = [caught.value.text, unknown_options("work()", given, ["rate"])]
    assert time.monotonic() - began < 2  # 100,000 nearest names take far longer
    for text in said:
        assert [name for name in given if f"'{name}'" in text] == list(given)[:5]
        assert text.endswith("work() takes: rate.")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 7.28 TiB for an array"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("std::bad_alloc"),
        ValueError("array is too big; `arr.size * arr.dtype.itemsize` is larger than possible"),
    ],
)
def test_too_little_memory_is_one_error_of_ours(error):
    def work(data):
        raise error

    with pytest.raises(rt.OutOfMemoryError, match=r"^work\(\): not enough memory.*batch_size") as caught:
        checked(work)([1])
    assert isinstance(caught.value, MemoryError)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [RuntimeError("stopped by the user"), ValueError("x"), rt.InputError("bad")]
)
def test_other_errors_pass(error):
    def work(data):
        raise error

    with pytest.raises(type(error)) as caught:
        checked(work)([1])
    assert caught.value is error
