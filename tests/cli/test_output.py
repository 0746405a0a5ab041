"""Where results go: streams of any encoding, terminals, and files that must not be lost."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from onnxnn_cli import output
from onnxnn_runtime import InputSpec, ModelCard, OutputSpec
from PIL import Image
from support.models import graph, model, node, value
from support.paths import GOLDEN

MODELS = str(GOLDEN / "models")


@pytest.fixture
def image(exported, tmp_path):
    path = tmp_path / "photos" / "0003.png"
    path.parent.mkdir()
    shutil.copy(str(sorted(exported.glob("images/*/*.png"))[0]), str(path))
    return path


def one_error(done):
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("onnxnn: ")
    return line


class Streams:
    """stdout and stderr in some encoding; `text` and `notes` are what was written."""

    def __init__(self, monkeypatch, encoding):
        self.raw, self.error = io.BytesIO(), io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(self.raw, encoding=encoding, newline="\n"))
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(self.error, encoding=encoding, newline="\n"))
        monkeypatch.setattr(output, "_noted", [])
        self._encoding = encoding

    @property
    def text(self):
        return self.raw.getvalue().decode(self._encoding)

    @property
    def notes(self):
        return self.error.getvalue().decode(self._encoding)


ODD = [
    "猫",
    "pétale",
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "\u202eabc",
    "a\nb",
    "\udcff.png",
    "全\u3000角",
]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "ascii", "gbk", "utf-16"])
@pytest.mark.parametrize("text", ODD)
def test_json_comes_back_whole_from_any_stream(monkeypatch, encoding, text):
    streams = Streams(monkeypatch, encoding)
    output.print_json({"label": text, text: [1, 0.5, None]})
    assert json.loads(streams.text) == {"label": text, text: [1, 0.5, None]}
    assert streams.notes == ""
    assert not set(streams.text) & set("\x1b\x9b\u202e")


def test_json_is_readable_where_the_stream_can_hold_it(monkeypatch):
    streams = Streams(monkeypatch, "utf-8")
    output.print_json({"label": "猫"})
    assert '"猫"' in streams.text


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", "猫 é"), ("cp1252", "? é"), ("ascii", "? ?"), ("gbk", "猫 é")]
)
def test_text_is_replaced_and_a_note_says_so_once(monkeypatch, encoding, expected):
    streams = Streams(monkeypatch, encoding)
    output.print_text("猫 é")
    output.print_table([("name", "class"), ("猫 é", "猫 é")])
    assert streams.text.splitlines()[0] == expected
    assert "?" in streams.text or expected == "猫 é"
    notes = streams.notes.splitlines()
    assert len(notes) == ("?" in expected)
    assert all(f"the encoding of this output, {encoding}, lacks some characters" in line for line in notes)


def test_nothing_in_a_text_acts_on_a_terminal(monkeypatch):
    streams = Streams(monkeypatch, "utf-8")
    output.print_text("\x1b[2Jname\x9b31m\r\u202e猫\u3000狗\n\tnext")
    output.print_table([("name", "class"), ("a\nb", "c\td")])
    output.note("\x1b[2Jnote")
    assert streams.text.splitlines()[:2] == ["\\x1b[2Jname\\x9b31m\\r\\u202e猫\u3000狗", "\tnext"]
    assert streams.text.splitlines()[3].split() == ["a\\nb", "c\\td"]
    assert streams.notes == "\\x1b[2Jnote\n"


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_without_a_console_nothing_fails(monkeypatch, stream):
    monkeypatch.setattr(sys, "stdout", None)
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    output.print_json({"a": 1})
    output.print_text("猫")
    output.note("猫")
    assert (sys.stdout, sys.stderr) == (None, stream)  # nothing was put in their places


COMMANDS = {
    "predict": ["predict", "猫.onnx", "表.csv"],
    "predict an image": ["predict", "image_classifier.onnx", "猫.png"],
    "info": ["info", "猫.onnx"],
    "generate": ["generate", "text.onnx", "春江", "--length", 6, "--seed", 0],
    "embed": ["embed", "image_embedder.onnx", "猫.png", "-o", "猫.npz"],
    "similarity": ["similarity", "image_embedder.onnx", "猫.png", "猫.png"],
    "sample": ["sample", "denoiser_classes.onnx", "-n", 1, "--label", "红", "--seed", 0, "-o", "红.png"],
}
"""Commands that print names of classes, files or tokens."""


@pytest.fixture
def chinese(tmp_path):
    """Write models, a table and an image into the command's folder; names and classes are Chinese."""
    for name in ("image_classifier", "image_embedder", "text", "denoiser_classes"):
        shutil.copy(os.path.join(MODELS, name + ".onnx"), str(tmp_path))
    nodes = [node("Softmax", ["input"], ["output"], axis=1)]
    outputs = OutputSpec("classes", ("batch", 2), ("狗", "猫"))
    card = ModelCard("cls", (), InputSpec("table", ("batch", 2)), outputs)
    made = graph(nodes, [value("input", ("batch", 2))], [value("output", ("batch", 2))])
    (tmp_path / "猫.onnx").write_bytes(model(made, card))
    (tmp_path / "表.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    Image.new("RGB", (6, 6), (200, 90, 10)).save(str(tmp_path / "猫.png"))


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_prints_json_whole_in_any_encoding(onnxnn, command):
    encoding = "ascii" if command == "generate" else "cp1252"
    done = onnxnn(*COMMANDS[command], "--json", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    shown = json.dumps(json.loads(done.stdout), ensure_ascii=False)
    assert "?" not in shown
    assert any(character in shown for character in "猫红春")


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "similarity"])
def test_every_command_says_that_its_text_lacks_characters(onnxnn, command):
    done = onnxnn(*COMMANDS[command], PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout
    assert "the encoding of this output, cp1252, lacks some characters; they show as '?'" in done.stderr
    assert done.stderr.count("\n") == 1
    whole = onnxnn(*COMMANDS[command], PYTHONIOENCODING="utf-8")
    assert re.sub("[^\x00-\x7f]", "?", whole.stdout).split() == done.stdout.split()
    assert whole.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
def test_a_result_that_cannot_be_written_is_an_error(exported, image):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "onnxnn_cli", "predict", str(exported / "cnn.onnx"), str(image)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line == (
        "onnxnn: the result cannot be written to stdout: No space left on device. Write it into a file, or "
        "free space on the disk. [E-OUTPUT-01]"
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a shell with pipes")
def test_a_reader_who_has_read_enough_ends_it_quietly(exported, image):
    child = subprocess.Popen(
        [sys.executable, "-m", "onnxnn_cli", "predict", str(exported / "cnn.onnx"), str(image), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    child.stdout.close()  # before the first line
    said, code = child.stderr.read(), child.wait()
    child.stderr.close()
    assert said == b""
    assert code in (0, 1)


# ---- files ------------------------------------------------------------------------------------


def test_embed_writes_the_format_that_the_name_says(onnxnn, exported, image, tmp_path):
    found = {}
    for name in ("v.npz", "v.csv", "v.json", "v.npy"):
        done = onnxnn("embed", exported / "cnn.onnx", image, "-o", name)
        assert done.returncode == 0, done.stderr
    with np.load(str(tmp_path / "v.npz"), allow_pickle=False) as arrays:
        found["npz"] = arrays["embeddings"][0]
    with open(str(tmp_path / "v.csv"), encoding="utf-8", newline="") as file:
        heading, row = csv.reader(file)
    assert heading[:2] == ["name", "v0"]
    assert row[0] == str(image)
    found["csv"] = np.array(row[1:], dtype=np.float32)
    found["npy"] = np.load(str(tmp_path / "v.npy"), allow_pickle=False)[0]
    (entry,) = json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))
    assert entry["name"] == str(image)
    found["json"] = np.array(entry["vector"], np.float32)
    for vector in found.values():
        np.testing.assert_array_equal(vector, found["npz"])


@pytest.mark.parametrize("name", ["v.parquet", "v.txt", "v"])
def test_embed_refuses_formats_that_it_does_not_write(onnxnn, exported, image, tmp_path, name):
    line = one_error(onnxnn("embed", exported / "cnn.onnx", image, "-o", name))
    assert "ends in .npz, .csv, .npy or .json" in line
    assert not (tmp_path / name).exists()


def test_embed_replaces_no_foreign_file_but_by_force(onnxnn, exported, image, tmp_path):
    shutil.copy(str(image), str(tmp_path / "v.npz"))
    call = ["embed", exported / "cnn.onnx", image.parent, "-o", "v.npz"]
    assert "v.npz: expected a file of format npz to replace, got an image (PNG)" in one_error(onnxnn(*call))
    assert (tmp_path / "v.npz").read_bytes() == image.read_bytes()
    assert onnxnn(*call, "--force").returncode == 0
    assert (tmp_path / "v.npz").read_bytes()[:2] == b"PK"
    assert onnxnn(*call).returncode == 0
    line = one_error(onnxnn("embed", exported / "cnn.onnx", image.parent, "-o", image))
    assert ", got .png." in line


@pytest.mark.parametrize("option", ["-o", "--gif"])
def test_sample_never_replaces_its_images(onnxnn, image, tmp_path, option):
    suffix = ".png" if option == "-o" else ".gif"
    given = tmp_path / f"s{suffix}"
    shutil.copy(str(image), str(given))
    call = ["sample", os.path.join(MODELS, "denoiser.onnx"), "-n", 1, "--steps", 2, "--start", given]
    before = given.read_bytes()
    line = one_error(onnxnn(*call, option, given))
    assert "expected another file than the one that is read, which would be lost" in line
    assert "or use --force" in line
    assert given.read_bytes() == before
    assert onnxnn(*call, option, given, "--force").returncode == 0
    assert given.read_bytes() != before


# What a command reads, and would write over: the file's name here, what it is a copy of, and the command.
OVER_INPUTS = {
    "embed an image of the folder": ("photos/0003.png", "png", ["embed", "e.onnx", "photos", "-o"]),
    "sample over a mask": (
        "mask.png",
        "png",
        ["sample", "d.onnx", "--start", "photos", "--mask", "mask.png", "-o"],
    ),
    "sample over one of several starts": (
        "photos/0003.png",
        "png",
        ["sample", "d.onnx", "--start", "photos", "-o"],
    ),
    "sample over its model": ("d.png", "denoiser", ["sample", "d.png", "-o"]),
    "sample an animation over its model": ("d.gif", "denoiser", ["sample", "d.gif", "--gif"]),
    "sample over an image of another format": ("other.png", "gif", ["sample", "d.onnx", "-o"]),
    "sample an animation over an image": ("other.gif", "png", ["sample", "d.onnx", "--gif"]),
    "embed over an image with another name": ("other.npz", "png", ["embed", "e.onnx", "photos", "-o"]),
}


@pytest.mark.parametrize("case", list(OVER_INPUTS))
def test_no_command_replaces_what_it_reads_or_what_it_does_not_write(onnxnn, tmp_path, case):
    name, kind, call = OVER_INPUTS[case]
    shutil.copy(os.path.join(MODELS, "image_embedder.onnx"), str(tmp_path / "e.onnx"))
    shutil.copy(os.path.join(MODELS, "denoiser.onnx"), str(tmp_path / "d.onnx"))
    (tmp_path / "photos").mkdir()
    for file, form in (("photos/0003.png", "PNG"), ("mask.png", "PNG"), ("a.gif", "GIF")):
        Image.new("L", (5, 4), 255).save(str(tmp_path / file), form)
    source = {"png": "photos/0003.png", "gif": "a.gif", "denoiser": "d.onnx"}[kind]
    if name not in ("photos/0003.png", "mask.png"):
        shutil.copy(str(tmp_path / source), str(tmp_path / name))
    before = (tmp_path / name).read_bytes()
    done = onnxnn(*call, name)
    assert (tmp_path / name).read_bytes() == before
    assert name in one_error(done)


@pytest.mark.skipif(os.name == "nt", reason="needs links and modes")
def test_embed_into_places_that_cannot_be_written(onnxnn, exported, image, tmp_path):
    os.mkfifo(str(tmp_path / "pipe.npz"))
    (tmp_path / "folder.npz").mkdir()
    for out, message in (
        ("pipe.npz", "expected a regular file, got a named pipe"),
        ("folder.npz", "expected the name of a file, got a folder"),
        ("d" * 300 + ".npz", "expected a name of at most 255 bytes, got"),
        (str(image / "v.npz"), "expected a folder, got a file in its place"),
        ("/proc/v.npz", "cannot write /proc/v.npz"),
    ):
        line = one_error(onnxnn("embed", exported / "cnn.onnx", image, "-o", out))
        assert message in line
        assert ".part" not in line


# ---- what comes in ----------------------------------------------------------------------------


def run_with_stdin(data, tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "onnxnn_cli", *map(str, arguments)],
        input=data,
        capture_output=True,
        cwd=str(tmp_path),
        check=False,
    )


def test_stdin_is_an_image_or_a_table(exported, image, tmp_path):
    done = run_with_stdin(
        image.read_bytes(), tmp_path, "predict", exported / "cnn.onnx", "-", image, "--json"
    )
    piped, read = json.loads(done.stdout.decode())
    assert piped["name"] == "-"
    assert {**piped, "name": ""} == {**read, "name": ""}
    done = run_with_stdin(b"a,b,c,d\n1,2,3,4\n", tmp_path, "predict", exported / "mlp.onnx", "-", "--json")
    assert len(json.loads(done.stdout.decode())) == 1, done.stderr
    done = run_with_stdin(image.read_bytes(), tmp_path, "embed", exported / "cnn.onnx", "-", "-o", "v.csv")
    assert (tmp_path / "v.csv").read_text(encoding="utf-8").splitlines()[1].startswith("-,"), done.stderr


def test_a_warning_is_one_line_without_our_own_code(onnxnn, exported, tmp_path):
    table = "a,b,c,d,Größe\n1,2,3,4,süß\n".encode("latin-1")
    (tmp_path / "t.csv").write_bytes(table)
    said = "is not UTF-8 and is read as cp1252 ('Größe'). Use encoding= to choose another."
    done = onnxnn("predict", exported / "mlp.onnx", "t.csv")
    assert (done.returncode, done.stderr) == (0, f"onnxnn: t.csv: {said}\n")
    done = run_with_stdin(table, tmp_path, "predict", exported / "mlp.onnx", "-")
    assert (done.returncode, done.stderr.decode()) == (0, f"onnxnn: -: {said}\n")


def test_stdin_is_one_side_of_a_comparison_or_a_start_image(exported, image, tmp_path):
    done = run_with_stdin(image.read_bytes(), tmp_path, "similarity", exported / "cnn.onnx", "-", image)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(1, abs=1e-5)
    model = os.path.join(MODELS, "denoiser.onnx")
    png = io.BytesIO()
    Image.new("L", (5, 4), 255).save(png, "PNG")
    for options in (["--start", "-"], ["--start", image, "--mask", "-"]):
        done = run_with_stdin(png.getvalue(), tmp_path, "sample", model, *options, "-n", 1)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="this system cannot name the file")
