"""`Embedder` in `mapInPandas` of Spark, on paths and on what `binaryFile` reads; needs PySpark and Java."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.bulk import Embedder
from PIL import Image

pytest.importorskip("pyspark", reason="needs Spark: pip install pyspark")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Spark's own warnings
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]


@pytest.fixture(scope="module")
def spark():
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYSPARK_PYTHON", sys.executable)
        session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
        yield session
        session.stop()


def test_spark(spark, golden, tmp_path):
    for number in range(5):
        pixels = np.random.RandomState(number).randint(0, 256, (6, 5, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(str(tmp_path / f"{number}.png"))
    paths = sorted(map(str, tmp_path.glob("*.png")))
    model, schema = golden / "models" / "image_embedder.onnx", "path string, vector array<float>"
    expected = rt.load(model, device="cpu").embed(paths)
    rows = spark.createDataFrame([(path,) for path in paths], "path string")
    found = rows.mapInPandas(Embedder(model), schema).collect()
    assert [row.path for row in found] == paths
    np.testing.assert_allclose([row.vector for row in found], expected, rtol=0, atol=1e-6)
    (tmp_path / "broken.png").write_bytes(b"none")
    files = spark.read.format("binaryFile").load(str(tmp_path)).select("path", "content")
    found = files.mapInPandas(Embedder(model, errors="skip"), schema).collect()
    found.sort(key=lambda row: row.path)
    assert [row.path.rpartition("/")[2] for row in found] == [f"{number}.png" for number in range(5)]
    np.testing.assert_allclose([row.vector for row in found], expected, rtol=0, atol=1e-6)
