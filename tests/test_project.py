"""The project's own facts agree with each other: versions, extras, licence, changelog, py.typed."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")  # pytest brings it

ROOT = Path(__file__).parent.parent
PROJECTS = {
    "onnxnn": ROOT / "pyproject.toml",
    "onnxnn-cli": ROOT / "cli/pyproject.toml",
    "onnxnn-runtime": ROOT / "runtime/pyproject.toml",
}


def project(name: str) -> dict:
    return tomllib.loads(PROJECTS[name].read_text(encoding="utf-8"))["project"]


def test_all_versions_are_equal():
    versions = {name: project(name)["version"] for name in PROJECTS}
    for module in ("onnxnn", "onnxnn_cli", "onnxnn_runtime"):
        versions[module] = importlib.import_module(module).__version__
    assert len(set(versions.values())) == 1, versions


def test_packages_ask_for_each_other_in_the_same_version():
    version = project("onnxnn")["version"]
    assert f"onnxnn-runtime=={version}" in project("onnxnn")["dependencies"]
    assert f"onnxnn-cli=={version}" in project("onnxnn")["dependencies"]
    assert f"onnxnn-runtime=={version}" in project("onnxnn-cli")["dependencies"]


def test_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\S+)", text, flags=re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert headings.index(released[0]) <= 1  # what is not released yet stands first
    assert released[0] == project("onnxnn")["version"]


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_extras_are_passed_on(extra):
    assert project("onnxnn")["optional-dependencies"][extra] == [f"onnxnn-cli[{extra}]"]
    assert project("onnxnn-cli")["optional-dependencies"][extra] == [f"onnxnn-runtime[{extra}]"]


@pytest.mark.parametrize("extra", ["serve", "mqtt", "search", "lancedb", "qdrant", "ray"])
def test_extras_of_the_runtime_are_passed_on_by_the_command(extra):
    assert project("onnxnn-runtime")["optional-dependencies"][extra]
    assert project("onnxnn-cli")["optional-dependencies"][extra] == [f"onnxnn-runtime[{extra}]"]


def test_the_doctor_lists_the_packages_of_every_extra():
    doctor = importlib.import_module("onnxnn_runtime.doctor")
    listed = {package: lowest for package, _, lowest, _ in doctor.PACKAGES}
    for name in PROJECTS:
        for extra, needs in project(name)["optional-dependencies"].items():
            for need in needs:
                package, lowest = re.match(r"([\w-]+)(?:\[.*\])?(?:>=([\d.]+))?", need).groups()
                if extra not in ("dev", "cpu", "gpu") and not package.startswith("onnxnn"):
                    assert listed.get(package) == lowest, need


def test_onnxruntime_is_only_chosen_by_extra():
    for name in PROJECTS:
        assert not [need for need in project(name)["dependencies"] if need.startswith("onnxruntime")]
    extras = project("onnxnn-runtime")["optional-dependencies"]
    assert extras["cpu"][0].startswith("onnxruntime>=")
    assert extras["gpu"][0].startswith("onnxruntime-gpu>=")


def test_the_onnx_runtime_that_crashes_on_old_arm_cores_is_excluded_there():
    requirements = pytest.importorskip("packaging.requirements")
    targets = importlib.import_module("onnxnn_runtime.targets")
    needs = [
        requirements.Requirement(each) for each in project("onnxnn-runtime")["optional-dependencies"]["cpu"]
    ]
    broken = ".".join(map(str, targets.BROKEN_ON_ARMV8_0))
    for python in ("3.7", "3.8", "3.9", "3.10", "3.13"):
        for machine in ("x86_64", "aarch64", "arm64", "AMD64"):
            here = {"python_version": python, "platform_machine": machine}
            (need,) = [each for each in needs if each.marker.evaluate(here)]
            works = machine != "aarch64" or python in ("3.7", "3.8")  # for these 1.21 has no wheels
            assert need.specifier.contains(broken) is works, here
            assert need.specifier.contains("1.21.1")


@pytest.mark.parametrize("module", ["onnxnn", "onnxnn_cli", "onnxnn_runtime"])
def test_types_are_shipped(module):
    assert (Path(importlib.import_module(module).__file__).parent / "py.typed").is_file()


def test_every_package_carries_the_licence():
    texts = {(path.parent / "LICENSE").read_text(encoding="utf-8") for path in PROJECTS.values()}
    assert len(texts) == 1
    assert "MIT License" in texts.pop()


def test_the_digits_name_their_source_and_licence():
    text = (ROOT / "onnxnn/datasets/README.md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in text
    assert "10.24432/C50P49" in text
    assert (ROOT / "onnxnn/datasets/digits.npz").stat().st_size < 100_000


def test_doctor_asks_for_the_versions_that_are_required():
    required: dict[str, set[str]] = {}
    for name in PROJECTS:
        extras = project(name).get("optional-dependencies", {}).values()
        for part in [project(name)["dependencies"], *extras]:
            for package, lowest in re.findall(
                r"^([\w-]+)(?:\[.*\])?>=([\d.]+)", "\n".join(part), re.MULTILINE
            ):
                required.setdefault(package, set()).add(lowest)
    doctor = importlib.import_module("onnxnn_runtime.doctor")
    asked = {name: lowest for name, _, lowest, _ in doctor.PACKAGES if lowest}
    assert len(asked) > 5
    assert {name: lowest for name, lowest in asked.items() if lowest not in required[name]} == {}
