"""The network of a diffusion model, which draws images out of noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from onnx import TensorProto
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import InputError, LayerError
from onnxnn_runtime.messages.catalogue import Message, gettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape
from onnxnn.models.unet import PRESETS, Architecture, Denoiser
from onnxnn.models.unet_blocks import GROUPS

from ._checks import count, images, is_count, unknown_value, wrong_value
from .registry import Layer, layer

_DEFAULTS: dict[str, dict[str, Any]] = {
    "classroom": {"dim": 32, "dim_mults": (1, 2), "patch": 2, "schedule": "cosine", "prediction": "v"},
    "basenn": {"dim": 64, "dim_mults": (1, 2, 2), "patch": 1, "schedule": "sigmoid", "prediction": "noise"},
}


@layer("diffusion_model")
@dataclass(frozen=True)
class DiffusionModel(Layer):
    """A whole network that says what is noise in an image; sampling draws images with it.

        model = nn()
        model.load_img_data("digits/train", color="grayscale")
        model.add("diffusion_model", img_size=28, timestep=500)
        model.train(lr=1e-3, epochs=40, metrics=[])
        model.sample(num=16)

    Options that are None are the preset's.

    Args:
        img_size: Height and width of the images; a multiple of patch x 2 ^ (levels - 1).
        timestep: How many steps lead from an image to noise.
        dim: Channels at the first level, a multiple of 8.
        dim_mults: Channels after each level, in multiples of `dim`; each level but the last halves the size.
        attention: Whether places look at each other: True at the last, smallest level, False nowhere, or the
            numbers of the levels, the first of which is 0.
        schedule: How noise grows: "cosine", "linear" or "sigmoid".
        prediction: What the network returns: "v" or "noise"; see `Schedule`.
        classes: Whether it is conditioned on a class: True takes the names of the class folders.
        preset: None, a network for classroom CPUs; or "basenn", BaseNN's, for comparison.
        patch: Side of the squares of pixels that are read and drawn as one.

    Input shape: (channel, img_size, img_size) per sample, float32 about -1..1
    Output shape: the same

    Source: Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models", 2020; see `onnxnn.models.unet`.
    """

    img_size: int = 28
    timestep: int = 500
    dim: int | None = None
    dim_mults: tuple[int, ...] | None = None
    attention: bool | tuple[int, ...] = True
    schedule: str | None = None
    prediction: str | None = None
    classes: bool | int = False
    preset: str | None = None
    patch: int | None = None

    stands_alone: ClassVar[bool] = True
    diffusion: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("img_size", "timestep"):
            count(self, name, getattr(self, name))
        if self.preset is not None and self.preset not in PRESETS:
            raise unknown_value(self, "preset", self.preset, PRESETS)
        if self.dim is not None and (not is_count(self.dim) or self.dim % GROUPS):
            expected = gettext("a multiple of {step}, such as 32", step=GROUPS)
            raise wrong_value(self, "dim", self.dim, expected)
        mults = self._value("dim_mults")
        if not isinstance(mults, tuple) or not mults or not all(map(is_count, mults)):
            expected = gettext("an integer of at least 1 for each level, such as (1, 2)")
            raise wrong_value(self, "dim_mults", mults, expected)
        if self.patch is not None:
            count(self, "patch", self.patch)
        if not isinstance(self.classes, bool) and not is_count(self.classes):
            expected = gettext("True, False or the number of classes")
            raise wrong_value(self, "classes", self.classes, expected)
        self._check_attention(len(mults))
        try:
            self.noise_schedule()
        except InputError as error:
            raise LayerError(
                Message(gettext("{where}: {error}", where=self.call(), error=error), "E-LAYER-04")
            ) from error
        factor = self.architecture().factor
        if self.img_size % factor:
            near = self.img_size // factor * factor
            raise LayerError.coded(
                "E-LAYER-04",
                "{where}: expected img_size to be a multiple of {factor}, by which its levels ({levels}) and "
                "patches of {patch} divide it, got {got}. Use {sizes}.",
                where=self.call(),
                factor=factor,
                levels=len(mults),
                patch=self._value("patch"),
                got=self.img_size,
                sizes=gettext("{one} or {other}", one=near, other=near + factor) if near else factor,
            )

    def _check_attention(self, levels: int) -> None:
        given = self.attention
        if isinstance(given, bool):
            return
        if not isinstance(given, tuple) or not all(is_count(level, 0) and level < levels for level in given):
            expected = gettext("True, False or levels from 0 to {last}, such as ({last},)", last=levels - 1)
            raise wrong_value(self, "attention", given, expected)

    @property
    def image_size(self) -> int:
        return self.img_size

    def assumed_input(self) -> Shape:
        return Shape.image(3, self.img_size, self.img_size)

    def resolve(self, in_shape: Shape) -> DiffusionModel:
        images(self, in_shape)
        channels, *sizes = in_shape.sizes
        if channels is None:
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected a fixed number of channels, got {shape}. Load the data first.",
                where=self.call(),
                shape=in_shape.describe(),
            )
        if sizes != [self.img_size] * 2:
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected images of {size} x {size}, which it draws, got {shape}. Load them "
                "with transform={{'Resize': ({size}, {size})}}, or choose another img_size.",
                where=self.call(),
                size=self.img_size,
                shape=in_shape.describe(),
            )
        named = {name: self._value(name) for name in _DEFAULTS["basenn"]}
        return replace(self, attention=self.architecture().attention, **named)

    @property
    def num_classes(self) -> int:
        """How many classes it draws; 0 where it is not conditioned, or the data is not known yet."""
        return 0 if isinstance(self.classes, bool) else self.classes

    def with_classes(self, number: int) -> DiffusionModel:
        """Return this layer with classes=True filled in."""
        return replace(self, classes=number) if self.classes is True else self

    def build(self, in_shape: Shape) -> nn.Module:
        if self.classes is True:
            raise LayerError.coded(
                "E-LAYER-10",
                "{where}: classes=True takes them from the data. Load it first.",
                where=self.call(),
            )
        channels = present(in_shape["channel"])
        shape = channels, self.img_size, self.img_size
        return Denoiser(shape, self.noise_schedule(), self.architecture(), self.num_classes)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, Denoiser)
        t = graph.input("t", ("batch",), TensorProto.INT64)
        return module.emit(graph, x, t, label_input(graph, module), range(self.timestep))

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return None  # one step's are not a sample's

    def noise_schedule(self) -> Schedule:
        """Return how noise grows over the steps."""
        return Schedule(self.timestep, self._value("schedule"), self._value("prediction"))

    def architecture(self) -> Architecture:
        """Return how large the network is."""
        mults = self._value("dim_mults")
        levels = self.attention
        if isinstance(levels, bool):
            levels = (len(mults) - 1,) if levels else ()
        return Architecture(
            self._value("dim"), mults, levels, self._value("patch"), self.preset or PRESETS[0]
        )

    def _value(self, name: str) -> Any:
        """Return an option as given, or as the preset has it."""
        given = getattr(self, name)
        return _DEFAULTS[self.preset or PRESETS[0]][name] if given is None else given


def label_input(graph: GraphBuilder, module: Denoiser) -> Value | None:
    """Ask for the graph input that says what to draw; None for a network without classes."""
    return graph.input("label", ("batch",), TensorProto.INT64) if module.num_classes else None
