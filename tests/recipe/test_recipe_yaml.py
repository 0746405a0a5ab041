"""Recipes as YAML: names stay the text that is written, and what recipes need not have is refused."""

from __future__ import annotations

import os
import re
import time

import numpy as np
import pytest
from onnxnn_runtime import InputError, MissingInputError, OnnxnnError
from support.posix import posix

from onnxnn.datasets import Digits, digits, write_class_folders
from onnxnn.recipe import read_recipe

LAYERS = "layers:\n  - linear: {size: 2, activation: softmax}\n"
TABLE = f"data:\n  table: rows.csv\n  batch_size: 4\n{LAYERS}train: {{epochs: 1}}\nsave_fold: out\n"


@pytest.fixture
def write(tmp_path):
    def put(text):
        path = tmp_path / "recipe.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return path

    return put


NAMES = [
    "yes",
    "no",
    "on",
    "off",
    "null",
    "~",
    "01",
    "0o7",
    "1:30",
    "2019-01-01",
    "1e3",
    "0x10",
    "5.",
    "1_0",
    "True",
]


@pytest.mark.parametrize("first", NAMES)
def test_class_names_are_the_text_that_is_written(write, tmp_path, first):
    few = Digits(*(array[:40] for array in digits(size=8)))
    write_class_folders(few, tmp_path / "images")
    for number in range(2, 10):
        for file in (tmp_path / f"images/{number}").iterdir():
            file.unlink()
        (tmp_path / f"images/{number}").rmdir()
    (tmp_path / "images/0").rename(tmp_path / "images" / first)
    (tmp_path / "images/1").rename(tmp_path / "images/zz")
    names = sorted([first, "zz"])
    recipe = read_recipe(write(f"data:\n  images: images\n  classes: [{', '.join(names)}]\n{LAYERS}"))
    assert recipe.data_options["classes"] == names
    assert recipe.build().card().output.classes == tuple(names)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{yes: 1, no: 0}", ("no", "yes")),
        ("{0: no, 1: yes}", ("no", "yes")),
        ("{1: yes, 0: no}", ("no", "yes")),
    ],
)
def test_classes_may_have_their_ids_beside_them(write, tmp_path, written, expected):
    np.savez(tmp_path / "a.npz", data=np.zeros((4, 2)), label=["yes", "no"] * 2)
    recipe = read_recipe(
        write(f"data: {{npz: a.npz, classes: {written}}}\nlayers:\n  - linear: {{size: 2}}\n")
    )
    assert recipe.build().card().output.classes == expected


@pytest.mark.parametrize("name", [*NAMES, "2.0", "on "])
@pytest.mark.parametrize(
    ("text", "find"),
    [
        ("data: {images: NAME}\n" + LAYERS, lambda recipe: recipe.data.name),
        ("data: {digits: 8}\nlayers: [NAME]\n", lambda recipe: recipe.layers[0].name),
        (
            "data: {digits: 8}\nlayers: [linear: {activation: NAME}]\n",
            lambda recipe: recipe.layers[0].activation,
        ),
        (
            "data: {digits: 8}\n" + LAYERS + "train: {filename: NAME}",
            lambda recipe: recipe.train["filename"],
        ),
        (
            "data: {digits: 8}\n" + LAYERS + "train: {metrics: [NAME]}",
            lambda recipe: recipe.train["metrics"][0],
        ),
        ("data: {digits: 8}\n" + LAYERS + "save_fold: NAME", lambda recipe: recipe.save_fold.name),
        ("data: {digits: 8}\n" + LAYERS + "export: {path: NAME}", lambda recipe: recipe.export.name),
    ],
)
def test_names_of_all_keys_are_text(write, text, find, name):
    if name in ("null", "~"):
        pytest.skip("stands for nothing where no class or column is named")
    assert find(read_recipe(write(text.replace("NAME", name)))) == name.strip()


