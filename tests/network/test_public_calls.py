from __future__ import annotations

import copy
import inspect
import time

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import CallError, OnnxnnError, TrainingError, UnknownAttributeError
from support.public_calls import checks_of, public_calls

import onnxnn
from onnxnn import Network, nn
from onnxnn.network.advice import ATTRIBUTES, OPTIONS, PACKAGE

CALLS = public_calls(onnxnn)


@pytest.mark.parametrize(("check", "name"), checks_of(CALLS))
def test_every_public_call(check, name):
    check(*CALLS[name])


@pytest.fixture
def model():
    return nn(verbose=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda model, options: model.train(**options),
        lambda model, options: model.inference(**options),
        lambda model, options: model.add("linear", size=(4, 3), **options),
        lambda model, options: model.add(optimizer="SGD", **options),
    ],
)
def test_of_thousands_of_unknown_options_five_are_named(model, call):
    began = time.monotonic()
    with pytest.raises(OnnxnnError, match="'option4'") as caught:
        call(model, {f"option{number}": 1 for number in range(50_000)})
    assert time.monotonic() - began < 3  # the nearest name of each takes far longer
    assert "'option5'" not in str(caught.value)


def test_the_walk_finds_the_calls_that_users_make():
    wanted = ("train", "convert", "inference", "load_img_data", "evaluate", "export", "noisy", "set_seed")
    assert {f"onnxnn.Network.{name}" for name in wanted} | {"onnxnn.pth_info", "onnxnn.nn"} <= set(CALLS)


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("train", {"epoch": 2}, "Did you mean 'epochs'"),
        ("train", {"n_epochs": 2}, "Did you mean 'epochs'"),
        ("train", {"max_iter": 2}, "Did you mean 'epochs'"),
        ("train", {"learning_rate": 0.1}, "Did you mean 'lr'"),
        ("train", {"batchsize": 4}, "Did you mean 'batch_size'"),
        ("train", {"sample_weight": [1, 2]}, "class_weight='balanced'"),
        ("train", {"batch": 4}, "Did you mean 'batch_size'"),
        ("train", {"validation_split": 0.2}, "train_val_ratio=0.8"),
        ("train", {"validation_data": None}, "evaluate"),
        ("train", {"verbose": 0}, r"nn\(verbose=0\)"),
        ("train", {"optimizer": "SGD"}, r"add\(optimizer='SGD'\)"),
        ("train", {"early_stopping": True}, "patience"),
        ("train", {"loss_fn": "mse"}, "Did you mean 'loss'"),
        ("train", {"save_folder": "x"}, "Did you mean 'save_fold'"),
        ("convert", {"out_fil": "a.onnx"}, "Did you mean 'out_file'"),
        ("convert", {"opset": 11}, "Did you mean 'opset_version'"),
        ("load_tab_data", {"data_path": "a.csv", "validation_split": 0.2}, "train_val_ratio"),
        ("load_img_data", {"data_path": "a", "target_size": (64, 64)}, "Resize"),
        ("load_img_data", {"root": "a"}, "Did you mean 'data_path'"),
        ("inference", {"images": "a.png"}, "Did you mean 'data'"),
        ("evaluate", {"metric": "acc"}, "Did you mean 'metrics'"),
        ("sample", {"num_inference_steps": 5}, "Did you mean 'steps'"),
        ("sample", {"guidance_scale": 5}, "Did you mean 'guidance'"),
        ("export", {"opset": 11, "filename": "x"}, "did you mean 'opset_version'"),
    ],
)
def test_options_of_other_libraries_are_answered_with_ours(model, method, options, said):
    with pytest.raises(CallError, match=said):
        getattr(model, method)(**options)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fit", "train"),
        ("compile", r"add\(optimizer"),
        ("predict", "inference"),
        ("predict_proba", "inference"),
        ("score", "evaluate"),
        ("parameters", r"model\.model"),
        ("eval", r"model\.model"),
        ("to", "device"),
        ("state_dict", r"model\.model"),
        ("coef_", "state_dict"),
        ("forward", "inference"),
        ("layers", "summary"),
        ("trian", "Did you mean 'train'"),
        ("load_image_data", "Did you mean 'load_img_data'"),
        ("save_folder", "Did you mean 'save_fold'"),
        ("qqqq", "It has: add"),
    ],
)
def test_attributes_of_other_libraries_are_answered_with_ours(model, name, said):
    assert not hasattr(model, name)
    assert getattr(model, name, None) is None
    with pytest.raises(AttributeError, match=said) as caught:
        getattr(model, name)
    assert isinstance(caught.value, OnnxnnError)


