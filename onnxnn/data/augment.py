"""Random transforms: training images only, never validation, inference or export.

Names and options are torchvision's (https://docs.pytorch.org/vision/stable/transforms.html), implemented
with Pillow. Each takes an upright image of mode "RGB" or "L" and a random source and returns a
image of the same mode. Where torchvision would change the image's size at random, `fixed` says
which steps of `Preprocess` stand in its place outside training.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random

import numpy as np
from onnxnn_runtime.card.preprocess import Step, apply_step
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from PIL import Image, ImageEnhance, ImageOps

from .transform_options import around, border, is_number, pair, probability, refuse, size, whole

__all__ = [
    "Augmentation",
    "ColorJitter",
    "RandomAffine",
    "RandomCrop",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
]


class Augmentation(ABC):
    """A random change of a training image."""

    @abstractmethod
    def __call__(self, image: Image.Image, random: Random) -> Image.Image:
        """Return the changed image; the one given stays as it is."""

    def fixed(self) -> tuple[Step, ...]:
        """Return what is done instead outside training: nothing, unless the size changes."""
        return ()


@dataclass(frozen=True)
class _AtRandom(Augmentation):
    """A change that is made with probability p, 0..1."""

    p: float = 0.5

    def __post_init__(self) -> None:
        probability(self)

    def __call__(self, image: Image.Image, random: Random) -> Image.Image:
        return self.change(image) if random.random() < self.p else image

    @abstractmethod
    def change(self, image: Image.Image) -> Image.Image:
        """Return the changed image."""


@dataclass(frozen=True)
class RandomHorizontalFlip(_AtRandom):
    """Mirror left and right with probability p, 0..1."""

    def change(self, image: Image.Image) -> Image.Image:
        return ImageOps.mirror(image)


@dataclass(frozen=True)
class RandomVerticalFlip(_AtRandom):
    """Mirror top and bottom with probability p, 0..1."""

    def change(self, image: Image.Image) -> Image.Image:
        return ImageOps.flip(image)


@dataclass(frozen=True)
class RandomGrayscale(_AtRandom):
    """Take the colour out with probability p, 0..1; the number of channels stays."""

    p: float = 0.1

    def change(self, image: Image.Image) -> Image.Image:
        return apply_step(image, ("grayscale",))


@dataclass(frozen=True)
class RandomCrop(Augmentation):
    """Cut out a part of a given size, every position equally likely.

    Outside training the middle is cut out, without padding.

    Args:
        size: (height, width), or one number for both.
        padding: Border added first: all sides, (x, y) or (left, top, right, bottom).
        pad_if_needed: Whether a smaller image gets a border; otherwise it is refused.
        fill: The border's value, 0..255.
    """

    size: tuple[int, int] | int
    padding: tuple[int, ...] | int | None = None
    pad_if_needed: bool = False
    fill: int = 0

    def __post_init__(self) -> None:
        size(self)
        whole(self, "fill", 0, 255)
        if self.padding is not None:
            border(self)

    def __call__(self, image: Image.Image, random: Random) -> Image.Image:
        height, width = size(self)
        if self.padding is not None:
            image = apply_step(image, ("pad", *border(self), self.fill))
        if self.pad_if_needed:
            x, y = max(0, width - image.width), max(0, height - image.height)
            image = apply_step(image, ("pad", x, y, x, y, self.fill)) if x or y else image
        if image.width < width or image.height < height:
            raise refuse(
                self,
                gettext(
                    "expected images of at least {height}x{width}, got one of {got_height}x{got_width}. "
                    "Write 'Resize' before it, or pad_if_needed=True.",
                    height=height,
                    width=width,
                    got_height=image.height,
                    got_width=image.width,
                ),
            )
        top, left = random.randint(0, image.height - height), random.randint(0, image.width - width)
        return image.crop((left, top, left + width, top + height))

    def fixed(self) -> tuple[Step, ...]:
        return (("center_crop", *size(self)),)


@dataclass(frozen=True)
class RandomResizedCrop(Augmentation):
    """Cut out a part of random area and proportions and resize it (Szegedy et al. 2015, arXiv:1409.4842).

    Outside training the shorter side is resized and the middle cut out.

    Args:
        size: (height, width) of the result, or one number for both.
        scale: Range of the part's share of the area, within 0..1.
        ratio: Range of its width / height, drawn evenly on a logarithmic scale.
    """

    size: tuple[int, int] | int
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        size(self)
        pair(self, "scale", 0.0, 1.0)
        pair(self, "ratio", 1e-3, 1e3)

    def __call__(self, image: Image.Image, random: Random) -> Image.Image:
        return apply_step(image.crop(self._box(image, random)), ("resize", *size(self)))

    def fixed(self) -> tuple[Step, ...]:
        height, width = size(self)
        return (("resize_short", max(height, width)), ("center_crop", height, width))

    def _box(self, image: Image.Image, random: Random) -> tuple[int, int, int, int]:
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(10):
            area = image.width * image.height * random.uniform(*self.scale)
            ratio = math.exp(random.uniform(low, high))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= image.width and 0 < height <= image.height:
                left = random.randint(0, image.width - width)
                top = random.randint(0, image.height - height)
                return left, top, left + width, top + height
        width, height = image.size  # no such part: the largest one in the middle with allowed proportions
        if width < height * self.ratio[0]:
            height = max(1, round(width / self.ratio[0]))
        elif width > height * self.ratio[1]:
            width = max(1, round(height * self.ratio[1]))
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return left, top, left + width, top + height


@dataclass(frozen=True)
class RandomRotation(Augmentation):
    """Turn about the middle by a random angle; the size stays and corners are filled.

    Args:
        degrees: d for -d..d, or a range, in degrees counterclockwise.
        fill: Value of the corners, 0..255.
    """

    degrees: tuple[float, float] | float
    fill: int = 0

    def __post_init__(self) -> None:
        around(self, "degrees", 0.0, -360.0, 360.0)
        whole(self, "fill", 0, 255)

    def __call__(self, image: Image.Image, random: Random) -> Image.Image:
        angle = random.uniform(*around(self, "degrees", 0.0, -360.0, 360.0))
        return image.rotate(angle, _BILINEAR, fillcolor=_fill(image, self.fill))


@dataclass(frozen=True)
class RandomAffine(Augmentation):
    """Turn, shift, scale and shear about the middle; the size stays and what is uncovered is filled.

    A point p goes to s R(a) Y(b) X(c) p + t, with the rotation R, the shears X along x and Y along y,
    the scale s and the shift t, seen from the middle.

    Args:
        degrees: Range of the angle a: d for -d..d, or two numbers, in degrees clockwise.
        translate: (x, y): the largest shift as a share of width and height, 0..1.
        scale: Range of s, above 0.
        shear: Range of c: d for -d..d, or two numbers; two more are the range of b. In degrees.
        fill: Value of what is uncovered, 0..255.
    """

    degrees: tuple[float, float] | float
    translate: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    shear: tuple[float, ...] | float | None = None
    fill: int = 0

    def __post_init__(self) -> None:
        around(self, "degrees", 0.0, -360.0, 360.0)
        whole(self, "fill", 0, 255)
        if self.translate is not None and not (
            isinstance(self.translate, tuple)
            and len(self.translate) == 2
            and all(is_number(share) and 0 <= share <= 1 for share in self.translate)
        ):
            raise refuse(
                self,
                gettext(
                    "translate: expected two numbers (x, y) from 0 to 1, got {got}.",
                    got=shortened(self.translate),
                ),
            )
        if self.scale is not None:
            pair(self, "scale", 1e-3, 1e3)
        self._shears()

    def __call__(self, image: Image.Image, random: Random) -> Image.Image:
        angle = math.radians(random.uniform(*around(self, "degrees", 0.0, -360.0, 360.0)))
        along_x, along_y = (math.tan(math.radians(random.uniform(*shear))) for shear in self._shears())
        scale = 1.0 if self.scale is None else random.uniform(*self.scale)
        most = [share * side for share, side in zip(self.translate or (0, 0), image.size, strict=True)]
        shift = np.array([round(random.uniform(-side, side)) for side in most])
        rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        matrix = scale * rotation @ np.array([[1, 0], [along_y, 1]]) @ np.array([[1, along_x], [0, 1]])
        back = np.linalg.inv(matrix)  # Pillow asks where each point of the result comes from
        middle = np.array(image.size) / 2
        start = middle - back @ (middle + shift)
        coefficients = (*back[0].tolist(), float(start[0]), *back[1].tolist(), float(start[1]))
        return image.transform(
            image.size, _AFFINE, coefficients, _BILINEAR, fillcolor=_fill(image, self.fill)
        )

    def _shears(self) -> tuple[tuple[float, float], tuple[float, float]]:
        shear = 0 if self.shear is None else self.shear
        if is_number(shear):
            shear = (-abs(shear), abs(shear))
        if (
            not isinstance(shear, tuple)
            or len(shear) not in (2, 4)
            or not all(is_number(angle) and -89 <= angle <= 89 for angle in shear)
            or any(low > high for low, high in zip(shear[::2], shear[1::2], strict=True))
        ):
            raise refuse(
                self,
                gettext(
                    "shear: expected a number, or two or four, from -89 to 89, the smaller of each two "
                    "first, got {got}.",
                    got=shortened(self.shear),
                ),
            )
        return (shear[0], shear[1]), ((shear[2], shear[3]) if len(shear) == 4 else (0.0, 0.0))


@dataclass(frozen=True)
class ColorJitter(Augmentation):
    """Change brightness, contrast, saturation and hue, in random order.

    On a grey image saturation and hue do nothing.

    Args:
        brightness, contrast, saturation: v for a factor in 1 - v .. 1 + v (at least 0), or a range.
        hue: v for a turn of the colour circle by -v..v, at most 0.5, or a range.
    """

    brightness: tuple[float, float] | float = 0.0
    contrast: tuple[float, float] | float = 0.0
    saturation: tuple[float, float] | float = 0.0
    hue: tuple[float, float] | float = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            around(self, name, 1.0, 0.0)
        around(self, "hue", 0.0, -0.5, 0.5)
        if is_number(self.hue) and self.hue > 0.5:
            raise refuse(self, gettext("hue: expected at most 0.5, got {got}.", got=shortened(self.hue)))

    def __call__(self, image: Image.Image, random: Random) -> Image.Image:
        changes = [
            (ImageEnhance.Brightness, around(self, "brightness", 1.0, 0.0)),
            (ImageEnhance.Contrast, around(self, "contrast", 1.0, 0.0)),
            (ImageEnhance.Color, around(self, "saturation", 1.0, 0.0)),
            (None, around(self, "hue", 0.0, -0.5, 0.5)),
        ]
        random.shuffle(changes)
        for enhance, strength in changes:
            drawn = random.uniform(*strength)
            if enhance is None:
                image = _turn_hue(image, drawn)
            elif drawn != 1.0:
                image = enhance(image).enhance(drawn)
        return image


def _turn_hue(image: Image.Image, turn: float) -> Image.Image:
    if image.mode == "L" or round(turn * 256) == 0:
        return image
    hue, saturation, value = image.convert("HSV").split()
    turned = (np.asarray(hue).astype(np.int16) + round(turn * 256)) % 256
    return Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), saturation, value)).convert("RGB")


def _fill(image: Image.Image, value: int) -> int | tuple[int, int, int]:
    return value if image.mode == "L" else (value, value, value)


_BILINEAR = Image.Resampling.BILINEAR
_AFFINE = Image.Transform.AFFINE
