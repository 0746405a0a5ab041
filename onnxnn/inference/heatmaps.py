"""Where a network looks, in torch: class activation maps, and Grad-CAM where those are not defined.

A class activation map (Zhou et al. 2016) is M_c = Σ_k w_ck f_k for the channels f_k whose means over all
places are the feature vector, and the weights w of the head. Where the head reads something else, Grad-CAM
takes the mean of the score's gradient over each channel of the last convolution in place of w_ck:
L_c = relu(Σ_k α_ck f_k).

Source: Zhou et al.: "Learning Deep Features for Discriminative Localization", CVPR 2016; Selvaraju et al.:
"Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.labels import THRESHOLD
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import InputError
from torch import nn

from onnxnn.definition.definition import Definition, Net
from onnxnn.definition.module import evaluating

Array = np.ndarray[Any, Any]

_CLOSE = 1e-5


def class_maps(net: Net, definition: Definition, x: torch.Tensor) -> torch.Tensor | None:
    """Return the class activation map of each class, float32 (N, classes, h, w).

    The network is in evaluation mode. None where its feature vector is no mean of channels over all places.

    Args:
        net: The network.
        definition: The network as data.
        x: The batch, (N, C, H, W).
    """
    head = definition.feature_layer()
    if head is None:
        return None
    module = net.get_submodule(head.name)
    linear = _last_linear(module)
    if linear is None:
        return None
    features: list[torch.Tensor] = []
    hook = linear.register_forward_pre_hook(lambda _, given: features.append(given[0]))
    try:
        with _last_channels(net) as seen:
            net.answer(x)
    finally:
        hook.remove()
    means = features[-1][: len(x)]
    for channels in seen:
        found = channels[: len(x)].mean((2, 3))
        if found.shape == means.shape and torch.allclose(found, means, rtol=_CLOSE, atol=_CLOSE):
            return torch.einsum("nchw,kc->nkhw", channels[: len(x)], linear.weight)
    return None


def grad_cam(net: Net, x: torch.Tensor, index: int | None) -> torch.Tensor | None:
    """Return Grad-CAM of one class for each sample, float32 (N, h, w), none below 0.

    The network is in evaluation mode. None where it has no convolution.

    Args:
        net: The network.
        x: The batch, (N, C, H, W).
        index: The class; None takes the best one of each sample. Of one output (binary) 0 is the first class.
    """
    with torch.enable_grad(), _last_channels(net) as seen:
        scores = net.answer(x.detach().clone().requires_grad_(True), logits=True).flatten(1)
        if not seen:
            return None
        channels = seen[0]
        if scores.shape[1] == 1:
            scores = torch.cat([-scores, scores], dim=1)
        chosen = scores.argmax(1) if index is None else torch.full((len(x),), index, device=x.device)
        (gradient,) = torch.autograd.grad(scores.gather(1, chosen[:, None]).sum(), channels)
    weights = gradient.mean((2, 3), keepdim=True)
    return (weights * channels).sum(1).relu().detach()


def check_images(card: ModelCard) -> None:
    """Refuse a network that does not classify images.

    Raises:
        InputError: It does not.
    """
    if card.input.kind != "image" or ModelKind(card).does != "classify" or len(card.output.shape) != 2:
        raise InputError.coded(
            "E-INPUT-08",
            "heatmap(): expected a network that classifies images, got one from {input} to {output}. Use "
            "visual_feature() to look inside others.",
            input=kind_name(card.input.kind),
            output=kind_name(card.output.kind),
        )


def maps_of(net: Net, definition: Definition, x: torch.Tensor, index: int | None) -> tuple[Array, Array]:
    """Return the output for one image, (classes,), and its map for each class, float32 (classes, h, w).

    Args:
        net: The network.
        definition: The network as data.
        x: The image, (1, C, H, W).
        index: The class that matters; None is the best one. Grad-CAM gives all classes its map.

    Raises:
        InputError: The network has no convolution.
    """
    with evaluating(net):
        with torch.no_grad():
            scores = net.answer(x).float().cpu().numpy().reshape(-1)
            maps = class_maps(net, definition, x)
        if maps is not None:
            return scores, maps[0].detach().float().cpu().numpy()
        heat = grad_cam(net, x, index)
    if heat is None:
        raise InputError.coded(
            "E-INPUT-08",
            "heatmap(): expected a network with convolutions, whose outputs have places, got one without. "
            "Build it with 'conv2d' before the first 'linear'.",
        )
    values = heat[0].float().cpu().numpy()
    sign = -1 if len(scores) == 1 and (index == 0 or (index is None and scores[0] < THRESHOLD)) else 1
    return scores, np.repeat(sign * values[np.newaxis], len(scores), axis=0)


def _last_linear(module: nn.Module) -> nn.Linear | None:
    """Return the linear layer of a head: it itself, or the last one that it holds."""
    found = [each for each in module.modules() if isinstance(each, nn.Linear)]
    return found[-1] if found else None


@contextmanager
def _last_channels(net: Net) -> Iterator[list[torch.Tensor]]:
    """Yield a list that a run fills: the last output (N, C, h, w) of several places, and the last of any."""
    seen: list[torch.Tensor] = []

    def keep(_: nn.Module, __: object, out: object) -> None:
        if isinstance(out, torch.Tensor) and out.ndim == 4:
            has_places = out.shape[2] * out.shape[3] > 1
            seen[:] = [out] if has_places else [*seen[:1], out]

    hooks = [module.register_forward_hook(keep) for module in net.modules() if module is not net]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
