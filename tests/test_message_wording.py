"""Numbers in messages agree with their nouns, and shapes read alike everywhere."""

from __future__ import annotations

import re

import pytest
from support.catalogue import messages_script

SOURCES = ("runtime/onnxnn_runtime", "cli/onnxnn_cli", "onnxnn")

UNITS = (
    "arguments|arrays|axes|bits|bytes|cells|channels|characters|classes|columns|cores|digits|entries"
    "|epochs|features|files|filters|heads|images|inputs|integers|items|keys|labels|layers|levels|lines"
    "|maps|names|nodes|numbers|outputs|parts|pixels|places|positions|rows|samples|scores|seconds"
    "|sequences|sizes|sources|steps|targets|texts|timesteps|tokens|units|values|vectors|weights|words"
)

COUNTED = re.compile(rf"\{{\w+(?::[^}}]*)?\}} (?:[a-z-]+ )?(?:{UNITS})\b")
"""A value and the noun that it counts: "{count} rows", "{count:,} different numbers"."""

NO_COUNT = (" and", " became", " compares", " divides", " holds", " of", " with", " without")
"""Words that cannot stand between a number and its noun."""

ALLOWED = {
    # the value is a constant above 1
    "arrays/nesting.py": ("{most:,} values",),
    "card/diffusion.py": ("{most:,} numbers",),
    "card/preprocess.py": ("{count} integers",),
    "checkpoint/training_state.py": ("{most:,} values",),
    "data/labels.py": ("{most} classes", "{count} different numbers"),
    "demo.py": ("{rate:.0f} images", "{seconds:.0f} seconds", "{dimension} numbers"),
    "demo_diffusion.py": ("{num} digits", "{seconds:.0f} seconds"),
    "diffusion/labels.py": ("{most:,} labels",),
    "doctor.py": ("{seconds} seconds",),
    "generation/options.py": ("{longest:,} tokens",),
    "images/decode.py": ("{most:.0f} million pixels", "{height} pixels"),
    "inputs/npz.py": ("{most:,} arrays", "{size:,} bytes"),
    "inspection/history_plot.py": ("{longest} characters",),
    "teaching/classes.py": ("{most} characters",),
    "teaching/statistics.py": ("{most} images", "{size} numbers", "{small} numbers"),
    "teaching/teach.py": ("{most} classes",),
    "layers/registry.py": ("{most:,} values",),
    "models/torch_file.py": ("{most:,} bytes", "{size:,} bytes", "{most:,} values"),
    "models/torch_pickle.py": ("{most:,} names",),
    "models/weights.py": ("{most} bytes",),
    "recipe/parts.py": ("{most:,} layers",),
    "recipe/tree.py": ("{most:,} keys", "{most} levels", "{count} characters"),
    "server/api.py": ("{most:,} characters",),
    "server/asked.py": ("{most:,} characters",),
    "server/content.py": ("{most:,} values", "{keys:,} keys"),
    "server/images.py": ("{most:.3g} million pixels",),
    "session/graph_check.py": ("{limit:,} nodes",),
    "tables/scan.py": ("{most:,} columns", "{most:,} cells"),
    "tables/text.py": ("{most:,} characters",),
    # it is said only of more than one
    "definition/repeated.py": ("{count} layers",),  # of whole networks
    "files/access.py": ("{count} characters", "{count} bytes"),  # of names that are too long
    "inputs/whole.py": ("{count} inputs",),
    "inspection/render.py": ("{count} maps",),  # "the first 64 of 100 maps"
    "layers/shape.py": ("{count} sizes",),
    "messages/html.py": ("{total} rows",),  # "20 of 100 rows"
    "messages/shorten.py": ("{count:,} digits",),
    "session/engine.py": ("{count} inputs",),
    "session/graph_sizes.py": ("{numbers:.3g} numbers",),
    "training/advice.py": ("{classes} classes",),  # a guess among them
    "made_up.py": ("{number} samples", "{sizes} numbers"),
    # it is no number
    "data/arrays.py": ("{dtype} images",),
    "data/reading.py": ("{height} pixels",),  # a size: 1 x 1 pixels
    "outputs/output_files.py": ("{kind} files", "{other} files"),
}
"""Module -> what it says in one form for all numbers, which is right for those that occur."""


def counted(message):
    """Return where a message says a number with a noun that is not in the right form for 1."""
    found = [each.group() for each in COUNTED.finditer(message)]
    return [each for each in found if not any(f"}}{word} " in each for word in NO_COUNT)]


def test_the_pattern_finds_what_it_should():
    assert counted("{n} cells, {count:,} different numbers") == ["{n} cells", "{count:,} different numbers"]
    assert counted("{a} holds values, {count} value, {name}s") == []


@pytest.fixture(scope="module")
def script():
    return messages_script()


@pytest.mark.parametrize("package", SOURCES)
def test_numbers_with_nouns_are_right_for_one(script, package):
    wrong = []
    for message, places in script.extracted(package).items():
        if isinstance(message, str):
            wrong += [
                (place, found)
                for found in counted(message)
                for place in places
                if found not in ALLOWED.get(place, ())
            ]
    assert wrong == [], "ngettext words them"


def test_what_is_allowed_is_said(script):
    said = {
        (place, found)
        for package in SOURCES
        for message, places in script.extracted(package).items()
        if isinstance(message, str)
        for place in places
        for found in counted(message)
    }
    assert {(place, each) for place, texts in ALLOWED.items() for each in texts} <= said
