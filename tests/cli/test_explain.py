"""`onnxnn explain`: what each code means."""

from __future__ import annotations

import json
import re

import pytest
from onnxnn_cli import explanations_running, explanations_training
from onnxnn_runtime.messages.codes import CODES


def test_every_code_is_explained_once():
    parts = (explanations_training.EXPLANATIONS, explanations_running.EXPLANATIONS)
    assert not set(parts[0]) & set(parts[1])
    assert set(parts[0]) | set(parts[1]) == set(CODES)
    for each in [*parts[0].values(), *parts[1].values()]:
        assert all(each)


@pytest.mark.parametrize("typed", ["E-LAYER-03", "e-layer-03", "[E-LAYER-03]", " E-LAYER-03 "])
def test_a_code(onnxnn, typed):
    done = onnxnn("explain", typed)
    assert done.stdout.startswith("E-LAYER-03: sizes of a layer do not match")
    assert [
        line.partition(":")[0] for line in done.stdout.split("\n") if re.match(r"[A-Z][a-z ]+:", line)
    ] == [
        "Cause",
        "Example",
        "What to do",
    ]


def test_a_code_in_chinese(onnxnn):
    assert onnxnn("explain", "E-LAYER-03", ONNXNN_LANG="zh").stdout.startswith(
        "E-LAYER-03：层的尺寸与上一层的输出不匹配"
    )


def test_all_codes(onnxnn):
    assert [line.split()[0] for line in onnxnn("explain", "all").stdout.splitlines()] == list(CODES)
    assert [each["code"] for each in json.loads(onnxnn("explain", "all", "--json").stdout)] == list(CODES)


def test_a_code_for_programs(onnxnn):
    found = json.loads(onnxnn("explain", "E-CALL-01", "--json").stdout)
    assert sorted(found) == ["cause", "code", "example", "remedy", "title"]


def test_an_unknown_code(onnxnn):
    done = onnxnn("explain", "E-LAYR-03")
    assert done.returncode == 1
    assert "got 'E-LAYR-03'. Did you mean 'E-LAYER-03'? See onnxnn explain all. [E-INPUT-06]" in done.stderr
