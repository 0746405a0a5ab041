"""The application: models, their names, and what every request passes."""

from __future__ import annotations

import contextlib
import socket

import httpx
import pytest


def test_a_server_says_which_models_are_ready(client):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "models": {"image_classifier": "ready"}}


def test_a_server_of_its_own_process_answers(server_process):
    server = server_process("table")
    assert httpx.get(server.url + "/healthz").json()["models"] == {"table": "ready"}
    assert server.terminate()[0] == 0


def test_methods_that_clients_make_up_are_not_counted_by_name(client):
    for method in ("A1", "A2", "PROPFIND"):
        assert client.request(method, "/predict").status_code == 405
    text = client.get("/metrics").text
    assert "A1" not in text
    assert "PROPFIND" not in text
    assert 'method="",route="/predict",status="405"} 3' in text


def test_headers_without_end_are_given_up(server_process):
    port = int(server_process("table", header_timeout=50).url.rsplit(":", 1)[1])
    for before in (b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(before)
            if before:
                assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
            with contextlib.suppress(ConnectionError):  # the server has closed it
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
                for _ in range(300):
                    connection.sendall(bytes([97]) * 100_000)
                pytest.fail("30 MB of headers were taken")
