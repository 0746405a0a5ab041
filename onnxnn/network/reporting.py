"""What a network gets right and wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import onnxnn_runtime
from onnxnn_runtime.api.options import takes_by_name
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.messages.catalogue import gettext

if TYPE_CHECKING:
    from onnxnn_runtime import ModelReport
    from onnxnn_runtime.importance import FeatureImportance
    from onnxnn_runtime.inputs.options import Reading
    from typing_extensions import Unpack

    from . import Network


@takes_by_name(ReadOptions)
def report(
    self: Network,
    data: object,
    labels: object = None,
    train: object = None,
    strangers: object = None,
    lang: str | None = None,
    **options: Unpack[Reading],
) -> ModelReport:
    """Say what the network gets right and wrong on samples whose labels are known.

        report = model.report("pets/test", train="pets/train")
        report.save("report.html")

    It is exported to a temporary file, which the runtime measures: the figures are those that the file will
    have wherever it runs. With `strangers` it gets reference vectors of the training data that it holds.

    Args:
        data, labels, train, strangers, lang: As for `onnxnn_runtime.Model.report`.
        errors, batch_size, progress, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.

    Raises:
        ExportError: The network cannot be exported.
        CardError, DataError, InputError: As for `onnxnn_runtime.Model.report`.
    """
    with _exported(self, unknown=strangers is not None) as model:
        return model.report(data, labels, train, strangers, lang, **options)


def feature_importance(
    self: Network, data: object, labels: object = None, *, repeats: int = 5, seed: int = 0
) -> FeatureImportance:
    """Return how much worse the network is where it cannot see a column of a table: permutation importance.

        print(model.feature_importance("test.csv"))

    It is exported to a temporary file, as for `report`.

    Args:
        data: A CSV file with its label column, a `.npz` file, or rows as for `inference`, with `labels`.
        labels: The label of each row; None takes those of `data`.
        repeats: How often each column is shuffled.
        seed: Says how, from 0; the same seed gives the same numbers.

    Raises:
        ExportError: The network cannot be exported.
        CardError, DataError, InputError: As for `onnxnn_runtime.Model.feature_importance`.
    """
    with _exported(self) as model:
        return model.feature_importance(data, labels, repeats=repeats, seed=seed)


@contextmanager
def _exported(self: Network, unknown: bool = False) -> Iterator[onnxnn_runtime.Model]:
    """Open the network as its file, which exists for a moment.

    Args:
        self: The network.
        unknown: As for `export`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        self.export(str(path), unknown=unknown)
        model = onnxnn_runtime.load(path)
        model.name = gettext("this network")
        yield model
