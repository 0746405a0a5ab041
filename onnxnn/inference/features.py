"""What flows through a network: each layer's output, and the feature vector before the head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from onnxnn.definition.definition import Definition
from onnxnn.definition.module import Net, evaluating

Array = np.ndarray[Any, Any]


def layer_outputs(net: Net, x: torch.Tensor) -> dict[str, Array]:
    """Return the output of each layer for a batch, by the layer's name and in order.

    The network runs in evaluation mode and comes back in the mode it was in.

    Args:
        net: The network.
        x: The batch.
    """
    found: dict[str, Array] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, out, name=name: found.update({name: _array(out)}))
        for name, module in net.named_children()
    ]
    try:
        with evaluating(net), torch.inference_mode():
            net.answer(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: array[: len(x)] for name, array in found.items()}


def feature_vectors(net: Net, definition: Definition, x: torch.Tensor, output_is_vector: bool) -> Array:
    """Return the feature vectors before the head, float32 (N, D).

    The network's output itself, flattened, stands for them where it is an embedding or where there is no
    head with learned layers before it.

    Args:
        net: The network.
        definition: The network as data.
        x: The batch.
        output_is_vector: Whether the network's output is the vector.
    """
    head = None if output_is_vector else definition.feature_layer()
    with evaluating(net), torch.inference_mode():
        if head is None:
            return _array(net.answer(x)).reshape(len(x), -1)
        seen: list[torch.Tensor] = []
        module = net.get_submodule(head.name)
        hook = module.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].clone()))
        try:
            net.answer(x)
        finally:
            hook.remove()
        before = seen[0][: len(x)]
        if head.layer.feature_size(head.in_shape) is not None:  # the layer holds its own classifier
            before = module.embed(before)  # type: ignore[operator]  # a method of it
        return _array(before).reshape(len(x), -1)


def _array(out: torch.Tensor | tuple[torch.Tensor, ...]) -> Array:
    value: torch.Tensor = out if isinstance(out, torch.Tensor) else out[0]
    return value.detach().float().cpu().numpy().copy()  # copied: the next layer may write into it
