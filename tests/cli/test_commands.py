"""The commands that need no torch, through the real entry point."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from support.paths import TESTS


@pytest.fixture
def image(exported):
    return sorted(exported.glob("images/*/*.png"))[0]


def the_error(done):
    """Return the one line on stderr of a command that failed as it should."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("onnxnn: ")
    return lines[0]


def test_version(onnxnn):
    import onnxnn_cli

    assert onnxnn("--version").stdout == f"onnxnn {onnxnn_cli.__version__}\n"


def test_no_command_shows_help(onnxnn):
    done = onnxnn()
    assert done.returncode in (0, 2)  # click 8.2 made it a usage error
    assert "Usage: onnxnn" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", [["info"], ["embed", "model.onnx"], ["infoo", "x"], ["info", "x", "--nope"]]
)
def test_wrong_usage_exits_with_2(onnxnn, arguments):
    done = onnxnn(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


# ---- generate ------------------------------------------------------------------------------------


def test_generate_writes_what_torch_wrote(onnxnn, exported):
    options = ["--length", 40, "--temperature", 0.8, "--top-k", 12, "--seed", 3]
    done = onnxnn("generate", exported / "poems.onnx", "春江", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (exported / "poems.txt").read_text(encoding="utf-8") + "\n"


def test_generate_as_json_stops(onnxnn, exported):
    done = onnxnn("generate", exported / "poems.onnx", "春", "--seed", 0, "--stop", "，", "--json")
    found = json.loads(done.stdout)
    assert found["prompt"] == "春"
    assert found["text"].startswith("春")
    assert "，" not in found["text"]


def test_generate_takes_words(onnxnn, exported):
    done = onnxnn("generate", exported / "poems.onnx", "春 江", "--words", "--length", 5, "--seed", 0)
    assert len(done.stdout.split()) == 5


@pytest.mark.parametrize(
    ("name", "prompt", "message"),
    [
        ("mlp", "春", "expected a model that generates text"),
        ("poems", "x", "'x' is not in the vocabulary of 24 tokens"),
    ],
)
def test_generate_refuses(onnxnn, exported, name, prompt, message):
    assert message in the_error(onnxnn("generate", exported / f"{name}.onnx", prompt))


# ---- info ----------------------------------------------------------------------------------------


def test_info_describes_the_model(onnxnn, exported):
    done = onnxnn("info", exported / "cnn.onnx")
    assert done.returncode == 0, done.stderr
    assert "grayscale" in done.stdout
    assert "conv2d1" in done.stdout
    assert "(batch, 10)" in done.stdout


def test_info_as_json_holds_the_card(onnxnn, exported):
    found = json.loads(onnxnn("info", exported / "mlp.onnx", "--json").stdout)
    assert found["opset"] == 13
    assert found["ir_version"] == 7
    assert found["card"]["output"]["classes"] == ["setosa", "versicolor", "virginica"]
    assert found["size"] == os.path.getsize(str(exported / "mlp.onnx"))


def test_info_says_where_the_operators_run(onnxnn, exported, tmp_path):
    done = onnxnn("info", exported / "mlp.onnx", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "operators   all run on cpu" in done.stdout
    found = json.loads(onnxnn("info", exported / "mlp.onnx", "--device", "cpu", "--json").stdout)
    assert (found["device"], found["operators"]) == ("cpu", {})
    assert "device='nope': expected 'auto'" in the_error(
        onnxnn("info", exported / "mlp.onnx", "--device", "nope")
    )


def test_info_of_a_file_in_the_home_folder(onnxnn, exported):
    home = {"HOME": str(exported), "USERPROFILE": str(exported)}
    assert onnxnn("info", "~/cnn.onnx", **home).stdout == onnxnn("info", exported / "cnn.onnx").stdout


def test_info_of_a_missing_file(onnxnn):
    assert "nothing.onnx: no such file" in the_error(onnxnn("info", "nothing.onnx"))


def test_info_of_a_truncated_file(onnxnn, exported, tmp_path):
    whole = (exported / "cnn.onnx").read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    assert "half.onnx" in the_error(onnxnn("info", "half.onnx"))


# ---- verify --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", "cnn", "backbone", "poems"])
def test_verify_accepts_what_was_exported(onnxnn, exported, name):
    done = onnxnn("verify", exported / f"{name}.onnx")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


@pytest.mark.needs_torch
def test_verify_compares_with_the_checkpoint(onnxnn, exported):
    checkpoint = exported / "cnn_checkpoint" / "basenn.pth"
    done = onnxnn("verify", exported / "cnn.onnx", "--checkpoint", checkpoint, "--json")
    checks = {check["name"]: check["passed"] for check in json.loads(done.stdout)["checks"]}
    assert checks["equals torch"] is True
    assert done.returncode == 0


@pytest.mark.needs_torch
def test_verify_notices_another_checkpoint(onnxnn, exported):
    checkpoint = exported / "backbone_checkpoint" / "basenn.pth"
    done = onnxnn("verify", exported / "mlp.onnx", "--checkpoint", checkpoint)
    assert done.returncode == 1
    assert "the checkpoint is of another network: the file has linear" in done.stdout
    assert "the checkpoint mobilenet_backbone1(" in done.stdout
    assert "Traceback" not in done.stderr


# ---- predict -------------------------------------------------------------------------------------


def test_predict_names_a_class(onnxnn, exported, image):
    done = onnxnn("predict", exported / "cnn.onnx", image, "--top", 3, "--json")
    (found,) = json.loads(done.stdout)
    assert found["name"] == str(image)
    assert len(found["top"]) == 3
    assert found["label"] == found["top"][0]["label"]
    assert found["label"] in set("0123456789")
    scores = [entry["score"] for entry in found["top"]]
    assert scores == sorted(scores, reverse=True)


def test_predict_prints_a_table(onnxnn, exported, image):
    done = onnxnn("predict", exported / "cnn.onnx", image)
    heading, row = done.stdout.splitlines()
    assert heading.split() == ["name", "class", "score"]
    assert row.startswith(str(image))


def test_predict_reads_a_table(onnxnn, exported, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b,c,d\n1,2,3,4\n4,3,2,1\n", encoding="utf-8")
    found = json.loads(onnxnn("predict", exported / "mlp.onnx", "rows.csv", "--json").stdout)
    assert len(found) == 2
    assert {entry["label"] for entry in found} <= {"setosa", "versicolor", "virginica"}


def test_predict_names_at_most_all_classes_and_skips_broken_arrays(onnxnn, exported, tmp_path):
    np.save(str(tmp_path / "object.npy"), np.array([object()]), allow_pickle=True)
    np.save(str(tmp_path / "one.npy"), np.ones(4))
    done = onnxnn("predict", exported / "mlp.onnx", "object.npy", "one.npy", "--skip-errors", "--top", 9)
    assert done.returncode == 0, done.stderr
    heading, row = done.stdout.splitlines()
    assert heading.split() == ["name", *["class", "score"] * 3]
    assert row.startswith("one.npy")
    assert done.stderr.startswith("left out: object.npy")
    assert "object.npy: cannot be read" in the_error(onnxnn("predict", exported / "mlp.onnx", "object.npy"))


def test_arrays_of_images_are_read_from_files(onnxnn, exported, tmp_path):
    np.savez(str(tmp_path / "two.npz"), data=np.zeros((2, 1, 28, 28), np.float32))
    found = json.loads(onnxnn("predict", exported / "cnn.onnx", "two.npz", "--json").stdout)
    assert [entry["name"] for entry in found] == ["two.npz[0]", "two.npz[1]"]


def test_predict_of_a_checkpoint_says_how_it_becomes_a_model(onnxnn, exported):
    checkpoint = exported / "mlp_checkpoint" / "basenn.pth"
    assert "`onnxnn export" in the_error(onnxnn("predict", checkpoint, "x.npy"))


def test_predict_stops_at_a_broken_image_and_names_it(onnxnn, exported, image, tmp_path):
    (tmp_path / "broken.png").write_bytes(image.read_bytes()[:60])
    assert "broken.png" in the_error(onnxnn("predict", exported / "cnn.onnx", image, "broken.png"))


def test_predict_can_skip_a_broken_image(onnxnn, exported, image, tmp_path):
    (tmp_path / "broken.png").write_bytes(image.read_bytes()[:60])
    done = onnxnn("predict", exported / "cnn.onnx", image, "broken.png", "--skip-errors", "--json")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == 1
    assert "broken.png" in done.stderr


def test_a_device_that_is_not_there_is_refused(onnxnn, exported, image):
    assert "device" in the_error(onnxnn("predict", exported / "cnn.onnx", image, "--device", "tpu"))


# ---- embed and similarity ------------------------------------------------------------------------


def test_embed_writes_vectors_and_names(onnxnn, exported, tmp_path):
    done = onnxnn("embed", exported / "backbone.onnx", exported / "images", "-o", "out/vectors.npz", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"file": "out/vectors.npz", "num": 60, "dimension": 1280, "skipped": 0}
    with np.load(str(tmp_path / "out" / "vectors.npz"), allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["embeddings", "names"]
        assert arrays["embeddings"].shape == (60, 1280)
        assert arrays["embeddings"].dtype == np.float32
        assert all(os.path.isfile(str(name)) for name in arrays["names"])


def test_embed_can_scale_to_unit_length(onnxnn, exported, image, tmp_path):
    onnxnn("embed", exported / "cnn.onnx", image, "-o", "v.npz", "--normalize")
    with np.load(str(tmp_path / "v.npz"), allow_pickle=False) as arrays:
        np.testing.assert_allclose(np.linalg.norm(arrays["embeddings"], axis=1), 1, rtol=1e-5)


def test_embed_leaves_no_file_when_it_fails(onnxnn, exported, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in the_error(onnxnn("embed", exported / "cnn.onnx", "empty", "-o", "v.npz"))
    assert not (tmp_path / "v.npz").exists()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("model.onnx", "model.onnx: expected a name that ends in .npz, .csv, .npy or .json, got .onnx"),
        ("rows.csv", "rows.csv: expected another file than the one that is read"),
    ],
)
def test_embed_never_replaces_what_it_reads(onnxnn, exported, tmp_path, out, message):
    shutil.copy(str(exported / "mlp.onnx"), str(tmp_path / "model.onnx"))
    (tmp_path / "rows.csv").write_text("a,b,c,d\n1,2,3,4\n", encoding="utf-8")
    before = (tmp_path / out).read_bytes()
    error = the_error(onnxnn("embed", "model.onnx", "rows.csv", "-o", out))
    assert message in error
    assert (tmp_path / out).read_bytes() == before


def test_embed_into_a_place_that_cannot_be_written(onnxnn, exported, image, tmp_path):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    error = the_error(onnxnn("embed", exported / "cnn.onnx", image, "-o", "file/v.npz"))
    assert "cannot write" in error


def test_similarity_of_an_image_with_itself_is_one(onnxnn, exported, image):
    found = json.loads(onnxnn("similarity", exported / "cnn.onnx", image, image, "--json").stdout)
    assert found["similarity"] == pytest.approx(1, abs=1e-5)
    assert found["method"] == "cosine"


def test_similarity_refuses_an_unknown_method(onnxnn, exported, image):
    error = the_error(onnxnn("similarity", exported / "cnn.onnx", image, image, "--method", "cosin"))
    assert "cosine" in error


def test_similarity_refuses_folders(onnxnn, exported, image):
    assert "expected two inputs" in the_error(
        onnxnn("similarity", exported / "cnn.onnx", exported / "images", image)
    )


# ---- the same numbers as torch -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", "cnn", "backbone"])
def test_the_file_gives_what_torch_gave(exported, name):
    """With ONNX Runtime 1.13 and with the current one alike."""
    import onnxnn_runtime as rt

    with np.load(str(exported / f"{name}.npz"), allow_pickle=False) as arrays:
        x, expected = arrays["x"], arrays["output"]
    found = rt.load(exported / f"{name}.onnx", device="cpu").infer(x)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


UNKNOWN = TESTS / "golden" / "models" / "image_unknown.onnx"


@pytest.fixture
def two_colours(tmp_path):
    """A red and a grey image."""
    for name, color in (("grey", (128, 128, 128)), ("red", (255, 0, 0))):
        Image.new("RGB", (8, 8), color).save(str(tmp_path / f"{name}.png"))


def test_predict_answers_unknown(onnxnn, two_colours):
    lines = onnxnn("predict", UNKNOWN, "grey.png", "red.png", "--unknown").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["answer", "unknown", "red"]
    assert float(lines[1].split()[2]) > 1 > float(lines[2].split()[2])
    chinese = onnxnn("predict", UNKNOWN, "grey.png", "--unknown", ONNXNN_LANG="zh").stdout
    assert "未知" in chinese
    found = json.loads(onnxnn("predict", UNKNOWN, "grey.png", "--unknown", "--json").stdout)[0]
    assert found["label"] == "unknown"
    assert found["distance"] > 1


def test_predict_says_how_to_export_for_unknown(onnxnn, two_colours):
    other = TESTS / "golden" / "models" / "image_classifier.onnx"
    line = the_error(onnxnn("predict", other, "grey.png", "--unknown"))
    assert "--unknown --calibration DATA" in line


def test_info_says_how_unknown_inputs_are_detected(onnxnn):
    assert "20 reference vectors" in onnxnn("info", UNKNOWN).stdout
    card = json.loads(onnxnn("info", UNKNOWN, "--json").stdout)["card"]
    assert card["unknown"]["counts"] == [10, 10]
    assert "references" not in card["unknown"]


def test_predict_draws_where_the_model_looks(onnxnn, two_colours, tmp_path):
    model = TESTS / "golden" / "models" / "image_heatmap.onnx"
    done = onnxnn("predict", model, "red.png", "--heatmap", "heat.png")
    assert "heat.png" in done.stderr
    assert "red" in done.stdout
    with Image.open(str(tmp_path / "heat.png")) as drawn:
        assert drawn.format == "PNG"
    assert "heatmaps()" in the_error(onnxnn("predict", model, "red.png", "grey.png", "--heatmap", "b.png"))
    assert "heatmap=True" in the_error(onnxnn("predict", UNKNOWN, "red.png", "--heatmap", "b.png"))
    assert not (tmp_path / "b.png").exists()
