"""Sessions of ONNX Runtime, on the providers that a device name means."""

from __future__ import annotations

import contextlib
import functools
import io
import threading
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

import numpy as np

from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.shorten import printable, shortened

from .feeds import DTYPES
from .forks import outlive
from .io_binding import BoundRuns, can_bind
from .providers import CPU, CUDA, first_line, onnxruntime, short_name
from .session import Share, TimeLimitError

if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    from onnxnn_runtime.card.card import Axis

    from .devices import Placement
    from .io_binding import Bindable
    from .providers import Provider
    from .states import Described

    class NodeArg(Protocol):
        """An input or output of ONNX Runtime's sessions."""

        name: str
        type: str
        shape: Sequence[Axis]

    class RawSession(Bindable, Protocol):
        """A session of ONNX Runtime."""

        def get_overridable_initializers(self) -> Sequence[NodeArg]: ...
        def get_providers(self) -> Sequence[str]: ...
        def run(
            self, __outputs: Sequence[str], __feeds: Mapping[str, np.ndarray], __options: object = None
        ) -> Sequence[Any]: ...


_SAYS_WHERE = "session.record_ep_graph_assignment_info"
"""What has ONNX Runtime remember which provider runs which operator (from 1.24 on)."""


class OnnxRuntimeSession:
    """A session of ONNX Runtime; see `onnxnn_runtime.session.session.Session`.

    Args:
        session: Of ONNX Runtime.
        device: Where it really runs.
        operators: How many operators each provider runs, as `operators_on` says.
        bound: Runs it with places on the device that are used again; None where that is not possible.
    """

    engine = "ONNX Runtime"
    takes_optional = True

    def __init__(
        self, session: RawSession, device: str, operators: Mapping[str, int], bound: BoundRuns | None = None
    ) -> None:
        self.session = session
        self.device = device
        self.operators: Mapping[str, int] = {short_name(name): count for name, count in operators.items()}
        self._run: Callable[..., Any] = session.run if bound is None else bound.run

    def described(self) -> tuple[Described, Described, Described]:
        """Return the graph's inputs, its outputs, and the inputs that have a default."""
        return (
            {each.name: _describe(each) for each in self.session.get_inputs()},
            {each.name: _describe(each) for each in self.session.get_outputs()},
            {each.name: _describe(each) for each in self.session.get_overridable_initializers()},
        )

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], seconds: float | None
    ) -> list[Any]:
        """Run the graph."""
        if seconds is None:
            return list(self._run(outputs, feeds))
        options = onnxruntime().RunOptions()
        ended = threading.Event()

        def stop() -> None:
            if not ended.wait(seconds):
                options.terminate = True

        threading.Thread(target=stop, daemon=True).start()
        try:
            return list(self._run(outputs, feeds, options))
        except Exception as error:
            if options.terminate:
                raise TimeLimitError from error
            raise
        finally:
            ended.set()


def open_session(data: bytes, placement: Placement, share: Share) -> OnnxRuntimeSession:
    """Create a session from a model's bytes.

    Args:
        data: The whole ONNX file, so that no path inside it is ever followed.
        placement: The providers.
        share: How much of the machine it takes. Several runs at once have one thread each; low memory does
            without an arena, which keeps what a run took, without plans of the memory of a run, and without a
            second copy of the weights in blocks of channels, which makes networks faster on x86.

    Raises:
        DeviceError: The device was asked for explicitly and did not start, or runs none of the operators.
        Exception: ONNX Runtime's own, where it cannot load the model.
    """
    module = onnxruntime()
    session = _session(module, data, placement, share)
    # ONNX Runtime's Python class would move to another device in silence when one fails in the middle of
    # its work, and keeps a copy of the whole file for that.
    session.disable_fallback()
    if hasattr(session, "_model_bytes"):
        session._model_bytes = None
    outlive(session)
    device = _device(session, placement)
    kind, _, number = device.partition(":")
    bound = None
    if kind == "cuda" and can_bind(module, session):
        bound = BoundRuns(module, session, kind, int(number))
    operators = {} if device == "cpu" else operators_on(session)
    return OnnxRuntimeSession(session, device, operators or {}, bound)