@pytest.mark.parametrize("table", [ATTRIBUTES, PACKAGE, *OPTIONS.values()])
def test_all_advice_has_its_values_in_both_languages(monkeypatch, table):
    monkeypatch.setenv("ONNXNN_LANG", "en")
    english = dict(table)
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    for name, chinese in table.items():
        assert chinese != english[name]
        assert "{{" not in chinese + english[name]


def test_errors_of_a_network_are_chinese_where_that_is_chosen(model, monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    with pytest.raises(TrainingError, match=r"^nn\('clss'\)：未知的任务。是否想写 'cls'？可选：") as caught:
        nn("clss")
    assert caught.value.code == "E-TRAIN-03"
    with pytest.raises(CallError, match=r"^train\(\)：未知的参数 'validation_split'：请用"):
        model.train(validation_split=0.2)
    model.add("linear", size=(4, 3))
    assert repr(model) == "<Network cls: 1 层, (4) -> (3)>"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("save_folder", "Did you mean 'save_fold'"),
        ("optimiser", "Did you mean 'optimizer'"),
        ("word2id", "Did you mean 'word2idx'"),
        ("colour", "Did you mean 'color'"),
        ("epochs", r"train\(epochs="),
        ("lr", r"train\(lr="),
        ("train", "is a method"),
        ("model", "can be read, not set"),
    ],
)
def test_attributes_cannot_be_invented(model, name, said):
    before = dict(vars(model))
    with pytest.raises(UnknownAttributeError, match=said):
        setattr(model, name, "x")
    assert vars(model) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("optimizer", "SDG"), ("optimizer", 3), ("save_fold", ""), ("save_fold", 3), ("color", "red"),
     ("color", ""), ("task", "class"), ("word2idx", "abc"), ("idx2word", 3)],
)  # fmt: skip
def test_attributes_are_checked_when_they_are_set(model, name, value):
    before = dict(vars(model))
    with pytest.raises(OnnxnnError):
        setattr(model, name, value)
    assert vars(model) == before


def test_documented_attributes_can_be_set(model, tmp_path):
    model.save_fold = tmp_path / "ckpt"
    model.optimizer = "sgd"
    model.color = "grayscale"
    assert (model.save_fold, model.optimizer) == (str(tmp_path / "ckpt"), "SGD")


def test_a_method_of_the_class_asks_for_an_object():
    with pytest.raises(CallError, match="Make an object first"):
        nn.add("linear", size=(4, 3))
    with pytest.raises(CallError, match="Make an object first"):
        nn.train()


def test_signatures_and_documentation_stay():
    assert list(inspect.signature(Network.train).parameters)[:3] == ["self", "lr", "epochs"]
    assert Network.train.__doc__.startswith("Train, write checkpoints")
    assert list(inspect.signature(nn).parameters) == ["task", "save_fold", "verbose"]
    assert nn is Network


def test_subclasses_and_what_other_libraries_look_for_are_not_disturbed():
    class Own(Network):
        def __init__(self):
            super().__init__("cls", verbose=0)
            self.note = "mine"

        def train(self, *args, **options):
            self.called = True
            return super().train(*args, **options)

    own = Own()
    own.add("linear", size=(2, 2), activation="softmax")
    own.load_dataset(np.zeros((4, 2), np.float32), [0, 1, 0, 1])
    with pytest.raises(TrainingError):
        own.train(epochs=0)
    assert own.called
    assert copy.copy(own).note == "mine"
    assert not hasattr(own, "__array__")
    assert np.asarray(own, dtype=object).shape == ()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("netwrok", ". Did you mean 'Network'?"),
        ("load", ": it is in the package onnxnn_runtime"),
        ("zzz", ". It has: "),
    ],
)
def test_an_unknown_attribute_of_the_package(name, hint):
    with pytest.raises(UnknownAttributeError) as caught:
        getattr(onnxnn, name)
    assert f"onnxnn has no attribute {name!r}{hint}" in str(caught.value)
    assert not hasattr(onnxnn, name)


@pytest.mark.parametrize("name", ["word2idx", "idx2word", "ix2word"])
@pytest.mark.parametrize(
    "words", [{}, {"a": 1}, {"a": 0, "b": 0}, {"a": 0.5}, {"a": 0, "b": 2}, {"a": "b"}, [("a", 0)], "ab", 5]
)
def test_a_vocabulary_that_is_none_is_refused(model, name, words):
    if name != "word2idx" and isinstance(words, dict):
        words = {number: word for word, number in words.items()}
        if len(words) == 1 and 0 in words:
            words[2] = "c"
    with pytest.raises(TrainingError):
        setattr(model, name, words)
    assert getattr(model, name) is None


