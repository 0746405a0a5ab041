"""How a network is exported: checked once, and passed on whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import onnx
from onnxnn_runtime.arrays.numbers import plain_number
from onnxnn_runtime.card.quantization import PRECISIONS
from onnxnn_runtime.defaults import IR_VERSION, OPSET, TOLERANCE
from onnxnn_runtime.errors import ExportError, name_hint
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.session.providers import runtime_version
from onnxnn_runtime.targets import RELEASES, TARGETS, Target, find, for_version, loads

OPSETS = (9, onnx.defs.onnx_opset_version())
"""The oldest opset that the layers can be written in, and the newest that onnx knows."""

IR_VERSIONS = (4, onnx.IR_VERSION)
"""The oldest format in which weights need not be graph inputs too, and the newest that onnx knows."""


class Added(TypedDict, total=False):
    """The options of `AddedOptions` for type checkers: the signature of `Network.export`."""

    unknown: bool
    heatmap: bool


@dataclass(frozen=True, kw_only=True)
class AddedOptions:
    """What an export adds to a file.

    Args:
        unknown: Whether the card has reference vectors, by which the file detects inputs that are like none
            of its training, see `onnxnn_runtime.unknown`.
        heatmap: Whether the graph has the output `heatmap`: a class activation map for each class, see
            `onnxnn_runtime.heatmap`.
    """

    unknown: bool = False
    heatmap: bool = False


@dataclass(frozen=True)
class ExportOptions(AddedOptions):
    """How a network is exported; `unknown` and `heatmap` as in `AddedOptions`.

    Args:
        opset_version: Opset of the ONNX domain; None takes the target's.
        ir_version: Version of the file format; 4 is written for 1 to 3, with a warning. None takes the
            target's.
        preprocess: "runtime" leaves preprocessing to the card's reader; "graph" bakes it into the graph,
            which then takes uint8 (N, H, W, 3).
        tolerance: Largest difference from torch allowed, relative to the largest output.
        sampler: For a diffusion model: "dpm++" or "ddim" puts the sampling loop into the file; None leaves it
            to the runtime.
        steps: The number of denoising steps of that loop; None takes 20.
        guidance: The guidance scale, for a network with classes; None takes 1.
        target: Where the file shall run: one of `onnxnn_runtime.targets.TARGETS`, such as "unihiker", or an
            ONNX Runtime, such as "ort1.13". None is "any", and leaves the versions above free.
        fixed_shapes: True sets the batch to 1 and every size that is free to that of training, for engines
            that cannot leave sizes open. A dict names other sizes: {"batch": 4, "height": 96}; with
            preprocess="graph", height and width are those of the images before preprocessing.
        precision: "fp32", or the smaller numbers "int8" or "fp16", see `onnxnn.quantization`.

    Attributes:
        opset: The opset that is written.
        ir: The version of the file format that is written.

    Raises:
        ExportError: A version, `preprocess`, `tolerance` or `target` is none of these, or a version is newer
            than the target takes. What a network has to be for the others,
            `onnxnn.export.sampling_loop.with_loop` checks.
    """

    opset_version: int | None = None
    ir_version: int | None = None
    preprocess: str = "runtime"
    tolerance: float = TOLERANCE
    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None
    target: str | None = None
    fixed_shapes: bool | Mapping[str, int] = False
    precision: str = "fp32"
    opset: int = field(init=False)
    ir: int = field(init=False)

    def __post_init__(self) -> None:
        for name in ("opset_version", "ir_version", "tolerance", "guidance"):
            object.__setattr__(self, name, plain_number(getattr(self, name)))
        object.__setattr__(self, "ir_version", _writable_version(self.ir_version))
        opset, ir = versions_for(self.target, self.opset_version, self.ir_version)
        object.__setattr__(self, "opset", opset)
        object.__setattr__(self, "ir", ir)
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

        if isinstance(self.fixed_shapes, Mapping):
            sizes = {axis: plain_number(size) for axis, size in self.fixed_shapes.items()}
            object.__setattr__(self, "fixed_shapes", sizes)
        _check_sizes(self.fixed_shapes)
        if not is_one_of(self.precision, ("fp32", *PRECISIONS)):
            raise ExportError.coded(
                "E-EXPORT-01",
                "{name}={value}: expected one of {known}.",
                name="precision",
                value=shortened(self.precision),
                known=", ".join(("fp32", *PRECISIONS)),
            )

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes that `fixed_shapes` names."""
        return {} if isinstance(self.fixed_shapes, bool) else self.fixed_shapes

    @property
    def batch(self) -> int:
        """How many samples a file of fixed shapes takes at once."""
        return self.sizes.get("batch", 1)

    @property
    def in_graph(self) -> bool:
        """Whether preprocessing goes into the graph."""
        return self.preprocess == "graph"


