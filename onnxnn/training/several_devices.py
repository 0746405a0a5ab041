"""Several devices for one training, each with its own process: Lightning Fabric under one small interface.

The one module that imports Fabric, which the `scale` extra installs.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision.amp import MixedPrecision
from lightning_fabric.strategies import STRATEGY_REGISTRY
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import DeviceError, TrainingError, name_hint
from onnxnn_runtime.messages.processes import num_processes
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.shown_once import show_once
from onnxnn_runtime.messages.suggestions import key_of
from torch import nn

from onnxnn.data.batches import Batch, Batches

from .connecting import Processes, connect
from .device import Machine, Share, Size, Step, not_available
from .device_options import DeviceOptions
from .interruptions import Interruptions
from .process_group import ProcessGroup, current_group
from .synchronized_batchnorm import SynchronizedBatchNorm

__all__ = ["SeveralDevices"]

Tensor = torch.Tensor
Optimizer = torch.optim.Optimizer
T = TypeVar("T")


_TALKATIVE = ("lightning_fabric", "lightning.fabric", "lightning_utilities")


class _InputsKept(MixedPrecision):
    """Mixed precision that leaves inputs and targets as they are; see `onnxnn.training.device.Machine`."""

    def convert_input(self, data: object) -> object:
        return data


class _WithUnused(nn.Module):
    """What torch's DDP sees of a module that may skip weights: it warns where no weight is ever unused."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module, self.unused = module, nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, target: Tensor) -> Batch:
        """Return what the module returns."""
        found: Batch = self.module(x, target)
        return found


