"""Trained weights from a file or from the web, never anything else than tensors."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import CardError, CheckpointError, LayerError, OutputError
from onnxnn_runtime.files.access import regular_file, write_atomically
from onnxnn_runtime.files.paths import expanded
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.system import system_reason

from .torch_file import NotTensors, read_torch_file

_TIMEOUT = 60  # seconds without an answer
_LARGEST = 2**32  # bytes of a file; the largest published weights of the recipes' networks take 2**29


def check_source(call: str, source: str, sha256: str | None) -> None:
    """Refuse a source of weights that cannot work, before anything is built.

    Raises:
        LayerError: The file is missing, the URL is not https, or a URL comes without its checksum.
    """
    if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch("[0-9a-fA-F]{64}", sha256)):
        raise LayerError.coded(
            "E-LAYER-04",
            "{where}: expected sha256 to be the 64 hexadecimal digits of a SHA-256 checksum, got {got}.",
            where=call,
            got=shortened(sha256),
        )
    scheme = urlparse(source).scheme
    if scheme == "https":
        if sha256 is None:
            raise LayerError.coded(
                "E-LAYER-02",
                "{where}: expected sha256=..., the file's checksum, for weights from the web, so that "
                "nobody can swap them. Compute it once with `sha256sum FILE` from a copy that you trust.",
                where=call,
            )
    elif "://" in source:
        raise LayerError.coded(
            "E-LAYER-04",
            "{where}: expected weights from a file or an https:// address, got {scheme}://.",
            where=call,
            scheme=scheme,
        )
    elif not os.path.exists(expanded(source)):
        raise LayerError.coded(
            "E-LAYER-08",
            "{where}: no file {file}. Give the path of a weights file (.pth).",
            where=call,
            file=shortened(source),
        )


def fetch(source: str, sha256: str | None) -> dict[str, torch.Tensor]:
    """Return the tensors of a MobileNetV2 weights file by torchvision's names; see `read`."""
    return without_prefix(read(source, sha256))


def read(source: str, sha256: str | None, again: str | None = None) -> dict[str, torch.Tensor]:
    """Return the tensors of a weights file by name; see `read_with_card`."""
    return read_with_card(source, sha256, again)[0]


def read_with_card(
    source: str, sha256: str | None, again: str | None = None
) -> tuple[dict[str, torch.Tensor], ModelCard | None]:
    """Return the tensors of a weights file by name, and the card where it is a checkpoint of ours.

    A download is kept in `onnxnn/weights` of the user's cache folder under its checksum.

    Args:
        source: A path, or an https URL (then `sha256` is needed).
        sha256: The checksum that the file must have.
        again: What to do where it has another one, a sentence.

    Raises:
        CheckpointError: The file cannot be read, has another checksum, or holds more than tensors.
    """
    cached = _cache() / f"{sha256}.pth" if "://" in source else Path(expanded(source))
    local = "://" not in source or os.path.isfile(cached)
    if local:
        regular_file(cached, "file of weights", CheckpointError)
        if os.path.getsize(cached) > _LARGEST:
            raise CheckpointError.coded(
                "E-CKPT-02",
                "weights {source}: the file is larger than {most} GB."
                " Give the weights alone, in half precision perhaps.",
                source=source,
                most=_LARGEST >> 30,
            )
    try:
        checked = cached if sha256 is None else _checked(source, cached, sha256, again)
        content = read_torch_file(checked, legacy=True)
    except (CheckpointError, OutputError):
        raise
    except OSError as error:
        raise CheckpointError.coded(
            "E-CKPT-02",
            "weights {source}: the file cannot be read ({reason}). Check the path, or get the file again.",
            source=source,
            reason=system_reason(error),
        ) from error
    except NotTensors as error:
        raise CheckpointError.coded(
            "E-CKPT-02",
            "weights {source}: expected a file of tensors alone, and nothing else is opened: {error} "
            "Save weights with torch.save(network.state_dict(), path).",
            source=source,
            error=error,
        ) from error
    return _tensors(source, content), _card(content)


