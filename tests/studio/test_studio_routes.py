"""What the page of the studio asks over HTTP, and what is refused there."""

from __future__ import annotations

import errno
import io
import json
import os
import zipfile

import pytest
from onnxnn_runtime.web.ort import FILES
from PIL import Image, PngImagePlugin
from support.browser import png

POSTS = {
    "/studio/classes": {"name": "cat"},
    "/studio/classes/rename": {"name": "cat", "to": "dog"},
    "/studio/classes/remove": {"name": "cat"},
    "/studio/images": {"class": "cat"},
    "/studio/images/remove": {"class": "cat", "images": []},
    "/studio/train": {"epochs": 3},
    "/studio/stop": {},
    "/studio/report": {},
}
GETS = ("/studio/project", "/studio/image?class=cat&name=a.jpg", "/studio/export/onnx", "/metrics")


def add(client, name, *colors):
    """Add a class with an image of each colour."""
    assert client.post("/studio/classes", json={"name": name}).status_code == 200
    for color in colors:
        files = {"image": png(color=color)}
        assert client.post("/studio/images", files=files, data={"class": name}).status_code == 200


def classes(client):
    return {each["name"]: each["images"] for each in client.get("/studio/project").json()["classes"]}


def refused(client, path, status, language="en", **options):
    """Ask for what is refused; return the error, which says what to do."""
    headers = {"Accept-Language": language, **options.pop("headers", {})}
    answer = client.request("POST" if path in POSTS else "GET", path, headers=headers, **options)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (any("\u4e00" <= each <= "\u9fff" for each in error["message"])) == (language == "zh")
    assert str(client.project.folder) not in answer.text
    return error


def test_images_come_and_go(client):
    add(client, "猫", (200, 0, 0), (0, 200, 0))
    add(client, "dog", (0, 0, 200))
    first, second = classes(client)["猫"]
    assert list(classes(client)) == ["dog", "猫"]
    answer = client.get("/studio/image", params={"class": "猫", "name": first})
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (40, 30)
    client.post("/studio/images/remove", json={"class": "猫", "images": [first, "../x", None, 7]})
    assert classes(client)["猫"] == [second]
    assert client.post("/studio/classes/rename", json={"name": "猫", "to": " Cat "}).json() == {"name": "Cat"}
    client.post("/studio/classes/remove", json={"name": "dog"})
    assert classes(client) == {"Cat": [second]}
    assert os.listdir(client.project.data) == ["Cat"]


def test_images_are_kept_upright_small_and_without_metadata(client):
    add(client, "cat")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker of the camera"
    file = io.BytesIO()
    Image.new("RGB", (3000, 1500)).save(file, format="JPEG", exif=exif)
    client.post("/studio/images", files={"image": file.getvalue()}, data={"class": "cat"})
    (name,) = classes(client)["cat"]
    content = (client.project.data / "cat" / name).read_bytes()
    assert Image.open(io.BytesIO(content)).size == (512, 1024)
    assert b"maker" not in content


@pytest.mark.parametrize("length", [20, 60_000])
def test_comments_of_files_are_not_kept(client, length):
    add(client, "cat")
    comment = b"taken by a person at home".ljust(length)
    for image_format in ("JPEG", "GIF"):
        file = io.BytesIO()
        Image.new("RGB", (40, 30)).save(file, format=image_format, comment=comment)
        data = file.getvalue()
        assert b"taken by a person" in data
        (client.project.data / "cat" / f"own.{image_format.lower()}").write_bytes(data)
        answer = client.post("/studio/images", files={"image": data}, data={"class": "cat"})
        content = (client.project.data / "cat" / answer.json()["images"][0]).read_bytes()
        own = client.get("/studio/image", params={"class": "cat", "name": f"own.{image_format.lower()}"})
        assert b"taken by" not in content + own.content


def test_an_image_with_a_text_called_comment_is_kept(client):
    add(client, "cat")
    file, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    texts.add_text("comment", "taken by a person at home " * 4000)
    Image.new("RGB", (40, 30)).save(file, format="PNG", pnginfo=texts)
    answer = client.post("/studio/images", files={"image": file.getvalue()}, data={"class": "cat"})
    assert answer.status_code == 200, answer.text
    assert b"taken by" not in (client.project.data / "cat" / answer.json()["images"][0]).read_bytes()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_files_that_are_no_images_are_refused(client, language):
    add(client, "cat")
    whole = png((64, 64))
    jpeg = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(jpeg, format="JPEG")
    for content, status in (
        (b"hello", 415),
        (b"", 400),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (whole[:20], 400),
        (jpeg.getvalue()[:400], 400),
    ):
        files = {"image": content}
        refused(client, "/studio/images", status, language, files=files, data={"class": "cat"})
    refused(client, "/studio/images", 400, language, data={"class": "cat"})
    refused(client, "/studio/images", 400, language, files={"image": whole}, data={"class": "../cat"})
    refused(client, "/studio/images", 400, language, files={"image": whole})
    assert classes(client) == {"cat": []}


