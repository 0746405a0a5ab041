"""kill -9 while a process adds to a gallery: benchmarks/gallery_kill.py, which does it more often."""

from __future__ import annotations

import random
import shutil

import onnxnn_runtime as rt
import pytest
from support.paths import GOLDEN, ROOT


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the sources are not here")
def test_what_was_reported_done_survives_a_kill(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import gallery_kill

    shutil.copy(str(GOLDEN / "models" / "image_embedder.onnx"), str(tmp_path / "small.onnx"))
    paths, moments, numbers = gallery_kill.make_images(tmp_path / "images", 200), random.Random(0), set()
    model = rt.load(tmp_path / "small.onnx", device="cpu")
    expected = model.embed(paths, normalize=True)
    whole = gallery_kill.work(tmp_path, tmp_path / "whole", paths, None)[1]
    for number in range(8):
        gallery = tmp_path / f"gallery {number}"
        said, _ = gallery_kill.work(tmp_path, gallery, paths, moments.uniform(0, whole))
        numbers.add(len(rt.Gallery.open(gallery)))
        gallery_kill.check(gallery, model, paths, expected, said)
    assert len(numbers) > 1  # the moments differed
