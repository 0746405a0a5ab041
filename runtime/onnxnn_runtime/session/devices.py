"""Devices by name: which engine and which ONNX Runtime provider a name means on this machine."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence

from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.catalogue import Message, coded, gettext
from onnxnn_runtime.messages.shorten import printable, shortened

from .providers import CPU, CUDA, Provider, ep_devices, onnxruntime, runtime_version, short_name

if TYPE_CHECKING:
    from .session import Session, Share

OPENVINO = "openvino"
"""The name of the engine, and of its extra."""

TARGETS = ("cpu", "gpu", "npu")
"""Where OpenVINO runs, as in "openvino:gpu"."""

PRECISIONS = ("bf16", "f16")
"""Types in which OpenVINO computes where float32 is not asked for, as in "openvino:bf16"."""

_NEVER = (CPU, "AzureExecutionProvider")
"""Providers that are not named: the processor is, and Azure's calls a server and runs no operator here."""


class _Provider(NamedTuple):
    """A provider of ONNX Runtime that has a name of ours; `package` brings it, where pip has one."""

    provider: str
    package: str = ""
    is_numbered: bool = False


NAMED: Mapping[str, _Provider] = {
    "cuda": _Provider(CUDA, "onnxruntime-gpu", True),
    "tensorrt": _Provider("TensorrtExecutionProvider", "onnxruntime-gpu", True),
    "dml": _Provider("DmlExecutionProvider", "onnxruntime-directml", True),
    "coreml": _Provider("CoreMLExecutionProvider"),
    "xnnpack": _Provider("XnnpackExecutionProvider"),
}
"""Names of devices -> ONNX Runtime's providers; any other provider is called by its own name."""


@dataclass(frozen=True)
class Placement:
    """Where a model runs.

    Args:
        device: What the user asked for, e.g. "auto", "cuda:1" or "openvino:bf16".
        providers: The ONNX Runtime providers to try, in order; () where another engine computes.
        explicit: Whether the first of them must be the one that runs.
        plugin: The devices of a plug-in provider, as ONNX Runtime describes them.
        openvino: Where OpenVINO runs and the type in which it computes, e.g. ("CPU", "f32").
    """

    device: str
    providers: tuple[Provider, ...]
    explicit: bool
    plugin: tuple[Any, ...] = ()
    openvino: tuple[str, str] | None = None


def place(device: str = "auto") -> Placement:
    """Decide which engine and providers a device name means on this machine.

    Args:
        device: "cpu"; "cuda", "tensorrt" or "dml", with a number for another GPU, as in "cuda:1"; "coreml";
            "xnnpack"; "openvino", with ":gpu" or ":npu" for another device and ":bf16" or ":f16" for another
            type than float32; the name of another provider that ONNX Runtime offers; or "auto": CUDA where
            it works, else CPU.

    Raises:
        DeviceError: The name is unknown, or the device is not offered here.
    """
    if not isinstance(device, str):
        raise DeviceError(_unknown(device))
    name, _, rest = device.partition(":")
    if name == OPENVINO:
        return _on_openvino(device, device.split(":")[1:])
    if device == "cpu":
        return Placement(device, (CPU,), True)
    if device == "auto":
        return _chosen()
    if name in ("", "auto", "cpu") or not re.match(r"^(\d{1,3})?$", rest) or device.endswith(":"):
        raise DeviceError(_unknown(device))
    return _on_provider(device, name, rest)


def create_session(data: bytes, placement: Placement, share: Share) -> Session:
    """Create a session from a model's bytes.

    Args:
        data: The whole ONNX file, so that no path inside it is ever followed.
        placement: What `place` decided.
        share: How much of the machine it takes.

    Raises:
        DeviceError: The device was asked for explicitly and did not start, or does not run this model.
        Exception: ONNX Runtime's own, where it cannot load the model.
    """
    if placement.openvino is not None:
        from .openvino_session import open_session  # here, because few ask

        return open_session(data, placement.device, *placement.openvino, share)
    from .onnxruntime_session import open_session as open_with_onnxruntime

    return open_with_onnxruntime(data, placement, share)


def offered_here() -> list[str]:
    """Return the names of the devices that `load` takes on this machine, the processor first.

    Whether a GPU or another device starts is known when a model is opened.
    """
    offered = [*onnxruntime().get_available_providers(), *(each.ep_name for each in ep_devices())]
    # ONNX Runtime's own OpenVINO is called by its whole name: "openvino" is the engine.
    names = [
        each if short_name(each) == OPENVINO else short_name(each) for each in offered if each not in _NEVER
    ]
    if importlib.util.find_spec(OPENVINO) is not None:
        names.append(OPENVINO)
    return list(dict.fromkeys(("cpu", *names)))


def is_processor(device: str) -> bool:
    """Return whether a model on this device runs on the processor, with float32 or less, and no other part.

    Args:
        device: As a session says it: "cpu", "cuda:0", "openvino:bf16", ...
    """
    name, *more = device.split(":")
    return device in ("cpu", "xnnpack") or (name == OPENVINO and not {"gpu", "npu"} & set(more))


def operators_text(device: str, operators: Mapping[str, int]) -> str:
    """Return where the operators of a model run, as people read it.

    Args:
        device: Where the model runs: "cuda:0".
        operators: As `Model.operators` has them, not empty.
    """
    own = short_name(device.partition(":")[0])
    total = sum(operators.values())
    others = [
        gettext("{count} on {device}", count=count, device=name)
        for name, count in operators.items()
        if name != own
    ]
    if not others:
        return gettext("all {total} operators run on {device}", total=total, device=device)
    return gettext(
        "{count} of {total} operators run on {device}, {others}",
        count=operators.get(own, 0),
        total=total,
        device=device,
        others=", ".join(others),
    )


