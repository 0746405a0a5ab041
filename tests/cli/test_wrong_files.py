"""Every command with every kind of file that it does not take: one clear error."""

from __future__ import annotations

import io
import os
import shutil
import sys
import warnings

import numpy as np
import pytest
from onnxnn_cli.main import main
from PIL import Image

KINDS = {
    "a.pth": "a torch file",
    "a.onnx": "an ONNX file",
    "a.png": "an image (PNG)",
    "a.npz": "a NumPy file of arrays (.npz)",
    "a.npy": "a NumPy array (.npy)",
    "a.csv": "a text file",
    "a.yaml": "a text file",
    "a.html": "an HTML page",
    "a.safetensors": "a safetensors file",
    "a.zip": "a zip file",
    "a.pdf": "a PDF",
    "a.gz": "an archive (gzip)",
    "empty": "empty",
    "folder": "a folder",
    "none": "no such",
    "https://a.b/c.png": "address (URL)",
}
"""File -> what the message calls it."""

MODEL = ("a.onnx",)
CHECKPOINT = ("a.pth",)
TEXTS = ("a.csv", "a.yaml")
IMAGES = ("a.png", "folder")
ARRAYS = ("a.npz", "a.npy")
COMMANDS = {
    "train {}": (TEXTS, "a recipe"),
    "export {} -o out.onnx": (CHECKPOINT, "a checkpoint"),
    "import-basenn {} -o out.pth": (CHECKPOINT, "a checkpoint"),
    "info {}": ((*MODEL, *CHECKPOINT), "an ONNX file"),
    "verify {}": (MODEL, "an ONNX file"),
    "predict {} a.png": (MODEL, "an ONNX file"),
    "embed {} a.png -o out.npz": (MODEL, "an ONNX file"),
    "similarity {} a.png a.png": (MODEL, "an ONNX file"),
    "generate {} word": (MODEL, "an ONNX file"),
    "sample {} -o out.png": (MODEL, "an ONNX file"),
    "predict cnn.onnx {}": ((*IMAGES, *ARRAYS), "an image"),
    "embed cnn.onnx {} -o out.npz": ((*IMAGES, *ARRAYS), "an image"),
    "similarity cnn.onnx {} a.png": ((*IMAGES, *ARRAYS), "an image"),
    "predict a.onnx {}": ((*ARRAYS, *TEXTS), "a CSV file"),
}
"""Command -> (files that are read there or refused for what they hold, what is expected)."""

NEEDS_TORCH = ("train", "export", "import-basenn")


