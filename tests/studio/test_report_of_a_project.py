"""The report on the images that a training held back."""

from __future__ import annotations

import json

import pytest
from support.browser import png


@pytest.fixture
def trained_project(studio, trained):
    """A studio whose project has been trained, and the images that were held back."""
    with studio() as client:
        for name, channel in (("red", 0), ("绿", 1)):
            client.post("/studio/classes", json={"name": name})
            for value in (90, 150, 210):
                color = tuple(value if each == channel else 0 for each in range(3))
                client.post("/studio/images", files={"image": png(color=color)}, data={"class": name})
        client.post("/studio/train", json={})
        found = {each["name"]: each["images"] for each in trained(client)["classes"]}
        client.held_back = [f"{name}/{images[0]}" for name, images in found.items()]
        client.project.checkpoints.mkdir()
        client.project.held_back.write_text(json.dumps(client.held_back), "utf-8")
        yield client


@pytest.mark.parametrize(("language", "said"), [("en", "2 samples"), ("zh", "2 个样本")])
def test_a_report_is_made_and_shown_without_a_token(trained_project, language, said):
    client = trained_project
    answer = client.post("/studio/report", json={}, headers={"Accept-Language": language})
    address = answer.json()["address"]
    assert len(address) > 30
    page = client.get(address)
    assert page.status_code == 200
    assert said in page.text
    assert str(client.project.folder) not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert client.get(address[:-8] + "xxx.html").status_code == 404


def test_old_reports_go(trained_project):
    addresses = [trained_project.post("/studio/report", json={}).json()["address"] for _ in range(5)]
    assert len(set(addresses)) == 5
    assert [trained_project.get(each).status_code for each in addresses] == [404, 200, 200, 200, 200]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "held_back", [b"", b"[", b"{}", b"[]", b"[1, null]", b'["../../a.jpg", "no/a.jpg"]', b"\xff", None]
)
def test_without_images_that_were_held_back_there_is_none(trained_project, held_back, language):
    client = trained_project
    client.project.held_back.unlink()
    if held_back is not None:
        client.project.held_back.write_bytes(held_back)
    answer = client.post("/studio/report", json={}, headers={"Accept-Language": language})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "E-STUDIO-03")
    assert ("重新训练" in error["message"]) == (language == "zh")


def test_classes_that_the_model_does_not_have_are_no_reason_to_fail(trained_project):
    client = trained_project
    for name, other in (("red", "rot"), ("绿", "grün")):
        client.post("/studio/classes/rename", json={"name": name, "to": other})
    assert client.post("/studio/report", json={}).status_code == 409
    renamed = [each.replace("red", "rot").replace("绿", "grün") for each in client.held_back]
    client.project.held_back.write_text(json.dumps(renamed), "utf-8")
    assert client.post("/studio/report", json={}).status_code == 409


def test_before_a_training_there_is_none(client):
    answer = client.post("/studio/report", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "E-STUDIO-03")
