"""Which integers suit a target: those of the one table of targets."""

from __future__ import annotations

import io

import pytest
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.targets import TARGETS

from onnxnn.quantization import processor
from onnxnn.quantization.processor import IntegerTypes, has_vnni, here, integer_types


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


@pytest.mark.parametrize(
    ("machine", "vnni", "expected"),
    [
        ("x86_64", True, IntegerTypes("uint8", reduced=False)),
        ("AMD64", False, IntegerTypes("uint8", reduced=True)),
        ("aarch64", False, IntegerTypes("int8", reduced=False)),
        ("arm64", False, IntegerTypes("int8", reduced=False)),
    ],
)
def test_the_integers_of_this_machine(monkeypatch, machine, vnni, expected):
    monkeypatch.setattr(processor.platform, "machine", lambda: machine)
    monkeypatch.setattr(processor, "has_vnni", lambda: vnni)
    assert here() == integer_types("server") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu sse avx512_vnni aes\n", True),
        ("flags\t\t: fpu avx_vnni\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("Features\t: asimd\n", False),
        ("", False),
        (None, False),
    ],
)
def test_whether_linux_says_that_there_is_vnni(monkeypatch, text, expected):
    def opened(*_, **__):
        if text is None:
            raise FileNotFoundError
        return io.StringIO(text)

    monkeypatch.setattr(processor, "open", opened, raising=False)
    assert has_vnni() is expected
