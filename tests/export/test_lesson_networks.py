"""The networks of the lessons, small: trained a step, reloaded in a fresh process, exported and compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
import torch
from support.lessons import ACTIONS, LESSONS, School

# ResNet-50 has seen four images of noise: with such statistics 50 layers amplify rounding.
pytestmark = pytest.mark.filterwarnings("ignore:this network amplifies rounding")


def named(function: Any) -> Any:
    return pytest.mark.parametrize("name", LESSONS)(function)


def tolerance(given: dict[str, np.ndarray]) -> float:
    """Return how far ONNX Runtime may be from torch: more after 16 steps of a sequence."""
    x = given["input"]
    return 1e-4 if x.ndim <= 3 and x.shape[1] >= 16 else 1e-5


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    return School(tmp_path_factory.mktemp("school"))


@pytest.fixture(scope="module")
def reloaded(school):
    return school.ask_a_fresh_process()


@pytest.fixture(scope="module")
def exported(school):
    """A function that returns a lesson's ONNX file, which is written when it is first asked for."""

    def path(name):
        file = school.folder / f"{name}.onnx"
        if not file.exists():
            school.models[name].export(file)
        return file

    return path


@named
def test_a_fresh_process_gives_the_same(school, reloaded, name):
    for number, expected in enumerate(school.outputs[name]):
        np.testing.assert_allclose(reloaded[f"{name}/{number}"], expected, rtol=0, atol=1e-6)


@named
def test_the_exported_file_gives_the_same(school, exported, name):
    served = rt.load(exported(name), device="cpu")
    assert (served.facts.opset[""], served.facts.ir_version) == (13, 7)
    for given, expected in zip(school.inputs[name], school.outputs[name], strict=True):
        found = served.infer(given)["output"]
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance(given))


def test_blocks_at_once_and_spelled_out_are_one_network(school):
    at_once, in_turn = (school.models[name].model for name in ("resnet18", "resnet18 spelled out"))
    values = at_once.state_dict().values()
    in_turn.load_state_dict(dict(zip(in_turn.state_dict(), values, strict=True)))
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(in_turn.eval()(x), at_once.eval()(x))


@pytest.mark.parametrize("form", ["short", "full"])
def test_one_hot_labels_and_numbers_teach_the_same(school, form):
    one, other = (school.models[f"actions, {form}, {kind}"] for kind in ("one-hot", "numbers"))
    assert one.card().output.classes == other.card().output.classes == tuple(ACTIONS)
    assert one.history[0]["loss"] == other.history[0]["loss"]


def test_the_runtime_names_the_image(school, exported):
    served = rt.load(exported("cat or not"), device="cpu")
    given = school.inputs["cat or not"][1]["input"]
    shares = school.models["cat or not"].inference(given)[:, 0]
    for found, share in zip(served.predict(given), shares, strict=True):
        assert found.label == ("not" if share > 0.5 else "cat")
        assert found.score == pytest.approx(max(share, 1 - share), abs=1e-5)


def test_the_auxiliary_heads_are_gone(school, exported):
    assert sum("auxiliary" in name for name, _ in school.models["googlenet"].model.named_children()) == 2
    graph = onnx.load(exported("googlenet")).graph
    assert not any("auxiliary" in part.name for part in (*graph.initializer, *graph.node))


def test_the_poem_continues_as_in_torch(school, exported):
    served = rt.load(exported("poems"), device="cpu")
    options = {"length": 20, "temperature": 0.8, "top_k": 5, "seed": 3}
    assert served.generate("春", **options) == school.models["poems"].generate("春", **options)


@pytest.mark.parametrize("beams", [1, 3])
def test_targets_are_written_as_in_torch(school, exported, beams):
    served = rt.load(exported("reversal"), device="cpu")
    sources = [[5, 7, 3], [8, 4]]
    written = served.generate(sources, max_length=10, beams=beams)
    assert written == school.models["reversal"].generate(sources, max_length=10, beams=beams)
