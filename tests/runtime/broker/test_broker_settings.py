"""Addresses and topics of brokers."""

from __future__ import annotations

import pytest
from onnxnn_runtime.broker.settings import parse_broker
from onnxnn_runtime.errors import InputError


def test_an_address_says_broker_user_and_topic():
    found = parse_broker("mqtt://siot@192.168.1.5/学校/camera", "dfrobot")
    assert (found.host, found.port, found.tls) == ("192.168.1.5", 1883, False)
    assert (found.user, found.password, found.topic) == ("siot", "dfrobot", "学校/camera")
    assert parse_broker("mqtts://[::1]/a").port == 8883
    assert parse_broker("mqtt://a:1884/%E9%A1%B9/b").topic == "项/b"
    assert "dfrobot" not in repr(found)


@pytest.mark.parametrize(
    "address",
    [
        "http://broker/topic",
        "broker/topic",
        "mqtt:///topic",
        "mqtt://broker",
        "mqtt://broker/",
        "mqtt://broker:0/topic",
        "mqtt://broker:99999/topic",
        "mqtt://broker:x/topic",
        "mqtt://broker/a/#",
        "mqtt://broker/a?b=c",
        "mqtt://broker/a/+/b",
        "mqtt://broker/$SYS/a",
        "mqtt://broker/a%00",
        "mqtt://broker/" + "a" * 70_000,
        "mqtt://[broker/topic",
        "mqtt://a..b/topic",
        "mqtt://" + "a" * 64 + "/topic",
        "mqtt://\udcff/topic",
        "mqtt://siot\udcff@broker/topic",
    ],
)
def test_other_addresses_are_refused(address):
    with pytest.raises(InputError) as caught:
        parse_broker(address)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "address",
    ["mqtt://siot:s3cret@broker/topic", "mqtt://siot:s3cret@broker:x/topic", "siot:s3cret@broker/topic"],
)
def test_a_password_in_the_address_is_refused_and_not_shown(address):
    with pytest.raises(InputError, match="--mqtt") as caught:
        parse_broker(address)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("password", ["\udcff", "x" * 65_536])
def test_a_password_that_cannot_be_sent_is_refused(password):
    with pytest.raises(InputError, match="the password for the broker"):
        parse_broker("mqtt://siot@broker/topic", password)


@pytest.mark.parametrize("result", ["a/b", "a/b/status", "a/+", "$SYS/x"])
def test_results_that_would_be_read_as_images_are_refused(result):
    with pytest.raises(InputError, match=r"topic=|result="):
        parse_broker("mqtt://broker/a/b", result=result)


@pytest.mark.parametrize("result", ["", "a", "a/b/result", "a/b/c", "out"])
@pytest.mark.parametrize("name", ["", "b", "c", "7", "x y", "result", "status"])
def test_no_result_goes_where_images_come_in(result, name):
    settings = parse_broker("mqtt://broker/a/b", result=result)
    assert not settings.is_request(settings.result_topic(name))
    assert settings.is_request("a/b")
    assert settings.is_request("a/b/7")
    for other in ("a/b/result", "a/b/status", "a/b/7/result", "a", "a/c", "a/bc"):
        assert not settings.is_request(other)
