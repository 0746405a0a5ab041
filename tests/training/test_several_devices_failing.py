"""What ends a training in one of several processes ends it in all, with one message."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from support.paths import TESTS
from support.prepared import settings
from support.sharded import launcher, torchrun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="torch has no torchrun with gloo there"),
]


SHOWN = re.compile(r"^(?:\[rank\d\]: )?[A-Z]\w*Error: .*", re.MULTILINE)
"""The line of an error, at the end of a traceback or before the lines of the script; torch's have dots."""


def ended(folder, case):
    """Run a case in two processes; return the exit code, stdout and stderr."""
    ran = torchrun(2, "-m", "support.failing", folder, case, cwd=TESTS, seconds=100)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no_folder", "nowhere: no such folder."),
        ("nan", "the loss became "),
        ("one_reads_nothing", "of the transform"),
        ("custom_module", "of the custom module"),
        ("other_samples", "the number of samples must be the same in all processes; process 0 has 30"),
        ("other_numbers", "the data must be the same in all processes"),
        ("other_epochs", "epochs must be the same in all processes; process 0 has 2, process 1 has 3."),
    ],
)
def test_one_message_ends_all(tmp_path, case, message):
    code, _, text = ended(tmp_path, case)
    assert code == 1
    shown = SHOWN.findall(text)
    assert len(shown) == 1, text
    assert message in shown[0]


def test_a_training_that_all_refuse_leaves_them_together(tmp_path):
    code, out, text = ended(tmp_path, "caught")
    assert code == 0, text
    assert sorted(out.splitlines()) == [
        "process 0 ended after 2 epochs",
        "process 0: KeyError: 'of the callback'",
        "process 1 ended after 2 epochs",
        "process 1: TrainingError: process 0 ended training with KeyError: 'of the callback' [E-TRAIN-07]",
    ]


def test_ctrl_c_in_one_ends_all_and_keeps_what_was_learned(tmp_path):
    code, out, text = ended(tmp_path, "interrupted")
    assert code == 0, text
    lines = sorted(line for line in out.split("\n") if line)
    assert [line[:15] for line in lines] == ["process 0 ended", "process 1 ended"]
    assert lines[0][15:] == lines[1][15:]
    assert (tmp_path / "basenn.pth").is_file()


def test_the_others_end_where_one_is_killed(tmp_path):
    code, out, text = ended(tmp_path, "killed")
    assert code == 1
    assert out == ""
    assert "SIGKILL" in text


def test_ctrl_c_on_the_terminal_of_torchrun(tmp_path):
    process = subprocess.Popen(
        [*launcher(2), "-m", "support.failing", str(tmp_path), "endless"],
        cwd=str(TESTS),
        env=settings({"OMP_NUM_THREADS": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        began = time.monotonic()
        while not (tmp_path / "begun").exists():
            assert time.monotonic() - began < 120
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        out, text = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    ends = {line.partition("ended")[2] for line in out.split("\n") if line}
    assert len(ends) == 1, text
    assert (tmp_path / "basenn.pth").is_file()
