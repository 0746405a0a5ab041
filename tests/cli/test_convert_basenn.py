"""`onnxnn import-basenn` through the real entry point; what it converts is tested in tests/basenn."""

from __future__ import annotations

import os

import pytest
from support.paths import TESTS

pytestmark = pytest.mark.needs_torch

FAKE = TESTS / "basenn" / "fake"


@pytest.fixture
def old(tmp_path):
    """A checkpoint as BaseNN writes it, in the folder where the command runs."""
    import torch

    module = torch.nn.Sequential()
    module.add_module("linear1", torch.nn.Linear(4, 2))
    module.add_module("softmax1", torch.nn.Softmax(dim=1))
    torch.save(
        {"meta": {"input_size": [1, 4], "dataset_type": "tab"}, "state_dict": module}, tmp_path / "old.pth"
    )
    return tmp_path / "old.pth"


def test_without_trust_it_says_why_not(onnxnn, old):
    done = onnxnn("import-basenn", "old.pth", "-o", "new.pth")
    assert done.returncode == 1
    assert "--trust-pickle" in done.stderr
    assert not old.with_name("new.pth").exists()


@pytest.mark.slow
def test_with_trust_it_converts(onnxnn, old):
    path = os.pathsep.join([str(FAKE), os.environ.get("PYTHONPATH", "")])
    done = onnxnn("import-basenn", "old.pth", "-o", "new.pth", "--trust-pickle", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "new.pth: layers: 1, task: cls\n"
    assert onnxnn("export", "new.pth", "-o", "new.onnx").returncode == 0


def test_a_size_must_be_numbers(onnxnn, old):
    done = onnxnn("import-basenn", "old.pth", "-o", "new.pth", "--input-size", "big")
    assert done.returncode == 2
    assert "1x28x28" in done.stderr
