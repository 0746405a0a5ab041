"""What a card says about a diffusion model."""

from __future__ import annotations

from dataclasses import dataclass

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.messages.shorten import shortened

from .fields import Fields, names_of
from .schedule import Schedule

_MOST_SAMPLES = 10**15
_LARGEST_IMAGE = 2**23
"""Numbers in one image of a diffusion model: three channels of 1,672 x 1,672."""


@checked_class()
@dataclass(frozen=True)
class SamplerSpec:
    """The sampling loop of a graph that holds it whole.

    Args:
        name: The sampler, such as "dpm++".
        steps: The number of denoising steps.
        guidance: The guidance scale: how strongly images follow their label.

    Raises:
        CardError: `guidance` is no number.
    """

    name: str
    steps: int
    guidance: float = 1.0

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "guidance", float(self.guidance))
        except (TypeError, ValueError, OverflowError) as error:
            raise CardError.coded(
                "E-CARD-02",
                "card: 'diffusion.sampler.guidance': expected a number, got {guidance}.",
                guidance=shortened(self.guidance),
            ) from error


@checked_class()
@dataclass(frozen=True)
class DiffusionSpec:
    """What sampling images with a diffusion model needs to know.

    Args:
        schedule: The noise schedule that the network was trained with.
        shape: (C, H, W) of an image.
        classes: Names of the classes that images are conditioned on, in the order of their indices; ()
            where there are none.
        sampler: The loop inside the graph; None where the graph is the denoiser alone.
        class_counts: How many training samples each class had; () where that is not known, and absent in the
            text then.

    Raises:
        CardError: A value is out of range.
    """

    schedule: Schedule
    shape: tuple[int, int, int]
    classes: tuple[str, ...] = ()
    sampler: SamplerSpec | None = None
    class_counts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        is_valid = (
            isinstance(self.shape, tuple)
            and len(self.shape) == 3
            and all(type(size) is int and 0 < size <= _LARGEST_IMAGE for size in self.shape)
            and self.shape[0] in (1, 3)
        )
        if not is_valid or self.shape[0] * self.shape[1] * self.shape[2] > _LARGEST_IMAGE:
            raise CardError.coded(
                "E-CARD-02",
                "card: 'diffusion.shape': expected (1 or 3 channels, height, width) of at most {most:,} "
                "numbers, got {shape}.",
                most=_LARGEST_IMAGE,
                shape=shortened(self.shape),
            )
        counts = self.class_counts
        if counts and (
            len(counts) != len(self.classes)
            or not all(type(count) is int and 0 <= count <= _MOST_SAMPLES for count in counts)
            or not any(counts)
        ):
            raise CardError.coded(
                "E-CARD-02",
                "card: 'diffusion.class_counts': expected a count from 0 for each of the "
                "classes ({classes} here), not all 0, got {counts}.",
                classes=len(self.classes),
                counts=shortened(counts),
            )
        if not isinstance(self.schedule, Schedule):
            raise CardError.coded(
                "E-CARD-02",
                "card: 'diffusion.schedule': expected a Schedule, got {schedule}.",
                schedule=shortened(self.schedule),
            )
        most = self.schedule.timesteps
        if self.sampler is not None and not 1 <= self.sampler.steps <= most:
            raise CardError.coded(
                "E-CARD-02",
                "card: 'diffusion.sampler.steps': expected 1 to {most}, got {steps}.",
                most=most,
                steps=self.sampler.steps,
            )


def read_diffusion(data: dict[str, object]) -> DiffusionSpec:
    """Read the card's `diffusion`.

    Raises:
        CardError: A key is missing or unknown, or a value is out of range.
    """
    fields = Fields("diffusion.", data)
    try:
        schedule = Schedule.from_dict(fields.take("schedule", dict))
    except InputError as error:
        raise CardError.coded("E-CARD-02", "card: 'diffusion.schedule': {error}", error=error) from error
    sampler = fields.take("sampler", dict, optional=True)
    spec = DiffusionSpec(
        schedule=schedule,
        shape=tuple(fields.take("shape", list)),
        classes=names_of("diffusion.classes", fields.take("classes", list)),
        sampler=None if sampler is None else _sampler(sampler),
        class_counts=tuple(fields.take("class_counts", list)) if "class_counts" in data else (),
    )
    fields.done()
    return spec


def _sampler(data: dict[str, object]) -> SamplerSpec:
    fields = Fields("diffusion.sampler.", data)
    spec = SamplerSpec(
        name=fields.take("name", str),
        steps=fields.take("steps", int),
        guidance=fields.take("guidance", float),
    )
    fields.done()
    return spec
