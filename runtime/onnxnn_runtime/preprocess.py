"""From a picture to the numbers a network reads: the one implementation, for training and serving.

    decode (EXIF orientation applied) -> colour -> steps -> float32 0..1 -> (channels, height, width)

A `Preprocess` travels inside the checkpoint and inside the ONNX file's card, so size and colour
are typed once in a model's life. Normalisation with mean and standard deviation is not part of it:
that is the network's first operation.
"""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Tuple, Union

import numpy as np
from PIL import Image

from .calls import checked_class
from .errors import CardError, InputError, MissingInputError

ImageLike = Union[str, Path, bytes, Image.Image, np.ndarray]
"""A file's path, a file's bytes, a PIL image, or an array (H, W), (H, W, 3), (H, W, 4) or (H, W, 1)."""

# Pillow also warns of pictures half as large as those that it refuses. Filters of the user's own come first.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)

_BILINEAR: Any = getattr(Image, "Resampling", Image).BILINEAR  # Pillow 9.1 moved it

_Transpose: Any = getattr(Image, "Transpose", Image)
_ORIENTATION = 0x0112
_TURNS = {
    2: _Transpose.FLIP_LEFT_RIGHT,
    3: _Transpose.ROTATE_180,
    4: _Transpose.FLIP_TOP_BOTTOM,
    5: _Transpose.TRANSPOSE,
    6: _Transpose.ROTATE_270,
    7: _Transpose.TRANSVERSE,
    8: _Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation (CIPA DC-008, tag 0x0112; Pillow turns counterclockwise)."""

Step = Tuple[Union[str, int], ...]

STEPS: dict[str, int] = {
    "resize": 2,  # height, width
    "resize_short": 1,  # the shorter side; the longer keeps the proportions
    "center_crop": 2,  # height, width; a smaller picture is padded with black first
    "pad": 5,  # left, top, right, bottom, fill value 0..255
    "grayscale": 0,  # to grey values; with colour "RGB" they stand in all three channels
}
"""Every step and how many whole numbers follow its name."""

COLORS: dict[str, int] = {"RGB": 3, "grayscale": 1}
"""Every colour a network can read, and its number of channels."""


@checked_class()
@dataclass(frozen=True)
class Preprocess:
    """How a picture becomes the float32 array (channels, height, width) in 0..1 of a network.

    Args:
        color: "RGB" (3 channels) or "grayscale" (1 channel, ITU-R 601-2 luma as Pillow computes it).
        steps: What happens to the decoded picture, in order; each a tuple of a name and whole
            numbers: ("resize", height, width), ("resize_short", side), ("center_crop", height,
            width), ("pad", left, top, right, bottom, fill), ("grayscale",). Resizing is bilinear
            with antialiasing (Pillow's `BILINEAR`).
        draft: Let JPEG files of at least twice the size that the first step resizes to be decoded
            at 1/2, 1/4 or 1/8 of their size. That is faster, but the numbers differ a little from
            those of the same pixels given as an array. Training never does it.

    Raises:
        InputError: The colour or a step is unknown or its numbers do not fit.
    """

    color: str = "RGB"
    steps: tuple[Step, ...] = ()
    draft: bool = False

    def __post_init__(self) -> None:
        if str(self.color) not in COLORS:
            raise InputError("color={!r}: choose one of {}.".format(self.color, ", ".join(map(repr, COLORS))))
        object.__setattr__(self, "steps", tuple(tuple(step) for step in self.steps))
        for step in self.steps:
            _check_step(step)
        if not isinstance(self.draft, bool):
            raise InputError(f"draft={self.draft!r}: choose True or False.")

    @property
    def channels(self) -> int:
        """Number of channels: 3 for RGB, 1 for grayscale."""
        return COLORS[self.color]

    def __call__(self, image: ImageLike) -> np.ndarray:
        """Return a picture as float32 (channels, height, width) in 0..1.

        Args:
            image: A path, a file's bytes, a PIL image, or an array: uint8 0..255 or float 0..1, of
                shape (H, W), (H, W, 1), (H, W, 3) in RGB order or (H, W, 4).

        Raises:
            InputError: It is no picture, or broken (the message names the file).
            MissingInputError: The file does not exist.
        """
        return self.to_float(self.to_uint8(image))

    def to_uint8(self, image: ImageLike) -> np.ndarray:
        """Return a picture after decoding and all steps, as uint8 (height, width, channels)."""
        picture = decode(image, self.color, self._smallest_size())
        for step in self.steps:
            picture = apply_step(picture, step)
        return pixels(picture)

    @staticmethod
    def to_float(image: np.ndarray) -> np.ndarray:
        """Return uint8 (..., height, width, channels) as float32 (..., channels, height, width) in 0..1."""
        scaled = image.astype(np.float32)
        scaled /= np.float32(255)
        return np.ascontiguousarray(np.moveaxis(scaled, -1, -3))

    def output_size(self) -> tuple[int | None, int | None]:
        """Return (height, width) of every preprocessed picture; None where the picture decides."""
        size: tuple[int | None, int | None] = (None, None)
        for name, *numbers in self.steps:
            values = [int(number) for number in numbers]
            if name in ("resize", "center_crop"):
                size = (values[0], values[1])
            elif name == "resize_short":
                size = (values[0], values[0]) if size[0] is not None and size[0] == size[1] else (None, None)
            elif name == "pad":
                height, width = size
                left, top, right, bottom = values[:4]
                size = (
                    None if height is None else height + top + bottom,
                    None if width is None else width + left + right,
                )
        return size

    def _smallest_size(self) -> tuple[int, int] | None:
        """Return the (height, width) below which the first step must not find the picture."""
        name, numbers = (self.steps[0][0], self.steps[0][1:]) if self.steps else ("", ())
        if not self.draft or name not in ("resize", "resize_short"):
            return None
        return int(numbers[0]), int(numbers[-1])

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON data."""
        return {"color": self.color, "draft": self.draft, "steps": [list(step) for step in self.steps]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocess:
        """Read what `to_dict` wrote.

        Raises:
            CardError: A key or a value is not what this version writes.
        """
        if not isinstance(data, Mapping) or set(data) != {"color", "draft", "steps"}:
            raise CardError(f"preprocess: expected the keys 'color', 'draft' and 'steps', got {data!r}.")
        steps = data["steps"]
        if not isinstance(steps, list) or not all(isinstance(step, list) for step in steps):
            raise CardError(f"preprocess: 'steps' must be a list of lists, got {steps!r}.")
        try:
            return cls(data["color"], tuple(tuple(step) for step in steps), data["draft"])
        except (InputError, TypeError) as error:
            raise CardError(f"preprocess: {error}") from error


def decode(image: ImageLike, color: str = "RGB", draft: tuple[int, int] | None = None) -> Image.Image:
    """Return a picture upright (EXIF orientation applied) as a PIL image of mode "RGB" or "L".

    Palettes are looked up, 16-bit grey is scaled to 8 bits, CMYK is converted, transparency is laid
    over white, and of an animation the first frame is taken.

    Args:
        image: A path, a file's bytes, a PIL image (left untouched), or an array as for `Preprocess`.
        color: "RGB" or "grayscale".
        draft: A JPEG file may be decoded at a fraction of its size that is not below this (height,
            width), upright; None decodes it as it is.

    Raises:
        InputError: It is no picture, or broken.
        MissingInputError: The file does not exist.
    """
    if isinstance(image, np.ndarray):
        return _to_mode(_from_array(image), color)
    if isinstance(image, Image.Image):
        return _to_mode(_upright(image), color)
    if isinstance(image, (str, os.PathLike)):
        name, source = str(image), str(image)  # type: Tuple[str, Union[str, io.BytesIO]]
        if not os.path.exists(name):
            raise MissingInputError(f"{name}: no such file.")
    elif isinstance(image, (bytes, bytearray, memoryview)):
        name, source = f"the picture of {len(image)} bytes", io.BytesIO(image)
    else:
        raise InputError(
            f"a picture must be a path, bytes, a PIL image or a NumPy array, not {type(image).__name__}."
        )
    try:
        with Image.open(source) as opened:
            if draft is not None:
                turned = opened.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
                opened.draft(None, draft if turned else draft[::-1])
            opened.load()
            return _to_mode(_upright(opened), color)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name}: a picture of more than {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels is "
            "not opened, since a forged one could fill the memory. Save it smaller; or, where you trust it, "
            "raise PIL.Image.MAX_IMAGE_PIXELS in your program."
        ) from error
    except Exception as error:  # Pillow raises many kinds for broken files; all mean the same here.
        raise InputError(f"{name}: cannot be read as a picture ({error}).") from error


def apply_step(picture: Image.Image, step: Step) -> Image.Image:
    """Apply one step of a `Preprocess` to a PIL image of mode "RGB" or "L"."""
    name, numbers = step[0], [int(number) for number in step[1:]]
    if name == "resize":
        return _resize(picture, numbers[0], numbers[1])
    if name == "resize_short":
        width, height = picture.size
        short = min(width, height)
        return _resize(picture, height * numbers[0] // short, width * numbers[0] // short)
    if name == "center_crop":
        return _center_crop(picture, numbers[0], numbers[1])
    if name == "pad":
        left, top, right, bottom, fill = numbers
        return _expand(picture, (left, top, right, bottom), fill)
    return picture.convert("L").convert(picture.mode)  # grayscale


def pixels(picture: Image.Image) -> np.ndarray:
    """Return a PIL image of mode "RGB" or "L" as uint8 (height, width, channels)."""
    array = np.asarray(picture, dtype=np.uint8)
    return array[:, :, np.newaxis] if array.ndim == 2 else array


def _resize(picture: Image.Image, height: int, width: int) -> Image.Image:
    # Rows first, then columns: left to itself, Pillow 13 sometimes takes the other order, Pillow 9 never,
    # and the last bit of a picture would depend on the version.
    if picture.width != width:
        picture = picture.resize((width, picture.height), _BILINEAR)
    if picture.height != height:
        picture = picture.resize((width, height), _BILINEAR)
    return picture


def _center_crop(picture: Image.Image, height: int, width: int) -> Image.Image:
    extra_width, extra_height = max(0, width - picture.width), max(0, height - picture.height)
    if extra_width or extra_height:
        left, top = extra_width // 2, extra_height // 2
        border = (left, top, extra_width - left, extra_height - top)
        picture = _expand(picture, border, 0)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def _expand(picture: Image.Image, border: tuple[int, int, int, int], fill: int) -> Image.Image:
    left, top, right, bottom = border
    size = (picture.width + left + right, picture.height + top + bottom)
    expanded = Image.new(picture.mode, size, fill if picture.mode == "L" else (fill, fill, fill))
    expanded.paste(picture, (left, top))
    return expanded


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # A broken EXIF block says nothing about how the camera was held.
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _to_mode(picture: Image.Image, color: str) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # PNG and TIFF scans of 16 bits open as "I;16" or "I"; Pillow's own conversion would clip at 255.
        grey = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray(np.clip((grey + 128) // 257, 0, 255).astype(np.uint8))
    elif picture.mode == "F":
        raise InputError(
            "a picture of floating-point pixels (mode F) has no fixed range; convert it to 8 bits first."
        )
    elif picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
    mode = "L" if color == "grayscale" else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise InputError(
            f"an array of shape {array.shape} is no picture; what fits is (H, W), (H, W, 1), "
            "(H, W, 3) in RGB order or (H, W, 4)."
        )
    if array.dtype == np.uint8:
        return Image.fromarray(array)
    if not (np.issubdtype(array.dtype, np.floating) or array.dtype == bool):
        if np.issubdtype(array.dtype, np.integer) and array.min() >= 0 and array.max() <= 255:
            return Image.fromarray(array.astype(np.uint8))
        raise InputError(
            f"a picture array of {array.dtype} must hold whole numbers 0..255; convert it to uint8."
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # also true for NaN
        raise InputError(
            f"a picture array of {array.dtype} must lie in 0..1, this one lies in {low:g}..{high:g}. "
            "For pixel values 0..255 convert it with .astype('uint8')."
        )
    return Image.fromarray(np.rint(array.astype(np.float64) * 255).astype(np.uint8))


def _check_step(step: Step) -> None:
    name = step[0] if step else None
    if name not in STEPS:
        raise InputError("unknown preprocessing step {!r}; known are {}.".format(name, ", ".join(STEPS)))
    numbers: list[Any] = list(step[1:])
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if len(numbers) != STEPS[str(name)] or not whole:
        raise InputError(f"step {name!r} takes {STEPS[str(name)]} whole numbers, got {numbers!r}.")
    lowest = 0 if name == "pad" else 1
    if any(number < lowest for number in numbers) or (name == "pad" and numbers[4] > 255):
        raise InputError(f"step {name!r}: {numbers!r} is out of range.")
