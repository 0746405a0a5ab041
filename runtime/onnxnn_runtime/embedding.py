"""Many inputs through one output of a graph, a few at a time; and the vectors that come out."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Generator, Iterator, NamedTuple, Sequence, Tuple

import numpy as np

from .card.card import InputSpec, ModelCard
from .card.words import kind_name
from .errors import CardError, InputError
from .inputs.folders import Skipped
from .inputs.options import ReadOptions
from .inputs.reading import in_channel_order
from .results import Embeddings

if TYPE_CHECKING:
    from .session.engine import Engine
    from .session.states import Described


class Values(NamedTuple):
    """What outputs of a graph are for a few inputs.

    Args:
        values: The values of each output, (N, ...).
        names: The input of each row: a path, or "input[3]".
        skipped: The inputs that were left out.
    """

    values: list[np.ndarray]
    names: list[str]
    skipped: list[Skipped]


ValueParts = Generator[Tuple[Values, int, "int | None"], None, None]
"""The values of a few inputs, how many inputs are done, and of how many; closed as `Parts` are."""

Part = Tuple[Embeddings, int, "int | None"]
"""The vectors of a few inputs, how many inputs are done, and of how many."""

Parts = Generator[Part, None, None]
"""What is closed when it is left, so that no thread reads ahead any longer."""


def parts_of(
    engine: Engine, spec: InputSpec, inputs: object, outputs: Sequence[str], options: ReadOptions
) -> ValueParts:
    """Yield the values of outputs for a few inputs at a time.

    The callers report progress: an exception of the user's function would not pass a generator as it is.

    Args:
        engine: Runs the graph.
        spec: What the model takes.
        inputs: What `find_samples` takes.
        outputs: Outputs of the graph.
        options: How inputs are read.

    Raises:
        InputError: An input does not match the model, or is broken and `errors` is "raise".
    """
    spec = in_channel_order(spec, options.channel_order)
    done = 0
    with closing(engine.stream(inputs, spec, outputs, options.errors, options.batch_size)) as stream:
        for total, names, values, skipped in stream:
            done += len(names) + len(skipped)
            yield Values(values, names, skipped), done, total


def vectors_of(
    engine: Engine, spec: InputSpec, inputs: object, output: str, normalize: bool, options: ReadOptions
) -> Parts:
    """Yield the vectors of a few inputs at a time, float32 (N, D).

    Args:
        engine, spec, inputs, options: As for `parts_of`.
        output: The output that is a vector.
        normalize: Scale each vector to length 1.
    """
    with closing(parts_of(engine, spec, inputs, [output], options)) as parts:
        for part, done, total in parts:
            size = vector_size(engine, output) if not part.names else -1
            vectors: np.ndarray = part.values[0].reshape(len(part.names), size).astype(np.float32, copy=False)
            if normalize:
                length = np.linalg.norm(vectors, axis=1, keepdims=True)
                vectors = vectors / np.where(length == 0, 1, length)
            yield Embeddings(vectors, part.names, part.skipped), done, total


def vector_size(engine: Engine, output: str) -> int:
    """Return the length of an output's vectors; 0 where the graph leaves it open."""
    shape = engine.outputs[output][1]
    size = shape[-1] if shape else 0
    return size if isinstance(size, int) else 0


def joined(parts: Parts, size: int, options: ReadOptions) -> Embeddings:
    """Return all vectors at once, and report progress.

    Args:
        parts: What `vectors_of` yields.
        size: The length of a vector where there is none.
        options: Their `progress` is called after each part.
    """
    vectors = np.zeros((0, size), np.float32)
    names: list[str] = []
    skipped: list[Skipped] = []
    with closing(parts):
        for part, done, total in parts:
            start = len(names)
            names.extend(part.names)
            skipped.extend(part.skipped)
            if len(names) > len(vectors):
                # Grown in place: a list of parts would hold everything twice when it is joined.
                grown = max(len(names), len(vectors) + len(vectors) // 4)
                vectors.resize((grown, part.vectors.shape[1]), refcheck=False)
            vectors[start : len(names)] = part.vectors
            options.report(done, total)
    vectors.resize((len(names), vectors.shape[1]), refcheck=False)
    return Embeddings(vectors, names, skipped)


def reported(parts: Parts, options: ReadOptions) -> Iterator[Embeddings]:
    """Yield the vectors of a few inputs at a time, and report progress after each.

    Raises:
        InputError: The function raised StopIteration, which would end the stream as if it were done.
    """
    with closing(parts):
        for part, done, total in parts:
            yield part
            try:
                options.report(done, total)
            except StopIteration as error:
                raise InputError.coded(
                    "E-INPUT-06",
                    "progress: raised StopIteration, which would end the stream as if it were done. "
                    "Raise another exception, or stop taking from the stream.",
                ) from error


def vector_output(card: ModelCard, outputs: Described, name: str) -> str:
    """Return the output that is a vector.

    Args:
        card: The model's card.
        outputs: The graph's outputs.
        name: What errors call the model.

    Raises:
        CardError: There is none.
    """
    from .card.kind import ModelKind  # here, so that the package is imported faster

    vector = ModelKind(card, outputs=outputs).vector
    if vector is not None:
        return vector
    raise CardError.coded(
        "E-INPUT-08",
        "{name}: embed() expected an output 'embedding', got one of the kind {kind}. Export a "
        "network with a feature vector before its head, or train with nn('embed').",
        name=name,
        kind=repr(kind_name(card.output.kind)),
    )
