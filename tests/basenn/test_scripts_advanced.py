"""The calls of BaseNN's advanced scripts and its appendix, with another import line, on small data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.basenn_scripts import add_lenet, cal_accuracy, iris_network, lenet

from onnxnn import nn

pytestmark = pytest.mark.needs_torch


class TestAdvanced:
    def test_stop_when_good_enough(self, iris):
        rows = np.loadtxt("data/iris_test.csv", delimiter=",", skiprows=1)
        x_val, y_val = rows[:, :4], rows[:, 4]
        model = iris_network()
        accuracies = []
        for _ in range(40):
            model.train(lr=0.01, epochs=5, metrics="acc")
            result = model.inference(x_val, checkpoint="checkpoints/iris_ckpt/basenn.pth")
            accuracies.append(cal_accuracy(y_val, result))
            if accuracies[-1] > 0.7:
                break
        assert accuracies[-1] > 0.7
        assert len(accuracies) < 40

    def test_looking_into_the_weights(self, iris):
        iris_network().train(lr=0.01, epochs=1)
        ckpt = torch.load("checkpoints/iris_ckpt/basenn.pth", weights_only=True)
        shapes = {name: tuple(value.shape) for name, value in ckpt["state_dict"].items()}
        assert shapes == {
            "linear1.weight": (10, 4),
            "linear1.bias": (10,),
            "linear2.weight": (5, 10),
            "linear2.bias": (5,),
            "linear3.weight": (3, 5),
            "linear3.bias": (3,),
        }

    def test_looking_at_features(self, iris, digits):
        iris_network().train(lr=0.01, epochs=1)
        model = nn("cls")
        model.load("checkpoints/iris_ckpt/basenn.pth")
        model.visual_feature(np.array([5.9, 3.1, 4.2, 1.5]))
        lines = Path("layers/layer_data.txt").read_text("utf-8").splitlines()
        assert lines[2] == "1.Linear(in_features=4, out_features=10, bias=True)"
        assert lines[4] == "1.1.ReLU()"
        model = lenet()
        model.load_img_data("mnist/training_set", color="grayscale")
        add_lenet(model)
        with Image.open("mnist/val_set/7/0.png") as img:
            model.visual_feature(np.asarray(img), in1img=True)
        assert Path("layers/total.jpg").stat().st_size > 1000

    def test_seed_and_structure(self, iris, capsys):
        states = []
        for _ in range(2):
            model = iris_network()
            model.train(lr=0.01, epochs=1)
            states.append(model.model.state_dict())
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
        model.print_model()
        printed = capsys.readouterr().out
        assert "(linear1): Linear(in_features=4, out_features=10, bias=True)" in printed

    @pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MSELoss", "L1Loss", "BCELoss", "NLLLoss"])
    def test_losses(self, iris, loss):
        assert np.isfinite(iris_network().train(lr=0.01, epochs=1, loss=loss, metrics=["acc"])[0]["loss"])


class TestAppendix:
    @pytest.mark.slow
    def test_cats_and_dogs(self, pets):
        model = nn()
        model.load_img_data(
            "CatsDogs/training_set", batch_size=32, shuffle=True, transform={"Resize": [32, 32]}
        )
        model.add("mobilenet_backbone")
        model.add("Linear", size=(1280, 1000), activation="relu")
        model.add("Dropout", p=0.2)
        model.add("Linear", size=(1000, 2), activation="Softmax")
        with pytest.warns(UserWarning, match="optimmizer"):
            model.add(optimmizer="Adam")
        model.save_fold = "mobilenet_ckpt"
        history = model.train(lr=1e-3, epochs=1, metrics=["acc"])
        assert history[0].keys() >= {"epoch", "loss", "acc"}
        assert model.inference("CatsDogs/cat1.jpg").shape == (1, 2)

    @pytest.mark.slow
    def test_an_image_encoder(self, pets):
        model = nn()
        model.load_img_data("CatsDogs/training_set", batch_size=1000, transform={"Resize": (64, 64)})
        model.add("mobilenet_backbone")
        model.add("Linear", size=(1280, 1000), activation="relu")
        model.add(optimizer="Adam")
        model.save_fold = "mobilenet_ckpt"
        model.train(lr=1e-3, epochs=1)
        dog = model.inference(checkpoint="mobilenet_ckpt/basenn.pth", data="CatsDogs/dog1.jpg")
        assert dog.shape == (1, 1000)
        assert np.array_equal(model.extract_feature("CatsDogs/dog1.jpg"), dog)

    def test_actions_in_short(self, actions):
        model = nn("cls")
        model.load_npz_data("dataset.npz", batch_size=5000, classes=["walking", "waving", "stretching"])
        model.add("action_model", size=(132, 256))
        model.add("linear", size=(256, 64))
        model.add("linear", size=(64, 3))
        model.add(activation="Softmax")
        model.train(lr=0.001, epochs=2, metrics=["acc"])
        result = model.inference(np.load("dataset.npz")["data"])
        assert result.shape == (19, 3)
        assert model.print_result(result)[0]["预测值"] in ("walking", "waving", "stretching")

    def test_actions_in_full(self, actions):
        model = nn("cls")
        model.load_npz_data("dataset.npz", batch_size=5000, classes=["walking", "waving", "stretching"])
        model.add("lstm", size=(132, 128))
        model.add("dropout", p=0.2)
        model.add("lstm", size=(128, 256))
        model.add("dropout", p=0.2)
        model.add("unsqueeze")
        model.add("lstm", size=(256, 256))
        model.add("squeeze")
        model.add("batchNorm1d", size=256)
        model.add("linear", size=(256, 256))
        model.add("linear", size=(256, 128))
        model.add("linear", size=(128, 64))
        model.add("linear", size=(64, 3))
        model.add(activation="softmax")
        model.train(lr=0.001, epochs=1, metrics=["acc"])
        assert model.inference("dataset.npz").shape == (19, 3)

    @pytest.mark.slow
    @pytest.mark.parametrize("loss", ["CrossEntropyLoss", "BCELoss"])
    def test_a_module_of_ones_own(self, actions, loss):
        class LSTMModel(torch.nn.Module):
            def __init__(self, actions):
                super().__init__()
                self.lstm1 = torch.nn.LSTM(132, 128, batch_first=True, bidirectional=False)
                self.dropout1 = torch.nn.Dropout(0.2)
                self.lstm2 = torch.nn.LSTM(128, 256, batch_first=True, bidirectional=False)
                self.dropout2 = torch.nn.Dropout(0.2)
                self.lstm3 = torch.nn.LSTM(256, 256, batch_first=True, bidirectional=False)
                self.bn = torch.nn.BatchNorm1d(256)
                self.dense = torch.nn.Linear(256, actions.shape[0])
                self.softmax = torch.nn.Softmax(dim=1)

            def forward(self, x):
                x, _ = self.lstm1(x)
                x = self.dropout1(x)
                x, _ = self.lstm2(x)
                x = self.dropout2(x)
                x, _ = self.lstm3(x[:, -1, :].unsqueeze(1))
                x = self.bn(x.squeeze())
                return self.softmax(self.dense(x))

        actions = np.array(["walking", "boxing", "handwaving"])
        model = nn("cls")
        model.load_npz_data("dataset.npz", batch_size=5000, classes=actions.tolist())
        model.add(LSTMModel(actions))
        history = model.train(lr=0.001, epochs=20, loss=loss, metrics=[])
        expected = model.inference("dataset.npz")
        with np.load("dataset.npz") as arrays:
            truth = arrays["label"].argmax(axis=1)
        assert history[-1]["loss"] < 0.1
        cross_entropy = model.evaluate("dataset.npz", loss="CrossEntropyLoss")["loss"]
        assert cross_entropy == pytest.approx(-np.log(expected[range(19), truth]).mean(), rel=1e-3)
        one_hot = np.eye(3)[truth]
        binary = -np.log(np.where(one_hot, expected, 1 - expected)).mean()
        own = {"CrossEntropyLoss": cross_entropy, "BCELoss": binary}[loss]  # that of the training
        assert model.evaluate("dataset.npz")["loss"] == pytest.approx(own, rel=1e-2)
        assert model.print_result(expected)[0]["预测值"] == "walking"
        again = nn("cls")
        again.add(LSTMModel(actions))
        assert np.array_equal(again.inference("dataset.npz", checkpoint="checkpoints/basenn.pth"), expected)
        with np.load("dataset.npz") as arrays:
            one = arrays["data"][:1]  # the module squeezes a batch of one away
        np.testing.assert_allclose(again.inference(one), expected[:1], atol=1e-6)
        assert len(again.visual_feature(one, save_fold="layers")) == 2
