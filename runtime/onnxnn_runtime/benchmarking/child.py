"""What a new process does for `benchmark`: it opens a model, runs it, and says how long and how much it took.

A process of its own knows how long a start takes, and the memory of one setting alone; and a setting with
which the engine ends the whole process ends no other one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

if TYPE_CHECKING:
    from .report import Setting

SECONDS = 300.0
"""How long one process may take."""

RUNS = 3
"""Runs after which its memory is read: ONNX Runtime plans memory after the first."""

_SCRIPT = """
import sys, time
begun = time.perf_counter()
sys.path.append(sys.argv[1])
from onnxnn_runtime.benchmarking.child import report
report(begun, *sys.argv[2:])
"""


class Start(NamedTuple):
    """What a process found.

    Args:
        seconds: From its first line to the first result.
        memory: Bytes of the most memory it held; None where the system does not say.
        problem: Why there are no figures; "" where there are.
    """

    seconds: float | None = None
    memory: int | None = None
    problem: str = ""


def start_of(path: str, setting: Setting, low_memory: bool) -> Start:
    """Open and run a model in a new process.

    Args:
        path: The file.
        setting: How.
        low_memory: See `onnxnn_runtime.load`.
    """
    from onnxnn_runtime.messages.catalogue import gettext
    from onnxnn_runtime.messages.system import system_reason

    if getattr(sys, "frozen", False):  # a program that would be started again, not a Python
        return Start(problem=gettext("no process of Python can be started: {reason}", reason=sys.executable))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    asked = json.dumps([setting.device, setting.threads, setting.workers, setting.batch_size, low_memory])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, root, os.path.abspath(path), asked],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Start(problem=gettext("it took more than {seconds:.0f} s", seconds=SECONDS))
    except (OSError, ValueError) as error:  # programs that hold Python inside have no interpreter to start
        return Start(
            problem=gettext("no process of Python can be started: {reason}", reason=system_reason(error))
        )
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 0 and lines:
        seconds, memory, problem = json.loads(lines[-1])
        return Start(seconds, memory, problem)
    if done.returncode < 0 or not done.stderr.strip():
        return Start(problem=gettext("its process crashed (code {code})", code=done.returncode))
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1]
    return Start(problem=gettext("its process failed: {reason}", reason=last[:200]))


def report(begun: float, path: str, asked: str) -> None:
    """Open and run a model, and print (seconds, memory, problem) as JSON; in the new process.

    Args:
        begun: When the process began, by `time.perf_counter`.
        path: The model's file.
        asked: The setting as JSON.
    """
    from onnxnn_runtime.errors import OnnxnnError
    from onnxnn_runtime.loading import load, load_for_many
    from onnxnn_runtime.tuning.workload import workload

    from .memory import peak_memory

    device, threads, workers, batch_size, low_memory = json.loads(asked)
    try:
        model = load(path, device=device, threads=threads, low_memory=low_memory)
        run = workload(model, batch_size).run
        run()
        seconds = time.perf_counter() - begun
        if workers > 1:
            _together(workload(load_for_many(path, device, workers), batch_size).run, workers)
        else:
            for _ in range(RUNS - 1):
                run()
        found = Start(seconds, peak_memory())
    except OnnxnnError as error:
        found = Start(problem=error.text)
    except MemoryError:
        from onnxnn_runtime.messages.catalogue import gettext

        found = Start(problem=gettext("there is not enough memory"))
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def _together(run: Callable[[], object], workers: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        for part in [pool.submit(run) for _ in range(RUNS * workers)]:
            part.result()
