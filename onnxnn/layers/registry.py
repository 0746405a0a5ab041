"""Finding layers by name, and checking the options that users give them."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from onnxnn_runtime.api.registry import Registry
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import CallError, LayerError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import Array, GraphBuilder, Value
from onnxnn.graph.shape import Shape

from .other_names import instead_of_layer, instead_of_options, sentences

_DEEPEST = 32
_MOST_VALUES = 1_000_000
"""Limits of an option: those of a checkpoint's values."""

TRANSIENT = {"transient": True}
"""Metadata of an option that matters only while the network is first built; no file records it."""


@dataclasses.dataclass(frozen=True)
class Layer(abc.ABC):
    """One layer of a network, as data: its options are its fields.

    A subclass says which shape comes out, builds the torch module and emits the ONNX nodes. Options
    are checked in `__post_init__`, sizes that depend on the layer before in `resolve`; both raise
    `LayerError` with a message that starts with `self.call()`.
    """

    kind: ClassVar[str] = ""
    """The layer's name in `add`, set by `@layer`."""

    named: ClassVar[bool] = True
    """Whether users add the layer by its name; a custom module they pass itself."""

    default_activation: ClassVar[str | None] = None
    """The activation after the layer where the user names none."""

    reads_tokens: ClassVar[bool] = False
    """Whether the layer reads integers, one per step, instead of values."""

    stands_alone: ClassVar[bool] = False
    """Whether the layer is a whole network: no layer stands before it, after it or beside it."""

    teacher_forcing: ClassVar[bool] = False
    """Whether the layer is a whole network from sequence to sequence, which learns from pairs."""

    diffusion: ClassVar[bool] = False
    """Whether the layer is a whole network that says what is noise in an image."""

    is_activation: ClassVar[bool] = False
    """Whether the layer is an activation function, which `add` also takes beside a layer."""

    keeps_outputs: ClassVar[bool] = False
    """Whether the output means what the input does, as with activation functions and dropout."""

    is_custom: ClassVar[bool] = False
    """Whether the layer is a custom module, which files do not hold."""

    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The smallest and the largest value that the layer returns; infinite where there is no such bound."""

    @property
    def title(self) -> str:
        """The first part of the layer's name in the state dict and the graph: its kind."""
        return self.kind

    @property
    def float64_deviations(self) -> tuple[float, ...]:
        """The deviations that the layer divides by in float64; () for a layer that computes in float32."""
        return ()

    @property
    def image_size(self) -> int | None:
        """The height and width to which images are resized for this layer; None where it takes any."""
        return None

    @property
    def published_images(self) -> Preprocess | None:
        """How images were prepared for the published weights that the layer has; None without any."""
        return None

    @property
    def frozen_blocks(self) -> int | None:
        """How many blocks a layer has that was added frozen, unfrozen ones among them; None in others."""
        return None

    def with_unfrozen(self, last: int, lr_factor: float) -> Self:
        """Return a layer that was added frozen with so many of its last blocks learning.

        Args:
            last: How many.
            lr_factor: Their share of the learning rate.

        Raises:
            LayerError: It has fewer, or a share that is out of range.
        """
        return self

    def freeze(self, module: nn.Module) -> None:  # noqa: B027  # most layers have nothing to do
        """Let the blocks of a module that was built frozen learn that the layer says are unfrozen."""

    def assumed_input(self) -> Shape:
        """Return the input shape of this layer when it comes first and no data is loaded yet."""
        raise LayerError.coded(
            "E-LAYER-10",
            "{where}: the shape of its input is not known. Load data first, or begin with a layer that "
            "names its input size.",
            where=self.call(),
        )

    def reads_signals(self, in_shape: Shape) -> bool | None:
        """Return whether the layer, in front, takes arrays (N, A, B) for signals (channels, length).

        They are sequences (time, features) otherwise; None where the layer after this one says.

        Args:
            in_shape: The sample (A, B) as a sequence.
        """
        return False

    def resolve(self, in_shape: Shape) -> Self:
        """Return this layer with sizes left to the layer before (None) filled in and checked.

        Raises:
            LayerError: The input does not match; the message names the size that does.
        """
        return self

    def with_classes(self, number: int) -> Self:
        """Return this layer with the data's number of classes, where it asks for that."""
        return self

    def remarks(self) -> list[str]:
        """Return notes about the options, for a warning when the layer is added."""
        return []

    def out_shape(self, in_shape: Shape) -> Shape:
        """Return the shape of one sample after this (resolved) layer: that of its input by default."""
        return in_shape

    @abc.abstractmethod
    def build(self, in_shape: Shape) -> nn.Module:
        """Return the torch module."""

    @abc.abstractmethod
    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        """Write the ONNX nodes that compute what `module` computes in evaluation mode."""

    def multiply_adds(self, in_shape: Shape) -> int | None:
        """Return the multiply-adds for one sample; None while a size is free."""
        return 0

    def fixes_input_size(self, in_shape: Shape) -> bool:
        """Return whether the layer only works for the sizes it was built with (a flattening `linear`)."""
        return False

    def causal(self, in_shape: Shape) -> bool:
        """Return whether no step of the output depends on a later one, so that steps can be run one by one.

        What it depends on from earlier steps, if anything, has to be in the module's states (see `Net.step`).
        """
        return False

    def as_inputs(self, values: Array, in_shape: Shape) -> Array:
        """Return standard normal values as they lie where this layer is the first of a trained network."""
        return values

    @property
    def max_steps(self) -> int | None:
        """The longest sequence that the layer takes; None where any length will do."""
        return None

    def feature_size(self, in_shape: Shape) -> int | None:
        """Return the length of the feature vector before this layer's own classifier; None without one.

        A layer that has one calls `graph.mark_feature` when it emits.
        """
        return None

    def call(self) -> str:
        """Return how the layer was added, as messages quote it: "add('linear', size=(4, 3))"."""
        return describe_call(self.kind, self._given(transient=True))

    def options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as JSON data (tuples as lists)."""
        return self._given(transient=False)

    def _given(self, transient: bool) -> dict[str, Any]:
        found = {}
        for field in dataclasses.fields(self):
            if field.metadata.get("transient") and not transient:
                continue
            value = getattr(self, field.name)
            default = field.default_factory() if callable(field.default_factory) else field.default
            if value != default:
                found[option_name(field)] = plain(value)
        return found


L = TypeVar("L", bound=type[Layer])

registry: Registry[type[Layer]] = Registry()
"""Every layer by its name in lower case."""


def layer(name: str, *aliases: str) -> Callable[[L], L]:
    """Register a layer class under a name (lower case) and other spellings of it."""

    def register(cls: L) -> L:
        cls.kind = name
        registry.add(name, cls, *aliases)
        return cls

    return register


def find(name: str, stored: bool = False) -> type[Layer]:
    """Return the layer class of a name in any case.

    Args:
        name: The name.
        stored: Whether a file says it, which also names layers that stand for custom modules.

    Raises:
        LayerError: There is no such layer; the message names the nearest one.
    """
    key = registry.find(name)
    known = [kind for kind, cls in registry.items() if cls.named]
    if key is None or (key not in known and not stored and not registry[key].is_custom):
        spellings = [each for each in registry.spellings if registry.find(each) in known]
        raise LayerError.coded(
            "E-LAYER-01",
            "add({name}): unknown layer.{hint} Known layers: {known}.",
            name=shortened(name),
            hint=instead_of_layer(name, spellings),
            known=", ".join(sorted(known)),
        )
    if key not in known and not stored:
        raise LayerError.coded(
            "E-LAYER-01",
            "add({name}): a custom module has no name. Pass the module itself: add(MyModule()).",
            name=shortened(name),
        )
    return registry[key]


def option_names(name: str) -> list[str]:
    """Return the names of a layer's options.

    Raises:
        LayerError: There is no such layer.
    """
    return [option_name(field) for field in dataclasses.fields(find(name))]


def option_name(field: dataclasses.Field[object]) -> str:
    """Return how users write an option: the field's name, unless its metadata says "option"."""
    return str(field.metadata.get("option", field.name))


