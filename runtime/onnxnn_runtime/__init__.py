"""Load, run, embed and compare with ONNX models that carry their own preprocessing and labels."""

from __future__ import annotations

import importlib.util as _util
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from .api.lazy import package_attribute as _package_attribute
from .api.versions import check_versions
from .card.card import InputSpec, ModelCard, OutputSpec, StateSpec
from .card.preprocess import Preprocess
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
    OutOfMemoryError,
    OutputError,
    TrainingError,
    UnknownAttributeError,
)
from .inputs.folders import Skipped
from .loading import load
from .messages.suggestions import PACKAGE_ATTRIBUTES as _PACKAGE_ATTRIBUTES
from .model import Model
from .results import Embeddings, Prediction, Predictions

if _TYPE_CHECKING:
    from .benchmarking.benchmark import benchmark
    from .benchmarking.report import BenchmarkReport
    from .card.diffusion import DiffusionSpec, SamplerSpec
    from .card.schedule import Schedule
    from .gallery.gallery import Gallery
    from .gallery.index_facts import IndexFacts
    from .gallery.results import Changes, Classification, Match, Matches
    from .heatmap import HeatMap
    from .report.result import ModelReport
    from .similarity import get_similarity
    from .streaming import FrameResult
    from .teaching.taught import TaughtModel
    from .teaching.teach import teach
    from .verification import VerificationReport, verify

# A folder that was left by an uninstalled package is found, but without an origin.
_found = _util.find_spec("onnxruntime")
check_versions(None if _found is None else _found.origin)

if hasattr(_sys, "ps1") or "idlelib" in _sys.modules:  # a console: Python's or IDLE's
    from .messages.user_lines import show_in_consoles as _show_in_consoles

    _show_in_consoles()

__version__ = "0.1.0"

__all__ = [
    "BenchmarkReport",
    "CallError",
    "CardError",
    "Changes",
    "CheckpointError",
    "Classification",
    "DataError",
    "DeviceError",
    "DiffusionSpec",
    "Embeddings",
    "ExportError",
    "FrameResult",
    "Gallery",
    "HeatMap",
    "IndexFacts",
    "InputError",
    "InputSpec",
    "LayerError",
    "Match",
    "Matches",
    "MissingDataError",
    "MissingInputError",
    "Model",
    "ModelCard",
    "ModelReport",
    "OnnxnnError",
    "OutOfMemoryError",
    "OutputError",
    "OutputSpec",
    "Prediction",
    "Predictions",
    "Preprocess",
    "SamplerSpec",
    "Schedule",
    "Skipped",
    "StateSpec",
    "TaughtModel",
    "TrainingError",
    "UnknownAttributeError",
    "VerificationReport",
    "benchmark",
    "get_similarity",
    "load",
    "teach",
    "verify",
]

_LAZY = {
    "BenchmarkReport": "benchmarking.report",
    "Changes": "gallery.results",
    "Classification": "gallery.results",
    "DiffusionSpec": "card.diffusion",
    "FrameResult": "streaming",
    "Gallery": "gallery.gallery",
    "HeatMap": "heatmap",
    "IndexFacts": "gallery.index_facts",
    "Match": "gallery.results",
    "Matches": "gallery.results",
    "ModelReport": "report.result",
    "SamplerSpec": "card.diffusion",
    "Schedule": "card.schedule",
    "TaughtModel": "teaching.taught",
    "VerificationReport": "verification",
    "benchmark": "benchmarking.benchmark",
    "get_similarity": "similarity",
    "teach": "teaching.teach",
    "verify": "verification",
}


def __getattr__(name: str) -> _Any:
    return _package_attribute(__name__, name, __all__, _LAZY, _PACKAGE_ATTRIBUTES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
