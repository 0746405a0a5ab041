"""Which broker, which topics, and who asks."""

from __future__ import annotations

import hashlib
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from onnxnn_runtime.arrays.numbers import check_integer
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

__all__ = ["RESULT", "STATUS", "BrokerSettings", "is_topic", "parse_broker"]

RESULT = "result"
STATUS = "status"
"""The levels below the topic under which results and the status are published."""

_PORTS = {"mqtt": 1883, "mqtts": 8883}

_LONGEST_TEXT = 65_535
"""Bytes of a text that MQTT takes."""

_LONGEST_TOPIC = 60_000
"""Bytes of a topic; requests and results add levels."""


@dataclass(frozen=True)
class BrokerSettings:
    """A broker, and the topics of one model.

    Requests are messages at `topic` and `topic`/ID, each the bytes of an image.

    Args:
        host: The broker's name or address.
        topic: Where images come in.
        port: The broker's port.
        tls: Whether the connection is encrypted, and the broker's certificate checked.
        user: Who logs in; None for nobody.
        password: The password, or None.
        result: Where results go that have no other place; "" for `topic`/result.

    Raises:
        InputError: A topic is none, or results would be read as images; or host, user or password cannot be
            sent to a broker.
    """

    host: str
    topic: str
    port: int = 1883
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    result: str = ""

    def __post_init__(self) -> None:
        check_integer("port", self.port, highest=65_535)
        _check_host(self.host)
        for name, text in (("user", self.user or ""), ("password", self.password or "")):
            if not _can_be_sent(text):
                raise InputError.coded(
                    "E-INPUT-06",
                    "--mqtt: the {name} for the broker holds bytes that are no UTF-8, or is longer than "
                    "65,535 bytes. Write it in UTF-8.",
                    name=name,
                )
        for topic in (self.topic, self.result or self.topic):
            if not is_topic(topic):
                raise InputError.coded(
                    "E-INPUT-06",
                    "topic={topic}: expected the topic of a broker such as school/camera, without + and #.",
                    topic=shortened(topic),
                )
        if self.result in (self.topic, self.status):
            raise InputError.coded(
                "E-INPUT-06",
                "result={topic}: images come in at this topic, or the status stands there. Choose "
                "another one.",
                topic=shortened(self.result),
            )

    @property
    def ids(self) -> str:
        """The topics of requests with an ID, as a broker is asked for them."""
        return f"{self.topic}/+"

    @property
    def status(self) -> str:
        """The topic that says "online" or "offline"."""
        return f"{self.topic}/{STATUS}"

    @property
    def client_id(self) -> str:
        """What the broker calls this client; the same after a restart, so that it keeps messages for it."""
        text = "\n".join((socket.gethostname(), self.topic, self.result))
        return "onnxnn-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]

    @property
    def shown(self) -> str:
        """The broker as messages call it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    def is_request(self, topic: str) -> bool:
        """Return whether a message at a topic is an image to answer."""
        above, _, last = topic.rpartition("/")
        if topic in (self.result, self.status) or (above == self.topic and last == RESULT):
            return False
        return self.topic in (topic, above)

    def request_id(self, topic: str) -> str:
        """Return the ID in the topic of a request, or ""."""
        return topic[len(self.topic) + 1 :]

    def result_topic(self, request_id: str) -> str:
        """Return the topic for the result of a request: one that is no topic of requests."""
        if not request_id:
            return self.result or f"{self.topic}/{RESULT}"
        if not self.result or self.is_request(f"{self.result}/{request_id}"):
            return f"{self.topic}/{request_id}/{RESULT}"
        return f"{self.result}/{request_id}"


def _check_host(host: str) -> None:
    """Refuse a name that no machine can have: the connection would end without a word."""
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise InputError.coded(
            "E-INPUT-06",
            "--mqtt: {host} is no name of a machine: each part between dots has 1 to 63 characters. Write "
            "the broker's name or address, such as 192.168.1.5.",
            host=shortened(host),
        ) from error


def _can_be_sent(text: str) -> bool:
    try:
        return len(text.encode("utf-8")) <= _LONGEST_TEXT
    except UnicodeEncodeError:
        return False


def is_topic(topic: str) -> bool:
    """Return whether messages can be published at a topic: no wildcards, nothing of the broker's own."""
    if not topic or not _can_be_sent(topic) or len(topic.encode("utf-8")) > _LONGEST_TOPIC:
        return False
    return not topic.startswith("$") and not set("+#\0") & set(topic)


def parse_broker(address: str, password: str | None = None, result: str = "") -> BrokerSettings:
    """Return what an address such as mqtt://siot@192.168.1.5/school/camera says.

    Args:
        address: mqtt:// or mqtts:// (TLS), a user where there is one, the host, a port where it is another
            than 1883 or 8883, and the topic.
        password: The password.
        result: As for `BrokerSettings`.

    Raises:
        InputError: It is no such address, or it holds a password.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _wrong(address, str(error)) from error
    if parts.password is not None:
        raise InputError.coded(
            "E-INPUT-06",
            "--mqtt: expected an address without a password, since others can read it in the list of "
            "processes. Set ONNXNN_MQTT_PASSWORD or --mqtt-password-file.",
        )
    problem = _problem(address, parts, host)
    if problem:
        raise _wrong(address, problem)
    return BrokerSettings(
        host=host,
        topic=unquote(parts.path[1:]),
        port=_PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "mqtts",
        user=unquote(parts.username) if parts.username else None,
        password=password,
        result=result,
    )


def _problem(address: str, parts: SplitResult, host: str) -> str:
    """Return what is wrong with an address, or ""."""
    if parts.scheme not in _PORTS:
        return gettext("neither mqtt nor mqtts")
    if not host:
        return gettext("no broker")
    if "?" in address or "#" in address:
        return gettext("? or # in it")
    return "" if parts.path.strip("/") else gettext("no topic")


def _wrong(address: str, problem: str) -> InputError:
    return InputError.coded(
        "E-INPUT-06",
        "--mqtt {address}: expected an address such as mqtt://broker/school/camera ({problem}).",
        address=shortened(re.sub("[^/]*@", "***@", address)),
        problem=problem,
    )
