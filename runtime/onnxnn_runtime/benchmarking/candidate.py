"""One file that is measured: its settings, what a new process said of each, and how long its runs took."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable, Iterator, Sequence

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.loading import load, load_for_many
from onnxnn_runtime.model import Model
from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.devices import is_processor, offered_here
from onnxnn_runtime.session.onnxfile import ModelFile
from onnxnn_runtime.session.precision import small_precision
from onnxnn_runtime.tuning.timing import Job, Timing, measure
from onnxnn_runtime.tuning.tune import thread_counts
from onnxnn_runtime.tuning.workload import Workload, batches_of, takes_many, workload

from .child import Start
from .gemm import product
from .operations import multiply_adds
from .options import BenchmarkOptions
from .report import FileBenchmark, Measurement, Setting


class Candidate:
    """A file while it is measured.

    Args:
        path: Its path.
        model: It, open.
        settings: Those that are measured.
        low_memory: See `onnxnn_runtime.load`.

    Attributes:
        starts: What a new process said of each setting, so far.
    """

    def __init__(self, path: str, model: Model, settings: Sequence[Setting], low_memory: bool) -> None:
        self.path = path
        self.settings = list(settings)
        self.starts: list[Start] = []
        content = ModelFile(path).content
        self._size, self._precision = len(content), small_precision(content) or "float32"
        self._low_memory = low_memory
        self._model = model
        self._models: dict[tuple[str, int, int], Model] = {}
        self._works: dict[int, Workload] = {}
        self._timings: dict[int, Timing] = {}

    @classmethod
    def opened(cls, path: str, options: BenchmarkOptions) -> Candidate:
        """Open a file on every device that is asked for, and list its settings.

        Raises:
            OnnxnnError: As for `load`.
        """
        given = options.device_names
        if given is None:
            devices = offered_here()
            model = load(path, device=devices[0])
        else:
            models = [load(path, device=device) for device in given]  # each is there, or refused
            named = [each.device if name == "auto" else name for each, name in zip(models, given)]
            devices = list(dict.fromkeys(named))
            model = models[0]
        return cls(path, model, list(_settings(model, devices, options)), options.low_memory)

    def jobs(self) -> Iterator[tuple[int, Job]]:
        """Yield the place of each setting that works, and what is timed.

        A setting with which the new process failed, or the model cannot be opened here, is left out.
        """
        for number, (setting, start) in enumerate(zip(self.settings, self.starts)):
            if start.problem:
                self._timings[number] = Timing(problem=start.problem)
                continue
            try:
                work = workload(self._with(setting), setting.batch_size)
            except OnnxnnError as error:
                self._timings[number] = Timing(problem=error.text)
                continue
            self._works[number] = work
            yield number, Job(work.run, setting.workers)

    def keep(self, number: int, timing: Timing) -> None:
        """Keep how long the runs of a setting took."""
        self._timings[number] = timing

    def result(self, peaks: dict[str, float]) -> FileBenchmark:
        """Return all figures.

        Args:
            peaks: Multiply-adds a second of matrix products, by `peak_name`.
        """
        model = self._model
        work = workload(model, 1)
        counted = self._multiply_adds(work)
        states = () if model.card is None else [state.name for state in model.card.input.states]
        fed = {} if work.feeds is None else work.feeds
        return FileBenchmark(
            file=self.path,
            size=self._size,
            does=model.kind.does,
            call=model.kind.call,
            unit=work.unit,
            precision=self._precision,
            inputs={name: fed[name].shape for name in fed if name not in states},
            multiply_adds=counted,
            measurements=tuple(
                self._measured(number, counted, peaks) for number in range(len(self.settings))
            ),
            operators={key[0]: found.operators for key, found in self._models.items() if found.operators},
        )

    def _with(self, setting: Setting) -> Model:
        """Return the model as a setting opens it; settings that differ in the batch alone share one."""
        key = (setting.device, setting.threads, setting.workers)
        if key not in self._models and setting.workers > 1:
            self._models[key] = load_for_many(self.path, setting.device, setting.workers)
        elif key not in self._models:
            self._models[key] = load(
                self.path, device=setting.device, threads=setting.threads, low_memory=self._low_memory
            )
        return self._models[key]

    def _multiply_adds(self, work: Workload) -> int | None:
        """Return the multiply-adds of one unit, where they can be counted."""
        if work.feeds is None or self._model.facts.endless:
            return None
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = multiply_adds(Path(self.path).read_bytes(), work.feeds, Path(folder))
        except OSError:  # it is gone, or no folder for temporary files can be written
            return None
        return None if found is None else found * work.parts // work.count

    def _measured(self, number: int, counted: int | None, peaks: dict[str, float]) -> Measurement:
        setting, start, timing = self.settings[number], self.starts[number], self._timings[number]
        if timing.problem or not timing.latencies:
            return Measurement(setting, problem=timing.problem)
        work = self._works[number]
        rate = timing.rate * work.count
        peak = peaks.get(peak_name(setting))
        return Measurement(
            setting,
            p50=timing.p50 / work.parts,
            p95=timing.p95 / work.parts,
            rate=rate,
            peak_share=None if counted is None or peak is None else counted * rate / peak,
            start=start.seconds,
            memory=start.memory,
            spread=timing.spread,
            runs=len(timing.latencies),
        )


def peak_name(setting: Setting) -> str:
    """Return what the matrix product beside a setting is called: its device and threads."""
    return f"{setting.device} {setting.threads}"


def time_together(
    candidates: Sequence[Candidate], seconds: float, progress: Callable[[int], object]
) -> dict[str, float]:
    """Time all settings of all files in turns, and matrix products with the same threads.

    Args:
        candidates: The files; they keep their timings.
        seconds: How long each setting is timed.
        progress: Called with the number of turns that are done.

    Returns:
        The multiply-adds a second of the products, by `peak_name`.
    """
    places = [(each, number, job) for each in candidates for number, job in each.jobs()]
    names = {peak_name(each.settings[number]): each.settings[number] for each, number, _ in places}
    products: dict[str, tuple[Job, int]] = {}
    for name, setting in names.items():
        try:
            model, array, count = product(setting.device, setting.threads)
        except OnnxnnError:
            continue  # the shares of this device stay unknown
        products[name] = (Job(_infer(model, array)), count)
    jobs = [job for _, _, job in places] + [job for job, _ in products.values()]
    timings = measure(jobs, seconds, progress=progress)
    for (each, number, _), timing in zip(places, timings):
        each.keep(number, timing)
    of_products = zip(products.items(), timings[len(places) :])
    return {name: count * timing.rate for (name, (_, count)), timing in of_products if timing.rates}


def _infer(model: Model, array: object) -> Callable[[], object]:
    return lambda: model.infer(array)


def _settings(model: Model, devices: Sequence[str], options: BenchmarkOptions) -> Iterator[Setting]:
    """Yield what is measured: threads on one batch, and on a processor also batches side by side."""
    sizes = batches_of(model, options.sizes)
    cores = num_threads()
    for device in devices:
        counts = list(options.thread_counts or thread_counts(cores))
        if not is_processor(device):
            counts = counts[-1:]
        yield from (Setting(device, threads, 1, size) for threads in counts for size in sizes)
        if takes_many(model) and is_processor(device) and not options.low_memory:
            side_by_side = [threads for threads in options.thread_counts or (cores,) if threads > 1]
            yield from (Setting(device, threads, threads, size) for threads in side_by_side for size in sizes)
