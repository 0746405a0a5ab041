"""Hostile inputs by the thousand: each must end in an answer or in one error of ours.

    report = fuzz("fuzz.onnx_files:check", range(300))
    assert not report.failures, report

`check(number)` makes case `number` (from that number alone, so that each can be tried again) and uses
it. It runs in a worker process that is replaced when it hangs, dies, or takes too much memory. What
counts as a failure: any error but an `OnnxnnError`, more than `seconds` of work, more than `megabytes`,
a message that is long or holds control characters, and a process that dies.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LONGEST_MESSAGE = 2000


class Failure(NamedTuple):
    """A case that went wrong: number, kind ("foreign", "hang", "memory", "died", "message"), details."""

    number: int
    kind: str
    detail: str


@dataclass
class Report:
    """What became of all cases: how many of each kind ("answer" and "ours" are right), the failures."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    slowest: float = 0.0
    megabytes: float = 0.0

    def __str__(self) -> str:
        lines = [f"{dict(self.counts)}, slowest {self.slowest:.1f} s, most memory {self.megabytes:.0f} MB"]
        lines += [f"case {number}: {kind}: {detail}" for number, kind, detail in self.failures[:40]]
        return "\n".join(lines)


def fuzz(target: str, numbers: Iterable[int], seconds: float = 10, megabytes: float = 1024) -> Report:
    """Try cases one after the other.

    Args:
        target: "module:function", importable with the `sys.path` of this process. What takes long to
            prepare belongs into a cached function of that module: one worker runs many cases.
        numbers: The cases.
        seconds: Processor time of one case; the clock may take six times as long on a busy machine.
        megabytes: The most memory that a worker may hold at any time, beside what it held before its first
            case; networks and trainings have to stay below half of it (see `onnxnn.definition.memory`).
    """
    report = Report()
    worker: _Worker | None = None
    try:
        for number in numbers:
            if worker is None:
                worker = _Worker(target, megabytes)
            answer = worker.ask(number, seconds)
            kind = str(answer["kind"])
            report.counts[kind] += 1
            report.slowest = max(report.slowest, float(answer["seconds"]))
            report.megabytes = max(report.megabytes, float(answer.get("megabytes", 0)))
            if kind not in ("answer", "ours"):
                report.failures.append(Failure(number, kind, str(answer["detail"])))
            if kind in ("hang", "memory", "died"):
                worker.close()
                worker = None
    finally:
        if worker is not None:
            worker.close()
    return report


class _Worker:
    """A process that runs cases, seen from outside."""

    def __init__(self, target: str, megabytes: float) -> None:
        self._megabytes = megabytes
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        limit = str(int(megabytes * 2**19))
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), target, str(megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # One thread: those that spin while they wait for each other would count as work.
            env={"PYTHONWARNINGS": "", **environment, "OMP_NUM_THREADS": "1", "ONNXNN_MEMORY": limit},
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        if self._next(300) is None:
            detail = self._last_words()
            self.close()
            raise RuntimeError(f"the worker for {target} does not start: {detail}")
        self._began_with = self._resident()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _next(self, timeout: float) -> bytes | None:
        """Return the next line; None where the process has ended. Raises queue.Empty after the timeout."""
        return self._lines.get(timeout=timeout) or None

    def ask(self, number: int, seconds: float) -> dict[str, Any]:
        """Run one case and say what became of it."""
        assert self._process.stdin is not None
        start, work = time.monotonic(), self._work()
        try:
            self._process.stdin.write(b"%d\n" % number)
            self._process.stdin.flush()
        except OSError:
            return {"kind": "died", "seconds": 0, "detail": self._last_words()}
        while True:
            try:
                line = self._next(0.1)
            except queue.Empty:
                spent, passed = self._work() - work, time.monotonic() - start
                if max(spent, passed / 6) > seconds:
                    return {"kind": "hang", "seconds": passed, "detail": f"over {seconds:g} s"}
                resident = self._resident() - self._began_with
                if resident > self._megabytes:
                    detail = f"{resident:.0f} MB"
                    return {"kind": "memory", "seconds": passed, "megabytes": resident, "detail": detail}
                continue
            if line is None:
                passed = time.monotonic() - start
                return {"kind": "died", "seconds": passed, "detail": self._last_words()}
            answer: dict[str, Any] = json.loads(line.decode())
            return answer

    def _last_words(self) -> str:
        self._process.wait(10)
        self._errors.seek(0)
        text = self._errors.read().decode("utf-8", "replace").strip()
        return f"exit code {self._process.returncode}, {text[-600:]}"

    def _work(self) -> float:
        """Return the seconds of processor time that the process has taken; 0 where that is unknown."""
        try:
            with open(f"/proc/{self._process.pid}/stat", encoding="utf-8") as file:
                numbers = file.read().rpartition(")")[2].split()
            return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError, ValueError):
            return 0.0

    def _resident(self) -> float:
        return _status(str(self._process.pid), "VmRSS")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            try:
                stream.close()  # type: ignore[union-attr]
            except OSError:  # what was written last is not read any more
                continue


def _status(process: str, key: str) -> float:
    """Return an entry of /proc/.../status in megabytes; 0 where there is none."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8") as file:
            return next((int(line.split()[1]) / 1024 for line in file if line.startswith(key)), 0.0)
    except OSError:
        return 0.0


def _serve(target: str, megabytes: float) -> None:
    """Run in the worker: read numbers, write one line of JSON for each."""
    import faulthandler

    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    faulthandler.enable()
    module, _, function = target.partition(":")
    check: Callable[[int], object] = getattr(importlib.import_module(module), function)
    _limit_memory(megabytes)
    out.write(b"ready\n")
    began_with = _status("self", "VmRSS")
    for line in sys.stdin:
        start = time.perf_counter()
        kind, detail = _outcome(check, int(line))
        spent, peak = time.perf_counter() - start, _forget_peak() - began_with
        if peak > megabytes and kind != "foreign":
            kind, detail = "memory", f"{peak:.0f} MB"
        answer = {"kind": kind, "detail": detail, "seconds": spent, "megabytes": peak}
        out.write(json.dumps(answer).encode() + b"\n")


def _limit_memory(megabytes: float) -> None:
    """Make huge allocations fail at once; smaller excesses are seen in the peak."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (int(megabytes * 3 * 2**20), resource.RLIM_INFINITY))
    except (ImportError, ValueError, OSError):
        print("no memory limit on this system", file=sys.stderr)


def _forget_peak() -> float:
    """Return the most memory held since the last call, in MB."""
    peak = _status("self", "VmHWM")
    try:
        with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")
    except OSError:
        return peak  # of the whole life of the process, then
    return peak


def _outcome(check: Callable[[int], object], number: int) -> tuple[str, str]:
    from onnxnn_runtime import OnnxnnError

    try:
        check(number)
    except OnnxnnError as error:
        text = str(error)
        if len(text) > LONGEST_MESSAGE:
            return "message", f"{len(text)} characters: {text[:300]!a}"
        if not text.replace("\n", "").isprintable():
            return "message", f"control characters: {text[:600]!a}"
        return "ours", ""
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = " > ".join(f"{os.path.basename(each.filename)}:{each.lineno}" for each in frames)
        return "foreign", ascii(f"{type(error).__name__}: {str(error)[:300]} ({where})")
    return "answer", ""


if __name__ == "__main__":
    # Not as "__main__", whose folder would hide modules of the standard library from the target.
    sys.path.pop(0)
    _serve(sys.argv[1], float(sys.argv[2]))
