"""What is called to report progress, and what it raises."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest

IMAGES = np.zeros((9, 12, 9, 3), np.uint8)

CALLS = {
    "predict": (
        "image_classifier",
        lambda model, progress: model.predict(IMAGES, batch_size=2, progress=progress),
    ),
    "embed": ("image_embedder", lambda model, progress: model.embed(IMAGES, batch_size=2, progress=progress)),
    "embed_named": (
        "image_embedder",
        lambda model, progress: model.embed_named(IMAGES, batch_size=2, progress=progress),
    ),
}


@pytest.mark.parametrize("name", list(CALLS))
@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration, GeneratorExit, KeyError, rt.InputError])
def test_what_progress_raises_is_passed_on_as_it_is(open_model, name, error):
    model, call = CALLS[name]
    raised = error("mine")

    def stop(done, total):
        raise raised

    with pytest.raises(error) as found:
        call(open_model(model), stop)
    assert found.value is raised


@pytest.mark.parametrize("name", list(CALLS))
def test_progress_counts_to_the_end(open_model, name):
    model, call = CALLS[name]
    reported = []
    call(open_model(model), lambda *each: reported.append(each))
    assert reported[-1] == (9, 9)
    assert [done for done, _ in reported] == sorted({done for done, _ in reported})


@pytest.mark.parametrize("name", list(CALLS))
@pytest.mark.parametrize("progress", ["yes", 5, True, [print]])
def test_what_is_no_function_is_refused(open_model, name, progress):
    model, call = CALLS[name]
    with pytest.raises(rt.InputError, match=r"progress=.*: expected a function of \(done, total\)"):
        call(open_model(model), progress)


def test_a_stream_reports_progress_too(open_model):
    reported = []
    model = open_model("image_embedder")
    parts = list(model.embed_stream(IMAGES, batch_size=2, progress=lambda *each: reported.append(each)))
    assert sum(len(part.names) for part in parts) == 9
    assert reported[-1] == (9, 9)
    with pytest.raises(rt.InputError, match="expected a function"):
        list(model.embed_stream(IMAGES, progress=5))


def test_a_stream_does_not_end_silently_where_progress_raises(open_model):
    def stop(*reported):
        raise StopIteration("mine")

    with pytest.raises(rt.InputError, match="progress: raised StopIteration") as found:
        list(open_model("image_embedder").embed_stream(IMAGES, batch_size=2, progress=stop))
    assert str(found.value.__cause__) == "mine"
