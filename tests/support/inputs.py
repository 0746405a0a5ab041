"""Specifications of inputs, and reading with them."""

from __future__ import annotations

from onnxnn_runtime import InputSpec, Preprocess
from onnxnn_runtime.session.pipeline import batches

IMAGES = InputSpec("image", ("batch", 3, 8, 8), Preprocess("RGB", (("resize", 8, 8),)))
TABLE = InputSpec("table", ("batch", 2), features=("length", "width"))
SEQUENCE = InputSpec("sequence", ("batch", "time", 2))
TOKENS = InputSpec("tokens", ("batch", "token"), vocabulary={"好": 0, "b": 1})


def read(source, spec, **options):
    """All samples as (names, list of arrays)."""
    names, arrays = [], []
    for batch in batches(source, spec, **options):
        assert len(batch.names) == len(batch.array)
        names.extend(batch.names)
        arrays.extend(batch.array)
    return names, arrays
