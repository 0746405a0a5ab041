"""Tokens, limits of bodies, headers and time, the queue, and how a server is stopped."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import threading
import time

import httpx
import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.server.settings import ServerSettings
from PIL import Image
from support.paths import GOLDEN


@pytest.fixture(scope="module")
def jpeg():
    file = io.BytesIO()
    Image.fromarray(np.zeros((9, 12, 3), np.uint8)).save(file, format="JPEG")
    return file.getvalue()


ROW = {"json": {"input": [1, 2]}}


def test_a_token_is_asked_for(serving):
    with serving("table", token="s3cret") as client:
        for given in (
            "",
            "Bearer",
            "Bearer s3cre",
            "Bearer s3cret2",
            "bearer s3cret",
            "Basic s3cret",
            "s3cret",
        ):
            answer = client.post("/predict", **ROW, headers={"Authorization": given} if given else {})
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json()["error"]["code"] == "E-SERVER-02"
        for path in ("/metrics", "/nothing"):
            assert client.get(path).status_code == 401
        assert client.get("/healthz").status_code == 200
        right = {"Authorization": "Bearer s3cret"}
        assert client.post("/predict", **ROW, headers=right).status_code == 200
        assert client.post("/predict", **ROW, headers=[("Authorization", b"Bearer \xff")]).status_code == 401


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"host": "0.0.0.0"}, "expected a token"),
        ({"host": ""}, "expected a token"),
        ({"host": "::"}, "expected a token"),
        ({"host": "192.168.1.2"}, "expected a token"),
        ({"host": "127.0.0.1.a.org"}, "expected a token"),
        ({"token": ""}, "^token: expected characters"),
        ({"token": "密"}, "^token: expected printable ASCII"),
        ({"token": "a\nb"}, "^token: expected printable ASCII"),
        ({"port": 70_000}, "^port=70000"),
        ({"queue": 0}, "^queue=0"),
        ({"request_timeout": 0}, "^request_timeout=0: expected seconds"),
        ({"header_timeout": float("nan")}, "^header_timeout=nan"),
        ({"header_timeout": 1e9}, "^header_timeout="),
    ],
)
def test_settings_are_checked(settings, text):
    with pytest.raises(rt.InputError, match=text):
        ServerSettings(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "localhost"},
        {"host": "127.0.0.2"},
        {"host": "::1"},
        {"host": "0.0.0.0", "token": "a"},
        {"host": "0.0.0.0", "allow_open": True},
    ],
)
def test_settings_of_a_safe_address_are_taken(settings):
    assert ServerSettings(**settings).host == settings["host"]


def test_pages_of_other_origins_are_let_in_where_that_is_set(serving):
    asking = {"Origin": "https://a.org", "Access-Control-Request-Method": "POST"}
    with serving("table") as client:
        assert client.request("OPTIONS", "/predict", headers=asking).status_code == 403
        assert "access-control-allow-origin" not in client.post("/predict", **ROW, headers=asking).headers
    with serving("table", cors=("https://a.org",), token="s") as client:
        answer = client.request("OPTIONS", "/predict", headers=asking)
        assert answer.headers["access-control-allow-origin"] == "https://a.org"
        answer = client.post("/predict", **ROW, headers=asking)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "https://a.org")
        other = {**asking, "Origin": "https://b.org"}
        assert client.request("OPTIONS", "/predict", headers=other).status_code == 400


def test_a_large_body_is_refused_by_its_header_and_by_its_bytes(serving, jpeg):
    async def endless():
        while True:
            yield bytes(1000)

    kind = {"Content-Type": "image/jpeg"}
    with serving("image_classifier", max_body_bytes=len(jpeg)) as client:
        assert client.post("/predict", content=jpeg, headers=kind).status_code == 200
        answer = client.post("/predict", content=jpeg + b"0", headers=kind)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "E-SERVER-03")
        assert client.post("/predict", content=endless(), headers=kind).status_code == 413
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        assert client.post("/predict", content=endless(), headers=form).status_code in (400, 413)
        for length in ("-1", "1e3", "9" * 30, "²"):
            answer = client.post(
                "/predict", content=jpeg, headers={**kind, "Content-Length": length.encode()}
            )
            assert answer.status_code in (400, 413)


def test_bodies_together_are_limited(serving, jpeg):
    async def slow():
        yield bytes(1000)
        await asyncio.sleep(0.3)

    kind = {"Content-Type": "image/jpeg"}
    with serving("image_classifier", max_body_bytes=1000) as client:
        answers = client.gather(
            *(("POST", "/predict", {"content": slow(), "headers": kind}) for _ in range(10))
        )
        statuses = [each.status_code for each in answers]
        assert client.post("/predict", content=jpeg, headers=kind).status_code == 200
    assert statuses.count(503) == 2
    assert "retry-after" in answers[statuses.index(503)].headers


def test_bodies_that_were_too_large_make_no_room_for_others(serving, jpeg):
    async def large():
        yield bytes(900)
        yield bytes(9000)

    async def slow():
        yield bytes(1000)
        await asyncio.sleep(0.3)

    kind = {"Content-Type": "image/jpeg"}
    with serving("image_classifier", max_body_bytes=1000) as client:
        for _ in range(3):
            assert client.post("/predict", content=large(), headers=kind).status_code == 413
        answers = client.gather(
            *(("POST", "/predict", {"content": slow(), "headers": kind}) for _ in range(10))
        )
    assert [each.status_code for each in answers].count(503) == 2


def test_a_slow_body_is_given_up(serving):
    async def slow():
        while True:
            yield b"\xff"
            await asyncio.sleep(0.02)

    with serving("image_classifier", request_timeout=0.2) as client:
        start = time.monotonic()
        answer = client.post("/predict", content=slow(), headers={"Content-Type": "image/jpeg"})
        assert answer.status_code == 504
        assert time.monotonic() - start < 2


class Gate:
    """Work for a lane that ends when the gate is opened."""

    def __init__(self):
        self.begun, self._opened = threading.Event(), threading.Event()

    def work(self, model):
        self.begun.set()
        return self._opened.wait(10)

    def open(self):
        self._opened.set()


async def crowd(client, gate, count):
    """Let one request work and `count` wait, send one more, then open the gate; return all that came."""
    served = client.state.model()
    waiting = [asyncio.ensure_future(served.call(gate.work))]
    while not gate.begun.is_set():
        await asyncio.sleep(0.01)
    waiting += [asyncio.ensure_future(served.call(gate.work)) for _ in range(count)]
    while served.lanes.waiting < count:
        await asyncio.sleep(0.01)
    answer = await client.send("POST", "/predict", **ROW)  # while the gate is closed: without waiting for it
    gate.open()
    return answer, await asyncio.gather(*waiting, return_exceptions=True)


def test_more_requests_than_may_wait_are_refused_at_once(serving):
    with serving("table", queue=2, threads=1) as client:
        answer, results = client.run(crowd(client, Gate(), 2))
        after = client.post("/predict", **ROW)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "E-SERVER-04"
    assert results == [True] * 3
    assert after.status_code == 200


def test_a_request_that_takes_too_long_is_given_up(serving):
    with serving("table", request_timeout=0.3, threads=1) as client:
        answer, results = client.run(crowd(client, Gate(), 1))
        after = client.post("/predict", **ROW)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "E-SERVER-04")
    assert [type(each).__name__ for each in results] == ["TimeLimit"] * 2
    assert after.status_code == 200


@pytest.mark.parametrize("sent", [b"", b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_slow_headers_are_given_up(server_process, sent):
    server = server_process("table", header_timeout=0.3)
    port = int(server.url.rsplit(":", 1)[1])
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            try:
                connection.sendall(b"a" if sent else b"")
            except OSError:
                break
            connection.settimeout(0.05)
            try:
                piece = connection.recv(1000)
            except socket.timeout:
                continue
            if not piece:
                break
            received += piece
    assert received.startswith(b"HTTP/1.1 408")
    assert 0.2 < time.monotonic() - start < 3
    assert httpx.post(server.url + "/predict", **ROW).status_code == 200


def test_what_follows_an_answer_is_given_up(server_process):
    server = server_process("table", header_timeout=0.3, max_body_bytes=1000)
    port = int(server.url.rsplit(":", 1)[1])
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head)
        start = time.monotonic()
        while time.monotonic() - start < 5:
            try:
                connection.sendall(bytes(1000))
            except OSError:  # the server has closed the connection
                break
            time.sleep(0.01)
    assert time.monotonic() - start < 3


def test_a_server_that_is_stopped_finishes_what_it_began(server_process):
    server = server_process("denoiser", drain_timeout=30, threads=1)
    answers = []

    def ask():
        asked = {"num": 64, "sampler": "ddpm"}
        answers.append(httpx.post(server.url + "/sample", json=asked, timeout=30).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    accepted, deadline = 0, time.monotonic() + 20
    while accepted + len(answers) < len(threads):  # what comes after the signal is refused
        assert time.monotonic() < deadline
        shown = httpx.get(server.url + "/metrics").text
        accepted = int(re.search(r'onnxnn_queue\{model="denoiser"\} (\d+)', shown)[1])
    status, _, err = server.terminate()
    for thread in threads:
        thread.join()
    assert (status, err) == (0, "")
    assert set(answers) == {200}
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + "/healthz")


def test_an_address_in_use_is_refused():
    from onnxnn_runtime.server.run import serve

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(rt.InputError, match=f"^127.0.0.1:{port}: cannot be listened on"):
            serve([str(GOLDEN / "models/table.onnx")], ServerSettings(port=port))


def test_requests_are_logged_with_their_ids(server_process):
    server = server_process("table", access_log=True)
    answer = httpx.post(server.url + "/predict", **ROW, headers={"X-Request-ID": "lesson-5"})
    assert answer.headers["x-request-id"] == "lesson-5"
    for bad in ("a b", "x" * 65, '"'):
        made = httpx.get(server.url + "/healthz", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", made)
    lines = [json.loads(line) for line in server.terminate()[1].splitlines()]
    first = {name: lines[0][name] for name in ("id", "method", "path", "status", "client")}
    assert first == {
        "id": "lesson-5", "method": "POST", "path": "/predict", "status": 200, "client": "127.0.0.1"
    }  # fmt: skip
    assert lines[0]["ms"] > 0
    assert len(lines) == 4


@pytest.mark.parametrize("kind", ["image/jpeg", "multipart/form-data; boundary=b", "application/json"])
def test_a_client_that_leaves_is_no_error_of_the_server(server_process, kind):
    server = server_process("table", access_log=True)
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        connection.sendall(head.encode() + b"Content-Length: 1000\r\n\r\n--b\r\n")
        time.sleep(0.1)
    assert httpx.post(server.url + "/predict", **ROW).status_code == 200
    _, out, err = server.terminate()
    assert sorted(json.loads(line)["status"] for line in out.splitlines()) == [200, 499]
    assert err == ""
