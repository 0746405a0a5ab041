"""The network of a diffusion model, which draws pictures out of noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from onnx import TensorProto
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import InputError, LayerError, did_you_mean
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape
from onnxnn.models.unet import PRESETS, Architecture, Denoiser
from onnxnn.models.unet_blocks import GROUPS

from ._checks import count, is_count, pictures
from .registry import Layer, layer

_DEFAULTS: dict[str, dict[str, Any]] = {
    "classroom": {"dim": 32, "dim_mults": (1, 2), "patch": 2, "schedule": "cosine", "prediction": "v"},
    "basenn": {"dim": 64, "dim_mults": (1, 2, 2), "patch": 1, "schedule": "sigmoid", "prediction": "noise"},
}


@layer("diffusion_model")
@dataclass(frozen=True)
class DiffusionModel(Layer):
    """A whole network that tells what is noise in a picture; sampling draws pictures with it.

        model = nn()
        model.load_img_data("digits/train", color="grayscale")
        model.add("diffusion_model", img_size=28, timestep=500)
        model.train(lr=1e-3, epochs=40, metrics=[])
        model.sample(num=16)

    Options that are None are the preset's.

    Args:
        img_size: Height and width of the pictures; a multiple of patch x 2 ^ (levels - 1).
        timestep: How many steps lead from a picture to noise.
        dim: Channels at the first level, a multiple of 8.
        dim_mults: Channels behind each level, in multiples of `dim`; each level but the last halves the size.
        attention: Whether places look at each other: True at the last, smallest level, False nowhere, or the
            numbers of the levels, the first of which is 0.
        schedule: How noise grows: "cosine", "linear" or "sigmoid".
        prediction: What the network tells: "v" or "noise"; see `Schedule`.
        classes: Whether it draws what is asked for: True takes the names of the class folders.
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

    diffusion: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("img_size", "timestep"):
            count(self, name, getattr(self, name))
        if self.preset is not None and self.preset not in PRESETS:
            hint = did_you_mean(str(self.preset), PRESETS) or "."
            raise LayerError(
                f"{self.call()}: preset={shortened(self.preset)}: unknown{hint} Known: {', '.join(PRESETS)}."
            )
        if self.dim is not None and (not is_count(self.dim) or self.dim % GROUPS):
            raise LayerError(
                f"{self.call()}: dim={shortened(self.dim)} must be a multiple of {GROUPS}, such as 32."
            )
        mults = self._value("dim_mults")
        if not isinstance(mults, tuple) or not mults or not all(map(is_count, mults)):
            raise LayerError(
                f"{self.call()}: dim_mults={shortened(mults)} must hold a whole number of at least 1 for "
                "each level, such as (1, 2)."
            )
        if self.patch is not None:
            count(self, "patch", self.patch)
        if not isinstance(self.classes, bool) and not is_count(self.classes):
            raise LayerError(
                f"{self.call()}: classes={shortened(self.classes)} must be True, False or how many."
            )
        self._check_attention(len(mults))
        try:
            self.noise_schedule()
        except InputError as error:
            raise LayerError(f"{self.call()}: {error}") from error
        factor = self.architecture().factor
        if self.img_size % factor:
            near = self.img_size // factor * factor
            fits = f"{near} or {near + factor}" if near else f"{factor}"
            raise LayerError(
                f"{self.call()}: img_size={self.img_size} is no multiple of {factor}, by which "
                f"{len(mults)} levels and patches of {self._value('patch')} divide it; {fits} fits."
            )

    def _check_attention(self, levels: int) -> None:
        given = self.attention
        if isinstance(given, bool):
            return
        if not isinstance(given, tuple) or not all(is_count(level, 0) and level < levels for level in given):
            raise LayerError(
                f"{self.call()}: attention={shortened(given)} must be True, False or levels from 0 to "
                f"{levels - 1}, such as ({levels - 1},)."
            )

    def assumed_input(self) -> Shape:
        return Shape.image(3, self.img_size, self.img_size)

    def resolve(self, in_shape: Shape) -> DiffusionModel:
        pictures(self, in_shape)
        channels, *sizes = in_shape.sizes
        if channels is None:
            raise LayerError(f"{self.call()}: the number of channels that arrive is not fixed.")
        if sizes != [self.img_size] * 2:
            raise LayerError(
                f"{self.call()}: {in_shape.describe()} arrive, but it draws pictures of {self.img_size} x "
                f"{self.img_size}. Load them with transform={{'Resize': {(self.img_size,) * 2}}}, or choose "
                "another img_size."
            )
        named = {name: self._value(name) for name in _DEFAULTS["basenn"]}
        return replace(self, attention=self.architecture().attention, **named)

    @property
    def num_classes(self) -> int:
        """How many classes it draws; 0 where it draws without being asked, or the data is not known yet."""
        return 0 if isinstance(self.classes, bool) else self.classes

    def with_classes(self, number: int) -> DiffusionModel:
        """Return this layer with classes=True filled in."""
        return replace(self, classes=number) if self.classes is True else self

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def build(self, in_shape: Shape) -> nn.Module:
        if self.classes is True:
            raise LayerError(f"{self.call()}: classes=True takes them from the data; load it first.")
        channels = in_shape["channel"]
        assert channels is not None  # resolved
        shape = channels, self.img_size, self.img_size
        return Denoiser(shape, self.noise_schedule(), self.architecture(), self.num_classes)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        assert isinstance(module, Denoiser)
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
