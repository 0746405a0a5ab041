"""Empty and false values of options are refused, never read as the default."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from onnxnn_runtime.errors import CallError, OnnxnnError
from support.public_calls import public_calls

from onnxnn import nn

X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
Y = [0, 1] * 4


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text("a,b,y\n1,2,0\n3,4,1\n1,3,0\n2,4,1\n", encoding="utf-8")
    model = nn(save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.load_dataset(X, Y)
    model.add("linear", size=(4, 2), activation="softmax")
    return model


TEXTS = {
    "train": ["save_fold", "loss", "metrics", "filename", "checkpoint", "resume", "schedule", "monitor",
              "device", "strategy", "precision"],
    "evaluate": ["data", "loss", "metrics"],
    "inference": ["data", "checkpoint", "sampler", "steps", "seed", "guidance"],
    "convert": ["checkpoint", "out_file", "backend"],
    "export": ["path", "checkpoint", "preprocess", "tolerance", "sampler"],
    "load_dataset": ["classes", "word2idx", "batch_size"],
    "load_tab_data": ["data_path"],
    "load_npz_data": ["data_path"],
    "load_img_data": ["data_path"],
    "plot_history": ["path"],
    "visual_filters": ["path", "before"],
    "visual_feature": ["img", "save_fold"],
    "extract_feature": ["img", "pretrain"],
    "save": ["model_path"],
    "load": ["model_path"],
    "load_weights": ["path"],
}  # fmt: skip
REQUIRED = {
    "train": {"epochs": 1}, "inference": {"data": X}, "load_dataset": {"x": X, "y": Y},
    "export": {"path": "a.onnx"}, "visual_feature": {"img": X[:1]}, "extract_feature": {"img": X},
}  # fmt: skip


@pytest.mark.parametrize("value", ["", False], ids=["empty", "False"])
@pytest.mark.parametrize(
    ("method", "option"), [(method, option) for method, options in TEXTS.items() for option in options]
)
def test_an_empty_option_is_refused(model, tmp_path, method, option, value):
    if method == "plot_history":
        model.train(epochs=1)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OnnxnnError):
        getattr(model, method)(**{**REQUIRED.get(method, {}), option: value})
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "options",
    [{"save_fold": ""}, {"save_fold": 0}, {"save_fold": False}, {"verbose": ""}, {"verbose": "no"},
     {"verbose": None}, {"verbose": -1}, {"task": ""}, {"task": 0}],
)  # fmt: skip
def test_a_network_refuses_them_too(options):
    with pytest.raises(OnnxnnError):
        nn(**options)


def flags(package):
    """Yield (name of the call, call, option) for every option that is True or False."""
    for name, (call, _) in public_calls(package).items():
        for option, parameter in inspect.signature(call).parameters.items():
            if parameter.annotation in ("bool", bool):
                yield name, call, option


def all_flags():
    import onnxnn_runtime

    import onnxnn

    return [*flags(onnxnn), *flags(onnxnn_runtime)]


@pytest.mark.parametrize(
    ("call", "option"),
    [pytest.param(call, option, id=f"{name}-{option}") for name, call, option in all_flags()],
)
@pytest.mark.parametrize("value", ["", "no", "False", None, 2, []])
def test_every_flag_is_true_or_false(call, option, value):
    with pytest.raises(CallError, match=f"{option}=.*: expected True or False"):
        call(**{option: value})


def test_flags_take_what_numpy_and_basenn_scripts_give(model):
    for value in (True, np.True_, 1, 0, np.False_):
        model.load_dataset(X, Y, shuffle=value)
    with pytest.raises(CallError, match="shuffle='no'"):
        model.load_dataset(X, Y, 0, None, None, 1.0, "no")


@pytest.mark.parametrize("method", ["visual_feature", "extract_feature"])
def test_two_names_of_one_option_are_not_given_together(model, method):
    with pytest.raises(OnnxnnError, match="two names of the same"):
        getattr(model, method)(img=X[:1], data=X[:1])


@pytest.mark.parametrize("option", ["num", "steps", "sampler", "seed", "guidance", "return_all_timesteps"])
def test_options_of_diffusion_models_are_refused_by_others(model, option):
    with pytest.raises(OnnxnnError, match=f"{option}=.*expected a diffusion model"):
        model.inference(X, **{option: 1})


def test_shown_images_go_where_they_were_asked_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OnnxnnError):
        nn(verbose=0).show(np.zeros((4, 1, 8, 8), np.float32), path="")
    assert not list(tmp_path.iterdir())
