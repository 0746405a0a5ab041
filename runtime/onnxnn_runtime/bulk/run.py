"""Feature vectors of many files into a folder of shards: `embed_files`."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Generator, Iterable, Sequence

from onnxnn_runtime.api.calls import checked, checked_class
from onnxnn_runtime.arrays.numbers import check_integer
from onnxnn_runtime.errors import InputError, OutputError
from onnxnn_runtime.files.access import as_path, cannot_write, check_folder
from onnxnn_runtime.gallery.lock import writer_lock
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.options import Progress, ReadOptions
from onnxnn_runtime.loading import load
from onnxnn_runtime.messages.catalogue import Message, following, gettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.model import Model

from .packages import parquet, ray
from .plan import Job, check_maker, find_inputs, find_shards, plan
from .shards import Maker, Shard
from .work import Done, Settings, remove_temporary, work

_ENGINES = ("local", "ray")

LOCK = ".lock"
"""The file that one run at a time has locked; readers of Parquet folders pass over names with a dot."""


@checked_class()
@dataclass(frozen=True)
class BulkResult:
    """What a run has done.

    Args:
        folder: The folder with the shards.
        num: How many vectors it holds, those of earlier runs counted.
        dimension: The length of a vector.
        shards: How many shards it holds.
        resumed: How many of the given inputs were done before this run.
        skipped: What was left out, by this run or one before.
    """

    folder: Path
    num: int
    dimension: int
    shards: int
    resumed: int
    skipped: list[Skipped]


@checked
def embed_files(
    model: str | os.PathLike[str] | bytes | Model,
    inputs: object,
    folder: str | os.PathLike[str],
    *,
    engine: str = "local",
    workers: int | None = None,
    normalize: bool = False,
    errors: str = "raise",
    batch_size: int | None = None,
    shard_size: int = 1000,
    device: str = "auto",
    progress: Progress | None = None,
    force: bool = False,
) -> BulkResult:
    """Embed image files into Parquet shards; a run that was ended resumes where it was.

        embed_files("pets.onnx", "photos", "vectors")

    A shard has the columns `name` and `vector` (a list of D float32); `onnxnn_runtime.bulk.shards` says what
    its metadata hold. It is renamed when it is complete, so it is there whole or not at all.
    Inputs in finished shards are not embedded again unless their size or time has changed; vectors of inputs
    that are not given this time stay.

    Args:
        model: The path or bytes of an .onnx file, or a model that is open.
        inputs: Images, folders of them or patterns: a path or a list of paths.
        folder: Where the shards are; it is created.
        engine: "local" works in this process. "ray" works in actors on the machines of a Ray cluster, which
            see the same files under the same paths: the one that `ray.init` or RAY_ADDRESS names, else one
            on this machine that ends with the call.
        workers: For "ray" the number of actors, each with one thread; None: one for each processor.
        normalize: Scale each vector to length 1.
        errors: "raise" stops after the shard of a broken input, where the others stay; "skip" leaves it out
            and lists it in the result.
        batch_size: Inputs that run together; None follows the device.
        shard_size: The most inputs of a new shard: what a killed run may have to repeat for each worker.
        device: As for `onnxnn_runtime.load`.
        progress: Called as progress(done, total) whenever a shard is on the disk; inputs of earlier runs
            count as done.
        force: Replace the shards of another model.

    Raises:
        CardError: The model has no card, or returns no feature vectors.
        ImportError: pyarrow is missing, or ray where it is the engine.
        InputError: The model takes no images, an input is broken and `errors` is "raise", or another run is
            writing to the folder.
        OutputError: The folder holds vectors of another model or a damaged shard, or cannot be written.
    """
    options = ReadOptions(errors, batch_size, progress)
    _check(engine, workers, shard_size)
    parquet()
    if engine == "ray":
        ray()
    target = as_path(folder, "folder")
    check_folder(target / "part")
    threads = 1 if engine == "ray" else None
    opened = model if isinstance(model, Model) else load(model, device, threads=threads)
    settings = _settings(opened, normalize, options)
    dimension = int(opened.embed([]).shape[1])
    names, skipped = find_inputs(inputs, options.errors)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    with writer_lock(target, LOCK, _busy):
        _replace_others(target, settings.maker, force)
        jobs = plan(target, names, find_shards(target), errors, shard_size)
        resumed = len(names) - sum(len(job.inputs) for job in jobs)
        with closing(_results(opened, jobs, settings, engine, workers)) as results:
            dimension = _keep(results, dimension, resumed, len(names), options)
        shards = find_shards(target)
    given = set(names)
    records = (record for shard in shards for record in shard.records)
    skipped += [Skipped(each.name, each.reason) for each in records if each.reason and each.name in given]
    num = sum(shard.num_vectors for shard in shards)
    return BulkResult(target, num, dimension, len(shards), resumed, skipped)


def _replace_others(folder: Path, maker: Maker, force: bool) -> None:
    """Remove shards of another maker with `force`, or refuse them; remove what killed runs left."""
    remove_temporary(folder)
    shards = find_shards(folder)
    if force and any(shard.maker != maker for shard in shards):
        _remove(shards)
    else:
        check_maker(folder, shards, maker)


def _keep(results: Iterable[Done], dimension: int, done: int, total: int, options: ReadOptions) -> int:
    """Give shards their names as they come, and report progress; return the length of a vector.

    Raises:
        InputError: An input was broken; the message says how to resume.
    """
    broken = None
    if done:
        options.report(done, total)
    for each in results:
        if each.temporary is not None:
            each.keep()
            dimension = each.dimension
            done += each.num
            options.report(done, total)
        broken = broken or each.broken
    if broken is not None:
        advice = gettext(
            "Done, and kept: {done} of {total}. Repair or remove this one and run it again.",
            done=done,
            total=total,
        )
        raise type(broken)(Message(broken.text + following(advice), broken.code)) from broken
    return dimension


def _busy(folder: str, owner: str) -> InputError:
    return InputError.coded(
        "E-OUTPUT-01",
        "{path}: expected one run at a time, but {owner} is writing shards here. Wait until it has finished.",
        path=folder,
        owner=owner,
    )


def _check(engine: object, workers: object, shard_size: object) -> None:
    """Refuse options with wrong values.

    Raises:
        InputError: One has.
    """
    if not is_one_of(engine, _ENGINES):
        raise InputError.coded(
            "E-INPUT-06", "engine={engine}: expected 'local' or 'ray'.", engine=shortened(engine)
        )
    if workers is not None:
        check_integer("workers", workers)
        if engine == "local":
            raise InputError.coded(
                "E-INPUT-06",
                "workers={workers}: the engine 'local' is one process with all cores. Leave it out, or use "
                "engine='ray'.",
                workers=workers,
            )
    check_integer("shard_size", shard_size)


def _settings(model: Model, normalize: bool, options: ReadOptions) -> Settings:
    """Return how inputs are embedded.

    Raises:
        InputError: The model takes no images.
    """
    if model.input_spec.kind != "image":
        raise InputError.coded(
            "E-INPUT-08",
            "{name}: shards are made of image files, which this model does not take. Use embed(), or write a "
            "file, such as -o vectors.npz.",
            name=model.name,
        )
    return Settings(Maker(model.fingerprint, bool(normalize)), options.errors, options.batch_size)


def _results(
    model: Model, jobs: Sequence[Job], settings: Settings, engine: str, workers: int | None
) -> Generator[Done, None, None]:
    if engine == "ray" and jobs:
        from .on_ray import work_on_ray

        yield from work_on_ray(model, jobs, settings, workers)
        return
    for job in jobs:
        done = work(model, job, settings)
        yield done
        if done.broken is not None:
            return


def _remove(shards: Sequence[Shard]) -> None:
    """Remove shards, the last one first, so that what a killed run leaves is the beginning.

    Raises:
        OutputError: One cannot be removed.
    """
    for shard in reversed(shards):
        try:
            shard.path.unlink()
        except OSError as error:
            raise OutputError.coded(
                "E-OUTPUT-02",
                "{path}: this shard cannot be replaced. Remove it, or write into another folder.",
                path=printable(str(shard.path)),
            ) from error
