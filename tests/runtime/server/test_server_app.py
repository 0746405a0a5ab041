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
