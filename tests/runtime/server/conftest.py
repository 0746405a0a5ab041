"""Servers for tests: in this process, and in one of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from importlib.util import find_spec

import pytest
from support.client import Client
from support.paths import GOLDEN

NEEDED = ("starlette", "uvicorn", "python_multipart", "httpx")
"""The packages of onnxnn-runtime[serve], and the one that speaks to the server."""

# A conftest cannot skip, and the files of tests import these packages.
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*.py"]


@pytest.fixture(scope="session")
def serving():
    """Serve golden models by name, or files: `with serving("table", queue=1) as client`."""
    from onnxnn_runtime.server.app import create_app
    from onnxnn_runtime.server.settings import ServerSettings

    def serving(*names, **settings):
        paths = [str(GOLDEN / "models" / f"{name}.onnx") if "." not in str(name) else name for name in names]
        settings.setdefault("access_log", False)
        return Client(create_app(paths, ServerSettings(**settings)))

    return serving


@pytest.fixture
def client(serving):
    """A server of one model that classifies images."""
    with serving("image_classifier") as client:
        yield client


RUN = """
import sys
from onnxnn_runtime.server.run import serve
from onnxnn_runtime.server.settings import ServerSettings
serve(sys.argv[2:], ServerSettings(port=0, **eval(sys.argv[1])))
"""


class Process:
    """A server in a process of its own.

    Attributes:
        url: Its address.
        process: The `subprocess.Popen`.
    """

    def __init__(self, paths, settings):
        command = [sys.executable, "-c", RUN, repr(settings), *map(str, paths)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        line = self.process.stdout.readline()
        if "http" not in line:
            self.process.kill()
            raise AssertionError(self.process.communicate()[1])
        self.url = line.split()[-1]

    def terminate(self):
        """Stop it; return its exit status and what it wrote since."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextlib.contextmanager
def processes():
    """Start servers in processes, and end them all."""
    started = []

    def server_process(*names, **settings):
        paths = [GOLDEN / "models" / f"{name}.onnx" if "." not in str(name) else name for name in names]
        started.append(Process(paths, {"access_log": False, **settings}))
        return started[-1]

    try:
        yield server_process
    finally:
        for each in started:
            with contextlib.suppress(ProcessLookupError):
                each.process.kill()
            each.process.communicate()


@pytest.fixture
def server_process():
    """Start servers of golden models in processes: `server_process("table", queue=1).url`."""
    with processes() as server_process:
        yield server_process


@pytest.fixture(scope="module")
def server_processes():
    """Start servers that all tests of a module use, as `server_process` does for one."""
    with processes() as server_process:
        yield server_process
