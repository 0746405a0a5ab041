"""Each command has a help text with an example, a page in the documentation, and both agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from onnxnn_cli.main import COMMANDS, GROUPS, app
from support.paths import ROOT
from typer.main import get_command

NAMES = [*(command.__name__.replace("_", "-") for command in COMMANDS), *GROUPS]
PAGE = ROOT / "docs" / "commands.md"
TESTS = Path(__file__).parent


@pytest.mark.parametrize("name", NAMES)
def test_help_describes_the_command_and_has_an_example(onnxnn_process, name):
    done = onnxnn_process(name, "--help")
    assert done.returncode == 0
    assert f"Usage: onnxnn {name}" in done.stdout
    assert f"Example: onnxnn {name}" in done.stdout
    assert "\\[" not in done.stdout  # as the Typer of Python 3.7 writes "[required]"


def test_the_list_of_commands_is_complete(onnxnn_process):
    listed = re.findall(r"^  ([a-z][a-z-]*)  ", onnxnn_process("--help").stdout, flags=re.MULTILINE)
    assert listed == NAMES


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here")
@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_a_section_with_the_example_of_its_help(name):
    sections = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), flags=re.M | re.S))
    text = [*COMMANDS.values(), *GROUPS.values()][NAMES.index(name)]
    (example,) = re.findall(r"Example: (.*)", text)
    assert example in sections[name]


@pytest.mark.parametrize("name", NAMES)
def test_each_command_is_run_by_a_test(name):
    texts = "".join(
        path.read_text("utf-8") for path in TESTS.glob("test_*.py") if path.name != "test_help.py"
    )
    assert re.search(rf'onnxnn\(\s*"{name}"', texts)


def parameters(command):
    """Yield the arguments and options of a command and of those in it, with the command's name."""
    for inner in getattr(command, "commands", {}).values():
        yield from parameters(inner)
    if not hasattr(command, "commands"):
        yield from ((command.name, each) for each in command.params)


def test_every_value_has_a_placeholder_in_capitals():
    """One word, with an ending where a file needs one; Typer's own words differ between its versions."""
    values = [each for each in parameters(get_command(app)) if not getattr(each[1], "is_flag", False)]
    assert len(values) > 80
    shown = {f"{command} {value.opts[0]}": value.metavar for command, value in values}
    assert {
        name: text for name, text in shown.items() if not re.fullmatch(r"[A-Z]+(\.[a-z]+)?", text or "")
    } == {}


def test_the_same_option_has_the_same_placeholder_everywhere():
    found = {}
    for _, value in parameters(get_command(app)):
        if value.opts[0].startswith("-"):
            found.setdefault(value.opts[0], set()).add(value.metavar)
    del found["--out"]  # files of several kinds, and folders
    del found["--heatmap"]  # export adds the output, predict draws it into a file
    assert {name: texts for name, texts in found.items() if len(texts) > 1} == {}
