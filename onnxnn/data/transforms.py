"""The `transform` of `load_img_data`: names validated, never evaluated, and sorted into their jobs.

{"Resize": (64, 64), "RandomHorizontalFlip": 0.5, "Normalize": ([0.5], [0.5])}
    -> preprocessing for every image, augmentation for training images, the network's first layer
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.preprocess import COLORS, Preprocess, Step
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import Message, following, gettext, ngettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.suggestions import nearest

from onnxnn.layers import Layer
from onnxnn.layers.other_names import with_meant
from onnxnn.layers.registry import immutable

from . import augment
from .augment import Augmentation
from .fixed_transforms import CenterCrop, Grayscale, Normalize, Pad, Resize
from .preparation import Preparation
from .transform_options import is_number

Operation = Step | Augmentation | Callable[[Any], Any]


@dataclass(frozen=True)
class Plan:
    """What happens to images.

    Args:
        color: "RGB" or "grayscale".
        operations: What happens to a training image, in order: steps of `Preprocess`, random
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
        """What happens to an image that is not trained on: nothing random."""
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
        preprocess = present(network.preprocess)
        fixed, order = network.operations or preprocess.steps, preprocess.channel_order
        if self.outside_training == fixed and self.color == preprocess.color:
            return replace(self, normalize=network.normalize, channel_order=order)
        changes = [each for each in self.operations if isinstance(each, Augmentation) and not each.fixed()]
        return Plan(preprocess.color, (*fixed, *changes), network.normalize, order)


def plan(transform: object, color: str = "RGB") -> Plan:
    """Sort a `transform` into its jobs.

    Args:
        transform: None; a mapping of torchvision's names to options, each a value, a tuple of
            values, a mapping of options, or None for the defaults; a torchvision `Compose`; or a
            function that takes a PIL image and returns one, a uint8 array (H, W, C) or a float
            array or tensor (C, H, W) in 0..1.
        color: "RGB" or "grayscale".

    Raises:
        DataError: A name or an option is unknown or wrong; all problems are reported together.
    """
    if not isinstance(color, str) or color not in COLORS:
        raise DataError.coded(
            "E-DATA-09",
            "color={got}: expected one of {known}.",
            got=shortened(color),
            known=", ".join(map(repr, COLORS)),
        )
    if transform is None:
        return Plan(color)
    if isinstance(transform, Mapping):
        return _plan(_from_names(transform), color)
    return _plan(_from_objects(transform), color)


@dataclass(frozen=True)
class _Nothing:
    """ToTensor and ToPILImage: the result is a tensor in 0..1 without them."""


_Fixed = Resize | CenterCrop | Pad | Grayscale
"""Transforms that are steps of `Preprocess`."""

_NO_EFFECT = ("ToTensor", "ToPILImage")

_KNOWN: dict[str, Any] = {
    **{cls.__name__: cls for cls in (Resize, CenterCrop, Pad, Grayscale, Normalize)},
    **{name: getattr(augment, name) for name in augment.__all__ if name != "Augmentation"},
}

_PAIR_FIRST = (
    "Resize", "CenterCrop", "Pad", "RandomCrop", "RandomResizedCrop", "RandomRotation", "RandomAffine"
)  # fmt: skip
"""Transforms whose first option may itself be several numbers."""


def _advice(name: str) -> str:
    """Return what to do instead of using an unknown transform, a sentence; "" where nothing is known."""
    anyway = gettext("Leave it out: images become float32 in 0..1 anyway.")
    both = gettext("Combine 'RandomAffine' and 'ColorJitter'.")
    function = gettext("Give a function that does it as transform.")
    advice = {
        "PILToTensor": anyway,
        "ToImage": anyway,
        "ConvertImageDtype": anyway,
        "ToDtype": anyway,
        "Scale": gettext("Write {name}.", name="'Resize'"),
        "RandomSizedCrop": gettext("Write {name}.", name="'RandomResizedCrop'"),
        "RandomPerspective": gettext("Write 'RandomAffine' with shear."),
        "Lambda": gettext("Give the function itself as transform."),
        "RandAugment": both,
        "AutoAugment": both,
        "TrivialAugmentWide": both,
        "RandomAutocontrast": gettext("Write 'ColorJitter' with contrast."),
        "RandomErasing": function,
        "GaussianBlur": function,
    }
    if name in advice:
        return advice[name]
    meant = nearest(name, [*_KNOWN, *_NO_EFFECT])
    return gettext("Did you mean {meant}?", meant=shortened(meant)) if meant else ""


