"""The code of a guide runs as it stands in an empty folder: Python from top to bottom, then commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from support.prepared import run_python

DOCS = Path(__file__).parent.parent / "docs"

pytestmark = pytest.mark.needs_torch

# test_docs.py runs the commands and the page on galleries; others have tests of their own.
PAGES = sorted(
    str(path.relative_to(DOCS))
    for path in DOCS.rglob("*.md")
    if "```" in path.read_text("utf-8")
    and path.name
    not in (
        "few-photographs.md",
        "commands.md",
        "deploy.md",
        "devices.md",
        "galleries.md",
        "serving.md",
        "studio.md",
    )
)


def run(arguments, folder):
    done = run_python(arguments, folder)
    assert done.returncode == 0, done.stdout + done.stderr


SLOW = (
    "boards.md",
    "browser-page.md",
    "diffusion.md",
    "guides/image-encoder.md",
    "guides/look-inside-the-weights.md",
    "image-data.md",
    "report.md",
    "sequences.md",
    "tables.md",
    "transformers.md",
    "zh-CN/boards.md",
    "zh-CN/browser-page.md",
    "zh-CN/tables.md",
    "zh-CN/image-data.md",
    "zh-CN/report.md",
)
"""Pages that take more than five seconds."""


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow if page in SLOW else ()) for page in PAGES]
)
def test_a_guide_runs(page, tmp_path):
    text = (DOCS / page).read_text(encoding="utf-8")
    python, commands = (
        re.findall(rf"```{name}\n(.*?)```", text, flags=re.DOTALL) for name in ("python", "sh")
    )
    run(["-W", "error", "-c", "\n".join(python)], tmp_path)
    for line in "".join(commands).splitlines():
        name, *arguments = shlex.split(line)
        assert name == "onnxnn"
        run(["-m", "onnxnn_cli", *arguments], tmp_path)
