"""The `transform` of `load_img_data`: names validated, never evaluated, and sorted into their jobs.

{"Resize": (64, 64), "RandomHorizontalFlip": 0.5, "Normalize": ([0.5], [0.5])}
    -> preprocessing for every picture, augmentation for training pictures, the network's first layer
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from onnxnn_runtime.card.preprocess import COLORS, Preprocess, Step
from onnxnn_runtime.errors import DataError, LayerError, did_you_mean
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.layers import Layer, make
from onnxnn.layers.registry import frozen

from . import augment
from .augment import Augmentation
from .options import border, is_number, refuse, size, whole
from .preparation import Preparation

__all__ = ["Plan", "plan"]

Operation = Step | Augmentation | Callable[[Any], Any]


@dataclass(frozen=True)
class Plan:
    """What happens to pictures.

    Args:
        color: "RGB" or "grayscale".
        operations: What happens to a training picture, in order: steps of `Preprocess`, random
            changes, and the user's own functions.
        normalize: The layer in front of the network, or None.
        channel_order: In which order the network's arrays hold their channels; None where it has none.
    """

    color: str
    operations: tuple[Operation, ...] = ()
    normalize: Layer | None = None
    channel_order: str | None = None

    @property
    def outside_training(self) -> tuple[Operation, ...]:
        """What happens to a picture that is not trained on: nothing random."""
        found: list[Operation] = []
        for operation in self.operations:
            found += operation.fixed() if isinstance(operation, Augmentation) else [operation]
        return tuple(found)

    @property
    def functions(self) -> tuple[Callable[[Any], Any], ...]:
        """The user's own functions, which no file can carry."""
        return tuple(
            operation for operation in self.operations if not isinstance(operation, tuple | Augmentation)
        )

    @property
    def preprocess(self) -> Preprocess:
        """What a checkpoint and an exported file carry: nothing random, no functions of the user."""
        return Preprocess(
            self.color, tuple(step for step in self.outside_training if isinstance(step, tuple))
        )

    def resized(self, height: int, width: int) -> Plan:
        """Return the same with images brought to a size at the end."""
        return replace(self, operations=(*self.operations, ("resize", height, width)))

    def as_read_by(self, network: Preparation) -> Plan:
        """Return what a trained network does to images, with those random changes that keep their size.

        Args:
            network: How the network has its images prepared.
        """
        assert network.preprocess is not None
        fixed, order = network.operations or network.preprocess.steps, network.preprocess.channel_order
        if self.outside_training == fixed and self.color == network.preprocess.color:
            return replace(self, normalize=network.normalize, channel_order=order)
        changes = [each for each in self.operations if isinstance(each, Augmentation) and not each.fixed()]
        return Plan(network.preprocess.color, (*fixed, *changes), network.normalize, order)


def plan(transform: Any, color: str = "RGB") -> Plan:
    """Sort a `transform` into its jobs.

    Args:
        transform: None; a mapping of torchvision's names to options, each a value, a tuple of
            values, a mapping of options, or None for the defaults; a torchvision `Compose`; or a
            function that takes a PIL image and returns one, a uint8 array (H, W, C) or a float
            array or tensor (C, H, W) in 0..1.
        color: "RGB" or "grayscale".

    Raises:
        DataError: A name or an option is unknown or does not fit; all problems are told together.
    """
    if not isinstance(color, str) or color not in COLORS:
        raise DataError(f"color={shortened(color)}: choose one of {', '.join(map(repr, COLORS))}.")
    if transform is None:
        return Plan(color)
    if isinstance(transform, Mapping):
        return _plan(_from_names(transform), color)
    return _plan(_from_objects(transform), color)


@dataclass(frozen=True)
class Resize:
    """Bring to (height, width), or the shorter side to one number with the proportions kept."""

    size: tuple[int, ...] | int

    def __post_init__(self) -> None:
        size(self)

    def steps(self) -> tuple[Step, ...]:
        if isinstance(self.size, tuple) and len(self.size) == 2:
            return (("resize", *size(self)),)
        return (("resize_short", size(self)[0]),)


@dataclass(frozen=True)
class CenterCrop:
    """Cut out the middle: (height, width), or one number for both. A smaller picture is padded."""

    size: tuple[int, ...] | int

    def __post_init__(self) -> None:
        size(self)

    def steps(self) -> tuple[Step, ...]:
        return (("center_crop", *size(self)),)


@dataclass(frozen=True)
class Pad:
    """Add a border: all sides, (x, y) or (left, top, right, bottom), of a value 0..255."""

    padding: tuple[int, ...] | int
    fill: int = 0

    def __post_init__(self) -> None:
        border(self)
        whole(self, "fill", 0, 255)

    def steps(self) -> tuple[Step, ...]:
        return (("pad", *border(self), self.fill),)


@dataclass(frozen=True)
class Grayscale:
    """Take the colour out, leaving 1 channel, or 3 equal ones."""

    num_output_channels: int = 1

    def __post_init__(self) -> None:
        if self.num_output_channels not in (1, 3):
            raise refuse(self, "num_output_channels must be 1 or 3.")

    def steps(self) -> tuple[Step, ...]:
        return () if self.num_output_channels == 1 else (("grayscale",),)


@dataclass(frozen=True)
class Normalize:
    """(x - mean) / std for each channel of x in 0..1, as the network's first operation."""

    mean: tuple[float, ...] | float
    std: tuple[float, ...] | float

    def layer(self, channels: int) -> Layer:
        for name in ("mean", "std"):
            value = getattr(self, name)
            count = len(value) if isinstance(value, tuple) else 1
            if count not in (1, channels):
                raise refuse(self, f"{name} has {count} numbers, the pictures have {channels} channel(s).")
        try:
            return make("normalize", {"mean": self.mean, "std": self.std})
        except LayerError as error:
            raise refuse(self, str(error)) from error


