"""Set the version everywhere it stands, and begin its section of the changelog.

python scripts/set-version.py          print each place and its version; exit code 1 where they differ
python scripts/set-version.py 0.2.0    set it
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECTS = ("pyproject.toml", "runtime/pyproject.toml", "cli/pyproject.toml")
PACKAGES = ("onnxnn", "runtime/onnxnn_runtime", "cli/onnxnn_cli")
VERSION = r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?"
IN_PROJECT = re.compile(rf'^version = "({VERSION})"$|"onnxnn-(?:runtime|cli)==({VERSION})"', re.MULTILINE)
IN_PACKAGE = re.compile(rf'^__version__ = "({VERSION})"$', re.MULTILINE)
IN_CHANGELOG = re.compile(rf"^## ({VERSION})$", re.MULTILINE)


def patterns() -> Iterator[tuple[Path, re.Pattern[str]]]:
    """Yield each file that holds the version, with the pattern that finds it there."""
    for name in PROJECTS:
        yield ROOT / name, IN_PROJECT
    for name in PACKAGES:
        files = [ROOT / name / "__init__.py", ROOT / name / "_version.py"]
        found = [path for path in files if path.is_file() and IN_PACKAGE.search(path.read_text("utf-8"))]
        if len(found) != 1:
            raise SystemExit(f"{name}: expected __version__ in one file, found it in {len(found)}")
        yield found[0], IN_PACKAGE


def places() -> Iterator[tuple[str, str]]:
    """Yield each place and the version that stands there; in the changelog it is the newest one."""
    for path, pattern in patterns():
        text = path.read_text("utf-8")
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(ROOT).as_posix()}:{line}", match[match.lastindex or 0]
    newest = IN_CHANGELOG.search((ROOT / "CHANGELOG.md").read_text("utf-8"))
    yield "CHANGELOG.md", newest[1] if newest else "none"


def with_version(text: str, pattern: re.Pattern[str], version: str) -> str:
    """Return a text whose matches of the pattern hold another version."""

    def replaced(match: re.Match[str]) -> str:
        start, end = (place - match.start() for place in match.span(match.lastindex or 0))
        return match[0][:start] + version + match[0][end:]

    return pattern.sub(replaced, text)


def with_section(changelog: str, version: str) -> str:
    """Return the changelog with what was unreleased under the version."""
    if f"\n## {version}\n" in changelog:
        raise SystemExit(f"CHANGELOG.md: {version} has a section already; choose a newer version")
    if not re.search(r"^## Unreleased\n\n- ", changelog, re.MULTILINE):
        raise SystemExit("CHANGELOG.md: expected changes under '## Unreleased', found none")
    return changelog.replace("## Unreleased\n", f"## Unreleased\n\n## {version}\n", 1)


def set_version(version: str) -> None:
    """Write the version to every place, once all of them are known to be right."""
    if not re.fullmatch(VERSION, version):
        raise SystemExit(f"expected a version such as 0.2.0 or 0.2.0rc1, got {version!r}")
    changelog = ROOT / "CHANGELOG.md"
    texts = {changelog: with_section(changelog.read_text("utf-8"), version)}
    for path, pattern in patterns():
        texts[path] = with_version(path.read_text("utf-8"), pattern, version)
    for path, text in texts.items():
        path.write_bytes(text.encode("utf-8"))  # write_text would end lines as the system does


if __name__ == "__main__":
    if len(sys.argv) > 2:
        raise SystemExit(__doc__)
    if len(sys.argv) == 2:
        set_version(sys.argv[1])
    found = list(places())
    print("\n".join(f"{version:<10} {place}" for place, version in found))
    sys.exit(len({version for _, version in found}) > 1)
