"""A report from a model and labelled samples: `report_on`, which `Model.report` calls."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Mapping, Sequence

import numpy as np

from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.inputs.folders import Skipped, warn_of
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.inputs.reading import Sample, in_channel_order
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.unknown import references_of

from .answers import Runner
from .classification import Classified, classified, num_classes, steps_classified
from .duplicates import Side, near_duplicates
from .figures import decided
from .labelled_data import LabelledData, labelled_data
from .regression import predicted_values
from .result import SCHEMA, ModelReport, check_language
from .shown import image_key, shown_names
from .strangers import familiar_of, strangers_found
from .text import texts_predicted
from .thumbnails import thumbnails

if TYPE_CHECKING:
    from onnxnn_runtime.session.engine import Engine


@dataclass(frozen=True)
class Asked:
    """What a report is asked for.

    Args:
        data: Samples with labels.
        labels: The label of each; None takes those of `data`.
        train: The samples that the model learned from, to look for near-duplicates of the test samples.
        strangers: Samples of other classes, which a model that can say "unknown" should notice.
        lang: The language of the page: "en" or "zh"; None takes that of messages.
        options: How samples are read.

    Raises:
        InputError: `lang` is another language.
    """

    data: object
    labels: object
    train: object
    strangers: object
    lang: str | None
    options: ReadOptions

    def __post_init__(self) -> None:
        check_language(self.lang)


def report_on(engine: Engine, name: str, card: ModelCard, kind: ModelKind, asked: Asked) -> ModelReport:
    """Compare what a model says with labels.

    Args:
        engine: Runs the graph.
        name: The model's path.
        card: Its card.
        kind: What it does.
        asked: On what.

    Raises:
        CardError: It neither classifies nor returns values nor continues texts.
        InputError: A sample cannot be read, or does not match the model.
        DataError: There are no labels, or they do not match the model.
    """
    spec = in_channel_order(card.input, asked.options.channel_order)
    making = _Making(Runner(engine, spec, asked.options), card, kind)
    does = _check_reported(name, card, kind)
    _check_asked(does, card, asked)
    if asked.strangers is not None:
        references_of(card, name, "strangers=")
    skipped: list[Skipped] = []
    output = next(iter(kind.outputs))
    facts: dict[str, object] = {"schema": SCHEMA, "model": name, "data": _shown(asked.data), "does": does}
    images: Mapping[str, object] = {}
    if does == "generate":
        facts.update(texts_predicted(asked.data, card, making.runner, output, skipped))
    else:
        found = labelled_data(asked.data, card, asked.labels, asked.options.errors)
        skipped = found.skipped
        facts["unknown_labels"] = dict(found.unknown)
        if does == "regress":
            facts.update(making.regression(found, output, asked.train))
        elif len(card.output.shape) == 3:
            facts.update(making.steps(found, output))
        else:
            facts.update(making.classification(found, output, asked))
        images = thumbnails(making.shown(facts, found.samples), making.runner.spec)
    facts["left_out"] = [each._asdict() for each in skipped]
    warn_of([each for each in skipped if asked.options.errors == "skip"])
    return ModelReport(facts, images, asked.lang)


@dataclass
class _Making:
    """A model while its report is made."""

    runner: Runner
    card: ModelCard
    kind: ModelKind
    train: Sequence[Sample] = ()
    strangers: Sequence[Sample] = ()

    def classification(self, found: LabelledData, output: str, asked: Asked) -> dict[str, object]:
        wanted = [output]
        compared = asked.train is not None or asked.strangers is not None
        if compared and self.kind.vector is not None:
            wanted.append(self.kind.vector)
        places, values = self._run(found, wanted)
        samples = [found.samples[place] for place in places.tolist()]
        scores = values[0].reshape(len(samples), -1)
        names = [sample.name for sample in samples]
        facts = classified(Classified(names, found.labels[places], scores), self.card)
        facts["steps"] = False
        facts["train_duplicates"] = facts["unknown"] = None
        side = Side(samples, values[1] if len(wanted) > 1 else None)
        if asked.train is not None:
            facts["train_duplicates"] = self._duplicates(side, asked.train)
        if asked.strangers is not None:
            facts["unknown"] = self._strangers(side, asked.strangers)
        return facts

    def _duplicates(self, test: Side, given: object) -> dict[str, object]:
        skipped: list[Skipped] = []
        samples: Sequence[Sample] = list(find_samples(given, self.runner.spec, skipped))
        vectors = None
        if test.vectors is not None:
            places, (vectors,) = self.runner.all(samples, [str(self.kind.vector)], skipped)
            samples = [samples[place] for place in places.tolist()]
        self.train = samples
        pairs = near_duplicates(test, Side(samples, vectors), self.runner.spec)
        return {
            "train": _shown(given),
            "train_samples": len(samples),
            "found": len(pairs),
            "pairs": [
                {
                    "name": test.samples[pair.test].name,
                    "train": samples[pair.train].name,
                    "similarity": pair.similarity,
                }
                for pair in pairs
            ],
        }

    def _strangers(self, test: Side, given: object) -> dict[str, object]:
        references = references_of(self.card, "", "strangers=")
        skipped: list[Skipped] = []
        samples = list(find_samples(given, self.runner.spec, skipped))
        places, (vectors,) = self.runner.all(samples, [str(self.kind.vector)], skipped)
        _check_left(len(places), LabelledData(samples, np.zeros(0), skipped=skipped))
        self.strangers = [samples[place] for place in places.tolist()]
        known = references.distances(test.vectors) if test.vectors is not None else []
        names = [sample.name for sample in self.strangers]
        return {"data": _shown(given), **strangers_found(known, references.distances(vectors), names)}

    def regression(self, found: LabelledData, output: str, train: object) -> dict[str, object]:
        wanted = [output]
        if train is not None and self.kind.vector is not None:
            wanted.append(self.kind.vector)
        places, values = self._run(found, wanted)
        samples = [found.samples[place] for place in places.tolist()]
        names = [sample.name for sample in samples]
        facts = predicted_values(names, found.labels[places], values[0], self.card)
        facts["train_duplicates"] = None
        if train is not None:
            side = Side(samples, values[1] if len(wanted) > 1 else None)
            facts["train_duplicates"] = self._duplicates(side, train)
        return facts

    def steps(self, found: LabelledData, output: str) -> dict[str, object]:
        names, labels, predicted, width = [], [], [], 0
        with closing(self.runner.parts(found.samples, [output])) as parts:
            for places, (values,), left_out in parts:
                found.skipped.extend(left_out)
                for place, scores in zip(places, values):
                    width = scores.shape[-1]
                    names.append(found.samples[place].name)
                    labels.append(found.labels[place][: len(scores)])
                    predicted.append(decided(scores)[: len(labels[-1])])
                self.runner.options.report(len(names) + len(found.skipped), len(found.samples))
        _check_left(len(names), found)
        num = num_classes(self.card.output, width)
        return {"steps": True, **steps_classified(names, labels, predicted, self.card, num)}

    def _run(self, found: LabelledData, outputs: Sequence[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        places, values = self.runner.all(found.samples, outputs, found.skipped)
        _check_left(len(places), found)
        return places, values

    def shown(self, facts: Mapping[str, object], samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples whose images a page shows, by the names under which it finds them."""
        names, train = shown_names(facts)
        strange = {str(each["name"]) for each in familiar_of(facts)}
        by_name = {sample.name: sample for sample in samples if sample.name in names}
        for side, others, listed in (
            ("train", self.train, train),
            ("strangers", self.strangers, strange),
        ):
            for sample in others:
                if sample.name in listed:
                    key = image_key(side, sample.name)
                    by_name[key] = replace(sample, name=key)
        return list(by_name.values())