def _checked(source: str, cached: Path, sha256: str, again: str | None) -> bytes:
    """Return the content of a file that has a checksum; a download is kept."""
    is_new = "://" in source and not os.path.isfile(cached)
    data = _download(source) if is_new else cached.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        raise CheckpointError.coded(
            "E-CKPT-02",
            "weights {source}: expected the checksum {expected}, got {got}. The file is damaged or "
            "another one; nothing of it was used. {advice}",
            source=source,
            expected=sha256.lower(),
            got=found,
            advice=again or gettext("Get the file again, or the checksum of this one from who published it."),
        )
    if is_new:
        write_atomically(cached, lambda file: file.write(data))
    return data


def _card(content: object) -> ModelCard | None:
    text = content.get("card") if isinstance(content, Mapping) else None
    try:
        return ModelCard.from_json(text) if isinstance(text, str) else None
    except CardError:  # another program's, under the same key
        return None


WRAPPERS = ("state_dict", "model", "model_state_dict", "net", "network", "module", "weights", "params", "ema")
"""The keys under which training programs put weights beside other things, such as the optimizer's state."""


def _tensors(source: str, content: object) -> dict[str, torch.Tensor]:
    """Return the tensors by name, of those that are wrapped too: {"epoch": 3, "model": {...}}.

    Raises:
        CheckpointError: There are none.
    """
    if not isinstance(content, Mapping):
        raise CheckpointError.coded(
            "E-CKPT-02",
            "weights {source}: expected tensors by name, got {kind}."
            " Save them with torch.save(network.state_dict(), path).",
            source=source,
            kind=type(content).__name__,
        )
    held: Mapping[object, object] = content
    for _ in range(3):  # such as {"model": {"state_dict": ...}}
        inside = [each for key in WRAPPERS if isinstance(each := held.get(key), Mapping)]
        if not inside:
            break
        held = inside[0]
    found = {str(key): value for key, value in held.items() if isinstance(value, torch.Tensor)}
    if not found:
        raise CheckpointError.coded(
            "E-CKPT-02",
            "weights {source}: expected tensors by name, got {names}. Save the weights alone: "
            "torch.save(network.state_dict(), path).",
            source=source,
            names=shortened(list(held), 120),
        )
    return _without_module(found)


def _without_module(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Drop the "module." or "model." that wrappers such as DataParallel put before every name."""
    for prefix in ("module.", "_orig_mod.", "model."):
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name[len(prefix) :]: value for name, value in tensors.items()}
    return tensors


def load_into(
    module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], source: str, network: str
) -> None:
    """Copy tensors into a module's `features`, and into its classifier where the classes match.

    Args:
        module: The module.
        tensors: By its names.
        source: Where they come from, for messages.
        network: What the module is called there.

    Raises:
        CheckpointError: A tensor is missing or has another shape; the module is as it was.
    """
    state = module.state_dict()
    matching = {}
    for key, own in state.items():
        given = tensors.get(key)
        if given is not None and given.shape == own.shape:
            matching[key] = given
        elif key.startswith("classifier.") or (given is None and key.endswith("num_batches_tracked")):
            continue
        elif given is None:
            raise CheckpointError.coded(
                "E-LAYER-08",
                "weights {source}: {name} is missing; these are not {network}'s weights."
                " Give the file that belongs to this network.",
                source=source,
                name=shortened(key),
                network=network,
            )
        else:
            raise CheckpointError.coded(
                "E-LAYER-08",
                "weights {source}: expected shape {expected} for {name} of {network}, got {got}. Use "
                "weights of this network, and the same options and channels that they were trained with.",
                source=source,
                name=shortened(key),
                network=network,
                expected=shape_text(own.shape),
                got=shape_text(given.shape),
            )
    module.load_state_dict({**state, **matching})


def _download(source: str) -> bytes:
    with urllib.request.urlopen(source, timeout=_TIMEOUT) as answer:
        if urlparse(answer.geturl()).scheme != "https":
            raise OSError(gettext("it redirects to {address}, which is not https", address=answer.geturl()))
        data: bytes = answer.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise OSError(gettext("it is larger than {most} bytes", most=_LARGEST))
        return data


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "onnxnn" / "weights"


def without_prefix(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Drop what stands before "features." (our "mobilenet_backbone1.", others' "module.")."""
    first = next((key for key in tensors if "features." in key), "")
    prefix = first[: first.index("features.")] if first else ""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
