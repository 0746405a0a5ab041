"""What a network gets right and wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnxnn_runtime
from onnxnn_runtime.api.options import takes_by_name
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.messages.catalogue import gettext

if TYPE_CHECKING:
    from onnxnn_runtime import ModelReport
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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        self.export(str(path), unknown=strangers is not None)
        model = onnxnn_runtime.load(path)
        model.name = gettext("this network")
        return model.report(data, labels, train, strangers, lang, **options)
