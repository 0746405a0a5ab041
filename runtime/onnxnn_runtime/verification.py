"""Is a model file whole, and does it compute what it should? See `verify`.

The command `onnxnn verify` prints what is found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, NamedTuple, Tuple

import numpy as np

from onnxnn_runtime.messages.shapes import shape_text

from .api.calls import checked, checked_class
from .card.card import ModelCard
from .card.diffusion import DiffusionSpec
from .card.kind import ModelKind
from .card.words import kind_name
from .defaults import TOLERANCE
from .errors import InputError, OnnxnnError
from .made_up import made_up_inputs
from .messages.catalogue import gettext, ngettext
from .messages.shorten import printable, shortened
from .model import Model

_STEPS_TRIED = 8
"""Tokens of a target that a check follows one by one."""


class Check(NamedTuple):
    """What was checked, whether it holds, and the figures or the reason.

    The name is the same in every language, as programs need it; a report prints it in that of the user.
    """

    name: str
    passed: bool
    detail: str


@checked_class()
@dataclass(frozen=True)
class VerificationReport:
    """What `verify` found; it prints as one line for each check.

    Args:
        checks: Everything that was checked, in order.

    Raises:
        InputError: They are no checks.
    """

    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.checks, (tuple, list)) or not all(
            isinstance(each, Check) and isinstance(each.name, str) for each in self.checks
        ):
            raise InputError.coded(
                "E-CALL-03",
                "VerificationReport(checks={checks}): expected the checks of verify(model), a tuple of "
                "Check(name, passed, detail).",
                checks=shortened(self.checks),
            )
        object.__setattr__(self, "checks", tuple(self.checks))

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(each.passed for each in self.checks)

    @property
    def runs(self) -> bool:
        """Whether the model ran at all."""
        return all(each.passed for each in self.checks if each.name == "runs")

    def __str__(self) -> str:
        return "\n".join(
            gettext("ok    {name}: {detail}", name=_title(each.name), detail=each.detail)
            if each.passed
            else gettext("FAIL  {name}: {detail}", name=_title(each.name), detail=each.detail)
            for each in self.checks
        )


def _title(name: str) -> str:
    """Return the name of a check in the language of the user."""
    titles = {
        "opens": gettext("opens"),
        "runs": gettext("runs"),
        "card": gettext("card"),
        "card names the classes": gettext("card names the classes"),
        "card describes the embedding": gettext("card describes the embedding"),
        "draws images": gettext("draws images"),
        "equals torch": gettext("equals torch"),
    }
    of_outputs = {
        _COMPUTED: gettext("{output} is computed", output=name[: -len(_COMPUTED)]),
        _FINITE: gettext("{output} is finite", output=name[: -len(_FINITE)]),
        _STEPS: gettext("{output} is the same token by token", output=name[: -len(_STEPS)]),
        _SAME: gettext("{output} is the same alone and in a batch", output=name[: -len(_SAME)]),
    }
    return titles.get(name) or next((of_outputs[end] for end in of_outputs if name.endswith(end)), name)


_COMPUTED, _FINITE, _SAME = " is computed", " is finite", " is the same alone and in a batch"
_STEPS = " is the same token by token"
"""How the names of the checks of an output end."""


@checked
def verify(model: Model) -> VerificationReport:
    """Run a model on made-up inputs, alone and in a batch, and compare what it returns with its card.

    Args:
        model: What `load` returned.

    Returns:
        A report; a check that does not hold raises nothing.

    Raises:
        InputError: It is no model.
    """
    if not isinstance(model, Model):
        raise InputError.coded(
            "E-CALL-03",
            "verify({model}): expected what load() returned. Write load(path).",
            model=shortened(model, 40),
        )
    return VerificationReport(tuple(Check(*each) for each in _checks(model)))


_Found = Tuple[str, bool, str]
"""A check before it is named."""


def _checks(model: Model) -> list[_Found]:
    checks: list[_Found] = [("opens", True, repr(model))]
    try:
        single, double = made_up_inputs(model, 1), made_up_inputs(model, 2)
        alone, outputs = model.infer(single), model.infer(double)
    except OnnxnnError as error:
        return [*checks, ("runs", False, error.text)]
    for name, both in outputs.items():
        checks += _check_output(model, name, alone[name], both)
    if model.card is None:
        checks.append(("card", False, gettext("the file has none; predict and embed will refuse it")))
        return checks
    if model.kind.does == "translate":
        checks.append(_check_steps(model, double, outputs))
    checks += _check_card(model.card, model.kind, outputs)
    if model.kind.sampling is not None:
        checks.append(_check_images(model, model.kind.sampling))
    return checks


def _check_output(model: Model, name: str, alone: np.ndarray, both: np.ndarray) -> list[_Found]:
    """Check one output: its numbers are finite, and the first sample has the same alone and in a batch."""
    shown = printable(name, 60)
    if not isinstance(both, np.ndarray) or both.dtype.kind not in "biuf":
        if isinstance(both, np.ndarray):
            detail = gettext("an array of {type}, which predict and embed do not read", type=both.dtype)
        else:
            detail = gettext("{type}, which predict and embed do not read", type=type(both).__name__)
        return [(shown + _COMPUTED, True, detail)]
    finite = bool(np.isfinite(both).all())
    checks: list[_Found] = [(shown + _FINITE, finite, gettext("shape {shape}", shape=shape_text(both.shape)))]
    shape = model.outputs[name][1]
    axis = shape.index("batch") if "batch" in shape else 0
    if not both.ndim or both.shape == alone.shape or not finite:
        return checks  # nothing in it belongs to one sample, or the batch is fixed
    first = np.take(both, [0], axis).astype(float)
    if first.shape != alone.shape:
        detail = gettext(
            "shape {alone} alone, {both} for two samples",
            alone=shape_text(alone.shape),
            both=shape_text(both.shape),
        )
        return [*checks, (shown + _SAME, False, detail)]
    off = float(np.max(np.abs(first - alone))) if first.size else 0.0
    detail = gettext("largest difference {difference:.2g}", difference=off)
    return [*checks, (shown + _SAME, off <= TOLERANCE, detail)]


def _check_steps(model: Model, feeds: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> _Found:
    """Check that a network from sequence to sequence computes the same token by token as all at once."""
    name, wanted = next(iter(outputs.items()))
    target, off = feeds["target"], 0.0
    shown = printable(name, 60) + _STEPS
    try:
        follow, rows = model.decoder(feeds["input"]), np.arange(len(target))
        for step in range(min(target.shape[1], _STEPS_TRIED)):
            if step == 1:
                rows = rows[::-1]  # as beams change their places
            found = follow(target[rows, : step + 1], rows if step == 1 else None)
            off = max(off, float(np.max(np.abs(found - wanted[rows, step]))))
    except OnnxnnError as error:
        return shown, False, error.text
    detail = gettext("largest difference {difference:.2g}", difference=off)
    return shown, off <= TOLERANCE, detail


def _check_card(card: ModelCard, kind: ModelKind, outputs: Mapping[str, np.ndarray]) -> list[_Found]:
    first = next(iter(outputs.values()))
    checks = []
    if card.output.kind == "classes" and card.output.classes:
        num = len(card.output.classes)
        detail = gettext(
            "{names}, {scores}",
            names=ngettext("{count} name", "{count} names", num),
            scores=ngettext("{count} score", "{count} scores", first.shape[-1]),
        )
        checks.append(("card names the classes", first.shape[-1] >= num, detail))
    if card.output.embedding:
        there = kind.vector is not None and outputs[kind.vector].shape[-1] == card.output.embedding
        detail = ngettext("{count} number", "{count} numbers", card.output.embedding)
        checks.append(("card describes the embedding", there, detail))
    detail = gettext(
        "{input} to {output}", input=kind_name(card.input.kind), output=kind_name(card.output.kind)
    )
    return checks or [("card", True, detail)]


def _check_images(model: Model, diffusion: DiffusionSpec) -> _Found:
    """Sample two images, from the file of a denoiser in at most two steps."""
    steps = min(2, diffusion.schedule.timesteps) if diffusion.sampler is None else None
    try:
        drawn = model.sample(2, steps=steps, seed=0)
    except OnnxnnError as error:
        return "draws images", False, error.text
    wanted = (2, *diffusion.shape)
    is_right = drawn.shape == wanted and bool((drawn >= 0).all() and (drawn <= 1).all())
    detail = gettext(
        "shape {shape}, {low:.2g} to {high:.2g}",
        shape=shape_text(drawn.shape),
        low=drawn.min(),
        high=drawn.max(),
    )
    return "draws images", is_right, detail
