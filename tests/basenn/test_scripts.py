"""The calls of BaseNN's published scripts, with another import line, on small data of the same form."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from PIL import Image

from onnxnn import nn, pth_info

pytestmark = pytest.mark.needs_torch


def cal_accuracy(y, pred_y):
    """As the documentation defines it."""
    res = pred_y.argmax(axis=1)
    tp = np.array(y) == np.array(res)
    return np.sum(tp) / y.shape[0]


def iris_network():
    model = nn("cls")
    model.set_seed(1235)
    model.load_tab_data("data/iris_training.csv", batch_size=120)
    model.add(layer="linear", size=(4, 10), activation="relu")
    model.add(layer="linear", size=(10, 5), activation="relu")
    model.add(layer="linear", size=(5, 3), activation="softmax")
    model.save_fold = "checkpoints/iris_ckpt"
    return model


def lenet():
    model = nn("cls")
    model.set_seed(0)
    return model


def add_lenet(model):
    model.add("Conv2D", size=(1, 6), kernel_size=(5, 5), activation="ReLU")
    model.add("AvgPool", kernel_size=(2, 2))
    model.add("Conv2D", size=(6, 16), kernel_size=(5, 5), activation="ReLU")
    model.add("AvgPool", kernel_size=(2, 2))
    model.add("linear", size=(256, 120), activation="ReLU")
    model.add("linear", size=(120, 84), activation="ReLU")
    model.add("linear", size=(84, 10), activation="Softmax")
    model.add(optimizer="SGD")


def parts(data):
    """Tokens without the last of each row, and without the first, as the demo makes its labels."""
    return data[:, :-1], data[:, 1:]


class TestQuickStart:
    def test_iris(self, iris, capsys):
        model = iris_network()
        model.train(lr=0.01, epochs=200)
        model2 = nn("cls")
        test_path = "data/iris_test.csv"
        test_x = np.loadtxt(test_path, dtype=float, delimiter=",", skiprows=1, usecols=range(0, 4))
        test_y = np.loadtxt(test_path, dtype=float, delimiter=",", skiprows=1, usecols=4)
        res = model2.inference(test_x, checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert res.shape == (30, 3)
        assert cal_accuracy(test_y, res) > 0.95
        printed = model2.print_result(res)
        assert set(printed[0]) == {"预测值", "置信度"}
        assert "置信度" in capsys.readouterr().out
        res = model.inference(data=[test_x[0]], checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert len(model.print_result(res)) == 1

    def test_going_on(self, iris):
        model = iris_network()
        model.train(lr=0.01, epochs=2)
        history = model.train(lr=0.01, epochs=3, checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]

    def test_house_prices(self, folder, draw):
        header = "NOX,RM,PTRATIO,LSTAT,PRICE"
        for name in ("train", "val"):
            x = draw.random((64, 4))
            rows = np.column_stack([x, x @ [0.1, 0.6, -0.2, -0.3] + 0.5])
            np.savetxt(f"house_price_data_norm_{name}.csv", rows, delimiter=",", header=header, comments="")
        model = nn("reg")
        model.set_seed(0)
        model.load_tab_data("house_price_data_norm_train.csv", batch_size=1024)
        model.add("Linear", size=(4, 64), activation="ReLU")
        model.add("Linear", size=(64, 4), activation="ReLU")
        model.add("Linear", size=(4, 1))
        model.add(optimizer="Adam")
        model.save_fold = "checkpoints/ckpt"
        model.train(lr=0.008, epochs=300, loss="MSELoss")
        val_path = "house_price_data_norm_val.csv"
        val_x = np.loadtxt(val_path, dtype=float, delimiter=",", skiprows=1, usecols=range(0, 4))
        val_y = np.loadtxt(val_path, dtype=float, delimiter=",", skiprows=1, usecols=4)
        model = nn("reg")
        y_pred = model.inference(val_x, checkpoint="checkpoints/ckpt/basenn.pth")
        assert y_pred.shape == (64, 1)
        assert np.abs(y_pred[:, 0] - val_y).mean() < 0.05
        assert isinstance(float(model.inference([[0.4, 0.5, 0.2, 0.2]])[0][0]), float)

    def test_poems_with_marks(self, poems):
        with np.load("tangccc.npz") as arrays:
            word2idx = json.loads(str(arrays["word2idx"]))
            data = arrays["data"]
        word2idx |= {mark: len(word2idx) + i for i, mark in enumerate(["<START>", "<EOP>", "</s>"])}
        start, end, pad = (np.full((len(data), 1), word2idx[mark]) for mark in ("<START>", "<EOP>", "</s>"))
        model = nn("cls")
        model.load_dataset(*parts(np.hstack([pad, start, data, end])), word2idx=word2idx)
        model.add("em_LSTM", size=(16, 32), num_layers=1)
        model.train(lr=0.02, epochs=20)
        model = nn("cls")
        output, hidden = model.inference(data="<START>", checkpoint="checkpoints/basenn.pth")
        seen = []
        for _ in range(20):
            w = model.ix2word[np.argmax(output)]
            seen.append(w)
            output, hidden = model.inference(data=w, hidden=hidden)
        for w in ("<EOP>", "</s>"):
            output, hidden = model.inference(data=w, hidden=hidden)
        assert "<EOP>" in seen
        model.convert(out_file="poems.onnx")
        written = rt.load("poems.onnx").generate("<START>", length=21, temperature=0)
        assert written == model.generate("<START>", length=21, temperature=0) == "".join(["<START>", *seen])

    def test_poems(self, poems):
        model = nn("cls")
        model.load_npz_data("tangccc.npz")
        model.add("em_lstm", size=(128, 256), num_layers=2)
        model.save_fold = "checkpoints"
        model.train(lr=0.005, epochs=1, batch_size=16)
        model.train(lr=0.005, epochs=1, batch_size=16, checkpoint="checkpoints/basenn.pth")
        model = nn("cls")
        result = model.inference(data="长", checkpoint="checkpoints/basenn.pth")
        output, hidden = result
        assert output.sum() == pytest.approx(1, abs=1e-5)
        index = np.argmax(output)
        assert model.ix2word[index] == model.idx2word[index]
        output, hidden = model.inference(data=model.ix2word[index], hidden=hidden)
        assert output.shape == (len(model.word2idx),)


class TestIntroduction:
    def test_lenet_from_class_folders(self, digits):
        classes = [str(number) for number in range(10)]
        for checkpoint in (None, "new_mn_ckpt/basenn.pth"):
            model = lenet()
            model.load_img_data("./mnist/training_set", color="grayscale", batch_size=32, classes=classes)
            add_lenet(model)
            model.save_fold = "new_mn_ckpt"
            model.train(lr=0.01, epochs=2, checkpoint=checkpoint)
        model = nn("cls")
        model.inference(data="mnist/val_set/7/0.png", checkpoint="new_mn_ckpt/basenn.pth")
        assert model.print_result()[0]["预测值"] in classes
        assert model.inference(data="mnist/val_set/7").shape == (2, 10)
        assert len(model.print_result()) == 2

    def test_lenet_from_arrays(self, digits):
        def read_data(path):
            data, label = [], []
            for item in os.listdir(path):
                for i in os.listdir(os.path.join(path, item)):
                    with Image.open(os.path.join(path, item, i)) as img:
                        data.append(np.array(img.convert("L")))
                    label.append(int(item))
            return np.expand_dims(np.array(data), axis=1), np.array(label)

        train_x, train_y = read_data("mnist/training_set")
        assert train_x.shape == (40, 1, 28, 28)
        assert train_x.dtype == np.uint8
        model = lenet()
        model.load_dataset(train_x, train_y)
        add_lenet(model)
        model.train(lr=0.05, epochs=2)
        test_x, _ = read_data("mnist/val_set")
        assert model.inference(test_x).shape == (20, 10)
        assert np.allclose(model.inference(test_x[:1]), model.inference(test_x)[:1], atol=1e-6)

    def test_lenet_from_float_arrays(self, draw, capsys):
        labels = np.arange(20) % 2
        x = np.clip(draw.random((20, 1, 28, 28)) * 0.3 + labels[:, None, None, None] * 0.6, 0, 1)
        model = lenet()
        model.load_dataset(x, labels)
        add_lenet(model)
        model.train(lr=0.05, epochs=20)
        model.convert(checkpoint="checkpoints/basenn.pth", out_file="lenet.onnx")
        expected = model.inference(x[:1])[0]
        capsys.readouterr()
        runpy.run_path("lenet.py")
        label, score = capsys.readouterr().out.split()
        assert label == str(expected.argmax())
        assert float(score) == pytest.approx(expected.max(), abs=1e-3)  # the picture has 8 bits

    @pytest.mark.parametrize("classes", [["cat", "dog"], {0: "cat", 1: "dog"}, {"cat": 0, "dog": 1}])
    def test_classes_in_three_forms(self, pets, classes):
        model = nn("cls")
        transform = {"Resize": (128, 128), "RandomResizedCrop": 32, "RandomHorizontalFlip": 0.5}
        model.load_img_data("CatsDogs/training_set", transform=transform, classes=classes, batch_model=True)
        model.add("linear", size=(3 * 32 * 32, 2), activation="softmax")
        model.train(lr=0.01, epochs=1)
        model.inference("CatsDogs/dog1.jpg")
        assert model.print_result()[0]["预测值"] in ("cat", "dog")

    def test_training_in_a_loop_and_copying_files(self, iris):
        model = nn("cls")
        model.add(layer="Linear", size=(4, 8), activation="ReLU")
        model.add(layer="Linear", size=(8, 3), activation="Softmax")
        model.load_tab_data("data/iris_training.csv", batch_size=120)
        model.save_fold = "checkpoints"
        model.train(lr=0.01, epochs=1)
        shutil.copyfile("checkpoints/basenn.pth", "checkpoints/epoch1.pth")
        for i in range(2, 6, 1):
            model.train(lr=0.01, epochs=1, checkpoint="checkpoints/basenn.pth")
            shutil.copyfile("checkpoints/basenn.pth", "checkpoints/epoch" + str(i) + ".pth")
        losses = []
        for i in range(1, 6):
            network = nn("cls")
            network.load(f"checkpoints/epoch{i}.pth")
            losses.append(network.evaluate("data/iris_training.csv")["loss"])
            assert pth_info(f"checkpoints/epoch{i}.pth")["epoch"] == i
        assert losses == sorted(losses, reverse=True)

    @pytest.mark.parametrize("label", [True, False])
    def test_a_table_with_and_without_labels(self, iris, label):
        iris_network().train(lr=0.01, epochs=1)
        if not label:
            rows = np.loadtxt("data/iris_test.csv", delimiter=",", skiprows=1)[:, :4]
            header = "sepal_length,sepal_width,petal_length,petal_width"
            np.savetxt("data/iris_test.csv", rows, delimiter=",", header=header, comments="")
        model = nn("cls")
        res = model.inference(
            "data/iris_test.csv", checkpoint="checkpoints/iris_ckpt/basenn.pth", label=label
        )
        assert res.shape == (30, 3)

    def test_batches(self, iris):
        model = nn("cls")
        train, validation = model.load_tab_data("data/iris_training.csv", batch_size=16, train_val_ratio=0.8)
        model.add(layer="linear", size=(4, 3), activation="softmax")
        model.train(lr=0.05, epochs=60, metrics=["acc"])
        res = model.inference(data=validation, checkpoint="checkpoints/basenn.pth")
        assert res.shape == (24, 3)
        assert cal_accuracy(model.val_label, res) > 0.9
        assert len(model.inference(data=train)) == len(model.val_label) == 96

    def test_a_data_loader_of_torch(self, iris, draw):
        iris_network().train(lr=0.01, epochs=100)
        x = np.loadtxt("data/iris_test.csv", delimiter=",", skiprows=1)
        data = torch.utils.data.TensorDataset(torch.from_numpy(x[:, :4]), torch.from_numpy(x[:, 4]))
        loader = torch.utils.data.DataLoader(data, batch_size=7, shuffle=True)
        model = nn("cls")
        res = model.inference(loader, checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert cal_accuracy(model.val_label, res) == model.evaluate(loader)["acc"] > 0.9
        inputs_alone = torch.utils.data.DataLoader(torch.from_numpy(x[:, :4]), batch_size=7)
        assert model.inference(inputs_alone).shape == (30, 3)
        assert model.val_label is None

    def test_convert_writes_a_script_that_runs(self, digits):
        model = lenet()
        model.load_img_data("mnist/training_set", color="grayscale", batch_size=32)
        add_lenet(model)
        model.train(lr=0.01, epochs=1, filename="basenn_cd.pth")
        nn().convert(checkpoint="checkpoints/basenn_cd.pth", out_file="basenn_cd.onnx")
        done = subprocess.run(
            [sys.executable, "basenn_cd.py"], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout


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


class TestDemo:
    """What the demo file beside the library calls and the pages do not."""

    def test_older_keywords(self, digits, iris, actions):
        model = nn()
        with pytest.warns(UserWarning, match="data_type='image_folder' has no effect"):
            model.load_img_data(
                "mnist/training_set",
                data_type="image_folder",
                color="grayscale",
                batch_size=20000,
                num_workers=0,
            )
        with pytest.warns(UserWarning, match="data_type='csv'"):
            nn().load_tab_data("data/iris_training.csv", data_type="csv")
        with pytest.warns(UserWarning, match="data_type='npz'"):
            nn().load_npz_data("dataset.npz", data_type="npz")
        with pytest.raises(TypeError, match="data_typ"):
            nn().load_npz_data("dataset.npz", data_typ="npz")
        add_lenet(model)
        model.train(lr=0.01, epochs=1)
        with pytest.warns(UserWarning, match="ir_version=3: 4 is written"):
            model.convert(checkpoint="checkpoints/basenn.pth", out_file="basenn_mn.onnx", ir_version=3)

    def test_older_vocabularies(self, poems):
        with np.load("tangccc.npz") as arrays:
            word2ix = json.loads(str(arrays["word2idx"]))
            np.savez("tang.npz", data=arrays["data"], word2ix=np.array(word2ix, dtype=object))
        model = nn()
        model.load_npz_data("tang.npz", batch_size=128)
        model.add("em_LSTM", size=(16, 32), num_layers=2)
        assert model.inference("长")[0].shape == (len(word2ix),)


class TestProjects:
    @pytest.mark.slow
    def test_sentiment(self, draw):
        train_label = np.arange(40.0) % 2
        train_data = np.floor(draw.random((40, 64)) * 50 + train_label[:, None] * 50)
        model = nn()
        model.set_seed(0)
        model.load_dataset(train_data, train_label)
        model.add("Embedding", vocab_size=100, embedding_dim=32, channels_first=True)  # the last is new
        model.add("conv1d", size=(32, 32), kernel_size=3, activation="relu")
        model.add("conv1d", size=(32, 64), kernel_size=3, activation="relu")
        model.add("mean")
        model.add("linear", size=(64, 128), activation="relu")
        model.add("linear", size=(128, 2), activation="softmax")
        model.add(optimizer="Adam")
        model.save_fold = "mn_ckpt"
        model.train(lr=0.001, epochs=60)
        y_pred = model.inference(data=train_data)
        assert (y_pred.argmax(axis=1) == train_label).all()
        res = model.inference(data=train_data[0].reshape(1, 64))
        assert res.argmax(axis=1)[0] == train_label[0]


class TestDiffusion:
    def test_the_forward_process(self, digits, capsys):
        shutil.copyfile("mnist/val_set/0/0.png", "0.jpg")
        # 声明模型
        model = nn()
        # 搭建模型
        model.add("diffusion_model", img_size=28, timestep=500)
        # 声明图片为灰度图片
        model.color = "grayscale"
        # 可视化正向扩散过程
        result = model.noisy("0.jpg", timestep=500, show=True)
        assert [picture.shape for picture in result] == [(1, 28, 28)] * 10
        with Image.open("0.jpg") as picture:
            assert np.abs(result[0][0] * 255 - np.asarray(picture)).mean() < 10
        assert 0.2 < result[-1].std() < 0.5
        assert "noisy.png" in capsys.readouterr().out
        assert Path("noisy.png").is_file()

    @pytest.mark.slow
    def test_training_and_the_backward_process(self, digits):
        shutil.move("mnist/training_set", "mnist_small_2")
        model = nn()
        model.load_img_data("mnist_small_2", batch_size=64, color="grayscale", shuffle=True)
        model.add("diffusion_model", img_size=28, timestep=500)
        model.add(optimizer="Adam")
        model.save_fold = "diffusion_ckpt500"
        model.train(epochs=2, metrics=[], lr=5e-4)
        assert Path("diffusion_ckpt500/samples/epoch_0002.png").is_file()
        generated_imgs = model.inference(num=6, return_all_timesteps=True)
        assert generated_imgs.shape == (6, 501, 1, 28, 28)
        assert generated_imgs.min() >= 0
        assert generated_imgs.max() <= 1
        # 可视化图片去噪生成过程
        shown = model.show(generated_imgs, size=(4, 4), visual_timesteps=True)
        assert shown == Path("diffusion_ckpt500/images.png")
        assert shown.is_file()
        shutil.copyfile("diffusion_ckpt500/basenn.pth", "basenn.pth")
        # 声明模型
        model = nn()
        generated_imgs = model.inference(checkpoint="basenn.pth", num=16, steps=10, return_all_timesteps=True)
        assert generated_imgs.shape == (16, 11, 1, 28, 28)
        assert model.show(generated_imgs, visual_timesteps=True).is_file()

    @pytest.mark.slow
    def test_one_class_folder_is_enough(self, pets):
        shutil.rmtree("CatsDogs/training_set/dog")
        model = nn()
        model.load_img_data("CatsDogs/training_set", batch_size=64)
        model.add("diffusion_model", img_size=28, timestep=500)
        model.train(epochs=1, metrics=[], lr=5e-4)
        assert model.inference(num=4).shape == (4, 3, 28, 28)
