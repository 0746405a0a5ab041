"""`teach`: an encoder learns classes where it runs, and becomes one file that knows them."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Mapping, NamedTuple, Union

import numpy as np

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.api.options import takes_by_name
from onnxnn_runtime.card.card import METADATA_KEY, ModelCard, OutputSpec
from onnxnn_runtime.defaults import TOLERANCE
from onnxnn_runtime.embedding import vector_output
from onnxnn_runtime.errors import CardError, ExportError, InputError
from onnxnn_runtime.inputs.folders import Skipped, describe_skipped, warn_of
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.loading import load, opener_like
from onnxnn_runtime.made_up import made_up_inputs
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.model import Model
from onnxnn_runtime.opening import require_card
from onnxnn_runtime.session.resources import trim_memory
from onnxnn_runtime.unknown import MIN_REFERENCES, fit

from . import stored
from .classes import Classes, classes_of
from .graph import VECTOR, Encoder, encoder_of, with_head
from .head import HEADS, Head
from .statistics import Statistics
from .taught import TaughtModel

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from onnxnn_runtime.card.unknown import UnknownSpec
    from onnxnn_runtime.inputs.options import Reading

Teachable = Union[str, "os.PathLike[str]", bytes, Model, TaughtModel]
"""A file, its bytes, or an opened model."""

_LAYER = "taught"
"""The name of the head in the card's list of layers."""


@checked
@takes_by_name(ReadOptions)
def teach(model: Teachable, data: Classes, *, head: str = "ridge", **options: Unpack[Reading]) -> TaughtModel:
    """Teach a model new classes from a few inputs of each, where it runs: no torch, in a second or two.

        fruit = rt.teach("encoder.onnx", {"apple": "photos/apple", "pear": [image, image]})
        fruit.save("fruit.onnx")
        rt.teach("fruit.onnx", {"lemon": "photos/lemon"}).save("fruit.onnx")  # later, without old photos

    The encoder stays as it is; a linear head on its feature vectors is computed in closed form. A file
    that was taught before learns further classes, and further inputs of those that it knows: the result is
    the same as of all at once. Inputs are read one after the other, and memory does not grow with their
    number. Where there are enough of them, the file also detects inputs that are like none of them
    (`predict(..., unknown=True)`).

    Args:
        model: An image encoder's file, any file of ours with a feature vector (an output `embedding`), or a
            file that was taught; or one that was opened. A path is opened with `low_memory=True`, as boards
            need; a PC learns from thousands of images faster with `rt.load(path)`.
        data: The inputs of each class by its name, as for `Model.embed`; or a folder with a folder for each
            class.
        head: "ridge": regression on the classes, whose regularisation minimises the generalised
            cross-validation; or "mean": the nearest class mean.
        errors: "raise" stops at an input that cannot be read; "skip" leaves it out, with a warning.
        batch_size, progress, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.

    Returns:
        What was learned, verified and ready to `predict` and `save`.

    Raises:
        CardError: The file has no card or no feature vector, or what it was taught is damaged.
        InputError: There are fewer than two classes, a class has no input that can be read, or an input does
            not match the model.
        ExportError: The new file does not compute what it should.
    """
    asked = ReadOptions(**options)
    if not is_one_of(head, tuple(HEADS)):
        raise InputError.coded(
            "E-INPUT-06",
            "teach(head={head}): expected one of {known}.",
            head=shortened(head),
            known=", ".join(map(repr, HEADS)),
        )
    encoder, learned = _learn(_opened(model), classes_of(data), asked)
    found = HEADS[head](learned.statistics)
    _warn_of_single(learned.counts)
    content = _written(encoder, learned, found, head)
    counts, checked_by, skipped, reopen = learned.counts, learned.checked_by, learned.skipped, learned.open
    del encoder, learned  # the file and the moments; a model that was opened here is closed already
    trim_memory()
    made = reopen(content)
    _verify(made, found, *checked_by)
    warn_of(skipped)
    accuracies = {label: found.accuracies[i] for i, label in enumerate(counts) if i in found.accuracies}
    return TaughtModel(made, content, counts, found.accuracy, accuracies, skipped)


