"""Where training runs: one device, in full or mixed precision, in plain torch.

Several devices are left to Lightning Fabric (`onnxnn.training.several_devices`); one device does not need it.
"""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import torch
from onnxnn_runtime.errors import DeviceError, TrainingError, name_hint
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import key_of
from onnxnn_runtime.messages.warn import warn
from torch import nn

from onnxnn.data.batches import Batch, Batches

__all__ = [
    "PRECISIONS",
    "Batch",
    "Machine",
    "Share",
    "Size",
    "Step",
    "not_available",
    "precision_name",
    "threads_for",
]

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
_SHORT = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}
Tensor = torch.Tensor
Optimizer = torch.optim.Optimizer
Step = Callable[[Tensor, Tensor], Batch]
"""(x, target) -> (loss, what the loss saw)."""

Share = tuple[Tensor, Tensor, float]
"""Samples, targets, and how much their mean loss counts: 1 where it is that of the whole batch."""

Size = Callable[[Tensor], int | Tensor]
"""target -> how many things the mean loss of a batch is over."""

T = TypeVar("T")

ONE_THREAD_BELOW = 1_000_000
"""Multiply-adds of a batch below which a second thread of the processor gains nothing.

Threads wait for each other in every operation. On a computer that does something else besides, one of
them is often not running, and a small network then learns 2 to 4 times as fast on one thread.
"""


@contextlib.contextmanager
def threads_for(multiply_adds: int | None) -> Iterator[None]:
    """Let torch use one thread of the processor within, where batches are small.

    Args:
        multiply_adds: Those of a batch; None where they are not known, which changes nothing.
    """
    before = torch.get_num_threads()
    if multiply_adds is not None and multiply_adds < ONE_THREAD_BELOW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Machine:
    """One device and a precision, for a training in this process.

    The weights are float32 in each precision. In mixed precision autocast chooses for each operation; inputs
    and targets stay as they are, since rounded to half precision 1013.2 is 1016, and values to predict lose
    all but three digits.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", "mps". "auto" takes what is there; anything else is
            honoured or refused.
        precision: "32-true", "16-mixed" or "bf16-mixed", short 32, 16 or "bf16".

    Attributes:
        device: The device of this process.
        fused: Whether the optimizer may do everything in one step.

    Raises:
        DeviceError: The device is not there.
        TrainingError: The precision is unknown.
    """

    processes = 1
    """How many processes train together, each on one device."""

    is_main = True
    """Whether this process is the one that writes and reports."""

    was_started = False
    """Whether one process alone has trained before in this script."""

    def __init__(self, device: str = "auto", precision: str | int = "32-true") -> None:
        precision = precision_name(precision)
        self.device = _chosen(device)
        self.fused = precision != "16-mixed"  # the scaler of half precision needs the separate steps
        if precision == "16-mixed" and self.device.type == "cpu":
            warn(gettext("precision='16-mixed': a CPU trains in 'bf16-mixed' instead."))
            precision = "bf16-mixed"
        self._half = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}.get(precision)
        self._scaler = torch.amp.GradScaler(self.device.type) if precision == "16-mixed" else None

    @property
    def keeps_features(self) -> bool:
        """Whether the features of frozen layers may be computed once for each sample.

        They are in this process alone, and in full precision, which autocast leaves.
        """
        return self._half is None

    def finish(self) -> None:
        """Let the random numbers that follow training be the same in all processes."""

    def start(self) -> None:
        """Make the device the one of this process."""
        Machine.was_started = True
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[Step, Optimizer]:
        """Return module and optimizer ready for this machine; the module must be on its device."""
        if self._half is None:
            return module, optimizer
        half, kind = self._half, self.device.type

        def step(x: Tensor, target: Tensor) -> Batch:
            with torch.autocast(kind, dtype=half):
                loss, output = module(x, target)
            return loss.float(), output.float() if output.is_floating_point() else output

        return step, optimizer

    def backward(self, loss: Tensor) -> None:
        """Compute gradients."""
        scaled = loss if self._scaler is None else self._scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]  # torch's own

    def clip(self, optimizer: Optimizer, norm: float) -> None:
        """Shrink all gradients together so that their norm is at most `norm`."""
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, norm)

    def step(self, optimizer: Optimizer) -> None:
        """Take a step; a scaler leaves out those whose gradients are too large for half precision."""
        if self._scaler is None:
            optimizer.step()
        else:
            self._scaler.step(optimizer)
            self._scaler.update()

    def batches(self, batches: Batches, size: Size) -> Iterator[Share]:
        """Yield this process's share of every batch of an epoch, on its device.

        Args:
            batches: The training set.
            size: target -> how many things the mean loss of a batch is over.
        """
        for x, y in batches:
            yield (*self.placed(x, y), 1.0)

    def placed(self, x: Tensor, y: Tensor) -> Batch:
        """Return a batch on the device of this process."""
        if self.device.type != "cpu":
            x, y = x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
        return x, y

    def part(self, batches: Batches) -> Iterable[Batch]:
        """Return this process's samples of data that is measured; together the processes have each once."""
        return batches

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        return values

    def means(self, values: Tensor, sizes: list[int]) -> tuple[list[float], list[int]]:
        """Return the mean of each step over all processes, and its number of samples.

        Args:
            values: (steps,), this process's means.
            sizes: This process's number of samples in each step.
        """
        return values.tolist(), sizes

    def together(self, work: Callable[[], T]) -> list[T]:
        """Do something in every process, and return what it returned in each, the main process first.

        Args:
            work: It waits for no other process.

        Raises:
            Exception: What it raised, in all processes the same.
        """
        return [work()]

    def check_same(self, facts: Callable[[], Mapping[str, str]]) -> None:
        """Refuse what is not the same in all processes.

        Args:
            facts: Returns names and values.

        Raises:
            TrainingError: A value differs.
        """

    def take_from_main(self, module: nn.Module) -> None:
        """Let a module have the weights and buffers that it has in the main process."""

    def epoch(self) -> contextlib.AbstractContextManager[None]:
        """Take the steps of an epoch inside."""
        return contextlib.nullcontext()

    def after_step(self) -> contextlib.AbstractContextManager[None]:
        """Do something after a step inside, which waits for no other process."""
        return contextlib.nullcontext()

    def training(self) -> contextlib.AbstractContextManager[None]:
        """Train inside: what ends training ends it in all processes, and one of them shows it."""
        return contextlib.nullcontext()


