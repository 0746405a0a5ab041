"""From a float graph to one of integers, by the tools of `onnxruntime.quantization`.

Static quantisation in the QDQ form: the ranges of all values are measured on calibration samples, a pair of
QuantizeLinear and DequantizeLinear stands at each value, and ONNX Runtime fuses them with the node between
into one of integers. Weights have a scale for each output channel (Jacob et al. 2018, arXiv:1712.05877;
Krishnamoorthi 2018, arXiv:1806.08342, section 3).
"""

from __future__ import annotations

import io
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import ModelProto
from onnxnn_runtime.errors import OnnxnnError, OutputError
from onnxnn_runtime.messages.system import system_reason

from .processor import IntegerTypes
from .ranges import closest_range
from .selection import TYPES, Selection, is_depthwise
from .validity import sort_nodes
from .zeros import keep_biases, with_ranges

if TYPE_CHECKING:
    from onnxruntime.quantization.calibrate import TensorsData

Array = np.ndarray[Any, Any]


def measure_ranges(model: ModelProto, method: str, feeds: Iterable[dict[str, Array]]) -> TensorsData:
    """Return the range of every value that may be quantised.

    Args:
        model: A float model whose nodes have names.
        method: "minmax", "mse", "entropy" or "percentile".
        feeds: The calibration samples, in batches.

    Returns:
        ONNX Runtime's ranges by the names of the values.
    """
    from onnxruntime.quantization import CalibrationMethod, create_calibrator
    from onnxruntime.quantization.calibrate import TensorsData

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
        "mse": CalibrationMethod.Percentile,  # whose histograms it takes
    }
    with _temporary_folder() as folder, _quiet():
        path = os.path.join(folder, "float.onnx")
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            list(TYPES),
            augmented_model_path=os.path.join(folder, "ranges.onnx"),
            calibrate_method=methods[method],
            extra_options={"symmetric": False},
        )
        for feed in feeds:
            calibrator.collect_data(_Once(feed))
        if method != "mse":
            ranges = calibrator.compute_data()
            found = {name: ranges[name].range_value for name in ranges.keys()}  # noqa: SIM118, it is no dict
        else:
            histograms = calibrator.collector.histogram_dict
            found = {name: closest_range(*each[:4]) for name, each in histograms.items()}
    return TensorsData(CalibrationMethod.MinMax, with_ranges(found))


def quantized(
    model: ModelProto, ranges: TensorsData, selection: Selection, types: IntegerTypes
) -> ModelProto:
    """Return a model whose selected nodes compute in integers.

    Opset, version of the format, metadata and producer stay those of the float model.

    Args:
        model: The float model; it is left as it is.
        ranges: What `measure_ranges` returned.
        selection: Which nodes.
        types: How numbers are held.
    """
    from onnxruntime.quantization import QDQQuantizer, QuantType

    copy = ModelProto()
    copy.CopyFrom(onnx.shape_inference.infer_shapes(model))
    activations = QuantType.QUInt8 if types.activations == "uint8" else QuantType.QInt8
    with _quiet():
        quantizer = QDQQuantizer(
            copy,
            True,
            types.reduced,
            QuantType.QInt8,
            activations,
            ranges,
            list(selection.nodes),
            [],
            list(TYPES),
            {
                "WeightSymmetric": True,
                "ActivationSymmetric": False,
                "TensorQuantOverrides": _whole_bytes(copy, selection),
            },
        )
        quantizer.quantize_model()
    found: ModelProto = quantizer.model.model
    sort_nodes(found.graph)
    keep_biases(found, model, selection)
    return _as_before(found, model)


def _whole_bytes(model: ModelProto, selection: Selection) -> dict[str, list[dict[str, Any]]]:
    """Return the weights that take 8 bits always, as ONNX Runtime's tools take them: see `IntegerTypes`."""
    from onnxruntime.quantization import QuantType

    whole = {"quant_type": QuantType.QInt8, "symmetric": True, "reduce_range": False, "axis": 0}
    chosen = set(selection.weighted)
    return {node.input[1]: [whole] for node in model.graph.node if node.name in chosen and is_depthwise(node)}


def _as_before(found: ModelProto, model: ModelProto) -> ModelProto:
    """Return a model with the versions, the metadata and the names of another."""
    found.ir_version = model.ir_version
    found.producer_name, found.producer_version = model.producer_name, model.producer_version
    for name in ("opset_import", "metadata_props"):
        found.ClearField(name)
        getattr(found, name).extend(getattr(model, name))
    return found


class _Once:
    """The reader of one batch, as ONNX Runtime's calibration takes it."""

    def __init__(self, feed: dict[str, Array]) -> None:
        self._left = [feed]

    def get_next(self) -> dict[str, Array] | None:
        return self._left.pop() if self._left else None


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """Yield a folder for the files of ONNX Runtime's tools, which is removed afterwards.

    Raises:
        OutputError: There is no space in it, or no folder for it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="onnxnn", ignore_cleanup_errors=True) as folder:
            yield folder
    except OnnxnnError:
        raise  # of a sample that cannot be read
    except OSError as error:
        raise OutputError.coded(
            "E-OUTPUT-01",
            "cannot write into the folder for temporary files: {reason}. Free space there, or have the "
            "environment variable TMPDIR (Windows: TEMP) name another folder.",
            reason=system_reason(error),
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the tools log and print away from the user: that a model was not preprocessed is intended."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
