"""`Model.stream`: the newest frame of a camera, without a queue."""

from __future__ import annotations

import _thread
import io
import signal
import threading

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import streaming
from PIL import Image

RED, GREEN = np.full((6, 6, 3), (255, 0, 0), np.uint8), np.full((6, 6, 3), (0, 255, 0), np.uint8)


def cameras():
    """Return the threads that take frames."""
    return [each for each in threading.enumerate() if each.name == "onnxnn camera"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    for thread in cameras():
        thread.join(10)
    assert not cameras()


@pytest.fixture
def model(open_model):
    return open_model("image_classifier", device="cpu", threads=1)


class Camera:
    """A camera that hands out a frame when the test lets it; `frames` may hold an error."""

    def __init__(self, frames):
        self.frames = frames
        self.allowed = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)
        self.released = threading.Event()

    def __call__(self):
        try:
            for frame in self.frames:
                self.asked.release()
                assert self.allowed.acquire(timeout=30)
                if isinstance(frame, BaseException):
                    raise frame
                yield frame
            self.asked.release()
        finally:
            self.released.set()

    def hand_out(self, count):
        """Let `count` frames go, and wait until the thread asks for one more."""
        for _ in range(count):
            self.allowed.release()
            assert self.asked.acquire(timeout=30)


def started(model, camera, **options):
    """Return a stream whose thread waits for its first frame."""
    results = model.stream(camera(), **options)
    first = []
    taking = threading.Thread(target=lambda: first.append(next(results)))
    taking.start()
    assert camera.asked.acquire(timeout=30)
    camera.hand_out(1)
    taking.join(30)
    return results, first[0]


def test_a_list_is_answered_in_order_and_nothing_is_dropped(model):
    found = list(model.stream([RED, GREEN, Image.fromarray(RED)]))
    assert [each.prediction.label for each in found] == ["red", "绿", "red"]
    assert [each.index for each in found] == [0, 1, 2]
    assert [each.prediction.name for each in found] == ["frame[0]", "frame[1]", "frame[2]"]
    assert {(each.dropped, each.skipped, each.vector) for each in found} == {(0, 0, None)}
    assert all(each.seconds >= 0 and each.latency >= 0 for each in found)
    assert found[0].frame is RED


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_array_of_frames_is_taken_frame_by_frame(model, count):
    frames = np.stack([RED] * count)
    assert [each.prediction.label for each in model.stream(frames)] == ["red"] * count


def test_late_frames_are_dropped_and_counted(model):
    camera = Camera([RED, GREEN, GREEN, GREEN, RED, GREEN])
    results, first = started(model, camera)
    assert (first.index, first.prediction.label, first.dropped) == (0, "red", 0)
    camera.hand_out(4)  # while the loop does something else
    second = next(results)
    assert (second.index, second.prediction.label, second.dropped) == (4, "red", 3)
    camera.hand_out(1)
    assert (next(results).index, next(results, None)) == (5, None)
    assert camera.released.is_set()


def pixels(image):
    """Return an image as bytes that `np.frombuffer` reads."""
    return image.tobytes()


