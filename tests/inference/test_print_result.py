from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError, InputError
from PIL import Image

from onnxnn import nn


@pytest.fixture
def folder(tmp_path):
    """A folder with two classes of three images each, red and blue."""
    for name, color in (("blue", (0, 0, 250)), ("red", (250, 0, 0))):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (8, 8), color).save(tmp_path / "train" / name / f"{i}.png")
    return tmp_path


@pytest.fixture
def trained(folder):
    model = nn("cls", save_fold=str(folder / "ckpt"), verbose=0)
    model.set_seed(0)
    model.load_img_data(str(folder / "train"), batch_size=2)
    model.add("linear", size=(192, 2), activation="softmax")
    model.train(lr=0.01, epochs=5)
    return model


@pytest.mark.parametrize(
    ("result", "named"),
    [
        ([[0.1, 0.9], [0.75, 0.25]], {0: (1, 0.9), 1: (0, 0.75)}),
        ([0.2, 0.8], {0: (1, 0.8)}),
        (np.array([[0.25, 0.5, 0.25]], np.float32), {0: (1, 0.5)}),
    ],
    ids=["rows", "one row", "array"],
)
def test_a_result_can_be_printed_without_layers(result, named, capsys):
    found = nn().print_result(result)
    assert found == {
        i: {"预测值": label, "置信度": pytest.approx(score)} for i, (label, score) in named.items()
    }
    assert capsys.readouterr().out == f"{found}\n"


@pytest.mark.parametrize(
    "result", ["abc", [], [[[0.1, 0.9]]], object()], ids=["text", "none", "3-D", "object"]
)
def test_what_is_no_result_is_refused(result):
    with pytest.raises(InputError, match=r"expected what inference returned"):
        nn().print_result(result)


def test_without_a_result_there_is_nothing_to_print():
    with pytest.raises(DataError, match="Call inference first"):
        nn().print_result()


@pytest.mark.parametrize("kind", ["folder", "list of paths", "list of Path"])
def test_results_of_several_files_have_their_names(trained, folder, kind, capsys):
    files = sorted((folder / "train" / "red").glob("*.png"))
    sources = {"folder": str(folder / "train" / "red"), "list of paths": [str(file) for file in files],
               "list of Path": files}  # fmt: skip
    result = trained.inference(sources[kind])
    for named in (trained.print_result(), trained.print_result(result)):
        assert [row["预测值"] for row in named.values()] == ["red"] * 3
        assert [row["文件"] for row in named.values()] == [str(file) for file in files]
        assert list(named[0]) == ["预测值", "置信度", "文件"]
    assert str(files[0]) in capsys.readouterr().out


def test_other_results_are_as_they_were(trained, folder):
    trained.inference(str(folder / "train" / "red"))
    assert list(trained.print_result(np.array([[0.1, 0.9]]))[0]) == ["预测值", "置信度"]
    trained.inference(str(folder / "train" / "red" / "0.png"))
    assert list(trained.print_result()[0]) == ["预测值", "置信度"]
    trained.inference(np.zeros((2, 8, 8, 3), np.uint8))
    assert list(trained.print_result()[0]) == ["预测值", "置信度"]
