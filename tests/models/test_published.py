"""Weights that torchvision publishes: nothing is fetched unasked, and only the published bytes are used."""

from __future__ import annotations

import hashlib
import io
import re
import urllib.request
from dataclasses import replace

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import CheckpointError, MissingCheckpointError

from onnxnn import nn
from onnxnn.inference.pretrained import _ResNet
from onnxnn.models import published as module
from onnxnn.models.published import PUBLISHED, published
from onnxnn.models.resnet import BasicBlock

IMAGE = np.zeros((8, 8, 3), np.uint8)


class Answer(io.BytesIO):
    """What urlopen returns."""

    def __init__(self, data, address):
        super().__init__(data)
        self._address = address

    def geturl(self):
        return self._address


@pytest.fixture
def empty_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def web(empty_folders, monkeypatch):
    """Publish a small resnet18; return its bytes, the addresses that are asked for, and what is answered."""
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(_ResNet(BasicBlock, [1, 1, 1, 1], 10).state_dict(), buffer)
    data = buffer.getvalue()
    entry = replace(PUBLISHED["resnet18"], sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(module, "PUBLISHED", {**PUBLISHED, "resnet18": entry})
    asked, answer = [], {"data": data, "address": entry.address}

    def urlopen(source, timeout):
        asked.append(source)
        return Answer(answer["data"], answer["address"])

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return data, asked, answer


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_entry_agrees_with_the_name_of_its_file(name):
    file = PUBLISHED[name]
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert file.file == f"{name}-{file.sha256[:8]}.pth"
    assert file.address == f"https://download.pytorch.org/models/{file.file}"


@pytest.mark.parametrize(
    ("given", "file"),
    [("resnet18", "resnet18"), ("ResNet50.pth", "resnet50"), ("weights/resnet34-b627a593.pth", "resnet34"),
     ("mobilenetv2", "mobilenet_v2"), ("vgg16", None), ("", None)],
)  # fmt: skip
def test_names_of_files_and_networks_are_recognised(given, file):
    assert published(given) == PUBLISHED.get(file)


FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50.pth": "resnet50-0676ba61.pth",
    "mobilenet_v2": "mobilenet_v2-b0353104.pth",
    "weights/resnet18-f37072fd.pth": "resnet18-f37072fd.pth",
}
"""Names that users give, and torchvision's files, named after the first digits of their SHA-256."""


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("call", ["extract_feature", "load_weights"])
def test_a_missing_file_is_named_with_address_and_checksum(empty_folders, name, call, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", None)  # asking anyone would fail
    model = nn(verbose=0)
    model.add("linear", size=(4, 2))
    with pytest.raises(MissingCheckpointError) as caught:
        model.extract_feature(IMAGE, pretrain=name) if call == "extract_feature" else model.load_weights(name)
    message, address = str(caught.value), f"https://download.pytorch.org/models/{FILES[name]}"
    assert address in message
    (checksum,) = re.findall(r"\b[0-9a-f]{64}\b", message)
    assert FILES[name].endswith(f"-{checksum[:8]}.pth")
    if call == "extract_feature":
        assert "without download=True" in message
    else:
        assert f'load_weights("{address}", sha256="{checksum}")' in message


def test_a_name_that_is_not_published_is_refused(empty_folders, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", None)
    for download in (False, True):
        with pytest.raises(MissingCheckpointError, match="Known are torchvision's"):
            nn().extract_feature(IMAGE, pretrain="vgg99", download=download)


def test_a_download_is_asked_for_checked_and_kept(web, empty_folders):
    _, asked, _ = web
    first = nn().extract_feature(IMAGE, pretrain="resnet18", download=True)
    again = nn().extract_feature(IMAGE, pretrain="resnet18", download=True)
    assert first.shape == (1, 10)
    assert np.array_equal(first, again)
    assert asked == [PUBLISHED["resnet18"].address]
    assert len(list((empty_folders / "cache").rglob("*.pth"))) == 1


@pytest.mark.parametrize("change", ["cut short", "another file", "one bit", "not https", "too large"])
def test_other_bytes_are_never_used_or_kept(web, empty_folders, monkeypatch, change):
    data, _, answer = web
    answer.update(
        {
            "cut short": {"data": data[:-100]},
            "another file": {"data": b"<html>not here</html>"},
            "one bit": {"data": data[:99] + bytes([data[99] ^ 1]) + data[100:]},
            "not https": {"address": "http://example.org/resnet18.pth"},
            "too large": {},
        }[change]
    )
    if change == "too large":
        monkeypatch.setattr("onnxnn.models.weights._LARGEST", len(data) - 1)
    with pytest.raises(CheckpointError):
        nn().extract_feature(IMAGE, pretrain="resnet18", download=True)
    assert not list((empty_folders / "cache").rglob("*.*"))


def test_the_line_of_the_message_fetches_the_file(empty_folders, monkeypatch):
    model = nn(verbose=0)
    model.add("linear", size=(4, 2))
    buffer = io.BytesIO()
    torch.save({"fc.weight": torch.ones(2, 4), "fc.bias": torch.zeros(2)}, buffer)
    entry = replace(PUBLISHED["resnet18"], sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
    monkeypatch.setattr(module, "PUBLISHED", {"resnet18": entry})
    monkeypatch.setattr(urllib.request, "urlopen", lambda source, timeout: Answer(buffer.getvalue(), source))
    with pytest.raises(MissingCheckpointError) as caught:
        model.load_weights("resnet18")
    address, checksum = re.search(r'load_weights\("(.*?)", sha256="(.*?)"\)', str(caught.value)).groups()
    model.load_weights(address, sha256=checksum)
    assert model.model[0].weight.tolist() == [[1.0] * 4] * 2


def test_a_file_at_hand_is_used_without_asking(web, empty_folders):
    data, asked, _ = web
    (empty_folders / "resnet18-f37072fd.pth").write_bytes(data)
    assert nn().extract_feature(IMAGE, pretrain="resnet18", download=True).shape == (1, 10)
    assert asked == []
