"""Which integers suit a target: those of the one table of targets."""

from __future__ import annotations

import pytest
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.targets import TARGETS

from onnxnn.quantization.processor import IntegerTypes, here, integer_types


@pytest.mark.parametrize("target", [*TARGETS, "ort1.13"])
def test_every_target_has_its_integers(target):
    found = integer_types(target)
    on_arm = target in TARGETS and TARGETS[target].processor == "arm"
    if target == "server":
        assert found == here()
    else:
        assert found == IntegerTypes("int8" if on_arm else "uint8", reduced=not on_arm)


def test_no_target_is_any():
    assert integer_types(None) == integer_types("any")


@pytest.mark.parametrize("target", ["unihikr", "ort1.2", 3])
def test_other_targets_are_refused(target):
    with pytest.raises(ExportError, match="expected any, unihiker"):
        integer_types(target)
