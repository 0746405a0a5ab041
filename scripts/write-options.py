"""Write docs/options.md: every option of every public call, as the docstrings describe it.

python scripts/write-options.py
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnxnn_runtime as rt
from onnxnn_runtime.diffusion.sampler import SAMPLERS
from onnxnn_runtime.similarity import _METHODS

import onnxnn
from onnxnn.data import transforms
from onnxnn.layers import registry
from onnxnn.layers.activation import Activation
from onnxnn.layers.registry import option_names
from onnxnn.training.device import PRECISIONS
from onnxnn.training.losses import LOSSES
from onnxnn.training.lr_schedules import SCHEDULES
from onnxnn.training.metrics import METRICS
from onnxnn.training.optimizers import OPTIMIZERS

PAGE = Path(__file__).parent.parent / "docs" / "options.md"
CALLS = {
    "Making a network": (onnxnn.Network, "Network.add", "Network.unfreeze"),
    "Loading data": ("load_img_data", "load_tab_data", "load_npz_data", "load_dataset"),
    "Training": ("train", "evaluate", "cross_validate", "set_seed", "plot_history"),
    "Using a network": ("inference", "print_result", "report", "feature_importance", "generate",
                        "extract_feature", "heatmap", "visual_feature", "visual_filters", "load_weights"),
    "Diffusion models": ("sample", "interpolate", "noisy", "show"),
    "Files": ("save", "load", "convert", "export", onnxnn.pth_info),
    "Running a file with onnxnn_runtime": (
        rt.load, rt.Model.predict, rt.Model.report, rt.Model.feature_importance, rt.Model.infer,
        rt.Model.embed, rt.Model.embed_named, rt.Model.heatmap, rt.Model.heatmaps,
        rt.Model.embed_stream, rt.Model.stream, rt.Model.generate, rt.Model.decoder, rt.Model.sample,
        rt.Model.interpolate, rt.get_similarity, rt.benchmark, rt.Preprocess,
    ),
}  # fmt: skip


def descriptions(thing: object) -> dict[str, str]:
    """Return what the docstring of a function or class says about each option."""
    text = inspect.cleandoc(thing.__doc__ or "")
    found: dict[str, str] = {}
    part = re.search(r"^Args:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    names: list[str] = []
    for line in part.group(1).splitlines() if part else ():
        head = re.match(r"^    ([\w*][\w*, ]*):(?: (.*))?$", line)
        if head:
            names = [name.strip() for name in head.group(1).split(",")]
            found.update(dict.fromkeys(names, head.group(2) or ""))
        else:
            found.update({name: f"{found[name]} {line.strip()}".strip() for name in names})
    return {name: resolved(name, said, thing) for name, said in found.items()}


def resolved(name: str, said: str, where: object) -> str:
    """Return a description; "See `package.thing`" and "As for `method`" become what stands there."""
    see = re.match(r"^(?:See|As for) `([\w.]+)`[.;]?\s*(.*)$", said)
    if not see:
        return said
    found = descriptions(thing_at(see.group(1), where)).get(name, "")
    return f"{found} {see.group(2)}".strip() if found else said


def thing_at(path: str, where: object) -> Any:
    """Return what a dotted path names; without dots it stands beside the method or function `where`."""
    if "." not in path:
        owner = rt.Model if where.__qualname__.startswith("Model.") else onnxnn.Network
        return getattr(owner, path, None) or getattr(inspect.getmodule(where), path)
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part)
        return thing
    raise ImportError(path)


def options(call: Callable[..., object]) -> Iterator[tuple[str, str, str]]:
    """Yield (option, default, description) of a call."""
    said = descriptions(call)
    for name, parameter in inspect.signature(call).parameters.items():
        if name == "self":
            continue
        empty = parameter.default is inspect.Parameter.empty
        yield name, "" if empty else f"`{parameter.default!r}`", said.get(name, "")


def title(call: object) -> str:
    """Return how a call is written."""
    name = call.__qualname__
    if call is onnxnn.Network:
        return "nn()"
    if name.startswith("Model."):
        return f"model.{call.__name__}() of onnxnn_runtime"
    if call is rt.load:
        return "load() of onnxnn_runtime"
    return f"{call.__name__}()"


def first_line(thing: object) -> str:
    """Return the first sentence of a docstring."""
    text = inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split())


def rows(table: list[tuple[str, ...]], *headings: str) -> list[str]:
    lines = [headings, tuple("-" for _ in headings), *table]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def names() -> Iterator[str]:
    """Yield the tables of names that options take."""
    yield "## Names that options take\n"
    yield "### Transforms\n"
    yield "`load_img_data(transform={name: options})`; all but the first five act on training batches only.\n"
    known = [
        (name, ", ".join(f"`{field.name}`" for field in dataclasses.fields(cls)), first_line(cls))
        for name, cls in transforms._KNOWN.items()
    ]
    yield from rows(
        [(f"`{name}`", takes, said) for name, takes, said in known], "name", "options", "what it does"
    )
    yield f"\n{', '.join(f'`{name}`' for name in transforms._NO_EFFECT)} are accepted and change nothing.\n"
    yield "### Others\n"
    layers = sorted(kind for kind, cls in registry.items() if cls.named and not issubclass(cls, Activation))
    activations = sorted(kind for kind, cls in registry.items() if cls.named and issubclass(cls, Activation))
    lists = {
        "`add(activation=)`": activations,
        "`add(optimizer=)`": list(OPTIMIZERS),
        "`train(loss=)`": sorted(LOSSES) + sorted(LOSSES.spellings),
        "`train(metrics=)`": METRICS.spellings,
        "`train(schedule=)`": list(SCHEDULES),
        "`train(precision=)`": [str(each) for each in PRECISIONS],
        "`sample(sampler=)`": list(SAMPLERS),
        "`get_similarity(method=)`": list(_METHODS),
    }
    yield from rows([(option, ", ".join(f"`{name}`" for name in each)) for option, each in lists.items()],
                    "option", "names")  # fmt: skip
    yield "\n### Layers\n"
    takes = {kind: ", ".join(f"`{name}`" for name in option_names(kind)) for kind in layers}
    table = [(f"`{kind}`", takes[kind], first_line(registry[kind])) for kind in layers]
    yield from rows(table, "`add()`", "options", "what it is")


def page() -> str:
    """Return the whole page."""
    lines = [
        "# Options\n",
        "Every option of every call, with its default. `python scripts/write-options.py` writes this page",
        "from the docstrings, which `help(nn.train)` shows, too. An option that does not exist is refused",
        "with the nearest name.\n",
    ]
    for heading, calls in CALLS.items():
        lines.append(f"## {heading}\n")
        for each in calls:
            call = getattr(onnxnn.Network, each.rpartition(".")[2]) if isinstance(each, str) else each
            lines += [f"### {title(call)}\n", first_line(call) + "\n"]
            lines += rows([(f"`{name}`", default, said) for name, default, said in options(call)],
                          "option", "default", "what it does")  # fmt: skip
            lines.append("")
    return "\n".join([*lines, *names()]).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