def make(name: str, options: Mapping[str, object], stored: bool = False) -> Layer:
    """Return a layer from its name and options, all wrong options reported together.

    Args:
        name: The name in any case.
        options: The options.
        stored: As for `find`.

    Raises:
        LayerError: The layer or an option is unknown, an option is missing or has a wrong value.
    """
    cls = find(name, stored)
    fields = {option_name(field): field for field in dataclasses.fields(cls)}
    instead = instead_of_options(options, fields)
    meant = {option for option, _ in instead.values()}
    problems = [
        gettext("unknown option {option}.{hint}", option=shortened(option), hint=hint)
        for option, (_, hint) in instead.items()
    ]
    problems += [
        gettext("option {option} is missing.", option=shortened(option))
        for option, field in fields.items()
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and option not in options
        and option not in meant
    ]
    if problems:
        where, kind = describe_call(cls.kind, options), shortened(cls.kind)
        if not fields:
            raise LayerError.coded(
                "E-LAYER-02",
                "{where}: {problems} {kind} has no options. Leave them out.",
                where=where,
                problems=sentences(problems),
                kind=kind,
            )
        raise LayerError.coded(
            "E-LAYER-02",
            "{where}: {problems} Options of {kind}: {known}.",
            where=where,
            problems=sentences(problems),
            kind=kind,
            known=", ".join(fields),
        )
    return cls(**{fields[key].name: immutable(value) for key, value in options.items()})


