"""Printing that never fails, whatever the streams are."""

from __future__ import annotations

import io
import sys

import pytest
from onnxnn_runtime.messages.streams import SafeStream, is_terminal, say
from support.streams import OnlyWrites


class Ascii(OnlyWrites):
    """A stream that holds ASCII and does not say so."""

    def write(self, text):
        text.encode("ascii")
        super().write(text)


class Broken:
    encoding = "utf-8"

    def write(self, text):
        raise RuntimeError("the window is gone")

    def flush(self):
        raise BrokenPipeError(32, "Broken pipe")

    def isatty(self):
        raise ValueError("I/O operation on closed file")

    def fileno(self):
        raise io.UnsupportedOperation


def closed():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    stream.close()
    return stream


SILENT = {"none": lambda: None, "broken": Broken, "closed": closed, "no stream at all": object}


@pytest.mark.parametrize("make", list(SILENT.values()), ids=list(SILENT))
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_nothing_is_raised(monkeypatch, make, name):
    monkeypatch.setattr(sys, name, make())
    say("text", 5, to=name)
    assert is_terminal(name) is False
    SafeStream(name).flush()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_that_only_writes_gets_the_text(monkeypatch, name):
    stream = OnlyWrites()
    monkeypatch.setattr(sys, name, stream)
    say("猫", 0.5, to=name)
    assert stream.text == "猫 0.5\n"
    assert is_terminal(name) is False


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "猫 é x"), ("gbk", "猫 é x"), ("latin-1", "? é x"), ("cp1252", "? é x"), ("ascii", "? ? x")],
)
def test_what_cannot_be_encoded_is_replaced(monkeypatch, encoding, expected):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline="\n"))
    say("猫 é x")
    sys.stdout.flush()
    assert raw.getvalue().decode(encoding) == expected + "\n"


def test_a_stream_that_replaces_in_its_own_way_is_left_to_it(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace", newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    say("猫")
    stream.flush()
    assert raw.getvalue() == b"\\u732b\n"


def test_a_stream_that_says_nothing_about_its_encoding(monkeypatch):
    stream = Ascii()
    monkeypatch.setattr(sys, "stdout", stream)
    say("猫 x")
    assert stream.text == "? x\n"


def test_idle_is_no_terminal(monkeypatch):
    """Its streams say that they are terminals, and show every bar as one more line."""
    run = pytest.importorskip("idlelib.run")

    class Shell:
        def write(self, text, tags=()):
            return len(text)

    monkeypatch.setattr(sys, "stderr", run.StdOutputFile(Shell(), "stderr"))
    assert sys.stderr.isatty()
    assert is_terminal() is False


def test_other_exceptions_pass(monkeypatch):
    class Interrupted(OnlyWrites):
        def write(self, text):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        say("text")


@pytest.mark.parametrize("to", ["stdout", "stderr"])
def test_what_would_act_on_a_terminal_is_shown_instead(capsys, to):
    """A class name with an escape sequence, a bell, a changed direction; line breaks and tabs stay."""
    say({"label": "a"}, "red \x1b[31m\x07 \x9b1m \u202egpj\ta\n猫", to=to)
    assert getattr(capsys.readouterr(), "out" if to == "stdout" else "err") == (
        "{'label': 'a'} red \\x1b[31m\\x07 \\x9b1m \\u202egpj\ta\n猫\n"
    )
