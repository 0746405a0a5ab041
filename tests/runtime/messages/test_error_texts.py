"""Whatever a message quotes, it stays short and does not steer the terminal."""

from __future__ import annotations

import pickle  # noqa: TID251  # errors cross processes with it

import pytest
from onnxnn_runtime import errors

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OnnxnnError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_short_and_harmless_text(kind):
    assert str(kind("a\nb 猫")) == "a\nb 猫"
    assert str(kind("red \x1b[31m")) == "red \\x1b[31m"
    long = str(kind("begin" + "x" * 10**7 + "\u202e" + "end"))
    assert long.startswith("begin")
    assert long.endswith("end")
    assert len(long) < 2000
    assert long.isprintable()
    assert str(pickle.loads(pickle.dumps(kind("text")))) == "text"
