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
        "concurrent.futures", "glob", "hashlib", "shutil", "tempfile", "uuid"
    }  # fmt: skip


def test_one_jpeg_file_loads_only_what_it_needs(golden, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8), (200, 10, 10)).save(str(tmp_path / "a.jpg"))
    script = (
        "import sys\n"
        "import onnxnn_runtime as rt\n"
        "rt.load({!r}, device='cpu').predict({!r})\n"
        "own = ['onnxnn_runtime.' + name for name in ('atomic', 'filekind', 'tabular', 'columns')]\n"
        "print(sorted(set(own) & set(sys.modules)), 'PIL.JpegImagePlugin' in sys.modules)\n"
    ).format(str(golden / "models" / "image_classifier.onnx"), str(tmp_path / "a.jpg"))
    done = run(script)
    assert done.stdout == "[] True\n", done.stderr
