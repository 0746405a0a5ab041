"""Images of samples, small enough to lie in a page."""

from __future__ import annotations

import io
from typing import Iterable, NamedTuple

import numpy as np
from PIL import Image

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.images.decode import decode
from onnxnn_runtime.inputs.reading import Sample

SIDE = 160
"""Pixels of the longer side of an image in a page."""

_TINY = 64
"""Images up to this size stay as they are, without loss; the page enlarges their pixels."""

_QUALITY = 78


class Thumbnail(NamedTuple):
    """A small image.

    Args:
        data: The file's content.
        media_type: "image/png" or "image/jpeg".
        is_tiny: Whether its pixels may be seen.
    """

    data: bytes
    media_type: str
    is_tiny: bool


def image_of(sample: Sample, spec: InputSpec, side: int = SIDE) -> Image.Image:
    """Return the image of a sample, upright, "RGB", at its own size or a fraction not below `side`.

    Raises:
        InputError: It cannot be read.
    """
    if sample.ready:
        array = np.asarray(sample.value, np.float32)
        bytes_ = np.rint(np.clip(np.moveaxis(array, 0, -1), 0, 1) * 255).astype(np.uint8)
        return Image.fromarray(bytes_[:, :, 0] if bytes_.shape[2] == 1 else bytes_[:, :, :3]).convert("RGB")
    order = spec.preprocess.channel_order if spec.preprocess is not None else "rgb"
    return decode(sample.value, "RGB", (side, side), order)


def thumbnail(sample: Sample, spec: InputSpec) -> Thumbnail | None:
    """Return the small image of a sample; None where it cannot be read any more."""
    try:
        image = image_of(sample, spec)
    except InputError:
        return None
    file = io.BytesIO()
    if max(image.size) <= _TINY:
        image.save(file, format="PNG")
        return Thumbnail(file.getvalue(), "image/png", True)
    image.thumbnail((SIDE, SIDE))
    image.save(file, format="JPEG", quality=_QUALITY)
    return Thumbnail(file.getvalue(), "image/jpeg", False)


def thumbnails(samples: Iterable[Sample], spec: InputSpec) -> dict[str, Thumbnail]:
    """Return the small image of each sample by its name, those that can be read."""
    if spec.kind != "image":
        return {}
    found = {sample.name: thumbnail(sample, spec) for sample in samples}
    return {name: each for name, each in found.items() if each is not None}
