"""Transformers that were exported with the current code, on any board: runtime and command."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest


def test_the_encoder_says_what_torch_said_and_padding_changes_nothing(exported):
    model = rt.load(str(exported / "complaints.onnx"))
    with np.load(str(exported / "complaints.npz")) as kept:
        assert np.abs(model.infer(kept["x"]) - kept["output"]).max() <= 1e-5
        assert np.abs(model.infer(kept["x"][:, :7]) - kept["output"]).max() <= 1e-5


def test_what_comes_next_is_what_torch_said(exported):
    model = rt.load(str(exported / "reverse.onnx"))
    with np.load(str(exported / "reverse.npz")) as kept:
        found = model.infer({"input": kept["x"], "target": kept["target"]})["output"]
        assert np.abs(found - kept["output"]).max() <= 1e-5


@pytest.mark.parametrize(("place", "beams"), [(0, 1), (1, 3)])
def test_it_writes_what_torch_wrote(exported, place, beams):
    model = rt.load(str(exported / "reverse.onnx"))
    with np.load(str(exported / "reverse.npz")) as kept:
        written = model.generate(kept["x"], beams=beams)
    assert written == json.loads((exported / "reverse.json").read_text(encoding="utf-8"))[place]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([[1, 5]], "target: expected 2 rows, one for each source of input, got 1"),
        ([[1, 5], [1]], "target: expected rows of the same length"),
        ([1, 5], r"target: expected int64 \(batch, target_time\), got int64 \(2,\)"),
        ([[1, 9], [1, 5]], r"target: expected token ids .*, got 1\.\.9"),
    ],
)
def test_targets_that_do_not_fit(exported, target, message):
    model = rt.load(str(exported / "reverse.onnx"))
    with pytest.raises(rt.InputError, match=message):
        model.infer({"input": [[5, 7], [8, 4]], "target": target})


def test_generate_writes_numbers(onnxnn, exported):
    with np.load(str(exported / "reverse.npz")) as kept:
        source = kept["x"][0].tolist()
    expected = json.loads((exported / "reverse.json").read_text(encoding="utf-8"))[1][0]
    done = onnxnn("generate", exported / "reverse.onnx", " ".join(map(str, source)), "--beams", 3)
    assert done.stdout == " ".join(map(str, expected)) + "\n"
    done = onnxnn("generate", exported / "reverse.onnx", str(source)[1:-1], "--beams", 3, "--json")
    assert json.loads(done.stdout)["target"] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["5 x"], "expected integers, such as '5 7 3'"),
        (["5 9"], "expected token ids 0..8, as in the vocabulary, got 5..9"),
        ([f"5 {2**70}"], "expected token ids 0..8, as in the vocabulary, got 5..1180591620717411303424"),
        (
            ["5 7", "--seed", "0"],
            "seed=...: expected an option of a sequence-to-sequence network: max_length, beams",
        ),
        (
            ["5 7", "--length", "24"],
            "length=...: expected an option of a sequence-to-sequence network: max_length, beams",
        ),
        (["5 7", "--words"], "--words: expected a model that continues a text"),
        (["5 7", "--max-length", "10"], "max_length=10: expected at most 9, the longest target"),
        ([""], "expected at least one token id"),
    ],
)
def test_generate_refuses(onnxnn, exported, arguments, message):
    done = onnxnn("generate", exported / "reverse.onnx", *arguments)
    assert done.returncode == 1
    assert message in done.stderr


def test_verify_and_info(onnxnn, exported):
    for name in ("complaints", "reverse"):
        done = onnxnn("verify", exported / f"{name}.onnx")
        assert done.returncode == 0, done.stdout + done.stderr
    done = onnxnn("info", exported / "reverse.onnx")
    assert "tokens (batch, time), 9 tokens, at most 9 in a sequence" in done.stdout


@pytest.mark.needs_torch
def test_verify_with_the_checkpoint(onnxnn, exported):
    checkpoint = exported / "reverse_checkpoint" / "basenn.pth"
    done = onnxnn("verify", exported / "reverse.onnx", "--checkpoint", checkpoint)
    assert "ok    equals torch" in done.stdout
