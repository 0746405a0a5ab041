"""`onnxnn studio` opens a project, says where its page is, and ends cleanly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from support.posix import posix

pytestmark = pytest.mark.needs_torch


def test_what_is_no_project_is_refused(onnxnn, tmp_path):
    pytest.importorskip("uvicorn", reason="needs onnxnn[studio]")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    for language, said in (("en", "expected a new or empty folder"), ("zh", "应为新的或空的文件夹")):
        done = onnxnn("studio", "photos", ONNXNN_LANG=language)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert said in line
        assert line.endswith("[E-STUDIO-01]")
    assert os.listdir(tmp_path / "photos") == ["a.jpg"]


def test_an_address_that_is_not_ours_leaves_no_project(onnxnn, tmp_path):
    pytest.importorskip("uvicorn", reason="needs onnxnn[studio]")
    done = onnxnn("studio", "pets", "--host", "192.0.2.1")
    assert done.returncode == 1
    assert "192.0.2.1:8000: cannot be listened on" in done.stderr
    if os.name == "posix":
        assert not (tmp_path / "pets").exists()


def test_a_missing_package_is_named_with_the_line_to_type(onnxnn, tmp_path):
    (tmp_path / "uvicorn.py").write_text("raise ImportError('no uvicorn')", encoding="utf-8")
    done = onnxnn("studio", "pets", PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert done.returncode == 1
    assert 'pip install "onnxnn[studio]" [E-PACKAGE-01]' in done.stderr
    assert not (tmp_path / "pets").exists()


def asked(url, path, token=None, body=None):
    """Return the status and the JSON of an answer."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url + path, body and json.dumps(body).encode(), headers)
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, json.loads(answer.read())


@posix
@pytest.mark.slow
def test_other_devices_get_the_token_and_ctrl_c_ends_it(tmp_path):
    pytest.importorskip("uvicorn", reason="needs onnxnn[studio]")
    command = [sys.executable, "-m", "onnxnn_cli", "studio", "pets", "--host", "0.0.0.0", "--port", "0"]
    process = subprocess.Popen(command, cwd=str(tmp_path), stdout=subprocess.PIPE, encoding="utf-8")
    try:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        (token,) = re.findall(r"http://\S+:\d+ with the token (\w{12})$", process.stdout.readline().strip())
        assert asked(url, "/studio/project")[0] == 401
        assert asked(url, "/studio/project", token)[1]["name"] == "pets"
        assert asked(url, "/studio/classes", token, {"name": "cat"}) == (200, {"name": "cat"})
        os.kill(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (0, "")
    assert (tmp_path / "pets" / "data" / "cat").is_dir()


def trainings(folder):
    """Return the numbers of the processes that train a project of a folder (Linux)."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().decode().split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if "onnxnn.studio.child" in words and any(word.startswith(str(folder)) for word in words):
            found.append(int(each.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_training_outlives_the_studio(tmp_path, number):
    pytest.importorskip("uvicorn", reason="needs onnxnn[studio]")
    for name, color in (("red", (200, 0, 0)), ("green", (0, 200, 0))):
        (tmp_path / "pets" / "data" / name).mkdir(parents=True)
        for image in ("a.png", "b.png"):
            Image.new("RGB", (64, 64), color).save(tmp_path / "pets" / "data" / name / image)
    command = [sys.executable, "-m", "onnxnn_cli", "studio", "pets", "--port", "0"]
    process = subprocess.Popen(command, cwd=str(tmp_path), stdout=subprocess.PIPE, encoding="utf-8")
    try:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert asked(url, "/studio/train", body={"epochs": 500})[0] == 200
        assert len(trainings(tmp_path)) == 1
        os.kill(process.pid, getattr(signal, number))
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == (-signal.SIGKILL if number == "SIGKILL" else 0)
    until = time.monotonic() + 30
    while trainings(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert trainings(tmp_path) == []
