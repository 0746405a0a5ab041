"""Generating text in torch as the runtime does."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import CardError, InputError
from support.poems import POEM, poet

from onnxnn import nn

# ---- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"seed": 1}, {"seed": 2, "temperature": 0.7, "top_k": 5}, {"temperature": 0}, {"seed": 0, "stop": "，"}],
)
def test_the_file_writes_the_same_text_as_torch(trained_poet, options):
    model = nn()
    model.load(trained_poet / "basenn.pth")
    text = model.generate("春江", length=60, **options)
    assert rt.load(trained_poet / "poems.onnx").generate("春江", length=60, **options) == text
    assert text.startswith("春江")
    assert len(text) == 60 or "stop" in options


def test_the_poem_is_learned(trained_poet):
    assert rt.load(trained_poet / "poems.onnx").generate("滟", length=6, temperature=0) in POEM


@pytest.mark.parametrize("temperature", [0, 1])
def test_weights_that_are_no_numbers_write_nothing(temperature):
    model = poet()
    with torch.no_grad():
        model.model.em_lstm1.embedding.weight.fill_(np.nan)
    with pytest.raises(InputError, match="expected finite probabilities"):
        model.generate("春", temperature=temperature)


def test_words_as_tokens(tmp_path):
    words = {word: number for number, word in enumerate(["the", "cat", "sat", "."])}
    model = nn("gen", verbose=0)
    model.load_dataset([[0, 1, 2, 3, 0, 1]] * 4, word2idx=words)
    model.add("embedding", size=8)
    model.add("gru", size=16)
    model.add("linear", size=4, activation="softmax")
    model.train(lr=0.05, epochs=60, save_fold=str(tmp_path))
    assert model.generate(["the"], length=5, temperature=0) == ["the", "cat", "sat", ".", "the"]
    with pytest.raises(InputError, match=r"give a list, \['the', 'cat'\]"):
        model.generate("the cat")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([("linear", {"size": (4, 3), "activation": "softmax"})], "got one from 'table' to 'classes'"),
        (
            [
                ("embedding", {"size": (23, 4)}),
                ("lstm", {"size": 8, "bidirectional": True}),
                ("linear", {"size": 23, "activation": "softmax"}),
            ],
            "got one from 'tokens' to 'classes'.*leave out layers that look ahead",
        ),
        ([("em_lstm", {"size": (4, 8), "vocab_size": 9})], "expected a vocabulary in its card, got none"),
    ],
)
def test_networks_that_do_not_generate(layers, message):
    model = nn(verbose=0)
    for name, options in layers:
        model.add(name, **options)
    with pytest.raises(CardError, match=message):
        model.generate("春")


def test_convert_writes_a_script_that_writes_text(trained_poet, tmp_path):
    import subprocess
    import sys

    nn().convert(checkpoint=trained_poet / "basenn.pth", out_file=tmp_path / "poems.onnx")
    done = subprocess.run(
        [sys.executable, tmp_path / "poems.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert done.stdout.startswith("春")
    assert len(done.stdout.strip()) == 24
