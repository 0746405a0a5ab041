"""What a model does, by its card and its graph, and which call is for it."""

from __future__ import annotations

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import DiffusionSpec, InputSpec, ModelCard, OutputSpec, Schedule, StateSpec
from onnxnn_runtime.card.card import OUTPUT_KINDS
from onnxnn_runtime.card.kind import CALLS, ModelKind
from onnxnn_runtime.results import check_predicts
from support.paths import GOLDEN

IMAGES = DiffusionSpec(Schedule(50), (1, 4, 5), ("a", "b"), class_counts=(3, 7))
TOKENS = ("int64", ("batch", "time"))
SCORES = ("float32", ("batch", "time", 9))


def card(output: str, takes: str = "tokens", **options: object) -> ModelCard:
    given = InputSpec(takes, ("batch", "time"), num_tokens=6, states=options.pop("states", ()))
    return ModelCard("gen", (), given, OutputSpec(output, ("batch", 9)), **options)


@pytest.mark.parametrize(
    ("file", "does", "call"),
    [
        ("image_classifier", "classify", "predict"),
        ("binary", "classify", "predict"),
        ("values", "regress", "predict"),
        ("image_embedder", "embed", "embed"),
        ("text", "generate", "generate"),
        ("denoiser", "sample", "sample"),
        ("loop", "sample", "sample"),
        ("no_card", "infer", "infer"),
    ],
)
def test_files(file, does, call):
    kind = rt.load(str(GOLDEN / "models" / f"{file}.onnx"), device="cpu").kind
    assert (kind.does, kind.call) == (does, call)
    assert (kind.sampling is not None) == (does == "sample")


def test_every_kind_of_output_is_done_and_every_call_is_one_of_a_model():
    assert {ModelKind(card(output)).does for output in OUTPUT_KINDS} <= set(CALLS)
    assert all(callable(getattr(rt.Model, call)) for call in CALLS.values())


@pytest.mark.parametrize(("output", "does"), [("tokens", "translate"), ("values", "regress")])
def test_a_source_and_a_target_go_in_from_sequence_to_sequence(output, does):
    kind = ModelKind(card(output), {"input": TOKENS, "target": TOKENS}, {"output": SCORES})
    assert kind.takes_target
    assert kind.does == does
    assert kind.num_integers == {"input": 6, "target": 9}


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (card("tokens"), r"Use generate\(\) or infer\(\)\."),
        (card("embedding"), r"Use embed\(\) or infer\(\)\."),
        (card("image", diffusion=IMAGES), r"Use sample\(\) or infer\(\)\."),
        (card("image"), r"of the kind 'image'\. Use infer\(\)\."),
    ],
)
def test_predict_names_the_call_of_another_kind(given, advice):
    with pytest.raises(rt.CardError, match=advice):
        check_predicts(given, "m.onnx")


def test_states_are_no_target():
    state = StateSpec("target", "after", ("batch", 2))
    kind = ModelKind(card("tokens", states=(state,)), {"input": TOKENS, "target": SCORES}, {"output": SCORES})
    assert not kind.takes_target
    assert kind.does == "generate"


def test_timesteps_and_labels_of_a_diffusion_model():
    kind = ModelKind(card("image", "image", diffusion=IMAGES))
    assert kind.num_integers == {"t": 50, "label": 3}
    assert kind.class_counts == (3, 7)


def test_the_vector_is_the_output_of_that_name_or_of_that_kind():
    both = {"output": SCORES, "embedding": SCORES}
    assert ModelKind(card("classes"), outputs=both).vector == "embedding"
    assert ModelKind(card("embedding"), outputs={"output": SCORES}).vector == "output"
    assert ModelKind(card("classes"), outputs={"output": SCORES}).vector is None
    assert ModelKind(card("embedding")).vector is None


def test_without_a_card_nothing_is_known():
    kind = ModelKind(None, {"input": TOKENS, "target": TOKENS}, {"output": SCORES})
    assert (kind.does, kind.takes_target, kind.sampling, kind.class_counts) == ("infer", False, None, ())
    assert kind.num_integers == {}
