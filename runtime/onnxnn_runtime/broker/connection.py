"""The connection to a broker, through paho-mqtt: it comes back by itself, with growing pauses."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext

from .settings import BrokerSettings

if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    import paho.mqtt.client as paho
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    class Listener(Protocol):
        """What a connection calls; all of it from a thread of its own."""

        def received(self, request: Request) -> None:
            """Take a request."""

        def confirmed(self, mid: int, problem: str) -> None:
            """Take it that the broker has a message; `problem` says why it refused it, or is ""."""

        def connected(self, without: str = "") -> None:
            """Take it that the connection is there; one topic cannot be read, or ""."""

        def away(self, reason: str) -> None:
            """Take it that there is no connection, and why."""

        def refused_version(self) -> None:
            """Take it that the broker does not speak this version of MQTT."""


__all__ = ["Connection", "Request", "require_paho"]

_PAUSES = (1, 60)
"""Seconds between two tries to connect: the first pause, and the longest."""

_STEADY = 120.0
"""Seconds that a connection lasts where no other client with the same name ends it."""

_AGAIN = 8
"""Seconds of a pause that follows several connections of a short time."""

_KEPT = 3_600
"""Seconds for which the broker keeps messages while this client is away."""

_LARGEST_PACKET = 268_435_455
"""Bytes that a packet of MQTT can have."""

_WRONG_VERSION = 132
_WRONG_LOGIN = (134, 135)
_TAKEN_OVER = 142
"""Reason codes of MQTT 5."""


@dataclass
class Request:
    """An image that came through the broker.

    Args:
        topic: Where it was published.
        data: The content.
        qos: 0 or 1.
        mid: The packet identifier, with which it is acknowledged.
        number: Which of the connections brought it last.
        response_topic: Where the client wants the result (MQTT 5), or "".
        correlation: What it wants back with the result (MQTT 5), or None.
    """

    topic: str
    data: bytes
    qos: int
    mid: int
    number: int
    response_topic: str = ""
    correlation: bytes | None = None

    def is_repeated_by(self, other: Request) -> bool:
        """Return whether another is this one, sent once more over a later connection."""
        return self.number < other.number and (self.mid, self.topic, self.data) == (
            other.mid,
            other.topic,
            other.data,
        )


class Connection:
    """A client of a broker, in one version of MQTT.

    Args:
        settings: The broker.
        version: 5, or 4 for MQTT 3.1.1.
        most: Requests that the broker may send before one of them is acknowledged (MQTT 5).
        largest: Bytes of the largest message (MQTT 5).
        listener: What is called.
    """

    def __init__(
        self, settings: BrokerSettings, version: int, most: int, largest: int, listener: Listener
    ) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        self.number = 0
        self.known = False
        self._settings = settings
        self._listener = listener
        self._answered = False
        self._began = 0.0
        self._pause = 0
        self._is_new = version == 5
        self._properties = self._connect_properties(most, largest) if self._is_new else None
        session: dict[str, Any] = {} if self._is_new else {"clean_session": False}
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            protocol=MQTTProtocolVersion(version),
            manual_ack=True,
            **session,
        )
        client.reconnect_delay_set(*_PAUSES)
        client.will_set(settings.status, "offline", qos=1, retain=True)
        if settings.user is not None:
            client.username_pw_set(settings.user, settings.password)
        if settings.tls:
            client.tls_set()
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        self._client = client

    def start(self) -> None:
        """Connect in the background, as often as needed."""
        options: dict[str, Any] = {}
        if self._is_new:
            options = {"clean_start": False, "properties": self._properties}
        self._client.connect_async(self._settings.host, self._settings.port, **options)
        self._client.loop_start()

    def publish(self, topic: str, data: bytes, correlation: bytes | None = None) -> int:
        """Publish a message with QoS 1, now or once there is a connection; return its identifier."""
        properties = None
        if self._is_new and correlation is not None:
            from paho.mqtt.packettypes import PacketTypes
            from paho.mqtt.properties import Properties

            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.CorrelationData = correlation
        return self._client.publish(topic, data, qos=1, properties=properties).mid

    def acknowledge(self, request: Request) -> None:
        """Let the broker forget a request; not where another connection brought it, which sends it again."""
        if request.qos and request.number == self.number:
            self._client.ack(request.mid, request.qos)

    def stop(self, seconds: float = 2.0) -> None:
        """Say "offline" and disconnect; wait for the broker at most so many seconds."""
        if self._client.is_connected():
            said = self._client.publish(self._settings.status, "offline", qos=1, retain=True)
            with contextlib.suppress(RuntimeError):  # the connection has just ended
                said.wait_for_publish(seconds)
        self._client.disconnect()
        self._client.loop_stop()

    def _connect_properties(self, most: int, largest: int) -> Properties:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _KEPT
        properties.ReceiveMaximum = min(most, 65_535)
        properties.MaximumPacketSize = min(largest, _LARGEST_PACKET)
        return properties

    def _on_connect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._answered = True
        if reason.value == _WRONG_VERSION:
            self._listener.refused_version()
        elif reason.value in _WRONG_LOGIN:
            self._listener.away(
                gettext("the user or the password is wrong; set ONNXNN_MQTT_PASSWORD or --mqtt-password-file")
            )
        elif reason.is_failure:
            self._listener.away(str(reason))
        else:
            self.known = True
            self.number += 1
            self._began = time.monotonic()
            topics = [self._settings.topic, self._settings.ids]
            if self._is_new:
                from paho.mqtt.subscribeoptions import SubscribeOptions

                options = SubscribeOptions(qos=1, noLocal=True, retainHandling=2)
                client.subscribe([(each, options) for each in topics])
            else:
                client.subscribe([(each, 1) for each in topics])
            client.publish(self._settings.status, "online", qos=1, retain=True)

    def _on_connect_fail(self, client: paho.Client, userdata: object) -> None:
        reason = gettext("it cannot be reached")
        if self._settings.tls:
            reason = gettext("it cannot be reached, or its certificate is not trusted (SSL_CERT_FILE=ca.pem)")
        self._listener.away(reason)

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        answered, self._answered = self._answered, False
        if not answered and not self.known:
            self._listener.refused_version()  # old brokers close the connection without a word
        elif self.known:
            self._choose_pause(client)
            code = reason.value if flags.is_disconnect_packet_from_server else 0
            if code == _TAKEN_OVER or (not code and self._pause >= _AGAIN):
                text = gettext(
                    "another client with the same name takes its place. Stop the other server for this topic "
                    "on a machine of this name, or give each its own --mqtt-result"
                )
            else:
                text = str(reason) if code else gettext("the connection ended")
            self._listener.away(text)

    def _choose_pause(self, client: paho.Client) -> None:
        """Wait longer after each connection that did not last; paho forgets pauses with every connection."""
        shortest, longest = _PAUSES
        lasted = time.monotonic() - self._began
        self._pause = shortest if lasted > _STEADY or not self._pause else min(2 * self._pause, longest)
        client.reconnect_delay_set(self._pause, longest)

    def _on_subscribe(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        if reasons[0].is_failure:
            self._listener.away(gettext("this user may not read the topic"))
        else:
            self._listener.connected(self._settings.ids if reasons[-1].is_failure else "")

    def _on_publish(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._listener.confirmed(mid, str(reason) if reason.is_failure else "")

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        properties = message.properties
        request = Request(
            topic,
            bytes(message.payload),
            message.qos,
            message.mid,
            self.number,
            getattr(properties, "ResponseTopic", ""),
            getattr(properties, "CorrelationData", None),
        )
        if message.retain or not self._settings.is_request(topic):
            self.acknowledge(request)  # an image of long ago, or a result of this server
        else:
            self._listener.received(request)


def require_paho() -> None:
    """Refuse to go further without paho-mqtt.

    Raises:
        InputError: It is missing or too old.
    """
    try:
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: F401
    except ImportError as error:
        raise InputError.coded(
            "E-PACKAGE-01",
            '--mqtt needs paho-mqtt ({error}). Install it: pip install "onnxnn-runtime[mqtt]"',
            error=error,
        ) from error
