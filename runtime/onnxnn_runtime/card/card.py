"""What a model file says about itself: one JSON document, the card.

`ModelCard` is the only reader and writer. The same text stands in an ONNX file's metadata under the
key "onnxnn" and in a checkpoint. Keys are sorted, so that equal cards are equal bytes; reading is
strict, so that a damaged or newer card is noticed instead of half understood.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Mapping, Union

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.defaults import TASKS
from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shorten import printable, shortened

from .checks import check_states, check_vocabulary
from .columns import ColumnSpec, check_columns, read_columns
from .fields import (
    Fields,
    check_count,
    check_depth,
    check_texts,
    names_of,
    no_constant,
    one_of,
    positive,
    sizes_of,
)
from .preprocess import Preprocess

if TYPE_CHECKING:
    from typing import TypedDict  # since Python 3.8

    from .diffusion import DiffusionSpec
    from .quantization import QuantizationSpec
    from .unknown import UnknownSpec

    class LayerEntry(TypedDict):
        """A layer as the card holds it."""

        name: str
        layer: str
        options: Mapping[str, object]
        activation: str | None


METADATA_KEY = "onnxnn"
SCHEMA = 1

INPUT_KINDS = ("image", "table", "sequence", "tokens", "array")
INPUT_DTYPES = ("float32", "float64")
OUTPUT_KINDS = ("classes", "binary", "values", "embedding", "tokens", "image")
SCORES = ("probability", "raw score")

Axis = Union[int, str]
"""A fixed size, or the name of a free one such as "batch", "height" or "time"."""


@checked_class()
@dataclass(frozen=True)
class StateSpec:
    """What a network remembers between steps: a graph input, and the output it has become after them.

    Args:
        name: The graph input; zeros begin a sequence.
        next: The graph output.
        shape: Sizes of all axes, "batch" among them.
    """

    name: str
    next: str
    shape: tuple[Axis, ...]


@checked_class()
@dataclass(frozen=True)
class InputSpec:
    """What the graph input `input` takes.

    Args:
        kind: "image", "table" (rows of numbers), "sequence" (steps of numbers), "tokens" or "array".
        shape: Sizes of all axes, batch first; a name where the size is free.
        preprocess: For images: how an image becomes an array of that shape.
        in_graph: Whether `preprocess` is baked into the graph, which then takes uint8
            (batch, height, width, 3).
        features: For tables: the names of the columns.
        vocabulary: For tokens: each token's id.
        states: For networks that generate step by step: what is carried from step to step.
        num_tokens: For tokens: how many different ones there are, with ids from 0.
        max_length: For sequences and tokens: the longest that is accepted; None where any length is.
        min_sizes: The smallest size of each free axis above 1, by its name; absent in the text where none is.
        dtype: For numbers: "float32", or "float64" where the network subtracts a mean from numbers that
            float32 cannot hold, such as time stamps; absent in the text where it is "float32".
        deviations: For float64: the standard deviation of each number in training; () where it is not known,
            and absent in the text then.
        columns: For tables that hold more than numbers: what becomes of each column but the label. `features`
            names those that are used, and NaN is a gap; absent in the text for rows of numbers.
    """

    kind: str
    shape: tuple[Axis, ...]
    preprocess: Preprocess | None = None
    in_graph: bool = False
    features: tuple[str, ...] = ()
    vocabulary: dict[str, int] | None = None
    states: tuple[StateSpec, ...] = ()
    num_tokens: int | None = None
    max_length: int | None = None
    min_sizes: Mapping[str, int] = field(default_factory=dict)
    dtype: str = "float32"
    deviations: tuple[float, ...] = ()
    columns: tuple[ColumnSpec, ...] = ()


@checked_class()
@dataclass(frozen=True)
class OutputSpec:
    """What the graph output `output` is.

    Args:
        kind: "classes" (one score per class), "binary" (one score, of the second class, decided at
            0.5), "values", "embedding", "tokens" or "image".
        shape: Sizes of all axes, batch first; a name where the size is free.
        classes: Names of the classes, in the order of the scores; () where there are none.
        embedding: Length of the vector of the graph output `embedding`; None where there is no such
            output. A network whose `output` is the vector has the kind "embedding" instead.
        targets: For values: their names.
        scores: What the scores of classes are: "probability", or "raw score", numbers of any size, where the
            network ends in neither softmax nor sigmoid; absent in the text where it is "probability".
    """

    kind: str
    shape: tuple[Axis, ...]
    classes: tuple[str, ...] = ()
    embedding: int | None = None
    targets: tuple[str, ...] = ()
    scores: str = "probability"


@checked_class()
@dataclass(frozen=True)
class ModelCard:
    """The card of a model file or checkpoint.

    Args:
        task: "cls", "reg", "gen" or "embed".
        network: The layers in order, each {"name": ..., "layer": kind, "options": {...},
            "activation": name or None}.
        input: What goes in.
        output: What comes out.
        training: How it was trained: plain JSON data such as epochs, final metrics, library versions.
        parity: The largest differences from torch measured at export: {"absolute": ..., "relative": ...}.
        license: The author's licence for the weights.
        note: Anything the author wants to say.
        diffusion: For diffusion models: their schedule and images; else None, and absent in the text.
        quantization: For a file of INT8: how it was made, and what that cost; else None, and absent.
        unknown: How it detects inputs that are like none of its training; else None, and absent.

    Raises:
        CardError: A value is not one of those listed, or the input's tokens or states are not named once.
    """

    task: str
    network: tuple[LayerEntry, ...]
    input: InputSpec
    output: OutputSpec
    training: Mapping[str, object] = field(default_factory=dict)
    parity: Mapping[str, float] | None = None
    license: str = ""
    note: str = ""
    diffusion: DiffusionSpec | None = None
    quantization: QuantizationSpec | None = None
    unknown: UnknownSpec | None = None

    def __post_init__(self) -> None:
        one_of("task", self.task, TASKS)
        one_of("input.kind", self.input.kind, INPUT_KINDS)
        one_of("output.kind", self.output.kind, OUTPUT_KINDS)
        one_of("output.scores", self.output.scores, SCORES)
        one_of("input.dtype", self.input.dtype, INPUT_DTYPES)
        check_vocabulary(self.input)
        check_states(self.input.states)
        if self.unknown is not None and self.unknown.size != self.output.embedding:
            raise CardError.coded(
                "E-CARD-02",
                "card: 'unknown.size': expected {size}, the length of its feature vector, got {got}. Export "
                "the model again.",
                size=self.output.embedding,
                got=self.unknown.size,
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that the network predicts, or that its images are conditioned on."""
        return self.output.classes if self.diffusion is None else self.diffusion.classes

    def to_json(self) -> str:
        """Return the card as JSON text with sorted keys.

        Raises:
            CardError: A value is no JSON data, such as NaN among the metrics.
        """
        data = asdict(self)
        preprocess = self.input.preprocess
        data["input"]["preprocess"] = None if preprocess is None else preprocess.to_dict()
        data["schema"] = SCHEMA
        if self.input.dtype == "float32":
            del data["input"]["dtype"]
        data["input"]["columns"] = [column.to_dict() for column in self.input.columns]
        for key in ("columns", "deviations", "min_sizes"):
            if not data["input"][key]:
                del data["input"][key]
        if self.output.scores == "probability":
            del data["output"]["scores"]
        if self.diffusion is None:
            del data["diffusion"]
        elif not self.diffusion.class_counts:
            del data["diffusion"]["class_counts"]
        for name in ("quantization", "unknown"):
            if data[name] is None:
                del data[name]
        try:
            return json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise CardError.coded(
                "E-CARD-02",
                "card: expected texts, finite numbers, booleans, lists and dicts, got what JSON cannot "
                "hold ({error}).",
                error=error,
            ) from error

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read what `to_json` wrote.

        Args:
            text: The JSON document.

        Raises:
            CardError: The text is no JSON object, has an unknown schema, lacks a key, has one too
                many, or holds a value of the wrong type.
        """
        try:
            data = json.loads(text, parse_constant=no_constant)
        except (ValueError, RecursionError) as error:
            raise CardError.coded(
                "E-CARD-02", "card: is not valid JSON ({error}).", error=printable(str(error), 120)
            ) from error
        if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
            raise CardError.coded("E-CARD-02", "card: expected a JSON object with an integer 'schema'.")
        if data["schema"] != SCHEMA:
            raise CardError.coded(
                "E-CARD-03",
                "card: expected schema {expected}, which this version of onnxnn reads, got schema "
                "{schema}. Install a newer onnxnn-runtime.",
                expected=SCHEMA,
                schema=shortened(data["schema"]),
            )
        check_texts(text, data)
        for key in ("network", "training"):
            check_depth(key, data.get(key))
        del data["schema"]
        fields = Fields("", data)
        card = cls(
            task=fields.take("task", str),
            network=tuple(_layer(entry) for entry in fields.take("network", list)),
            input=_input(fields.take("input", dict)),
            output=_output(fields.take("output", dict)),
            training=fields.take("training", dict),
            parity=_parity(fields.take("parity", dict, optional=True)),
            license=fields.take("license", str),
            note=fields.take("note", str),
            diffusion=_diffusion(fields) if "diffusion" in data else None,
            quantization=_quantization(fields) if "quantization" in data else None,
            unknown=_unknown(fields) if "unknown" in data else None,
        )
        fields.done()
        return card


def _diffusion(fields: Fields) -> DiffusionSpec:
    from .diffusion import read_diffusion  # here, because few cards need it

    return read_diffusion(fields.take("diffusion", dict))


def _quantization(fields: Fields) -> QuantizationSpec:
    from .quantization import read_quantization  # here, likewise

    return read_quantization(fields.take("quantization", dict))


def _unknown(fields: Fields) -> UnknownSpec:
    from .unknown import read_unknown  # here, likewise

    return read_unknown(fields.take("unknown", dict))


def _input(data: dict[str, object]) -> InputSpec:
    fields = Fields("input.", data)
    preprocess = fields.take("preprocess", dict, optional=True)
    vocabulary = fields.take("vocabulary", dict, optional=True)
    if vocabulary is not None and not all(type(number) is int for number in vocabulary.values()):
        raise CardError.coded("E-CARD-02", "card: 'input.vocabulary': expected an integer for each token.")
    spec = InputSpec(
        kind=fields.take("kind", str),
        shape=sizes_of("input.shape", fields.take("shape", list)),
        preprocess=None if preprocess is None else Preprocess.from_dict(preprocess),
        in_graph=fields.take("in_graph", bool),
        features=names_of("input.features", fields.take("features", list)),
        vocabulary=vocabulary,
        states=tuple(_state(entry) for entry in fields.take("states", list)),
        num_tokens=fields.take("num_tokens", int, optional=True),
        max_length=fields.take("max_length", int, optional=True),
        min_sizes=fields.take("min_sizes", dict) if "min_sizes" in data else {},
        dtype=fields.take("dtype", str) if "dtype" in data else "float32",
        deviations=positive("input.deviations", fields.take("deviations", list))
        if "deviations" in data
        else (),
        columns=read_columns(fields.take("columns", list)) if "columns" in data else (),
    )
    fields.done()
    check_columns(spec.columns, spec.kind, spec.shape, spec.features)
    for name, number in (("num_tokens", spec.num_tokens), ("max_length", spec.max_length)):
        check_count(f"input.{name}", number)
    if not all(
        axis in spec.shape[1:] and type(size) is int and size > 1 for axis, size in spec.min_sizes.items()
    ):
        raise CardError.coded(
            "E-CARD-02",
            "card: 'input.min_sizes': expected an integer above 1 for names of free axes, got {value}.",
            value=shortened(spec.min_sizes),
        )
    return spec


def _state(entry: object) -> StateSpec:
    fields = Fields.of_entry("input.states", entry)
    state = StateSpec(
        name=fields.take("name", str),
        next=fields.take("next", str),
        shape=sizes_of("input.states.shape", fields.take("shape", list)),
    )
    fields.done()
    return state


def _output(data: dict[str, object]) -> OutputSpec:
    fields = Fields("output.", data)
    spec = OutputSpec(
        kind=fields.take("kind", str),
        shape=sizes_of("output.shape", fields.take("shape", list)),
        classes=names_of("output.classes", fields.take("classes", list)),
        embedding=fields.take("embedding", int, optional=True),
        targets=names_of("output.targets", fields.take("targets", list)),
        scores=fields.take("scores", str) if "scores" in data else "probability",
    )
    fields.done()
    check_count("output.embedding", spec.embedding)
    return spec


def _layer(entry: object) -> LayerEntry:
    fields = Fields.of_entry("network", entry)
    layer: LayerEntry = {
        "name": fields.take("name", str),
        "layer": fields.take("layer", str),
        "options": fields.take("options", dict),
        "activation": fields.take("activation", str, optional=True),
    }
    fields.done()
    return layer


def _parity(data: dict[str, float] | None) -> dict[str, float] | None:
    if data is not None and not all(type(value) in (int, float) for value in data.values()):
        raise CardError.coded(
            "E-CARD-02", "card: 'parity': expected numbers, got {value}.", value=shortened(data)
        )
    return data
