"""The application: models, their names, and what every request passes."""

from __future__ import annotations

import httpx


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