def _chosen(device: str) -> torch.device:
    """Return the device of that name."""
    wanted, there = key_of(device), _offered()
    best = there[1] if len(there) > 1 else "cpu"
    names = {name: name for name in there} | {"auto": best}
    if best != "cpu":
        kind = best.split(":")[0]
        names |= {kind: best, f"{kind}:0": best}
        names |= {name.replace(kind, "gpu"): found for name, found in names.items()}
    if wanted not in names:
        raise not_available(f"device={shortened(device)}")
    return torch.device(names[wanted])


def not_available(asked: str) -> DeviceError:
    """Return the error for devices that are not there.

    Args:
        asked: The options that ask for them, e.g. "device='cuda:1'".
    """
    return DeviceError.coded(
        "E-DEVICE-01",
        "{asked}: not available here. This machine offers: {offered}. Use device='auto' to "
        "choose one of them.",
        asked=asked,
        offered=", ".join(_offered()),
    )


def precision_name(given: str | int) -> str:
    """Return a precision's name in full.

    Raises:
        TrainingError: It is unknown.
    """
    name = _SHORT.get(str(given), str(given)) if isinstance(given, str | int) else ""
    if name not in PRECISIONS:
        raise TrainingError.coded(
            "E-TRAIN-03",
            "precision={precision}: unknown precision{hint} Known: {known}.",
            precision=shortened(given),
            hint=name_hint(name, PRECISIONS),
            known=", ".join(PRECISIONS),
        )
    return name


def _offered() -> list[str]:
    there = ["cpu"]
    if torch.cuda.is_available():
        there += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if sys.platform == "darwin" and platform.machine() == "arm64" and torch.backends.mps.is_available():
        there.append("mps")
    return there
