"""Sessions of OpenVINO, which reads the same ONNX files: https://docs.openvino.ai.

The package is imported only where a device of it is asked for. It computes in float32 unless another type is
asked for by name: by itself it would take bfloat16 on processors that have it, which changes the third digit.
"""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.shorten import printable, shortened

from .declared import declared
from .forks import generation, outlive
from .session import Share, TimeLimitError

if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    from .states import Described

    class Port(Protocol):
        """An input or output of OpenVINO's models."""

        def get_names(self) -> set[str]: ...

    class Compiled(Protocol):
        """OpenVINO's CompiledModel."""

        inputs: Sequence[Port]
        outputs: Sequence[Port]

        def create_infer_request(self) -> Any: ...
        def get_property(self, __name: str) -> object: ...


_NEEDS = {"bf16": "BF16", "f16": "FP16"}
"""Precisions -> what OpenVINO calls the capability of a device."""

_NO_REASON = ("Exception from", "Check '", "FrontEnd API failed", "Model wasn't fully converted")

_TELEMETRY = "openvino_telemetry"

_cores: dict[int, Any] = {}
"""Generations of this process, as `generation` counts forks -> the `Core` that was made in it."""

_DTYPES = frozenset(
    (
        *("float16", "float32", "float64", "bool"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    )
)


class OpenVINOSession:
    """A graph that OpenVINO runs; see `onnxnn_runtime.session.session.Session`.

    A request holds the memory of one run, so each thread takes one of those that are free, or a new one.

    Args:
        compiled: OpenVINO's compiled model.
        device: Where it runs.
        interface: What the file declares, as `declared` returns it.
    """

    engine = "OpenVINO"
    takes_optional = False  # it reads the default of an input as a constant

    def __init__(
        self, compiled: Compiled, device: str, interface: tuple[Described, Described, Described]
    ) -> None:
        self.compiled = compiled
        self.device = device
        self._interface = interface
        self.operators: Mapping[str, int] = {}
        self._free: list[Any] = []
        self._ports = {name: port for port in compiled.outputs for name in port.get_names()}
        self._inputs = {name for port in compiled.inputs for name in port.get_names()}

    def described(self) -> tuple[Described, Described, Described]:
        """Return the graph's inputs, its outputs, and the inputs that have a default."""
        return self._interface

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], seconds: float | None
    ) -> list[Any]:
        """Run the graph."""
        given = {
            name: np.ascontiguousarray(array) for name, array in feeds.items() if name in self._inputs
        }  # not those that no operator reads
        try:
            request = self._free.pop()
        except IndexError:
            request = self.compiled.create_infer_request()
        if seconds is None:
            request.infer(given, share_inputs=True, share_outputs=True)
        else:
            request.start_async(given, share_inputs=True)
            if not request.wait_for(int(1000 * seconds)):
                request.cancel()
                with contextlib.suppress(Exception):
                    request.wait()  # the operator at work is finished first
                raise TimeLimitError
        found = [np.array(request.get_tensor(self._ports[name]).data) for name in outputs]
        self._free.append(request)  # one whose run failed is not used again
        return found


def check_offered(device: str, target: str, precision: str) -> None:
    """Refuse what OpenVINO does not offer here.

    Args:
        device: What errors say that was asked for.
        target: "CPU", "GPU" or "NPU".
        precision: "f32", "bf16" or "f16".

    Raises:
        DeviceError: It is not installed, or has no such device, or the device does not compute so.
    """
    core = shared_core(device)
    offered = list(core.available_devices)
    if target not in {each.partition(".")[0] for each in offered}:
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: OpenVINO offers {offered} only. Install the driver of the device, or use "
            "device='openvino'.",
            device=shortened(device),
            offered=", ".join(offered),
        )
    if precision in _NEEDS and _NEEDS[precision] not in core.get_property(
        target, "OPTIMIZATION_CAPABILITIES"
    ):
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: this device does not compute in {precision}. Use device={plain}, which "
            "computes in float32.",
            device=shortened(device),
            precision=precision,
            plain=repr("openvino" if target == "CPU" else f"openvino:{target.lower()}"),
        )


