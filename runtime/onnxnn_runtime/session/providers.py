"""Devices: which ONNX Runtime providers a device name means, and sessions on them."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.system import system_reason

from .forks import outlive

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    from onnxnn_runtime.card.card import Axis

    class NodeArg(Protocol):
        """An input or output of ONNX Runtime's sessions."""

        name: str
        type: str
        shape: Sequence[Axis]

    class Session(Protocol):
        """A session of ONNX Runtime."""

        def get_inputs(self) -> Sequence[NodeArg]: ...
        def get_outputs(self) -> Sequence[NodeArg]: ...
        def get_overridable_initializers(self) -> Sequence[NodeArg]: ...
        def run(
            self, __outputs: Sequence[str], __feeds: Mapping[str, np.ndarray], __options: object = None
        ) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Placement:
    """Where a model runs.

    Args:
        device: What the user asked for: "auto", "cpu", "cuda" or "cuda:1".
        providers: The ONNX Runtime providers to try, in order.
        explicit: Whether the first of them must be the one that runs.
    """

    device: str
    providers: tuple[Any, ...]
    explicit: bool


def onnxruntime() -> Any:
    """Return the module `onnxruntime`, imported without its telemetry where nobody asked for it.

    From 1.32 on the import alone starts a thread that sends how ONNX Runtime is used; a child process that
    was forked waits for that thread without end when it exits.

    Raises:
        DeviceError: It is installed but cannot be imported, e.g. because a library is missing.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime as module
    except ImportError as error:
        raise DeviceError.coded(
            "E-PACKAGE-01",
            "ONNX Runtime cannot be imported ({error}). Install it again: pip install --force-reinstall "
            "onnxruntime, or onnxruntime-gpu where that is the one you have.",
            error=error,
        ) from error
    return module


def runtime_version() -> tuple[int, int]:
    """Return (major, minor) of the installed ONNX Runtime."""
    numbers = re.findall(r"\d+", onnxruntime().__version__)
    return int(numbers[0]), int(numbers[1])


def offers_cuda() -> bool:
    """Return whether the installed ONNX Runtime is the one for NVIDIA GPUs."""
    return _CUDA in onnxruntime().get_available_providers()


def place(device: str = "auto") -> Placement:
    """Decide which providers a device name means on this machine.

    Args:
        device: "cpu", "cuda", "cuda:1" (the second GPU), or "auto": CUDA where it works, else CPU.

    Raises:
        DeviceError: The name is unknown, or ONNX Runtime here does not offer the device.
    """
    match = re.match(r"^(auto|cpu|cuda)(?::(\d+))?$", device) if isinstance(device, str) else None
    if match is None or (match.group(2) and match.group(1) != "cuda"):
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: expected 'auto', 'cpu', 'cuda' or 'cuda:1'.",
            device=shortened(device),
        )
    offered = onnxruntime().get_available_providers()
    options = {"device_id": int(match.group(2) or 0)}
    if runtime_version() >= (1, 18):
        options["use_tf32"] = 0  # TF32 keeps ten bits: the fourth digit would differ
    cuda = (_CUDA, options)
    if match.group(1) == "cuda" and _CUDA not in offered:
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: ONNX Runtime offers {offered} only. Install onnxruntime-gpu instead of "
            "onnxruntime, or use device='cpu'.",
            device=shortened(device),
            offered=", ".join(offered),
        )
    if match.group(1) == "cpu" or _CUDA not in offered:
        return Placement(device, (_CPU,), device == "cpu")
    return Placement(device, (cuda, _CPU), device != "auto")


def create_session(
    data: bytes, placement: Placement, threads: int, low_memory: bool = False
) -> tuple[Session, str]:
    """Create an ONNX Runtime session from a model's bytes, and say where it runs.

    Args:
        data: The whole ONNX file, so that no path inside it is ever followed.
        placement: What `place` decided.
        threads: Threads that work on one operator; 0 lets ONNX Runtime choose.
        low_memory: Without an arena, which keeps what a run took; without plans of the memory of a run; and
            without a second copy of the weights in blocks of channels, which makes networks faster on x86.

    Returns:
        The session and the device that it really uses: "cpu", "cuda:0", ...

    Raises:
        DeviceError: The device was asked for explicitly and did not start.
    """
    module = onnxruntime()
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails becomes an error of ours, which says it
    # Not the format that it would take for its own by four bytes, which no check has read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if low_memory:
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    session = _session(module, data, options, placement, ("NchwcTransformer",) if low_memory else ())
    outlive(session)
    # ONNX Runtime's Python class would move to another device in silence when one fails in the middle of
    # its work, and keeps a copy of the whole file for that.
    session.disable_fallback()
    if hasattr(session, "_model_bytes"):
        session._model_bytes = None
    chosen = session.get_providers()[0]
    wanted = placement.providers[0]
    if placement.explicit and chosen != (wanted if isinstance(wanted, str) else wanted[0]):
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: did not start, and ONNX Runtime would use {chosen}. Check that CUDA and "
            "cuDNN match this onnxruntime-gpu, or use device='cpu'.",
            device=shortened(placement.device),
            chosen=chosen,
        )
    if chosen == _CUDA:
        return session, "cuda:{}".format(wanted[1]["device_id"])
    return session, "cpu"


class TimeLimitError(Exception):
    """One run of a graph took too long."""


def run(
    session: Session, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], seconds: float | None = None
) -> list[Any]:
    """Run a session.

    Args:
        session: Of ONNX Runtime.
        outputs: Names of the outputs to compute.
        feeds: An array for each input.
        seconds: How long it may take; None sets no limit. The operator at work then is finished first.

    Raises:
        TimeLimitError: It took longer.
    """
    if seconds is None:
        return list(session.run(outputs, feeds))
    options = onnxruntime().RunOptions()
    ended = threading.Event()

    def stop() -> None:
        if not ended.wait(seconds):
            options.terminate = True

    threading.Thread(target=stop, daemon=True).start()
    try:
        return list(session.run(outputs, feeds, options))
    except Exception as error:
        if options.terminate:
            raise TimeLimitError from error
        raise
    finally:
        ended.set()


def _session(
    module: ModuleType, data: bytes, options: object, placement: Placement, disabled: Sequence[str]
) -> Any:
    """Create a session without some of ONNX Runtime's optimizers."""
    create = functools.partial(module.InferenceSession, data, sess_options=options)
    if disabled:
        create = functools.partial(create, disabled_optimizers=list(disabled))
    providers = list(placement.providers)
    if len(providers) == 1:
        return create(providers=providers)
    _load_cuda(module)
    try:
        return create(providers=providers)
    except Exception as error:
        if placement.explicit:
            raise DeviceError.coded(
                "E-DEVICE-01",
                "device={device}: did not start ({reason}). Use device='cpu', or check the GPU.",
                device=shortened(placement.device),
                reason=first_line(error),
            ) from error
        # "auto": the processor runs everything that CUDA runs; a broken file fails there again.
        return create(providers=[_CPU])


def _load_cuda(module: ModuleType) -> None:
    """Load the libraries of CUDA and cuDNN from NVIDIA's Python packages, where those are installed.

    ONNX Runtime looks for them in the system's folders alone, and does not start on the GPU of a computer
    that has them by `pip install "onnxruntime-gpu[cuda,cudnn]"`. What it prints about libraries that are
    missing is kept back: whether the GPU starts is checked afterwards.
    """
    if hasattr(module, "set_default_logger_severity"):
        module.set_default_logger_severity(4)  # what fails becomes an error of ours, which says it
    if hasattr(module, "preload_dlls"):  # from 1.21 on
        with contextlib.redirect_stdout(io.StringIO()):
            module.preload_dlls()


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, of the system's in the user's language, or its class."""
    lines = system_reason(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
