"""Which class each image is conditioned on, and how far it follows it."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from onnxnn_runtime.arrays.numbers import is_integer, is_number, plain_number
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.errors import InputError, name_hint
from onnxnn_runtime.messages.shorten import printable, shortened

from .options import MOST
from .sampler import checked_seed

MOST_GUIDANCE = 1000
"""The largest guidance scale: far above it float32 overflows; images are all noise long before."""


def plain_label(label: object) -> object:
    """Return a label, or a list of labels, of Python's own types for NumPy's and torch's.

    Raises:
        InputError: There are more than are drawn in one call.
    """
    if np.prod(getattr(label, "shape", ()), dtype=np.float64) > MOST:
        raise InputError.coded(
            "E-INPUT-06",
            "label={label}: expected at most {most:,} labels, one for each image.",
            label=shortened(label),
            most=MOST,
        )
    return label.tolist() if hasattr(label, "tolist") else label


def pick_labels(label: object, spec: DiffusionSpec, num: int, seed: int | None = None) -> np.ndarray | None:
    """Return each image's class index, int64 (num,); None for a model without classes.

    Args:
        label: A class's name or index, or a list or tuple of `num` of them; "none", unless a class has that
            name, is the empty label, whose index is the one after the last class. None draws labels as
            frequent as they were in training; where the card does not say how frequent, all alike.
        spec: What the card says about the classes.
        num: How many images.
        seed: Image i of a seed has the same label whichever `num`.

    Raises:
        InputError: There is no such class, or the model has none at all.
    """
    classes = spec.classes
    if not classes:
        if label is not None:
            raise InputError.coded(
                "E-INPUT-08",
                "label={label}: expected no label, because this model was trained without classes. Leave "
                "label out, or train with add('diffusion_model', ..., classes=True).",
                label=shortened(label),
            )
        return None
    if label is None:
        return _frequent(spec, num, seed)
    labels = label if isinstance(label, (list, tuple)) else [label] * num
    numbers = [_class_number(each, classes) for each in labels]
    return np.array(numbers, np.int64)


def _frequent(spec: DiffusionSpec, num: int, seed: int | None) -> np.ndarray:
    """Return class indices drawn by their frequency in training, by inverse transform sampling."""
    counts = np.array(spec.class_counts or [1] * len(spec.classes), np.float64)
    sums = counts.cumsum()
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    stream = checked_seed(seed)
    chances = [np.random.RandomState([stream, number, _LABELS]).random_sample() for number in range(num)]
    return np.asarray(sums.searchsorted(np.array(chances) * sums[-1], side="right"), np.int64)


_LABELS = 1
"""Sets the streams of labels apart from those of noise."""


def is_empty(label: object, classes: Sequence[str]) -> bool:
    """Return whether a label is the empty one."""
    return isinstance(label, str) and label == "none" and label not in classes


def _class_number(label: object, classes: Sequence[str]) -> int:
    if isinstance(label, str) and label in classes:
        return list(classes).index(label)
    if is_empty(label, classes):
        return len(classes)
    if is_integer(label) and 0 <= label < len(classes):
        return int(label)
    shown = ", ".join(printable(name, 40) for name in classes[:20]) + (", ..." if len(classes) > 20 else "")
    raise InputError.coded(
        "E-INPUT-06",
        "label={label}: unknown class{hint} Use a class name: {classes}; a class index from 0 to "
        '{last}; or "none", the empty label.',
        label=shortened(label),
        hint=name_hint(label, classes),
        classes=shown,
        last=len(classes) - 1,
    )


def pick_guidance(guidance: float | None, label: object, classes: Sequence[str]) -> float:
    """Return how far images follow their label, the guidance scale; 1 is the default.

    Raises:
        InputError: It is no number from 0, or there is no label to follow.
    """
    guidance = plain_number(guidance)
    if guidance is None:
        return 1.0
    if not is_number(guidance) or not 0 <= guidance <= MOST_GUIDANCE:
        raise InputError.coded(
            "E-INPUT-06",
            "guidance={guidance}: expected a number from 0 to {most}. 1 is no guidance, 2 is usual.",
            guidance=shortened(guidance),
            most=MOST_GUIDANCE,
        )
    if guidance != 1 and (not classes or is_empty(label, classes)):
        raise InputError.coded(
            "E-CALL-02",
            "guidance={guidance}: expected a label for images to follow, got none. Give label=..., or "
            "leave guidance out.",
            guidance=guidance,
        )
    return float(guidance)
