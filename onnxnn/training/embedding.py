"""Data from which vectors can be learned: losses on pairs need pairs in every batch."""

from __future__ import annotations

from onnxnn_runtime.errors import DataError, TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from onnxnn.data.batches import Batches
from onnxnn.data.pairing import SMALLEST_BATCH, PairedBatches, has_pairs


def for_pairs(
    train: Batches, validation: Batches | None, loss: str, processes: int = 1
) -> tuple[Batches, Batches | None]:
    """Return batches with pairs in them, for a loss that compares the samples of a batch.

    Args:
        train: The batches to learn from.
        validation: Those held back, or None; without a pair they measure nothing and are left out.
        loss: The loss's name.
        processes: How many processes share a batch.

    Raises:
        TrainingError: No class has two samples, or a batch has no room for two pairs.
    """
    labels = train.samples.labels
    if labels is None:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss}: expected class labels to compare, got values. Load data with class labels.",
            loss=shortened(loss),
        )
    if loss == "SupCon":
        if not has_pairs(labels):
            raise TrainingError.coded(
                "E-DATA-12",
                "loss={loss}: expected two training samples of a class, got one of every class. Give at "
                "least two of each class, hold fewer back (train_val_ratio), or use loss='ArcFace'.",
                loss=shortened(loss),
            )
        smallest = min(SMALLEST_BATCH * processes, len(labels))
        if train.batch_size < smallest:
            raise TrainingError.coded(
                "E-TRAIN-03",
                "batch_size={batch_size}: loss={loss} compares samples of a class with those of others "
                "within a batch. Use batch_size={smallest} or more.",
                batch_size=train.batch_size,
                loss=shortened(loss),
                smallest=smallest,
            )
    together = 2 * processes
    if validation is not None and validation.samples.labels is not None:
        if not has_pairs(validation.samples.labels):
            warn(
                gettext(
                    "the validation set has one sample of each class, and loss={loss} and acc compare two of "
                    "a class: training continues without validation. Hold more back, such as "
                    "train_val_ratio=0.5.",
                    loss=shortened(loss),
                )
            )
            return PairedBatches(train, together), None
        validation = PairedBatches(validation, together)
    return PairedBatches(train, together), validation


def for_evaluation(batches: Batches, loss: str) -> PairedBatches:
    """Return batches as validation has them: samples of several classes in each, two or more of a class.

    Args:
        batches: The data, in whatever order.
        loss: The loss's name.

    Raises:
        DataError: There are no labels, or no class has two samples.
    """
    labels = batches.samples.labels
    if labels is None or not has_pairs(labels):
        raise DataError.coded(
            "E-DATA-12",
            "evaluate: expected samples of a class, which loss={loss} and acc compare, got {got}. "
            "Give at least two samples of each class.",
            loss=shortened(loss),
            got=gettext("no labels") if labels is None else gettext("one sample of each class"),
        )
    return PairedBatches(batches)
