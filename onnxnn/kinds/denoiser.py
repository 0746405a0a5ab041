"""A diffusion model: a denoiser, which the sampling loop calls step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.diffusion.options import SamplingOptions
from onnxnn_runtime.diffusion.sampling import sample_images
from onnxnn_runtime.errors import InputError, TrainingError

from onnxnn.data import Data, Preparation
from onnxnn.definition.definition import Definition, Net
from onnxnn.export import sampling_loop
from onnxnn.export.example_script import ScriptBody, sampling_body
from onnxnn.export.verification import Parity, Trial
from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape
from onnxnn.inference.diffusion import predictor
from onnxnn.training import denoising
from onnxnn.training.callbacks import Callback
from onnxnn.training.learner import LossModule
from onnxnn.training.losses import Loss, official_name
from onnxnn.training.metrics import Metric
from onnxnn.training.sample_grid import SampleGrid

from .kind import Array, NetworkKind, in_mode_of, register


@register
class DiffusionNetwork(NetworkKind):
    """A network that predicts the noise in an image, or v, at a timestep; images are sampled with it."""

    ema = denoising.EMA
    runs_in_xedu = False
    samples_images = True
    takes_ending = False

    @classmethod
    def matches(cls, task: str, definition: Definition) -> bool:
        """Return whether the network is a diffusion model."""
        return any(entry.layer.diffusion for entry in definition.entries)

    @property
    def classifies(self) -> bool:
        """False: classes are what it is conditioned on."""
        return False

    @property
    def default_metrics(self) -> str | Sequence[str]:
        """None: its loss and its images say how well it has learned."""
        return ()

    def check_data(self, data: Data) -> None:
        """Refuse data that is no images, or of other classes; see `onnxnn.training.denoising.check_data`."""
        denoising.check_data(data, self.definition.net)

    def loss_and_metrics(
        self, net: Net, num_classes: int, loss: str | None, names: Sequence[str]
    ) -> tuple[Loss, list[Metric]]:
        """Return the loss of a prediction; there are no metrics."""
        if names:
            raise TrainingError.coded(
                "E-TRAIN-04",
                "metrics={metrics}: a diffusion model is judged by its loss and its images. Leave "
                "metrics out, or write metrics=[].",
                metrics=list(names),
            )
        return denoising.make_loss(None if loss is None else official_name(loss)), []

    def learner(self, net: Net, loss: Loss) -> LossModule:
        """Return a module that adds noise and learns what it was."""
        return in_mode_of(net, denoising.Denoising(net, loss))

    def callbacks(self, folder: Path, data: Data, every: int | None, verbose: int) -> list[Callback]:
        """Return what samples images while it trains."""
        return [SampleGrid(folder, data.classes, every, verbose)]

    @property
    def image_size(self) -> int | None:
        """The height and width of the images that it samples."""
        shape = self.definition.input_shape
        return None if shape is None else shape["height"]

    def check_takes_data(self, call: str) -> None:
        """Refuse a call with data."""
        raise InputError.coded(
            "E-INPUT-08",
            "{call}: expected a network that takes data, got a diffusion model, which samples images "
            "from noise. Use sample(num=16) or inference(num=16).",
            call=call,
        )

    @property
    def card_task(self) -> str:
        """ "gen", whatever task was chosen."""
        return "gen"

    def input_spec(self, known: Preparation | None) -> InputSpec:
        """Return what goes in: images, resized to its size where no data says how they are prepared."""
        spec = super().input_spec(known)
        if known is not None:
            return spec
        channels, height, width = self._image_shape
        color = "grayscale" if channels == 1 else "RGB"
        return replace(spec, kind="image", preprocess=Preprocess(color, (("resize", height, width),)))

    def output_kind(self, num_classes: int) -> str:
        """Return "image"."""
        return "image"

    def diffusion_spec(self, known: Preparation | None) -> DiffusionSpec | None:
        """Return the noise schedule, the images' shape, and the classes that it is conditioned on."""
        layer: Any = self.definition.placed()[0].layer  # a `DiffusionModel`
        number = layer.num_classes
        classes, counts = ((), ()) if known is None else (known.classes, known.class_counts)
        names = classes if len(classes) == number else tuple(map(str, range(number)))
        has_counts = bool(number) and len(counts) == number
        return DiffusionSpec(
            layer.noise_schedule(), self._image_shape, names, class_counts=counts if has_counts else ()
        )

    @property
    def _image_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.definition.placed()[0].in_shape.sizes
        return present(channels), present(height), present(width)

    def check_export(self, card: ModelCard, opset: int, in_graph: bool) -> None:
        """Refuse old opsets, and preprocessing in a graph that takes noise."""
        sampling_loop.check(opset, in_graph)

    def value_names(self, card: ModelCard) -> tuple[str, str]:
        """Return the names of the denoiser's values, or of the whole loop's."""
        is_loop = card.diffusion is not None and card.diffusion.sampler is not None
        return ("noise", "images") if is_loop else ("x", "output")

    def emit(
        self, graph: GraphBuilder, x: Value, net: Net, card: ModelCard, free: Shape
    ) -> tuple[Value, Value | None]:
        """Write the denoiser, x and t to its prediction; or, where the card has a sampler, the whole loop."""
        if card.diffusion is None or card.diffusion.sampler is None:
            return super().emit(graph, x, net, card, free)
        return sampling_loop.emit(graph, self.definition, net, card.diffusion, x), None

    def script_body(self, model: Path, card: ModelCard, example: Array | None) -> ScriptBody:
        """Return what samples images."""
        return sampling_body(card)

    def compared(self, parity: Parity, trial: Trial) -> Parity:
        """Join the difference for the same noise: in predictions, or in what the whole loop samples."""
        spec, net, device = present(trial.card.diffusion), trial.net, trial.net.device
        generator = np.random.default_rng(trial.batch)
        noise = generator.standard_normal((trial.batch, *spec.shape), dtype=np.float32)
        label = generator.integers(0, len(spec.classes), trial.batch) if spec.classes else None
        feeds = {} if label is None else {"label": label}
        loop = spec.sampler
        if loop is not None:
            guidance = None if label is None else loop.guidance
            options = SamplingOptions(
                steps=loop.steps, sampler=loop.name, noise=noise, label=label, guidance=guidance
            )
            wanted = sample_images(predictor(net, device), spec, options)
            return parity.joined(trial.model.infer({"noise": noise, **feeds})["images"], wanted, noise.shape)
        t = generator.integers(0, spec.schedule.timesteps, trial.batch)
        given = [torch.from_numpy(array).to(device) for array in (noise, t, *feeds.values())]
        with torch.inference_mode():
            y = net[0](*given)
        found = trial.model.infer({"x": noise, "t": t, **feeds})["output"]
        return parity.joined(found, y.cpu().numpy(), noise.shape)
