"""What a connection makes of what a broker says."""

from __future__ import annotations

import pytest
from onnxnn_runtime.broker import connection as connections
from onnxnn_runtime.broker.settings import BrokerSettings
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

TAKEN_OVER = ReasonCode(PacketTypes.DISCONNECT, identifier=142)
ENDED = ReasonCode(PacketTypes.DISCONNECT, "Unspecified error")
ACCEPTED = ReasonCode(PacketTypes.CONNACK, "Success")
GRANTED = ReasonCode(PacketTypes.SUBACK, "Granted QoS 1")
REFUSED = ReasonCode(PacketTypes.SUBACK, "Not authorized")


class Listener:
    """Keeps what a connection says."""

    def __init__(self):
        self.said = []

    def connected(self, without=""):
        self.said.append(("connected", without))

    def away(self, reason):
        self.said.append(("away", reason))


@pytest.fixture
def connection(monkeypatch):
    """A connection to no broker, whose clock stands in `now`."""
    made = connections.Connection(BrokerSettings("127.0.0.1", "a/b"), 5, 3, 1000, Listener())
    made.now = 1000.0
    monkeypatch.setattr(connections.time, "monotonic", lambda: made.now)
    return made


def lost(connection, seconds, reason, by_broker):
    """Connect, and lose the connection after some seconds; return the pause before the next try."""
    client = connection._client
    connection._on_connect(client, None, ConnectFlags(False), ACCEPTED, None)
    connection.now += seconds
    connection._on_disconnect(client, None, DisconnectFlags(by_broker), reason, None)
    return client._reconnect_min_delay


def test_two_servers_with_one_name_leave_each_other_more_and_more_time(connection):
    pauses = [lost(connection, 5, TAKEN_OVER, True) for _ in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all("another client with the same name" in reason for _, reason in connection._listener.said)
    assert lost(connection, 500, TAKEN_OVER, True) == 1


def test_an_older_broker_gives_no_reason(connection):
    for _ in range(4):
        lost(connection, 5, ENDED, False)
    assert [reason[:20] for _, reason in connection._listener.said] == [
        "the connection ended",
        "the connection ended",
        "the connection ended",
        "another client with ",
    ]


def test_a_topic_that_may_not_be_read_is_said(connection):
    connection._on_subscribe(connection._client, None, 1, [GRANTED, GRANTED], None)
    connection._on_subscribe(connection._client, None, 1, [GRANTED, REFUSED], None)
    connection._on_subscribe(connection._client, None, 1, [REFUSED, GRANTED], None)
    assert connection._listener.said == [
        ("connected", ""),
        ("connected", "a/b/+"),
        ("away", "this user may not read the topic"),
    ]