def _opened(model: Teachable) -> Model:
    if isinstance(model, TaughtModel):
        return model.model
    return model if isinstance(model, Model) else load(model, low_memory=True)


class _Learned(NamedTuple):
    """What was learned, and by what the new file is verified.

    Args:
        card: The encoder's.
        statistics: Of the vectors.
        labels: The names of the classes.
        skipped: What was left out.
        checked_by: Made-up inputs, and the encoder's feature vectors of them.
        open: Opens a file as the encoder was opened.
    """

    card: ModelCard
    statistics: Statistics
    labels: list[str]
    skipped: list[Skipped]
    checked_by: tuple[Mapping[str, object], np.ndarray]
    open: Callable[[bytes], Model]

    @property
    def counts(self) -> dict[str, int]:
        """How many inputs each class has."""
        return dict(zip(self.labels, self.statistics.counts))


def _learn(
    opened: Model, classes: list[tuple[str, object]], options: ReadOptions
) -> tuple[Encoder, _Learned]:
    """Learn classes; return what makes the feature vectors, too.

    Raises:
        OnnxnnError: As for `teach`.
    """
    card = require_card(opened.card, opened.name, "teach")
    vector = vector_output(card, opened.outputs, opened.name)
    feeds = made_up_inputs(opened, 1)
    vectors = np.asarray(opened.infer(feeds)[vector])
    encoder = encoder_of(opened.content, vector)
    known = _known(opened, card, encoder)
    labels = [] if known is None else list(known.labels)
    _check_count([*labels, *(name for name, _ in classes)])
    statistics = None if known is None else known.statistics
    statistics, skipped = _take_in(opened, classes, labels, statistics, options)
    return encoder, _Learned(card, statistics, labels, skipped, (feeds, vectors), opener_like(opened))


def fingerprint_of(encoder: Encoder, card: ModelCard) -> str:
    """Return what vectors have in common that belong together: graph, weights and preparation."""
    spec = card.input
    if spec.preprocess is not None:  # `draft` is for whoever opens the file to choose
        spec = replace(spec, preprocess=replace(spec.preprocess, draft=False))
    takes = ModelCard("embed", (), spec, OutputSpec("embedding", ("batch",)))
    text = encoder.fingerprint() + takes.to_json()
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _known(opened: Model, card: ModelCard, encoder: Encoder) -> stored.Taught | None:
    """Return what a file was taught before; None where it was not.

    Raises:
        CardError: It is damaged, or file and card were changed since.
    """
    known = stored.from_metadata(opened.facts.metadata, opened.name)
    if known is None:
        return None
    if tuple(known.labels) != card.output.classes or known.encoder != fingerprint_of(encoder, card):
        raise CardError.coded(
            "E-CARD-02",
            "{name}: expected the encoder and the card with which it was taught, got others: it was "
            "quantised or changed since. Teach the encoder with all images again; quantise an encoder before "
            "teaching it.",
            name=opened.name,
        )
    return known


def _check_count(labels: list[str]) -> None:
    number = len(set(labels))
    if number < 2:
        raise InputError.coded(
            "E-INPUT-06",
            "teach(): expected at least two classes to choose from, got {label} alone. Add another class, "
            'such as "other" with images of anything else.',
            label=repr(labels[0]),
        )
    if number > stored.MOST_CLASSES:
        raise InputError.coded(
            "E-INPUT-10",
            "teach(): expected at most {most} classes, got {count}. Give fewer.",
            most=stored.MOST_CLASSES,
            count=number,
        )


