from __future__ import annotations

import json
import subprocess
import sys

import pytest

ALLOWED = {"PIL", "numpy", "onnxnn_runtime", "onnxruntime"}
"""What the runtime may load beside the standard library, whatever else is installed."""

FOREIGN = """
import json, os, sys
def is_foreign(module):
    file = getattr(module, "__file__", None)
    if not file:
        return False  # built in
    file, library = os.path.realpath(file), os.path.realpath(sys.base_prefix) + os.sep
    return not file.startswith(library) or "site-packages" in file or "dist-packages" in file
def foreign():
    new = [(name.split(".")[0], sys.modules[name]) for name in set(sys.modules) - before]
    return sorted({name for name, module in new if is_foreign(module)})
before = set(sys.modules)
"""

CALLS = """
import os
import numpy as np
from PIL import Image
folder, models = sys.argv[1:]
def load(name):
    return rt.load(os.path.join(models, name + ".onnx"), device="cpu")
Image.fromarray(np.zeros((9, 12, 3), np.uint8)).save(os.path.join(folder, "0.png"))
with open(os.path.join(folder, "table.csv"), "w", encoding="utf-8") as file:
    file.write("length,\\u5bbd\\n1,2\\n3,4\\n")
np.savez(os.path.join(folder, "arrays.npz"), np.zeros((3, 2), np.float32))
images = load("image_classifier")
images.predict(os.path.join(folder, "0.png"))
images.infer(np.zeros((1, 3, 4, 4), np.float32))
images.embed(os.path.join(folder, "0.png"))
images.embed_named([os.path.join(folder, "0.png")])
list(images.embed_stream(iter([np.zeros((4, 4, 3), np.uint8)])))
load("table").predict([1.0, 2.0])
load("table").predict(os.path.join(folder, "table.csv"))
load("table").predict(os.path.join(folder, "arrays.npz"))
load("text").generate("\\u6625", length=4, seed=0)
samples = load("denoiser_classes").sample(num=2, steps=2, label="blue", progress=True)
load("denoiser_classes").interpolate(*samples, num=3, steps=2)
gallery = rt.Gallery.build(images, [os.path.join(folder, "0.png")], os.path.join(folder, "gallery"), "x")
gallery.classify(os.path.join(folder, "0.png"))
rt.Gallery.load(os.path.join(folder, "gallery")).save(os.path.join(folder, "copy"))
rt.get_similarity([1, 0], [[1, 0], [0, 1]])
rt.verify(load("image_classifier"))
rt.benchmark(os.path.join(models, "table.onnx"), devices="cpu", batch_sizes=1, threads=1, seconds=0.01)
os.environ["ONNXNN_CACHE"] = folder
rt.load(os.path.join(models, "no_card.onnx"), device="cpu", tune=True)
for name in rt.__all__:
    getattr(rt, name)
"""


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_import_loads_numpy_and_pillow_alone():
    done = run(FOREIGN + "import onnxnn_runtime as rt\nprint(json.dumps(foreign()))")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == ALLOWED - {"onnxruntime"}


def test_no_call_loads_another_package(golden, tmp_path):
    script = FOREIGN + "import onnxnn_runtime as rt\n" + CALLS + "print(json.dumps(foreign()))"
    done = run(script, str(tmp_path), str(golden / "models"))
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout.splitlines()[-1])) == ALLOWED


@pytest.mark.parametrize("leftover", [False, True], ids=["missing", "an empty folder"])
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


def test_a_small_board_loads_what_it_needs_alone():
    """What only some calls need, such as OpenSSL by way of hashlib, takes megabytes and time at the start."""
    script = (
        "import sys, numpy, PIL.Image; before = set(sys.modules); import onnxnn_runtime; "
        "print(' '.join(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    assert not set(done.stdout.decode().split()) & {
        "concurrent.futures", "glob", "hashlib", "shutil", "tempfile", "uuid",
        "onnxnn_runtime.card.diffusion", "onnxnn_runtime.session.engine",
        "onnxnn_runtime.session.graph_check",
        "onnxnn_runtime.card.kind", "onnxnn_runtime.diffusion.options", "onnxnn_runtime.gallery",
        "onnxnn_runtime.generation.options", "onnxnn_runtime.similarity", "onnxnn_runtime.tuning",
    }  # fmt: skip


def test_what_is_imported_late_is_found_in_every_way():
    script = (
        "import copy, pickle, onnxnn_runtime as rt\n"
        "assert {'Schedule', 'get_similarity', 'load', '__version__'} <= set(dir(rt))\n"
        "assert hasattr(rt, 'Schedule') and not hasattr(rt, 'Sched')\n"
        "from onnxnn_runtime import DiffusionSpec as first\n"
        "from onnxnn_runtime import *\n"
        "assert first is DiffusionSpec is rt.card.diffusion.DiffusionSpec is rt.DiffusionSpec\n"
        "spec = DiffusionSpec(Schedule(5), (1, 8, 8))\n"
        "assert pickle.loads(pickle.dumps(spec)) == spec == copy.deepcopy(spec)\n"
        "assert get_similarity([1, 0], [1, 0]) == 1\n"
        "assert rt.verify and rt.VerificationReport\n"
    )
    done = run(script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("get_simliarity", ". Did you mean 'get_similarity'\\?"),
        ("lod", ". Did you mean 'load'\\?"),
        ("modelcard", ". Did you mean 'ModelCard'\\?"),
        ("InferenceSession", r": open a file with load\(path\)\."),
        ("nn", r": it is in the package onnxnn: from onnxnn import nn\."),
        ("zzz", r"\. It has: BenchmarkReport, .*verify\."),
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
