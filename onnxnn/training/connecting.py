"""Waiting for the other processes of a training to begin, which Ctrl-C or the end of one of them ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable

import torch
from onnxnn_runtime.errors import TrainingError

__all__ = ["connect"]

Processes = list[subprocess.Popen[bytes]]

_LOOK_EVERY = 0.05
"""Seconds between two looks at Ctrl-C and at the processes."""

_PATIENCE = 5.0
"""Seconds in which a process ends that is to."""

_INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)
"""Exit codes of a process that Ctrl-C ended."""


def connect(
    launch: Callable[[], object], children: Callable[[], Processes], is_interrupted: Callable[[], bool]
) -> None:
    """Start the other processes and wait until all are connected.

    Torch waits in C++, where Python handles no signal, as long as another process takes to run the script
    to here. So it waits in a thread, and this one looks at what ends the wait.

    Args:
        launch: Starts and connects them.
        children: Returns those that this process started; the list is emptied when they are ended.
        is_interrupted: Returns whether there was a Ctrl-C that is still to be acted on.

    Raises:
        KeyboardInterrupt: There was one, here or in a process that this one started.
        TrainingError: Such a process ended.
        Exception: What `launch` raised.
    """
    before, failed = dict(os.environ), list[BaseException]()

    def work() -> None:
        try:
            launch()
        except BaseException as error:  # it is raised below
            failed.append(error)

    thread = threading.Thread(target=work, name="connecting", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_LOOK_EVERY)
            if is_interrupted():
                raise KeyboardInterrupt
            if thread.is_alive():
                _check_alive(children())
        if failed:
            raise failed[0]
    except BaseException:
        _end(children())
        os.environ.clear()  # it says that the other processes are there
        os.environ.update(before)
        raise
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if "OMP_NUM_THREADS" not in before and threads.isdecimal():
        torch.set_num_threads(int(threads))  # Fabric did so, in the thread


def _check_alive(children: Processes) -> None:
    for number, child in enumerate(children, 1):
        status = child.poll()
        if status in _INTERRUPTED:
            raise KeyboardInterrupt
        if status is not None:
            raise TrainingError.coded(
                "E-TRAIN-07",
                "train(): process {rank} ended before training began, with exit status {status}. Every "
                "process runs the whole script: mend what it says above, let it reach train() in every "
                "process, and start the script again.",
                rank=number,
                status=status,
            )


def _end(children: Processes) -> None:
    """End processes; Fabric, which watches the same list, would end this one with them."""
    ended = list(children)
    children.clear()
    for child in ended:
        child.terminate()
    for child in ended:
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
