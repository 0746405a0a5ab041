"""Addresses of galleries in engines, keys, and packages that are missing."""

from __future__ import annotations

import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.gallery.address import parsed
from onnxnn_runtime.gallery.qdrant_engine import _connection


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lancedb://a/b", ("lancedb", "a/b", "gallery", True)),
        ("lancedb:///a/b#photos", ("lancedb", "/a/b", "photos", True)),
        ("lancedb://s3://bucket/a#x", ("lancedb", "s3://bucket/a", "x", False)),
        ("qdrant+file://a", ("qdrant", "a", "gallery", True)),
        ("qdrant://localhost", ("qdrant", "http://localhost:6333", "gallery", False)),
        ("qdrant://127.0.0.1:7000/photos", ("qdrant", "http://127.0.0.1:7000", "photos", False)),
        ("qdrant://[::1]", ("qdrant", "http://[::1]:6333", "gallery", False)),
        ("qdrant://db.school.cn/photos/", ("qdrant", "https://db.school.cn:6333", "photos", False)),
        ("qdrant+http://192.168.1.9#p", ("qdrant", "http://192.168.1.9:6333", "p", False)),
    ],
)
def test_an_address_says_where_a_gallery_is(text, expected):
    assert parsed(text)[1:] == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("milvus://a", "expected lancedb://PATH, qdrant://HOST"),
        ("lancedb://", "expected lancedb:// and a host or path"),
        ("qdrant://", "expected qdrant:// and a host or path"),
        ("qdrant://host:99999", "expected qdrant:// and a host or path"),
        ("qdrant://host/a#b", "expected qdrant:// and a host or path"),
        ("qdrant://[", "expected qdrant:// and a host or path"),
        ("qdrant+http://[::1", "expected qdrant\\+http:// and a host or path"),
        ("qdrant://host/a/b", "expected a table name of letters"),
        ("lancedb://a#b c", "expected a table name of letters"),
        ("lancedb://a#..", "expected a table name of letters"),
    ],
)
def test_an_address_that_is_none_is_refused(text, said):
    for call in (rt.Gallery.open, rt.Gallery.from_vectors([[1, 2]], "a").push):
        with pytest.raises(rt.InputError, match=said):
            call(text)


@pytest.mark.parametrize(
    "text",
    [
        "qdrant://me:Secret7@host",
        "qdrant://Secret7@host",
        "qdrant://h?key=Secret7",
        "qdrant://Secret7@[host",
        "qdrant://[Secret7@host",
    ],
)
def test_a_key_in_an_address_is_refused_and_not_repeated(text):
    with pytest.raises(rt.InputError, match=r"without user name, password or key.*QDRANT_API_KEY") as e:
        rt.Gallery.open(text)
    assert "Secret7" not in str(e.value)


def test_the_key_of_a_server_is_read_from_the_environment(monkeypatch):
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    assert _connection(parsed("qdrant+http://host"))["api_key"] is None
    monkeypatch.setenv("QDRANT_API_KEY", "Secret7")
    for address in ("qdrant://host", "qdrant://localhost"):
        assert _connection(parsed(address))["api_key"] == "Secret7"
    with pytest.raises(rt.InputError, match="expected https for the key in QDRANT_API_KEY, got http") as e:
        _connection(parsed("qdrant+http://host"))
    assert "Secret7" not in str(e.value)


@pytest.mark.parametrize("address", ["lancedb://a", "qdrant://localhost/a"])
def test_a_gallery_is_not_built_or_saved_at_an_address(model, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(rt.InputError, match=r"expected a folder, got the address of an engine.*push\(\)"):
        rt.Gallery.build(model, [], address)
    with pytest.raises(rt.InputError, match="expected a folder, got the address of an engine"):
        rt.Gallery.from_vectors([[1, 2]], "a").save(address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("modules", "extra", "call"),
    [
        ("lancedb", "lancedb", lambda gallery: gallery.push("lancedb://a")),
        ("lancedb pyarrow", "lancedb", lambda gallery: gallery.push("lancedb://a")),
        ("pyarrow", "lancedb", lambda gallery: rt.Gallery.open("lancedb://a")),
        ("lancedb", "lancedb", lambda gallery: rt.Gallery.open("lancedb://a")),
        ("qdrant_client", "qdrant", lambda gallery: gallery.push("qdrant+file://a")),
        ("qdrant_client", "qdrant", lambda gallery: rt.Gallery.open("qdrant://localhost")),
        ("usearch", "search", lambda gallery: gallery.build_index()),
    ],
)
def test_a_package_that_is_missing_is_named_with_what_to_type(monkeypatch, tmp_path, modules, extra, call):
    monkeypatch.chdir(tmp_path)
    rt.Gallery.from_vectors(np.eye(2), "ab").save("g")
    gallery = rt.Gallery.open("g")
    if modules == "pyarrow":
        pytest.importorskip("lancedb", reason='pip install "onnxnn-runtime[lancedb]"')
    for module in modules.split():
        for name in [each for each in sys.modules if each.partition(".")[0] == module]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, module, None)
    package = modules.split()[0].replace("_", "-")
    line = rf'needs {package}\. .*pip install "onnxnn-runtime\[{extra}\]"'
    with pytest.raises(ImportError, match=line) as e:
        call(gallery)
    assert e.value.args[0].code == "E-PACKAGE-01"
    assert [each.name for each in tmp_path.iterdir()] == ["g"]
    assert gallery.search([1.0, 0.0], 1) == [("a", 1.0, None)]
