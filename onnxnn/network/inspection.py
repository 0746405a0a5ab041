"""Looking inside a network."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.heatmap import HeatMap, class_index, heat_map
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.session.promises import check_finite

from onnxnn.checkpoint import checkpoint as checkpoints
from onnxnn.console.display import show_images
from onnxnn.inference import predict as running
from onnxnn.inference.features import feature_vectors
from onnxnn.inference.heatmaps import check_images, maps_of
from onnxnn.inference.pretrained import pretrained_features
from onnxnn.inspection import activations

from .core import NetworkCore
from .once import written_once

__all__ = ["extract_feature", "heatmap", "visual_feature", "visual_filters"]

Array = np.ndarray[Any, Any]


@written_once
def visual_feature(
    self: NetworkCore,
    img: object = None,
    in1img: bool = False,
    save_fold: str | Path = "layers",
    data: object = None,
    force: bool = False,
) -> list[Path]:
    """Write the output of each layer for one sample: images, or a text file for a vector.

    Args:
        img: An image, a row or a sequence, as for `inference`; of several the first.
        in1img: Whether to make one image of all layers.
        save_fold: The folder to write into.
        data: BaseNN's name for `img`.
        force: Whether a file may replace `img` itself, or a file of another format.

    Returns:
        The files written; see `onnxnn.inspection.activations`.

    Raises:
        InputError: There is no sample, or it does not match the network.
        OutputError: The folder cannot be written.
    """
    self._state.kind.check_takes_data("visual_feature()")
    self._state.kind.check_one_input("visual_feature()")
    source = _either(img, data, "visual_feature()")
    card = self.card()
    with closing(running.arrays(source, card.input, 1, self._state.reader)) as samples:
        batch = next(samples, None)
    if batch is None:
        raise InputError.coded(
            "E-INPUT-03",
            "visual_feature(): expected a sample, got none. Give one image, row or text.",
        )
    written = activations.visual_feature(
        self.model,
        self._definition,
        batch[0],
        classes=card.output.classes,
        in1img=in1img,
        save_fold=save_fold,
        sources=[source],
        force=force,
    )
    if self.verbose:
        first, last = written[0], written[-1].name
        say(
            gettext("outputs of the layers: {first} .. {last}", first=first, last=last)
            if len(written) > 1
            else gettext("outputs of the layers: {path}", path=first)
        )
    show_images(*written)
    return written


@written_once
def visual_filters(
    self: NetworkCore, path: str | Path = "filters.png", before: str | Path | None = None, force: bool = False
) -> Path:
    """Draw the filters of the first layer.

    Args:
        path: The image file, .png or .jpg.
        before: A checkpoint of the same network, whose filters are drawn above on the same scale.
        force: Whether to replace a file of another format.
    """
    weights_before = None if before is None else checkpoints.load(before).state_dict
    written = activations.visual_filters(path, self.model, self._definition, weights_before, force)
    show_images(written)
    return written


def heatmap(
    self: NetworkCore, img: object = None, label: object = None, *, channel_order: str | None = None
) -> HeatMap:
    """Return where the network looks in an image: `draw()` and `save("heat.png")` show it.

        model.heatmap("cat.jpg").save("heat.png")

    A class activation map, equal to that of a file exported with `heatmap=True`, where the last `linear`
    reads the means of channels; else Grad-CAM, without values below 0. See `onnxnn.inference.heatmaps`.

    Args:
        img: One image, as for `inference`.
        label: The class to explain, by name or index; None takes the best one.
        channel_order: "rgb", or "bgr" for arrays of images that OpenCV read; None as the network was trained.

    Raises:
        InputError: It is no image, or more than one; there is no such class; or the network does not
            classify images, or has no convolutions.
    """
    self._state.kind.check_takes_data("heatmap()")
    running.check_given(img, "heatmap()")
    card, state = self.card(), self._state
    check_images(card)
    spec = running.in_order(card.input, channel_order, img)
    samples = list(find_samples(img, spec, []))
    if len(samples) != 1:
        raise InputError.coded(
            "E-INPUT-05", "heatmap(): expected one image, got {count}. Give one.", count=len(samples)
        )
    with closing(running.arrays(iter(samples), spec, 1, state.reader)) as arrays:
        x = torch.from_numpy(next(arrays)).to(self.model.device)
    index = None if label is None else class_index(card, label)
    scores, maps = maps_of(self.model, self._definition, x, index)
    return heat_map(card, spec.preprocess, samples[0], scores, maps, index)


def extract_feature(
    self: NetworkCore,
    img: object = None,
    pretrain: str | Path | None = None,
    batch_size: int = 32,
    data: object = None,
    download: bool = False,
) -> Array:
    """Return feature vectors: the input of the network's head.

    Args:
        img: Whatever `inference` takes.
        pretrain: The weights file of a published network to use instead of this one; see
            `onnxnn.inference.pretrained`.
        batch_size: How many samples to run at once.
        data: BaseNN's name for `img`.
        download: Whether torchvision's file for `pretrain`, such as "resnet18", is fetched where it is
            not there yet, and used if it has its checksum. Nothing is downloaded otherwise.

    Returns:
        float32 (N, D), one row for each sample in order.
    """
    source = _either(img, data, "extract_feature()")
    if pretrain is not None:
        vectors = pretrained_features(source, pretrain, batch_size, download)
        check_finite(f"extract_feature(pretrain={shortened(pretrain)})", "vectors", vectors)
        return vectors
    self._state.kind.check_takes_data("extract_feature()")
    self._state.kind.check_one_input("extract_feature()")
    card = self.card()
    output_is_vector = ModelKind(card).does == "embed"
    device = self.model.device
    with closing(running.arrays(source, card.input, batch_size, self._state.reader)) as samples:
        found = [
            feature_vectors(self.model, self._definition, torch.from_numpy(x).to(device), output_is_vector)
            for x in samples
        ]
    vectors = running.joined(found)
    check_finite("extract_feature()", "vectors", vectors)
    return vectors


def _either(img: object, data: object, call: str) -> object:
    """Return what was given under one of the two names."""
    if img is not None and data is not None:
        raise InputError.coded(
            "E-CALL-02",
            "{call}: img and data are two names of the same option. Give one of them.",
            call=call,
        )
    running.check_given(data if img is None else img, call)
    return data if img is None else img