def open_session(data: bytes, device: str, target: str, precision: str, share: Share) -> OpenVINOSession:
    """Create a session from a model's bytes.

    Args:
        data: The whole ONNX file.
        device: What was asked for.
        target: "CPU", "GPU" or "NPU".
        precision: The type in which it computes.
        share: How much of the processor it takes; each of several runs at once is a stream.

    Raises:
        DeviceError: OpenVINO does not run this model.
    """
    interface = declared(data)
    _check_types(device, interface)
    core = shared_core(device)
    try:
        model = core.read_model(io.BytesIO(data))
        compiled = core.compile_model(model, target, _settings(target, precision, share))
    except Exception as error:  # its own classes
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: OpenVINO does not take this model ({reason}). Use device='cpu'.",
            device=shortened(device),
            reason=reason_of(error),
        ) from error
    session = OpenVINOSession(compiled, device, interface)
    outlive(session)
    return session


def shared_core(device: str) -> Any:
    """Return the `Core` of this process, which every session shares, and which stays until the process ends.

    Each `Core` has a CPU plug-in, which replaces the stack on which the calling thread handles signals and
    puts the previous one back when it is taken down. Where two are taken down in the order in which they were
    made, the stack that stays is one that was unmapped, and the next signal, as of Ctrl-C, ends the process
    with a segmentation fault (OpenVINO 2026.4.1, `SigAltStackSetup`).

    Args:
        device: What errors say that was asked for.

    Raises:
        DeviceError: OpenVINO is not installed, or cannot be imported.
    """
    module = openvino_module(device)
    if generation() not in _cores:  # without a lock, which a fork could leave held: at worst two are made
        core = _cores.setdefault(generation(), module.Core())
        outlive(core)
    return _cores[generation()]


def reason_of(error: BaseException) -> str:
    """Return the line of an OpenVINO error that says what is wrong, not where in its source."""
    text = str(error).partition("Summary:\n")  # after it stand the operators that are not converted
    lines = [line.strip(" -") for line in (text[2] or text[0]).splitlines()]
    lines = [line for line in lines if line and not line.startswith(_NO_REASON)]
    return printable(lines[0] if lines else type(error).__name__, 300)


def openvino_module(device: str) -> Any:
    """Return the module `openvino`, imported without its telemetry, which nobody asked for.

    The import alone reports to a server of Google that OpenVINO is used, unless the package
    `openvino_telemetry` is absent or the user has opted out.

    Args:
        device: What errors say that was asked for.

    Raises:
        DeviceError: It is not installed, or cannot be imported.
    """
    is_kept_out = _TELEMETRY not in sys.modules
    if is_kept_out:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # as the import system reads it: absent
    try:
        import openvino
    except ImportError as error:
        raise DeviceError.coded(
            "E-PACKAGE-01",
            "device={device}: needs the package openvino ({error}). Install it: pip install "
            "\"onnxnn-runtime[openvino]\", or use device='cpu'.",
            device=shortened(device),
            error=error,
        ) from error
    finally:
        if is_kept_out:
            del sys.modules[_TELEMETRY]
    return openvino


def _settings(target: str, precision: str, share: Share) -> dict[str, object]:
    found: dict[str, object] = {"INFERENCE_PRECISION_HINT": precision}
    if target == "CPU":
        found["NUM_STREAMS"] = share.runs
        threads = max(share.threads, share.runs if share.runs > 1 else 0)
        if threads:
            found["INFERENCE_NUM_THREADS"] = threads
        found["ENABLE_CPU_PINNING"] = False  # several models and processes would take the same cores
    return found


def _check_types(device: str, interface: tuple[Described, Described, Described]) -> None:
    """Refuse texts, sequences and maps, as classical models take and return them."""
    for name, (dtype, _) in (item for part in interface for item in part.items()):
        if dtype not in _DTYPES:
            raise DeviceError.coded(
                "E-DEVICE-01",
                "device={device}: OpenVINO takes tensors of numbers, and {name} of this model is {type}. Use "
                "device='cpu'.",
                device=shortened(device),
                name=repr(printable(name, 80)),
                type=dtype,
            )
