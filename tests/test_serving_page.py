"""The page on serving: its commands start, and its Python speaks to the first of them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.paths import GOLDEN, ROOT
from support.prepared import run_interpreter

PAGE = ROOT / "docs" / "serving.md"

pytestmark = [
    pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here"),
    pytest.mark.slow,
]


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that the page names."""
    shutil.copy(str(GOLDEN / "models" / "image_classifier.onnx"), str(tmp_path / "pets.onnx"))
    Image.new("RGB", (20, 10), "red").save(str(tmp_path / "cat.png"))
    return tmp_path


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


class Server:
    """A command of the page, on a free port."""

    def __init__(self, line, folder):
        words = shlex.split(line)
        name = words.index("onnxnn")
        variables = dict(word.split("=", 1) for word in words[:name])
        arguments = words[name + 1 :]
        command = [sys.executable, "-m", "onnxnn_cli", *arguments, "--port", "0", "--quiet"]
        self.process = subprocess.Popen(
            command,
            cwd=str(folder),
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.line = self.process.stdout.readline()

    def stop(self):
        self.process.terminate()
        return self.process.communicate(timeout=60)[1]


def test_the_page_runs(folder):
    pytest.importorskip("uvicorn", reason="needs onnxnn-runtime[serve]")
    for name in ("httpx", "tritonclient.http", "openai"):
        pytest.importorskip(name, reason="the page speaks through it")
    first, *others = [line for block in blocks("sh") for line in block.splitlines()]
    server = Server(first, folder)
    try:
        port = re.findall(r":(\d+)$", server.line.strip())[0]
        code = "\n".join(blocks("python")).replace(":8000", f":{port}")
        done = run_interpreter(["-W", "error", "-c", code], folder)
    finally:
        errors = server.stop()
    assert done.returncode == 0, done.stderr
    assert errors == ""
    for line in others:
        server = Server(line, folder)
        errors = server.stop()
        assert "http://" in server.line, errors


def test_the_page_names_every_option():
    listing = run_interpreter(["-m", "onnxnn_cli", "serve", "--help"], Path.cwd()).stdout
    options = set(re.findall(r"^  (--[\w-]+)", listing, re.MULTILINE)) - {"--help", "--port"}
    assert {option for option in options if f"{option}" not in PAGE.read_text("utf-8")} == set()
