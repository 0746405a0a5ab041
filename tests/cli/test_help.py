"""Each command has a help text with an example, a page in the documentation, and both agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from onnxnn_cli.main import COMMANDS, GROUPS
from support.paths import ROOT

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
