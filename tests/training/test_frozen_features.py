"""Features of frozen layers are computed once for each sample, and what is learned is the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from onnxnn import nn
from onnxnn.models.efficientnet_lite import EfficientNetLite0
from onnxnn.training import frozen_features
from onnxnn.training.batch_statistics import BatchStatistics
from onnxnn.training.callbacks import Callback
from onnxnn.training.device import Machine
from onnxnn.training.frozen_features import FrozenFeatures

pytestmark = pytest.mark.needs_torch

SAMPLES, SIDE = 14, 32


class Counted(Callback):
    """How many images went through the encoder in the training mode of the network."""

    def __init__(self):
        self.trainer, self.images = None, 0

    def on_epoch(self, trainer):
        self.trainer = trainer
        found = [each.samples for each in trainer.seen if each is not None]
        self.images = sum(each.computed for each in found if isinstance(each, FrozenFeatures))


def images(count=SAMPLES):
    random = np.random.default_rng(0)
    return random.random((count, 3, SIDE, SIDE), dtype=np.float32), np.arange(count) % 3


def network(folder, batch_size=4, ratio=0.7, task="cls"):
    model = nn(task, save_fold=str(folder), verbose=0)
    model.set_seed(1)
    model.load_dataset(*images(), train_val_ratio=ratio, batch_size=batch_size)
    model.add("mobilenet_backbone", width=0.35, trainable=False)
    return model


def with_head(model, dropout=0.0):
    model.add("linear", size=16, activation="relu")
    if dropout:
        model.add("dropout", p=dropout)
    model.add("linear", size=3, activation="softmax")
    return model


def class_folders(folder):
    random = np.random.default_rng(0)
    for number in range(12):
        (folder / f"c{number % 3}").mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"c{number % 3}" / f"{number}.png")
    return folder


def histories(monkeypatch, make, **options):
    """Return what a training without the cache and one with it return, and how many images the second ran."""
    found, counted = [], Counted()
    for keeps in (False, True):
        monkeypatch.setattr(Machine, "keeps_features", property(lambda _, keeps=keeps: keeps))
        found.append(make().train(epochs=4, metrics=["acc"], callbacks=[counted], **options))
    return (*found, counted.images)


@pytest.mark.parametrize("batch_size", [4, 100])
@pytest.mark.parametrize("ratio", [0.7, 1.0])
def test_the_same_is_learned_with_the_features_kept(monkeypatch, tmp_path, batch_size, ratio):
    without, kept, computed = histories(
        monkeypatch, lambda: with_head(network(tmp_path, batch_size, ratio), dropout=0.5)
    )
    assert computed == SAMPLES, "each sample once in four epochs"
    for one, other in zip(without, kept, strict=True):
        assert other == pytest.approx(one, rel=1e-6)


def test_the_same_is_learned_from_files(monkeypatch, tmp_path):
    folder = class_folders(tmp_path / "images")

    def make():
        model = nn("cls", save_fold=str(tmp_path / "ckpt"), verbose=0)
        model.set_seed(2)
        model.load_img_data(folder, train_val_ratio=0.75, batch_size=4)
        model.add("mobilenet_backbone", width=0.35, trainable=False)
        return with_head(model)

    without, kept, computed = histories(monkeypatch, make)
    assert computed == 12
    for one, other in zip(without, kept, strict=True):
        assert other == pytest.approx(one, rel=1e-6)


def test_the_same_is_learned_after_unfreezing(monkeypatch, tmp_path):
    def make():
        model = with_head(network(tmp_path))
        model.unfreeze(last=2)
        return model

    without, kept, computed = histories(monkeypatch, make)
    assert computed == SAMPLES
    for one, other in zip(without, kept, strict=True):
        assert other == pytest.approx(one, rel=1e-6)


def test_the_classifier_of_a_frozen_network_learns_from_kept_features(monkeypatch, tmp_path):
    def make():
        model = nn("cls", save_fold=str(tmp_path), verbose=0)
        model.set_seed(1)
        model.load_dataset(*images(), train_val_ratio=0.7, batch_size=4)
        model.add("mobilenet", width=0.35, trainable=False)
        return model

    without, kept, computed = histories(monkeypatch, make)
    assert computed == SAMPLES
    for one, other in zip(without, kept, strict=True):
        assert other == pytest.approx(one, rel=1e-6)


def test_vectors_are_learned_from_kept_features(monkeypatch, tmp_path):
    def make():
        model = network(tmp_path, batch_size=6, ratio=1.0, task="embed")
        model.add("linear", size=8)
        return model

    without, kept, computed = histories(monkeypatch, make)
    assert computed == SAMPLES
    for one, other in zip(without, kept, strict=True):
        assert other == pytest.approx(one, rel=1e-5)


def test_features_that_take_too_much_memory_are_computed_each_time(monkeypatch, tmp_path):
    monkeypatch.setattr(frozen_features, "MOST", 1000)
    without, kept, computed = histories(monkeypatch, lambda: with_head(network(tmp_path)))
    assert computed == 4 * SAMPLES
    for one, other in zip(without, kept, strict=True):
        assert other == pytest.approx(one, rel=1e-6)


def augmented(folder):
    model = nn("cls", save_fold=str(folder / "ckpt"), verbose=0)
    model.load_img_data(class_folders(folder / "images"), transform={"RandomHorizontalFlip": 0.5})
    model.add("mobilenet_backbone", width=0.35, trainable=False)
    return with_head(model)


def by_a_function(folder):
    model = nn("cls", save_fold=str(folder / "ckpt"), verbose=0)
    with pytest.warns(UserWarning, match="a function given as transform"):
        model.load_img_data(class_folders(folder / "images"), transform=lambda image: image)
    model.add("mobilenet_backbone", width=0.35, trainable=False)
    return with_head(model)


def learning_throughout(folder):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.load_dataset(*images())
    model.add("mobilenet_backbone", width=0.35)
    return with_head(model)


def after_batchnorm(folder):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.load_dataset(*images())
    model.add("batchnorm2d", size=3)
    model.add("mobilenet_backbone", width=0.35, trainable=False)
    return with_head(model)


def after_dropout(folder):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.load_dataset(*images())
    model.add("dropout", p=0.1)
    model.add("mobilenet_backbone", width=0.35, trainable=False)
    return with_head(model)


def with_a_hook(folder):
    model = with_head(network(folder))
    model.model[0].features.register_forward_hook(lambda *_: None)
    return model


class Own(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def after_a_custom_module(folder):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.load_dataset(*images())
    model.add(Own())
    return with_head(model)


@pytest.mark.parametrize(
    "make",
    [
        augmented,
        by_a_function,
        learning_throughout,
        after_batchnorm,
        after_dropout,
        with_a_hook,
        after_a_custom_module,
    ],
    ids=lambda make: make.__name__,
)
def test_what_may_differ_from_epoch_to_epoch_is_not_kept(tmp_path, make):
    counted = Counted()
    make(tmp_path).train(epochs=1, callbacks=[counted])
    assert counted.trainer is not None
    assert counted.trainer.seen[0] is counted.trainer.train


def test_mixed_precision_keeps_no_features(tmp_path):
    counted = Counted()
    with_head(network(tmp_path)).train(epochs=1, precision="bf16-mixed", callbacks=[counted])
    assert counted.trainer.seen[0] is counted.trainer.train


def test_callbacks_and_the_trained_network_take_images(tmp_path):
    outputs = []

    class Looks(Callback):
        def on_epoch(self, trainer):
            trainer.net.eval()
            outputs.append(trainer.net(torch.from_numpy(images()[0])).detach().numpy())
            trainer.net.train()

    model = with_head(network(tmp_path))
    model.train(epochs=2, callbacks=[Looks()])
    np.testing.assert_allclose(model.inference(images()[0]), outputs[-1], atol=1e-5)


def test_statistics_that_stay_are_not_measured_again():
    """A pass over the data would be for nothing."""
    encoder = EfficientNetLite0(trainable=False)
    assert not BatchStatistics(encoder)
    assert BatchStatistics(EfficientNetLite0())
    assert not encoder.features.training
