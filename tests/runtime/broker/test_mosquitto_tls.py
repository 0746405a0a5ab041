"""Encrypted connections to a real broker, with certificates that the test makes."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest
from support.posix import posix

OPENSSL = shutil.which("openssl")

pytestmark = [posix, pytest.mark.skipif(OPENSSL is None, reason="needs openssl: apt-get install openssl")]

TOPIC = "school/camera"


def openssl(*words):
    subprocess.run([OPENSSL, *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with an authority of its own, ca.pem, and another one that signed nothing, other.pem."""
    folder = tmp_path_factory.mktemp("authority")
    for name in ("ca", "other"):
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN=onnxnn {name}"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"),
        )
    return folder


@pytest.fixture
def encrypted(brokers, authority, tmp_path):
    """Start a broker with a plain port, `port`, and one for TLS, `tls`, whose certificate is for a name."""

    def start(name):
        request, extensions = tmp_path / "request.pem", tmp_path / "extensions"
        extensions.write_text(f"subjectAltName={name}\n", encoding="utf-8")
        key, certificate = tmp_path / "server.key", tmp_path / "server.pem"
        openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker", "-keyout", key),
            *("-out", request),
        )
        openssl(
            *("x509", "-req", "-in", request, "-days", "2", "-set_serial", "7", "-extfile", extensions),
            *("-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-out", certificate),
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        lines = (f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}")
        broker = brokers("allow_anonymous true", *lines).start()
        broker.tls = port
        return broker

    return start


def test_images_are_answered_over_tls(encrypted, authority, servers, boards, encoded, monkeypatch):
    broker = encrypted("IP:127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    lines = servers(broker.tls, scheme="mqtts").wait_for("Answering")
    assert f"of mqtts://127.0.0.1:{broker.tls}" in lines[-1]
    board = boards(broker.port)
    board.publish(TOPIC, encoded("JPEG"))
    assert board.result(TOPIC + "/result")["label"] == "red"


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        ("IP:127.0.0.1", None),
        ("IP:127.0.0.1", "other.pem"),
        ("DNS:elsewhere.example", "ca.pem"),
    ],
)
def test_a_broker_that_is_not_trusted_gets_nothing(
    encrypted, authority, servers, boards, monkeypatch, name, trusted
):
    broker = encrypted(name)
    if trusted is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority / trusted))
    board = boards(broker.port)
    server = servers(broker.tls, scheme="mqtts")
    assert "its certificate is not trusted (SSL_CERT_FILE=ca.pem)" in server.wait_for("no connection")[-1]
    assert server.end() == 0
    assert board.messages.empty()  # not even its status


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_the_wrong_port_is_said(encrypted, servers, scheme):
    broker = encrypted("IP:127.0.0.1")
    server = servers(broker.tls if scheme == "mqtt" else broker.port, scheme=scheme)
    said = server.wait_for("no connection")[-1]
    assert ("it closes the connection" if scheme == "mqtt" else "it cannot be reached") in said
    assert server.end() == 0
