"""`onnxnn embed -o vectors/`: a folder of shards, and what it refuses."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from PIL import Image
from support.paths import GOLDEN

MODEL = GOLDEN / "models" / "image_embedder.onnx"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((6, 5, 3), 40 * number, np.uint8)).save(str(folder / f"{number}.png"))
    (folder / "broken.png").write_bytes(b"none")
    return folder


def test_shards_and_resuming(onnxnn, photos, tmp_path):
    pytest.importorskip("pyarrow", reason="shards need pyarrow")
    done = onnxnn("embed", MODEL, photos, "-o", "vectors/", "--shard-size", "2")
    assert done.returncode == 1
    assert "--skip-errors leaves out inputs that cannot be read" in done.stderr
    done = onnxnn("embed", MODEL, photos, "-o", "vectors", "--shard-size", "2", "--skip-errors", "--json")
    assert done.returncode == 0, done.stderr
    assert "broken.png" in done.stderr
    found = {"folder": "vectors", "num": 3, "dimension": 2, "shards": 3, "resumed": 3, "skipped": 1}
    assert json.loads(done.stdout) == found
    assert sorted(path.suffix for path in (tmp_path / "vectors").glob("[!.]*")) == [".parquet"] * 3
    done = onnxnn("embed", MODEL, photos, "-o", "vectors/", "--skip-errors")
    assert done.stdout == "3 vectors of 2 numbers in vectors/\n"


@pytest.mark.parametrize(
    "options", [["--engine", "ray"], ["--workers", "2"], ["--shard-size", "5"]], ids=lambda each: each[0][2:]
)
def test_options_of_folders_are_refused_for_a_file(onnxnn, photos, tmp_path, options):
    done = onnxnn("embed", MODEL, photos, "-o", "vectors.npz", *options)
    assert done.returncode == 1
    assert "expected a folder with --engine" in done.stderr
    assert not (tmp_path / "vectors.npz").exists()


def test_an_unknown_engine(onnxnn, photos, tmp_path):
    done = onnxnn("embed", MODEL, photos, "-o", "vectors/", "--engine", "dask")
    assert done.returncode == 1
    assert "expected 'local' or 'ray'" in done.stderr
    assert not (tmp_path / "vectors").exists()


def test_a_missing_package_is_named(onnxnn, photos, tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(name='pyarrow')", encoding="utf-8")
    done = onnxnn(
        "embed", MODEL, photos, "-o", "vectors/", PYTHONPATH=os.pathsep.join((str(tmp_path), *sys.path))
    )
    assert done.returncode == 1
    assert 'embedding into shards needs pyarrow. Install it: pip install "onnxnn-runtime[ray]"' in done.stderr
    assert done.stderr.rstrip().endswith("[E-PACKAGE-01]")
    assert not (tmp_path / "vectors").exists()
