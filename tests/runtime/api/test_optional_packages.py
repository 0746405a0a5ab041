"""A package that is missing, or that lacks one itself, is named by what to type."""

from __future__ import annotations

import importlib
import sys

import pytest
from onnxnn_runtime.api.packages import imported
from onnxnn_runtime.bulk import packages as of_bulk
from onnxnn_runtime.gallery import packages as of_galleries
from onnxnn_runtime.messages.catalogue import coded


def lacking(package):
    return coded("E-PACKAGE-01", "{package} is missing.", package=package)


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Make a package which imports one that is not there."""
    (tmp_path / "half_there.py").write_text("import nowhere_at_all.part", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()


@pytest.mark.parametrize(
    ("module", "named"),
    [("not_there", "pip-name"), ("not_there.part", "pip-name"), ("half_there", "nowhere_at_all")],
)
def test_what_is_missing_is_named(broken, module, named):
    with pytest.raises(ImportError, match=f"^{named} is missing") as e:
        imported(module, "pip-name", lacking)
    assert e.value.args[0].code == "E-PACKAGE-01"


def test_a_module_that_is_there_is_returned():
    assert imported("json.decoder", "json", lacking) is sys.modules["json.decoder"]


@pytest.mark.parametrize(
    ("call", "module", "extra"),
    [
        (of_galleries.usearch, "usearch", "search"),
        (of_galleries.lancedb, "lancedb", "lancedb"),
        (of_galleries.qdrant, "qdrant_client", "qdrant"),
        (of_bulk.arrow, "pyarrow", "ray"),
        (of_bulk.parquet, "pyarrow", "ray"),
        (of_bulk.ray, "ray", "ray"),
    ],
)
def test_each_extra_is_the_line_to_type(monkeypatch, call, module, extra):
    for name in [each for each in sys.modules if each.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'pip install "onnxnn-runtime\[{extra}\]"') as e:
        call()
    assert e.value.args[0].code == "E-PACKAGE-01"
