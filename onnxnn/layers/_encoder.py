"""What layers share that are whole networks for images, with weights that others trained."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field, replace

from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn
from typing_extensions import Self

from onnxnn.graph.shape import Shape
from onnxnn.models.bottlenecks import BottleneckNet
from onnxnn.models.weights import check_source

from ._checks import back_in_order, flag, is_count, number, places_expected, wrong_input, wrong_value
from .registry import TRANSIENT, Layer


@dataclass(frozen=True)
class ImageEncoder(Layer):
    """A network that makes a feature vector of an image of any size.

    Args:
        weights: A weights file, or an https address of one. Read once, when the network is built; checkpoints
            hold the weights themselves and never this option, so loading one needs neither the file nor the
            web.
        sha256: The file's checksum; needed for an address.
        trainable: False keeps the features' weights and batch statistics as they are.
        unfrozen: With trainable=False: how many of the last blocks learn all the same; their batch statistics
            stay as they are. `model.unfreeze(last=...)` sets it after a first training.
        lr_factor: The share of the learning rate by which those blocks learn.
    """

    weights: str | None = field(default=None, metadata=TRANSIENT)
    sha256: str | None = field(default=None, metadata=TRANSIENT)
    trainable: bool = True
    unfrozen: int | None = None
    lr_factor: float = 0.1

    def __post_init__(self) -> None:
        flag(self, "trainable", self.trainable)
        self._check_unfrozen()
        if self.weights is not None:
            object.__setattr__(self, "weights", str(self.weights))
            self._check_weights(str(self.weights))
        elif self.sha256 is not None:
            raise LayerError.coded(
                "E-LAYER-02",
                "{where}: sha256 is the checksum of weights=..., which is missing."
                " Give weights=, too, or leave sha256 out.",
                where=self.call(),
            )

    @property
    @abc.abstractmethod
    def num_blocks(self) -> int:
        """How many blocks the features have: the first convolution, the residual blocks, the last one."""

    @property
    def frozen_blocks(self) -> int | None:
        return None if self.trainable else self.num_blocks

    def with_unfrozen(self, last: int, lr_factor: float) -> Self:
        return replace(self, unfrozen=last, lr_factor=lr_factor)

    def freeze(self, module: nn.Module) -> None:
        if self.unfrozen is not None:
            instance(module, BottleneckNet).unfreeze(self.unfrozen, self.lr_factor)

    def _check_unfrozen(self) -> None:
        number(self, "lr_factor", self.lr_factor)
        if not 0 < self.lr_factor <= 1:
            raise wrong_value(self, "lr_factor", self.lr_factor, gettext("a number above 0, up to 1"))
        if self.unfrozen is None:
            return
        if self.trainable:
            raise LayerError.coded(
                "E-LAYER-02",
                "{where}: unfrozen is for a layer with trainable=False; in this one everything learns. "
                "Leave unfrozen out, or write trainable=False.",
                where=self.call(),
            )
        if not is_count(self.unfrozen) or self.unfrozen > self.num_blocks:
            expected = gettext("an integer from 1 to {most}, the number of its blocks", most=self.num_blocks)
            raise wrong_value(self, "unfrozen", self.unfrozen, expected)

    def _check_weights(self, source: str) -> None:
        """Refuse weights that cannot be read, before anything is built."""
        check_source(self.call(), source, self.sha256)

    def assumed_input(self) -> Shape:
        return Shape.image(3, None, None)

    def resolve(self, in_shape: Shape) -> Self:
        wanted = ("channel", "height", "width")
        if in_shape.axes != wanted:
            advice = back_in_order(in_shape, wanted) or gettext("Put it first, after loading images.")
            raise wrong_input(self, in_shape, places_expected(2), advice)
        if self.weights is not None and in_shape["channel"] not in (3, None):
            raise LayerError.coded(
                "E-LAYER-08",
                "{where}: expected images of 3 channels for these weights, got {shape}. Load the data "
                'with color="RGB".',
                where=self.call(),
                shape=in_shape.describe(),
            )
        return self
