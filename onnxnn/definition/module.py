"""The torch module of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.layers.custom import Custom
from onnxnn.layers.denormalize import DenormalizeModule
from onnxnn.layers.inception import AuxiliaryClassifier
from onnxnn.layers.masks import call
from onnxnn.layers.reference import alone

from .entries import Placed

State = tuple[torch.Tensor, ...]


@runtime_checkable
class Stepping(Protocol):
    """A module that can resume from a state."""

    num_states: int

    @property
    def state_shape(self) -> tuple[int | str, ...]:
        """Sizes of each of its states, "batch" where the batch is."""

    def step(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        """Return the output for the next steps and the state after them; state None begins."""


@runtime_checkable
class Discriminative(Protocol):
    """A module some of whose weights have a learning rate of their own."""

    def lr_factors(self) -> dict[nn.Parameter, float]:
        """Return the share of the learning rate of each weight that has another one than the network."""


class Net(nn.Sequential):
    """The torch module of a network: its layers under their names.

    `forward` returns what inference and export return; `logits` leaves a final softmax or sigmoid off,
    for losses that want the values before it.

    Most modules take the output of the one before. Two kinds have more to say to each other: a module whose
    `makes_mask` is true says by `mask(tokens)` which steps are no padding, bool (N, time), and modules
    after it whose `takes_mask` is true are called with it, `module(x, mask)`. And a `Stepping` module
    can resume from a state, a tuple of `num_states` tensors.

    A network from sequence to sequence takes a pair, (source, what of the target is known), and says for each
    step of the target what comes next.

    Attributes:
        has_mask: Whether any module makes a mask.
        custom_names: The names of the modules that are custom ones.
        custom_ending: "softmax" or "sigmoid" where the last module is a custom one and ends so.
    """

    has_mask = False
    custom_names: tuple[str, ...] = ()
    custom_ending = ""

    def add_placed(self, placed: Placed, module: nn.Module) -> None:
        """Append the module of a layer."""
        self.add_module(placed.name, module)
        self.has_mask |= placed.out_shape.masked
        if isinstance(placed.layer, Custom):
            self.custom_names += (placed.name,)

    @property
    def has_custom(self) -> bool:
        """Whether any module is a custom one."""
        return bool(self.custom_names)

    def lr_factors(self) -> dict[nn.Parameter, float]:
        """Return the share of the learning rate of each weight that has another one than the others."""
        found: dict[nn.Parameter, float] = {}
        for module in self:
            if isinstance(module, Discriminative):
                found.update(module.lr_factors())
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output for a batch."""
        return self._run(list(self), x)

    def answer(self, x: torch.Tensor, logits: bool = False) -> torch.Tensor:
        """Return the output for a batch of any size, one sample among them; see `alone`.

        Args:
            x: The batch.
            logits: Whether to leave a final softmax or sigmoid off.

        Raises:
            InputError: A custom module cannot run a single sample.
        """
        run: Callable[[torch.Tensor], torch.Tensor] = self.logits if logits else self
        return alone(run, x) if self.has_custom and isinstance(x, torch.Tensor) else run(x)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output before a final softmax, sigmoid or scale of the targets.

        A custom module cannot be taken apart: log p has p as its softmax, log(p / (1 - p)) as
        its sigmoid.
        """
        modules = list(self)
        if self.custom_ending:
            p = self._run(modules, x)
            limits = torch.finfo(p.dtype)
            is_softmax = self.custom_ending == "softmax"
            return p.clamp_min(limits.tiny).log() if is_softmax else torch.logit(p, limits.eps)
        return self._run(modules[:-1] if self.ending else modules, x)

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the output for what `logits` returns."""
        if self.custom_ending:
            return logits.softmax(-1) if self.custom_ending == "softmax" else logits.sigmoid()
        return self[-1](logits) if self.ending else logits

    def step(self, x: torch.Tensor, states: Sequence[object] | None = None) -> tuple[torch.Tensor, State]:
        """Return the outputs for the next steps of sequences, and the states after them.

        Args:
            x: (N, steps, ...) or tokens (N, steps).
            states: What an earlier call returned; None begins.

        Raises:
            InputError: The states are another network's, or of another number of sequences.
        """
        given = None if states is None else self._check_states(states, x)
        after: list[torch.Tensor] = []
        for module in self:
            if isinstance(module, Stepping):
                first = len(after)
                mine = None if given is None else given[first : first + module.num_states]
                x, found = module.step(x, mine)
                after += found
            else:
                x = module(x)
        return x, tuple(after)

    def state_shapes(self) -> list[tuple[int | str, ...]]:
        """Return the sizes of each state in order, "batch" where the batch is."""
        return [m.state_shape for m in self if isinstance(m, Stepping) for _ in range(m.num_states)]

    def auxiliary(self) -> Iterator[tuple[float, torch.Tensor]]:
        """Yield (weight, scores before softmax) of every auxiliary classifier for the last training batch."""
        for module in self.modules():
            if isinstance(module, AuxiliaryClassifier):
                scores = module.take()
                if scores is not None:
                    yield module.weight, scores

    @property
    def device(self) -> torch.device:
        """Where its weights are; the CPU where it has none."""
        return next((weight.device for weight in self.parameters()), torch.device("cpu"))

    @property
    def ending(self) -> str:
        """ "softmax", "sigmoid" or "denormalize" where the network ends so, else ""."""
        last = self[-1] if len(self) else None
        if isinstance(last, DenormalizeModule):
            return "denormalize"
        if isinstance(last, nn.Softmax | nn.Sigmoid):
            return "softmax" if isinstance(last, nn.Softmax) else "sigmoid"
        return self.custom_ending

    @property
    def scale(self) -> DenormalizeModule | None:
        """The scale of the targets at the end of a regression; None where there is none."""
        last = self[-1] if len(self) else None
        return last if isinstance(last, DenormalizeModule) else None

    def _run(self, modules: list[nn.Module], x: torch.Tensor) -> torch.Tensor:
        if self.has_custom:
            x = x.clone()  # a custom module may write into its input
        if not self.has_mask:
            for module in modules:
                x = module(x)
            return x
        mask: torch.Tensor | None = None
        for module in modules:
            if getattr(module, "makes_mask", False):
                mask = module.mask(x)  # type: ignore[operator]  # an attribute of the module, for all mypy knows
            x = call(module, x, mask)
        return x

    def _check_states(self, states: object, x: torch.Tensor) -> State:
        try:
            if not isinstance(states, list | tuple | np.ndarray | torch.Tensor):
                raise TypeError
            some = states[: len(self.state_shapes()) + 1]  # of more, those are enough to refuse them
            given = [torch.as_tensor(state, dtype=torch.float32, device=x.device) for state in some]
        except (IndexError, NotImplementedError, TypeError, ValueError) as error:
            raise InputError.coded(
                "E-INPUT-05",
                "hidden state: expected what this network returned, or None, got {got}.",
                got=type(states).__name__,
            ) from error
        wanted = [tuple(len(x) if s == "batch" else s for s in shape) for shape in self.state_shapes()]
        found = [tuple(state.shape) for state in given]
        if found != wanted:
            raise InputError.coded(
                "E-INPUT-03",
                "hidden state: expected the shapes {expected}, got {got}. Pass what this network "
                "returned, or None.",
                expected=", ".join(map(str, wanted)) or gettext("none"),
                got=", ".join(map(str, found)) or gettext("none"),
            )
        if not all(bool(state.isfinite().all()) for state in given):
            raise InputError.coded(
                "E-INPUT-04",
                "hidden state: expected finite numbers, got NaN or infinite ones. Begin again with None. "
                "If this network returned it, its training diverged: train it again with a smaller lr.",
            )
        return tuple(given)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Keep a module in evaluation mode and in full precision within, and put back what was before."""
    was_training = module.training
    if was_training:  # walking through all modules costs more than a small batch
        module.eval()
    try:
        with full_precision():
            yield
    finally:
        if was_training:
            module.train()


@contextmanager
def full_precision() -> Iterator[None]:
    """Let NVIDIA GPUs compute convolutions and recurrent layers in float32 within.

    torch lets them use TF32 otherwise, with ten bits of each factor: enough to learn by, but figures and
    images would differ in the fourth digit from those of the exported file.
    """
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch's own
        yield
        return
    cudnn: Any = torch.backends.cudnn
    kinds = (cudnn.conv, cudnn.rnn)
    before = [kind.fp32_precision for kind in kinds]
    for kind in kinds:
        kind.fp32_precision = "ieee"
    try:
        yield
    finally:
        for kind, precision in zip(kinds, before, strict=True):
            kind.fp32_precision = precision
