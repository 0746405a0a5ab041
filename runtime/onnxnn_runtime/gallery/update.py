"""Adding inputs to a gallery: only those that are new or have changed are embedded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Iterator, Sequence

import numpy as np

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.inputs.reading import Sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.messages.shorten import printable

from .checks import name_is_known, name_stands_twice
from .entries import FileState, Record
from .exact import unit
from .files import state_of, with_hash
from .labels import Labeller, Labels
from .results import Changes
from .store import Store

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model


@dataclass(frozen=True)
class AddOptions:
    """What is added, and how.

    Args:
        labels: See `onnxnn_runtime.gallery.labels.Labels`.
        names: The name of each input; None takes paths, and "input[3]" for what is no file.
        exact: Whether the inputs are all that the gallery is to hold: others are removed, and an input that
            is no file takes the place of one of the same name.
        read: How inputs are read and run.
    """

    labels: Labels
    names: Sequence[str] | None
    exact: bool
    read: ReadOptions


@dataclass
class _Plan:
    """What is known of inputs before they are embedded."""

    waiting: dict[str, tuple[str | None, FileState | None]] = field(default_factory=dict)
    updated: dict[int, tuple[str | None, FileState | None]] = field(default_factory=dict)
    seen: dict[str, str | None] = field(default_factory=dict)  # name -> path of the file
    unchanged: int = 0


def update(store: Store, model: Model, inputs: object, options: AddOptions) -> Changes:
    """Embed what is new or has changed, and write it a few inputs at a time; call it within `writing`.

    Raises:
        InputError: An input does not match the model, or is broken and errors is "raise"; or a name is there
            already. What was written before stays.
    """
    spec, read = model.input_spec, options.read
    skipped: list[Skipped] = []
    samples = find_samples(inputs, spec, skipped, read.errors)
    total = len(samples) if isinstance(samples, Sequence) else None
    plan, added, changed, left_out = _Plan(), 0, 0, 0
    named = _named(samples, options.names)
    wanted = _wanted(store, named, plan, options, spec.kind == "image")
    parts = model.embed_stream(
        wanted, errors=read.errors, batch_size=read.batch_size, channel_order=read.channel_order
    )
    for part in parts:
        skipped.extend(part.skipped)
        left_out += len(part.skipped)
        record, vectors = _record(store, plan, part.names, part.vectors, read.errors, skipped)
        if record.names:
            store.append(record, vectors)
        changed += len(record.removed)
        added += len(record.names) - len(record.removed)
        read.report(plan.unchanged + added + changed + left_out, total)
    gone = _gone(store, plan, skipped) if options.exact else []
    last = Record(
        removed=gone, updated={row: new for row, new in plan.updated.items() if row not in set(gone)}
    )
    if not last.is_empty:
        store.append(last)
    read.report(plan.unchanged + added + changed + left_out, total)
    return Changes(added, changed, plan.unchanged, len(gone), skipped)


def _named(samples: Sequence[Sample] | Iterator[Sample], names: Sequence[str] | None) -> Iterator[Sample]:
    """Yield samples with the names that were given.

    Raises:
        InputError: There are more or fewer names than samples.
    """
    if names is None:
        yield from samples
        return
    rest = iter(names)
    for sample in samples:
        name = next(rest, None)
        if not isinstance(name, str):
            raise _wrong_names(sample.name)
        yield replace(sample, name=name)
    if next(rest, None) is not None:
        raise InputError.coded(
            "E-INPUT-06", "names: expected a name for each input, got more. Give as many as inputs."
        )


def _wrong_names(name: str) -> InputError:
    return InputError.coded(
        "E-INPUT-06",
        "names: expected a text for each input, but there is none for {name}. Give as many as inputs.",
        name=name,
    )


def _wanted(
    store: Store, samples: Iterator[Sample], plan: _Plan, options: AddOptions, of_images: bool
) -> Iterator[Sample]:
    """Yield those of the samples that have to be embedded."""
    labeller = Labeller(options.labels)
    for sample in samples:
        name, label = sample.name, labeller.label_of(sample.name)
        is_file = of_images and isinstance(sample.value, str)
        if name in plan.seen:
            if is_file and plan.seen[name] == sample.value:
                continue  # the same file, given twice
            raise name_stands_twice(name)
        plan.seen[name] = sample.value if is_file else None
        row = store.entries.row_of(name)
        state = state_of(sample.value) if is_file else None
        if row is not None and not is_file and not options.exact:
            raise name_is_known(name)
        if row is not None and state is not None:
            old = store.entries.file_of(row)
            state = with_hash(sample.value, state) if old is None or old[:2] != state[:2] else old
            if old is not None and state is not None and old[2] == state[2]:
                plan.unchanged += 1
                kept = store.entries.labels[row] if labeller.is_none else label
                if (kept, state) != (store.entries.labels[row], old):
                    plan.updated[row] = (kept, state)
                continue
        elif state is not None:
            state = with_hash(sample.value, state)
        if row is not None and labeller.is_none:
            label = store.entries.labels[row]
        plan.waiting[name] = (label, state)
        yield sample
    labeller.check_end()


def _record(
    store: Store, plan: _Plan, names: Sequence[str], vectors: np.ndarray, errors: str, skipped: list[Skipped]
) -> tuple[Record, np.ndarray]:
    """Return the change for some inputs that were embedded, and their vectors of length 1."""
    finite = np.isfinite(vectors).all(axis=1) if len(vectors) else np.zeros(0, bool)
    for name, is_finite in zip(names, finite):
        if not is_finite:
            error = InputError.coded(
                "E-INPUT-04",
                "{name}: expected a vector of finite numbers from the model, got NaN or infinite ones.",
                name=printable(name),
            )
            if errors == "raise":
                raise error
            skipped.append(Skipped(name, error.text))
    kept = [name for name, is_finite in zip(names, finite) if is_finite]
    rows = [store.entries.row_of(name) for name in kept]
    record = Record(
        removed=[row for row in rows if row is not None],
        names=kept,
        labels=[plan.waiting[name][0] for name in kept],
        files=[plan.waiting[name][1] for name in kept],
    )
    for name in names:
        del plan.waiting[name]
    return record, unit(vectors[finite]) if kept else np.zeros((0, 0), np.float32)


def _gone(store: Store, plan: _Plan, skipped: Sequence[Skipped]) -> list[int]:
    """Return the rows of entries that are not among the inputs any more."""
    broken = {each.name for each in skipped}
    names = store.entries.names
    rows = [row for row in range(len(names)) if row not in store.entries.removed]
    return [row for row in rows if names[row] not in plan.seen or names[row] in broken]
