"""Networks of BaseNN's documentation."""

from __future__ import annotations

import numpy as np
from onnxnn import nn


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
