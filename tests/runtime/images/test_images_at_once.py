"""What images take together that several threads read at the same time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from onnxnn_runtime import InputSpec, Preprocess
from onnxnn_runtime.images import decode as decoding
from onnxnn_runtime.images import memory as image_memory
from onnxnn_runtime.images.memory import Budget
from onnxnn_runtime.session import pipeline
from onnxnn_runtime.session.pipeline import batches, chunks, ordered
from PIL import Image
from support.pngs import png

ANY_SIZE = InputSpec("image", ("batch", 3, "height", "width"), Preprocess())


def in_threads(work, count=6):
    failed = []

    def run():
        try:
            work()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert not any(thread.is_alive() for thread in threads)


def test_threads_wait_for_room(monkeypatch):
    image = np.zeros((100, 100, 3), np.uint8)
    taken = []
    load = decoding._loaded

    def watched(opened, color):
        found = load(opened, color)
        taken.append(image_memory.shared()._taken)
        return found

    monkeypatch.setattr(image_memory, "_SMALL", 0)
    monkeypatch.setattr(decoding, "MAX_MEMORY", 200_000)
    monkeypatch.setattr(decoding, "_loaded", watched)
    preprocess = Preprocess("RGB", (("resize", 20, 20),))
    in_threads(lambda: [preprocess(Image.fromarray(image)) for _ in range(20)])
    assert len(taken) == 120
    assert 0 < max(taken) <= 200_000
    assert image_memory.shared()._taken == 0


def test_one_image_is_let_through_and_those_that_grow_do_not_block_each_other():
    budget, most = Budget(), 100
    image_memory_small, image_memory._SMALL = image_memory._SMALL, 0

    def grow():
        for _ in range(50):
            with budget.one_image():
                for size in (40, 90, 150):
                    budget.reserve(size, most)
                    with budget.one_image():  # the same image
                        budget.reserve(size + 1, most)

    try:
        in_threads(grow)
    finally:
        image_memory._SMALL = image_memory_small
    assert budget._taken == 0


def test_what_fails_gives_its_room_back():
    budget = Budget()

    def fail():
        with budget.one_image():
            budget.reserve(100, 50)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert budget._taken == 0
    budget.reserve(100, 50)  # outside of an image there is nothing to keep
    assert budget._taken == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_has_a_budget_of_its_own():
    with image_memory.shared()._changed, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads
        child = os.fork()
        if not child:
            read = Preprocess()(np.zeros((4, 4, 3), np.uint8)).shape == (3, 4, 4)
            os._exit(0 if read else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_heavy_items_make_short_lists(monkeypatch):
    monkeypatch.setattr(pipeline, "MOST", 10)
    assert list(chunks([1, 1, 9, 3, 20, 4, 4, 4], 3, lambda item: item)) == [
        [1, 1],
        [9],
        [3],
        [20],
        [4, 4],
        [4],
    ]
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []


@pytest.mark.parametrize(("weight", "most_ahead"), [(0, 8), (3, 3), (100, 1)])
def test_heavy_results_are_not_computed_far_ahead(monkeypatch, weight, most_ahead):
    monkeypatch.setattr(pipeline, "MOST", 10)
    started: list[int] = []
    stream = ordered(lambda item: started.append(item) or item, range(30), 4, lambda item: weight)
    for expected in range(30):
        assert next(stream) == expected
        assert len(started) <= expected + most_ahead + 1


def test_many_sizes_come_in_order_whatever_they_weigh(tmp_path, monkeypatch):
    sizes = [(5, 6), (40, 50), (5, 6), (5, 6), (60, 40), (7, 5), (7, 5)]
    for number, (height, width) in enumerate(sizes):
        Image.new("RGB", (width, height), (number, 0, 0)).save(str(tmp_path / f"{number}.png"))
    expected = [batch.array.shape for batch in batches(tmp_path, ANY_SIZE, batch_size=1)]
    monkeypatch.setattr(pipeline, "MOST", 2000)
    given = [str(tmp_path / "0.png"), (tmp_path / "1.png").read_bytes(), Image.open(str(tmp_path / "2.png"))]
    given += [np.asarray(Image.open(str(tmp_path / f"{number}.png"))) for number in range(3, 7)]
    for source in (tmp_path, given):
        found = list(batches(source, ANY_SIZE, batch_size=4, workers=3))
        assert [
            (1, *each.shape[1:]) for batch in found for each in [batch.array] * len(batch.names)
        ] == expected
        values = [round(float(each[0, 0, 0]) * 255) for batch in found for each in batch.array]
        assert values == list(range(7))


MEASURED = """
import re, sys
from onnxnn_runtime import InputSpec, Preprocess
from onnxnn_runtime.session.pipeline import batches
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024
steps = (("resize", 224, 224),) if sys.argv[2] == "fixed" else ()
size = (224, 224) if steps else ("height", "width")
spec = InputSpec("image", ("batch", 3, *size), Preprocess("RGB", steps))
before = peak()
print(sum(len(batch.names) for batch in batches(sys.argv[1], spec, workers=6)), peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
@pytest.mark.parametrize(("kind", "side"), [("fixed", 10_500), ("any", 5_200)])
def test_huge_images_at_once_take_less_than_a_gigabyte(tmp_path, kind, side):
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(png(side, side, 2, 8, True))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), kind], stdout=subprocess.PIPE, check=True
    )
    count, grown = re.split(r"\s+", done.stdout.decode().strip())
    assert int(count) == 6
    assert float(grown) < 1000