@dataclass(frozen=True)
class _Nothing:
    """ToTensor and ToPILImage: the result is a tensor in 0..1 without them."""


_NO_EFFECT = ("ToTensor", "ToPILImage")

_KNOWN: dict[str, Any] = {
    **{cls.__name__: cls for cls in (Resize, CenterCrop, Pad, Grayscale, Normalize)},
    **{name: getattr(augment, name) for name in augment.__all__ if name != "Augmentation"},
}

_PAIR_FIRST = (
    "Resize", "CenterCrop", "Pad", "RandomCrop", "RandomResizedCrop", "RandomRotation", "RandomAffine"
)  # fmt: skip
"""Transforms whose first option may itself be several numbers."""

_INSTEAD = {
    "PILToTensor": "leave it out: pictures become float32 0..1 anyway",
    "ToImage": "leave it out: pictures become float32 0..1 anyway",
    "ConvertImageDtype": "leave it out: pictures become float32 0..1 anyway",
    "ToDtype": "leave it out: pictures become float32 0..1 anyway",
    "Scale": "write 'Resize'",
    "RandomSizedCrop": "write 'RandomResizedCrop'",
    "RandomPerspective": "write 'RandomAffine' with shear",
    "Lambda": "give the function itself as transform",
    "RandAugment": "combine 'RandomAffine' and 'ColorJitter'",
    "AutoAugment": "combine 'RandomAffine' and 'ColorJitter'",
    "TrivialAugmentWide": "combine 'RandomAffine' and 'ColorJitter'",
    "RandomAutocontrast": "write 'ColorJitter' with contrast",
    "RandomErasing": "give a function that does it as transform",
    "GaussianBlur": "give a function that does it as transform",
}


def _plan(transforms: list[Any], color: str) -> Plan:
    if any(isinstance(item, Grayscale) and item.num_output_channels == 1 for item in transforms):
        color = "grayscale"
    operations: list[Operation] = []
    normalize = None
    for item in transforms:
        if isinstance(item, Normalize):
            normalize = item.layer(COLORS[color])
        elif hasattr(item, "steps"):
            operations += item.steps()
        elif not isinstance(item, _Nothing):
            operations.append(item)
    return Plan(color, tuple(operations), normalize)


def _from_names(transform: Mapping[str, Any]) -> list[Any]:
    made, problems = [], []
    for name, value in transform.items():
        try:
            made.append(_make(str(name), value))
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return made


def _make(name: str, value: Any) -> Any:
    if name in _NO_EFFECT:
        return _Nothing()
    cls = _KNOWN.get(name)
    if cls is None:
        instead = f"; {_INSTEAD[name]}" if name in _INSTEAD else did_you_mean(name, [*_KNOWN, *_NO_EFFECT])
        raise DataError(
            f"transform {shortened(name)} is unknown{instead}{'' if instead.endswith('?') else '.'} Known: "
            f"{', '.join([*_KNOWN, *_NO_EFFECT])}."
        )
    fields = [field.name for field in dataclasses.fields(cls)]
    options = _options(name, fields, frozen(value))
    unknown = [
        f"{shortened(option)}{did_you_mean(option, fields)}" for option in options if option not in fields
    ]
    required = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    missing = [repr(option) for option in required if option not in options]
    if unknown or missing:
        problem = f"unknown option {', '.join(unknown)}" if unknown else f"{', '.join(missing)} is missing"
        raise DataError(f"transform {shortened(name)}: {problem}. It takes: {', '.join(fields)}.")
    return cls(**options)


def _options(name: str, fields: list[str], value: Any) -> dict[str, Any]:
    if value is None or value in ("", (), {}):
        return {}
    if isinstance(value, Mapping):
        return {str(option): given for option, given in value.items()}
    if isinstance(value, str):
        raise DataError(
            f"transform {shortened(name)}: {shortened(value)} is text and is not evaluated; write values, a "
            f"tuple of values or {{option: value}} with the options {', '.join(fields)}."
        )
    one_value = not isinstance(value, tuple) or (name in _PAIR_FIRST and all(map(is_number, value)))
    values = (value,) if one_value else value
    if len(values) > len(fields):
        raise DataError(
            f"transform {shortened(name)}: {len(values)} values given; it takes: {', '.join(fields)}."
        )
    return dict(zip(fields, values, strict=False))


def _from_objects(transform: Any) -> list[Any]:
    name = type(transform).__name__
    if name == "Compose" and hasattr(transform, "transforms"):
        return [made for item in transform.transforms for made in _from_objects(item)]
    if type(transform).__module__.partition(".")[0] == "torchvision":
        if name in _NO_EFFECT:
            return [_Nothing()]
        if name in _KNOWN:
            return [_from_torchvision(transform, name)]
    if not callable(transform):
        raise DataError(
            f"transform={shortened(transform)}: must be {{name: options}}, a function or a torchvision "
            "transform."
        )
    return [transform]


def _from_torchvision(transform: Any, name: str) -> Any:
    if name == "Resize" and "bilinear" not in str(getattr(transform, "interpolation", "bilinear")).lower():
        raise DataError(
            f"transform {transform!r}: pictures are resized bilinearly; write 'Resize' without it."
        )
    fields = [field.name for field in dataclasses.fields(_KNOWN[name])]
    options = {field: frozen(getattr(transform, field)) for field in fields if hasattr(transform, field)}
    return _make(name, {field: value for field, value in options.items() if value is not None})
