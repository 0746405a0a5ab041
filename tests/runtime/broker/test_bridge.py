"""The queue between a broker and a model, with a broker that the test plays."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading

import pytest
from onnxnn_runtime.broker.settings import BrokerSettings
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.server.settings import ServerSettings
from support.browser import png
from support.paths import GOLDEN

bridges = pytest.importorskip("onnxnn_runtime.broker.bridge", reason="needs onnxnn-runtime[serve]")
servers = pytest.importorskip("onnxnn_runtime.server.app", reason="needs onnxnn-runtime[serve]")

SETTINGS = BrokerSettings("127.0.0.1", "school/camera")


class Connection:
    """Keeps what a bridge publishes and acknowledges."""

    def __init__(self, *_):
        self.published = []
        self.acknowledged = []

    def start(self):
        self.started = True

    def stop(self):
        self.started = False

    def publish(self, topic, data, correlation=None):
        if len(topic) > 65_535:
            raise ValueError("Invalid topic.")
        self.published.append((topic, json.loads(data)))
        return len(self.published)

    def acknowledge(self, request):
        self.acknowledged.append((request.mid, request.number))


@pytest.fixture
def connection(monkeypatch):
    """The connection that the next bridge makes."""
    connection = Connection()
    monkeypatch.setattr(bridges, "Connection", lambda *_: connection)
    return connection


def run(work, model="image_classifier", **settings):
    """Run work(bridge, app) while a server is open."""
    app = servers.create_app(
        [str(GOLDEN / "models" / f"{model}.onnx")],
        ServerSettings(access_log=False, **settings),
        [bridges.bridge_to(SETTINGS)],
    )

    async def open_and_work():
        async with app.router.lifespan_context(app):
            await work(app.state.attached[0], app)

    asyncio.run(open_and_work())
    return app


def request(mid, data, number=1, qos=1):
    return bridges.Request("school/camera", data, qos, mid, number)


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize(("color", "label"), [((255, 0, 0), "red"), ((128, 128, 128), "unknown")])
def test_a_model_that_detects_unknown_images_answers_so(connection, color, label):
    async def work(bridge, app):
        bridge.received(request(1, png(color=color)))
        await until(lambda: connection.published)

    run(work, "image_unknown")
    assert connection.published[0][1]["label"] == label


def test_the_oldest_image_that_waits_is_dropped_with_a_result(connection, encoded, monkeypatch):
    monkeypatch.setattr(bridges, "_AT_ONCE", 1)

    async def work(bridge, app):
        for mid in range(1, 6):
            bridge.received(request(mid, encoded() if mid == 5 else b"%d" % mid))
        await until(lambda: len(connection.published) == 5)

    app = run(work, queue=2)
    assert [found.get("status", 200) for _, found in connection.published] == [503, 503, 415, 415, 200]
    text = app.state.onnxnn.metrics.text()
    assert 'onnxnn_mqtt_messages_total{outcome="dropped"} 2' in text


def test_a_request_is_acknowledged_after_the_broker_has_its_result(connection, encoded):
    async def work(bridge, app):
        bridge.received(request(7, encoded()))
        await until(lambda: connection.published)
        assert connection.acknowledged == []
        bridge.confirmed(1, "")
        await until(lambda: connection.acknowledged == [(7, 1)])

    run(work)


def test_a_result_that_cannot_be_sent_does_not_come_again(connection, encoded):
    long = "school/camera/" + "x" * 65_520

    async def work(bridge, app):
        bridge.received(bridges.Request(long, encoded(), 1, 7, 1))
        await until(lambda: connection.acknowledged == [(7, 1)])
        assert not bridge._held

    run(work)
    assert connection.published == []


def test_a_request_that_is_sent_again_is_answered_once(connection, encoded):
    async def work(bridge, app):
        bridge.received(request(7, encoded()))
        bridge.received(request(7, encoded(), number=2))
        bridge.received(request(7, b"another image", number=3))
        await until(lambda: len(connection.published) == 2)
        bridge.confirmed(1, "")
        bridge.confirmed(2, "")
        await until(lambda: sorted(connection.acknowledged) == [(7, 2), (7, 3)])

    app = run(work)
    assert 'outcome="repeated"} 1' in app.state.onnxnn.metrics.text()


def test_the_server_answers_what_it_has_before_it_ends(connection, encoded):
    async def work(bridge, app):
        bridge.received(request(1, encoded()))
        await asyncio.sleep(0)
        ending = asyncio.ensure_future(bridge.__aexit__())
        await asyncio.sleep(0)
        bridge.received(request(2, encoded()))  # stays with the broker
        await ending

    run(work)
    assert [found["label"] for _, found in connection.published] == ["red"]
    assert connection.started is False


def test_a_model_of_embeddings_returns_a_vector(connection, encoded):
    async def work(bridge, app):
        bridge.received(request(1, encoded()))
        await until(lambda: connection.published)

    run(work, "image_embedder")
    topic, found = connection.published[0]
    assert (topic, found["model"]) == ("school/camera/result", "image_embedder")
    assert found["embedding"]
    assert all(isinstance(value, float) for value in found["embedding"])


def test_a_model_that_takes_no_images_is_refused(connection):
    with pytest.raises(InputError, match="expected one model that takes images"):
        run(None, "table")


def test_an_old_broker_is_asked_in_the_older_version():
    versions = []
    listener = socket.create_server(("127.0.0.1", 0))

    def broker():
        while len(versions) < 2 or versions[-1] != 4:
            client, _ = listener.accept()
            with client:
                packet = client.recv(1000)
                versions.append(packet[packet.index(b"MQTT") + 4])
                if versions[-1] == 4:
                    client.sendall(b"\x20\x02\x00\x00")  # accepted
                    client.recv(1000)

    thread = threading.Thread(target=broker)
    thread.start()
    settings = BrokerSettings("127.0.0.1", "school/camera", listener.getsockname()[1])

    async def work():
        app = servers.create_app(
            [str(GOLDEN / "models" / "image_classifier.onnx")],
            ServerSettings(access_log=False),
            [bridges.bridge_to(settings)],
        )
        async with app.router.lifespan_context(app):
            await until(lambda: 4 in versions)

    with contextlib.closing(listener):
        asyncio.run(work())
        thread.join(10)
    assert versions[:2] == [5, 4]
