"""A model file, ready to run: `load` and `Model`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Iterator

import numpy as np

from .api.calls import checked, checked_class
from .arrays.conversion import as_array, check_steps, check_tokens
from .arrays.precision import check_precision
from .card.card import InputSpec, ModelCard
from .card.words import kind_name
from .errors import CardError, InputError, located
from .inputs.folders import warn_of
from .inputs.samples import Skipped, in_channel_order
from .messages.catalogue import coded, gettext
from .messages.shorten import printable, shortened
from .messages.suggestions import MODEL_ATTRIBUTES, MODEL_OPTIONS
from .opening import Opening, card_of, check_timeout
from .results import Embeddings, Prediction, Predictions, prediction
from .session.pipeline import check_count, check_options, check_progress, reported

if TYPE_CHECKING:
    from .card.tokens import Text
    from .generation.options import Generated
    from .session.engine import Engine
    from .session.onnxfile import FileFacts

__all__ = ["Embeddings", "Model", "Prediction", "Predictions", "load"]

Progress = Callable[[int, "int | None"], object]
"""Called with the number of inputs done and, where it is known, of all."""


@checked
def load(
    path: str | os.PathLike[str] | bytes,
    device: str = "auto",
    card: ModelCard | None = None,
    threads: int | None = None,
    draft: bool | None = None,
    timeout: float | None = None,
) -> Model:
    """Open a model file.

    The file is checked before it runs (see SECURITY.md), and its outputs are compared with its card.

    Args:
        path: The `.onnx` file, or its bytes.
        device: "auto" (CUDA where it works, else the processor), "cpu", "cuda" or "cuda:1"; an
            explicit device is used or refused.
        card: Stands in for the file's own card, e.g. for a file that has none.
        threads: Processor cores to use; None takes all that this process may use.
        draft: Overrides the card's `Preprocess.draft`: True decodes large JPEG files at a fraction
            of their size, which is faster and differs a little from training.
        timeout: Seconds that one run of the graph may take, above 0; a run that takes longer raises an
            InputError. None sets no limit, but 8 seconds for a graph with a loop that may run forever.

    Raises:
        MissingInputError: There is no such file.
        InputError: The file is no ONNX file, cut short, needs other files or a newer ONNX Runtime.
        CardError: The file's card is malformed or newer than this version.
        DeviceError: The device was asked for explicitly and is not there.
    """
    from .session.engine import Engine  # here, because importing the package does without
    from .session.onnxfile import ModelFile, inspect
    from .session.providers import place

    if card is not None and not isinstance(card, ModelCard):
        raise InputError(
            coded(
                "E-CALL-03",
                "load(card={card}): expected a ModelCard, or None for the file's own.",
                card=shortened(card),
            )
        )
    check_timeout(timeout)
    opening = Opening(path, device, card, threads, draft, timeout)
    file = ModelFile(path)
    name = file.name
    facts = inspect(file.content, name)
    if facts.external:
        raise InputError(
            coded(
                "E-MODEL-02",
                "{name}: expected its weights in the file, got them in another one ({file}), which is never "
                "opened. Save the model as one file, e.g. with onnx.save(onnx.load(path), out).",
                name=name,
                file=shortened(facts.external[0]),
            )
        )
    card = card_of(facts.metadata, name, card, draft)
    engine = Engine(file.take, name, facts, place(device), threads, card, timeout)
    return Model(name, facts, card, engine, opening)


def _reopen(opening: Opening) -> Model:
    """Open a model again.

    Raises:
        InputError: The file was replaced since.
        OnnxnnError: As for `load`.
    """
    opening.check_unchanged()
    return load(opening.path, opening.device, opening.card, opening.threads, opening.draft, opening.timeout)


@checked_class(MODEL_ATTRIBUTES, MODEL_OPTIONS)
class Model:
    """A model that `load` opened.

    It can be pickled, copied and sent to other processes, where it is opened again from its path or bytes.

    Attributes:
        name: The file's path.
        card: What the file says about itself, or None.
        facts: Versions and metadata of the ONNX file.
    """

    def __init__(
        self, name: str, facts: FileFacts, card: ModelCard | None, engine: Engine, opening: Opening
    ) -> None:
        self.name = name
        self.facts = facts
        self.card = card
        self._engine = engine
        self._opening = opening

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._opening,)

    @property
    def device(self) -> str:
        """Where the model really runs: "cpu" or "cuda:0"."""
        return self._engine.device

    @property
    def inputs(self) -> dict[str, tuple[str, tuple[Any, ...]]]:
        """Each graph input's type and shape, e.g. {"input": ("float32", ("batch", 3, 224, 224))}."""
        return self._engine.inputs

    @property
    def outputs(self) -> dict[str, tuple[str, tuple[Any, ...]]]:
        """Each graph output's type and shape."""
        return self._engine.outputs

    def __repr__(self) -> str:
        card = self.card
        kind = "" if card is None else f"{kind_name(card.input.kind)} -> {kind_name(card.output.kind)}"
        return gettext(
            "<Model {name}: {kind}, on {device}>",
            name=self.name,
            kind=kind or gettext("no card"),
            device=self.device,
        )

    def _repr_html_(self) -> str:
        from .messages.html import table

        rows = [(gettext("input"), name, kind, shape) for name, (kind, shape) in self.inputs.items()]
        rows += [(gettext("output"), name, kind, shape) for name, (kind, shape) in self.outputs.items()]
        headings = ("", gettext("name"), gettext("type"), gettext("shape"))
        return table(repr(self)[1:-1], headings, rows)

    @property
    def translates(self) -> bool:
        """Whether the model goes from sequence to sequence: then `generate` takes the tokens of a source."""
        return self._engine.arrays == ["input", "target"] and self.card is not None

    def infer(self, x: Any) -> Any:
        """Run the graph on arrays as they are.

        Args:
            x: The array of the only input, batch axis first; or a dict with an array per input; for a network
                that knows its columns by name also a DataFrame or another table with names. States
                of a network that generates begin with zeros where they are not given; the dict that comes
                back holds what they have become.

        Returns:
            The first output; or, for a dict, a dict of all outputs. Sequences and maps of classical
            models come as lists and dicts.

        Raises:
            InputError: A name, shape or type does not match the graph, or a number is NaN or infinite; or the
                outputs are not what the card promises.
        """
        arrays = self._engine.arrays
        x = self._by_name(x)
        if isinstance(x, dict):
            if arrays and arrays[0] in x:
                self._check_values(arrays[0], x[arrays[0]])
            if self.translates and {"input", "target"} <= set(x):
                self._check_target(x["target"], x["input"])
            return dict(zip(self.outputs, self._engine.run(x, list(self.outputs))))
        if not arrays:
            raise InputError(
                coded("E-INPUT-03", "{name}: takes no input. Run it with infer({{}}).", name=self.name)
            )
        if len(arrays) != 1:
            raise InputError(
                coded(
                    "E-INPUT-03",
                    "{name}: expected {count} inputs ({inputs}), got one array. Give a dict with an array "
                    "for each.",
                    name=self.name,
                    count=len(arrays),
                    inputs=", ".join(printable(each, 40) for each in arrays[:20]),
                )
            )
        self._check_values(arrays[0], x)
        return self._engine.run({arrays[0]: x}, [next(iter(self.outputs))])[0]

    def _by_name(self, x: Any) -> Any:
        """Return a table that names its columns as an array in the card's order; anything else as it is."""
        spec = None if self.card is None else self.card.input
        if spec is None or not (spec.features or spec.kind == "table") or not self._engine.arrays:
            return x
        numbers = set(map(str, range(len(x)))) if isinstance(x, dict) else set()
        if isinstance(x, dict) and not spec.features and set(map(str, x)) != numbers:
            return x
        from .inputs.rows import for_graph  # here, because images do without

        first = self._engine.arrays[0]
        if isinstance(x, dict) and first in x and first not in spec.features:
            return {**x, first: for_graph(x[first], spec, first)}
        return x if isinstance(x, dict) and set(x) <= set(self.inputs) else for_graph(x, spec, first)

    def _check_values(self, name: str, x: Any, spec: InputSpec | None = None) -> None:
        """Refuse what a graph may not: unknown and negative tokens, too many steps, rounded numbers."""
        spec = spec or (None if self.card is None else self.card.input)
        if x is None or spec is None or not (spec.kind in ("tokens", "sequence") or spec.deviations):
            return
        try:
            check_precision(as_array(x), spec.deviations, spec.features)
            (check_tokens if spec.kind == "tokens" else check_steps)(as_array(x), spec)
        except InputError as error:
            raise InputError(located(name, error)) from error

    def _check_target(self, target: Any, source: Any) -> None:
        card = self._require_card("infer")
        size = card.output.shape[-1]
        known = size if isinstance(size, int) else None
        self._check_values("target", target, replace(card.input, vocabulary=None, num_tokens=known))
        rows, sources = (np.shape(each) for each in (target, source))
        if len(rows) == len(sources) == 2 and rows[0] != sources[0]:
            raise InputError(
                coded(
                    "E-INPUT-03",
                    "target: expected {sources} rows, one for each source of input, got {rows}.",
                    sources=sources[0],
                    rows=rows[0],
                )
            )

    def generate(
        self,
        prompt: object,
        length: int | None = None,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        seed: int | None = None,
        stop: Text | None = None,
        max_length: int | None = None,
        beams: int | None = None,
    ) -> Generated:
        """Continue a text, or write the target of a source.

            model.generate("长", length=24, temperature=0.8, seed=0)
            model.generate([[5, 7, 3], [8, 4]], max_length=10, beams=4)

        Args:
            prompt: How the text begins; for a model from sequence to sequence the tokens of one source, or
                of several.
            length, temperature, top_k, seed, stop: See
                `onnxnn_runtime.generation.options.GenerationOptions`.
            max_length, beams: See `onnxnn_runtime.generation.options.GenerationOptions`.

        Returns:
            The whole text, prompt included; a list of words where the prompt was one. For sequence to
            sequence a list of tokens for each source, without start and end.

        Raises:
            CardError: The model does not generate.
            InputError: An option is out of range or of the other kind of model, or the vocabulary lacks a
                token of the prompt.
        """
        from .generation import generate, options, seq2seq  # here, so that other models open without them

        asked = options.GenerationOptions(length, temperature, top_k, seed, stop, max_length, beams)
        card = self._require_card("generate")
        asked.check_for(self.translates)
        if self.translates:
            return seq2seq.translate(self._predict_next, card.input, prompt, asked)
        vocabulary = generate.check_generates(card, self.name)
        return generate.generate(self._engine.stepper(), vocabulary, prompt, asked)

    def sample(
        self,
        num: int | None = None,
        steps: int | None = None,
        sampler: str | None = None,
        seed: int | None = None,
        eta: float = 0.0,
        label: Any = None,
        guidance: float | None = None,
        *,
        noise: Any = None,
        start: Any = None,
        strength: float | None = None,
        mask: Any = None,
        return_all_timesteps: bool = False,
        callback: Callable[[int, np.ndarray], object] | None = None,
        progress: bool = False,
        batch_size: int = 64,
    ) -> np.ndarray:
        """Draw images with a diffusion model.

            model.sample(num=16, steps=20, seed=0)
            model.sample(label="7", guidance=2.0)
            model.sample(start="3.png", strength=0.5)

        A file that holds the whole loop takes its own steps, sampler and guidance alone, and begins with
        noise.

        Args:
            num, steps, sampler, seed, eta, label, guidance, noise, start, strength, mask: See
                `onnxnn_runtime.diffusion.options.SamplingOptions`.
            return_all_timesteps, callback, progress, batch_size: See
                `onnxnn_runtime.diffusion.options.SamplingOptions`.

        Returns:
            float32 (num, C, H, W) in 0..1; with `return_all_timesteps` (num, steps + 1, C, H, W).

        Raises:
            CardError: It is no diffusion model.
            InputError: An option is out of range, or does not match the model or the other options.
        """
        from .diffusion import sampling  # here and below, so that other models open without it

        options = sampling.SamplingOptions(
            num=num,
            steps=steps,
            sampler=sampler,
            seed=seed,
            eta=eta,
            label=label,
            guidance=guidance,
            noise=noise,
            start=start,
            strength=strength,
            mask=mask,
            return_all_timesteps=return_all_timesteps,
            callback=callback,
            progress=progress,
            batch_size=batch_size,
        )
        spec = sampling.check_draws(self._require_card("sample"), self.name, self.inputs)
        if spec.sampler is None:
            preprocess = self.input_spec.preprocess
            return sampling.sample_images(self._engine.denoiser(), spec, options, preprocess)
        sampling.check_baked(spec.sampler, self.name, options)
        return sampling.draw_with_graph(self._run_loop, spec, options)

    def interpolate(
        self,
        first: Any,
        second: Any,
        num: int = 9,
        strength: float = 0.6,
        seed: int | None = None,
        **options: Any,
    ) -> np.ndarray:
        """Draw images that lead from one image to another.

            model.interpolate("3.png", "8.png", num=9, seed=0)

        Args:
            first: An image: path, bytes, PIL image or array.
            second: Another one.
            num: How many images, both ends counted, at least 2.
            strength: How much of them is replaced (img2img strength), above 0 up to 1, where they no
                longer count.
            seed: 0 to 2**32 - 1; None: another one each time.
            options: Others of `onnxnn_runtime.diffusion.options.SamplingOptions`.

        Returns:
            float32 (num, C, H, W) in 0..1.

        Raises:
            CardError: It is no diffusion model.
            InputError: An option is out of range, or the file holds the whole loop.
        """
        from .diffusion import sampling

        spec = sampling.check_draws(self._require_card("sample"), self.name, self.inputs)
        if spec.sampler is not None:
            raise InputError(
                coded(
                    "E-INPUT-08",
                    "{name}: interpolate() expected the denoiser alone, got a file with the sampling loop "
                    "inside. Take the one that export() writes without sampler=.",
                    name=self.name,
                )
            )
        asked = sampling.SamplingOptions.between(num, strength, {"seed": seed, **options})
        preprocess = self.input_spec.preprocess
        return sampling.interpolate_images(self._engine.denoiser(), spec, first, second, asked, preprocess)

    def _run_loop(self, noise: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        feeds = {"noise": noise} if labels is None else {"noise": noise, "label": labels}
        return self._engine.run(feeds, [next(iter(self.outputs))])[0]

    def _predict_next(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        feeds = {"input": source, "target": target}
        return self._engine.run(feeds, [next(iter(self.outputs))])[0]

    def predict(
        self,
        inputs: Any,
        k: int = 1,
        errors: str = "raise",
        batch_size: int | None = None,
        progress: Progress | None = None,
        channel_order: str | None = None,
    ) -> Predictions:
        """Classify inputs, or compute their values.

        Args:
            inputs: Images as path, folder, bytes, PIL image or array; a CSV file, rows or an
                array; sequences; or a list of those (see `find_samples`).
            k: How many of the best classes stand in `Prediction.top`.
            errors: "raise" stops at a broken input; "skip" leaves it out, with a warning that names it, and
                lists it in `Predictions.skipped`.
            batch_size: Inputs that run together; None takes 2 images on a processor, else 32 inputs.
            progress: Called as progress(done, total or None) after each batch.
            channel_order: "rgb", or "bgr" where arrays of images hold blue first, as OpenCV reads them; None
                takes what the card says. Files, bytes and PIL images are RGB always.

        Returns:
            One `Prediction` per input, in order, none where all of them were left out; of a sequence whose
            steps are classified it holds lists.

        Raises:
            CardError: The file has no card, or its output is no class and no value.
            InputError: An input does not match the model, or is broken and `errors` is "raise".
        """
        card = self._require_card("predict")
        if card.output.kind not in ("classes", "binary", "values"):
            other = {"tokens": "generate()", "image": "sample()"}.get(card.output.kind, "embed()")
            raise CardError(
                coded(
                    "E-INPUT-08",
                    "{name}: predict() expected an output of classes or values, got one of the kind {kind}. "
                    "Use {other} or infer().",
                    name=self.name,
                    kind=repr(kind_name(card.output.kind)),
                    other=other,
                )
            )
        check_count("k", k)
        if card.output.kind != "values" and len(card.output.shape) > 3:
            raise CardError(
                coded(
                    "E-INPUT-08",
                    "{name}: predict() expected one class for a sample, got classes for each part of it "
                    "({shape}). Use infer().",
                    name=self.name,
                    shape=", ".join(map(str, card.output.shape)),
                )
            )
        result = Predictions()
        output = next(iter(self.outputs))
        check_progress(progress)
        for part, done, total in self._stream(inputs, output, errors, batch_size, channel_order):
            result.skipped.extend(part.skipped)
            for name, scores in zip(part.names, part.vectors):
                result.append(prediction(card, name, scores, k))
            if progress is not None:
                progress(done, total)
        warn_of(result.skipped)
        return result

    def embed(
        self,
        inputs: Any,
        normalize: bool = False,
        errors: str = "raise",
        batch_size: int | None = None,
        progress: Progress | None = None,
        channel_order: str | None = None,
    ) -> np.ndarray:
        """Turn inputs into vectors.

        Args:
            inputs: As for `predict`.
            normalize: Scale each vector to length 1.
            errors: "raise" stops at a broken input; "skip" leaves it out, with a warning that names
                it (`embed_named` returns the names instead).
            batch_size: Inputs that run together; None takes 2 images on a processor, else 32 inputs.
            progress: Called as progress(done, total or None) after each batch.
            channel_order: As for `predict`.

        Returns:
            float32 (N, D), in the order of the inputs; (0, D) where all of them were left out.

        Raises:
            CardError: The file has no card, or no output that is a vector.
            InputError: An input does not match the model, or is broken and `errors` is "raise".
        """
        result = self.embed_named(inputs, normalize, errors, batch_size, progress, channel_order)
        warn_of(result.skipped)
        return result.vectors

    def embed_named(
        self,
        inputs: Any,
        normalize: bool = False,
        errors: str = "raise",
        batch_size: int | None = None,
        progress: Progress | None = None,
        channel_order: str | None = None,
    ) -> Embeddings:
        """Like `embed`, and also return the name of each vector's input and what was left out.

        Args:
            inputs, normalize, errors, batch_size, progress, channel_order: See `onnxnn_runtime.Model.embed`.
        """
        vectors = np.zeros((0, self._vector_size()), np.float32)
        names: list[str] = []
        skipped: list[Skipped] = []
        check_progress(progress)
        for part, done, total in self._embed(inputs, normalize, errors, batch_size, channel_order):
            start = len(names)
            names.extend(part.names)
            skipped.extend(part.skipped)
            if len(names) > len(vectors):
                # Grown in place: a list of parts would hold everything twice when it is joined.
                size = max(len(names), len(vectors) + len(vectors) // 4)
                vectors.resize((size, part.vectors.shape[1]), refcheck=False)
            vectors[start : len(names)] = part.vectors
            if progress is not None:
                progress(done, total)
        vectors.resize((len(names), vectors.shape[1]), refcheck=False)
        return Embeddings(vectors, names, skipped)

    def embed_stream(
        self,
        inputs: Any,
        normalize: bool = False,
        errors: str = "raise",
        batch_size: int | None = None,
        progress: Progress | None = None,
        channel_order: str | None = None,
    ) -> Iterator[Embeddings]:
        """Like `embed_named`, but yield the vectors a few at a time, so that none need stay in memory.

        Args:
            inputs, normalize, errors, batch_size, progress, channel_order: See `onnxnn_runtime.Model.embed`.
        """
        check_progress(progress)
        return reported(self._embed(inputs, normalize, errors, batch_size, channel_order), progress)

    def _embed(
        self, inputs: Any, normalize: bool, errors: str, batch_size: int | None, channel_order: str | None
    ) -> Iterator[tuple[Embeddings, int, int | None]]:
        output = self._vector_output()
        for part, done, total in self._stream(inputs, output, errors, batch_size, channel_order):
            size = self._vector_size() if not part.names else -1
            vectors: np.ndarray = part.vectors.reshape(len(part.names), size).astype(np.float32, copy=False)
            if normalize:
                length = np.linalg.norm(vectors, axis=1, keepdims=True)
                vectors = vectors / np.where(length == 0, 1, length)
            yield Embeddings(vectors, part.names, part.skipped), done, total

    def _stream(
        self, inputs: Any, output: str, errors: str, batch_size: int | None, channel_order: str | None
    ) -> Iterator[tuple[Embeddings, int, int | None]]:
        """Yield the values of a few inputs at a time, how many are done, and of how many.

        The callers report progress: an exception of the user's function would not pass a generator as it is.
        """
        check_options(batch_size, errors)
        spec = in_channel_order(self._require_card("embed").input, channel_order)
        done = 0
        for total, names, values, skipped in self._engine.stream(inputs, spec, output, errors, batch_size):
            done += len(names) + len(skipped)
            yield Embeddings(values, names, skipped), done, total

    def _vector_output(self) -> str:
        card = self._require_card("embed")
        if "embedding" in self.outputs:
            return "embedding"
        if card.output.kind == "embedding":
            return next(iter(self.outputs))
        raise CardError(
            coded(
                "E-INPUT-08",
                "{name}: embed() expected an output 'embedding', got one of the kind {kind}. Export a "
                "network with a feature vector before its head, or train with nn('embed').",
                name=self.name,
                kind=repr(kind_name(card.output.kind)),
            )
        )

    def _vector_size(self) -> int:
        shape = self.outputs[self._vector_output()][1]
        return shape[-1] if shape and isinstance(shape[-1], int) else 0

    def _require_card(self, what: str) -> ModelCard:
        if self.card is None:
            raise CardError(
                coded(
                    "E-CARD-01",
                    "{name}: no onnxnn card in its metadata, which {what} needs. Export it with "
                    "`onnxnn export`, pass card=ModelCard(...), or use infer() on arrays.",
                    name=self.name,
                    what=what,
                )
            )
        return self.card

    @property
    def input_spec(self) -> InputSpec:
        """What the card says about the input.

        Raises:
            CardError: The file has no card.
        """
        return self._require_card("input_spec").input
