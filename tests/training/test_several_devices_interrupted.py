"""Ctrl-C in the process that started the other, in the other, or in both."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from support.paths import TESTS
from support.prepared import settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT"),
]

WHO = [(0,), (1,), (0, 1)]


def waited_for(path, process):
    """Wait until a file is there."""
    end = time.monotonic() + 100
    while not path.exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    return path


def ended(folder, case, mark=None, who=()):
    """Start a case, send Ctrl-C to some of its processes; return exit code, stdout and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.failing", str(folder), case],
        cwd=str(TESTS),
        env=settings({"OMP_NUM_THREADS": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        if mark is not None:
            waited_for(folder / mark, process)
            time.sleep(0.3)
        for rank in who:
            os.kill(int((folder / f"process{rank}").read_text(encoding="utf-8")), signal.SIGINT)
        out, text = process.communicate(timeout=60)
        assert_gone(folder)
        return process.returncode, out, text
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def assert_gone(folder):
    other = int((folder / "process1").read_text(encoding="utf-8"))
    end = time.monotonic() + 20
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(other, 0)
            time.sleep(0.05)
        pytest.fail("the other process is still there")


@pytest.mark.parametrize("who", WHO)
def test_ctrl_c_ends_all_and_keeps_what_was_learned(tmp_path, who):
    code, out, text = ended(tmp_path, "started", "begun", who)
    assert code == 0, text
    lines = sorted(line for line in out.split("\n") if " ended after " in line)
    assert [line[:15] for line in lines] == ["process 0 ended", "process 1 ended"]
    assert lines[0][15:] == lines[1][15:]
    assert (tmp_path / "basenn.pth").is_file()


@pytest.mark.parametrize("who", WHO)
def test_ctrl_c_ends_all_before_they_train(tmp_path, who):
    code, _, text = ended(tmp_path, "late", "process1", who)
    assert code == -signal.SIGINT, text
    assert "KeyboardInterrupt" in text


def test_a_process_that_ends_before_training_is_not_waited_for(tmp_path):
    code, _, text = ended(tmp_path, "absent")
    assert code == 1, text
    assert text.count("train(): process 1 ended before training began, with exit status 3.") == 1