@pytest.mark.parametrize("written", ["yes", "no", "on", "off", "y", "2019-01-01", "1:30"])
@pytest.mark.parametrize("key", ["shuffle", "batch_size", "train_val_ratio"])
def test_values_are_not_guessed(write, written, key):
    with pytest.raises(InputError, match=rf"line 3, data\.{key}: expected .*, got '{written}'"):
        read_recipe(write(TABLE.replace("batch_size: 4", f"{key}: {written}")))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("true", True),
        ("False", False),
        ("3", 3),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("010", 10),
        ("1e-3", 0.001),
        ("1.5", 1.5),
        (".5", 0.5),
        ("3.", 3.0),
        ("~", None),
        ("null", None),
        ("", None),
        ("'3'", "3"),
        ('"true"', "true"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("yes", "yes"),
    ],
)
def test_other_values_follow_yaml_1_2(write, value, found):
    recipe = read_recipe(write(f"data: {{digits: 8}}\nlayers:\n  - mine: {{option: {value}}}\n"))
    assert recipe.layers[0].options == {"option": found}
    assert type(recipe.layers[0].options["option"]) is type(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("4", "&a 4"), "line 3: anchors and aliases"),
        (TABLE + "seed: *a\n", "anchors and aliases"),
        (TABLE.replace("4", "!!int '4'"), "line 3: the tag '!!int' is not read"),
        (TABLE.replace("4", "!!bool x"), "line 3: the tag '!!bool' is not read"),
        (TABLE.replace("4", "!!timestamp x"), "line 3: the tag '!!timestamp' is not read"),
        (TABLE.replace("4", "! x"), "line 3: the tag '!' is not read"),
        (TABLE.replace("4", "!<x> x"), "line 3: the tag 'x' is not read"),
        (TABLE.replace("4", "9" * 5000), r"line 3, data\.batch_size: .* at most 64 bits, got one of 5000"),
        (TABLE.replace("4", "1" + "0" * 29), r"expected an integer of at most 64 bits, got one of 30"),
        (TABLE.replace("4", "1e29"), r"line 3, data\.batch_size: expected an integer, got 1e\+29"),
        (TABLE.replace("4", "1e999"), r"line 3, data\.batch_size: expected a finite number, got '1e999'"),
        (TABLE.replace("4", ".nan"), r"data\.batch_size: expected a finite number"),
        (TABLE.replace("4", '"\\ud800"'), "line 3: expected characters of Unicode text, got"),
        (TABLE.replace("4", '"\\U99999999"'), "recipe.yaml, line"),
        (TABLE.replace("4", "\x07"), "recipe.yaml, line 3"),
        (TABLE.replace("rows.csv", '"\\ud800.csv"'), "line 2: expected characters of Unicode text"),
        (TABLE + "---\n" + TABLE, "expected one YAML document, got a second one"),
        (TABLE + "train: {epochs: 2}\n", "line 8: the key 'train' is given twice"),
        (TABLE.replace("4", "[" * 40 + "]" * 40), "line 3: expected at most 16 levels of brackets"),
        ("[" * 200_000, "at most 16 levels of brackets"),
        ("{" * 100_000, "recipe.yaml, line"),
        ("- " * 100_000, "recipe.yaml, line"),
        ("[" + "[]," * 80_000, "line 1: expected at most 50,000 keys, values and brackets"),
        (TABLE + "".join(f"k{each}: 1\n" for each in range(20_000)), "unknown key k0"),
        ("a" * 300_000, "at most 256 KB"),
        (TABLE.replace("layers:", "layers:\n" + "  - relu\n" * 3000), "at most 1,000 layers, got 3,001"),
        (TABLE.replace("batch_size", "x" * 900), "unknown key"),
        (TABLE.replace("batch_size", "batch_sise"), r"data.batch_sise .line 3, did you mean 'batch_size'\?"),
        (TABLE + "".join(f"k{i}: 1\n" for i in range(500)), "unknown key k0"),
        (TABLE + "seed: &x [*x]\n", "anchors and aliases"),
    ],
)  # fmt: skip
def test_what_no_recipe_needs_is_refused_in_a_short_message_and_at_once(write, text, message):
    start = time.process_time()
    with pytest.raises(InputError, match=message) as error:
        read_recipe(write(text))
    assert len(str(error.value)) < 1500
    assert str(error.value).isprintable()
    assert time.process_time() - start < 5