def _check_left(count: int, found: LabelledData) -> None:
    """Refuse to report on nothing.

    Raises:
        InputError: No sample could be read.
    """
    if not count:
        reason = found.skipped[0].reason if found.skipped else ""
        raise InputError.coded(
            "E-INPUT-02",
            "no sample is left: none of {count} can be read. {reason} Give at least one that can be read.",
            count=len(found.samples),
            reason=reason,
        )


def _check_reported(name: str, card: ModelCard, kind: ModelKind) -> str:
    """Return what a model does, where a report can say how well.

    Raises:
        CardError: It cannot.
    """
    if kind.does in ("classify", "regress", "generate") and len(card.output.shape) <= 3:
        return kind.does
    raise CardError.coded(
        "E-INPUT-08",
        "{name}: report() expected a model that classifies, returns values or continues texts, got one whose "
        "output is of the kind {kind}. Use {call}().",
        name=name,
        kind=repr(kind_name(card.output.kind)),
        call=kind.call,
    )


def _check_asked(does: str, card: ModelCard, asked: Asked) -> None:
    """Refuse options that say nothing about what a model does.

    Raises:
        InputError: There are some.
    """
    of_steps = does == "classify" and len(card.output.shape) == 3
    refused = {
        "labels": asked.labels is not None and does == "generate",
        "train": asked.train is not None and (does == "generate" or of_steps),
        "strangers": asked.strangers is not None and (does != "classify" or of_steps),
    }
    names = [name for name, is_refused in refused.items() if is_refused]
    if names:
        raise InputError.coded(
            "E-INPUT-06",
            "report({options}): expected a model that classifies whole samples, for which they are compared; "
            "got one that does not. Leave them out.",
            options=", ".join(f"{name}=..." for name in names),
        )


def _shown(data: object) -> str | None:
    """Return the path that was given; None of arrays and lists."""
    return os.fspath(data) if isinstance(data, (str, os.PathLike)) else None
