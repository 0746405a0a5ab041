from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "onnx", "cv2", "matplotlib", "onnxnn")


def run(script):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_nothing_heavy_is_imported(golden):
    script = (
        "import sys\n"
        "for name in {!r}: sys.modules[name] = None\n"  # importing one of them would raise
        "import numpy as np\n"
        "import onnxnn_runtime as rt\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "model = rt.load({!r}, device='cpu')\n"
        "model.predict(np.zeros((4, 4, 3), np.uint8))\n"
        "model.embed(np.zeros((4, 4, 3), np.uint8))\n"
        "rt.load({!r}).predict([1.0, 2.0])\n"
    ).format(HEAVY, str(golden / "models" / "image_classifier.onnx"), str(golden / "models" / "table.onnx"))
    done = run(script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("leftover", [False, True], ids=["missing", "empty folder left behind"])
def test_without_onnx_runtime_the_import_says_what_to_type(tmp_path, leftover):
    # A stand-in for a machine without it: the search finds nothing, or a folder with no module in it.
    (tmp_path / "onnxruntime").mkdir()
    script = (
        "import importlib.util as util\n"
        "from importlib.machinery import PathFinder\n"
        "real = util.find_spec\n"
        "def find_spec(name, package=None):\n"
        "    if name != 'onnxruntime': return real(name, package)\n"
        f"    return PathFinder.find_spec(name, [{str(tmp_path)!r}]) if {leftover} else None\n"
        "util.find_spec = find_spec\n"
        "import onnxnn_runtime\n"
    )
    done = run(script)
    assert done.returncode == 1
    assert "ImportError: onnxnn_runtime needs ONNX Runtime, which is not installed" in done.stderr
    assert "pip install onnxruntime\n" in done.stderr
    assert "pip install onnxruntime-gpu " in done.stderr


def test_every_public_name_exists():
    import onnxnn_runtime

    for name in onnxnn_runtime.__all__:
        assert hasattr(onnxnn_runtime, name)


def test_a_small_board_loads_what_it_needs_alone():
    """What only some calls need, such as OpenSSL by way of hashlib, takes megabytes and time at the start."""
    script = (
        "import sys, numpy, PIL.Image; before = set(sys.modules); import onnxnn_runtime; "
        "print(' '.join(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    assert not set(done.stdout.decode().split()) & {
        "concurrent.futures", "glob", "hashlib", "shutil", "tempfile", "uuid",
        "onnxnn_runtime.card_diffusion", "onnxnn_runtime.engine", "onnxnn_runtime.graph_check",
        "onnxnn_runtime.similarity",
    }  # fmt: skip


def test_what_is_imported_late_is_found_in_every_way():
    script = (
        "import copy, pickle, onnxnn_runtime as rt\n"
        "assert {'Schedule', 'get_similarity', 'load', '__version__'} <= set(dir(rt))\n"
        "assert hasattr(rt, 'Schedule') and not hasattr(rt, 'Sched')\n"
        "from onnxnn_runtime import DiffusionSpec as first\n"
        "from onnxnn_runtime import *\n"
        "assert first is DiffusionSpec is rt.card_diffusion.DiffusionSpec is rt.DiffusionSpec\n"
        "spec = DiffusionSpec(Schedule(5), (1, 8, 8))\n"
        "assert pickle.loads(pickle.dumps(spec)) == spec == copy.deepcopy(spec)\n"
        "assert get_similarity([1, 0], [1, 0]) == 1\n"
        "assert rt.verify.check\n"
    )
    done = run(script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("get_simliarity", ", did you mean 'get_similarity'\\?"),
        ("lod", ", did you mean 'load'\\?"),
        ("modelcard", ", did you mean 'ModelCard'\\?"),
        ("InferenceSession", r": open a file with load\(path\)\."),
        ("nn", r": it is in the package onnxnn: from onnxnn import nn\."),
        ("zzz", r"\. It has: CallError, .*load\."),
        ("a.b", r"\. It has: "),
        ("\x1b[31m", r"\. It has: "),
    ],
)
def test_an_unknown_attribute_of_the_package(name, hint):
    import onnxnn_runtime

    with pytest.raises(
        onnxnn_runtime.UnknownAttributeError, match="^onnxnn_runtime has no attribute .*" + hint
    ):
        getattr(onnxnn_runtime, name)


@pytest.mark.parametrize("name", ["__wrapped__", "_repr_html_"])
def test_what_python_itself_looks_for_has_no_hint(name):
    import onnxnn_runtime

    with pytest.raises(AttributeError, match=f"^module 'onnxnn_runtime' has no attribute '{name}'$"):
        getattr(onnxnn_runtime, name)
