"""Pages of other origins, and names that lead to this machine (DNS rebinding)."""

from __future__ import annotations

import pytest

OTHERS = [
    {"Origin": "https://a.org"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:81"},
    {"Origin": "http://127.0.0.1.a.org"},
    {"Origin": "http://a.org", "Host": "a.org"},
    {"Host": "a.org"},
    {"Host": "a.org:8000"},
    {"Host": "localhost.a.org"},
    {"Host": "127.0.0.1.a.org"},
    {"Host": "[::1"},
]

OWN = [
    {},
    {"Origin": "http://127.0.0.1"},
    {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"},
    {"Host": "LOCALHOST:8000", "Origin": "http://localhost:8000"},
    {"Host": "[::1]:8000", "Origin": "http://[::1]:8000"},
    {"Host": "192.168.1.2"},
    {"Host": ""},
]


@pytest.mark.parametrize("headers", OTHERS, ids=str)
def test_pages_of_other_origins_are_refused(serving, headers):
    with serving("table") as client:
        for method, path in (("POST", "/predict"), ("GET", "/models"), ("POST", "/v2/models/table/infer")):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 403
            assert "E-SERVER-02" in answer.text
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_its_own_page_and_other_programs_may_call_the_server(serving, headers):
    with serving("table") as client:
        assert client.post("/predict", json={"input": [1, 2]}, headers=headers).status_code == 200


def test_origins_are_let_in_by_cors_and_a_token_is_enough(serving):
    row = {"json": {"input": [1, 2]}}
    with serving("table", cors=("https://a.org",)) as client:
        for headers in ({"Origin": "https://a.org"}, {"Host": "a.org", "Origin": "https://a.org"}):
            assert client.post("/predict", **row, headers=headers).status_code == 200
        assert client.post("/predict", **row, headers={"Origin": "https://b.org"}).status_code == 403
    with serving("table", cors=("*",)) as client:
        assert client.post("/predict", **row, headers={"Origin": "null"}).status_code == 200
    with serving("table", token="s") as client:
        given = {"Origin": "https://a.org", "Host": "a.org", "Authorization": "Bearer s"}
        assert client.post("/predict", **row, headers=given).status_code == 200


def test_an_open_server_is_called_by_any_name_but_by_its_own_pages_alone(serving):
    row = {"json": {"input": [1, 2]}}
    with serving("table", host="0.0.0.0", allow_open=True) as client:
        own = {"Host": "class.local:8000", "Origin": "http://class.local:8000"}
        assert client.post("/predict", **row, headers=own).status_code == 200
        assert client.post("/predict", **row, headers={**own, "Origin": "http://a.org"}).status_code == 403