def test_the_vocabulary_is_that_of_the_data(model):
    words, tokens = {"a": 1, "b": 0}, {1: "a", 0: "b"}
    other = {"word2idx": {"a": 0, "b": 1}, "idx2word": {0: "a", 1: "b"}, "ix2word": {0: "a", 1: "b"}}
    model.word2idx = model.idx2word = model.ix2word = None
    for own, values in ((None, {**other, "word2idx": words}), (words, {**other, "ix2word": None})):
        for name, value in values.items():
            with pytest.raises(TrainingError, match=r"2(idx|word): cannot be set.* load_dataset\(x"):
                setattr(model, name, value)
        assert model.word2idx == own
        model.load_dataset([[0, 1, 0, 1], [1, 1, 0, 0]], word2idx=words)
    model.word2idx = {"b": np.int64(0), "a": 1}
    model.idx2word = model.ix2word = tokens
    assert (model.word2idx, model.idx2word, model.ix2word) == (words, tokens, tokens)
    model.load_dataset(np.zeros((4, 2), np.float32), [0, 1, 0, 1])
    assert model.word2idx is model.idx2word is None


def nested_lists():
    """A list of lists in which each stands ten times: 10^7 entries, and a few hundred bytes."""
    value = ["x"] * 10
    for _ in range(6):
        value = [value] * 10
    return value


def itself():
    value = []
    value.append(value)
    return value


OPTIONS = [
    ("train", "lr"),
    ("train", "epochs"),
    ("train", "batch_size"),
    ("train", "loss"),
    ("train", "metrics"),
    ("train", "schedule"),
    ("train", "monitor"),
    ("train", "device"),
    ("train", "devices"),
    ("train", "strategy"),
    ("train", "precision"),
    ("train", "callbacks"),
    ("set_seed", "seed"),
    ("load_dataset", "batch_size"),
    ("load_dataset", "train_val_ratio"),
    ("train", "samples_every"),
    ("load_img_data", "transform"),
    ("load_img_data", "errors"),
    ("load_tab_data", "header"),
    ("load_tab_data", "decimal"),
    ("load_tab_data", "thousands"),
    ("load_img_data", "color"),
    ("add", "activation"),
    ("add", "size"),
    ("add", "optimizer"),
]


def an_array():
    return np.zeros((3, 4, 5))


@pytest.mark.parametrize("made", [nested_lists, itself, an_array])
@pytest.mark.parametrize(("method", "option"), OPTIONS)
def test_a_value_that_is_huge_written_out_is_refused_in_a_short_message(
    model, tmp_path, made, method, option
):
    x, y = np.zeros((8, 4), np.float32), np.arange(8) % 2
    needed = {
        "load_dataset": {"x": x, "y": y},
        "load_img_data": {"data_path": str(tmp_path)},
        "load_tab_data": {"data_path": str(tmp_path / "t.csv")},
        "add": {"layer": "linear", "size": (4, 2)},
        "train": {"epochs": 1, "save_fold": str(tmp_path)},
    }.get(method, {})
    (tmp_path / "t.csv").write_text("a,label\n1,x\n2,y\n", encoding="utf-8")
    if method == "train":
        model.load_dataset(x, y)
        model.add("linear", size=(4, 2), activation="softmax")
    with pytest.raises(OnnxnnError) as caught:
        getattr(model, method)(**{**needed, option: made()})
    assert len(str(caught.value)) < 1000


WITHOUT_AXES = [np.array(1), np.array("a"), torch.tensor(1), np.array([])]


@pytest.mark.parametrize(
    "call", ["load_dataset", "load_tab_data", "train", "evaluate", "inference", "export"]
)
@pytest.mark.filterwarnings("ignore")
def test_options_that_are_arrays_without_axes_are_refused_by_us_or_work(call, tmp_path):
    path, x, y = tmp_path / "a.csv", np.eye(4, 3), [0, 1, 0, 1]
    path.write_text("a,b,y\n1,2,0\n3,2,1\n4,1,0\n", encoding="utf-8")
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, y)
    model.add("linear", size=(3, 2), activation="softmax")
    given = {"load_dataset": (x, y), "load_tab_data": (path,), "evaluate": ((x, y),), "inference": (x,)}
    positional = given.get(call, (tmp_path / "a.onnx",) if call == "export" else ())
    left_out = {"x", "y", "data", "data_path", "path", "save_fold", "filename", "checkpoint", "resume"}
    refused = []
    for option in [name for name in inspect.signature(getattr(Network, call)).parameters if name != "self"]:
        for value in WITHOUT_AXES if option not in left_out else []:
            target = nn("cls", verbose=0) if call.startswith("load") else copy.deepcopy(model)
            try:
                getattr(target, call)(
                    *positional, **{**({"epochs": 1} if call == "train" else {}), option: value}
                )
            except OnnxnnError as error:
                refused.append(str(error))
    assert refused
    assert max(map(len, refused)) < 1000
