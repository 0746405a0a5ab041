"""Load, run, embed and compare with ONNX models that carry their own preprocessing and labels."""

from __future__ import annotations

import importlib.util as _util

from .card import InputSpec, ModelCard, OutputSpec, StateSpec
from .card_diffusion import DiffusionSpec, SamplerSpec
from .errors import (
    CallError,
    CardError,
    CheckpointError,
    DataError,
    DeviceError,
    ExportError,
    InputError,
    LayerError,
    MissingDataError,
    MissingInputError,
    OnnxnnError,
    OutputError,
    TrainingError,
    UnknownAttributeError,
)
from .inputs import Skipped
from .model import Embeddings, Model, Prediction, Predictions, load
from .preprocess import Preprocess
from .schedule import Schedule
from .similarity import get_similarity
from .versions import check_versions

# A folder left behind by an uninstalled package is found, but without an origin.
_found = _util.find_spec("onnxruntime")
if _found is None or _found.origin is None:
    raise ImportError(
        "onnxnn_runtime needs ONNX Runtime, which is not installed. Type one of:\n"
        "    pip install onnxruntime\n"
        "    pip install onnxruntime-gpu    (for an NVIDIA graphics card)"
    )

check_versions(_found.origin)

__version__ = "0.1.0"

__all__ = [
    "CallError",
    "CardError",
    "CheckpointError",
    "DataError",
    "DeviceError",
    "DiffusionSpec",
    "Embeddings",
    "ExportError",
    "InputError",
    "InputSpec",
    "LayerError",
    "MissingDataError",
    "MissingInputError",
    "Model",
    "ModelCard",
    "OnnxnnError",
    "OutputError",
    "OutputSpec",
    "Prediction",
    "Predictions",
    "Preprocess",
    "SamplerSpec",
    "Schedule",
    "Skipped",
    "StateSpec",
    "TrainingError",
    "UnknownAttributeError",
    "get_similarity",
    "load",
]
