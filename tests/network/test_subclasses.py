"""A subclass that overrides a method is asked where another method does the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.errors import OnnxnnError

from onnxnn import Network
from onnxnn.checkpoint import checkpoint

X = np.random.default_rng(0).random((9, 4), np.float32)


class Noting(Network):
    """Notes which methods are called, and with what."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self._calls = ()
        self.loaded = None

    def _note(self, name):
        self._calls = (*self._calls, name)

    def load(self, model_path):
        self._note("load")
        super().load(model_path)
        self.loaded = model_path

    def export(self, path, **options):
        self._note("export")
        return super().export(path, **options)

    def sample(self, num=None, **options):
        self._note("sample")
        return super().sample(num, **{"steps": 2, **options})

    def card(self):
        self._note("card")
        return replace(super().card(), note="of our school")


@pytest.fixture
def model(tmp_path):
    model = Noting("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(X, np.arange(9) % 3)
    model.add("linear", size=(4, 3), activation="softmax")
    model.save(tmp_path / "a.pth")
    model._calls = ()
    return model


@pytest.fixture
def diffusion():
    model = Noting("gen", verbose=0)
    model.color = "grayscale"
    model.add("diffusion_model", img_size=8)
    return model


def test_convert_exports(model, tmp_path):
    model.convert(out_file=tmp_path / "a.onnx")
    assert model._calls == ("export", "card")


@pytest.mark.parametrize("call", ["convert", "export"])
def test_files_of_a_checkpoint_load_it(model, tmp_path, call):
    given = {"convert": "out_file", "export": "path"}[call]
    getattr(model, call)(**{given: tmp_path / "a.onnx", "checkpoint": tmp_path / "a.pth"})
    assert model._calls[-2:] == ("load", "card")
    assert model.loaded == tmp_path / "a.pth"


def test_inference_with_a_checkpoint_loads_it(model, tmp_path):
    state = model._state
    found = model.inference(X, checkpoint=tmp_path / "a.pth")
    assert model._calls == ("load",)
    assert model.loaded == tmp_path / "a.pth"
    assert model._state is not state
    np.testing.assert_array_equal(model.result, found)


@pytest.mark.parametrize("call", [{"data": X[:, :2]}, {"data": X, "steps": 3}])
def test_a_refused_inference_with_a_checkpoint_changes_nothing(model, tmp_path, call):
    before = dict(vars(model))
    with pytest.raises(OnnxnnError):
        model.inference(**call, checkpoint=tmp_path / "a.pth")
    assert vars(model) == before
    assert model.loaded is None


def test_inference_of_a_diffusion_model_samples(diffusion):
    found = diffusion.inference(num=2, seed=0)
    assert diffusion._calls == ("sample",)
    np.testing.assert_array_equal(found, diffusion.sample(2, seed=0))


def test_inference_of_a_diffusion_models_checkpoint_loads_and_samples(diffusion, tmp_path):
    diffusion.save(tmp_path / "a.pth")
    diffusion._calls = ()
    diffusion.inference(num=1, checkpoint=tmp_path / "a.pth")
    assert diffusion._calls == ("load", "sample")


def test_files_hold_the_card_that_a_subclass_writes(model, tmp_path):
    assert checkpoint.load(tmp_path / "a.pth").card.note == "of our school"
    model.export(tmp_path / "a.onnx")
    assert rt.load(tmp_path / "a.onnx").card.note == "of our school"
