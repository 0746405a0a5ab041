"""Network, the public class: each method a few lines that call the module which does the work."""

from __future__ import annotations

from onnxnn_runtime.api.calls import checked_class

from .advice import ATTRIBUTES, OPTIONS
from .attributes import VALUES
from .inference import Using
from .inspection import Inside
from .loading import Loading
from .representation import as_html, as_line
from .training import Training

__all__ = ["Network"]


@checked_class(ATTRIBUTES, OPTIONS, call="nn", values=VALUES)
class Network(Loading, Training, Using, Inside):
    """A neural network that is defined layer by layer, trained, saved and exported.

        model = nn("cls")
        model.load_img_data("pets/train", transform={"Resize": (64, 64)}, train_val_ratio=0.8)
        model.add("mobilenet_backbone")
        model.add("linear", size=2, activation="softmax")
        model.train(lr=1e-3, epochs=20, metrics=["acc"])
        model.export("pets.onnx")

    Args:
        task: "cls" (classes), "reg" (values), "gen" (generating) or "embed" (vectors to compare).
        save_fold: The folder for checkpoints.
        verbose: 0 prints nothing, neither in `add` nor in `train`.

    Attributes:
        save_fold: The folder for checkpoints.
        optimizer: The optimizer's name, as `add(optimizer=...)` sets it.
        color: "RGB" or "grayscale" where the data is made of images.
        word2idx, idx2word, ix2word: The vocabulary both ways, where the data is made of tokens.
        history: What the last `train` returned.
        result: What the last `inference` returned.
        val_label: The labels of the batches that the last `inference` read, in its order.
    """

    def __repr__(self) -> str:
        return f"<{as_line(self)}>"

    def _repr_html_(self) -> str:
        return as_html(self)