class SeveralDevices(Machine):
    """Devices, precision and processes of one training.

    Args:
        options: Which devices, how many, in which precision.
    """

    def __init__(self, options: DeviceOptions) -> None:
        _check_strategy(options.strategy)
        self._group: ProcessGroup | None = None
        kind, _, number = key_of(options.device).partition(":")
        if kind == "auto":  # of the devices that can be several
            kind = "cuda" if torch.cuda.is_available() else "cpu"
        may_skip = options.may_skip_weights and max(options.devices, num_processes()) > 1
        self._skips_weights = may_skip and options.strategy in ("auto", "ddp")
        given: Any = {
            "accelerator": kind,
            "devices": [int(number)] if number.isdecimal() else options.devices,
            "num_nodes": max(num_processes() // options.devices, 1),
            "strategy": "ddp_find_unused_parameters_true" if self._skips_weights else options.strategy,
            "precision": options.precision,
        }
        try:
            self._fabric = Fabric(**given)
        except Exception as error:  # Fabric has its own tree of errors for what is not there
            raise not_available(options.described()) from error
        used = self._fabric.strategy.precision
        if type(used) is MixedPrecision:
            self._fabric.strategy.precision = _InputsKept(cast(Any, used.precision), used.device, used.scaler)
        self.device = self._fabric.device
        self.processes = int(self._fabric.world_size)
        self.is_main = self._fabric.global_rank == 0
        self.fused = options.precision != "16-mixed"
        self._pending: Exception | None = None
        self._interruptions = Interruptions()
        self._normalization = SynchronizedBatchNorm(nn.Module())

    @property
    def keeps_features(self) -> bool:
        return False

    def start(self) -> None:
        """Start the other processes, where there are any; each runs the same script to here.

        Raises:
            DeviceError: This is no script that other processes could run.
        """
        show_once(self.processes)
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        if self.processes > 1 and num_processes() == 1 and not _is_script():
            raise DeviceError.coded(
                "E-DEVICE-01",
                "devices={devices}: other processes run the same script, and in a notebook or console there "
                "is none. Write the training into a file and run it: python train.py",
                devices=self.processes,
            )
        if self.processes > 1 and num_processes() == 1 and Machine.was_started:
            raise DeviceError.coded(
                "E-DEVICE-01",
                "devices={devices}: an earlier train() of this script ran in one process; other processes "
                "run the script from its beginning, and would wait there. Give devices={devices} there, too, "
                "or start the script with torchrun --nproc_per_node {devices}.",
                devices=self.processes,
            )
        connect(self._fabric.launch, self._children, lambda: self._interruptions.count > 0)
        self.device, self.is_main = self._fabric.device, self._fabric.global_rank == 0
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        self._group = current_group() if self.processes > 1 else None
        if self._group is not None:
            self._group.begin()

    def _children(self) -> Processes:
        """Return the processes that this one started, in the list by which Fabric watches them."""
        found: Processes = getattr(self._fabric.strategy.launcher, "procs", [])
        return found

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[Step, Optimizer]:
        """Return module and optimizer ready for this machine; the module must be on its device."""
        seen = _WithUnused(module) if self._skips_weights else module
        self._module, wrapped = self._fabric.setup(seen, optimizer)
        if self._group is not None:
            self._normalization = SynchronizedBatchNorm(module)
        return self._module, cast(Optimizer, wrapped)

    def backward(self, loss: Tensor) -> None:
        """Compute gradients."""
        self._fabric.backward(loss)

    def clip(self, optimizer: Optimizer, norm: float) -> None:
        """Shrink all gradients together so that their norm is at most `norm`."""
        self._fabric.clip_gradients(self._module, optimizer, max_norm=norm, error_if_nonfinite=False)

    def step(self, optimizer: Optimizer) -> None:
        """Take a step, the same in each process."""
        optimizer.step()

    def batches(self, batches: Batches, size: Size) -> Iterator[Share]:
        """Yield this process's share of every batch, on its device.

        Every process draws the same order and takes every n-th sample of a batch, so that the batch size
        means the same however many processes there are. What is random besides, such as augmentation,
        differs.
        Before every step the processes agree whether to go through with it.

        Raises:
            Exception: What ended training in one of the processes.
            KeyboardInterrupt: There was a Ctrl-C in one.
        """
        group = self._group
        if group is None:
            yield from super().batches(batches, size)
            return
        groups, own = self._order(batches), self._own
        shares = iter(batches.samples.take([own(each) for each in groups]))
        for numbers in groups:
            count = len(numbers[group.rank :: group.size])
            weight = 0
            with self.after_step():  # an error in reading
                x, y = next(shares)
                weight = int(size(y)) if count else 0
            is_failed = self._pending is not None
            interrupted, failed, whole = group.sums(self._interruptions.count, is_failed, weight)
            if failed:
                self.together(_nothing)
            if interrupted:
                raise KeyboardInterrupt
            self._normalization.samples, self._normalization.total = count, len(numbers)
            yield (*self.placed(x, y), group.size * weight / max(whole, 1))

    def _order(self, batches: Batches) -> Sequence[Tensor]:
        """Return the sample numbers of each batch, as the main process draws them."""
        group = present(self._group)
        state = torch.get_rng_state()
        group.take_from_main([state])
        torch.set_rng_state(state)
        groups = batches.groups()
        if group.rank:
            seed = (zlib.crc32(bytes(torch.get_rng_state().tolist())) + group.rank) % 2**32
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)
        return groups

    def _own(self, numbers: Tensor) -> Tensor:
        """Return this process's share of a batch; one sample, which does not count, where there is none."""
        group = present(self._group)
        share = numbers[group.rank :: group.size]
        return share if len(share) else numbers[:1]

    def part(self, batches: Batches) -> Iterable[Batch]:
        """Return this process's samples of data that is measured."""
        group = self._group
        if group is None:
            return batches
        shares = (numbers[group.rank :: group.size] for numbers in batches.groups())
        return batches.samples.take([share for share in shares if len(share)])

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        return torch.as_tensor(self._fabric.all_reduce(values, reduce_op="sum"))

    def means(self, values: Tensor, sizes: list[int]) -> tuple[list[float], list[int]]:
        """Return the mean of each step over all processes, and its number of samples."""
        counts = torch.tensor(sizes, dtype=torch.float64, device=values.device)
        sums = self.total(torch.stack((values.double() * counts, counts)))
        return (sums[0] / sums[1]).tolist(), [int(count) for count in sums[1].tolist()]

    def together(self, work: Callable[[], T]) -> list[T]:
        """Do something in every process, and return what it returned in each; an error is raised in all."""
        if self._group is None:
            return [work()]

        def all_of_it() -> T:
            pending, self._pending = self._pending, None
            if pending is not None:
                raise pending
            return work()

        return self._group.gather(all_of_it)

    def check_same(self, facts: Callable[[], Mapping[str, str]]) -> None:
        """Refuse what is not the same in all processes."""
        found = self.together(facts)
        for rank, others in enumerate(found):
            for name, value in others.items():
                if found[0][name] != value:
                    present(self._group).shown_by = 0  # all of them raise it
                    raise TrainingError.coded(
                        "E-TRAIN-07",
                        "train(): {name} must be the same in all processes; process 0 has {first}, process "
                        "{rank} has {second}. Every process runs the whole script: seed what it draws, and "
                        "give all the same data, layers and options.",
                        name=name,
                        first=found[0][name],
                        rank=rank,
                        second=value,
                    )

    def finish(self) -> None:
        """Let the random numbers that follow training be those of the main process in all."""
        if self._group is not None and not self._group.is_lost:
            self._group.take_random_from_main()

    def take_from_main(self, module: nn.Module) -> None:
        """Let a module have the weights and buffers that it has in the main process."""
        if self._group is not None:
            self._group.take_from_main(list(module.state_dict().values()))

    def epoch(self) -> contextlib.AbstractContextManager[None]:
        """Take the steps of an epoch inside, with batch normalisation over whole batches."""
        return self._normalization.active()

    @contextlib.contextmanager
    def after_step(self) -> Iterator[None]:
        """Do something after a step inside: an error waits until all processes can end with it."""
        if self._group is None:
            yield
            return
        try:
            yield
        except Exception as error:  # the others have to know of any
            self._pending = self._pending or error

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Train inside: what ends training ends it in all processes, and one of them shows it."""
        with self._interruptions.counted(self.processes > 1):
            try:
                yield
            except Exception as error:
                if self._group is None:
                    raise
                ending = error if self._group.shown_by is not None else self._group.ended(error)
                with contextlib.suppress(RuntimeError):  # another process is gone
                    self.finish()
                self._group.leave(ending)
                if ending is error:
                    raise
                raise ending from error


def _is_script() -> bool:
    """Return whether Python runs a file, which another process can run too."""
    return hasattr(sys.modules["__main__"], "__file__") and not sys.flags.interactive


def _nothing() -> None:
    """Wait for the others, for the error of one of them."""


def _check_strategy(given: str) -> None:
    known = ("auto", *STRATEGY_REGISTRY.available_strategies())
    if not isinstance(given, str) or given not in known:
        raise TrainingError.coded(
            "E-TRAIN-03",
            "strategy={strategy}: unknown strategy{hint} Known: {known}.",
            strategy=shortened(given),
            hint=name_hint(given, known),
            known=", ".join(known),
        )
