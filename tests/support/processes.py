"""For `tests/runtime/session/test_processes.py`: models in other processes, and forks while threads work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Any

import numpy as np
import onnxnn_runtime as rt

SECONDS = 60
IMAGES = [np.full((6, 6, 3), n, np.uint8) for n in range(70)]


def pool(how: str, path: str) -> None:
    """Embed in the processes of a pool, which get the model with each call."""
    model = rt.load(path, device="cpu", threads=2)
    expected = model.embed(IMAGES)
    with multiprocessing.get_context(how).Pool(2) as workers:
        for found in workers.map_async(model.embed, [IMAGES] * 3).get(SECONDS):
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def inherited(path: str) -> None:
    """Use a model that was opened, and used by threads of its own, before the fork."""
    model = rt.load(path, device="cpu", threads=2)
    expected = model.embed(IMAGES)
    _in_child(lambda: np.testing.assert_allclose(model.embed(IMAGES), expected, rtol=1e-6))


def ended(path: str) -> None:
    """Fork children that end as any program does, not as those of multiprocessing: they take all down."""
    model = rt.load(path, device="cpu", threads=2)
    expected = model.embed(IMAGES)
    for work in ("use it", "leave it", "delete it"):
        pid = os.fork()
        if not pid:
            if work == "use it":
                np.testing.assert_allclose(model.embed(IMAGES), expected, rtol=1e-6)
            elif work == "delete it":
                del model
            sys.exit(0)
        assert _status(pid) == 0, work


def _status(pid: int) -> int | None:
    """Return how a child ended; None where it does not end."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def streamed(path: str) -> None:
    """Continue in a child with what the threads of its parent began."""
    model = rt.load(path, device="cpu", threads=2)
    stream = model.embed_stream(IMAGES, batch_size=4)
    count = len(next(stream).names)

    def resumed() -> None:
        problem = ""
        try:
            list(stream)
        except rt.InputError as error:
            problem = str(error)
        os._exit(0 if "begun before the process was forked" in problem else 1)

    _in_child(resumed)
    assert count + sum(len(part.names) for part in stream) == len(IMAGES)


def while_drawing(path: str) -> None:
    """Fork again and again while another thread draws noise and opens sessions, and draw in the child."""
    model = rt.load(path, device="cpu", threads=1)
    expected = model.sample(2, steps=2, seed=3)
    ended = threading.Event()

    def draw() -> None:
        while not ended.is_set():
            model.sample(64, steps=1, seed=0)

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        for _ in range(14):
            _in_child(
                lambda: np.testing.assert_allclose(model.sample(2, steps=2, seed=3), expected, atol=1e-6)
            )
    finally:
        ended.set()
        thread.join()


def _in_child(work: Any) -> None:
    child: Any = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(SECONDS)
    code = child.exitcode
    if code is None:
        child.kill()
    assert code == 0, "the child hangs" if code is None else f"the child ended with {code}"


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
