"""The public names of the packages, written down: one more or one less is a decision, not an accident."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib

import onnxnn_runtime as rt
import pytest

NAMES = {
    "onnxnn": ["Callback", "Network", "nn", "pth_info"],
    "onnxnn_runtime": [
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
        "TrainingError",
        "UnknownAttributeError",
        "VerificationReport",
        "get_similarity",
        "load",
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
@pytest.mark.parametrize("value", [3, None, "a", (1, 2, 2), {}])
def test_records_of_wrong_values_are_refused_or_print(name, value):
    public = getattr(rt, name)
    if dataclasses.is_dataclass(public):
        needed = [field.name for field in dataclasses.fields(public) if field.default is dataclasses.MISSING]
        with contextlib.suppress(rt.OnnxnnError):
            assert str(public(**dict.fromkeys(needed, value)))
