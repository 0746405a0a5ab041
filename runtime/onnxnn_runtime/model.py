"""A model file, ready to run: `Model`, which `load` opens."""

from __future__ import annotations

from contextlib import closing
from itertools import repeat
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, Tuple, overload

import numpy as np

from .api.calls import checked_class
from .api.options import takes, takes_by_name, takes_late
from .arrays.numbers import check_integer
from .card.card import ModelCard
from .embedding import Parts, joined, parts_of, reported, vector_output, vector_size, vectors_of
from .explaining import Explaining
from .importance import feature_importance
from .inputs.folders import warn_of
from .inputs.options import ReadOptions, StreamOptions
from .inputs.whole import by_name, check_target, check_values, only_input
from .messages.suggestions import MODEL_ATTRIBUTES, MODEL_OPTIONS
from .opening import Opening
from .results import Embeddings, Predictions, check_predicts, prediction

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .diffusion.options import SamplingOptions
    from .generation.options import Generated, GenerationOptions
    from .generation.seq2seq import Follow
    from .inputs.options import Reading, Streaming
    from .report.result import ModelReport
    from .session.engine import Engine
    from .session.onnxfile import FileFacts
    from .streaming import FrameResult

    _generates, _samples = takes(GenerationOptions, by_place=6), takes(SamplingOptions, by_place=7)
else:  # most models do neither
    _generates = takes_late("onnxnn_runtime.generation.options", "GenerationOptions", by_place=6)
    _samples = takes_late("onnxnn_runtime.diffusion.options", "SamplingOptions", by_place=7)


_Opening = Tuple[Callable[[Opening], "Model"], Opening]
"""What opens the model again, and how it was opened."""


