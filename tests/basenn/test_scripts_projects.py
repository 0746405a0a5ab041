"""The calls of BaseNN's published projects, with another import line, on small data of the same form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.basenn_scripts import add_lenet

from onnxnn import nn

pytestmark = pytest.mark.needs_torch


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
        assert [image.shape for image in result] == [(1, 28, 28)] * 10
        with Image.open("0.jpg") as image:
            assert np.abs(result[0][0] * 255 - np.asarray(image)).mean() < 10
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
