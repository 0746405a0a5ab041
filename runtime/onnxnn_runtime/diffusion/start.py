"""What sampling begins with, where it is given: noise, images, and the mask of inpainting."""

from __future__ import annotations

import numpy as np
from PIL import Image

from onnxnn_runtime.arrays.conversion import as_array
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.preprocess import COLORS, Preprocess, decode, pixels
from onnxnn_runtime.errors import InputError, located
from onnxnn_runtime.images.decode import is_file_object
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.given import matching, plain
from onnxnn_runtime.inputs.reading import read_sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened


def read_noise(noise: object, shape: tuple[int, ...]) -> np.ndarray:
    """Return noise that was given, float32 (N, C, H, W).

    Raises:
        InputError: Its shape or type does not match, or it is not finite.
    """
    try:
        array = as_array(noise)
    except InputError as error:
        raise InputError(located("noise", error)) from error
    if array.dtype.kind != "f" or array.ndim != 4 or array.shape[1:] != shape or not len(array):
        raise InputError.coded(
            "E-INPUT-03",
            "noise: expected float32 (num, {channels}, {height}, {width}), got {dtype} {shape}.",
            channels=shape[0],
            height=shape[1],
            width=shape[2],
            dtype=array.dtype,
            shape=shape_text(array.shape),
        )
    if not np.isfinite(array).all():
        raise InputError.coded(
            "E-INPUT-04",
            "noise: expected finite numbers, got NaN or infinite ones. Draw them from a standard normal "
            "distribution.",
        )
    return np.array(array, np.float32)


def read_images(source: object, spec: DiffusionSpec, preprocess: Preprocess | None = None) -> np.ndarray:
    """Return images to begin with, float32 (N, C, H, W) in 0..1.

    Args:
        source: A path, a folder, bytes, a PIL image, an array, or a list of those.
        spec: Says the shape of the model's images.
        preprocess: How an image becomes an array; None resizes it to that shape.

    Raises:
        InputError: There is none; or one is broken, or has another size after preprocessing.
    """
    channels, height, width = spec.shape
    if preprocess is None:
        color = next(name for name, number in COLORS.items() if number == channels)
        preprocess = Preprocess(color, (("resize", height, width),))
    wanted = InputSpec("image", ("batch", channels, height, width), preprocess)
    skipped: list[Skipped] = []
    images = [read_sample(sample, wanted) for sample in find_samples(source, wanted, skipped)]
    if not images:
        raise InputError.coded(
            "E-INPUT-01", "input: expected at least one image, got none. Give the path of an image."
        )
    return np.stack(images)


def read_mask(mask: object, shape: tuple[int, ...]) -> np.ndarray:
    """Return the inpainting mask: where an image is drawn, bool (H, W).

    Args:
        mask: An array (H, W) of 0 and 1, or of 0 and 255; or a black and white image: a path, bytes, an open
            file or a PIL image, where white (from 128) is drawn.
        shape: (C, H, W) of the model's images.

    Raises:
        InputError: It has another size, or other numbers.
    """
    given = plain(mask)
    if isinstance(given, str):
        found = matching(given)
        if len(found) > 1:
            raise InputError.coded(
                "E-INPUT-06",
                "mask={mask}: expected one file, got {count} that match. Give one mask.",
                mask=shortened(given),
                count=len(found),
            )
        given = found[0]
    if isinstance(given, (str, bytes, bytearray, memoryview, Image.Image)) or is_file_object(given):
        array = pixels(decode(given, "grayscale"))[:, :, 0] >= 128
    else:
        array = as_array(given)
    if array.shape != shape[1:]:
        raise InputError.coded(
            "E-INPUT-03",
            "mask: expected {expected}, the height and width of the model's images, got {got}. Resize it "
            "first.",
            expected=shape_text(shape[1:]),
            got=shape_text(array.shape),
        )
    if not any(np.isin(array, (0, white)).all() for white in (1, 255)):
        raise InputError.coded(
            "E-INPUT-04",
            "mask: expected 1 or 255 where the image is replaced and 0 where it is kept, got other "
            "numbers. Write mask >= 128.",
        )
    return np.asarray(array != 0)