@checked_class(MODEL_ATTRIBUTES, MODEL_OPTIONS)
class Model(Explaining):
    """A model that `load` opened.

    It can be pickled, copied and sent to other processes, where it is opened again from its path or bytes.

    Attributes:
        name: The file's path.
        card: What the file says about itself, or None.
        facts: Versions and metadata of the ONNX file.
    """

    def __init__(
        self, name: str, facts: FileFacts, card: ModelCard | None, engine: Engine, opening: _Opening
    ) -> None:
        super().__init__(name, facts, card, engine)
        self._opening = opening

    def __reduce__(self) -> tuple[Callable[[Opening], Model], tuple[Opening]]:
        reopen, opening = self._opening
        return reopen, (opening,)

    @overload
    def infer(self, x: Mapping[str, object]) -> dict[str, np.ndarray]: ...  # type: ignore[overload-overlap]

    @overload
    def infer(self, x: object) -> np.ndarray: ...

    def infer(self, x: object) -> np.ndarray | dict[str, np.ndarray]:
        """Run the graph on arrays as they are.

        Args:
            x: The array of the only input, batch axis first; or a dict with an array per input; for a network
                that knows its columns by name also a DataFrame or another table with names. States
                of a network that generates begin with zeros where they are not given; the dict that comes
                back holds what they have become.

        Returns:
            The first output; or, for a dict, a dict of all outputs. Sequences and maps of classical
            models come as lists and dicts, which the types leave out.

        Raises:
            InputError: A name, shape or type does not match the graph, or a number is NaN or infinite; or the
                outputs are not what the card promises.
        """
        arrays = self._engine.arrays
        spec = None if self.card is None else self.card.input
        x = by_name(x, spec, arrays, self.inputs)
        if isinstance(x, dict):
            if arrays and arrays[0] in x:
                check_values(arrays[0], x[arrays[0]], spec)
            if self.card is not None and self.kind.takes_target and {"input", "target"} <= set(x):
                check_target(x["target"], x["input"], self.card)
            return dict(zip(self.outputs, self._engine.run(x, list(self.outputs))))
        name = only_input(self.name, arrays)
        check_values(name, x, spec)
        return self._engine.run_first({name: x})

    @_generates
    def generate(self, options: GenerationOptions) -> Generated:
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
        from .generation import generate, seq2seq  # here, so that other models open without them

        card = self._require_card("generate")
        translates = self.kind.does == "translate"
        options.check_for(translates)
        if translates:
            return seq2seq.translate(self._engine.translator(), card.input, options)
        vocabulary = generate.check_generates(card, self.name)
        return generate.generate(self._engine.stepper(), vocabulary, options)

    def decoder(self, source: object) -> Follow:
        """Return what `generate` runs from sequence to sequence, for a search of one's own.

            follow = model.decoder([[5, 7, 3]])
            p = follow(np.array([[1]]), None)                # how likely each token comes first
            p = follow(np.array([[1, 3]]), None)             # and after a 3

        Args:
            source: The tokens of one source, or of several.

        Returns:
            (targets so far int64 (M, T), rows int64 (M,) or None) -> float32 (M, vocabulary): how likely each
            token comes next. The first call takes the start, 1, for each source. Each other call's targets
            are one token longer than the last call's, and `rows` says which of those each of them continues;
            None: the one in its own row. It raises an InputError for what does not.

        Raises:
            CardError: The model is not from sequence to sequence.
            InputError: A source does not match the model.
        """
        from .generation.own_search import checked
        from .generation.seq2seq import check_translates, read_sources

        card = self._require_card("generate")
        check_translates(card, self.kind, self.name)
        sources = read_sources(source, card.input)[0]
        return checked(self._engine.translator()(sources), card, len(sources))

    @_samples
    def sample(self, options: SamplingOptions) -> np.ndarray:
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

        spec = sampling.check_draws(self._require_card("sample"), self.name, self.inputs)
        if spec.sampler is not None:
            sampling.check_baked(spec.sampler, self.name, options)
            return sampling.draw_with_graph(self._engine.loop(), spec, options)
        preprocess = self.input_spec.preprocess
        return sampling.sample_images(self._engine.denoiser(), spec, options, preprocess)

    def interpolate(
        self,
        first: object,
        second: object,
        num: int = 9,
        strength: float = 0.6,
        seed: int | None = None,
        **options: object,
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
        sampling.check_interpolates(spec, self.name)
        asked = sampling.SamplingOptions.between(num, strength, {"seed": seed, **options})
        preprocess = self.input_spec.preprocess
        return sampling.interpolate_images(self._engine.denoiser(), spec, first, second, asked, preprocess)

    @takes_by_name(ReadOptions)
    def predict(
        self, inputs: object, k: int = 1, *, unknown: bool = False, **options: Unpack[Reading]
    ) -> Predictions:
        """Classify inputs, or compute their values.

        Args:
            inputs: Images as path, folder, bytes, PIL image or array; a CSV file, rows or an
                array; sequences; or a list of those (see `find_samples`).
            k: How many of the best classes stand in `Prediction.top`.
            unknown: Whether an input that is like none of the training has the label "unknown". The file says
                by what: it was exported with `unknown=True`.
            errors: "raise" stops at a broken input; "skip" leaves it out, with a warning that names it, and
                lists it in `Predictions.skipped`.
            batch_size, progress, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.

        Returns:
            One `Prediction` per input, in order, none where all of them were left out; of a sequence whose
            steps are classified it holds lists.

        Raises:
            CardError: The file has no card, or its output is no class and no value; or `unknown` is asked of
                a file without reference vectors.
            InputError: An input does not match the model, or is broken and `errors` is "raise".
        """
        asked = ReadOptions(**options)
        card = self._require_card("predict")
        check_predicts(card, self.name)
        check_integer("k", k)
        result = Predictions()
        references = self.references if unknown else None
        outputs = [next(iter(self.outputs)), *([] if references is None else [self._vector_output()])]
        with closing(parts_of(self._engine, card.input, inputs, outputs, asked)) as parts:
            for part, done, total in parts:
                result.skipped.extend(part.skipped)
                distances = repeat(None) if references is None else references.distances(part.values[1])
                for name, scores, distance in zip(part.names, part.values[0], distances):
                    result.append(prediction(card, name, scores, k, distance))
                asked.report(done, total)
        warn_of(result.skipped)
        return result

    @takes_by_name(ReadOptions)
    def embed(self, inputs: object, normalize: bool = False, **options: Unpack[Reading]) -> np.ndarray:
        """Turn inputs into vectors.

        Args:
            inputs: As for `predict`.
            normalize: Scale each vector to length 1.
            errors: "raise" stops at a broken input; "skip" leaves it out, with a warning that names
                it (`embed_named` returns the names instead).
            batch_size, progress, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.

        Returns:
            float32 (N, D), in the order of the inputs; (0, D) where all of them were left out.

        Raises:
            CardError: The file has no card, or no output that is a vector.
            InputError: An input does not match the model, or is broken and `errors` is "raise".
        """
        result = self._embed_all(inputs, normalize, ReadOptions(**options))
        warn_of(result.skipped)
        return result.vectors

    @takes_by_name(ReadOptions)
    def embed_named(self, inputs: object, normalize: bool = False, **options: Unpack[Reading]) -> Embeddings:
        """Like `embed`, and also return the name of each vector's input and what was left out.

        Args:
            inputs, normalize, errors, batch_size, progress, channel_order: See `onnxnn_runtime.Model.embed`.
        """
        return self._embed_all(inputs, normalize, ReadOptions(**options))

    @takes_by_name(ReadOptions)
    def embed_stream(
        self, inputs: object, normalize: bool = False, **options: Unpack[Reading]
    ) -> Iterator[Embeddings]:
        """Like `embed_named`, but yield the vectors a few at a time, so that none need stay in memory.

        Args:
            inputs, normalize, errors, batch_size, progress, channel_order: See `onnxnn_runtime.Model.embed`.
        """
        asked = ReadOptions(**options)
        return reported(self._embed(inputs, normalize, asked), asked)

    @takes_by_name(ReadOptions)
    def report(
        self,
        data: object,
        labels: object = None,
        train: object = None,
        strangers: object = None,
        lang: str | None = None,
        **options: Unpack[Reading],
    ) -> ModelReport:
        """Say what the model gets right and wrong on samples whose labels are known.

            report = model.report("pets/test", train="pets/train")
            report["accuracy"], report["confusion"]
            report.save("report.html")                       # also .json, and .png for the confusion matrix

        Args:
            data: A folder whose subfolders are the classes, a CSV file with its label column, a `.npz` file
                with the arrays `data` and `label`, or inputs as for `predict`, with `labels`. For a model
                that continues texts: texts, tokens, or a `.txt` file with a text in each line.
            labels: The label of each sample; None takes those of `data`.
            train: What the model learned from, in any of these forms, to find images and rows that stand on
                both sides.
            strangers: Images or rows of other classes, for a file that was exported with `unknown=True`: how
                well it notices them.
            lang: "en" or "zh" for the page; None takes the language of messages.
            errors, batch_size, progress, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.

        Raises:
            CardError: The file has no card, or does none of that.
            DataError: There are no labels, or they do not match the model.
            InputError: An input does not match the model, or is broken and `errors` is "raise".
        """
        from .report.making import Asked, report_on  # here, so that models open without it

        asked = Asked(data, labels, train, strangers, lang, ReadOptions(**options))
        return report_on(self._engine, self.name, self._require_card("report"), self.kind, asked)

    feature_importance = feature_importance

    @takes_by_name(StreamOptions)
    def stream(self, frames: Iterable[object], **options: Unpack[Streaming]) -> Iterator[FrameResult]:
        """Predict or embed the frames of a camera, the newest one each time, for as long as it runs.

            for found in model.stream(frames_of(camera), channel_order="bgr"):
                print(found.index, found.prediction.label, found.dropped)

        A thread takes the frames; what the camera raises is raised in the loop. Leaving the loop, or
        `close()` of what is returned, ends the thread with the next frame, and closes a generator of
        frames, which can release its camera in a `finally`. Where frames are dropped, arrays are copied as
        they come, so that a camera may fill one array with every frame.

        Args:
            frames: Yields one frame after the other: arrays, PIL images, bytes of a file, or other inputs.
            drop, k, normalize, call: See `onnxnn_runtime.inputs.options.StreamOptions`.
            errors, channel_order, unknown: See `onnxnn_runtime.inputs.options.StreamOptions`.

        Returns:
            Yields a `FrameResult` for each frame that was not dropped.

        Raises:
            CardError: The file has no card, or it neither predicts nor embeds.
            InputError: An option is wrong, or a frame is broken and `errors` is "raise".
        """
        from .streaming import stream  # here, so that models without a camera open without it

        asked = StreamOptions(**options)
        return stream(self._engine, self.name, self._require_card("stream"), frames, asked)

    def _embed_all(self, inputs: object, normalize: bool, options: ReadOptions) -> Embeddings:
        parts = self._embed(inputs, normalize, options)
        return joined(parts, vector_size(self._engine, self._vector_output()), options)

    def _embed(self, inputs: object, normalize: bool, options: ReadOptions) -> Parts:
        spec = self._require_card("embed").input
        return vectors_of(self._engine, spec, inputs, self._vector_output(), normalize, options)

    def _vector_output(self) -> str:
        return vector_output(self._require_card("embed"), self.outputs, self.name)
