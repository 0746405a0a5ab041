"""What `teach` refuses: in one clear line, in English and in Chinese, with nothing half-written."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.teaching.stored import METADATA_KEY
from support.models import graph, node, tensor, value
from support.models import model as model_file
from support.paths import GOLDEN
from support.protobuf import parse, serialize

ENCODER = str(GOLDEN / "models" / "image_classifier.onnx")


def grey(level=0, count=2):
    return [np.full((6, 5, 3), level, np.uint8)] * count


TWO = {"a": grey(0), "b": grey(200)}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("data", "english", "chinese"),
    [
        ({"a": grey()}, "at least two classes", "至少"),
        ({"a": grey(), "b": []}, "class 'b': expected inputs, got none", "类别"),
        ({}, "at least one class", "至少"),
        ({"a": grey(), " a ": grey()}, "each class once, got 'a' twice", "'a'"),
        ({"1": grey(), 1: grey()}, "each class once", "'1'"),
        ({"": grey(), "b": grey()}, "the name of each class", "名称"),
        ({"a": grey(), "  ": grey()}, "the name of each class", "名称"),
        ({"a": grey(), None: grey()}, "the name of each class", "名称"),
        ({"a": grey(), "b\n": grey(), "c\x07d": grey()}, "the name of each class", "名称"),
        (["a", "b"], "a folder of class folders, or a dict", "字典"),
        (3, "a folder of class folders, or a dict", "字典"),
        ("none/here", "no such folder", "没有"),
    ],
)
def test_wrong_classes(monkeypatch, language, data, english, chinese):
    monkeypatch.setenv("ONNXNN_LANG", language)
    with pytest.raises(rt.InputError, match=english if language == "en" else chinese):
        rt.teach(ENCODER, data)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_class_without_an_image_that_can_be_read(monkeypatch, tmp_path, language):
    monkeypatch.setenv("ONNXNN_LANG", language)
    (tmp_path / "b").mkdir()
    for number in range(3):
        (tmp_path / "b" / f"{number}.png").write_bytes(b"no image")
    with pytest.raises(rt.InputError, match="class 'b'" if language == "en" else "'b'"):
        rt.teach(ENCODER, {"a": grey(), "b": str(tmp_path / "b")}, errors="skip")


@pytest.mark.parametrize("inputs", [[], [b"no image"]])
def test_a_known_class_without_an_image_that_can_be_read(inputs):
    first = rt.teach(ENCODER, TWO)
    with pytest.raises(rt.InputError, match="class 'a'"):
        rt.teach(first, {"c": grey(90), "a": inputs}, errors="skip")


def test_a_folder_without_class_folders(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(rt.InputError, match="a folder for each class"):
        rt.teach(ENCODER, tmp_path)


@pytest.mark.parametrize("name", ["values", "binary", "text", "denoiser", "no_card"])
def test_a_file_without_a_feature_vector(name):
    with pytest.raises(rt.CardError, match=r"embedding|no onnxnn card"):
        rt.teach(str(GOLDEN / "models" / f"{name}.onnx"), TWO)


def test_a_head_that_is_none():
    with pytest.raises(rt.InputError, match="'ridge', 'mean'"):
        rt.teach(ENCODER, TWO, head="svm")
    with pytest.raises(rt.CallError, match="Did you mean 'head'"):
        rt.teach(ENCODER, TWO, haed="mean")


def changed(content, key, change):
    """Return a file with another text under a key of its metadata."""
    fields = parse(content)
    for number, _, entry in fields:
        if number == 14 and entry[0][2] == key.encode():
            entry[1] = (2, 2, change(entry[1][2].decode("utf-8")).encode("utf-8"))
    return serialize(fields)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.replace('"resize", 8, 8', '"resize", 9, 8'),
        lambda card: card.replace('"classes": ["a", "b"]', '"classes": ["b", "a"]'),
    ],
)
def test_a_taught_file_whose_card_was_changed(change):
    taught = rt.teach(ENCODER, TWO)
    assert change(taught.model.card.to_json()) != taught.model.card.to_json()
    with pytest.raises(rt.CardError, match="the encoder and the card with which it was taught"):
        rt.teach(changed(taught.content, "onnxnn", change), {"c": grey(90)})


def test_a_taught_file_whose_weights_were_changed():
    made = graph(
        [
            node("GlobalAveragePool", ["input"], ["pooled"]),
            node("Flatten", ["pooled"], ["flat"]),
            node("MatMul", ["flat", "weight"], ["embedding"]),
        ],
        [value("input", ["batch", 3, "height", "width"])],
        [value("embedding", ["batch", 4])],
        [tensor("weight", np.eye(3, 4, dtype=np.float32))],
    )
    spec = rt.InputSpec("image", ("batch", 3, "height", "width"), rt.Preprocess("RGB", (("resize", 8, 8),)))
    card = rt.ModelCard("embed", (), spec, rt.OutputSpec("embedding", ("batch", 4)))
    content = rt.teach(model_file(made, card), TWO).content
    again = rt.teach(content, {"c": grey(90)})
    assert again.counts == {"a": 2, "b": 2, "c": 2}
    assert "encoder" not in again.model.card.training  # the encoder says nothing, and no head is one
    other = content.replace(
        np.eye(3, 4, dtype=np.float32).tobytes(), np.eye(3, 4, 1, dtype=np.float32).tobytes()
    )
    assert other != content
    with pytest.raises(rt.CardError, match="the encoder and the card with which it was taught"):
        rt.teach(other, {"c": grey(90)})


DAMAGE = {
    "not JSON": lambda data: "{",
    "no object": lambda data: "[1]",
    "another schema": lambda data: json.dumps({**data, "schema": 2}),
    "a key too many": lambda data: json.dumps({**data, "more": 1}),
    "a key missing": lambda data: json.dumps({key: data[key] for key in data if key != "rows"}),
    "counts": lambda data: json.dumps({**data, "counts": [2, 3]}),
    "negative counts": lambda data: json.dumps({**data, "counts": [2, -2]}),
    "labels": lambda data: json.dumps({**data, "labels": ["a", "a"]}),
    "size": lambda data: json.dumps({**data, "size": 7}),
    "size 0": lambda data: json.dumps({**data, "size": 0}),
    "row labels": lambda data: json.dumps({**data, "row_labels": [0, 0, 1, 2]}),
    "row labels too large": lambda data: json.dumps({**data, "row_labels": [0, 0, 1, 2**70]}),
    "rows": lambda data: json.dumps({**data, "rows": "AAAA"}),
    "NaN": lambda data: json.dumps({**data, "rows": "AADAfw" * 8}),
    "no base64": lambda data: json.dumps({**data, "rows": "ä"}),
    "a factor": lambda data: json.dumps({**data, "factor": "AAAAAA==", "sums": ""}),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_taught_file_that_is_damaged(damage):
    content = rt.teach(ENCODER, TWO).content
    spoilt = changed(content, METADATA_KEY, lambda text: DAMAGE[damage](json.loads(text)))
    assert rt.load(spoilt).predict(grey())[0].label == "a"  # it still runs
    with pytest.raises(rt.CardError):
        rt.teach(spoilt, {"c": grey(90)})


def test_a_file_of_another_format_is_not_replaced(tmp_path):
    taught = rt.teach(ENCODER, TWO)
    (tmp_path / "a.onnx").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 40)
    with pytest.raises(rt.OutputError):
        taught.save(tmp_path / "a.onnx")
    with pytest.raises(rt.OutputError, match=r"ends in \.onnx"):
        taught.save(tmp_path / "a.png")
    assert taught.save(tmp_path / "b.onnx") == tmp_path / "b.onnx"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.onnx", "b.onnx"]


def test_a_call_that_is_interrupted_leaves_the_model_as_it_was(tmp_path):
    first = rt.teach(ENCODER, TWO)

    def camera():
        yield grey()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rt.teach(first, {"c": camera()})
    assert first.classes == ("a", "b")
    again = rt.teach(first, {"c": grey(90)})
    assert again.counts == {"a": 2, "b": 2, "c": 2}


def test_vectors_too_long_and_too_many(monkeypatch):
    monkeypatch.setattr("onnxnn_runtime.teaching.statistics.SMALL_SIZE", 2)
    monkeypatch.setattr("onnxnn_runtime.teaching.statistics._KEPT_OF_LONG", 12)
    assert rt.teach(ENCODER, TWO).counts == {"a": 2, "b": 2}
    with pytest.raises(rt.InputError, match="at most 4 images"):
        rt.teach(ENCODER, {"a": grey(0, 80), "b": grey(200, 80)})