# Where a recipe holds nine lists of nine lists of ...: each message would quote millions of characters.
DIGITS = "data: {digits: 8}\n"
PLACES = {
    "task": f"task: %s\n{DIGITS}{LAYERS}",
    "seed": f"seed: %s\n{DIGITS}{LAYERS}",
    "digits": f"data: {{digits: %s}}\n{LAYERS}",
    "batch_size": f"data: {{digits: 8, batch_size: %s}}\n{LAYERS}",
    "a layer": f"{DIGITS}layers: [%s]\n",
    "a layer's size": f"{DIGITS}layers:\n  - linear: {{size: %s}}\n",
    "train": f"train: %s\n{DIGITS}{LAYERS}",
    "export.path": f"export: {{path: %s}}\n{DIGITS}{LAYERS}",
    "weights": f"weights: %s\n{DIGITS}{LAYERS}",
    "the whole recipe": "%s\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_aliases_that_multiply_are_refused_in_a_short_message(write, place):
    lists = ", ".join(f"&a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]" for i in range(7))
    with pytest.raises(OnnxnnError) as error:
        read_recipe(write(PLACES[place] % f"[{lists}]")).build()
    assert len(str(error.value)) < 200
    assert re.search(r"line \d: anchors and aliases", str(error.value))


@posix
def test_only_a_regular_file_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InputError, match="a named pipe"):
        read_recipe(tmp_path / "pipe.yaml")
    with pytest.raises(InputError, match="a device"):
        read_recipe("/dev/zero")
    with pytest.raises(InputError, match="at most 255 bytes in the name"):
        read_recipe(tmp_path / ("a" * 300 + ".yaml"))
    with pytest.raises(MissingInputError):
        read_recipe(tmp_path / "none.yaml")


@pytest.fixture
def rows(tmp_path):
    lines = ["a,b,label", *(f"{i},{(i * 7) % 5},{i % 2}" for i in range(20))]
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")