def _plan(transforms: Iterable[_Fixed | Normalize | _Nothing | Operation], color: str) -> Plan:
    if any(isinstance(item, Grayscale) and item.num_output_channels == 1 for item in transforms):
        color = "grayscale"
    operations: list[Operation] = []
    normalize = None
    for item in transforms:
        if isinstance(item, Normalize):
            normalize = item.layer(COLORS[color])
        elif isinstance(item, _Fixed):
            operations += item.steps()
        elif not isinstance(item, _Nothing):
            operations.append(item)
    return Plan(color, tuple(operations), normalize)


_MOST_NAMED = 5
"""Mistakes that one message names: looking for what each of 100,000 names means would take half a minute."""


def _from_names(transform: Mapping[str, object]) -> list[Any]:
    made, problems = [], []
    for name, value in transform.items():
        try:
            made.append(_make(str(name), value))
        except DataError as error:
            problems.append(error.text)
        if len(problems) == _MOST_NAMED:
            break
    if problems:
        raise DataError(Message("\n".join(problems), "E-DATA-10"))
    return made


def _make(name: str, value: object) -> Any:
    if name in _NO_EFFECT:
        return _Nothing()
    cls = _KNOWN.get(name)
    if cls is None:
        raise DataError.coded(
            "E-DATA-10",
            "transform {name} is unknown.{advice} Known transforms: {known}.",
            name=shortened(name),
            advice=following(_advice(name)),
            known=", ".join([*_KNOWN, *_NO_EFFECT]),
        )
    fields = [field.name for field in dataclasses.fields(cls)]
    options = _options(name, fields, immutable(value))
    wrong = (option for option in options if option not in fields)
    unknown = [with_meant(option, fields) for option in islice(wrong, _MOST_NAMED)]
    if unknown:
        raise DataError.coded(
            "E-DATA-10",
            "transform {name}: unknown option {options}. Its options: {known}.",
            name=shortened(name),
            options=", ".join(unknown),
            known=", ".join(fields),
        )
    required = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    missing = [repr(option) for option in required if option not in options]
    if missing:
        raise DataError.coded(
            "E-DATA-10",
            "transform {name}: {options} is missing. Its options: {known}.",
            name=shortened(name),
            options=", ".join(missing),
            known=", ".join(fields),
        )
    return cls(**options)


def _options(name: str, fields: list[str], value: object) -> dict[str, Any]:
    if value is None or value in ("", (), {}):
        return {}
    if isinstance(value, Mapping):
        return {str(option): given for option, given in value.items()}
    if isinstance(value, str):
        raise DataError.coded(
            "E-DATA-10",
            "transform {name}: expected values, a tuple of values or {{option: value}}, got the text "
            "{value}, which is not evaluated. Its options: {known}.",
            name=shortened(name),
            value=shortened(value),
            known=", ".join(fields),
        )
    are_several = isinstance(value, tuple) and not (name in _PAIR_FIRST and all(map(is_number, value)))
    values = value if isinstance(value, tuple) and are_several else (value,)
    if len(values) > len(fields):
        raise DataError.coded(
            "E-DATA-10",
            "transform {name}: expected at most {most}, got {count}. Its options: {known}.",
            name=shortened(name),
            most=ngettext("{count} value", "{count} values", len(fields)),
            count=len(values),
            known=", ".join(fields),
        )
    return dict(zip(fields, values, strict=False))


def _from_objects(transform: object) -> list[Any]:
    name = type(transform).__name__
    if name == "Compose" and hasattr(transform, "transforms"):
        return [made for item in transform.transforms for made in _from_objects(item)]
    if type(transform).__module__.partition(".")[0] == "torchvision":
        if name in _NO_EFFECT:
            return [_Nothing()]
        if name in _KNOWN:
            return [_from_torchvision(transform, name)]
    if not callable(transform):
        raise DataError.coded(
            "E-DATA-10",
            "transform={got}: expected {{name: options}}, a function or a torchvision transform.",
            got=shortened(transform),
        )
    return [transform]


def _from_torchvision(transform: object, name: str) -> Any:
    if name == "Resize" and "bilinear" not in str(getattr(transform, "interpolation", "bilinear")).lower():
        raise DataError.coded(
            "E-DATA-10",
            "transform {name}: expected bilinear interpolation, got {got}. Leave the interpolation out.",
            name=name,
            got=printable(str(getattr(transform, "interpolation", "")), 80),
        )
    fields = [field.name for field in dataclasses.fields(_KNOWN[name])]
    options = {field: immutable(getattr(transform, field)) for field in fields if hasattr(transform, field)}
    return _make(name, {field: value for field, value in options.items() if value is not None})
