"""`onnxnn gallery index` and `push`, and searching an engine, through the real entry point."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image


@pytest.fixture
def gallery(onnxnn, exported, tmp_path):
    """A gallery of four images in the command's folder."""
    shutil.copy(str(exported / "cnn.onnx"), str(tmp_path / "pets.onnx"))
    for number in range(4):
        pixels = np.random.RandomState(number).randint(0, 256, (28, 28, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(str(tmp_path / f"{number}.png"))
    done = onnxnn("gallery", "build", "g", "pets.onnx", *(f"{number}.png" for number in range(4)))
    assert done.returncode == 0, done.stderr
    return "g"


# Not importorskip: ONNX Runtime crashes when it is imported after usearch.
@pytest.mark.skipif(find_spec("usearch") is None, reason='pip install "onnxnn-runtime[search]"')
def test_an_index_is_built_with_its_recall_printed(onnxnn, gallery):
    said = "index of 4 rows: recall 1.0000 of the 10 nearest, measured on 4 entries; 32 candidates a search\n"
    assert json.loads(onnxnn("gallery", "list", gallery, "--json").stdout)["index"] is None
    assert onnxnn("gallery", "index", gallery).stdout == said
    assert onnxnn("gallery", "list", gallery).stdout.endswith("\n\n" + said)
    facts = json.loads(onnxnn("gallery", "index", gallery, "--recall", "0.9", "--json").stdout)["index"]
    assert (facts["rows"], facts["recall"]) == (4, 1)
    assert json.loads(onnxnn("gallery", "list", gallery, "--json").stdout)["index"] == facts
    found = [
        onnxnn("gallery", "search", gallery, "1.png", "--json", *more).stdout for more in ([], ["--exact"])
    ]
    assert found[0] == found[1]
    assert json.loads(found[0])[0]["matches"][0] == {"name": "1.png", "score": 1.0, "label": None}


@pytest.mark.parametrize(
    ("package", "to"), [("lancedb", "lancedb://l#pets"), ("qdrant_client", "qdrant+file://q#pets")]
)
def test_a_gallery_is_pushed_and_searched_there(onnxnn, gallery, exported, package, to):
    pytest.importorskip(package, reason="it comes with an extra: lancedb, qdrant")
    done = onnxnn("gallery", "push", gallery, "--to", to)
    assert (done.stdout, done.stderr) == (
        f"4 entries in {to}: 4 added, 0 changed, 0 unchanged, 0 removed\n",
        "",
    )
    assert json.loads(onnxnn("gallery", "push", gallery, "--to", to, "--json").stdout)["unchanged"] == 4
    here = onnxnn("gallery", "search", gallery, "1.png", "2.png", "--json").stdout
    there = onnxnn("gallery", "search", to, "1.png", "2.png", "--json", "--model", "pets.onnx")
    assert (there.stdout, there.stderr) == (here, "")
    assert onnxnn("gallery", "search", to, "1.png", "2.png", "--json").stdout == here
    assert onnxnn("gallery", "list", to).stdout == onnxnn("gallery", "list", gallery).stdout
    done = onnxnn("gallery", "search", to, "1.png", "--model", exported / "backbone.onnx")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "expected the model whose vectors it holds, pets.onnx" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["push", "g", "--to", "elsewhere://x"], "expected lancedb://PATH, qdrant://HOST"),
        (["search", "milvus://x", "1.png"], "expected lancedb://PATH, qdrant://HOST"),
        (["index", "g", "--recall", "2"], "recall=2.0: expected a share above 0, up to 1"),
        (["build", "lancedb://x", "pets.onnx", "1.png"], "expected a folder, got the address of an engine"),
    ],
)
@pytest.mark.usefixtures("gallery")
def test_what_is_wrong_is_said_in_one_line(onnxnn, arguments, said):
    done = onnxnn("gallery", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr


def test_a_gallery_that_is_not_of_a_model_is_listed(onnxnn, tmp_path):
    rt.Gallery.from_vectors([[1, 2]], ["a"], "x").save(tmp_path / "g")
    assert onnxnn("gallery", "list", "g").stdout.splitlines()[1].split() == ["x", "a"]
