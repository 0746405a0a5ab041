"""The table of ONNX Runtimes and targets, against what can be asked here."""

from __future__ import annotations

import platform
import re
import sys

import onnxnn_runtime
import pytest
from onnxnn_runtime import targets
from onnxnn_runtime.defaults import IR_VERSION, OPSET
from onnxnn_runtime.session.providers import runtime_version
from onnxnn_runtime.targets import (
    PLATFORMS,
    RELEASES,
    TARGETS,
    computer_of,
    find,
    first_that_loads,
    loads,
    newest_for,
    targets_that_load,
    this_computer,
)
from support.models import graph, model, node, value

NOTHING = graph([node("Relu", ["input"], ["output"])], [value("input", (2,))], [value("output", (2,))])


def opens(opset, ir_version):
    try:
        onnxnn_runtime.load(model(NOTHING, opset=opset, ir_version=ir_version), device="cpu")
    except onnxnn_runtime.InputError:
        return False
    return True


def test_the_installed_onnx_runtime_loads_what_the_table_says_and_no_more():
    opset, ir_version = loads(runtime_version())
    assert opens(opset, ir_version)
    if runtime_version() <= RELEASES[-1].version:  # a newer one may load more
        assert not opens(opset + 1, ir_version)
        assert not opens(opset, ir_version + 1)


def test_this_python_is_one_of_those_of_the_installed_onnx_runtime():
    release = {each.version: each for each in RELEASES}.get(runtime_version())
    if release is None:
        pytest.skip("an ONNX Runtime that is newer than the table")
    assert release.first_python <= sys.version_info[:2] <= release.last_python
    newest = newest_for(sys.version_info[:2], this_computer())
    assert newest is not None
    assert newest.version >= release.version


def test_onnx_numbers_opsets_and_ir_versions_alike():
    helper = pytest.importorskip("onnx.helper")
    released = {(row[2], row[1]) for row in helper.VERSION_TABLE}
    newest = max(released)
    for release in RELEASES:
        opset, ir_version = release.opset, release.ir_version
        if opset <= newest[0]:
            # Files as the release of ONNX with this opset writes them: their IR version is loaded, too.
            assert min(ir for each, ir in released if each == opset) <= ir_version
            assert ir_version <= newest[1]
    assert (OPSET, IR_VERSION) in released


def test_versions_follow_each_other_and_nothing_sinks():
    assert [release.version for release in RELEASES] == [(1, minor) for minor in range(8, 8 + len(RELEASES))]
    for name in ("opset", "ir_version", "first_python", "last_python"):
        values = [getattr(release, name) for release in RELEASES]
        assert values == sorted(values), name


def test_what_some_versions_load():
    found = {"{}.{}".format(*version): loads(version) for version in [(1, 8), (1, 13), (1, 25), (1, 32)]}
    assert found == {"1.8": (14, 7), "1.13": (17, 8), "1.25": (26, 13), "1.32": (28, 14)}
    assert loads((9, 0)) == loads(RELEASES[-1].version)
    assert loads((1, 2)) == loads(RELEASES[0].version)


def test_every_target_is_loaded_by_its_onnx_runtime():
    for target in TARGETS.values():
        opset, ir_version = loads(target.oldest)
        assert target.opset <= opset
        assert target.ir_version <= ir_version
        assert find(target.name.upper()) == target
    assert (TARGETS["any"].opset, TARGETS["any"].ir_version) == (OPSET, IR_VERSION)
    assert targets_that_load(OPSET, IR_VERSION) == list(TARGETS)
    assert targets_that_load(17, 8) == ["unihiker", "rpi", "web", "server"]
    assert targets_that_load(99, 7) == []


@pytest.mark.parametrize("name", ["ort1.13", "ORT1.13", " ort1.13.1 "])
def test_any_onnx_runtime_is_a_target(name):
    target = find(name)
    assert (target.name, target.oldest, target.opset, target.ir_version) == ("ort1.13", (1, 13), 17, 8)


def test_an_onnx_runtime_newer_than_the_table_takes_what_the_newest_takes():
    target = find("ort1.99")
    assert (target.opset, target.ir_version) == (RELEASES[-1].opset, RELEASES[-1].ir_version)


@pytest.mark.parametrize("name", ["ort1.7", "ort1", "1.13", "pi", "", None, 1.13, ["any"], "ort1.13.1.2"])
def test_other_names_are_none(name):
    assert find(name) is None


def test_the_first_that_loads_a_file():
    assert first_that_loads(13, 7).version == (1, 8)
    assert first_that_loads(14, 8).version == (1, 9)
    assert first_that_loads(1, 14).version == (1, 32)
    assert first_that_loads(99, 7) is first_that_loads(13, 99) is None


@pytest.mark.parametrize(
    ("python", "computer", "newest"),
    [
        ((3, 7), "linux-x86_64", (1, 14)),
        ((3, 8), "linux-aarch64", (1, 19)),
        ((3, 9), "linux-aarch64", (1, 19)),
        ((3, 10), "windows-amd64", (1, 23)),
        ((3, 11), "linux-x86_64", RELEASES[-1].version),
        ((3, 99), "linux-x86_64", RELEASES[-1].version),
        ((3, 11), "linux-riscv64", RELEASES[-1].version),
        ((3, 13), "macos-x86_64", (1, 23)),
        ((3, 12), "windows-x86", (1, 20)),
        ((3, 14), "macos-x86_64", None),
        ((3, 10), "windows-arm64", None),
        ((3, 11), "linux-armv7l", None),
        ((3, 5), "linux-x86_64", None),
    ],
)
def test_the_newest_that_installs(python, computer, newest):
    found = newest_for(python, computer)
    assert (None if found is None else found.version) == newest


@pytest.mark.parametrize(
    ("system", "machine", "bits", "computer"),
    [
        ("Linux", "x86_64", 64, "linux-x86_64"),
        ("Linux", "aarch64", 64, "linux-aarch64"),
        ("Linux", "aarch64", 32, "linux-armv7l"),  # a 32-bit system on the kernel of a 64-bit one
        ("Linux", "armv7l", 32, "linux-armv7l"),
        ("Linux", "armv6l", 32, "linux-armv7l"),
        ("Windows", "AMD64", 64, "windows-amd64"),
        ("Windows", "AMD64", 32, "windows-x86"),
        ("Windows", "ARM64", 64, "windows-arm64"),
        ("Darwin", "arm64", 64, "macos-arm64"),
        ("Darwin", "x86_64", 64, "macos-x86_64"),
    ],
)
def test_computers(system, machine, bits, computer):
    assert computer_of(system, machine, bits) == computer
    assert computer in PLATFORMS


def test_this_computer_is_one_of_them(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert this_computer() == "linux-aarch64"
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    assert this_computer() == "linux-armv7l"


def test_the_table_needs_nothing_but_the_catalogue():
    with open(targets.__file__, encoding="utf-8") as file:
        imported = re.findall(r"^(?:from|import) (\S+)", file.read(), re.MULTILINE)
    ours = {name for name in imported if name.startswith(("onnxnn", "."))}
    assert ours == {"onnxnn_runtime.defaults", "onnxnn_runtime.messages.catalogue"}
