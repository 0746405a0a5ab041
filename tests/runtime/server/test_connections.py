"""Connections of those who send, read or leave as they should not: none stays open, none is a traceback."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

import httpx
import pytest
from onnxnn_runtime.server.run import serve
from onnxnn_runtime.server.settings import ServerSettings

HOST = "Host: 127.0.0.1\r\n"

ROW = {"json": {"input": [1, 2]}}


def connect(server):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
    return connection


def leave(connection):
    """Close a connection as a client does that was killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def is_ended(connection):
    """Say whether the other end has ended a connection, without reading what it sent before."""
    deadline = time.monotonic() + 10
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            connection.sendall(b"\r\n")
            time.sleep(0.02)
    return time.monotonic() < deadline


def test_who_never_reads_is_dropped(server_process):
    server = server_process("table", request_timeout=0.4, header_timeout=30)
    with connect(server) as connection:
        connection.sendall(f"GET /openapi.json HTTP/1.1\r\n{HOST}\r\n".encode() * 300)
        assert is_ended(connection)
    assert httpx.post(server.url + "/predict", **ROW).status_code == 200
    assert server.terminate()[::2] == (0, "")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="needs an option of Linux")
def test_the_system_does_not_keep_what_nobody_reads(server_process):
    server = server_process("table", request_timeout=0.4, header_timeout=30)
    received = 0
    with connect(server) as connection:
        connection.sendall(f"GET /openapi.json HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode())
        time.sleep(2)
        with contextlib.suppress(ConnectionResetError):
            for piece in iter(lambda: connection.recv(10_000), b""):
                received += len(piece)
    assert 0 < received < 20_000 < len(httpx.get(server.url + "/openapi.json").content)


def test_who_reads_slowly_is_answered(server_process):
    server = server_process("table", request_timeout=2)
    with connect(server) as connection:
        connection.sendall(f"GET /openapi.json HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n".encode())
        received = b""
        while True:
            piece = connection.recv(4096)
            if not piece:
                break
            received += piece
            time.sleep(0.02)
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET", "POST"])
def test_a_body_that_is_not_wanted_ends_the_connection(server_process, method):
    server = server_process("table", max_body_bytes=100_000, header_timeout=30)
    sent = 0
    with connect(server) as connection:
        connection.sendall(
            f"{method} /predict HTTP/1.1\r\n{HOST}Content-Length: 100000000000\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")
        with contextlib.suppress(OSError):
            while sent < 100_000_000:
                sent += connection.send(bytes(10_000))
    assert sent < 50_000_000


def test_a_small_body_that_is_too_large_is_answered(server_process):
    server = server_process("table", max_body_bytes=100_000)
    with httpx.Client(base_url=server.url) as client:
        for method in ("PUT", "POST"):
            assert client.request(method, "/predict", content=bytes(150_000)).status_code == 413
        assert client.request("PUT", "/predict", content=bytes(50_000)).status_code == 405
        assert client.post("/predict", **ROW).status_code == 200


def test_connections_are_limited(server_process):
    server = server_process("table", max_connections=3, header_timeout=30)
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(server)) for _ in range(3)]
        answer = httpx.post(server.url + "/predict", **ROW)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        for _ in range(100):  # those who are answered so are limited, too
            stack.enter_context(connect(server)).settimeout(5)
        held[0].sendall(f"GET /healthz HTTP/1.1\r\n{HOST}\r\n".encode())
        assert held[0].recv(100).startswith(b"HTTP/1.1 200")
    deadline = time.monotonic() + 10
    while httpx.post(server.url + "/predict", **ROW).status_code == 503:
        assert time.monotonic() < deadline
    assert server.terminate()[::2] == (0, "")


RUDE = {
    "many requests, no answer read": f"GET /openapi.json HTTP/1.1\r\n{HOST}\r\n" * 200,
    "no HTTP": "\0\1\2\r\n\r\n" * 9,
    "no HTTP after a request": f"GET / HTTP/1.1\r\n{HOST}\r\n" + "\0\1\r\n\r\n",
    "no HTTP in a body": f"POST /predict HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\nZ",
    "a WebSocket": f"GET / HTTP/1.1\r\n{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a form that is none": f"POST /predict HTTP/1.1\r\n{HOST}"
    "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\n\r\nxxxxx",
    "a form of no type": f"POST /predict HTTP/1.1\r\n{HOST}Content-Type: multipart/form-data\r\n"
    "Content-Length: 5\r\n\r\nxxxxx",
}


def test_nothing_that_clients_do_is_on_stderr(server_process):
    server = server_process("table", header_timeout=0.5, request_timeout=0.5)
    for text in RUDE.values():
        for end in (leave, socket.socket.close):
            connection = connect(server)
            with contextlib.suppress(OSError):
                connection.sendall(text.encode())
            time.sleep(0.05)
            end(connection)
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(server)) for _ in range(5)]
        for connection in held:
            connection.sendall(RUDE["many requests, no answer read"].encode())
        assert all(map(is_ended, held))
    assert httpx.post(server.url + "/predict", **ROW).status_code == 200
    assert server.terminate()[::2] == (0, "")


def test_fractions_of_a_second_count_at_the_end(monkeypatch):
    asked = {}

    def config(*_, **options):
        asked.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr("uvicorn.Config", config)
    with pytest.raises(KeyboardInterrupt):
        serve(["table.onnx"], ServerSettings(drain_timeout=0.5, workers=2))
    assert asked["timeout_graceful_shutdown"] == 0.5


def test_a_log_that_nobody_reads_holds_nothing_up(server_process):
    server = server_process("table", access_log=True)
    with httpx.Client(base_url=server.url) as client:
        # The lines are more than a pipe keeps.
        answers = {client.get("/healthz", headers={"X-Request-ID": "x" * 64}).status_code for _ in range(400)}
    assert answers == {200}
    server.process.stdout.close()
    assert httpx.get(server.url + "/healthz").status_code == 200
    server.process.terminate()
    assert server.process.wait(30) == 0
    assert server.process.stderr.read() == ""
