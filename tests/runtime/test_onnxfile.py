from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime import InputError, load
from onnxnn_runtime.onnxfile import inspect

WITH_BRANCHES = (Path(__file__).parent.parent / "golden" / "models" / "external_inside.onnx").read_bytes()


def content(golden, name):
    return (golden / "models" / (name + ".onnx")).read_bytes()


def test_versions_and_metadata_are_read(golden):
    facts = inspect(content(golden, "image_classifier"))
    assert (facts.ir_version, facts.opset, facts.producer) == (7, {"": 13}, "golden")
    assert list(facts.metadata) == ["onnxnn"]
    assert facts.external == ()


@pytest.mark.parametrize("name", ["external", "external_inside"])
def test_a_file_that_points_to_another_is_refused(golden, name):
    assert inspect(content(golden, name)).external == ("../secret.bin",)
    with pytest.raises(InputError, match=r"another file \('\.\./secret\.bin'\), which is never opened"):
        load(content(golden, name))


def test_every_truncation_is_refused(golden):
    whole = content(golden, "image_classifier")
    without_card = whole[: whole.rindex(b"onnxnn", 0, whole.index(b'{"input"')) - 5]
    assert load(without_card, device="cpu").card is None  # a whole file, as far as ONNX goes
    for size in range(len(whole)):
        if size != len(without_card):
            with pytest.raises(InputError, match=r"no complete ONNX file|no ONNX file|cannot load it"):
                load(whole[:size], device="cpu")


def test_a_checkpoint_is_known_as_one():
    with pytest.raises(InputError, match=r"is a checkpoint .*no ONNX file.*`onnxnn export .* -o FILE\.onnx`"):
        load(b"PK\x03\x04 and more", device="cpu")


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data):
    with pytest.raises(InputError, match="ONNX"):
        load(data, device="cpu")


@given(st.integers(0, len(WITH_BRANCHES) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place, byte):
    data = bytearray(WITH_BRANCHES)
    data[place] = byte
    with contextlib.suppress(InputError):
        assert inspect(bytes(data)).ir_version > 0