def line_of(text, changed, key):
    """Return the line of the option that was changed under data, else that of the key."""
    begins = {"data": changed, "layer 1": "  - linear"}.get(key, key)
    return 1 + next(number for number, line in enumerate(text.splitlines()) if begins in line)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("save_fold: out", "save_fold: " + "a" * 300), "train"),
        (("{epochs: 1}", "{epochs: -3}"), "train"),
        (("batch_size: 4", "batch_size: 0"), "data"),
        (("save_fold: out", "seed: -1"), "seed"),
        (("size: 2", "size: [7, 2]"), "layer 1"),
        (("save_fold: out", "export: {path: a.onnx, preprocess: graf}"), "export"),
        (("save_fold: out", "export: {path: a.onnx, sampler: ddim}"), "export"),
        (("save_fold: out", "export: {path: a.onnx, steps: 5}"), "export"),
        (("save_fold: out", "export: {path: a.onnx, guidance: 3}"), "export"),
        (("save_fold: out", "export: {path: a.onnx, tolerance: -1}"), "export"),
        (("save_fold: out", "weights: none.pth"), "weights"),
    ],
)
def test_errors_name_the_part_and_the_line_before_training(write, tmp_path, change, key):
    text = TABLE.replace(*change)
    line = line_of(text, change[1], key)
    with pytest.raises(OnnxnnError) as error:
        read_recipe(write(text)).run()
    assert not list(tmp_path.rglob("*.pth"))
    assert re.search(rf"recipe\.yaml, line {line}, {key}: ", str(error.value))
    assert len(str(error.value)) < 700


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("name", ["basenn.pth", "best.pth", "mine.pth"])
@pytest.mark.parametrize(
    "link", [False, pytest.param(True, marks=pytest.mark.skipif(os.name == "nt", reason="needs links"))]
)
def test_training_never_replaces_the_weights_that_it_begins_with(write, tmp_path, name, link):
    read_recipe(write(TABLE)).run()
    kept = tmp_path / "first" / "weights.pth" if link else tmp_path / "first" / name
    kept.parent.mkdir()
    (tmp_path / "out/basenn.pth").rename(kept)
    if link:
        (tmp_path / "first" / name).symlink_to(kept)
    before = kept.read_bytes()
    text = TABLE.replace("save_fold: out", f"weights: {kept}\nsave_fold: first")
    if name == "mine.pth":
        text = text.replace("{epochs: 1}", "{epochs: 1, filename: mine.pth}")
    with pytest.raises(
        OnnxnnError, match=r"recipe\.yaml, line 7, weights: .* would be lost.* another save_fold"
    ):
        read_recipe(write(text)).run()
    assert kept.read_bytes() == before
    read_recipe(write(text.replace("save_fold: first", "save_fold: other"))).run()
    assert kept.read_bytes() == before


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("more", "held_back"), [("", True), ("  train_val_ratio: 0.5\n", True), ("  train_val_ratio: 1\n", False)]
)
def test_some_of_the_samples_are_held_back(write, more, held_back):
    text = TABLE.replace("data:\n", "data:\n" + more).replace("{epochs: 1}", "{epochs: 2, metrics: [acc]}")
    history = read_recipe(write(text)).run().history
    assert ("val_acc" in history[-1]) == held_back


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("data", ["table: rows.csv", "digits: 8", "table: rows.csv\n  standardize: true"])
@pytest.mark.parametrize("task", ["cls", "reg"])
def test_figures_of_samples_held_back_and_the_best_epoch_are_printed(write, capsys, task, data):
    layers = LAYERS.replace("size: 2, activation: softmax", "size: 10" if task == "cls" else "size: 1")
    metric = "acc" if task == "cls" else "mae"
    train = f"train: {{epochs: 5, lr: 0.05, metrics: [{metric}]}}\n"
    recipe = read_recipe(write(f"task: {task}\ndata:\n  {data}\n{layers}{train}save_fold: out\n"))
    rows = recipe.run().history
    shown = "".join(capsys.readouterr())
    assert f"val_{metric}" in shown
    losses = [row["val_loss"] for row in rows]
    assert f"best epoch {1 + losses.index(min(losses))} of 5: val_loss {min(losses):.4g}" in shown


def test_a_few_samples_are_all_trained_on_and_that_is_said(write, tmp_path, capsys):
    np.savez(tmp_path / "rows.npz", data=np.eye(2, dtype=np.float32), label=[0, 1])
    history = read_recipe(write(TABLE.replace("table: rows.csv", "npz: rows.npz"))).run().history
    assert "val_loss" not in history[-1]
    assert "the figures are of the training data" in capsys.readouterr().out


@pytest.mark.parametrize(("more", "said"), [("", True), (", train_val_ratio: 0.8", False)])
def test_a_task_that_holds_nothing_back_says_so(tmp_path, capsys, more, said):
    (tmp_path / "a.csv").write_text(
        "a,b,label\n" + "".join(f"{i},{i * i},{i % 2}\n" for i in range(40)), encoding="utf-8"
    )
    recipe = tmp_path / "recipe.yaml"
    layers = "layers:\n- linear: {size: 3}\n"
    recipe.write_text(
        f"task: embed\ndata: {{table: a.csv{more}}}\n{layers}train: {{epochs: 1}}\n", encoding="utf-8"
    )
    done = read_recipe(recipe).run()
    shown = capsys.readouterr().out
    assert ("no samples are held back" in shown) is said
    assert ("val_loss" in done.history[-1]) is not said
