"""Reading recipes: what they hold, and what the message of each mistake says."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime import ExportError, InputError, LayerError, MissingInputError, OutputError
from support.paths import ROOT

from onnxnn.datasets import Digits, digits, write_class_folders
from onnxnn.recipe import read_recipe

GOOD = """
task: cls
seed: 3
data: {digits: 12, batch_size: 200, train_val_ratio: 0.8}
layers:
  - conv2d: {size: [1, 4], kernel_size: 3, activation: ReLU}
  - flatten
  - dropout: {p: 0.1}
  - linear: {size: 10}
  - softmax
optimizer: SGD
train: {lr: 1e-2, epochs: 1, metrics: [acc]}
save_fold: out
export: out/model.onnx
"""


@pytest.fixture
def write(tmp_path):
    """Write a recipe and return its path."""

    def put(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


def test_a_recipe_is_read(write, tmp_path):
    recipe = read_recipe(write(GOOD))
    assert recipe.task == "cls"
    assert recipe.seed == 3
    assert (recipe.source, recipe.data) == ("digits", 12)
    assert [entry.name for entry in recipe.layers] == ["conv2d", "flatten", "dropout", "linear", "softmax"]
    assert recipe.layers[0].activation == "ReLU"
    assert recipe.train == {"lr": 0.01, "epochs": 1, "metrics": ["acc"]}
    assert recipe.save_fold == tmp_path / "out"
    assert recipe.export == tmp_path / "out/model.onnx"


def test_a_recipe_trains_and_exports_beside_itself(write, tmp_path, monkeypatch):
    path = write(GOOD)
    monkeypatch.chdir("/")
    done = read_recipe(path).run()
    assert len(done.history) == 1
    assert "val_acc" in done.history[0]
    assert (tmp_path / "out/basenn.pth").is_file()
    assert (tmp_path / "out/best.pth").is_file()
    assert done.model == tmp_path / "out/model.onnx"
    assert done.model.is_file()


def test_a_recipe_is_watched_on_a_page(write, tmp_path):
    read_recipe(write(GOOD.replace("epochs: 1", "epochs: 1, live: true"))).run()
    assert "finished" in (tmp_path / "out/live.html").read_text(encoding="utf-8")


def test_an_optimizer_with_options(write):
    network = read_recipe(write(GOOD.replace("SGD", "{name: sgd, momentum: 0.5}"))).build()
    assert network.optimizer == "SGD"
    assert network._state.optimizer.options == {"momentum": 0.5}


@pytest.mark.parametrize(
    ("export", "error", "message"),
    [
        ("{path: a.onnx, opset_version: 3}", ExportError, "opset_version=3"),
        ("{path: a.onnx, ir_version: 99}", ExportError, "ir_version=99"),
        ("{path: a.onnx, target: unihicker}", ExportError, "Did you mean 'unihiker'"),
        ("{path: a.onnx, target: ort1.8, opset_version: 15}", ExportError, "opset_version=15: .* at most 14"),
        ("recipe.yaml/a.onnx", OutputError, "cannot write"),
        ("out", OutputError, "cannot write .*out: expected the name of a file, got a folder"),
        ("out/../out/basenn.pth", InputError, "training writes a file of this name. Choose another"),
        ("out/best.pth", InputError, "training writes a file of this name"),
        ("old.npz", ExportError, "old.npz: is a checkpoint or a file of arrays"),
    ],
)
def test_what_cannot_be_exported_is_known_before_training(write, tmp_path, export, error, message):
    (tmp_path / "out").mkdir()
    (tmp_path / "old.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(error, match=message):
        read_recipe(write(GOOD.replace("out/model.onnx", export))).run()
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failed_export_says_that_the_checkpoint_is_kept(write, tmp_path):
    text = GOOD.replace("out/model.onnx", "{path: out/a.onnx, tolerance: 1e-30}")
    with pytest.raises(ExportError, match=r"differs from torch.*The trained network is kept: .*basenn\.pth"):
        read_recipe(write(text)).run()
    assert (tmp_path / "out/basenn.pth").is_file()


def test_1e_minus_3_is_a_number_and_a_byte_order_mark_is_ignored(write, tmp_path):
    path = write("\ufeff" + GOOD.replace("1e-2", "1e-3"))
    assert read_recipe(path).train["lr"] == 0.001


def test_images_are_found_beside_the_recipe(write, tmp_path):
    few = Digits(*(array[:20] for array in digits(size=8)))
    write_class_folders(few, tmp_path / "images")
    text = GOOD.replace(
        "{digits: 12, batch_size: 200, train_val_ratio: 0.8}", "{images: images, color: grayscale}"
    )
    network = read_recipe(write(text)).build()
    assert network.card().output.classes == tuple("0123456789")


def test_tables_and_npz_files(write, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b,label\n1,2,0\n3,4,1\n5,6,0\n", encoding="utf-8")
    np.savez(tmp_path / "rows.npz", data=np.ones((4, 2), np.float32), label=np.array([0, 1, 0, 1]))
    for source in ("table: rows.csv", "npz: rows.npz"):
        text = f"data: {{{source}}}\nlayers:\n  - linear: {{size: [2, 2], activation: softmax}}\n"
        network = read_recipe(write(text)).build()
        assert network.card().input.shape == ("batch", 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("task: cls", "task: clss"),
            r"line 2, task: expected one of cls, .*, got 'clss'\. Did you mean 'cls'\?",
        ),
        (("optimizer:", "optimiser:"), r"unknown key optimiser \(line 11, did you mean 'optimizer'\?\)"),
        (("epochs: 1", "epoch: 1"), r"unknown key train\.epoch \(line 12, did you mean 'epochs'\?\)"),
        (
            ("batch_size: 200", "batchsize: 200"),
            r"unknown key data\.batchsize \(line 4, did you mean 'batch_size'\?\)",
        ),
        (("digits: 12", "digts: 12"), r"unknown key data\.digts \(line 4, did you mean 'digits'\?\)"),
        (("{digits: 12, ", "{digits: 12, table: a.csv, "), "expected one of images, .* got table, digits"),
        (("{digits: 12, ", "{"), "expected one of images, table, npz, digits, got none of them"),
        (("digits: 12", "digits: big"), "data.digits: expected an integer"),
        (("digits: 12", "digits: 2"), "8 to 512"),
        (("seed: 3", "seed: three"), "seed: expected an integer, got 'three'"),
        (("seed: 3", "seed: 3\nseed: 4"), r"line 4: the key 'seed' is given twice"),
        (("optimizer: SGD", "optimizer: [SGD]"), "optimizer: expected a text"),
        (("train: {", "train: ["), "recipe.yaml, line"),
        (("  - flatten", "  - {flatten: {}, relu: {}}"), "layer 2: expected one 'name'"),
        (("{p: 0.1}", "[0.1]"), r"layer 3 \(dropout\): expected 'name: value' pairs"),
        (
            ("export: out/model.onnx", "export: {path: a.onnx, opset_versoin: 13}"),
            r"export\.opset_versoin \(line 14, did you mean",
        ),
        (
            ("export: out/model.onnx", "export: {opset_version: 13}"),
            "export.path: expected a text, got nothing",
        ),
        (
            ("export: out/model.onnx", "export: {pth: a.onnx}"),
            r"unknown key export\.pth \(line 14, did you mean 'path'\?\)",
        ),
        (("optimizer: SGD", "optimizer: {momentum: 0.5}"), "optimizer.name: expected a text, got nothing"),
        (
            ("optimizer: SGD", "optimizer: {name: SDG}"),
            r"recipe\.yaml, line 11, optimizer: .*id you mean 'SGD'\?",
        ),
        (
            ("optimizer: SGD", "optimizer: {name: SGD, momentun: 0.5}"),
            r"yaml, line 11, optimizer: .*id you mean 'momentum'\?",
        ),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(write, change, message):
    text = GOOD.replace(*change)
    assert text != GOOD
    with pytest.raises(InputError, match=message):
        read_recipe(write(text))


@pytest.mark.parametrize("key", ["data", "layers"])
def test_what_must_be_given(write, key):
    text = GOOD.replace(f"{key}:", f"{key}_: &x")
    with pytest.raises(InputError, match=key):
        read_recipe(write(text))


@pytest.mark.parametrize("text", ["# nothing", "- a\n- b\n", "just text"])
def test_a_file_that_is_no_recipe(write, text):
    with pytest.raises(InputError, match="expected 'name: value' pairs"):
        read_recipe(write(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("? [a, b]\n: c\n", "line 1: expected a name as key"),
        (
            "data: {digits: 8}\nlayers: [relu]\ntask: 2020-13-45\n",
            "line 3, task: expected one of cls, .*, got '2020-13-45'",
        ),
        ("[" * 5000, "at most 16 levels of brackets"),
    ],
)
def test_what_yaml_itself_fails_on(write, text, message):
    with pytest.raises(InputError, match=message):
        read_recipe(write(text))


def test_a_missing_recipe(tmp_path):
    with pytest.raises(MissingInputError, match=r"nothing\.yaml: no such recipe"):
        read_recipe(tmp_path / "nothing.yaml")
    with pytest.raises(InputError, match="recipe=None: expected the path"):
        read_recipe(None)
    with pytest.raises(InputError, match=r"expected a recipe \(a \.yaml file\), got a folder"):
        read_recipe(tmp_path)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="expected UTF-8 text, got other bytes"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_recipe_cannot_make_objects(write):
    with pytest.raises(InputError, match=r"recipe\.yaml"):
        read_recipe(write("data: !!python/object/apply:os.system ['true']\nlayers: [relu]\n"))


def test_a_layer_that_does_not_fit_is_named_by_its_number(write):
    recipe = read_recipe(write(GOOD.replace("{size: 10}", "{size: [7, 10]}")))
    with pytest.raises(LayerError, match=r"recipe\.yaml, line 9, layer 4: .*400"):
        recipe.build()


def test_the_shipped_recipe_builds_trains_and_exports(tmp_path):
    text = (ROOT / "recipes/lenet.yaml").read_text(encoding="utf-8")
    (tmp_path / "lenet.yaml").write_text(text.replace("epochs: 15", "epochs: 1"), encoding="utf-8")
    done = read_recipe(tmp_path / "lenet.yaml").run()
    assert done.history[0]["acc"] > 0.5
    assert done.model is not None
    assert done.model.is_file()


def test_the_home_folder_may_be_written_short(tmp_path, monkeypatch):
    home, recipes = tmp_path / "home", tmp_path / "recipes"
    for folder in (home, recipes):
        folder.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    (home / "t.csv").write_text("a,kind\n" + "".join(f"{n},{n % 2}\n" for n in range(10)), encoding="utf-8")
    (recipes / "r.yaml").write_text(
        "task: cls\ndata: {table: ~/t.csv}\nlayers:\n  - linear: {size: 2, activation: softmax}\n"
        "train: {epochs: 1}\nsave_fold: ~/ckpt\nexport: ~/m.onnx\n",
        encoding="utf-8",
    )
    read_recipe(recipes / "r.yaml").run()
    assert {path.name for path in home.iterdir()} >= {"m.onnx", "ckpt"}
    assert [path.name for path in recipes.iterdir()] == ["r.yaml"]