def test_a_file_that_is_redirected_to_stdin_is_not_replaced(exported, tmp_path):
    table = tmp_path / "a.csv"
    table.write_bytes(b"a,b,c,d\n1,2,3,4\n")
    call = [sys.executable, "-m", "onnxnn_cli", "embed", str(exported / "mlp.onnx"), "-", "-o", str(table)]
    with open(str(table), "rb") as file:
        done = subprocess.run(call, stdin=file, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"expected another file than the one that is read" in done.stderr
    assert table.read_bytes() == b"a,b,c,d\n1,2,3,4\n"


def test_stdin_that_gives_nothing(onnxnn, exported, tmp_path):
    assert "-: expected a file on stdin, got nothing" in one_error(
        onnxnn("predict", exported / "cnn.onnx", "-")
    )
    assert "stdin can be read only once" in one_error(onnxnn("predict", exported / "cnn.onnx", "-", "-"))


def test_patterns_homes_and_addresses(onnxnn, exported, image, tmp_path):
    for given in ("photos/*.png", "~/photos", "~/photos/0003.png"):
        done = onnxnn("predict", exported / "cnn.onnx", given, "--json", HOME=str(tmp_path))
        assert len(json.loads(done.stdout)) == 1, done.stderr
    assert "address (URL)" in one_error(onnxnn("predict", exported / "cnn.onnx", "https://a.b/c.png"))


def test_a_broken_image_is_named_once_with_the_option_that_leaves_it_out(onnxnn, exported, image, tmp_path):
    broken = tmp_path / "photos" / "broken.png"
    broken.write_bytes(image.read_bytes()[:60])
    for command, options in (("embed", ["-o", "v.npz"]), ("predict", [])):
        line = one_error(onnxnn(command, exported / "cnn.onnx", image, broken, *options))
        assert line.count("broken.png") == 1
        assert line.count("--skip-errors") == 1
    done = onnxnn("predict", exported / "cnn.onnx", image, broken, "--skip-errors")
    assert done.stderr.count("broken.png") == 1
    assert "--skip-errors" not in done.stderr
