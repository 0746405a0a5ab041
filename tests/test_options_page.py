"""Every public option is described in its docstring, and every option and name stands in docs/options.md."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

import onnxnn_runtime as rt
from onnxnn_runtime.diffusion.sampler import SAMPLERS
from support.public_calls import public_calls

import onnxnn
from onnxnn.data import transforms
from onnxnn.layers import registry
from onnxnn.layers.registry import option_names
from onnxnn.training.callbacks import Callback
from onnxnn.training.device import PRECISIONS
from onnxnn.training.losses import LOSSES
from onnxnn.training.lr_schedules import SCHEDULES
from onnxnn.training.metrics import METRICS
from onnxnn.training.optimizers import OPTIMIZERS

pytestmark = pytest.mark.needs_torch

PAGE = (Path(__file__).parent.parent / "docs" / "options.md").read_text(encoding="utf-8")
CALLS = {**public_calls(onnxnn), **public_calls(rt)}
MADE_BY_LOAD = "onnxnn_runtime.Model"
ON_THE_PAGE = {
    name: options
    for name, (_, options) in CALLS.items()
    if name.startswith(("onnxnn.Network.", "onnxnn_runtime.Model."))
    or name in ("onnxnn.pth_info", "onnxnn_runtime.load")
}


def described(call):
    """Return the options that stand under "Args:" of a docstring."""
    part = re.search(r"^Args:\n((?:    .*\n?|\n)+)", inspect.cleandoc(call.__doc__ or ""), re.MULTILINE)
    heads = re.findall(r"^    ([\w*, ]+):", part.group(1), re.MULTILINE) if part else []
    return {name.strip() for head in heads for name in head.split(",")}


def section(title):
    """Return what stands under a heading of the page."""
    part = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert part, title
    return part.group(1)


@pytest.mark.parametrize("name", [name for name in CALLS if name != MADE_BY_LOAD])
def test_every_option_stands_in_the_docstring(name):
    call, options = CALLS[name]
    assert set(options) <= described(call)


@pytest.mark.parametrize("name", ON_THE_PAGE)
def test_every_option_stands_on_the_page(name):
    call = name.rpartition(".")[2]
    of_model = name.startswith("onnxnn_runtime.Model.")
    title = f"model.{call}() of onnxnn_runtime" if of_model else f"{call}()"
    title = "load() of onnxnn_runtime" if name == "onnxnn_runtime.load" else title
    text = section(title) if ON_THE_PAGE[name] else ""
    for option in ON_THE_PAGE[name]:
        described_as = re.search(rf"^\| `{option}` \| .* \| (.*) \|$", text, re.MULTILINE)
        assert described_as, f"{option}: run python scripts/write-options.py"
        assert len(described_as.group(1)) > 5, option


@pytest.mark.parametrize(
    "known",
    [transforms._KNOWN, transforms._NO_EFFECT, SAMPLERS, PRECISIONS,
     [*LOSSES, *LOSSES.spellings], METRICS.spellings, OPTIMIZERS, SCHEDULES,
     [kind for kind, cls in registry.items() if cls.named]],
    ids=["transforms", "transforms without effect", "samplers", "precisions", "losses", "metrics",
         "optimizers", "schedules", "layers"],
)  # fmt: skip
def test_every_name_stands_on_the_page(known):
    assert [name for name in known if f"`{name}`" not in PAGE] == []


def test_every_option_of_a_layer_stands_on_the_page():
    layers = section("Layers")
    for kind, cls in registry.items():
        line = re.search(rf"^\| `{kind}` \| (.*?) \|", layers, re.MULTILINE)
        if line:
            assert [option for option in option_names(kind) if f"`{option}`" not in line.group(1)] == []
        assert line or not cls.named or cls.__module__.endswith("activation")


def test_what_a_callback_may_do_is_described():
    hooks = [name for name in vars(Callback) if name.startswith("on_")]
    assert hooks
    assert all(getattr(Callback, name).__doc__ for name in hooks)
    assert "onnxnn.Callback" in section("train()")
