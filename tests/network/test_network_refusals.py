"""What the methods of a network refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import (
    CheckpointError,
    DataError,
    ExportError,
    InputError,
    LayerError,
    OutputError,
    TrainingError,
)
from support.iris import iris_model
from torch.utils.data import DataLoader

from onnxnn import nn


def small():
    """A network without data."""
    model = nn("cls", verbose=0)
    model.add("linear", size=(1, 2), activation="softmax")
    return model


def test_nothing_to_infer(iris, tmp_path):
    model = iris_model(iris, tmp_path)
    for nothing in ([], np.zeros((0, 4), np.float32)):
        with pytest.raises(InputError, match="expected at least one sample"):
            model.inference(nothing)
        with pytest.raises(InputError, match="expected at least one sample"):
            model.extract_feature(nothing)


@pytest.mark.parametrize("seed", ["a", -1, 2**32, 1.0, None])
def test_a_seed_that_is_none(seed):
    with pytest.raises(TrainingError, match="expected an integer from 0 to 4294967295"):
        nn("cls", verbose=0).set_seed(seed)


@pytest.mark.parametrize("callbacks", [3, [3], [print]])
def test_callbacks_that_are_none(iris, tmp_path, callbacks):
    with pytest.raises(TrainingError, match="expected a list of instances"):
        iris_model(iris, tmp_path).train(epochs=1, callbacks=callbacks)


def waiting():
    model = nn(verbose=0)
    model.add(torch.nn.Linear(4, 3))
    model.add("linear", size=3)
    return model


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn("clss"), TrainingError, "unknown task. Did you mean 'cls'"),
        (lambda: nn(verbose=0).add(), LayerError, "expected a layer, an activation or an optimizer"),
        (lambda: nn(verbose=0).add(optimizer="Adm"), TrainingError, "Did you mean 'Adam'"),
        (lambda: nn(verbose=0).add(optimizer="SGD", momentun=1), TrainingError, "did you mean 'momentum'"),
        (lambda: nn(verbose=0).inference([1]), LayerError, "the network has no layers yet"),
        (lambda: nn(verbose=0).card(), LayerError, "the network has no layers yet"),
        (lambda: nn(verbose=0).extract_feature([1]), LayerError, "the network has no layers yet"),
        (lambda: nn(verbose=0).visual_feature([1]), LayerError, "the network has no layers yet"),
        (lambda: waiting().card(), LayerError, r"the layers wait for data: .* Load data .* or a checkpoint"),
        (lambda: waiting().inference([1]), LayerError, "the layers wait"),
        (lambda: setattr(nn(), "color", ["RGB"]), InputError, r"color=\['RGB'\]: unknown"),
        (lambda: nn().load_img_data(None), DataError, "data_path=None: expected the path"),
        (lambda: nn().load_img_data(["a"]), DataError, r"data_path=\['a'\]: expected the path"),
        (lambda: nn().load_img_data(""), DataError, "data_path='': expected the path"),
        (lambda: nn().load_npz_data(5), DataError, "data_path=5: expected the path"),
        (lambda: nn(verbose=0).print_result(), DataError, "Call inference first"),
        (lambda: nn(verbose=0).convert(backend="TF"), ExportError, "expected 'ONNX'"),
        (lambda: nn(verbose=0).convert("a.pth", "a.onnx", 11), ExportError, "'ONNX' as the third argument"),
        (lambda: nn(verbose=0).convert(backend=None), ExportError, "by name: opset_version=11"),
        (lambda: small().inference(), InputError, r"inference\(\): expected data, got none"),
        (lambda: small().visual_feature(), InputError, r"visual_feature\(\): expected data, got none"),
        (lambda: small().extract_feature(), InputError, r"extract_feature\(\): expected data, got none"),
    ],
)
def test_what_means_nothing_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_wrong_inputs_are_refused(iris, tmp_path):
    model = iris_model(iris, tmp_path)
    with pytest.raises(InputError, match="expected 4 columns in a row, got 3"):
        model.inference([[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="NaN"):
        model.inference([[1.0, 2.0, 3.0, float("nan")]])
    with pytest.raises(FileNotFoundError, match="no such file"):
        model.inference("none.csv")


def test_a_failed_add_does_not_count():
    model = nn(verbose=0)
    with pytest.raises(LayerError):
        model.add("liner", size=(1, 2))
    model.add("linear", size=(1, 2))
    assert next(iter(model.model.state_dict())) == "linear1.weight"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 5)), r"expected images of shape \(3, 8, 8\), .* got 5 columns"),
        (np.zeros((4, 1, 8, 8)), r"got images of shape \(1, 8, 8\)"),
        (np.zeros((4, 3, 9, 8)), r"expected images of shape \(3, 8, 8\)"),
        (np.zeros((4, 3, 8, 8), np.float32), None),
    ],
)
def test_evaluation_on_samples_of_another_shape(x, message):
    model = nn("cls", verbose=0)
    model.load_dataset(np.random.default_rng(0).random((8, 3, 8, 8)), np.arange(8) % 2)
    model.add("conv2d", size=(3, 4), kernel_size=3)
    model.add("linear", size=(4 * 6 * 6, 2), activation="softmax")
    if message is None:
        assert model.evaluate((x, np.arange(4) % 2))["acc"] == 0.5
    else:
        with pytest.raises(DataError, match=message):
            model.evaluate((x, np.arange(4) % 2))


def test_evaluation_on_a_loader_without_batches():
    model = nn("cls", verbose=0)
    model.load_dataset(np.eye(4), np.arange(4))
    model.add("linear", size=(4, 4), activation="softmax")
    with pytest.raises(DataError, match=r"evaluate\(DataLoader\): expected at least one \(x, y\)"):
        model.evaluate(DataLoader([]))


@pytest.mark.parametrize("result", [5, "a", [[0.1, 0.2, 0.7]], [[]], [[1.0], [1.0, 2.0]]])
def test_results_of_another_kind_are_not_printed(result):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 2), activation="softmax")
    with pytest.raises(InputError, match=r"expected what inference returned, an array \(batch, 2\)"):
        model.print_result(result)
    assert model.print_result([0.2, 0.8]) == {0: {"预测值": 1, "置信度": 0.8}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"save_fold": 5}, "save_fold=5: expected the path"),
        ({"filename": 5}, "filename=5: expected the path"),
        ({"filename": ""}, "filename='': expected the path"),
        ({"filename": "a\0b"}, r"filename='a\\x00b': expected the path"),
        ({"save_fold": "a\0b"}, r"save_fold='a\\x00b': expected the path"),
        ({"schedule": 5}, "schedule=5: expected a name, or a dict"),
    ],
)
def test_training_options_of_another_kind_spoil_nothing(tmp_path, options, message):
    model = nn("cls", verbose=0, save_fold=str(tmp_path / "kept"))
    model.load_dataset(np.eye(4), np.arange(4))
    model.add("linear", size=(4, 4), activation="softmax")
    with pytest.raises(TrainingError, match=message):
        model.train(epochs=1, **options)
    model.train(epochs=1)
    assert (tmp_path / "kept" / "basenn.pth").is_file()


def test_paths_that_are_none():
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 4), activation="softmax")
    with pytest.raises(OutputError, match="path=5: expected the path of a file"):
        model.save(5)
    for write in (model.save, model.export):
        with pytest.raises(OutputError, match=r"path='a\\x00b': expected the path of a file"):
            write("a\0b")
    for call in (
        model.load,
        model.load_weights,
        lambda path: model.extract_feature([[1] * 4], pretrain=path),
    ):
        with pytest.raises(CheckpointError, match="expected the path of a file"):
            call(5)
