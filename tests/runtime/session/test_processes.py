"""Models that are copied, pickled, sent to other processes, and used after a fork."""

from __future__ import annotations

import copy
import os
import pickle  # noqa: TID251  (users pickle models; nothing of ours reads one)
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import ModelCard
from support.paths import TESTS

SUPPORT = TESTS / "support"
KINDS = [
    "image_classifier",
    "no_card",
    "table",
    "sequence",
    "tokens",
    "text",
    "denoiser",
    "loop",
    "two_inputs",
]
COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "oldest protocol": lambda model: pickle.loads(pickle.dumps(model, 2)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("how", list(COPIES))
@pytest.mark.parametrize("source", ["path", "bytes"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_opened_again(golden, kind, source, how):
    path = golden / "models" / (kind + ".onnx")
    model = rt.load(path if source == "path" else path.read_bytes(), device="cpu", threads=1)
    again = COPIES[how](model)
    assert again is not model
    assert (again.card, again.inputs, again.outputs) == (model.card, model.inputs, model.outputs)
    feeds = {
        name: np.ones([size if isinstance(size, int) else 2 for size in shape], dtype)
        for name, (dtype, shape) in model.inputs.items()
    }
    expected = model.infer(feeds)
    for name, found in again.infer(feeds).items():
        np.testing.assert_array_equal(found, expected[name])
    pickle.dumps(again)


def test_what_the_model_was_opened_with_stays(golden):
    path = golden / "models" / "image_any_size.onnx"
    own = ModelCard.from_json(rt.load(path).card.to_json().replace('"note": ""', '"note": "another card"'))
    model = pickle.loads(
        pickle.dumps(rt.load(path, device="cpu", card=own, draft=True, timeout=7, threads=1))
    )
    assert model.card.note == "another card"
    assert model.card.input.preprocess.draft
    assert (model._engine._timeout, model._engine._threads) == (7, 1)


def test_a_relative_path_is_found_from_another_folder(golden, tmp_path, monkeypatch):
    monkeypatch.chdir(golden / "models")
    written = pickle.dumps(rt.load("table.onnx"))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(written).predict([[1, 2]])[0].label == "b"


def test_a_file_that_changed_is_no_copy(golden, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes((golden / "models" / "table.onnx").read_bytes())
    model = rt.load(path)
    path.write_bytes((golden / "models" / "values.onnx").read_bytes())
    with pytest.raises(rt.InputError, match=r"model\.onnx: changed after the model was opened"):
        copy.deepcopy(model)
    path.unlink()
    with pytest.raises(rt.MissingInputError, match="no such file"):
        copy.deepcopy(model)


def test_results_can_be_pickled(open_model):
    found = open_model("table").predict([[1, 2], [3, 4]], k=2)
    again = pickle.loads(pickle.dumps(found))
    assert [each.label for each in again] == [each.label for each in found]
    assert again.skipped == []
    vectors = open_model("image_embedder").embed_named([np.zeros((6, 6, 3), np.uint8)])
    assert pickle.loads(pickle.dumps(vectors)).names == vectors.names


def in_a_fresh_process(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SUPPORT / "processes.py"), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.mark.parametrize(
    "how", [pytest.param("fork", marks=forks), "spawn", pytest.param("forkserver", marks=forks)]
)
def test_a_pool_of_processes(golden, how):
    in_a_fresh_process("pool", how, golden / "models" / "image_embedder.onnx")


@forks
@pytest.mark.parametrize("name", ["image_embedder", "image_classifier"])
def test_a_model_is_inherited_by_a_fork(golden, name):
    in_a_fresh_process("inherited", golden / "models" / (name + ".onnx"))


@forks
@pytest.mark.parametrize("what", ["ended", "streamed"])
def test_a_child_ends(golden, what):
    in_a_fresh_process(what, golden / "models" / "image_embedder.onnx")


@forks
def test_a_fork_while_another_thread_samples(golden):
    in_a_fresh_process("while_drawing", golden / "models" / "denoiser.onnx")


def test_a_copy_of_a_model_in_the_home_folder(golden, tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "m.onnx").write_bytes((golden / "models" / "table.onnx").read_bytes())
    for path in ("~/m.onnx", Path("~/m.onnx")):
        again = pickle.loads(pickle.dumps(rt.load(path)))
        assert again.card.input.kind == "table"
