"""Words that docs/glossary.md lists to avoid are in source and docs only where a reason is given."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

AVOIDED = (
    r"arriv(?:e|es|ed|ing)|what fits|fits|told|tells?|behind|whole numbers?|(?:drawn )?anew"
    r"|hand(?:s|ed)? over|of the user's own|nothing says so|go(?:es)? on|went on|going on|pictures?"
    r"|graphics cards?|screens?|drown\w*|walked|pins"
)

REASONS = {
    "docs/guides": "pupils' guides say picture",
    "docs/glossary.md": "it lists the words",
    "CHANGELOG.md": "names of earlier versions",
    "onnxnn/models/unet.py": "names of version 0.1.0 in its state dict",
}
"""Where such a word may stand, and why."""

FILE_METHODS = re.compile(r"\b(?:def tell|\.tell)\(")
"""Python's name for the position in a file."""


def files():
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md"], cwd=str(ROOT), capture_output=True, encoding="utf-8", check=False
    )
    names = [name for name in listed.stdout.split("\n") if name and not name.startswith(("tests/", "."))]
    return [name for name in names if not name.startswith(tuple(REASONS))]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the files that count are those in git")
@pytest.mark.parametrize("name", files())
def test_no_word_that_the_glossary_avoids(name):
    text = FILE_METHODS.sub("", (ROOT / name).read_text(encoding="utf-8"))
    text = text.replace("pictures.md", "")
    found = [
        f"{text.count(chr(10), 0, each.start()) + 1}: {each.group()}"
        for each in re.finditer(rf"\b(?:{AVOIDED})\b", text, re.IGNORECASE)
    ]
    assert found == []


def test_the_pattern_finds_what_it_should():
    text = "what arrives; a whole number; is told; behind it; a picture"
    assert len(re.findall(rf"\b(?:{AVOIDED})\b", text)) == 5
    assert not re.search(rf"\b(?:{AVOIDED})\b", "a benefit told_by retell pinstripe")


def test_reasons_are_needed():
    for name in REASONS:
        paths = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).glob("*.md"))
        assert any(re.search(rf"\b(?:{AVOIDED})\b", path.read_text(encoding="utf-8")) for path in paths), name
