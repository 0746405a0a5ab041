"""What strangers send: each is answered with a status and a message, and the next request as ever."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image


def encoded(kind="PNG", size=(9, 12), **options):
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, format=kind, **options)
    return file.getvalue()


def bomb(width=100_000, height=100_000):
    """A PNG file whose header says that it has many pixels; its data are a few zeros."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(9)))
        + chunk(b"IEND", b"")
    )


def lying_jpeg():
    """A JPEG file whose header says that it is 60,000 x 60,000 pixels large."""
    data = encoded("JPEG")
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", 60_000, 60_000) + data[start + 4 :]


IMAGES = {
    "a bomb": (bomb(), 413),
    "a bomb below Pillow's own limit": (bomb(9_000, 9_000), 413),
    "a JPEG that lies about its size": (lying_jpeg(), 413),
    "a truncated JPEG": (encoded("JPEG", (64, 64))[:-300], 400),
    "a JPEG without an end": (encoded("JPEG")[:30], 400),
    "a PNG cut off in its header": (encoded()[:20], 400),
    "an empty file": (b"", 400),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', 415),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run", 415),
    "TIFF": (encoded("TIFF"), 415),
    "text": (b"hello", 415),
    "the path of a file": (b"/etc/hostname", 415),
    "a pattern of paths": (b"*.png", 415),
    "an address": (b"http://127.0.0.1:9/cat.png", 415),
    "JPEG's first bytes alone": (b"\xff\xd8\xff", 400),
    "noise after the first bytes of a GIF": (b"GIF89a" + bytes(range(256)), 400),
    "RIFF that is no WebP": (b"RIFF\x10\0\0\0WAVEfmt ", 400),
}


@pytest.mark.parametrize("call", ["/predict", "/embed"])
def test_a_broken_image_is_refused(client, call):
    for name, (data, status) in IMAGES.items():
        answers = client.gather(
            ("POST", call, {"content": data, "headers": {"Content-Type": "image/jpeg"}}),
            ("POST", call, {"files": {"image": data}}),
            ("POST", call, {"json": {"input": base64.b64encode(data).decode()}}),
            ("POST", call, {"files": {"image": encoded()}}),
        )
        assert [each.status_code for each in answers] == [status] * 3 + [200], name
        error = answers[0].json()["error"]
        assert error["code"].startswith("E-INPUT-")
        assert "input[0]" in error["message"]


def test_texts_are_never_opened(client):
    for name in ("/etc/hostname", "file:///etc/hostname", "http://127.0.0.1:9/a.png", "a.png", "~", "*"):
        for body in ({"input": name}, {"inputs": [[name]]}, {"inputs": [{"path": name}]}):
            answer = client.post("/predict", json=body)
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["code"] in ("E-SERVER-05", "E-INPUT-04", "E-INPUT-05")