@pytest.fixture
def folder(exported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "a.csv": b"a,b\n1,2\n",
        "a.yaml": b"task: cls\n",
        "a.html": b"<!doctype html><html></html>",
        "a.safetensors": (8).to_bytes(8, "little") + b'{"a":{}}',
        "a.zip": b"PK\x05\x06" + bytes(18),
        "a.pdf": b"%PDF-1.4\n",
        "a.gz": b"\x1f\x8b\x08\0",
        "empty": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    shutil.copy(str(exported / "mlp.onnx"), "a.onnx")
    shutil.copy(str(exported / "cnn.onnx"), "cnn.onnx")
    Image.new("L", (28, 28)).save("a.png")
    np.savez("a.npz", x=np.zeros((3, 4), np.float32))
    np.save("a.npy", np.zeros((3, 4), np.float32))
    checkpoint = exported / "mlp_checkpoint" / "basenn.pth"
    if checkpoint.exists():
        shutil.copy(str(checkpoint), "a.pth")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process: run("info", file) -> (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["onnxnn", *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            try:
                main()
                code = 0
            except SystemExit as stop:
                code = stop.code
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(each, marks=pytest.mark.needs_torch) if each.split()[0] in NEEDS_TORCH else each
        for each in COMMANDS
    ],
)
def test_a_file_of_another_kind_is_one_error_that_names_the_kind(run, folder, command):
    taken, expected = COMMANDS[command]
    files = sorted(set(KINDS) - set(taken))
    before = sorted(os.listdir(str(folder)))
    for file in files:
        if file == "a.pth" and not os.path.exists(file):
            continue
        code, out, err = run(*(part.format(file) for part in command.split()))
        assert (code, out) == (1, ""), (file, out, err)
        (line,) = err.splitlines()
        assert line.startswith(f"onnxnn: {file}: "), line
        assert KINDS[file] in line, line
        is_named = f"expected {expected}" in line or f"neither {expected}" in line
        assert is_named or file in ("folder", "none", "empty", "https://a.b/c.png", "a.npz", "a.pdf"), line
    assert sorted(os.listdir(str(folder))) == before


def test_the_advice_to_skip_stands_only_where_others_are_left(run, folder):
    broken, good = folder / "folder" / "broken.png", folder / "good.png"
    broken.write_bytes((folder / "a.png").read_bytes()[:50])
    shutil.copy("a.png", str(good))
    for inputs, is_advised in (
        (["a.csv"], False),
        ([broken], False),
        (["folder"], False),
        ([broken, good], True),
    ):
        code, _, err = run("predict", "cnn.onnx", *inputs)
        assert code == 1
        assert ("--skip-errors" in err) is is_advised, err
    for call in (["a.onnx", "a.csv"], ["cnn.onnx", broken, good, "--channel-order", "x"]):
        code, _, err = run("predict", *call)
        assert code == 1
        assert "--skip-errors" not in err
    shutil.copy("a.png", str(folder / "folder" / "good.png"))
    assert "--skip-errors" in run("predict", "cnn.onnx", "folder")[2]


@pytest.mark.parametrize("given", ["https://a.b/demo", "a.csv"])
def test_a_demo_needs_a_folder(run, folder, given):
    code, out, err = run("demo", "-o", given)
    assert (code, out) == (1, "")
    assert given in err
    assert not os.path.exists("https:")


@pytest.mark.parametrize("command", ["embed", "predict"])
@pytest.mark.parametrize(
    ("model", "inputs"), [("a.onnx", ["a.csv"]), ("cnn.onnx", ["folder"]), ("cnn.onnx", ["folder", "a.html"])]
)
def test_nothing_left_is_an_error(run, folder, command, model, inputs):
    (folder / "folder" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    options = ["-o", "out.npz"] if command == "embed" else ["--json"]
    code, out, err = run(command, model, *inputs, *options, "--skip-errors")
    assert (code, out) == (1, "")
    *left_out, line = err.splitlines()
    assert line.startswith("onnxnn: no input is left: ")
    assert len(left_out) == len(inputs)
    assert all(each.startswith("left out: ") for each in left_out)
    assert not os.path.exists("out.npz")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names that are not UTF-8")
def test_names_that_are_not_utf8_show_their_bytes(run, folder, monkeypatch):
    monkeypatch.setattr("onnxnn_cli.output._noted", [])
    name = os.fsdecode("狗".encode("gbk"))
    shutil.copy("a.png", os.path.join("folder", f"{name}.png"))
    code, out, err = run("predict", "cnn.onnx", "folder")
    assert code == 0, err
    assert "folder/\\xb9\\xb7.png" in out
    (line,) = err.splitlines()
    assert "not UTF-8" in line
    assert "Rename" in line
    with open(os.path.join("folder", f"{name}.jpg"), "wb") as broken:
        broken.write(b"\xff\xd8\xff")
    line = run("predict", "cnn.onnx", "folder")[2].splitlines()[0]
    assert line.startswith("onnxnn: folder/\\xb9\\xb7.jpg: cannot be read")
    assert line.count("xb7.jpg") == 1
    err = run("predict", "cnn.onnx", "folder", "--skip-errors")[2]
    assert err.splitlines()[0].startswith("left out: folder/\\xb9\\xb7.jpg (cannot be read")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize("arguments", [["--help"], ["embed", "--help"], ["--version"]])
def test_help_that_cannot_be_written_is_one_line(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["onnxnn", *arguments])
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full, encoding="utf-8", write_through=True))
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 1
    assert (
        capsys.readouterr().err
        == "onnxnn: the output cannot be written to stdout: No space left on device. Write it into a file, "
        "or free space on the disk. [E-OUTPUT-01]\n"
    )
