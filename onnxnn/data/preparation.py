"""How data is prepared for a network: the one source of truth, which a trained network owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.columns import ColumnSpec
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.preprocess import ImageLike, Preprocess
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext

from onnxnn.graph.shape import Shape
from onnxnn.layers import Layer, make

from .label_mapping import LabelMapping

BY_INDEX = "class_indices"
"""The key of `Preparation.by_index` in what a card says about training."""


@dataclass(frozen=True)
class Preparation:
    """How data becomes the input of a network, and what the network's targets stand for.

    A network that was trained or loaded owns one. Data that is loaded later is brought into this form, by
    name, or refused; see `Data.prepared`.

    Args:
        kind: "image", "table", "sequence" (steps of numbers), "tokens" or "array".
        sample: The shape of one sample as the network gets it.
        preprocess: How an image becomes such a sample; None for other data.
        normalize: The layer `normalize` at the network's beginning, which standardises, or `impute`, which
            fills gaps, too; or None.
        features: The names of a table's input columns, in the network's order; () where they have none.
        columns: What becomes of each column of a table that holds more than numbers; () elsewhere.
        targets: The names of the values to predict; () where they have none, or where there are classes.
        classes: The names of the classes, by id; () where the targets are values.
        vocabulary: Each token's id, for tokens.
        operations: What happens to an image outside training, where a function given as transform is part of
            it, which no file can carry; else ().
        read: With such a function: returns an image as float32 (C, H, W), as this process has to read it.
        class_counts: How many samples of each class there were in training, where that is known.
        named: Whether classes are names even where they look like integers, as those of folders are.
        by_index: Whether labels that are integers are class indices, though classes are called by integers.
        order_assumed: Whether nobody said in which order arrays of images hold their channels. A network
            that the images come to later says it.
    """

    kind: str
    sample: Shape
    preprocess: Preprocess | None = None
    normalize: Layer | None = None
    features: tuple[str, ...] = ()
    columns: tuple[ColumnSpec, ...] = ()
    targets: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    vocabulary: Mapping[str, int] | None = None
    operations: tuple[Any, ...] = ()
    read: Callable[[ImageLike], np.ndarray[Any, Any]] | None = None
    named: bool = False
    class_counts: tuple[int, ...] = ()
    order_assumed: bool = False
    by_index: bool = False

    @property
    def labels(self) -> LabelMapping:
        """The classes and their ids."""
        return LabelMapping(self.classes)

    @property
    def is_wide(self) -> bool:
        """Whether the network takes float64, since its standardisation subtracts in it."""
        return self.normalize is not None and bool(self.normalize.float64_deviations)

    @property
    def deviations(self) -> torch.Tensor | None:
        """The deviations of the columns, float64, of a network that takes float64; None for others."""
        found = () if self.normalize is None else self.normalize.float64_deviations
        return torch.tensor(found, dtype=torch.float64) if found else None

    @classmethod
    def of_card(cls, card: ModelCard, sample: Shape) -> Preparation | None:
        """Return how a checkpoint's network has its data prepared; None where it never had any.

        Args:
            card: The checkpoint's card.
            sample: The shape of one sample.
        """
        spec, output = card.input, card.output
        first = card.network[0] if card.network else None
        is_standardised = (
            first is not None
            and first["layer"] in ("normalize", "impute")
            and str(first["name"]).endswith("e0")
        )
        found = cls(
            kind=spec.kind,
            sample=sample,
            preprocess=spec.preprocess,
            normalize=make(first["layer"], first["options"], stored=True)
            if first and is_standardised
            else None,
            features=spec.features,
            columns=spec.columns,
            targets=output.targets,
            classes=card.classes,
            vocabulary=spec.vocabulary,
            class_counts=ModelKind(card).class_counts,
            by_index=card.training.get(BY_INDEX) is True,
        )
        is_known = (found.preprocess, found.normalize, found.features, found.targets, found.classes)
        return found if card.training or any(is_known) or found.vocabulary is not None else None

    def without_labels(self) -> Preparation:
        """Return the part that says how inputs are prepared, for a network with another end."""
        return replace(self, classes=(), targets=(), class_counts=())

    def reads_otherwise(self, own: Preparation) -> bool:
        """Return whether images that were read for `own` have to be read again.

        The order of channels says how arrays were given, and not how they were read, unless it was assumed.
        """
        if self.turns_channels(own):
            return True
        read = [each and replace(each, channel_order="rgb") for each in (self.preprocess, own.preprocess)]
        return read[0] != read[1] or self.operations != own.operations

    def turns_channels(self, own: Preparation) -> bool:
        """Return whether arrays of images were loaded in another order of channels, which nobody chose."""
        orders = {each.channel_order for each in (self.preprocess, own.preprocess) if each is not None}
        return own.order_assumed and len(orders) > 1

    def check_kind(self, own: Preparation, is_ready: bool) -> None:
        """Refuse data of another kind than the network's.

        Args:
            own: How the data was loaded.
            is_ready: Whether its samples are arrays as the network gets them.

        Raises:
            DataError: It is of another kind.
        """
        if own.kind == self.kind or (self.kind == "tokens" and own.kind == "table"):
            return
        if self.kind == "array" and own.kind == "image" and is_ready:
            return  # an array whose values happen to lie in 0..1
        if self.kind == "image" and own.kind == "array":
            raise DataError.coded(
                "E-DATA-07",
                "expected images in 0..1, got an array of other values. Divide pixel values 0..255 by "
                "255, or give uint8 images.",
            )
        raise DataError.coded(
            "E-DATA-07",
            "expected data of the kind {kind!r} for this network, got {own!r} ({sample}). Load it into a "
            "new network, nn().",
            kind=kind_name(self.kind),
            own=kind_name(own.kind),
            sample=own.sample.describe(),
        )

    def differences(
        self,
        preprocess: Preprocess | None,
        normalize: Layer | None,
        functions: tuple[Callable[..., object], ...] = (),
    ) -> tuple[str, ...]:
        """Return a line for each thing that a load call asked for and the network does otherwise.

        Args:
            preprocess: How the call asked for images to be read; None for other data.
            normalize: The standardisation that it asked for.
            functions: The functions in its transform.
        """
        lines = []
        if normalize is not None and self.normalize is None:
            lines.append(
                gettext(
                    "the network was trained without standardisation, so this data is prepared in the same "
                    "way"
                )
            )
        elif normalize is not None and self.normalize != normalize:
            lines.append(
                gettext(
                    "the network was trained with its own mean and deviation, so this data is prepared in "
                    "the same way"
                )
            )
        asks = preprocess is not None and bool(preprocess.steps or functions)
        if self.preprocess is not None and asks and preprocess != self.preprocess:
            steps = [" ".join(map(str, step)) for step in self.preprocess.steps]
            lines.append(
                gettext(
                    "images are prepared as those that the network was trained on: {steps}",
                    steps=", ".join([self.preprocess.color, *steps]),
                )
            )
        return tuple(lines)
