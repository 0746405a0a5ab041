"""Images as XEduHub gives them to a network, and as it returns, shows and saves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.images.decode import ImageLike, decode
from onnxnn_runtime.messages.notebook import in_notebook
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.outputs.grid import check_path
from onnxnn_runtime.outputs.notebook import show_inline

IMAGE_TYPES = ("pil", "cv2")
"""What `img_type` may be: an array with red first, or with blue first as OpenCV has it."""

_AFFINE = getattr(Image, "Transform", Image).AFFINE  # Pillow 9.1 moved them
_BILINEAR = getattr(Image, "Resampling", Image).BILINEAR


def resized(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return an image in another size, as OpenCV's `resize` makes it (INTER_LINEAR).

    Each pixel is interpolated between its four nearest, without antialiasing, unlike in `Preprocess`; OpenCV
    rounds differently by at most 1 of 255.
    """
    across, down = image.width / width, image.height / height
    corners = (across, 0, 0, 0, down, 0)
    return image.transform((width, height), _AFFINE, corners, resample=_BILINEAR)


def array_of(image: ImageLike, img_type: str) -> np.ndarray:
    """Return an image as uint8 (height, width, 3), red first for "pil" and blue first for "cv2".

    Args:
        image: A path, bytes, a PIL image, or an array with blue first.
        img_type: One of `IMAGE_TYPES`.
    """
    rgb = np.asarray(decode(image, channel_order="bgr"))
    return rgb if img_type == "pil" else np.ascontiguousarray(rgb[:, :, ::-1])


def image_of(image: object, img_type: str) -> Image.Image:
    """Return what `array_of` returned, or a pair with it as the second, as a PIL image.

    Raises:
        InputError: It is no image.
    """
    if isinstance(image, tuple) and len(image) == 2:
        image = image[1]
    if not isinstance(image, (np.ndarray, Image.Image)):
        raise InputError.coded(
            "E-INPUT-04",
            "img={found}: expected an image, as inference(..., img_type='pil') returns it second.",
            found=shortened(image),
        )
    return decode(image, channel_order="bgr" if img_type == "cv2" else "rgb")


def show(image: Image.Image) -> None:
    """Show an image below a notebook's cell, else with the system's viewer."""
    if in_notebook():
        show_inline(image)
    else:
        image.show()


def write(image: Image.Image, path: PathLike) -> Path:
    """Write an image file: .png, .jpg, .bmp or .gif."""
    kind = check_path(path)
    return write_atomically(path, lambda file: image.save(file, format=kind))
