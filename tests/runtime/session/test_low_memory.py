"""`load(..., low_memory=True)`: the same results with less memory."""

from __future__ import annotations

import pickle  # noqa: TID251  (users pickle models; nothing of ours reads one)
import platform
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.session import engine, resources
from support.prepared import run_interpreter


@pytest.mark.parametrize("name", ["image_classifier", "image_embedder", "image_any_size", "image_in_graph"])
def test_results_are_the_same(open_model, folder, name):
    expected = open_model(name, device="cpu").embed_named(folder)
    found = open_model(name, device="cpu", low_memory=True).embed_named(folder)
    assert found.names == expected.names
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-6)


@pytest.mark.parametrize("copied", [False, True])
def test_sessions_keep_no_memory(open_model, copied):
    model = open_model("image_classifier", device="cpu", low_memory=True)
    if copied:
        model = pickle.loads(pickle.dumps(model))
    options = model._engine._session.session.get_session_options()
    assert (options.enable_cpu_mem_arena, options.enable_mem_pattern) == (False, False)
    options = open_model("image_classifier", device="cpu")._engine._session.session.get_session_options()
    assert (options.enable_cpu_mem_arena, options.enable_mem_pattern) == (True, True)


@pytest.mark.parametrize(("given", "expected"), [(None, resources.FEW), (1, 1), (3, 3)])
def test_threads_are_few(open_model, monkeypatch, given, expected):
    monkeypatch.setattr(engine, "num_threads", lambda: 64)
    monkeypatch.setattr(engine, "is_limited", lambda: False)
    model = open_model("image_classifier", device="cpu", low_memory=True, threads=given)
    assert model._engine._session.session.get_session_options().intra_op_num_threads == expected
    assert model._engine._threads == expected


def test_inputs_run_one_by_one_in_one_session(open_model, monkeypatch):
    model = open_model("image_classifier", device="cpu", low_memory=True)
    sizes, sessions = [], set()
    run = model._engine._run

    def counted(session, feeds, outputs):
        sizes.append(len(next(iter(feeds.values()))))
        sessions.add(id(session))
        return run(session, feeds, outputs)

    monkeypatch.setattr(model._engine, "_run", counted)
    model.embed([np.zeros((6, 6, 3), np.uint8)] * (engine._MANY + 6))
    assert (set(sizes), len(sessions)) == ({1}, 1)
    sizes.clear()
    model.embed([np.zeros((6, 6, 3), np.uint8)] * 8, batch_size=4)
    assert set(sizes) == {4}


def test_a_wrong_number_of_threads_is_refused(open_model):
    with pytest.raises(rt.InputError, match=r"threads=0: expected an integer from 1"):
        open_model("image_classifier", low_memory=True, threads=0)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_the_file_is_given_back_to_the_system(golden, tmp_path):
    """Without low memory, glibc's malloc keeps a block as large as one that was freed before."""
    script = (
        "import re, sys, onnxnn_runtime as rt\n"
        "model = rt.load(sys.argv[1], device='cpu', low_memory=bool(int(sys.argv[2])))\n"
        "def resident():\n"
        "    return int(re.search('VmRSS:\\\\s+(\\\\d+)', open('/proc/self/status').read()).group(1))\n"
        "first = bytes(20 * 2**20).replace(b'\\0', b'x'); del first\n"
        "blocks = [b'x' * (15 * 2**20) for _ in range(2)]\n"
        "before = resident(); del blocks; print((before - resident()) / 1024)\n"
    )
    freed = []
    for low in "01":
        done = run_interpreter(["-c", script, golden / "models" / "image_classifier.onnx", low], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        freed.append(float(done.stdout))
    if "glibc" in platform.libc_ver():
        assert freed[0] < 5  # what this test is for
        assert freed[1] > 25
