"""Between a broker and a served model: a bounded queue, results, acknowledgements and counters.

A request is acknowledged once the broker has its result, so that it sends it again where the connection or
this process ends before. A broker of MQTT 5 sends no more than the queue holds and keeps the others; where
more come, as images with QoS 0 do, the oldest that waits is dropped: of a camera the newest image counts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Callable, Iterator

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.server.content import as_json
from onnxnn_runtime.server.errors import Overloaded

from .answers import chosen, error_content, image_content
from .connection import Connection, Request, require_paho
from .settings import BrokerSettings, is_topic

if TYPE_CHECKING:
    from onnxnn_runtime.server.state import ServerState

__all__ = ["Bridge", "bridge_to"]

_log = logging.getLogger("onnxnn.server")

_AT_ONCE = 16
"""Requests that the model has at once; those that wait there may run as one batch."""

_BODIES = 8
"""Messages of the largest size that may be in memory at once; or many small ones."""

_VERSIONS = (5, 4)
"""Versions of MQTT that are tried: 5, then 3.1.1."""


def bridge_to(settings: BrokerSettings) -> Callable[[ServerState], Bridge]:
    """Return what attaches a broker to a server: `create_app(paths, settings, [bridge_to(broker)])`."""
    return lambda state: Bridge(state, settings)


class Bridge:
    """Answers what comes through a broker, from entering it to leaving it.

    Args:
        state: The server's models and limits.
        settings: The broker.

    Raises:
        InputError: paho-mqtt is missing, or not one model can answer.
    """

    def __init__(self, state: ServerState, settings: BrokerSettings) -> None:
        require_paho()
        self._served = chosen(state)
        self._state = state
        self._settings = settings
        self._waiting: deque[Request] = deque()
        self._held: dict[int, Request] = {}
        self._unconfirmed: dict[int, Request] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._counts: Counter[str] = Counter()
        self._said = ""
        self._online = False
        self._dropping = False
        self._stopping = False
        self._version = 0
        state.metrics.extend(self._lines)

    async def __aenter__(self) -> None:
        """Begin to connect; the server starts whether or not the broker is there."""
        self._loop = asyncio.get_running_loop()
        self._connect()

    async def __aexit__(self, *error: object) -> None:
        """Answer what has come, within `drain_timeout`; leave the rest to the broker, and say "offline"."""
        self._stopping = True
        deadline = time.monotonic() + self._state.settings.drain_timeout
        while (
            self._tasks or self._waiting or (self._unconfirmed and self._online)
        ) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await self._loop.run_in_executor(None, self._connection.stop)

    def received(self, request: Request) -> None:
        """Take a request, from the connection's thread."""
        self._loop.call_soon_threadsafe(self._take, request)

    def confirmed(self, mid: int, problem: str) -> None:
        """Take it that the broker has a result, from the connection's thread."""
        self._loop.call_soon_threadsafe(self._confirm, mid, problem)

    def connected(self, without: str = "") -> None:
        """Say that the connection is there, and which topic is not, from the connection's thread."""
        self._loop.call_soon_threadsafe(self._say, "", without)

    def away(self, reason: str) -> None:
        """Say why there is no connection, from the connection's thread."""
        self._loop.call_soon_threadsafe(self._say, reason)

    def refused_version(self) -> None:
        """Try the other version of MQTT, from the connection's thread."""
        self._loop.call_soon_threadsafe(self._change_version)

    def _connect(self) -> None:
        settings = self._state.settings
        self._connection = Connection(
            self._settings,
            _VERSIONS[self._version % len(_VERSIONS)],
            settings.queue,
            _BODIES * settings.max_body_bytes,
            self,
        )
        self._connection.start()

    def _change_version(self) -> None:
        if self._stopping:
            return
        self._version += 1
        if self._version >= len(_VERSIONS):
            self._say(gettext("it closes the connection"))
        before = self._connection
        stopped = self._loop.run_in_executor(None, before.stop)
        pause = 0.0 if self._version < len(_VERSIONS) else min(2.0 ** (self._version // 2), 60.0)
        stopped.add_done_callback(lambda _: self._loop.call_later(pause, self._connect_again))

    def _connect_again(self) -> None:
        if not self._stopping:
            self._connect()

    def _say(self, reason: str, without: str = "") -> None:
        """Print one line for each change: that the broker is there, or why it is not."""
        self._online = not reason
        said = reason or "connected"
        if said == self._said or self._stopping:
            return
        self._said = said
        if reason:
            text = gettext(
                "{broker}: no connection to the broker: {reason}. Trying again.",
                broker=self._settings.shown,
                reason=reason,
            )
            _log.warning("%s", text)
        else:
            print(
                gettext(
                    "Answering images at {topic} of {broker}",
                    topic=self._settings.topic,
                    broker=self._settings.shown,
                ),
                flush=True,
            )
            if without:
                text = gettext(
                    "{topic}: the broker lets this user read images without an ID alone. Let it read this "
                    "topic, too, where boards send an ID.",
                    topic=without,
                )
                _log.warning("%s", text)

    def _take(self, request: Request) -> None:
        if self._stopping:
            return  # not acknowledged, so that the broker keeps it
        if request.qos:
            held = self._held.get(request.mid)
            if held is not None and held.is_repeated_by(request):
                held.number = request.number
                self._counts["repeated"] += 1
                return
            self._held[request.mid] = request
        self._waiting.append(request)
        self._start()
        settings = self._state.settings
        while (
            len(self._waiting) > settings.queue
            or sum(len(each.data) for each in self._waiting) > _BODIES * settings.max_body_bytes
        ):
            self._drop(self._waiting.popleft())

    def _drop(self, request: Request) -> None:
        if not self._dropping:
            text = gettext(
                "{topic}: images come faster than the model answers; the oldest that wait are dropped.",
                topic=self._settings.topic,
            )
            _log.warning("%s", text)
        self._dropping = True
        error = Overloaded.coded(
            "E-SERVER-04",
            "{name}: newer images came while {count} waited, which is the most. Send fewer.",
            name=self._served.name,
            count=self._state.settings.queue,
        )
        self._reply(request, error_content(error, self._state), "dropped")

    def _start(self) -> None:
        while self._waiting and len(self._tasks) < _AT_ONCE:
            task = asyncio.ensure_future(self._work(self._waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if not self._waiting:
            self._dropping = False

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("%s", self._settings.topic, exc_info=task.exception())
        self._start()

    async def _work(self, request: Request) -> None:
        begun = time.perf_counter()
        try:
            content = await image_content(self._served, request.data, self._state.settings)
        except Exception as error:
            content = error_content(error, self._state)
        self._reply(request, content, "refused" if "error" in content else "answered")
        if self._state.settings.access_log:
            line = {
                "time": round(time.time(), 3),
                "topic": request.topic,
                "status": content.get("status", 200),
                "ms": round((time.perf_counter() - begun) * 1000, 2),
            }
            print(json.dumps(line, ensure_ascii=True), file=sys.stdout, flush=True)

    def _reply(self, request: Request, content: dict[str, object], outcome: str) -> None:
        self._counts[outcome] += 1
        settings = self._settings
        request_id = settings.request_id(request.topic)
        if request_id:
            content = {"id": request_id, **content}
        topic = settings.result_topic(request_id)
        wanted = request.response_topic
        if wanted and is_topic(wanted) and wanted != settings.status and not settings.is_request(wanted):
            topic = wanted
        data = bytes(as_json(content).body)
        try:
            mid = self._connection.publish(topic, data, request.correlation)
        except ValueError as error:  # what MQTT cannot send, such as a topic of 65,536 bytes
            self._let_go(request, str(error))
            return
        self._unconfirmed[mid] = request

    def _confirm(self, mid: int, problem: str) -> None:
        request = self._unconfirmed.pop(mid, None)
        if request is not None:
            self._let_go(request, problem)

    def _let_go(self, request: Request, problem: str) -> None:
        """Let the broker forget a request whose result it has, or will never have."""
        if problem:
            text = gettext(
                "{topic}: a result cannot be sent: {reason}. Choose another topic, or let the user write "
                "to it.",
                topic=shortened(request.topic, 80),
                reason=problem,
            )
            _log.warning("%s", text)
        self._connection.acknowledge(request)
        if self._held.get(request.mid) is request:
            del self._held[request.mid]

    def _lines(self) -> Iterator[str]:
        name = "onnxnn_mqtt_messages_total"
        yield f"# HELP {name} Images through the broker; dropped: the oldest, where too many waited."
        yield f"# TYPE {name} counter"
        for outcome in ("answered", "refused", "dropped", "repeated"):
            yield f'{name}{{outcome="{outcome}"}} {self._counts[outcome]}'
        name = "onnxnn_mqtt_queue"
        yield f"# HELP {name} Images that wait."
        yield f"# TYPE {name} gauge"
        yield f"{name} {len(self._waiting)}"
        name = "onnxnn_mqtt_connected"
        yield f"# HELP {name} Whether the broker is there."
        yield f"# TYPE {name} gauge"
        yield f"{name} {int(self._online)}"
