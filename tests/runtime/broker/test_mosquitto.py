"""A server and a real broker: results, errors, restarts of either, and logins."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request

import pytest
from support.posix import posix

pytestmark = posix

TOPIC = "school/camera"
RESULT = TOPIC + "/result"


def test_images_come_in_and_results_go_out(brokers, servers, boards, encoded):
    broker = brokers().start()
    server = servers(broker.port, settings={"max_body_bytes": 100_000, "max_pixels": 10_000})
    url = server.wait_for("Serving")[-1].split()[-1]
    board = boards(broker.port)
    assert board.result(TOPIC + "/status") == "online"

    for kind in ("PNG", "JPEG"):
        board.publish(TOPIC, encoded(kind))
        found = board.result(RESULT)
        assert (found["model"], found["label"], "error" in found) == ("image_classifier", "red", False)
    board.publish(TOPIC, encoded(), qos=0)
    assert board.result(RESULT)["label"] == "red"
    board.publish(TOPIC + "/tablet 7", encoded())
    assert board.result(TOPIC + "/tablet 7/result")["id"] == "tablet 7"

    wrong = {
        b"hello": (415, "E-INPUT-09"),
        b"": (400, "E-INPUT-09"),
        encoded("JPEG", (64, 64))[:300]: (400, "E-INPUT-09"),
        encoded("PNG", (200, 200)): (413, "E-INPUT-10"),
        bytes(100_001): (413, "E-SERVER-03"),
    }
    for data, expected in wrong.items():
        board.publish(TOPIC, data)
        found = board.result(RESULT)
        assert (found["status"], found["error"]["code"]) == expected
        assert "input[0]" not in found["error"]["message"]
    board.publish(TOPIC, encoded())
    assert board.result(RESULT)["label"] == "red"

    text = urllib.request.urlopen(url + "/metrics", timeout=30).read().decode()
    assert 'onnxnn_mqtt_messages_total{outcome="answered"} 5' in text
    assert 'onnxnn_mqtt_messages_total{outcome="refused"} 5' in text
    assert "onnxnn_mqtt_connected 1" in text

    assert server.end() == 0
    assert board.result(TOPIC + "/status") == "offline"


def test_a_response_topic_and_correlation_data_come_back(brokers, servers, boards, encoded):
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    broker = brokers().start()
    servers(broker.port, result="school/out").wait_for("Answering")
    board = boards(broker.port)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "school/tablet"
    properties.CorrelationData = b"\x00\x07"
    board.publish(TOPIC, encoded(), properties=properties)
    assert board.result("school/tablet")["label"] == "red"
    assert board.last.properties.CorrelationData == b"\x00\x07"

    properties.ResponseTopic = TOPIC + "/loop"  # would be read as an image
    board.publish(TOPIC, encoded(), properties=properties)
    assert board.result("school/out")["label"] == "red"
    board.publish(TOPIC + "/9", encoded())
    assert board.result("school/out/9")["id"] == "9"


@pytest.mark.slow
def test_a_broker_that_is_away_is_said_once_and_tried_again(brokers, servers, boards, encoded):
    broker = brokers()
    server = servers(broker.port)
    lines = server.wait_for("cannot be reached")
    assert f"mqtt://127.0.0.1:{broker.port}: no connection to the broker" in lines[-1]
    broker.start()
    assert len(server.wait_for("Answering")) == 1
    board = boards(broker.port)
    board.publish(TOPIC, encoded())
    assert board.result(RESULT)["label"] == "red"

    board.ready.clear()
    broker.stop(signal.SIGKILL)
    assert "the connection ended" in server.wait_for("no connection")[-1]
    broker.start()
    server.wait_for("Answering")
    assert board.ready.wait(20)
    board.publish(TOPIC, encoded())
    assert board.result(RESULT)["label"] == "red"


@pytest.mark.slow
def test_what_is_not_acknowledged_is_answered_by_the_next_server(brokers, servers, boards, encoded):
    broker = brokers().start()
    server = servers(broker.port)
    server.wait_for("Answering")
    board = boards(broker.port)
    server.process.send_signal(signal.SIGSTOP)
    for number in range(3):
        board.publish(f"{TOPIC}/{number}", encoded())
    server.end(signal.SIGKILL)
    board.publish(f"{TOPIC}/3", encoded())  # while nobody is there
    board.ready.clear()
    broker.stop()  # and the broker is restarted, too
    broker.start()
    assert board.ready.wait(20)
    servers(broker.port).wait_for("Answering")
    found = set()
    while len(found) < 4:
        message = board.messages.get(timeout=30)
        if message.topic.endswith("/result"):
            found.add(json.loads(message.payload)["id"])
    assert found == {"0", "1", "2", "3"}


def test_a_wrong_password_is_said_and_the_right_one_works(brokers, servers, boards, encoded, tmp_path):
    broker = brokers("allow_anonymous false", f"password_file {tmp_path / 'passwords'}")
    command = ["mosquitto_passwd", "-b", "-c", str(tmp_path / "passwords"), "siot", "dfrobot"]
    subprocess.run(command, check=True, capture_output=True)
    broker.start()
    server = servers(broker.port, user="siot@", password="wrong")
    assert "the user or the password is wrong" in server.wait_for("no connection")[-1]
    assert server.end() == 0
    servers(broker.port, user="siot@", password="dfrobot").wait_for("Answering")
    board = boards(broker.port, "siot", "dfrobot")
    board.publish(TOPIC, encoded())
    assert board.result(RESULT)["label"] == "red"


def test_several_processes_are_refused(servers):
    server = servers(9, settings={"workers": 2})
    server.wait_for("expected one process")
    server.process.wait(30)
    assert server.process.returncode == 1
