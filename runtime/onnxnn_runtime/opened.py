"""What is known of a model that is open: its name, card and graph, and where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .card.card import Axis, InputSpec, ModelCard
from .card.words import kind_name
from .messages.catalogue import gettext
from .opening import require_card

if TYPE_CHECKING:
    from .card.kind import ModelKind
    from .session.engine import Engine
    from .session.onnxfile import FileFacts
    from .unknown import References


class Opened:
    """The facts of a `Model`, which can be run as well.

    Args:
        name: The file's path.
        facts: Versions and metadata of the ONNX file.
        card: What the file says about itself, or None.
        engine: Runs the graph.
    """

    def __init__(self, name: str, facts: FileFacts, card: ModelCard | None, engine: Engine) -> None:
        self.name = name
        self.facts = facts
        self.card = card
        self._engine = engine
        self._references: References | None = None

    @property
    def device(self) -> str:
        """Where the model really runs, as `load` takes it: "cpu", "cuda:0", "openvino", ..."""
        return self._engine.device

    @property
    def operators(self) -> dict[str, int]:
        """How many operators each device runs, such as {"cuda": 118, "cpu": 4}.

        Some run on the processor, because the device lacks them or they only compute sizes. {} on the
        processor, with OpenVINO, which runs all on its device or refuses the model, and with ONNX Runtime
        before 1.24, which does not say.
        """
        return dict(self._engine.operators)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the graph and its weights, 64 hexadecimal digits; the card does not count.

        Vectors belong together where this is the same.
        """
        from .session.fingerprint import fingerprint  # here, because few ask

        return fingerprint(self.content)

    @property
    def content(self) -> bytes:
        """The whole file, as it was opened.

        Raises:
            InputError: The file was replaced after it was opened.
        """
        return self._engine.content()

    @property
    def inputs(self) -> dict[str, tuple[str, tuple[Axis, ...]]]:
        """Each graph input's type and shape, e.g. {"input": ("float32", ("batch", 3, 224, 224))}."""
        return self._engine.inputs

    @property
    def outputs(self) -> dict[str, tuple[str, tuple[Axis, ...]]]:
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
    def kind(self) -> ModelKind:
        """What the model does: `kind.does` says whether it classifies, embeds, generates or samples."""
        from .card.kind import ModelKind  # here, so that the package is imported faster

        return ModelKind(self.card, self.inputs, self.outputs)

    @property
    def input_spec(self) -> InputSpec:
        """What the card says about the input.

        Raises:
            CardError: The file has no card.
        """
        return self._require_card("input_spec").input

    @property
    def references(self) -> References:
        """The reference vectors by which the model detects unknown inputs, see `onnxnn_runtime.unknown`.

        Raises:
            CardError: It has none.
        """
        if self._references is None:
            from .unknown import references_of  # here, because few models have any

            self._references = references_of(self.card, self.name)
        return self._references

    def _require_card(self, what: str) -> ModelCard:
        return require_card(self.card, self.name, what)
