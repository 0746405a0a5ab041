"""Grids of samples that training writes."""

from __future__ import annotations

import pytest
from PIL import Image
from support.diffusion import denoiser
from support.weights import same_weights, saved_weights

from onnxnn.training.callbacks import Callback

# ---- samples while it learns -----------------------------------------------------------------------


def written(folder):
    return sorted(file.name for file in (folder / "samples").glob("*"))


@pytest.mark.slow
def test_samples_are_written_at_powers_of_two_and_eight_times_in_all(tmp_path):
    denoiser(tmp_path).train(epochs=17)
    assert written(tmp_path) == [f"epoch_{n:04d}.png" for n in (1, 2, 4, 6, 8, 10, 12, 14, 16, 17)]
    with Image.open(tmp_path / "samples/epoch_0017.png") as image:
        assert image.width == image.height > 4 * 8


def test_samples_as_often_as_asked(tmp_path):
    denoiser(tmp_path / "three").train(epochs=7, samples_every=3)
    assert written(tmp_path / "three") == [f"epoch_{n:04d}.png" for n in (3, 6, 7)]
    denoiser(tmp_path / "never").train(epochs=2, samples_every=0)
    assert not (tmp_path / "never/samples").exists()


def test_samples_at_the_end_of_a_training_that_was_stopped(tmp_path):
    class Stop(Callback):
        def on_epoch(self, trainer):
            trainer.stop = trainer.epoch == 3

    denoiser(tmp_path).train(epochs=50, samples_every=40, callbacks=[Stop()])
    assert written(tmp_path) == ["epoch_0003.png"]


def test_samples_change_nothing_in_training(tmp_path):
    histories = [
        denoiser(tmp_path / str(every), classes=True).train(epochs=3, samples_every=every) for every in (0, 1)
    ]
    assert histories[0] == histories[1]
    assert same_weights(saved_weights(tmp_path / "0/basenn.pth"), saved_weights(tmp_path / "1/basenn.pth"))
