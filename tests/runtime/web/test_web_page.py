"""`write_page` writes one HTML file that loads nothing, or says what to export."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.web import ort, page, similar
from onnxnn_runtime.web.page import write_page
from PIL import Image
from support.models import graph, model, node, value
from support.posix import posix


@pytest.fixture
def folder(tmp_path):
    """A folder with files in place of onnxruntime-web."""
    (tmp_path / "ort" / "dist").mkdir(parents=True)
    for name, content in (("ort.wasm.bundle.min.mjs", b"script"), ("ort-wasm-simd-threaded.wasm", b"\0asm")):
        (tmp_path / "ort" / "dist" / name).write_bytes(content)
    return tmp_path / "ort"


def held(text: str, name: str) -> str:
    """Return what the page holds under an id."""
    (found,) = re.findall(rf'<script type="[^"]*" id="{name}">(.*?)</script>', text, re.DOTALL)
    return found


@pytest.mark.parametrize(
    "name", ["table", "values", "image_in_graph", "text", "loop", "denoiser", "sequence", "tokens"]
)
def test_the_page_holds_all_it_needs(golden, folder, tmp_path, name):
    source = golden / "models" / f"{name}.onnx"
    path = write_page(source, tmp_path / "a.html", ort=folder)
    text = path.read_text(encoding="utf-8")
    for key, content in (("ort", b"script"), ("wasm", b"\0asm"), ("model", source.read_bytes())):
        assert gzip.decompress(base64.b64decode(held(text, "packed-" + key))) == content
    facts = json.loads(held(text, "facts"))
    assert facts["models"][0]["does"] == rt.load(source).kind.does
    assert facts["local"]["input"] in rt.load(source).inputs
    addresses = re.findall(
        r"""(?:src|href)=["']([^"']*)""", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    )
    assert [each for each in addresses if not each.startswith(("data:", "#"))] == []
    assert "import {" not in text, "modules of their own would be loaded"
    assert re.search(r"^export ", text, re.MULTILINE) is None


def test_names_of_classes_do_not_end_the_element_that_holds_them(folder, tmp_path):
    classes = ("</script><script>alert(1)</script>", "<!--")
    shape = ("batch", 2)
    card = rt.ModelCard("cls", (), rt.InputSpec("table", shape), rt.OutputSpec("classes", shape, classes))
    made = graph([node("Softmax", ["input"], ["output"])], [value("input", shape)], [value("output", shape)])
    (tmp_path / "a.onnx").write_bytes(model(made, card))
    text = write_page(tmp_path / "a.onnx", tmp_path / "a.html", ort=folder).read_text(encoding="utf-8")
    assert json.loads(held(text, "facts"))["local"]["classes"] == list(classes)
    assert "<script>alert" not in text
    assert "<!--" not in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("image_classifier", r"onnxnn export CHECKPOINT -o NEW\.onnx --preprocess graph"),
        ("seq2seq-0.1.0", "onnxnn serve"),
        ("no_card", "card"),
    ],
)
def test_what_a_page_cannot_run_is_refused_with_what_to_do(golden, folder, tmp_path, name, message):
    with pytest.raises(rt.CardError, match=message):
        write_page(golden / "models" / f"{name}.onnx", tmp_path / "a.html", ort=folder)
    assert not (tmp_path / "a.html").exists()


def test_a_gallery_is_packed(golden, folder, tmp_path):
    source = golden / "models" / "image_in_graph.onnx"
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    for name, shade in (("a.png", 30), ("cats/b.png", 200)):
        Image.new("RGB", (300, 200), (shade, 90, 9)).save(tmp_path / "photos" / name)
    plain = write_page(source, tmp_path / "plain.html", ort=folder).read_text(encoding="utf-8")
    assert json.loads(held(plain, "facts"))["gallery"] is None
    path = write_page(source, tmp_path / "a.html", gallery=tmp_path / "photos", ort=folder)
    text = path.read_text(encoding="utf-8")
    assert json.loads(held(text, "facts"))["gallery"] == "image_in_graph"
    entries = json.loads(gzip.decompress(base64.b64decode(held(text, "packed-thumbnails"))))
    assert [(each["name"], each["label"]) for each in entries] == [("a.png", None), ("cats/b.png", "cats")]
    with Image.open(io.BytesIO(base64.b64decode(entries[1]["image"]))) as image:
        assert (image.format, max(image.size)) == ("JPEG", 112)
    packed = gzip.decompress(base64.b64decode(held(text, "packed-vectors")))
    vectors = np.frombuffer(packed, "<f2").reshape(2, -1)
    expected = rt.load(source).embed(str(tmp_path / "photos"), normalize=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "gallery", "message"),
    [
        ("image_in_graph", "none", "expected a folder of images, got what is no folder"),
        ("image_in_graph", "a.png", "expected a folder of images, got what is no folder"),
        ("image_in_graph", "kept", "expected a folder of images, got a gallery of onnxnn"),
        ("image_in_graph", "empty", "expected images, found none that can be read"),
        ("table", "photos", "expected a model with a feature vector of images"),
        ("image_in_graph", "photos", "too many images for a page: expected at most 0, got 1"),
    ],
)
def test_what_is_no_gallery_is_refused(golden, folder, tmp_path, monkeypatch, name, gallery, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    for place in ("a.png", "photos/a.png"):
        Image.new("RGB", (30, 20)).save(tmp_path / place)
    model = rt.load(golden / "models" / "image_in_graph.onnx")
    rt.Gallery.build(model, tmp_path / "photos", tmp_path / "kept")
    if "too many" in message:
        monkeypatch.setattr(similar, "MOST_IMAGES", 0)
    source = golden / "models" / f"{name}.onnx"
    with pytest.raises(rt.OnnxnnError, match=message):
        write_page(source, tmp_path / "a.html", gallery=tmp_path / gallery, ort=folder)
    assert not (tmp_path / "a.html").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8_are_escaped(golden, folder, tmp_path):
    photos = tmp_path / "photos"
    for name in (b"\xc3\xa8/\xc8.png", b"\xc8/\xc8.png", b"\xc8/\xc9.png"):
        place = photos / os.fsdecode(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20)).save(place)
    source = tmp_path / os.fsdecode(b"\xc8.onnx")
    shutil.copy(golden / "models" / "image_in_graph.onnx", source)
    path = write_page(source, tmp_path / "a.html", gallery=photos, ort=folder)
    text = path.read_text(encoding="utf-8")
    facts = json.loads(held(text, "facts"))
    assert facts["gallery"] == facts["models"][0]["name"] == r"\udcc8"
    entries = json.loads(gzip.decompress(base64.b64decode(held(text, "packed-thumbnails"))))
    assert {(each["name"], each["label"]) for each in entries} == {
        (r"\udcc8/\udcc8.png", r"\udcc8"),
        (r"\udcc8/\udcc9.png", r"\udcc8"),
        (r"è/\udcc8.png", "è"),
    }


