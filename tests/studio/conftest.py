"""A studio in this process, whose training is a process that only plays one."""

from __future__ import annotations

import contextlib
import sys
import time
from importlib.util import find_spec

import pytest
from support.client import Client
from support.paths import GOLDEN

NEEDED = ("starlette", "uvicorn", "python_multipart", "httpx", "torch")
"""The packages of onnxnn[studio], and the one that speaks to the server."""

# A conftest cannot skip, and the files of tests import these packages.
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*.py"]

PLAY = """
import json, shutil, sys, threading, time
def say(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)
asked = []
threading.Thread(target=lambda: asked.extend(sys.stdin), daemon=True).start()
model, play = sys.argv[1:3]
say("load")
"""

TRAINED = """
say("start", epochs=3)
for epoch in (1, 2, 3):
    say("step", share=epoch / 3)
    say("epoch", row={"epoch": epoch, "loss": 0.5, "acc": 0.25 * epoch, "val_acc": None})
say("export")
shutil.copy(play, model)
say("done", stopped=False)
"""
"""What a process says that trains as it should."""


@pytest.fixture
def playing(monkeypatch):
    """Let processes that train play something: `playing("say('error', text='no')")`."""

    def playing(play=TRAINED):
        def command(project):
            model = str(GOLDEN / "models" / "image_classifier.onnx")
            return [sys.executable, "-S", "-c", PLAY + play, str(project.model), model]

        monkeypatch.setattr("onnxnn.studio.training.command", command)

    return playing


@pytest.fixture
def studio(tmp_path, playing):
    """Open the studio of a folder: `with studio("pets", token="secret") as client`."""
    from onnxnn_runtime.server.settings import ServerSettings

    from onnxnn.studio.app import studio_app
    from onnxnn.studio.project import opened_project

    playing()

    @contextlib.contextmanager
    def studio(name="pets", ort=None, **settings):
        with (
            opened_project(tmp_path / name) as project,
            Client(studio_app(project, ServerSettings(**{"access_log": False, **settings}), ort)) as client,
        ):
            client.project = project
            yield client

    return studio


@pytest.fixture
def client(studio):
    """A studio of a new project."""
    with studio() as client:
        yield client


@pytest.fixture
def trained():
    """Wait until a training has ended: `trained(client)` returns what the page knows then."""

    def trained(client, *phases):
        for _ in range(400):
            facts = client.get("/studio/project").json()
            if facts["training"]["phase"] in (phases or ("done", "stopped", "failed")):
                return facts
            time.sleep(0.02)
        raise AssertionError(facts["training"])

    return trained