def read_signals(layers: Iterable[Layer], in_shape: Shape) -> bool | None:
    """Return what the first of the layers that says whether it `reads_signals` says; None where none does."""
    answers = (each.reads_signals(in_shape) for each in layers)
    return next((answer for answer in answers if answer is not None), None)


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return a name for a module: the one wanted, with _2, _3, ... after it where others have it already."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def describe_call(kind: str, options: Mapping[str, object]) -> str:
    """Return a call as a user would have typed it: "add('linear', size=(4, 3))"."""
    arguments = [repr(kind), *(f"{key}={shortened(immutable(value))}" for key, value in options.items())]
    return f"add({', '.join(arguments)})"


def immutable(value: object) -> Any:
    """Return lists (as JSON has them) and arrays as tuples of Python's own values, all the way down.

    Raises:
        CallError: It is no option: deeper or larger than any, such as a list that holds itself.
    """
    return _immutable(value, 0, [0])


def _immutable(value: object, depth: int, count: list[int]) -> Any:
    if not isinstance(value, np.ndarray | torch.Tensor | Mapping | list | tuple):
        return value.tolist() if isinstance(value, np.generic) else value
    count[0] += math.prod(value.shape) if isinstance(value, np.ndarray | torch.Tensor) else len(value)
    if depth > _DEEPEST or count[0] > _MOST_VALUES:
        raise CallError.coded(
            "E-CALL-03",
            "expected an option of at most {most:,} values, in lists at most {deepest} deep, got {got}.",
            most=_MOST_VALUES,
            deepest=_DEEPEST,
            got=shortened(value),
        )
    if isinstance(value, np.ndarray | torch.Tensor):
        return _immutable(value.tolist(), depth + 1, count)
    if isinstance(value, Mapping):
        return {key: _immutable(item, depth + 1, count) for key, item in value.items()}
    return tuple(_immutable(item, depth + 1, count) for item in value)


def plain(value: object) -> Any:
    """Return tuples as lists (as JSON has them), all the way down."""
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
