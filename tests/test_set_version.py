"""scripts/set-version.py finds every place where the version stands, and changes all of them or none."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = "scripts/set-version.py"
FOLDERS = ("onnxnn", "runtime", "cli", "scripts")
KINDS = ("*.py", "*.toml", "*.cfg")

pytestmark = pytest.mark.skipif(not (ROOT / SCRIPT).is_file(), reason="the sources are not here")


@pytest.fixture
def copy(tmp_path):
    """Return a copy of every file that could hold the version."""
    files = [path for folder in FOLDERS for kind in KINDS for path in (ROOT / folder).rglob(kind)]
    files = [path for path in files if "build" not in path.relative_to(ROOT).parts]  # left by making wheels
    for path in [*files, ROOT / "pyproject.toml", ROOT / "CHANGELOG.md"]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


def set_version(folder, *arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mentions(folder, version):
    """Return the lines that set or require a version."""
    wanted = re.compile(rf"(version\w*\W+|[=~>]=\s*){re.escape(version)}\b", re.IGNORECASE)
    texts = [
        path.read_text("utf-8")
        for kind in KINDS
        for path in folder.rglob(kind)
        if path.name != "set-version.py"
    ]
    return [line for text in texts for line in text.splitlines() if wanted.search(line)]


def test_all_places_agree():
    done = set_version(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(re.findall(r"^\S+", done.stdout, re.MULTILINE))) == 1


def test_all_places_change(copy):
    places = set_version(copy).stdout.splitlines()
    old = places[0].split()[0]
    before = mentions(copy, old)
    assert len(before) == len(places) - 1  # the other one is in the changelog
    done = set_version(copy, "7.6.5rc4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert mentions(copy, old) == []
    assert mentions(copy, "7.6.5rc4") == [line.replace(old, "7.6.5rc4") for line in before]
    assert set(re.findall(r"^\S+", done.stdout, re.MULTILINE)) == {"7.6.5rc4"}


def test_what_was_unreleased_becomes_the_section_of_the_version(copy):
    before = (copy / "CHANGELOG.md").read_text("utf-8")
    set_version(copy, "7.6.5")
    after = (copy / "CHANGELOG.md").read_text("utf-8")
    assert after == before.replace("## Unreleased\n\n- ", "## Unreleased\n\n## 7.6.5\n\n- ")
    assert after != before


@pytest.mark.parametrize(
    "place", ["pyproject", "runtime/py", "cli/py", "onnxnn/", "runtime/onnxnn_runtime/", "cli/onnxnn_cli/"]
)
def test_a_place_that_differs_is_reported(copy, place):
    name = re.search(rf" ({place}.*):", set_version(copy).stdout)[1]
    text = re.sub(r'(version\w* = ")[\d.]+', r"\g<1>3.2.1", (copy / name).read_text("utf-8"), count=1)
    (copy / name).write_text(text, "utf-8")
    done = set_version(copy)
    assert done.returncode == 1
    assert re.search(rf"^3\.2\.1 +{name}:\d+$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.0", "expected a version such as 0.2.0"),
        ("v1.0.0", "expected a version such as 0.2.0"),
        ("1.0.0\n", "expected a version such as 0.2.0"),
        ("0.1.0", "0.1.0 has a section already"),
    ],
)
def test_a_refused_version_changes_nothing(copy, version, message):
    before = contents(copy)
    done = set_version(copy, version)
    assert done.returncode == 1
    assert message in done.stderr
    assert contents(copy) == before


def test_a_release_without_changes_is_refused(copy):
    set_version(copy, "7.6.5")
    before = contents(copy)
    done = set_version(copy, "7.6.6")
    assert done.returncode == 1
    assert "expected changes under '## Unreleased', found none" in done.stderr
    assert contents(copy) == before


def test_a_package_without_its_version_is_refused_before_anything_is_written(copy):
    path = copy / "cli/onnxnn_cli/__init__.py"
    path.write_text(path.read_text("utf-8").replace("__version__", "version"), "utf-8")
    before = contents(copy)
    done = set_version(copy, "7.6.5")
    assert done.returncode == 1
    assert "cli/onnxnn_cli: expected __version__ in one file, found it in 0" in done.stderr
    assert contents(copy) == before
