"""What the processes of one training say to each other, over torch.distributed.

Numbers of the training itself go through Fabric; here are the order of samples, errors and Ctrl-C.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from onnxnn_runtime import errors
from onnxnn_runtime.errors import OnnxnnError, TrainingError
from onnxnn_runtime.messages.catalogue import Message
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.messages.shown_once import leave_to_others

from .random_state import random_state, set_random_state

__all__ = ["ProcessGroup", "current_group"]

T = TypeVar("T")
Tensor = torch.Tensor

_PATIENCE = 2.0
"""Seconds in which the error of a process that ended is known to the others."""

_LONGEST = 1800.0
"""Seconds to wait for the main process to write a file; torch waits as long for a number."""


class ProcessGroup:
    """All processes of one training; each makes one after torch.distributed has connected them.

    Attributes:
        rank, size: The number of this process, from 0, and how many there are.
        is_lost: Whether the processes lost each other.
        shown_by: The rank that shows the error which ended training; None while there is none.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.shown_by: int | None = None
        self.is_lost = False
        # Numbers on the CPU, such as whether to stop, need no GPU and must not wait for one.
        self._group = None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")
        self._store = dist.distributed_c10d._get_default_store()  # the only way to the one that there is
        self._turns: dict[str, int] = {}
        self._trainings = 0

    def begin(self) -> None:
        """Begin another training.

        Raises:
            TrainingError: The processes lost each other in an earlier one.
        """
        if self.is_lost:
            raise TrainingError.coded(
                "E-TRAIN-07",
                "train(): the processes of this script lost each other when an earlier training failed. "
                "Start the script again.",
            )
        self.shown_by = None
        self._leave_turns()

    def sums(self, *values: int) -> list[int]:
        """Return the sums of integers over all processes."""
        numbers = torch.tensor(values)
        dist.all_reduce(numbers, group=self._group)
        found: list[int] = numbers.tolist()
        return found

    def take_from_main(self, tensors: list[Tensor]) -> None:
        """Replace the values of tensors by those of the main process."""
        with torch.no_grad():
            for tensor in tensors:
                values = tensor.detach().cpu().contiguous()
                dist.broadcast(values, 0, group=self._group)
                if self.rank:
                    tensor.copy_(values)

    def take_random_from_main(self) -> None:
        """Draw what follows from the same random numbers in all processes."""
        states = [None if self.rank else random_state()]
        dist.broadcast_object_list(states, 0, group=self._group)
        if self.rank and states[0] is not None:
            set_random_state(states[0])

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Do something that waits for no other process in each, and return all results.

        Raises:
            Exception: What the first process that failed raised, in all of them.
        """
        own: Exception | None = None
        found: Any = None
        try:
            found = work()
        except Exception as error:  # the others have to know of any
            own = error
        answers: list[Any] = [None] * self.size
        answer = (found, None if own is None else _packed(own, self.rank))
        dist.all_gather_object(answers, answer, self._group)
        failed = [rank for rank, (_, text) in enumerate(answers) if text is not None]
        if not failed:
            return [result for result, _ in answers]
        ours = [rank for rank in failed if json.loads(answers[rank][1])["is_ours"]]
        first = ours[0] if len(ours) == len(failed) else min(set(failed) - set(ours))
        # Errors of others are shown where they were raised, with the lines that led to them.
        self.shown_by = 0 if first in ours else first
        if own is not None and (first == self.rank or first in ours):
            raise own
        raise _unpacked(answers[first][1])

    def ended(self, error: Exception) -> Exception:
        """Return the error with which training ends here, where a process failed and others waited for it.

        Args:
            error: What this process met: its own error, or that another one is gone.
        """
        is_gone, self.is_lost = _is_of_the_connection(error), True
        with contextlib.suppress(RuntimeError):  # the store ends with the process that holds it
            if not is_gone:
                self._store.set(f"onnxnn/error/{self.rank}", _packed(error, self.rank))
            others: Sequence[int] = range(self.size) if is_gone else [0] if self.rank else []
            found = self._first_known(others)
            if found is not None:
                self.shown_by = found
                return _unpacked(self._store.get(f"onnxnn/error/{found}").decode()) if is_gone else error
        if not is_gone:
            self.shown_by = self.rank
            return error
        self.shown_by = 0
        return TrainingError.coded(
            "E-TRAIN-07",
            "train(): another process of this training ended without a message; it was killed, or there was "
            "too little memory. The checkpoint written last is as it was: start the script again with "
            "resume=.",
        )

    def leave(self, error: BaseException) -> None:
        """Let one process show an error that ends training in all."""
        if self.shown_by not in (None, self.rank):
            leave_to_others(error)

    def _leave_turns(self) -> None:
        """Begin a training, or end: who still waits for an earlier turn of process 0 waits in vain."""
        self._trainings, self._turns = self._trainings + 1, {}
        if self.rank == 0:
            self._store.set(f"onnxnn/training/{self._trainings}", "")

    def in_turn(self, name: str, given: str, work: Callable[[], T], quietly: Callable[[], T]) -> T:
        """Do something in the main process, and after that in the others.

        A script may do it in the main process alone.

        Args:
            name: What is done.
            given: With what; the n-th time with this since the last training waits for the n-th.
            work: What the main process does.
            quietly: What the others do.

        Raises:
            Exception: What it raised in the main process.
        """
        turn = f"{self._trainings}/{name}/{hashlib.sha256(given.encode()).hexdigest()}"
        self._turns[turn] = self._turns.get(turn, 0) + 1
        key = f"onnxnn/turn/{turn}/{self._turns[turn]}"
        if self.rank == 0:
            try:
                done = work()
            except Exception as error:
                self._store.set(key, _packed(error, self.rank))
                raise
            self._store.set(key, "")
            return done
        self._wait_for(key, name)
        text = self._store.get(key).decode()
        if not text:
            return quietly()
        failed = _unpacked(text)
        leave_to_others(failed)
        raise failed

    def _wait_for(self, key: str, name: str) -> None:
        """Wait until the main process has had a turn.

        Raises:
            TrainingError: It left the call out.
        """
        end, later = time.monotonic() + _LONGEST, f"onnxnn/training/{self._trainings + 1}"
        while True:
            try:
                is_over = time.monotonic() > end or self._store.check([later])
                if self._store.check([key]):
                    return
            except RuntimeError:  # the store ends with the process that holds it
                is_over = True
            if is_over:
                raise TrainingError.coded(
                    "E-TRAIN-07",
                    "{name}(): process {rank} waited for process 0, which writes the file, in vain. Call it "
                    "with the same names in every process, or in process 0 alone.",
                    name=name,
                    rank=self.rank,
                )
            time.sleep(0.02)

    def _first_known(self, ranks: Sequence[int]) -> int | None:
        """Return the first of some processes that said with which error it ends, None where none does."""
        end = time.monotonic() + _PATIENCE
        while ranks and time.monotonic() < end:
            for rank in ranks:
                if self._store.check([f"onnxnn/error/{rank}"]):
                    return rank
            time.sleep(0.02)
        return None


_CURRENT: list[ProcessGroup] = []


def current_group() -> ProcessGroup | None:
    """Return the processes that this one trains with; None where it trains alone or has not begun."""
    if not dist.is_available() or not dist.is_initialized():
        _CURRENT.clear()
        return None
    if not _CURRENT:
        _CURRENT.append(ProcessGroup())
        atexit.register(_disconnect)
    return _CURRENT[0]


def _disconnect() -> None:
    """End gloo's threads before the interpreter does: it ends the process where one still runs.

    Processes that lost each other would wait; their connections are broken already.
    """
    if _CURRENT and dist.is_initialized() and not _CURRENT[0].is_lost:
        with contextlib.suppress(RuntimeError):  # another process is gone
            _CURRENT.pop()._leave_turns()
            gc.collect()
            dist.destroy_process_group()


def _is_of_the_connection(error: Exception) -> bool:
    """Return whether an error says that another process is gone."""
    text = str(error)
    is_ours = isinstance(error, OnnxnnError)
    return not is_ours and any(word in text for word in ("gloo", "NCCL", "Connection", "store"))


def _packed(error: Exception, rank: int) -> str:
    """Return an error as a text from which another process makes the same one."""
    names = [each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__]
    if isinstance(error, OnnxnnError) and names:
        return json.dumps({"is_ours": True, "class": names[0], "code": error.code, "text": error.text})
    what = f"{type(error).__name__}: {error}"
    text = TrainingError.coded(
        "E-TRAIN-07", "process {rank} ended training with {error}", rank=rank, error=printable(what)
    )
    return json.dumps({"is_ours": False, "class": "TrainingError", "code": text.code, "text": text.text})


def _unpacked(text: str) -> Exception:
    answers = json.loads(text)
    made: Exception = getattr(errors, answers["class"])(Message(answers["text"], answers["code"]))
    return made
