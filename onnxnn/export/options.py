"""How a network is exported: checked once, and passed on whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx
from onnxnn_runtime.arrays.numbers import plain_number
from onnxnn_runtime.defaults import IR_VERSION, OPSET, TOLERANCE
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.messages.warn import warn

OPSETS = (9, onnx.defs.onnx_opset_version())
"""The oldest opset that the layers can be written in, and the newest that onnx knows."""

IR_VERSIONS = (4, onnx.IR_VERSION)
"""The oldest format in which weights need not be graph inputs too, and the newest that onnx knows."""


@dataclass(frozen=True)
class ExportOptions:
    """How a network is exported.

    Args:
        opset_version: Opset of the ONNX domain.
        ir_version: Version of the file format; 4 is written for 1 to 3, with a warning.
        preprocess: "runtime" leaves preprocessing to the card's reader; "graph" bakes it into the graph,
            which then takes uint8 (N, H, W, 3).
        tolerance: Largest difference from torch allowed, relative to the largest output.
        sampler: For a diffusion model: "dpm++" or "ddim" puts the sampling loop into the file; None leaves it
            to the runtime.
        steps: The number of denoising steps of that loop; None takes 20.
        guidance: The guidance scale, for a network with classes; None takes 1.

    Raises:
        ExportError: A version, `preprocess` or `tolerance` is none of these. What a network has to be for the
            others, `onnxnn.export.sampling_loop.with_loop` checks.
    """

    opset_version: int = OPSET
    ir_version: int = IR_VERSION
    preprocess: str = "runtime"
    tolerance: float = TOLERANCE
    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None

    def __post_init__(self) -> None:
        for name in ("opset_version", "ir_version", "tolerance", "guidance"):
            object.__setattr__(self, name, plain_number(getattr(self, name)))
        object.__setattr__(self, "ir_version", _writable_version(self.ir_version))
        check_versions(self.opset_version, self.ir_version)
        if not is_one_of(self.preprocess, ("runtime", "graph")):
            raise ExportError.coded(
                "E-EXPORT-01",
                'preprocess={preprocess}: expected "runtime" or "graph".',
                preprocess=shortened(self.preprocess),
            )
        tolerance = self.tolerance
        if (
            isinstance(tolerance, bool)
            or not isinstance(tolerance, int | float)
            or not 0 < tolerance < math.inf
        ):
            raise ExportError.coded(
                "E-EXPORT-01",
                "tolerance={tolerance}: expected a number above 0, such as 1e-4.",
                tolerance=shortened(tolerance),
            )

    @property
    def in_graph(self) -> bool:
        """Whether preprocessing goes into the graph."""
        return self.preprocess == "graph"


def check_versions(opset_version: int, ir_version: int) -> None:
    """Refuse versions outside the range that works.

    Raises:
        ExportError: The message names the range.
    """
    for name, value, (low, high) in (
        ("opset_version", opset_version, OPSETS),
        ("ir_version", ir_version, IR_VERSIONS),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ExportError.coded(
                "E-EXPORT-01",
                "{name}={value}: expected {low} to {high}. The defaults, opset {opset} and IR "
                "{ir_version}, load in every ONNX Runtime since 1.8.",
                name=name,
                value=shortened(value),
                low=low,
                high=high,
                opset=OPSET,
                ir_version=IR_VERSION,
            )


def _writable_version(ir_version: int) -> int:
    """Return a version of the file format, the oldest that is written for those before it."""
    oldest = IR_VERSIONS[0]
    if type(ir_version) is not int or ir_version not in range(1, oldest):
        return ir_version
    warn(
        gettext(
            "ir_version={ir_version}: {oldest} is written, the oldest format that holds weights as they are "
            "written here; every ONNX Runtime reads it.",
            ir_version=ir_version,
            oldest=oldest,
        )
    )
    return oldest
