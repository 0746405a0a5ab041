"""Text for people: its language, its values, the codes of errors."""

from __future__ import annotations

import io
import pickle  # noqa: TID251 - reads what the same line wrote
import sys
import types

import pytest
from onnxnn_runtime.card.card import INPUT_KINDS, OUTPUT_KINDS
from onnxnn_runtime.card.words import kind_name, parity_text
from onnxnn_runtime.errors import InputError, LayerError
from onnxnn_runtime.messages import catalogue
from onnxnn_runtime.messages.catalogue import coded, gettext, language, ngettext
from onnxnn_runtime.messages.codes import CODES


class Chinese:
    """A catalogue of two messages, as `gettext.translation` returns one."""

    def gettext(self, message):
        return "{where}：没有这个文件" if message == "{where}: no file" else message

    def ngettext(self, one, many, count):
        return "{count} 列" if one == "{count} column" else (one if count == 1 else many)


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    monkeypatch.setattr(catalogue, "_catalogues", {})
    monkeypatch.setattr(catalogue, "_open", lambda package, chosen: Chinese())


def test_english_without_a_choice():
    assert gettext("{where}: no file", where="a.csv") == "a.csv: no file"
    assert ngettext("{count} column", "{count} columns", 1) == "1 column"
    assert ngettext("{count} column of {name}", "{count} columns of {name}", 2, name="a") == "2 columns of a"


@pytest.mark.usefixtures("chinese")
def test_chinese_where_it_is_chosen_and_known():
    assert gettext("{where}: no file", where="a.csv") == "a.csv：没有这个文件"
    assert gettext("unknown to it {n}", n=1) == "unknown to it 1"
    assert [ngettext("{count} column", "{count} columns", count) for count in (1, 2)] == ["1 列", "2 列"]
    assert ngettext("{count} row", "{count} rows", 2) == "2 rows"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"ONNXNN_LANG": "zh"}, "zh_CN"),
        ({"ONNXNN_LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"ONNXNN_LANG": "ZH-tw"}, "zh_CN"),
        ({"ONNXNN_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"ONNXNN_LANG": "", "LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"ONNXNN_LANG": "fr", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "en_GB.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de_DE"}, "en"),
        ({"LANG": "de_DE", "LC_ALL": "zh_CN.GBK"}, "zh_CN"),
        ({"LC_ALL": "C", "LANG": "zh_CN", "LANGUAGE": "zh"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "zh"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_of_the_environment(monkeypatch, names, expected):
    for name in ("ONNXNN_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    assert language() == expected


@pytest.mark.parametrize(("identifier", "expected"), [(0x0804, "zh_CN"), (0x0404, "zh_CN"), (0x0409, "en")])
def test_the_language_of_windows(monkeypatch, identifier, expected):
    for name in ("ONNXNN_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    kernel = types.SimpleNamespace(GetUserDefaultUILanguage=lambda: identifier)
    fake = types.SimpleNamespace(windll=types.SimpleNamespace(kernel32=kernel))
    monkeypatch.setitem(sys.modules, "ctypes", fake)
    monkeypatch.setattr(sys, "platform", "win32")
    assert language() == expected


def test_an_error_ends_in_its_code():
    error = LayerError(coded("E-LAYER-03", "{where}: expected {size} inputs", where="add()", size=3))
    assert str(error) == "add(): expected 3 inputs [E-LAYER-03]"
    assert (error.code, error.text) == ("E-LAYER-03", "add(): expected 3 inputs")


def test_an_error_within_an_error_shows_one_code():
    inner = InputError(coded("E-INPUT-01", "no file"))
    outer = LayerError(coded("E-LAYER-08", "{error} Train first.", error=inner))
    assert str(outer) == "no file Train first. [E-LAYER-08]"


def test_values_are_no_templates():
    assert gettext("got {value}", value="{0} {value} {x!r}") == "got {0} {value} {x!r}"


def test_an_error_of_another_process_keeps_its_code():
    error = pickle.loads(pickle.dumps(LayerError(coded("E-LAYER-03", "{n} inputs", n=3))))
    assert (str(error), error.code) == ("3 inputs [E-LAYER-03]", "E-LAYER-03")


def test_an_error_without_a_code_is_its_text():
    assert (str(LayerError("as it is")), LayerError("as it is").code, str(LayerError())) == (
        "as it is",
        "",
        "",
    )


def test_codes_are_numbered_without_gaps():
    families: dict = {}
    for code in CODES:
        family, number = code.rsplit("-", 1)
        families.setdefault(family, []).append(int(number))
    for family, numbers in families.items():
        assert numbers == list(range(1, len(numbers) + 1)), family


def test_values_may_have_any_name():
    names = dict.fromkeys(("code", "message", "one", "many", "values", "text"), 1)
    template = "".join(f"{{{name}}}" for name in names)
    assert coded("E-LAYER-03", template, **names) == gettext(template, **names) == "111111"
    assert ngettext(template, template, 2, **names) == "111111"


@pytest.mark.parametrize("kind", sorted({*INPUT_KINDS, *OUTPUT_KINDS}))
def test_kinds_are_named_in_the_language_of_the_user(monkeypatch, kind):
    monkeypatch.setenv("ONNXNN_LANG", "en")
    assert kind_name(kind) == kind
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    assert not kind_name(kind).isascii()


def test_differences_are_named_in_the_language_of_the_user(monkeypatch):
    parity = {"absolute": 1e-6, "relative": 2e-7}
    monkeypatch.setenv("ONNXNN_LANG", "en")
    assert parity_text(parity, 2) == "absolute 1e-06, relative 2e-07"
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    assert parity_text(parity, 2) == "绝对 1e-06，相对 2e-07"


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", "zh_CN"), ("gbk", "zh_CN"), ("ascii", "en"), ("cp1252", "en")]
)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_english_where_a_stream_cannot_hold_chinese(monkeypatch, name, encoding, expected):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert language() == expected


@pytest.mark.parametrize("stream", [None, io.StringIO(), object()])
def test_streams_without_an_encoding_hold_chinese(monkeypatch, stream):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    monkeypatch.setattr(sys, "stderr", stream)
    assert language() == "zh_CN"
