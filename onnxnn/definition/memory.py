"""How much memory a network takes, found out before any of it is taken.

Weights are counted on torch's "meta" device, where tensors have sizes and no numbers. What is compared with
the memory of the machine is a lower bound: a network is refused only where it must be too large.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from onnxnn_runtime.errors import LayerError, TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.graph.shape import Shape
from onnxnn.layers import Layer

from .entries import Placed

MOST_TENSORS = 100_000
"""Tensors of weights in one layer."""

VARIABLE = "ONNXNN_MEMORY"
"""The variable of the environment that sets the limit, in bytes, below what the machine has."""


class Cost(NamedTuple):
    """What one layer takes at least.

    Args:
        weights: Bytes of its weights.
        output: Bytes of what it computes for one sample, 0 while a size is free.
    """

    weights: int
    output: int


class _TooMuchError(Exception):
    """A layer has more weights than any machine holds."""


def available() -> int:
    """Return the bytes that this process may still take, as far as the system says."""
    limits = [_environment(), _linux(), _container(), _own_limit()]
    return min((limit for limit in limits if limit is not None), default=1 << 62)


def check(placed: Iterable[Placed]) -> None:
    """Refuse a network that is too large for the memory of this machine, before it is built.

    Raises:
        LayerError: The message names the layer, or the network's size.
    """
    costs = [_check_layer(each.layer, each.in_shape, each.out_shape) for each in placed]
    _check_weights(sum(cost.weights for cost in costs))


def _check_layer(layer: Layer, in_shape: Shape, out_shape: Shape) -> Cost:
    """Return what a layer takes.

    Raises:
        LayerError: It is too large for the memory of this machine.
    """
    cost = cost_of(layer, in_shape, out_shape)
    if max(cost) < 1 << 26:  # asking the system takes longer
        return cost
    free = available()
    for part, size in ((gettext("its weights"), cost.weights), (gettext("one sample"), cost.output)):
        if size > free:
            raise LayerError.coded(
                "E-LAYER-09",
                "{where}: the numbers of {part} take {size}, and {free} are free here. Use smaller sizes.",
                where=layer.call(),
                part=part,
                size=gigabytes(size),
                free=gigabytes(free),
            )
    return cost


def _check_weights(size: int) -> None:
    """Refuse a network whose weights together are too large for the memory of this machine.

    Raises:
        LayerError: They are.
    """
    if size > 1 << 26 and size > (free := available()):
        raise LayerError.coded(
            "E-LAYER-09",
            "the network's weights take {size}, and {free} are free here. Use smaller sizes.",
            size=gigabytes(size),
            free=gigabytes(free),
        )


def check_training(
    net: nn.Module,
    placed: Iterable[tuple[Layer, Shape, Shape]],
    batch_size: int,
    states: int,
    copies: int,
) -> None:
    """Refuse a training that is too large for the memory of this machine.

    Each weight that is trained has a gradient and the optimizer's numbers, whole copies of the weights are
    kept, and what layers with weights compute is kept until the gradients are known.

    Args:
        net: The network; its own weights are in memory already.
        placed: The layers with the shapes of one sample before and after them.
        batch_size: Samples in a batch.
        states: Numbers that the optimizer keeps for each weight.
        copies: Copies of all weights, such as those of the best epoch.

    Raises:
        TrainingError: It is too large.
    """
    weights = _size(value for value in net.state_dict().values())
    trained = _size(value for value in net.parameters() if value.requires_grad)
    costs = [cost_of(*each) for each in placed]
    outputs = batch_size * sum(cost.output for cost in costs if cost.weights)
    needed = trained * (1 + states) + weights * copies + outputs
    if needed > (free := available()):
        raise TrainingError.coded(
            "E-MEMORY-01",
            "batch_size={batch_size}: training takes at least {needed} beside the weights, {outputs} of "
            "it for the batch, and {free} are free here. Use a smaller batch_size or smaller layers.",
            batch_size=batch_size,
            needed=gigabytes(needed),
            outputs=gigabytes(outputs),
            free=gigabytes(free),
        )


def _size(tensors: Iterable[torch.Tensor]) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)


def cost_of(layer: Layer, in_shape: Shape, out_shape: Shape) -> Cost:
    """Return what a layer takes; the cost of one that cannot be counted is 0."""
    numel = out_shape.numel
    return Cost(_weights(layer, in_shape), 0 if numel is None else numel * 4)


def gigabytes(size: float) -> str:
    """Return a size in bytes as people read it."""
    return f"{size / 2**30:,.1f} GB" if size < 2**60 else gettext("more than a billion GB")


def _weights(layer: Layer, in_shape: Shape) -> int:
    try:
        return _counted(layer, in_shape)
    except TypeError:  # an option that has no hash
        return _count(layer, in_shape)


def _count(layer: Layer, in_shape: Shape) -> int:
    total, tensors = 0, 0

    def add(_: nn.Module, __: str, parameter: nn.Parameter | None) -> None:
        nonlocal total, tensors
        if parameter is not None:
            total, tensors = total + parameter.numel() * parameter.element_size(), tensors + 1
            if tensors > MOST_TENSORS:
                raise _TooMuchError

    hook = nn.modules.module.register_module_parameter_registration_hook(add)
    try:
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")
            _without_files(layer).build(in_shape)
    except (_TooMuchError, OverflowError):
        return 1 << 62
    except RuntimeError as error:
        return 1 << 62 if "overflow" in str(error) or "too large" in str(error) else 0
    except Exception:  # building says it better, or is done by a module that does not know the device
        return 0
    finally:
        hook.remove()
    return total


_counted = functools.lru_cache(maxsize=512)(_count)


def _without_files(layer: Layer) -> Layer:
    """Return a layer without what is only needed to begin with, such as a file of trained weights."""
    changes = {
        field.name: field.default
        for field in dataclasses.fields(layer)
        if field.metadata.get("transient") and field.default is not dataclasses.MISSING
    }
    return dataclasses.replace(layer, **changes) if changes else layer


def _environment() -> int | None:
    text = os.environ.get(VARIABLE, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _linux() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration, IndexError):
        return _physical()


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _container() -> int | None:
    """Return what is left of the limit of a container, where /proc/meminfo is about the whole machine."""
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            return max(
                0, int(Path(limit).read_text(encoding="utf-8")) - int(Path(used).read_text(encoding="utf-8"))
            )
        except (OSError, ValueError):
            continue
    return None


def _own_limit() -> int | None:
    """Return the limit that the process has set itself, or was started with."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)
