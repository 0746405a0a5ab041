"""Options that the public calls of bulk work do not know are refused, with the one that was meant."""

from __future__ import annotations

import pytest
from onnxnn_runtime import bulk
from support.public_calls import checks_of, public_calls

CALLS = public_calls(bulk)


def test_the_public_names():
    assert bulk.__all__ == ["BulkResult", "Embedder", "embed_files"]
    assert set(CALLS) >= {f"onnxnn_runtime.bulk.{name}" for name in bulk.__all__}


@pytest.mark.parametrize(("check", "name"), checks_of(CALLS))
def test_calls(check, name):
    check(*CALLS[name])
