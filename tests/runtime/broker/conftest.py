"""A real broker (Mosquitto), servers that answer through it, and a client that asks."""

from __future__ import annotations

import contextlib
import getpass
import io
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image
from support.paths import GOLDEN

NEEDED = ("starlette", "uvicorn", "python_multipart", "paho")
"""The packages of onnxnn-runtime[serve,mqtt]."""

# A conftest cannot skip, and the files of tests import these packages.
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*.py"]

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"

RUN = """
import json, sys
from onnxnn_runtime.broker.bridge import bridge_to
from onnxnn_runtime.broker.settings import parse_broker
from onnxnn_runtime.server.run import serve
from onnxnn_runtime.server.settings import ServerSettings
broker, settings = map(json.loads, sys.argv[1:3])
serve(sys.argv[3:], ServerSettings(port=0, **settings), [bridge_to(parse_broker(**broker))])
"""


class Broker:
    """Mosquitto on a port of its own, which keeps messages where it is restarted."""

    def __init__(self, folder, lines=("allow_anonymous true",)):
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            "\n".join(
                [
                    f"listener {self.port} 127.0.0.1",
                    f"user {getpass.getuser()}",
                    "persistence true",
                    f"persistence_location {folder}/",
                    *lines,
                    "",
                ]
            ),
            encoding="utf-8",
        )

    def start(self):
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.02)
        raise AssertionError("Mosquitto does not listen")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(10)


@pytest.fixture
def encoded():
    """Make images, as the bytes of a file: `encoded("JPEG", (height, width))`."""

    def encoded(kind="PNG", size=(9, 12)):
        file = io.BytesIO()
        Image.fromarray(np.zeros((*size, 3), "uint8")).save(file, format=kind)
        return file.getvalue()

    return encoded


@pytest.fixture
def brokers(tmp_path):
    """Make brokers: `brokers().start()`, with further lines of the configuration where given."""
    if not os.path.exists(MOSQUITTO):
        pytest.skip("needs Mosquitto: apt-get install mosquitto")
    made = []

    def make(*lines):
        made.append(Broker(tmp_path, *([lines] if lines else [])))
        return made[-1]

    yield make
    for each in made:
        with contextlib.suppress(AttributeError, ProcessLookupError):
            each.process.kill()
            each.process.wait()


class Server:
    """A process that answers over HTTP and through a broker; `lines` is a queue of what it writes."""

    def __init__(self, broker, settings, model="image_classifier"):
        path = str(GOLDEN / "models" / f"{model}.onnx")
        command = [sys.executable, "-u", "-c", RUN, json.dumps(broker), json.dumps(settings), path]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )
        self.lines = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def wait_for(self, text):
        """Return the lines up to the one that holds a text."""
        lines = []
        while not lines or text not in lines[-1]:
            lines.append(self.lines.get(timeout=30))
        return lines

    def end(self, number=signal.SIGTERM):
        """Stop it; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(30)
        self._reader.join()
        self.process.stdout.close()
        return self.process.returncode


@pytest.fixture
def servers():
    """Start servers: `servers(port, password="...", settings={...})`."""
    started = []

    def start(port, user="", settings=None, topic="school/camera", scheme="mqtt", **broker):
        address = f"{scheme}://{user}127.0.0.1:{port}/{topic}"
        started.append(Server({"address": address, **broker}, settings or {}))
        return started[-1]

    yield start
    for each in started:
        each.end(signal.SIGKILL)


class Board:
    """A client of the broker that publishes images and keeps what comes back, each as (topic, data)."""

    def __init__(self, port, user=None, password=None, topic="school/#"):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        self.messages = queue.Queue()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if user:
            self.client.username_pw_set(user, password)
        self.ready = threading.Event()
        self.client.on_message = lambda client, data, message: self.messages.put(message)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(10)

    def publish(self, topic, data, **options):
        """Publish a message with QoS 1, and wait until the broker has it."""
        self.client.publish(topic, data, **{"qos": 1, **options}).wait_for_publish(10)

    def result(self, topic):
        """Return the next message at a topic, as JSON where it is."""
        while True:
            message = self.messages.get(timeout=30)
            if message.topic == topic:
                self.last = message
                text = message.payload.decode("utf-8")
                return json.loads(text) if text.startswith("{") else text


@pytest.fixture
def boards():
    """Connect clients: `boards(port)`."""
    made = []

    def make(*arguments, **options):
        made.append(Board(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.client.disconnect()
        each.client.loop_stop()
