"""Taking trained weights over from a file that names its layers in another way, such as torchvision's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from onnxnn_runtime.errors import CheckpointError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

Tensors = Mapping[str, torch.Tensor]


def take_over(net: nn.Module, tensors: Tensors, source: str, head: bool = True) -> None:
    """Fill a network with tensors: by name where all names are equal, else layer by layer in order.

    In order, each layer of the file must have what the layer here has (weight, bias, running_mean, ...), in
    the same shapes. Counters of batches, which older files lack, are not needed.

    Args:
        net: The network.
        tensors: What the file holds, by name and in order.
        source: Where they come from, for messages.
        head: False leaves the last layer with weights as it is, for other classes than the file's, or for a
            file without such a layer.

    Raises:
        CheckpointError: They do not match; the message names the first layer, and nothing is changed.
    """
    state = net.state_dict()
    own, given = _layers(state), _layers(tensors)
    if not own:
        raise CheckpointError.coded(
            "E-CKPT-03",
            "weights {source}: the network has no weights yet. Add its layers first.",
            source=source,
        )
    if own.keys() == given.keys():
        given = {name: given[name] for name in own}
    numbers = len(given), len(own)
    if not head:
        own = _without_last(own)
        given = _without_last(given) if numbers[0] == numbers[1] else given
    pairs = list(zip(own.items(), given.items(), strict=False))
    for number, (mine, theirs) in enumerate(pairs, 1):
        if _shapes(mine[1]) != _shapes(theirs[1]):
            is_last = head and number == numbers[0] == numbers[1]
            raise _other_layer(source, number, mine, theirs, is_last)
    if len(given) != len(own):
        raise CheckpointError.coded(
            "E-CKPT-03",
            "weights {source}: expected {expected} with weights, as the network has, got {got} in "
            "the file. {advice}",
            source=source,
            expected=ngettext("{count} layer", "{count} layers", numbers[1]),
            got=numbers[0],
            advice=_same_layers(),
        )
    taken = {f"{here}.{leaf}": theirs[leaf] for (here, mine), (_, theirs) in pairs for leaf in mine}
    net.load_state_dict({**state, **taken})


def _other_layer(
    source: str, number: int, mine: tuple[str, Tensors], theirs: tuple[str, Tensors], is_last: bool
) -> CheckpointError:
    """Return the error for a layer of the file that does not match the network's in its place."""
    return CheckpointError.coded(
        "E-CKPT-03",
        "weights {source}: layer {number} with weights does not match: expected {here} as in the "
        "network, {mine}, got {there} in the file, {theirs}. {advice}",
        source=source,
        number=number,
        here=shortened(mine[0]),
        mine=_text(mine[1]),
        there=shortened(theirs[0]),
        theirs=_text(theirs[1]),
        advice=_other_classes() if is_last else _same_layers(),
    )


def _same_layers() -> str:
    return gettext("Use the same layers, in the same order.")


def _other_classes() -> str:
    return gettext(
        "For other classes than the file's, keep this last layer untrained: load_weights(..., head=False)."
    )


def _layers(tensors: Tensors) -> dict[str, dict[str, torch.Tensor]]:
    """Return layer -> {"weight": ..., ...} in the file's order; within a layer files differ in order."""
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        layer, _, leaf = name.rpartition(".")
        if leaf != "num_batches_tracked":
            layers.setdefault(layer, {})[leaf] = value
    return layers


def _without_last(layers: dict[str, dict[str, torch.Tensor]]) -> dict[str, dict[str, torch.Tensor]]:
    return dict(list(layers.items())[:-1])


def _shapes(layer: Tensors) -> dict[str, torch.Size]:
    return {leaf: value.shape for leaf, value in layer.items()}


def _text(layer: Tensors) -> str:
    return ", ".join(f"{leaf} {tuple(value.shape)}" for leaf, value in layer.items())
