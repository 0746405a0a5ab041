"""An error that several processes meet is shown by one of them."""

from __future__ import annotations

import sys

import pytest
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages import shown_once
from onnxnn_runtime.messages.shown_once import is_left_to_others, leave_to_others, show_once


@pytest.fixture
def process(monkeypatch):
    """Make this process one of two, which are not ended by what started them."""

    def number(rank):
        monkeypatch.setattr(shown_once, "_WAIT", 0.1)
        monkeypatch.setattr(shown_once, "_MAIN_WAITS", 0.1)
        for name, value in (("WORLD_SIZE", "2"), ("RANK", str(rank)), ("LOCAL_RANK", str(rank))):
            monkeypatch.setenv(name, value)

    return number


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("is_marked", [False, True])
def test_an_error_is_shown_unless_another_process_does(process, rank, is_marked):
    process(rank)
    error = InputError("no")
    if is_marked:
        leave_to_others(error)
    assert is_left_to_others(error) == is_marked


def test_a_process_whose_parent_has_ended_is_silent(process, monkeypatch):
    process(1)
    parents = iter([7, 7, 1, 1])
    monkeypatch.setattr(shown_once.os, "getppid", lambda: next(parents))
    assert is_left_to_others(InputError("no"))


@pytest.mark.parametrize("is_marked", [False, True])
def test_the_hook_shows_what_is_not_left_to_others(process, monkeypatch, capsys, is_marked):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    process(1)
    show_once(processes=1)
    error = InputError("only once")
    if is_marked:
        leave_to_others(error)
    sys.excepthook(InputError, error, None)
    assert ("only once" in capsys.readouterr().err) == (not is_marked)


def test_one_process_and_programs_with_a_hook_keep_it(process, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    show_once(processes=1)
    assert sys.excepthook is sys.__excepthook__
    process(0)
    monkeypatch.setattr(sys, "excepthook", print)
    show_once(processes=2)
    assert sys.excepthook is print
