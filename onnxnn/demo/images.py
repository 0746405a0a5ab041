"""The training half of `onnxnn demo`: written as a user would write it."""

from __future__ import annotations

from pathlib import Path

from onnxnn.datasets import digits, moved, split, write_class_folders
from onnxnn.network import Network as nn


def write_images(folder: Path) -> None:
    """Write the digits as class folders of PNG files: train, held_out, and held_out moved a little."""
    training, held_out = split(digits(size=28))
    write_class_folders(training, folder / "train")
    write_class_folders(held_out, folder / "held_out")
    write_class_folders(moved(held_out, pixels=2, degrees=10), folder / "moved")


def train_encoder(folder: Path, quick: bool = False) -> Path:
    """Train a MobileNet encoder on the images of FOLDER/train and export it.

    The vector before the last layer is the encoder's: images of the same digit get similar ones.
    Random shifts and turns teach it that a moved digit is still the same digit.

    Returns:
        The exported file, FOLDER/encoder.onnx.
    """
    model = nn("cls")
    model.set_seed(0)
    model.load_img_data(
        str(folder / "train"),
        batch_size=32,
        color="grayscale",
        transform={
            "Resize": (48, 48) if quick else (56, 56),
            "RandomAffine": {"degrees": 12, "translate": (0.09, 0.09), "scale": (0.85, 1.15)},
        },
    )
    model.add("mobilenet_backbone", width=0.35)
    model.add("linear", size=(1280, 128), activation="relu")
    model.add("linear", size=(128, 10), activation="softmax")
    model.add(optimizer="Adam")
    model.save_fold = str(folder / "encoder_checkpoints")
    model.train(lr=3e-3, epochs=9 if quick else 26, schedule="cosine", metrics=["acc"])
    model.export(str(folder / "encoder.onnx"))
    return folder / "encoder.onnx"