def operators_on(session: RawSession) -> dict[str, int] | None:
    """Return how many operators each provider runs; None where ONNX Runtime does not say (before 1.24).

    Args:
        session: Of ONNX Runtime, created by `open_session` for a device other than the processor.
    """
    find = getattr(session, "get_provider_graph_assignment_info", None)
    if find is None:
        return None
    found: dict[str, int] = {}
    for part in find():
        found[part.ep_name] = found.get(part.ep_name, 0) + len(part.get_nodes())
    return found


def _describe(value: NodeArg) -> tuple[str, tuple[Axis, ...]]:
    return DTYPES.get(value.type, value.type), tuple(value.shape)


def _options(module: ModuleType, placement: Placement, share: Share) -> Any:
    options = module.SessionOptions()
    options.intra_op_num_threads = 1 if share.runs > 1 else share.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails becomes an error of ours, which says it
    # Not the format that it would take for its own by four bytes, which no check has read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if _name(placement.providers[0]) != CPU:
        options.add_session_config_entry(_SAYS_WHERE, "1")  # older ones keep what they do not know, unread
    # DirectML takes no plan of the memory: https://onnxruntime.ai/docs/execution-providers/DirectML-ExecutionProvider.html
    if share.low_memory or _name(placement.providers[0]) == "DmlExecutionProvider":
        options.enable_mem_pattern = False
    if share.low_memory:
        options.enable_cpu_mem_arena = False
    if placement.plugin:
        first = placement.providers[0]
        given = {} if isinstance(first, str) else {key: str(value) for key, value in first[1].items()}
        given.pop("device_id", None)  # the device itself says it
        options.add_provider_for_devices(list(placement.plugin), given)
    return options


def _session(module: ModuleType, data: bytes, placement: Placement, share: Share) -> Any:
    # Without "fallback" a provider that fails is an error, where ONNX Runtime's class would print it and go
    # on with the processor.
    create = functools.partial(module.InferenceSession, data, enable_fallback=0)
    if share.low_memory:
        create = functools.partial(create, disabled_optimizers=["NchwcTransformer"])
    providers = list(placement.providers)
    options = _options(module, placement, share)
    if providers == [CPU] and not placement.plugin:
        return create(sess_options=options, providers=providers)
    if any(_name(each) == CUDA for each in providers):
        _load_cuda(module)
    try:
        if placement.plugin:
            return create(sess_options=options)
        return create(sess_options=options, providers=providers)
    except Exception as error:
        if placement.explicit:
            raise DeviceError.coded(
                "E-DEVICE-01",
                "device={device}: did not start ({reason}). Use device='cpu', or check the GPU.",
                device=shortened(placement.device),
                reason=printable(first_line(error), 400),
            ) from error
        # "auto": the processor runs everything that CUDA runs; a broken file fails there again.
        on_cpu = replace(placement, providers=(CPU,), plugin=())
        return create(sess_options=_options(module, on_cpu, share), providers=[CPU])


def _device(session: RawSession, placement: Placement) -> str:
    """Return where a session really runs: "cpu", "cuda:0", "coreml", ...

    Raises:
        DeviceError: That is not what was asked for explicitly.
    """
    chosen, wanted = session.get_providers()[0], _name(placement.providers[0])
    if placement.explicit and chosen != wanted:
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: did not start, and ONNX Runtime would use {chosen}. Check that its driver and "
            "libraries, such as CUDA and cuDNN, match this ONNX Runtime, or use device='cpu'.",
            device=shortened(placement.device),
            chosen=chosen,
        )
    if placement.explicit and wanted != CPU:
        found = operators_on(session)
        if found and wanted not in found:
            raise DeviceError.coded(
                "E-DEVICE-01",
                "device={device}: takes none of the operators of this model, which all would run on "
                "{chosen}. Use device='cpu'.",
                device=shortened(placement.device),
                chosen=", ".join(found),
            )
    if chosen == CPU:
        return "cpu"
    if chosen == CUDA:
        options = placement.providers[0]
        return "cuda:{}".format(0 if isinstance(options, str) else options[1]["device_id"])
    return placement.device


def _name(provider: Provider) -> str:
    return provider if isinstance(provider, str) else provider[0]


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