@pytest.mark.parametrize("model", ["table", "values", "sequence", "tokens", "text"])
def test_texts_are_never_opened_by_other_models(serving, model, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("1,2\n", encoding="utf-8")
    np.save(str(tmp_path / "rows.npy"), np.zeros((1, 2)))
    with serving(model) as client:
        for name in (str(path), str(tmp_path / "rows.npy"), str(tmp_path / "*.npy")):
            for body in ({"input": name}, {"inputs": [[name]]}, {"inputs": [{"path": name}]}):
                assert client.post("/predict", json=body).status_code == 400
            assert client.post("/predict", files={"input": name.encode()}).status_code == 400
            assert client.post("/generate", json={"prompt": name}).status_code == 400


BODIES = {
    "no JSON": b"{",
    "a list": b"[]",
    "NaN": b'{"input": [NaN, 1]}',
    "an infinite number": b'{"input": [1e999, 1]}',
    "an integer of many digits": b'{"input": [' + b"9" * 5000 + b", 1]}",
    "an integer of more than 64 bits": b'{"input": [99999999999999999999, 1]}',
    "lists deep in each other": b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "lists of different lengths": b'{"input": [[1, 2], [3]]}',
    "texts": b'{"input": ["a", "b"]}',
    "true": b'{"input": [true, false]}',
    "null": b'{"input": null}',
    "an empty list": b'{"inputs": []}',
    "an empty row": b'{"input": []}',
    "both": b'{"input": [1, 2], "inputs": [[1, 2]]}',
    "an object as inputs": b'{"inputs": {"a": 1}}',
    "too few columns": b'{"input": [1]}',
    "bytes that are no UTF-8": b'{"input": "\xff"}',
    "an unknown option": b'{"input": [1, 2], "kk": 2}',
    "an option of a wrong type": b'{"input": [1, 2], "k": "many"}',
    "an option out of range": b'{"input": [1, 2], "k": 0}',
    "nothing": b"",
}


def test_a_malformed_body_is_refused(serving):
    with serving("table") as client:
        for name, body in BODIES.items():
            answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, name
            assert answer.json()["error"]["message"]
        assert client.post("/predict", json={"input": [1, 2]}).status_code == 200


def test_a_wrong_type_of_content_is_refused(client):
    answer = client.post("/predict", content=b"<a/>", headers={"Content-Type": "application/xml"})
    assert answer.status_code == 415
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    for content in (b"", b"--b\r\n", b"no form", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"):
        assert client.post("/predict", content=content, headers=form).status_code == 400
    answer = client.post("/predict", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "charset", ["punycode", "undefined", "idna", "utf-7", "utf-16", "hex", "nothing", '"']
)
def test_a_form_in_another_charset_is_refused(client, charset):
    form = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    content = b'--b\r\nContent-Disposition: form-data; name="\xff-a"\r\n\r\nx\r\n--b--\r\n'
    answer = client.post("/predict", content=content, headers=form)
    assert answer.status_code == 415
    assert answer.json()["error"]["message"].startswith("charset=")


def test_a_form_in_utf_8_is_read(serving):
    form = {"Content-Type": "multipart/form-data; boundary=b; charset=UTF-8"}
    content = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xe6\x98\xa5\r\n--b--\r\n'
    with serving("text") as client:
        assert client.post("/generate", content=content, headers=form).status_code == 200


def test_the_name_of_a_model_is_never_a_path(serving):
    names = ("../table", "/etc/passwd", "table.onnx", "TABLE", "..", "a/b", "\0", "http://a.b/c.onnx")
    with serving("table") as client:
        for name in names:
            answer = client.post("/predict", json={"model": name, "input": [1, 2]})
            other = client.post("/predict", params={"model": name}, json={"input": [1, 2]})
            assert (answer.status_code, other.status_code) == (404, 404)
            assert answer.json()["error"]["code"] == "E-SERVER-01"
        for other in (5, ["table"], {"a": 1}, True):
            assert client.post("/predict", json={"model": other, "input": [1, 2]}).status_code == 404


def test_a_path_that_is_not_served_is_not_found(client):
    for path in ("/nothing", "/predict/", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/.//etc"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"]
    assert client.get("/predict").status_code == 405


def test_messages_hold_no_path_of_the_server(serving, tmp_path):
    with serving("text") as client:
        answers = [client.post(call, json={"input": [1]}) for call in ("/predict", "/embed", "/sample")]
    for answer in answers:
        assert answer.status_code == 400
        assert "golden" not in answer.text
        assert answer.json()["error"]["message"].startswith("text: ")


def test_numbers_of_inputs_and_values_are_limited(serving):
    with serving("table", max_items=3) as client:
        rows = [[1, 2]] * 4
        for body in ({"inputs": rows}, {"input": rows}):
            assert client.post("/predict", json=body).status_code == 413
        many = json.dumps({"input": [0] * 2_000_001}).encode()
        answer = client.post("/predict", content=many, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    with serving("text") as client:
        assert client.post("/generate", json={"prompt": "春", "length": 10**6}).status_code == 413
    with serving("denoiser", max_items=2) as client:
        assert client.post("/sample", json={"num": 3}).status_code == 413


def test_an_error_of_the_server_is_logged_and_not_shown(client, monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError("secret")

    monkeypatch.setattr("onnxnn_runtime.server.api.check_predicts", broken)
    answer = client.post("/predict", files={"image": encoded()})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "secret" in caplog.text