def test_what_is_too_large_is_refused(studio):
    with studio(max_body_bytes=100_000, max_pixels=1000, max_items=2) as client:
        add(client, "cat")
        for images, status in (([b"x" * 200_000], 413), ([png((40, 30))], 413), ([png((2, 2))] * 3, 400)):
            files = [("image", each) for each in images]
            refused(client, "/studio/images", status, files=files, data={"class": "cat"})
        assert classes(client) == {"cat": []}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["", "a/b", "..", "con", "cat", "x" * 61, 7, None, "\ud800"])
def test_names_that_no_class_can_have_are_refused(client, name, language):
    add(client, "cat")
    add(client, "dog")
    body = json.dumps({"name": name}).encode()
    headers = {"Content-Type": "application/json"}
    error = refused(client, "/studio/classes", 400, language, content=body, headers=headers)
    assert error["code"] == "E-STUDIO-02"
    body = json.dumps({"name": "dog", "to": name}).encode()
    refused(client, "/studio/classes/rename", 400, language, content=body, headers=headers)
    assert list(classes(client)) == ["cat", "dog"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["no", "../..", "/etc", "cat/../cat", ".", "", None, ["cat"]])
def test_classes_that_are_not_there_are_refused(client, name, language):
    add(client, "cat", (1, 2, 3))
    refused(client, "/studio/classes/remove", 400, language, json={"name": name})
    refused(client, "/studio/classes/rename", 400, language, json={"name": name, "to": "x"})
    refused(client, "/studio/images/remove", 400, language, json={"class": name, "images": []})
    assert len(classes(client)["cat"]) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_other_file_is_shown_or_removed(client, language):
    add(client, "cat", (1, 2, 3))
    (client.project.folder / "a.jpg").write_bytes(png())
    for name in ("../../a.jpg", "..%2f..%2fa.jpg", "/etc/passwd", "no.jpg", "", ".", "a\0.jpg"):
        error = refused(client, "/studio/image", 400, language, params={"class": "cat", "name": name})
        assert error["code"] == "E-STUDIO-02"
    refused(client, "/studio/image", 400, language, params={"class": "..", "name": "a.jpg"})
    refused(client, "/studio/image", 400, language)
    client.post("/studio/images/remove", json={"class": "cat", "images": ["../../a.jpg"]})
    assert (client.project.folder / "a.jpg").exists()


def test_an_image_that_is_broken_on_the_disk_is_said(client):
    add(client, "cat", (1, 2, 3))
    (name,) = classes(client)["cat"]
    for content in (b"", b"\xff\xd8\xff" + b"x" * 90):
        (client.project.data / "cat" / name).write_bytes(content)
        refused(client, "/studio/image", 400, params={"class": "cat", "name": name})


@pytest.mark.parametrize("path", POSTS)
def test_malformed_requests_are_refused(client, path):
    for body in (b"[", b"[1]", b"7", b'"a"', b"\xff\xfe", b"{" * 9000):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "E-SERVER-05"
    assert client.post(path, json={"unknown": 1}).status_code == 400
    assert client.post(path, content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.get(path).status_code == 405
    assert client.post(path, content=b"", headers={"Content-Length": "x"}).status_code == 400


@pytest.mark.parametrize("epochs", [0, -1, 501, 1.5, "many", [1], True])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_number_of_epochs_is_one(client, epochs, language):
    answer = client.post("/studio/train", json={"epochs": epochs}, headers={"Accept-Language": language})
    assert answer.status_code in (400, 413)
    assert client.get("/studio/project").json()["training"]["phase"] == "idle"


@pytest.mark.parametrize("path", [*POSTS, *GETS])
def test_the_token_is_needed(studio, path):
    with studio(token="secret", host="0.0.0.0") as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            assert refused(client, path, 401, json=POSTS.get(path), headers=headers)["code"] == "E-SERVER-02"
        assert client.get("/").status_code == client.get("/static/studio.js").status_code == 200
        given = {"Authorization": "Bearer secret"}
        method = "POST" if path in POSTS else "GET"
        assert client.request(method, path, json=POSTS.get(path), headers=given).status_code != 401


@pytest.mark.parametrize("path", [*POSTS, *GETS])
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://a.org"}, {"Origin": "null"}, {"Host": "a.org"}, {"Host": "a.org:8000"}]
)
def test_pages_of_others_are_refused(client, path, headers):
    assert refused(client, path, 403, json=POSTS.get(path), headers=headers)["code"] == "E-SERVER-02"