def test_weights_in_another_file_are_refused(golden, folder, tmp_path):
    with pytest.raises(rt.OnnxnnError, match="weights"):
        write_page(golden / "models" / "external.onnx", tmp_path / "a.html", ort=folder)


def test_models_too_large_for_browsers_are_refused(golden, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "LARGEST", 10)
    with pytest.raises(rt.InputError, match="for a page in a browser"):
        write_page(golden / "models" / "table.onnx", tmp_path / "a.html", ort=folder)


def test_other_names_and_files_are_not_replaced(golden, folder, tmp_path):
    source = golden / "models" / "table.onnx"
    with pytest.raises(rt.InputError, match=r"ends in \.html"):
        write_page(source, tmp_path / "a.onnx", ort=folder)
    shutil.copy(source, tmp_path / "b.html")
    with pytest.raises(rt.OutputError, match=r"b\.html"):
        write_page(source, tmp_path / "b.html", ort=folder)
    assert (tmp_path / "b.html").read_bytes() == source.read_bytes()
    write_page(source, tmp_path / "b.html", ort=folder, force=True)
    with pytest.raises(rt.MissingInputError, match=r"none\.onnx"):
        write_page(tmp_path / "none.onnx", tmp_path / "c.html", ort=folder)


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(rt.InputError, match="npm pack onnxruntime-web@"):
        ort.files_of_ort(tmp_path)


def test_without_npm_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("ONNXNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(rt.InputError, match="Install npm, or give the folder of the package: --ort FOLDER"):
        ort.files_of_ort()


PROGRAM = """#!{python}
import os, shutil, sys

folder = {folder!r}
with open(os.path.join(folder, "calls"), "a") as file:
    file.write(".")
if os.environ.get("BROKEN"):
    sys.stderr.buffer.write(os.fsencode(os.environ["BROKEN"]))
    sys.exit(1)
place = sys.argv[sys.argv.index("--pack-destination") + 1]
shutil.copy(os.path.join(folder, "whole.tgz"), os.path.join(place, "a.tgz"))
"""


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A program in npm's place: it packs a folder of ours, or fails."""
    package = tmp_path / "package" / "dist"
    package.mkdir(parents=True)
    for name in ort.FILES.values():
        (package / name).write_bytes(name.encode())
    with tarfile.open(tmp_path / "whole.tgz", "w:gz") as archive:
        archive.add(tmp_path / "package", "package")
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, folder=str(tmp_path)), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("ONNXNN_CACHE", str(tmp_path / "cache"))
    return tmp_path


@posix
def test_npm_is_asked_once(npm, monkeypatch):
    digest = hashlib.sha512((npm / "whole.tgz").read_bytes()).digest()
    monkeypatch.setattr(ort, "_INTEGRITY", base64.b64encode(digest).decode())
    expected = {key: name.encode() for key, name in ort.FILES.items()}
    assert ort.files_of_ort() == expected
    assert ort.files_of_ort() == expected
    assert (npm / "calls").read_text(encoding="utf-8") == "."


@posix
def test_a_package_with_another_hash_is_refused_and_not_kept(npm):
    for _ in range(2):
        with pytest.raises(rt.InputError, match="SHA-512"):
            ort.files_of_ort()
    assert (npm / "calls").read_text(encoding="utf-8") == ".."


@posix
def test_what_npm_says_is_passed_on(npm, monkeypatch):
    monkeypatch.setenv("BROKEN", "npm error 404")
    with pytest.raises(rt.InputError, match="npm error 404"):
        ort.files_of_ort()


@posix
@pytest.mark.parametrize("path", [b"/\xd5\xc5/npm.log", "/张/npm.log".encode()])
def test_npm_may_name_paths_in_any_encoding(npm, monkeypatch, path):
    monkeypatch.setenv("BROKEN", os.fsdecode(b"npm error 404 " + path))
    with pytest.raises(rt.InputError, match=r"npm error 404 /(\ufffd+|张)/npm.log"):
        ort.files_of_ort()
