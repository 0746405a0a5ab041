"""The samples that calibrate and measure: enough of them, read as the runtime reads them."""

from __future__ import annotations

from onnxnn_runtime import ModelCard
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.labelled import samples as labelled
from onnxnn_runtime.labelled.samples import Samples

from .options import MIN_SAMPLES


def read_samples(data: object, card: ModelCard, labels: object = None, is_half: bool = False) -> Samples:
    """Find the samples of a folder, a file or arrays, and the label of each.

    Args:
        data, card, labels: As for `onnxnn_runtime.labelled.samples.read_samples`.
        is_half: Whether they only calibrate, or only measure: then half as many are enough.

    Raises:
        InputError: Nothing of it matches the model.
        DataError: There are too few, or the labels do not match.
    """
    samples = labelled.read_samples(data, card, labels)
    least = MIN_SAMPLES // 2 if is_half else MIN_SAMPLES
    if len(samples) < least:
        list(samples.batches())  # a file that is not there matters more than their number
        if is_half:
            raise DataError.coded(
                "E-DATA-12",
                "expected {least} or more samples that calibrate, and as many held-out ones that measure, "
                "got {count}. Give more, or leave the held-out ones out.",
                least=least,
                count=len(samples),
            )
        raise DataError.coded(
            "E-DATA-12",
            "expected samples to calibrate and to measure, {least} or more together, got {count}. Some "
            "hundreds are better.",
            least=least,
            count=len(samples),
        )
    return samples
