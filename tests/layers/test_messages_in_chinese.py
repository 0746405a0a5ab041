"""Errors of layers in Chinese: whole sentences, the same codes, and the same decisions as in English."""

from __future__ import annotations

import unicodedata

import pytest
import torch
from onnxnn_runtime.errors import DataError, ExportError, LayerError, OnnxnnError

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.layers import _custom_export, make, registry

IMAGE, VECTOR, SEQUENCE, TOKENS = (
    Shape.image(3, 9, 8),
    Shape.vector(4),
    Shape.sequence(5, 6),
    Shape.tokens(5, 9),
)
REFUSED = [
    (VECTOR, "conv2d", {"size": 2, "kernel_size": 3}),
    (IMAGE, "conv2d", {"size": (1, 2), "kernel_size": 3}),
    (IMAGE, "conv2d", {"size": 2, "kernel_size": 10}),
    (IMAGE, "conv2d", {"size": 2, "kernel_size": 5, "dilation": 5}),
    (IMAGE, "conv2d", {"size": 2, "kernel_size": 3, "padding": "same", "dilation": 2}),
    (IMAGE, "maxpool", {"kernel_size": 2, "padding": 2}),
    (IMAGE, "linear", {"size": (5, 2)}),
    (SEQUENCE, "linear", {"size": (5, 2)}),
    (SEQUENCE, "conv1d", {"size": 2, "kernel_size": 3}),
    (TOKENS, "lstm", {"size": 4}),
    (IMAGE, "lstm", {"size": 4}),
    (SEQUENCE, "transformer_encoder", {"size": (6, 8), "num_heads": 4}),
    (SEQUENCE, "squeeze", {}),
    (IMAGE, "reshape", {"size": (5, 5)}),
    (IMAGE, "branches", {"paths": [[], [("conv2d", {"size": 2, "kernel_size": 3})]]}),
    (IMAGE, "branches", {"paths": [[], [("conv2", {"size": 2})]], "merge": "ad"}),
    (IMAGE, "branches", {"paths": [[], [("conv2", {"size": 2})]]}),
    (IMAGE, "diffusion_model", {"img_size": 30}),
    (VECTOR, "batchnorm2d", {}),
    (None, "relu", {}),
]


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")


def is_chinese(text):
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def refused(shape, layer, options):
    with pytest.raises(LayerError) as caught:
        Definition(shape).with_layer(1, layer, options=options)
    return caught.value


@pytest.mark.parametrize(("shape", "layer", "options"), REFUSED)
def test_codes_are_the_same_in_both_languages(monkeypatch, shape, layer, options):
    english = refused(shape, layer, options)
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    translated = refused(shape, layer, options)
    assert english.code.startswith("E-LAYER-")
    assert translated.code == english.code
    assert not is_chinese(english.text)
    assert is_chinese(translated.text)
    assert "expected" not in translated.text


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("kind", [kind for kind, cls in registry.items() if cls.named])
def test_unknown_options_of_every_layer(kind):
    with pytest.raises(LayerError, match="未知的参数 'nothing'") as caught:
        make(kind, {"nothing": 1})
    assert caught.value.code == "E-LAYER-02"


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("layer", "options", "said"),
    [
        ("conv2", {}, "是否想写 'conv2d'？"),
        ("batchnorm", {}, "'batchnorm1d'、'batchnorm2d' 或 'batchnorm3d'"),
        ("groupnorm", {}, "torch.nn.GroupNorm"),
        ("linear", {"units": 3}, "是否想写 'size'？|请写 size=3"),
        ("linear", {"sise": 3}, "是否想写 'size'？"),
        ("leakyrelu", {"alpha": 0.1}, "是否想写 'slope'？"),
        ("linear", {"size": 3, "dtype": "float64"}, "请去掉它"),
    ],
)
def test_what_a_name_means_does_not_depend_on_the_language(layer, options, said):
    with pytest.raises(LayerError, match=said) as caught:
        make(layer, options)
    assert "缺少" not in caught.value.text


@pytest.mark.usefixtures("chinese")
def test_the_columns_of_a_summary_are_aligned():
    model = nn(verbose=0)
    model.add("linear", size=(4, 3), activation="softmax")
    head, rule, *rows = model._definition.summary(120).splitlines()
    width = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in head)
    assert head.startswith("层  ")
    assert rule == "-" * width
    assert rows[0].startswith("输入")
    assert rows[-1].startswith("合计")


def test_several_problems_are_sentences():
    with pytest.raises(LayerError) as caught:
        make("conv2d", {"strid": 1, "padd": 2})
    assert caught.value.text == (
        "add('conv2d', strid=1, padd=2): unknown option 'strid'. Did you mean 'stride'? "
        "Unknown option 'padd'. Did you mean 'padding'? Option 'size' is missing. "
        "Option 'kernel_size' is missing. "
        "Options of 'conv2d': size, kernel_size, stride, padding, groups, dilation, bias."
    )


def test_an_exporter_that_fails_without_a_word(monkeypatch):
    def silent(*arguments):
        raise AssertionError

    monkeypatch.setattr(_custom_export, "_legacy", silent)
    monkeypatch.setattr(_custom_export, "_current", silent)
    model = nn(verbose=0)
    model.load_dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    model.add(torch.nn.Linear(2, 2))
    with pytest.raises(ExportError, match=r"the older exporter: AssertionError.* \[E-EXPORT-02\]$"):
        model.export("never.onnx")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "E-DATA-01"),
        ("", "E-DATA-02"),
        ("a,b\n1,2\n1,2,3,4,5\n", "E-DATA-03"),
        ("a,b\n1,nan\n", "E-DATA-04"),
    ],
)
def test_mistakes_in_training_tables_have_codes_of_data(tmp_path, content, code):
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        nn("cls", verbose=0).load_tab_data(path)
    assert caught.value.code == code


def test_no_blank_stands_between_chinese_sentences(monkeypatch, tmp_path):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    (tmp_path / "a.pth").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    model = nn(verbose=0)
    model.add("conv2d", size=(3, 4), kernel_size=3)
    calls = [
        lambda: model.load(tmp_path / "none.pth"),
        lambda: model.load(tmp_path / "a.pth"),
        lambda: model.load_img_data(tmp_path / "none"),
        lambda: model.load_npz_data(tmp_path / "none.npz"),
        lambda: model.add("conv2d", size=(3, 4), kernel_size=3),
    ]
    for call in calls:
        with pytest.raises(OnnxnnError) as caught:
            call()
        text = caught.value.text.replace(str(tmp_path), "")
        assert "。" in text
        assert "。 " not in text