def _take_in(
    opened: Model,
    classes: list[tuple[str, object]],
    labels: list[str],
    statistics: Statistics | None,
    options: ReadOptions,
) -> tuple[Statistics, list[Skipped]]:
    """Take in the inputs of each class; `labels` gets the names of new ones.

    Raises:
        InputError: A class has no input that can be read, or an input is broken and `errors` is "raise".
    """
    skipped: list[Skipped] = []
    done = 0
    reading = replace(options, progress=None)
    for label, inputs in classes:
        before, taken = len(skipped), 0
        index = labels.index(label) if label in labels else -1
        parts = opened.embed_stream(inputs, **vars(reading))
        with closing(parts):  # type: ignore[type-var]  # a generator
            for part in parts:
                skipped += part.skipped
                if len(part.vectors):
                    statistics = statistics or Statistics(part.vectors.shape[1])
                    if index < 0:
                        labels.append(label)
                        index = statistics.add_class()
                    statistics.add(index, part.vectors)
                    taken += len(part.vectors)
                done += len(part.names) + len(part.skipped)
                options.report(done, None)
        if not taken:
            raise _empty(label, skipped[before:])
    if statistics is None:
        raise _empty(classes[0][0], skipped)
    return statistics, skipped


def _empty(label: str, skipped: list[Skipped]) -> InputError:
    """Return the error for a class without inputs that can be read."""
    if not skipped:
        return InputError.coded(
            "E-INPUT-01", "class {label}: expected inputs, got none. Give at least one.", label=repr(label)
        )
    return InputError.coded(
        "E-INPUT-02",
        "class {label}: expected at least one input that can be read, got none: {found}. Give others.",
        label=repr(label),
        found=describe_skipped(skipped),
    )


def _warn_of_single(counts: Mapping[str, int]) -> None:
    single = [label for label, count in counts.items() if count == 1]
    if single:
        warn(
            gettext(
                "one image alone of {labels}: whether it is recognised cannot be measured. Add images, ten "
                "of each class if you can.",
                labels=", ".join(map(repr, single[:5])),
            )
        )


def _written(encoder: Encoder, learned: _Learned, found: Head, head: str) -> bytes:
    """Return the new file."""
    card, statistics, labels = learned.card, learned.statistics, learned.labels
    size = statistics.size
    layers = list(card.network)
    linear = [place for place, entry in enumerate(layers) if entry["layer"] == "linear"]
    if card.output.embedding is not None and linear:
        layers = layers[: linear[-1]]
    options: dict[str, object] = {"size": [size, len(labels)]}
    layers.append({"name": _LAYER, "layer": "linear", "options": options, "activation": "softmax"})
    was_taught = "leave_one_out_accuracy" in card.training  # what is left then is the old head's
    before = card.training.get("encoder", {} if was_taught else card.training)
    training: dict[str, object] = {
        "method": head,
        "images": sum(statistics.counts),
        "strength": found.strength,
        "temperature": found.temperature,
        "leave_one_out_accuracy": found.accuracy,
        **({"encoder": before} if before else {}),
    }
    new = replace(
        card,
        task="cls",
        network=tuple(layers),
        output=OutputSpec("classes", ("batch", len(labels)), tuple(labels), size),
        training=training,
        parity=None,
        unknown=_unknown(statistics),
    )
    taught = stored.Taught(fingerprint_of(encoder, new), labels, statistics)
    metadata = {METADATA_KEY: new.to_json(), stored.METADATA_KEY: stored.to_text(taught)}
    return with_head(encoder, found, metadata)


def _unknown(statistics: Statistics) -> UnknownSpec | None:
    """Return how inputs are detected that are like none of the classes; None of too few vectors."""
    if len(statistics.rows) < MIN_REFERENCES:
        return None
    return fit(statistics.rows, statistics.labels, num_classes=len(statistics.counts))


def _verify(made: Model, found: Head, feeds: Mapping[str, object], before: np.ndarray) -> None:
    """Compare the new file with the encoder, bit for bit, and with NumPy.

    Args:
        made: The new file.
        found: Its head.
        feeds: Made-up inputs.
        before: The encoder's feature vectors of them.

    Raises:
        ExportError: They differ.
    """
    after = made.infer(feeds)
    expected = found.probabilities(before.reshape(len(before), -1))
    difference = float(np.abs(after["output"] - expected).max())
    if not np.array_equal(before, after[VECTOR]) or not difference <= TOLERANCE:
        raise ExportError.coded(
            "E-EXPORT-03",
            "teach(): the new file computes something else than the encoder and its head (difference "
            "{value:g}). Nothing was written; try head='mean', or another encoder.",
            value=difference,
        )
