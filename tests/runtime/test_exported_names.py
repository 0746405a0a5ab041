"""The public names of the packages, written down: one more or one less is a decision, not an accident."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.messages.shorten import shortened

NAMES = {
    "onnxnn": ["Callback", "Network", "nn", "pth_info"],
    "onnxnn_runtime": [
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
    ],
}
PACKAGES = [pytest.param("onnxnn", marks=pytest.mark.needs_torch), "onnxnn_runtime"]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_exported_names(package):
    assert importlib.import_module(package).__all__ == NAMES[package]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_exported_name_exists(package):
    module = importlib.import_module(package)
    assert [name for name in NAMES[package] if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", NAMES["onnxnn_runtime"])
@pytest.mark.parametrize("value", [3, None, "a", (1, 2, 2), {}, np.zeros(2)], ids=shortened)
def test_records_of_wrong_values_are_refused_or_print(name, value):
    public = getattr(rt, name)
    if dataclasses.is_dataclass(public):
        fields = [field for field in dataclasses.fields(public) if field.init]
        needed = [field for field in fields if field.default is dataclasses.MISSING]
        for given in (needed, fields):
            with contextlib.suppress(rt.OnnxnnError):
                assert str(public(**{field.name: value for field in given}))
