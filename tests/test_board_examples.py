"""The sketches for boards: what they send is what the server takes. No compiler looks at them here."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from support.paths import GOLDEN, ROOT

SKETCHES = ROOT / "examples" / "esp32s3-camera"

pytestmark = pytest.mark.skipif(not SKETCHES.is_dir(), reason="the examples are not here")


def constants(name):
    text = (SKETCHES / name / f"{name}.ino").read_text(encoding="utf-8")
    return {**dict(re.findall(r'^const char \*(\w+) = "([^"]*)";', text, re.MULTILINE)), "": text}


def test_the_sketch_for_http_posts_to_a_route_of_the_server():
    pytest.importorskip("starlette", reason="needs onnxnn-runtime[serve]")
    from onnxnn_runtime.server.app import create_app
    from onnxnn_runtime.server.settings import ServerSettings

    app = create_app([str(GOLDEN / "models" / "image_classifier.onnx")], ServerSettings())
    found = constants("http_camera")
    address = urlsplit(found["URL"])
    posts = {route.path for route in app.routes if "POST" in route.methods}
    assert address.path in posts
    assert address.port == ServerSettings().port
    assert found["TOKEN"].startswith("Bearer ")
    assert '"Content-Type", "image/jpeg"' in found[""]


@pytest.mark.parametrize("page", ["docs/serving.md", "docs/zh-CN/serving.md"])
def test_the_sketch_for_mqtt_uses_the_topics_of_the_page(page):
    from onnxnn_runtime.broker.settings import parse_broker

    text = (ROOT / page).read_text(encoding="utf-8")
    (address, result) = re.findall(r"--mqtt (mqtt://\S+) --mqtt-result (\S+)", text)[0]
    settings = parse_broker(address, result=result)
    found = constants("mqtt_camera")
    assert (found["BROKER"], found["USER"]) == (settings.host, settings.user)
    assert settings.is_request(found["TOPIC"])
    assert found["RESULT_TOPIC"] == settings.result_topic(settings.request_id(found["TOPIC"]))
    assert f"PORT = {settings.port};" in found[""]
