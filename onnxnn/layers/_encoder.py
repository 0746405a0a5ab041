"""What layers share that are whole networks for images, with weights that others trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from typing_extensions import Self

from onnxnn.graph.shape import Shape
from onnxnn.models.weights import check_source

from ._checks import back_in_order, flag, places_expected, wrong_input
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
    """

    weights: str | None = field(default=None, metadata=TRANSIENT)
    sha256: str | None = field(default=None, metadata=TRANSIENT)
    trainable: bool = True

    def __post_init__(self) -> None:
        flag(self, "trainable", self.trainable)
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