def test_two_browsers_lose_nothing(client):
    add(client, "cat")
    colors = [(number, 0, 0) for number in range(1, 250, 25)]
    options = [{"files": {"image": png(color=color)}, "data": {"class": "cat"}} for color in colors]
    answers = client.gather(*(("POST", "/studio/images", each) for each in options))
    assert {each.status_code for each in answers} == {200}
    assert len(classes(client)["cat"]) == len(colors)
    names = client.gather(*(("POST", "/studio/classes", {"json": {"name": "dog"}}) for _ in range(4)))
    assert sorted(each.status_code for each in names) == [200, 400, 400, 400]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_full_disk_is_said(client, monkeypatch, language):
    add(client, "cat", (1, 2, 3), (4, 5, 6))
    add(client, "dog", (1, 2, 3), (4, 5, 6))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("onnxnn_runtime.files.atomic.os.replace", full)
    error = refused(client, "/studio/images", 507, language, files={"image": png()}, data={"class": "cat"})
    assert error["code"] == "E-OUTPUT-01"
    refused(client, "/studio/train", 507, language, json={})
    monkeypatch.setattr(os, "mkdir", full)
    refused(client, "/studio/classes", 507, language, json={"name": "third"})
    assert client.get("/studio/project").json()["training"]["phase"] == "idle"
    assert [len(each) for each in classes(client).values()] == [2, 2]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_can_be_taken_along_before_a_training(client, language):
    for kind in ("onnx", "html", "zip"):
        assert refused(client, f"/studio/export/{kind}", 409, language)["code"] == "E-STUDIO-03"
    refused(client, "/studio/export/exe", 400, language)
    assert client.get("/studio/export/..%2fproject").status_code == 404


def test_what_is_taken_along(studio, trained, tmp_path):
    (tmp_path / "ort").mkdir()
    for name in FILES.values():
        (tmp_path / "ort" / name).write_bytes(b"x")
    with studio("寵物 1", ort=tmp_path / "ort") as client:
        add(client, "red", (200, 0, 0), (210, 0, 0))
        add(client, "绿", (0, 200, 0), (0, 210, 0))
        client.post("/studio/train", json={})
        facts = trained(client)
        assert (facts["model"]["name"], facts["model"]["classes"]) == ("model", ["red", "绿"])
        answer = client.get("/studio/export/onnx")
        assert answer.content == client.project.model.read_bytes()
        expected = "attachment; filename*=UTF-8''%E5%AF%B5%E7%89%A9%201.onnx"
        assert answer.headers["content-disposition"] == expected
        for name in ("model.py", "model_sample.png"):
            (client.project.folder / name).write_bytes(name.encode())
        with zipfile.ZipFile(io.BytesIO(client.get("/studio/export/zip").content)) as packed:
            assert packed.namelist() == ["model/model.onnx", "model/model.py", "model/model_sample.png"]
            assert packed.read("model/model.py") == b"model.py"
        # The file that the play left has its preprocessing beside the graph, which no page can run.
        assert "--preprocess graph" in refused(client, "/studio/export/html", 400)["message"]
        found = client.post("/predict", files={"image": png()}, data={"k": "2"}).json()
        assert {each["label"] for each in found["predictions"][0]["top"]} == {"red", "绿"}


def test_a_project_whose_name_is_no_unicode_is_taken_along(client, monkeypatch):
    monkeypatch.setattr(type(client.project), "name", "p\udcff")
    client.project.model.write_bytes(b"model")
    answer = client.get("/studio/export/onnx")
    assert (answer.status_code, answer.content) == (200, b"model")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''p%3F.onnx"


def test_the_server_says_what_it_has_none_of(client):
    assert client.post("/predict", files={"image": png()}).status_code == 503
    assert client.get("/models").status_code == 404
    assert client.get("/healthz").json() == {"ready": True, "models": {}}
