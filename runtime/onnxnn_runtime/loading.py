"""Opening a model file, and opening it again from a pickle."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Callable

from .api.calls import checked
from .card.card import ModelCard
from .errors import InputError
from .messages.shorten import shortened
from .model import Model
from .opening import Opening, card_of

if TYPE_CHECKING:
    from .session.onnxfile import ModelFile
    from .session.resources import Resources


@checked
def load(
    path: str | os.PathLike[str] | bytes,
    device: str = "auto",
    card: ModelCard | None = None,
    threads: int | None = None,
    draft: bool | None = None,
    timeout: float | None = None,
    *,
    low_memory: bool = False,
    tune: bool = False,
) -> Model:
    """Open a model file.

    The file is checked before it runs (see SECURITY.md), and its outputs are compared with its card.

    Args:
        path: The `.onnx` file, or its bytes.
        device: "auto" (CUDA where it works, else the processor), "cpu", "cuda" or "cuda:1", "openvino"
            (float32; "openvino:bf16" is faster and rounds more), "coreml", "dml", "xnnpack", or another
            provider of ONNX Runtime, see docs/devices.md; an explicit device is used or refused.
        card: Stands in for the file's own card, e.g. for a file that has none.
        threads: Processor cores to use; None takes all that this process may use.
        draft: Overrides the card's `Preprocess.draft`: True decodes large JPEG files at a fraction
            of their size, which is faster and differs a little from training.
        timeout: Seconds that one run of the graph may take, above 0; a run that takes longer raises an
            InputError. None sets no limit, but 8 seconds for a graph with a loop that may run forever.
        low_memory: Takes as little memory as it can, which is slower: one input at a time, on at most 2
            threads where `threads` is None; no arena; weights as the file has them, not rearranged. On
            Linux the whole process then gives freed memory back to the system at once. Results are the
            same but for rounding; `draft=True` saves more.
        tune: Takes the threads and the batch size that are fastest for this model on this machine. They are
            measured once, for a few seconds, which a line on stderr says, and kept in the user's cache folder
            (`ONNXNN_CACHE` names another one). `threads`, and `batch_size` of a call, count more where they
            are given.

    Raises:
        MissingInputError: There is no such file.
        InputError: The file is no ONNX file, cut short, needs other files or a newer ONNX Runtime; or options
            exclude each other.
        CardError: The file's card is malformed or newer than this version.
        DeviceError: The device was asked for explicitly and is not there, or does not run this model.
    """
    return _open(Opening(path, device, card, threads, draft, timeout, low_memory, tune), path)


def load_for_many(path: str, device: str, runs: int) -> Model:
    """Open a model that several threads run at once, each run on one processor core.

    Args:
        path: The `.onnx` file.
        device: One of the processor.
        runs: How many threads run it.

    Raises:
        OnnxnnError: As for `load`.
    """
    return _open(Opening(path, device, None, 1, None, None, runs=runs), path)


def opener_like(model: Model) -> Callable[[bytes], Model]:
    """Return what opens a file's bytes as a model was opened: device, threads and memory.

    It does not keep the model, so that its memory is free before the other one is opened.
    """
    _, (opening,) = model.__reduce__()
    return lambda content: _open(replace(opening, path=content, card=None, draft=None), content)


def _open(opening: Opening, path: str | os.PathLike[str] | bytes) -> Model:
    """Open a model; messages call it by `path`."""
    from .session.devices import place
    from .session.engine import Engine  # here, because importing the package does without
    from .session.onnxfile import ModelFile, inspect
    from .session.resources import Resources, give_back_freed_memory

    if opening.low_memory:
        give_back_freed_memory()
    file = ModelFile(path)
    name = file.name
    facts = inspect(file.content, name)
    if facts.external:
        raise _weights_elsewhere(name, path, facts.external[0])
    card = card_of(facts.metadata, name, opening.card, opening.draft)
    device = place(opening.device)
    resources = Resources(opening.threads, opening.timeout, opening.low_memory, runs=opening.runs)

    def open_with(read: Callable[[], bytes | None], resources: Resources) -> Model:
        engine = Engine(read, name, facts, device, card, resources)
        return Model(name, facts, card, engine, (_reopen, opening))

    if opening.tune:
        resources = _tuned(opening.device, file, resources, open_with)
    return open_with(file.take, resources)


def _tuned(
    device: str,
    file: ModelFile,
    resources: Resources,
    open_with: Callable[[Callable[[], bytes | None], Resources], Model],
) -> Resources:
    """Return resources with the setting that is fastest for a model on this machine."""
    from .session.fingerprint import fingerprint
    from .tuning.tune import setting_for

    content = file.content
    tuned = setting_for(
        fingerprint(content),
        len(content),
        file.name,
        device,
        lambda threads, runs: open_with(lambda: content, replace(resources, threads=threads, runs=runs)),
    )
    return replace(resources, tuned=tuned)


def _weights_elsewhere(name: str, path: str | os.PathLike[str] | bytes, file: str) -> InputError:
    """Return the error for a model whose weights lie in another file, which is never opened."""
    beside = None
    if (
        not isinstance(path, bytes) and os.path.basename(file) == file and "\0" not in file
    ):  # no path that leads elsewhere
        beside = os.path.join(os.path.dirname(os.fspath(path)), file)
    if beside is not None and not os.path.exists(beside):
        return InputError.coded(
            "E-MODEL-02",
            "{name}: expected its weights in the file, got them in another one, {file}, which is not "
            "beside it. Copy that file there, too, and then save the model as one file, e.g. with "
            "onnx.save(onnx.load(path), out).",
            name=name,
            file=shortened(file),
        )
    return InputError.coded(
        "E-MODEL-02",
        "{name}: expected its weights in the file, got them in another one ({file}), which is never "
        "opened. Save the model as one file, e.g. with onnx.save(onnx.load(path), out).",
        name=name,
        file=shortened(file),
    )


def _reopen(opening: Opening) -> Model:
    """Open a model again.

    Raises:
        InputError: The file was replaced since.
        OnnxnnError: As for `load`.
    """
    opening.check_unchanged()
    return _open(opening, opening.path)
