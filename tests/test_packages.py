"""What is built for people to install: the package with its data and its licence, and nothing else."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.paths import ROOT

FOLDERS = {"onnxnn": ROOT, "onnxnn_runtime": ROOT / "runtime", "onnxnn_cli": ROOT / "cli"}

BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv.pop()
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
"""


def setuptools_version():
    try:
        return int(importlib.metadata.version("setuptools").split(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here"),
    pytest.mark.skipif(setuptools_version() < 77, reason="needs setuptools 77, as pyproject.toml says"),
]


@pytest.fixture(scope="module", params=FOLDERS)
def built(request, tmp_path_factory):
    """The package's name, its wheel and its source distribution, from a copy of what the repository has."""
    package, work = request.param, tmp_path_factory.mktemp("build")
    folder, copy = FOLDERS[package], work / "copy"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (package, "tests", "scripts"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, copy / name, ignore=ignored)
    for file in folder.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, copy)
    command = [sys.executable, "-c", BUILD, str(work / "dist")]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (wheel,), (source,) = (work / "dist").glob("*.whl"), (work / "dist").glob("*.tar.gz")
    return package, wheel, source


def files_of(package):
    """Return the files of a package in the repository, as paths in a wheel."""
    found = (FOLDERS[package] / package).rglob("*")
    paths = [path.relative_to(FOLDERS[package]).as_posix() for path in found if path.is_file()]
    return {path for path in paths if "__pycache__" not in path}


def test_a_wheel_holds_the_package_and_its_licence(built):
    package, wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    information = {name for name in names if ".dist-info/" in name}
    assert names - information == files_of(package)
    assert f"{package}/py.typed" in names
    assert f"{package}/locale/zh_CN/LC_MESSAGES/{package}.mo" in names
    assert [name for name in information if name.endswith("LICENSE")]


def test_a_source_distribution_holds_the_package_and_no_tests(built):
    package, _, source = built
    with tarfile.open(source) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert files_of(package) <= names
    assert {"LICENSE", "README.md", "pyproject.toml"} <= names
    others = {Path(name).parts[0] for name in names if len(Path(name).parts) > 1}
    assert others == {package, f"{package}.egg-info"}


def test_no_path_of_the_machine_is_built_in(built):
    _, wheel, source = built
    folder = str(wheel.parent.parent).encode()
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if folder in archive.read(name)] == []
    with tarfile.open(source) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    assert [name for name, content in files.items() if folder in content] == []
