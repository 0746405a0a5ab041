"""The commands that train and export, through the real entry point."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.needs_torch

RECIPE = """
task: cls
seed: 1
data: {digits: 12, batch_size: 300}
layers:
  - conv2d: {size: [1, 3], kernel_size: 3, activation: relu}
  - linear: {size: 10, activation: softmax}
train: {lr: 1e-2, epochs: 2, metrics: [acc]}
save_fold: out
export: out/small.onnx
"""


@pytest.mark.slow
def test_train_export_verify(onnxnn, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    trained = onnxnn("train", "recipe.yaml", "--json")
    assert trained.returncode == 0, trained.stderr
    found = json.loads(trained.stdout)
    assert [row["epoch"] for row in found["history"]] == [1, 2]
    assert found["history"][1]["acc"] > 0.3
    assert (tmp_path / "out" / "small.onnx").is_file()

    exported = onnxnn("export", "out/basenn.pth", "-o", "again.onnx", "--json")
    assert exported.returncode == 0, exported.stderr
    report = json.loads(exported.stdout)
    assert report["parity"]["absolute"] < 1e-5
    assert report["size"] == (tmp_path / "again.onnx").stat().st_size

    verified = onnxnn("verify", "again.onnx", "--checkpoint", "out/basenn.pth")
    assert verified.returncode == 0, verified.stdout
    assert "equals torch" in verified.stdout

    assert "conv2d1" in onnxnn("info", "out/basenn.pth").stdout


def test_a_network_that_needs_long_texts_is_verified(onnxnn, tmp_path):
    from onnxnn import nn

    network = nn("cls", verbose=0)
    network.load_dataset(np.arange(400).reshape(4, 100) % 5, np.arange(4) % 2)
    network.add("embedding", size=(5, 3), channels_first=True)
    network.add("conv1d", size=(3, 2), kernel_size=70)
    network.add("global_avgpool")
    network.add("linear", size=(2, 2), activation="softmax")
    network.export(tmp_path / "long.onnx")
    verified = onnxnn("verify", "long.onnx")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "5 tokens, time at least 70" in onnxnn("info", "long.onnx").stdout


@pytest.mark.slow
def test_training_twice_with_a_seed_gives_the_same_figures(onnxnn, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    first, second = onnxnn("train", "recipe.yaml"), onnxnn("train", "recipe.yaml")
    assert first.stdout == second.stdout
    assert first.stdout.startswith("last epoch: ")


def test_a_wrong_recipe_is_one_line(onnxnn, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("linear", "liner"), encoding="utf-8")
    done = onnxnn("train", "recipe.yaml")
    assert done.returncode == 1
    assert "Did you mean 'linear'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_export_of_a_missing_checkpoint(onnxnn, tmp_path):
    done = onnxnn("export", "nothing.pth", "-o", "x.onnx")
    assert done.returncode == 1
    assert "nothing.pth" in done.stderr
    assert not (tmp_path / "x.onnx").exists()


def test_export_never_replaces_its_checkpoint(onnxnn, exported, tmp_path):
    shutil.copy(exported / "mlp_checkpoint" / "basenn.pth", tmp_path / "basenn.pth")
    before = (tmp_path / "basenn.pth").read_bytes()
    done = onnxnn("export", "basenn.pth", "-o", "basenn.pth")
    assert done.returncode == 1
    assert "Use a name that ends in .onnx, or use --force" in done.stderr
    assert (tmp_path / "basenn.pth").read_bytes() == before


def test_export_names_the_option_that_replaces_a_foreign_file(onnxnn, exported, tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    call = ["export", exported / "mlp_checkpoint" / "basenn.pth", "-o", "x.png"]
    done = onnxnn(*call)
    assert done.returncode == 1
    assert "or use --force." in done.stderr
    assert onnxnn(*call, "--force").returncode == 0


def test_export_refuses_an_opset_that_does_not_work(onnxnn, exported, tmp_path):
    done = onnxnn("export", exported / "mlp_checkpoint" / "basenn.pth", "-o", "x.onnx", "--opset", "99")
    assert done.returncode == 1
    assert "opset_version=99" in done.stderr
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize("preprocess", ["runtime", "graph"])
def test_export_with_sizes(onnxnn, exported, tmp_path, preprocess):
    sizes = "batch=2, height=40,width=50" if preprocess == "graph" else "batch=2"
    options = ("-o", "a.onnx", "--preprocess", preprocess, "--sizes", sizes)
    done = onnxnn("export", exported / "backbone_checkpoint" / "basenn.pth", *options)
    assert done.returncode == 0, done.stderr
    inputs = json.loads(onnxnn("info", "a.onnx", "--json").stdout)["inputs"]
    assert inputs["input"][1] == ([2, 40, 50, 3] if preprocess == "graph" else [2, 3, 64, 64])


@pytest.mark.parametrize(
    "sizes", ["", "40", "height", "height=a", "height=40;width=50", "height=40,,width=3", "batch=2,batch=3"]
)
def test_sizes_that_are_none_are_refused(onnxnn, exported, tmp_path, sizes):
    done = onnxnn("export", exported / "cnn_checkpoint" / "basenn.pth", "-o", "a.onnx", "--sizes", sizes)
    assert (done.returncode, done.stdout) == (2, "")
    assert "such as height=96,width=96" in done.stderr
    assert not (tmp_path / "a.onnx").exists()


def test_export_for_a_target(onnxnn, exported, tmp_path):
    call = ["export", exported / "mlp_checkpoint" / "basenn.pth", "-o", "x.onnx", "--target"]
    assert onnxnn(*call, "unihiker").returncode == 0
    assert json.loads(onnxnn("info", "x.onnx", "--json").stdout)["runs_on"]["onnxruntime"] == "1.12"
    for wrong, said in (
        (["unihicker"], "Did you mean 'unihiker'?"),
        (["ort1.8", "--opset", "15"], "opset_version=15: expected at most 14"),
    ):
        (tmp_path / "x.onnx").unlink(missing_ok=True)
        done = onnxnn(*call, *wrong)
        assert done.returncode == 1
        assert said in done.stderr
        assert not (tmp_path / "x.onnx").exists()


def test_predict_names_the_class_of_each_step(onnxnn, tmp_path):
    from onnxnn import nn

    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    model = nn(verbose=0)
    model.load_dataset(x, [[0, 1, 1], [1, 0, 0]], classes=["low", "high"])
    model.add("gru", size=(4, 5))
    model.add("linear", size=(5, 2), activation="softmax")
    model.export(tmp_path / "steps.onnx")
    np.save(tmp_path / "x.npy", x)
    expected = [[["low", "high"][step] for step in row] for row in model.inference(x).argmax(-1)]
    heading, *rows = onnxnn("predict", "steps.onnx", "x.npy").stdout.splitlines()
    assert heading.split(None, 1) == ["name", "class of each step"]
    assert [row.split()[1:] for row in rows] == expected
    found = json.loads(onnxnn("predict", "steps.onnx", "x.npy", "--json").stdout)
    assert [entry["label"] for entry in found] == expected
    assert all(len(entry["score"]) == 3 for entry in found)


def test_layers_are_listed_with_options(onnxnn):
    found = {entry["layer"]: entry for entry in json.loads(onnxnn("layers", "--json").stdout)}
    assert "size" in found["linear"]["options"]
    assert "mobilenet_backbone" in found
    assert not found.keys() & {"custom", "denormalize", "exponential"}  # which add() takes by no name
    assert all(entry["about"] for entry in found.values())
    assert "conv2d" in onnxnn("layers").stdout
    assert "图像的卷积" in onnxnn("layers", ONNXNN_LANG="zh").stdout


@pytest.mark.slow
def test_the_demos_second_process_samples_with_both_files(tmp_path):
    from onnxnn_cli.without_torch import run_elsewhere

    from onnxnn import nn

    model = nn(verbose=0)
    model.load_dataset(np.random.default_rng(0).random((6, 1, 8, 8)), list("ababab"))
    model.add("diffusion_model", img_size=8, timestep=9, dim=8, dim_mults=(1, 2), classes=True)
    model.export(tmp_path / "denoiser.onnx")
    model.export(tmp_path / "drawer.onnx", sampler="dpm++", steps=3, guidance=2.0)
    found = run_elsewhere("onnxnn_cli.demo_draw", tmp_path)
    assert found["torch_importable"] is False
    assert found["num"] == 16
    assert found["difference"] < 1e-4
    with Image.open(found["image"]) as drawn:
        assert drawn.height > 3 * drawn.width  # two columns of eight
    with Image.open(found["animation"]) as moving:
        assert moving.n_frames == 4


def test_a_demo_that_is_not_there(onnxnn):
    done = onnxnn("demo", "guess")
    assert done.returncode == 2
    assert "encoder or diffusion" in done.stderr


@pytest.mark.slow
def test_the_quick_demo_samples_digits(onnxnn, tmp_path):
    done = onnxnn("demo", "diffusion", "--quick", "-o", "here", "--json", OMP_WAIT_POLICY="PASSIVE")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["torch_importable"] is False
    assert found["num"] == 80
    assert found["difference"] < 1e-4
    names = {file.name for file in (tmp_path / "here").iterdir()}
    assert names >= {"denoiser.onnx", "drawer.onnx", "drawn.png", "drawn.gif", "digits", "drawer_checkpoints"}
    assert len(list((tmp_path / "here/drawer_checkpoints/samples").glob("epoch_*.png"))) >= 4


@pytest.mark.slow
def test_the_quick_demo_beats_raw_pixels_on_moved_digits(onnxnn, tmp_path):
    # Threads that spin while they wait make the demo four times slower on a machine that is busy.
    done = onnxnn("demo", "--quick", "-o", "here", "--json", OMP_WAIT_POLICY="PASSIVE")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["torch_importable"] is False
    assert found["held_out"]["num"] == found["moved"]["num"] == 359
    assert found["held_out"]["pixels"] > 0.97
    assert found["moved"]["encoder"] > found["moved"]["pixels"]
    assert (tmp_path / "here" / "similarity.png").is_file()
    assert (tmp_path / "here" / "encoder.onnx").is_file()