def _check_sizes(given: object) -> None:
    """Refuse what names no sizes.

    Raises:
        ExportError: The message shows what does.
    """
    named = isinstance(given, Mapping) and bool(given)
    sizes = given.items() if isinstance(given, Mapping) else ()
    if isinstance(given, bool) or (
        named and all(isinstance(axis, str) and type(size) is int and size >= 1 for axis, size in sizes)
    ):
        return
    raise ExportError.coded(
        "E-EXPORT-01",
        "fixed_shapes={value}: expected True, or a size of at least 1 for axes by name, such as "
        '{{"batch": 1, "height": 96, "width": 96}}.',
        value=shortened(given),
    )


def versions_for(target: object, opset_version: object, ir_version: object) -> tuple[int, int]:
    """Return the opset and the IR version that are written.

    Args:
        target: As in `ExportOptions`.
        opset_version: The opset asked for; None takes the target's.
        ir_version: The IR version asked for; None takes the target's.

    Raises:
        ExportError: The target is unknown, or a version is out of range or newer than the target takes.
    """
    found = TARGETS["any"] if target is None else target_named(target)
    opset, ir = _writable(found)
    versions = [
        ("opset_version", opset if opset_version is None else opset_version, OPSETS, found.opset),
        ("ir_version", ir if ir_version is None else ir_version, IR_VERSIONS, found.ir_version),
    ]
    given: list[int] = []
    for name, value, (low, high), highest in versions:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ExportError.coded(
                "E-EXPORT-01",
                "{name}={value}: expected {low} to {high}. The defaults, opset {opset} and IR "
                "{ir_version}, load in every ONNX Runtime since {oldest}.",
                name=name,
                value=shortened(value),
                low=low,
                high=high,
                opset=OPSET,
                ir_version=IR_VERSION,
                oldest=RELEASES[0].name,
            )
        if target is not None and value > highest:
            raise ExportError.coded(
                "E-EXPORT-01",
                "{name}={value}: expected at most {highest}, the highest that target={target!r} takes. "
                "Leave {name} out, or choose another target.",
                name=name,
                value=value,
                highest=highest,
                target=found.name,
            )
        given.append(value)
    return given[0], given[1]


def target_named(name: object) -> Target:
    """Return the target of a name.

    Raises:
        ExportError: There is none.
    """
    found = find(name)
    if found is not None:
        return found
    known = [*TARGETS, *(for_version(release.version) for release in RELEASES)]
    raise ExportError.coded(
        "E-EXPORT-01",
        "target={target}: expected {names}, or an ONNX Runtime from {oldest} on, such as ort1.13{hint}",
        target=shortened(name),
        names=", ".join(TARGETS),
        oldest=known[len(TARGETS)],
        hint=name_hint(name, known),
    )


def _writable(target: Target) -> tuple[int, int]:
    """Return the highest opset and IR of a target that onnx writes and ONNX Runtime compares here."""
    opset, ir = loads(runtime_version())
    return min(target.opset, OPSETS[1], opset), min(target.ir_version, IR_VERSIONS[1], ir)


def _writable_version(ir_version: int | None) -> int | None:
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