def bmp(image):
    """Return an image as a file whose length is that of every other one."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "BMP")
    return file.getvalue()


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        (pixels, lambda buffer: np.frombuffer(buffer, np.uint8).reshape(RED.shape)),
        (bmp, lambda buffer: buffer),
        (bmp, memoryview),
    ],
    ids=["array", "bytearray", "memoryview"],
)
def test_a_camera_may_fill_one_array_with_every_frame(model, written, seen):
    """The thread asks for the next frame while the network looks at this one."""
    buffer = bytearray(written(RED))
    frame = seen(buffer)

    def filled():
        for image in (RED, GREEN, RED, GREEN):
            buffer[:] = written(image)
            yield frame

    camera = Camera(filled())
    results, _ = started(model, camera)
    found = []
    for _ in range(2):
        camera.hand_out(1)  # the next one is in the buffer by now
        found.append(next(results).prediction.label)
    camera.allowed.release()
    results.close()
    assert found == ["绿", "red"]


@pytest.mark.parametrize("drop", [True, False])
def test_results_are_those_of_the_call(open_model, drop):
    embedder = open_model("image_embedder", device="cpu")
    expected = embedder.embed([GREEN], normalize=True)[0]
    (found,) = embedder.stream(iter([GREEN]), normalize=True, drop=drop)
    assert found.prediction is None
    np.testing.assert_array_equal(found.vector, expected)


def test_a_classifier_embeds_where_it_is_asked_to(model):
    (found,) = model.stream([GREEN], call="embed")
    np.testing.assert_array_equal(found.vector, model.embed(GREEN)[0])
    (found,) = model.stream([GREEN], k=2)
    assert found.prediction.top == model.predict(GREEN, k=2)[0].top


def test_frames_of_opencv_hold_blue_first(model):
    (found,) = model.stream([RED[..., ::-1]], channel_order="bgr")
    assert found.prediction.label == "red"


@pytest.mark.parametrize("drop", [True, False])
def test_what_the_camera_raises_is_raised_in_the_loop(model, drop):
    def frames():
        yield RED
        raise OSError("the cable")

    taken = []
    with pytest.raises(OSError, match="the cable"):
        taken.extend(model.stream(frames(), drop=drop))
    assert len(taken) <= 1


@pytest.mark.parametrize("drop", [True, False])
def test_leaving_the_loop_releases_the_camera(model, drop):
    released = threading.Event()

    def frames():
        try:
            while True:
                yield RED
        finally:
            released.set()

    for found in model.stream(frames(), drop=drop):
        assert found.prediction.label == "red"
        break
    assert released.wait(10)


def test_a_camera_that_blocks_does_not_hold_closing_up(model, monkeypatch):
    monkeypatch.setattr(streaming, "_LAST_FRAME", 0.05)
    camera = Camera([RED, GREEN, GREEN])
    results, _ = started(model, camera)
    results.close()
    assert cameras()
    assert not camera.released.is_set()
    camera.allowed.release()
    assert camera.released.wait(30)  # with the frame that it was at


def test_ctrl_c_is_raised_while_the_loop_waits(model):
    camera = Camera([RED, GREEN])
    results, _ = started(model, camera)
    timer = threading.Timer(0.3, _thread.interrupt_main)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has none
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            next(results)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
    camera.allowed.release()
    assert camera.released.wait(30)


@pytest.mark.parametrize("drop", [True, False])
def test_broken_frames_raise_or_are_left_out(model, drop):
    frames = [RED, None, "no such file.png", np.zeros((2, 6, 6, 3), np.uint8), GREEN]
    for wrong, text in (
        (frames[1], r"frame\[0\]: expected a frame, got None, as OpenCV"),
        (frames[2], r"no such file\.png"),
        (frames[3], r"frame\[0\]: expected one frame, got several"),
    ):
        with pytest.raises(rt.InputError, match=text):
            list(model.stream([wrong], drop=drop))
    found = list(model.stream(frames, drop=False, errors="skip"))
    assert [(each.index, each.skipped) for each in found] == [(0, 0), (4, 3)]


def test_a_graph_that_fails_is_no_broken_frame(model, monkeypatch):
    def fails(*arguments):
        raise RuntimeError("a kernel failed")

    monkeypatch.setattr("onnxnn_runtime.session.onnxruntime_session.OnnxRuntimeSession.run", fails)
    with pytest.raises(rt.InputError, match="a kernel failed"):
        list(model.stream([GREEN], errors="skip"))


@pytest.mark.parametrize(
    ("frames", "options", "text"),
    [
        (5, {}, r"stream\(frames=5\): expected frames one after the other"),
        ("cat.jpg", {}, r"stream\(frames='cat\.jpg'\): expected frames"),
        (RED, {}, r"expected frames one after the other, got one of shape \(6, 6, 3\)\. Give it in a list"),
        (RED[..., 0], {}, r"got one of shape \(6, 6\)"),
        (np.moveaxis(RED / 255.0, -1, 0), {}, r"got one of shape \(3, 6, 6\)"),
        ([], {"drop": "yes"}, "drop='yes': expected True, False, or None"),
        ([], {"drop": np.ones(2)}, "expected True, False, or None"),
        ([], {"call": "infer"}, "call='infer': expected 'predict', 'embed'"),
        ([], {"errors": "no"}, "errors='no': expected 'raise' or 'skip'"),
        ([], {"k": 0}, "k=0"),
        ([], {"channel_order": "grb"}, "channel_order"),
    ],
)
def test_wrong_options_are_refused_before_a_frame_is_taken(model, frames, options, text):
    with pytest.raises(rt.InputError, match=text):
        model.stream(frames, **options)


def test_models_that_neither_predict_nor_embed_are_refused(open_model):
    with pytest.raises(rt.CardError, match="no onnxnn card"):
        open_model("no_card").stream([RED])
    with pytest.raises(rt.CardError, match=r"embed\(\) expected an output 'embedding'"):
        open_model("table").stream([[1, 2]], call="embed")


def test_a_stream_of_the_parent_is_refused_in_a_process_that_was_forked(model, monkeypatch):
    camera = Camera([RED, GREEN])
    results, _ = started(model, camera)
    with monkeypatch.context() as patch:
        patch.setattr(streaming, "generation", lambda: -1)
        with pytest.raises(rt.InputError, match=r"before the process was forked.*another call of stream\(\)"):
            next(results)
    camera.allowed.release()
    assert camera.asked.acquire(timeout=30)  # the thread of the parent has gone on
