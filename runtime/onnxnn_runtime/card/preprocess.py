"""From an image to the numbers a network reads: the one implementation, for training and serving.

    decode (EXIF orientation applied) -> colour -> steps -> float32 0..1 -> (channels, height, width)

A `Preprocess` travels inside the checkpoint and inside the ONNX file's card, so size and colour
are typed once in a model's life. Normalisation with mean and standard deviation is not part of it:
that is the network's first operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Tuple, Union

import numpy as np
from PIL import Image

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.images.decode import CHANNEL_ORDERS, ImageLike, check_memory, decode
from onnxnn_runtime.images.memory import shared
from onnxnn_runtime.images.modes import pixels
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

__all__ = [
    "COLORS",
    "STEPS",
    "ImageLike",
    "Preprocess",
    "Step",
    "apply_step",
    "checked_order",
    "decode",
    "pixels",
]

_FILTERS: Any = getattr(Image, "Resampling", Image)  # Pillow 9.1 moved them

Step = Tuple[Union[str, int], ...]

STEPS: dict[str, int] = {
    "resize": 2,  # height, width
    "resize_short": 1,  # the shorter side; the longer keeps the proportions
    "resize_bicubic": 2,  # the same two with the filter of published networks
    "resize_short_bicubic": 1,
    "center_crop": 2,  # height, width; a smaller image is padded with black first
    "pad": 5,  # left, top, right, bottom, fill value 0..255
    "grayscale": 0,  # to grey values; with colour "RGB" they stand in all three channels
}
"""Every step and how many integers follow its name."""

COLORS: dict[str, int] = {"RGB": 3, "grayscale": 1}
"""Every colour a network can read, and its number of channels."""


@checked_class()
@dataclass(frozen=True)
class Preprocess:
    """How an image becomes the float32 array (channels, height, width) in 0..1 of a network.

    Args:
        color: "RGB" (3 channels) or "grayscale" (1 channel, ITU-R 601-2 luma as Pillow computes it).
        steps: What happens to the decoded image, in order; each a tuple of a name and integers:
            ("resize", height, width), ("resize_short", side), ("center_crop", height, width),
            ("pad", left, top, right, bottom, fill), ("grayscale",). Resizing is bilinear with
            antialiasing (Pillow's `BILINEAR`), and bicubic likewise for ("resize_bicubic", height, width)
            and ("resize_short_bicubic", side).
        draft: Let JPEG files of at least twice the size that the first step resizes to be decoded
            at 1/2, 1/4 or 1/8 of their size. That is faster, but the numbers differ a little from
            those of the same pixels given as an array. Training never does it.
        channel_order: "rgb", or "bgr" where the arrays that are given hold blue first, as OpenCV reads
            images. Files, bytes and PIL images are RGB always, and so is what the network gets.

    Raises:
        InputError: The colour, the channel order or a step is unknown, or its numbers are out of range.
    """

    color: str = "RGB"
    steps: tuple[Step, ...] = ()
    draft: bool = False
    channel_order: str = "rgb"

    def __post_init__(self) -> None:
        if not isinstance(self.color, str) or self.color not in COLORS:
            raise InputError.coded(
                "E-INPUT-06",
                "color={color}: expected one of {known}.",
                color=shortened(self.color),
                known=", ".join(map(repr, COLORS)),
            )
        try:
            object.__setattr__(self, "steps", tuple(map(tuple, self.steps)))
        except TypeError as error:
            raise InputError.coded(
                "E-INPUT-06",
                "steps={steps}: expected a tuple of steps, such as (('resize', 32, 32),).",
                steps=shortened(self.steps),
            ) from error
        for step in self.steps:
            _check_step(step)
        if not isinstance(self.draft, bool):
            raise InputError.coded(
                "E-INPUT-06", "draft={draft}: expected True or False.", draft=shortened(self.draft)
            )
        object.__setattr__(self, "channel_order", checked_order(self.channel_order))

    @property
    def channels(self) -> int:
        """Number of channels: 3 for RGB, 1 for grayscale."""
        return COLORS[self.color]

    def __call__(self, image: ImageLike) -> np.ndarray:
        """Return an image as float32 (channels, height, width) in 0..1.

        Args:
            image: A path, a file's bytes, an open file, a PIL image, or an array: uint8 0..255 or float
                0..1, of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), in `channel_order`.

        Raises:
            InputError: It is no image, or broken (the message names the file).
            MissingInputError: The file does not exist.
        """
        with shared().one_image():
            result = self.to_image(image)
            width, height = result.size
            check_memory(
                lambda: gettext(
                    "an image of {width} x {height} as floating-point numbers", width=width, height=height
                ),
                width * height * (4 + 5 * self.channels),
            )
            return self.to_float(pixels(result))

    def to_uint8(self, image: ImageLike) -> np.ndarray:
        """Return an image after decoding and all steps, as uint8 (height, width, channels).

        Args:
            image: A path, bytes, a PIL image or an array.
        """
        with shared().one_image():
            return pixels(self.to_image(image))

    def to_image(self, image: ImageLike) -> Image.Image:
        """Return an image after decoding and all steps, as a PIL image of mode "RGB" or "L".

        Args:
            image: A path, bytes, a PIL image or an array.
        """
        result = decode(image, self.color, self._smallest_size(), self.channel_order)
        for step in self.steps:
            result = apply_step(result, step)
        return result

    def ready(self, array: np.ndarray) -> np.ndarray:
        """Return arrays (..., C, H, W) that need nothing but the channels in the network's order.

        Args:
            array: With the channels in `channel_order`.
        """
        is_bgr = self.channel_order == "bgr" and array.ndim > 2 and array.shape[-3] == 3
        return np.ascontiguousarray(array[..., ::-1, :, :]) if is_bgr else array

    @staticmethod
    def to_float(image: np.ndarray) -> np.ndarray:
        """Return uint8 (..., height, width, channels) as float32 (..., channels, height, width) in 0..1.

        Args:
            image: uint8 (..., height, width, channels).

        Raises:
            InputError: It has fewer than three axes.
        """
        if not isinstance(image, np.ndarray) or image.ndim < 3:
            raise InputError.coded(
                "E-INPUT-03",
                "to_float: expected an array (..., height, width, channels), got {value}.",
                value=shortened(image),
            )
        planes = np.moveaxis(image, -1, -3)
        scaled = np.empty(planes.shape, np.float32)
        scaled[...] = planes  # no copy in between
        scaled /= np.float32(255)
        return scaled

    def output_size(self) -> tuple[int | None, int | None]:
        """Return (height, width) of every preprocessed image; None where the image decides."""
        size: tuple[int | None, int | None] = (None, None)
        for name, *numbers in self.steps:
            values = [int(number) for number in numbers]
            name = str(name).replace("_bicubic", "")
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
        """Return the (height, width) below which the first step must not find the image."""
        name, numbers = (self.steps[0][0], self.steps[0][1:]) if self.steps else ("", ())
        if not self.draft or not str(name).startswith("resize"):
            return None
        return int(numbers[0]), int(numbers[-1])

    def to_dict(self) -> dict[str, object]:
        """Return the description as plain JSON data."""
        found: dict[str, object] = {
            "color": self.color,
            "draft": self.draft,
            "steps": [list(step) for step in self.steps],
        }
        if self.channel_order != "rgb":  # so that other cards can be read by older versions
            found["channel_order"] = self.channel_order
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Preprocess:
        """Read what `to_dict` wrote.

        Args:
            data: The mapping.

        Raises:
            CardError: A key or a value is not what this version writes.
        """
        if not isinstance(data, Mapping) or set(data) - {"channel_order"} != {"color", "draft", "steps"}:
            raise CardError.coded(
                "E-CARD-02",
                "preprocess: expected the keys 'color', 'draft' and 'steps', got {value}.",
                value=shortened(data),
            )
        steps = data["steps"]
        if not isinstance(steps, list) or not all(isinstance(step, list) for step in steps):
            raise CardError.coded(
                "E-CARD-02",
                "preprocess: 'steps': expected a list of lists, got {value}.",
                value=shortened(steps),
            )
        try:
            rest = {"draft": data["draft"], "channel_order": data.get("channel_order", "rgb")}
            return cls(data["color"], tuple(map(tuple, steps)), **rest)  # type: ignore[arg-type]  # checked there
        except (InputError, TypeError) as error:
            raise CardError.coded("E-CARD-02", "preprocess: {error}", error=error) from error


def checked_order(order: object) -> str:
    """Return "rgb" or "bgr", in whatever case it was written.

    Raises:
        InputError: It is neither.
    """
    if isinstance(order, str) and order.lower() in CHANNEL_ORDERS:
        return order.lower()
    raise InputError.coded(
        "E-INPUT-06",
        "channel_order={order}: expected 'rgb', or 'bgr' as OpenCV orders its arrays.",
        order=shortened(order),
    )


def apply_step(image: Image.Image, step: Step) -> Image.Image:
    """Apply one step of a `Preprocess` to a PIL image of mode "RGB" or "L".

    Raises:
        InputError: The result, or what stands between, would need too much memory.
    """
    name, numbers = step[0], [int(number) for number in step[1:]]
    if name in ("resize", "resize_bicubic"):
        return _resize(image, numbers[0], numbers[1], name == "resize_bicubic")
    if name in ("resize_short", "resize_short_bicubic"):
        width, height = image.size
        short, side = min(width, height), numbers[0]
        is_bicubic = name == "resize_short_bicubic"
        return _resize(image, height * side // short, width * side // short, is_bicubic)
    if name == "center_crop":
        return _center_crop(image, numbers[0], numbers[1])
    if name == "pad":
        left, top, right, bottom, fill = numbers
        return _expand(image, (left, top, right, bottom), fill)
    return image.convert("L").convert(image.mode)  # grayscale


def _resize(image: Image.Image, height: int, width: int, is_bicubic: bool) -> Image.Image:
    """Resize in two steps, one for each direction.

    Rows first, then columns: left to itself, Pillow 13 sometimes takes the other order, Pillow 9 never, and
    the last bit of an image would depend on the version. Only where an image is so narrow that rows first
    would fill the memory, columns come first.
    """
    wide, high = width * image.height, image.width * height  # pixels in between
    between = (image.width, height) if 4 * wide > _BETWEEN and high < wide else (width, image.height)
    steps = [between, (width, height)]
    size = image.size
    for step in steps:
        check_memory(lambda: _resizing(image.size, (width, height)), _resize_memory(size, step, is_bicubic))
        size = step
    for step in steps:
        if image.size != step:
            image = image.resize(step, _FILTERS.BICUBIC if is_bicubic else _FILTERS.BILINEAR)
    return image


def _resizing(size: tuple[int, int], wanted: tuple[int, int]) -> str:
    return gettext(
        "resizing an image of {width} x {height} to {new_width} x {new_height}",
        width=size[0],
        height=size[1],
        new_width=wanted[0],
        new_height=wanted[1],
    )


_BETWEEN = 64 * 2**20
"""Bytes between the two steps of resizing above which the other order is taken, if that needs less."""


def _resize_memory(before: tuple[int, int], after: tuple[int, int], is_bicubic: bool) -> int:
    """Return how many bytes resizing in one direction takes: both images, and the filter's weights.

    For each pixel of the result the weights reach over 2 * (before / after) + 1 pixels, of 8 bytes each, and
    twice as far if bicubic (Pillow, src/libImaging/Resample.c).
    """
    reach = 2 if is_bicubic else 1
    weights = sum(
        8 * (2 * reach * old + (2 * reach + 1) * new) for old, new in zip(before, after) if old != new
    )
    return 4 * (before[0] * before[1] + after[0] * after[1]) + weights


def _center_crop(image: Image.Image, height: int, width: int) -> Image.Image:
    extra_width, extra_height = max(0, width - image.width), max(0, height - image.height)
    if extra_width or extra_height:
        left, top = extra_width // 2, extra_height // 2
        border = (left, top, extra_width - left, extra_height - top)
        image = _expand(image, border, 0)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _expand(image: Image.Image, border: tuple[int, int, int, int], fill: int) -> Image.Image:
    left, top, right, bottom = border
    size = (image.width + left + right, image.height + top + bottom)
    check_memory(
        lambda: gettext("a border that makes it {width} x {height}", width=size[0], height=size[1]),
        4 * size[0] * size[1],
    )
    expanded = Image.new(image.mode, size, fill if image.mode == "L" else (fill, fill, fill))
    expanded.paste(image, (left, top))
    return expanded


def _check_step(step: Step) -> None:
    name = step[0] if step else None
    if name not in STEPS:
        raise InputError.coded(
            "E-INPUT-06",
            "preprocessing step {step}: expected one of {known}.",
            step=shortened(name),
            known=", ".join(STEPS),
        )
    numbers: list[Any] = list(step[1:])
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if len(numbers) != STEPS[str(name)] or not whole:
        raise InputError.coded(
            "E-INPUT-06",
            "preprocessing step {step}: expected {count} integers, got {numbers}.",
            step=shortened(name),
            count=STEPS[str(name)],
            numbers=shortened(numbers),
        )
    lowest = 0 if name == "pad" else 1
    if any(number < lowest for number in numbers) or (name == "pad" and numbers[4] > 255):
        range_of_pad = gettext("integers from 0, the last one (fill) up to 255")
        raise InputError.coded(
            "E-INPUT-06",
            "preprocessing step {step}: expected {expected}, got {numbers}.",
            step=shortened(name),
            expected=range_of_pad if name == "pad" else gettext("integers from 1"),
            numbers=shortened(numbers),
        )
