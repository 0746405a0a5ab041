"""Which of several processes this one is, and that each message comes once."""

from __future__ import annotations

import warnings

import pytest
from onnxnn_runtime.messages.processes import is_main_process, num_processes, rank
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.messages.warn import warn

NAMES = ("WORLD_SIZE", "RANK", "LOCAL_RANK")


@pytest.fixture
def started(monkeypatch):
    """Set what starts several processes leaves in the environment."""

    def set_all(**values):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, (1, 0)),
        ({"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}, (2, 1)),  # torchrun
        ({"WORLD_SIZE": "4", "RANK": "2", "LOCAL_RANK": "0"}, (4, 2)),  # its second computer
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "1"}, (2, 1)),  # Lightning Fabric
        ({"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}, (1, 0)),
        ({"WORLD_SIZE": "2", "RANK": "1"}, (1, 0)),  # of something else
        ({"WORLD_SIZE": "two", "RANK": "1", "LOCAL_RANK": "1"}, (1, 0)),
    ],
)
def test_the_number_of_a_process(started, values, expected):
    started(**values)
    assert (num_processes(), rank()) == expected
    assert is_main_process() == (expected[1] == 0)


@pytest.mark.parametrize("number", ["0", "1"])
def test_the_main_process_alone_speaks(started, capsys, number):
    started(WORLD_SIZE="2", RANK=number, LOCAL_RANK=number)
    say("out")
    say("err", to="stderr")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn("careful")
    texts = capsys.readouterr()
    expected = ("out\n", "err\n", 1) if number == "0" else ("", "", 0)
    assert (texts.out, texts.err, len(found)) == expected
