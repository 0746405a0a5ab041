"""kill -9 while a process adds to a gallery; benchmarks/gallery_kill.py does it more often."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image
from support.paths import GOLDEN

WRITER = """
import sys
import onnxnn_runtime as rt
from onnxnn_runtime.gallery import folder
folder._MOST_RECORDS = 5
model, gallery, *paths = sys.argv[1:]
gallery = rt.Gallery.build(rt.load(model, device="cpu", threads=1), [], gallery)
print("start", flush=True)
def say(done, total):
    print(start + done, flush=True)
for start in range(0, len(paths), 7):
    gallery.add(paths[start : start + 7], progress=say)
"""


@pytest.mark.slow
def test_what_was_reported_done_survives_a_kill(tmp_path):
    model_path = str(GOLDEN / "models" / "image_embedder.onnx")
    paths, moments = [str(tmp_path / f"{number:03d}.png") for number in range(200)], random.Random(0)
    for number, path in enumerate(paths):
        pixels = np.random.RandomState(number).randint(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    model = rt.load(model_path, device="cpu")
    expected, numbers = model.embed(paths, normalize=True), []
    for number in range(8):
        gallery_path = tmp_path / f"gallery {number}"
        command = [sys.executable, "-c", WRITER, model_path, str(gallery_path), *paths]
        with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="ascii") as writer:
            assert writer.stdout.readline() == "start\n"
            time.sleep(moments.uniform(0, 0.3))
            writer.kill()
            said = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        gallery = rt.Gallery.open(gallery_path, model)
        found = len(gallery)
        assert found >= max(map(int, said), default=0)
        assert gallery.names == paths[:found]
        np.testing.assert_allclose(gallery.vectors, expected[:found], atol=1e-6)
        assert gallery.add(paths)[:3] == (len(paths) - found, 0, found)
        assert rt.Gallery.open(gallery_path).names == paths
        numbers.append(found)
    assert len(set(numbers)) > 1  # the moments differed
