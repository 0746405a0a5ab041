"""The line that says how far a call is."""

from __future__ import annotations

import io
import sys

import pytest
from onnxnn_runtime.messages.progress import ProgressLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


def words(done, total):
    return f"{done} of {total}"


def test_a_line_is_drawn_again_and_cleared(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with ProgressLine(words) as line:
        line(1, 2)
        line(2, 2)
    assert sys.stderr.getvalue() == "\r1 of 2\r2 of 2\r\033[K"


def test_it_is_cleared_after_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyError), ProgressLine(words):
        raise KeyError
    assert sys.stderr.getvalue() == "\r\033[K"


@pytest.mark.parametrize(("stream", "wanted"), [(io.StringIO, True), (Terminal, False)])
def test_it_is_for_people_who_want_it(monkeypatch, stream, wanted):
    monkeypatch.setattr(sys, "stderr", stream())
    with ProgressLine(words, wanted) as line:
        line(1, None)
    assert sys.stderr.getvalue() == ""
