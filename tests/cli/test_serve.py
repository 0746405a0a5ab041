"""`onnxnn serve`: its options reach the server, and what is wrong is said before anything listens."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from support.paths import GOLDEN
from support.posix import posix

TABLE = GOLDEN / "models" / "table.onnx"


def test_an_open_address_needs_a_token(onnxnn):
    done = onnxnn("serve", TABLE, "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "expected a token" in done.stderr
    assert "E-INPUT-06" in done.stderr


def test_a_token_file_that_is_missing_or_empty_is_refused(onnxnn, tmp_path):
    done = onnxnn("serve", TABLE, "--token-file", "token.txt")
    assert done.returncode == 1
    assert "token.txt" in done.stderr
    (tmp_path / "token.txt").write_text("\n", encoding="utf-8")
    done = onnxnn("serve", TABLE, "--token-file", "token.txt")
    assert done.returncode == 1
    assert "token: expected characters" in done.stderr


def test_a_missing_package_is_named_with_the_line_to_type(onnxnn, tmp_path):
    (tmp_path / "uvicorn.py").write_text("raise ImportError('no uvicorn')", encoding="utf-8")
    done = onnxnn("serve", TABLE, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert done.returncode == 1
    assert 'pip install "onnxnn-runtime[serve]" [E-PACKAGE-01]' in done.stderr


def test_a_missing_file_is_refused(onnxnn):
    pytest.importorskip("uvicorn", reason="needs onnxnn-runtime[serve]")
    done = onnxnn("serve", "nothing.onnx")
    assert done.returncode == 1
    assert "nothing.onnx: no such file" in done.stderr


@pytest.mark.parametrize("option", ["--timeout", "--header-timeout"])
def test_a_timeout_of_no_seconds_is_refused_by_the_name_of_the_option(onnxnn, option):
    done = onnxnn("serve", TABLE, option, "0")
    assert done.returncode == 1
    assert f"{option}=0.0: expected seconds" in done.stderr


def test_wrong_options_of_a_broker_are_said_before_anything_listens(onnxnn, tmp_path):
    pytest.importorskip("uvicorn", reason="needs onnxnn-runtime[serve]")
    pytest.importorskip("paho.mqtt", reason="needs onnxnn-runtime[mqtt]")
    done = onnxnn("serve", TABLE, "--mqtt", "mqtt://siot:s3cret@127.0.0.1/a")
    assert (done.returncode, "s3cret" in done.stderr) == (1, False)
    done = onnxnn("serve", TABLE, "--mqtt", "mqtt://127.0.0.1/a")
    assert "expected one model that takes images" in done.stderr
    done = onnxnn("serve", TABLE, "--mqtt", "mqtt://127.0.0.1/a", "--mqtt-password-file", "none.txt")
    assert "none.txt" in done.stderr
    (tmp_path / "paho.py").write_text("raise ImportError('no paho')", encoding="utf-8")
    done = onnxnn(
        "serve", TABLE, "--mqtt", "mqtt://127.0.0.1/a", PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path])
    )
    assert 'pip install "onnxnn-runtime[mqtt]" [E-PACKAGE-01]' in done.stderr


def post(url, headers):
    """Post a row; return the status and the first key of the answer."""
    body = json.dumps({"input": [1, 2]}).encode()
    request = urllib.request.Request(url + "/predict", body, {"Content-Type": "application/json", **headers})
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, next(iter(json.loads(answer.read())))


@posix
def test_a_model_is_served_until_the_command_is_stopped(tmp_path):
    pytest.importorskip("uvicorn", reason="needs onnxnn-runtime[serve]")
    (tmp_path / "token.txt").write_text("s3cret\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "onnxnn_cli",
        "serve",
        str(TABLE),
        "--port",
        "0",
        "--token-file",
        "token.txt",
    ]
    process = subprocess.Popen(command, cwd=str(tmp_path), stdout=subprocess.PIPE, encoding="utf-8")
    try:
        url = re.findall("http://.*", process.stdout.readline())[0]
        assert post(url, {}) == (401, "error")
        assert post(url, {"Authorization": "Bearer s3cret"}) == (200, "model")
        os.kill(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert [json.loads(line)["status"] for line in out.splitlines()] == [401, 200]
