"""Words that docs/glossary.md lists to avoid are in source, docs and tests only where a reason is given."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

AVOIDED = re.compile(
    r"(?<![a-z])(?:arriv(?:e|es|ed|ing)|what[ _]fits|fits|told|tells?|behind|whole[ _]numbers?"
    r"|(?:drawn[ _])?anew|hand(?:s|ed)?[ _]over|of[ _]the[ _]user's[ _]own|nothing[ _]says[ _]so"
    r"|go(?:es)?[ _]on|went[ _]on|going[ _]on|pictures?|graphics[ _]cards?|screens?|drown[a-z]*"
    r"|walked|pins)(?![a-z])",
    re.IGNORECASE,
)
"""These words, in names of files, functions and variables, too."""

REASONS = {
    "docs/guides": "pupils' guides say picture",
    "docs/glossary.md": "it lists the words",
    "CHANGELOG.md": "names of earlier versions",
    "onnxnn/models/unet.py": "names of version 0.1.0 in its state dict",
    "tests/checkpoint/test_files_of_0_1_0.py": "names of version 0.1.0 in its state dict",
    "tests/test_glossary_words.py": "it lists the words",
}
"""Where such a word may stand, and why."""

FILE_METHODS = re.compile(r"\b(?:def tell|\.tell)\(")
"""Python's name for the position in a file."""


def listed(*patterns):
    """Return the files in git, those with a reason left out."""
    done = subprocess.run(
        ["git", "ls-files", *patterns], cwd=str(ROOT), capture_output=True, encoding="utf-8", check=False
    )
    names = [name for name in done.stdout.split("\n") if name and not name.startswith(".")]
    return [name for name in names if not name.startswith(tuple(REASONS))]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the files that count are those in git")
@pytest.mark.parametrize("name", listed("*.py", "*.md", "*.yaml"))
def test_no_word_that_the_glossary_avoids(name):
    text = FILE_METHODS.sub("", (ROOT / name).read_text(encoding="utf-8"))
    found = [f"{text.count(chr(10), 0, each.start()) + 1}: {each.group()}" for each in AVOIDED.finditer(text)]
    assert found == []


def test_no_file_has_such_a_name():
    assert [name for name in listed() if AVOIDED.search(name)] == []


def test_the_pattern_finds_what_it_should():
    text = "what arrives; a whole number; is told; behind it; a picture; test_what_fits; check_pictures_1"
    assert len(AVOIDED.findall(text)) == 7
    assert not AVOIDED.search("a benefit outfits retell pinstripe screening")


def test_reasons_are_needed():
    for name in REASONS:
        paths = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).glob("*.md"))
        assert any(AVOIDED.search(path.read_text(encoding="utf-8")) for path in paths), name
