"""What messages quote: short, quick, on one line, whatever it is."""

from __future__ import annotations

import ast
import enum
from pathlib import PurePosixPath

import numpy as np
import pytest
from onnxnn_runtime.errors import did_you_mean
from onnxnn_runtime.messages.shorten import printable, shortened


class Colour(enum.Enum):
    RED = 1


class Foreign:
    def __repr__(self):
        raise AssertionError("a message called a foreign __repr__")

    __str__ = __repr__


class ForeignList(list):
    __repr__ = Foreign.__repr__

    def __iter__(self):
        raise AssertionError("a message iterated over a list by foreign code")


def deep(levels, wrap):
    value = wrap(1)
    for _ in range(levels):
        value = wrap(value)
    return value


def holds_itself():
    value = [1]
    value.append({"again": value})
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (-3, "-3"),
        (0.5, "0.5"),
        (float("nan"), "nan"),
        (1 + 2j, "(1+2j)"),
        ("cat", "'cat'"),
        ("it's", '"it\'s"'),
        (b"cat\x00", "b'cat\\x00'"),
        ([], "[]"),
        ([1, [2, 3]], "[1, [2, 3]]"),
        ((1,), "(1,)"),
        ((1, "a"), "(1, 'a')"),
        ({"a": [1.5]}, "{'a': [1.5]}"),
        ({3}, "{3}"),
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7"),
        (np.zeros((2, 3)), "float64 array (2, 3)"),
        (np.array([Foreign()]), "object array (1,)"),
        (PurePosixPath("a/b"), "'a/b'"),
        (range(2, 9), "range(2, 9)"),
        (Colour.RED, "Colour.RED"),
        (Foreign(), "an object of type Foreign"),
        (Foreign, "the class Foreign"),
        (len, "the function len"),
        (ForeignList([1, 2]), "[1, 2]"),
    ],
)
def test_small_values_read_as_python_writes_them(value, text):
    assert shortened(value) == text


LARGE = {
    "text": lambda: "x" * 10_000_000,
    "bytes": lambda: b"\xff" * 10_000_000,
    "control characters": lambda: "\x1b" * 1000,
    "a large integer": lambda: 10**1_000_000,
    "a negative integer": lambda: -(10**5000),
    "a list": lambda: list(range(1_000_000)),
    "a tuple of texts": lambda: tuple(["long" * 1000] * 1000),
    "a dict": lambda: dict.fromkeys(range(100_000), "value"),
    "a key": lambda: {("key",) * 1000: 1},
    "a set": lambda: set(range(100_000)),
    "equal lists in each other": lambda: [[[[["deep"] * 100] * 100] * 100] * 100] * 100,
    "a deep list": lambda: deep(100_000, lambda value: [value]),
    "a deep dict": lambda: deep(100_000, lambda value: {"a": value}),
    "a list in itself": holds_itself,
    "foreign objects": lambda: [Foreign()] * 1000,
    "large integers": lambda: [10**100_000] * 100,
    "a class": lambda: type("N" * 1000, (), {})(),
    "an array": lambda: np.zeros((1,) * 30),
}
"""Functions that return the values, which take long to make."""


@pytest.mark.parametrize("name", LARGE)
def test_large_values_are_short(name):
    value = LARGE[name]()
    for limit in (16, 80, 300):
        # walking any of them whole takes minutes, or for ever
        text = shortened(value, limit)
        assert 0 < len(text) <= limit
        assert text.isprintable()
    assert printable(value, limit) == text or isinstance(value, str)


@pytest.mark.parametrize("function", [shortened, printable])
@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "\u202egnp.exe", "\udcff", "\x00", "\x9b2J", "\r"])
def test_control_characters_show_as_escapes(function, text):
    shown = function(text)
    assert shown.isprintable()
    assert "\\" in shown
    shown.encode("utf-8")


def test_a_long_text_keeps_both_ends():
    assert shortened("a" * 50 + "b" * 50, 20) == "'aaaaaaaa...bbbbbbb'"
    assert printable("/data/" + "x" * 500 + "/cat.png", 40).endswith("/cat.png")


def test_printable_keeps_readable_text():
    assert printable("分类/猫 1.png") == "分类/猫 1.png"
    assert printable(None) == "None"


def test_a_tensor_shows_its_type_and_shape():
    torch = pytest.importorskip("torch")
    assert shortened(torch.zeros(2, 3)) == "torch.float32 tensor (2, 3)"
    assert shortened([torch.zeros(1000, 1000)]) == "[torch.float32 tensor (1000, 1000)]"


def test_what_is_no_name_has_no_nearest_name():
    for word in ("x" * 10_000_000, Foreign(), None, 10**10_000):
        assert did_you_mean(word, ["linear", "x" * 99]) == ""
    assert did_you_mean("Linaer", ["linear"]) == ". Did you mean 'linear'?"


@pytest.mark.parametrize(
    "text", ["身\u3000高", "it's\u3000x", "a\"'\u3000", "\\\u3000\n\x1b", "👩\u200d🏫", "\u3000\u202e"]
)
def test_what_people_write_stays_as_it_is(text):
    for shown in (shortened(text), printable(text)):
        assert not any(escape in shown for escape in ("u3000", "u200d"))
        assert not {"\n", "\x1b", "\u202e"} & set(shown)
    assert ast.literal_eval(shortened(text)) == text