def _chosen() -> Placement:
    """Return CUDA where ONNX Runtime offers it, built in or of a plug-in, else the processor."""
    if CUDA in onnxruntime().get_available_providers():
        return Placement("auto", (_cuda(0), CPU), False)
    plugin = tuple(each for each in ep_devices() if each.ep_name == CUDA)[:1]
    return Placement("auto", (_cuda(0),) if plugin else (CPU,), False, plugin)


def _on_openvino(device: str, words: Sequence[str]) -> Placement:
    targets = [word for word in words if word in TARGETS]
    precisions = [word for word in words if word in PRECISIONS]
    if len(targets) > 1 or len(precisions) > 1 or len(targets) + len(precisions) < len(words):
        raise DeviceError.coded(
            "E-DEVICE-01",
            "device={device}: expected 'openvino', where it runs (':cpu', ':gpu' or ':npu') and how it "
            "computes (':bf16' or ':f16') at most once each after it, such as 'openvino:bf16'.",
            device=shortened(device),
        )
    from .openvino_session import check_offered  # here, because few ask

    target = (targets or ["cpu"])[0].upper()
    precision = (precisions or ["f32"])[0]
    check_offered(device, target, precision)
    return Placement(device, (), True, openvino=(target, precision))


def _on_provider(device: str, name: str, number: str) -> Placement:
    """Return a placement on a provider of ONNX Runtime, built in or of a plug-in.

    Raises:
        DeviceError: There is none of that name.
    """
    offered = onnxruntime().get_available_providers()
    named = NAMED.get(name)
    wanted = named.provider if named is not None else _called(name, offered)
    if wanted in offered:
        if number and (named is None or not named.is_numbered):
            raise DeviceError(_unknown(device))
        placed = int(number or 0)
        return Placement(device, (_with_options(wanted, placed), *_after(wanted, offered, placed)), True)
    found = ep_devices()
    wanted = wanted or _called(name, [each.ep_name for each in found])
    plugin = [each for each in found if each.ep_name == wanted]
    if plugin and int(number or 0) < len(plugin):
        first = _with_options(wanted, int(number or 0))
        return Placement(device, (first,), True, plugin=(plugin[int(number or 0)],))
    if named is None and not plugin:
        raise DeviceError(_unknown(device))
    raise DeviceError(_not_offered(device, name, named, [*offered, *(each.ep_name for each in found)]))


def _called(name: str, providers: Sequence[str]) -> str:
    """Return the provider that a name means: its own, or in small letters without "ExecutionProvider"."""
    for each in providers:
        if name in (each, short_name(each)):
            return each
    return ""


def _cuda(number: int) -> Provider:
    options = {"device_id": number}
    if runtime_version() >= (1, 18):
        options["use_tf32"] = 0  # TF32 keeps ten bits: the fourth digit would differ
    return CUDA, options


def _with_options(provider: str, number: int) -> Provider:
    """Return a provider with the number of its GPU."""
    if provider == CUDA:
        return _cuda(number)
    is_numbered = any(each.provider == provider and each.is_numbered for each in NAMED.values())
    return (provider, {"device_id": number}) if is_numbered else provider


def _after(provider: str, offered: Sequence[str], number: int) -> tuple[Provider, ...]:
    """Return the providers for the operators that a provider does not have, on the GPU of the same number."""
    if provider == "TensorrtExecutionProvider" and CUDA in offered:
        return (_cuda(number), CPU)
    return () if provider == CPU else (CPU,)


def _unknown(device: object) -> Message:
    return coded(
        "E-DEVICE-01",
        "device={device}: expected 'auto', 'cpu', 'cuda' or 'cuda:1', 'openvino', 'coreml', 'dml', 'xnnpack' "
        "or the name of another provider that ONNX Runtime offers. `onnxnn doctor` lists what is here.",
        device=shortened(device),
    )


def _not_offered(device: str, name: str, named: _Provider | None, offered: Sequence[str]) -> Message:
    """Return the message for a device that ONNX Runtime does not offer here."""
    shown = printable(", ".join(dict.fromkeys(offered)), 300)
    if named is not None and named.package:
        return coded(
            "E-DEVICE-01",
            "device={device}: ONNX Runtime offers {offered} only. Install {package} instead of onnxruntime, "
            "or use device='cpu'.",
            device=shortened(device),
            offered=shown,
            package=named.package,
        )
    if name == "coreml":
        return coded(
            "E-DEVICE-01",
            "device={device}: ONNX Runtime offers {offered} only. CoreML is in the onnxruntime for macOS. "
            "Use device='cpu' elsewhere.",
            device=shortened(device),
            offered=shown,
        )
    if name == "xnnpack":
        return coded(
            "E-DEVICE-01",
            "device={device}: ONNX Runtime offers {offered} only. XNNPACK is in builds of ONNX Runtime for "
            "Android and iOS, and in your own with --use_xnnpack. Use device='cpu' elsewhere.",
            device=shortened(device),
            offered=shown,
        )
    return coded(
        "E-DEVICE-01",
        "device={device}: ONNX Runtime offers {offered} only, and no device of this number. Use another "
        "number, or device='cpu'.",
        device=shortened(device),
        offered=shown,
    )
