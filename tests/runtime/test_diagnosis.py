"""What `onnxnn doctor` finds out."""

from __future__ import annotations

import re
import sys

import pytest
from onnxnn_runtime import doctor


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("import os; os._exit(139)", r"crashes the process \(code 139\)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "crashes the process"),
        ("raise ImportError('libcudart.so is missing')", "libcudart.so is missing"),
        ("__version__ = '1'", "^$"),
    ],
)
def test_a_module_that_breaks_is_reported(tmp_path, monkeypatch, body, problem):
    (tmp_path / "fragile.py").write_text(body, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = doctor.try_import("fragile")
    assert re.search(problem, found.get("problem", ""))


def test_an_import_that_hangs_is_reported(tmp_path, monkeypatch):
    (tmp_path / "endless.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "SECONDS", 1)
    assert "more than 1 seconds" in doctor.try_import("endless")["problem"]


def test_both_onnx_runtimes_at_once():
    (problem,) = doctor.runtime_problems({"onnxruntime": "1.20", "onnxruntime-gpu": "1.20"})
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in problem


def test_no_onnx_runtime():
    (problem,) = doctor.runtime_problems({"onnxruntime": "", "onnxruntime-gpu": ""})
    assert "pip install onnxruntime (or onnxruntime-gpu" in problem


def test_one_onnx_runtime_is_fine():
    assert doctor.runtime_problems({"onnxruntime": "", "onnxruntime-gpu": "1.20"}) == []


def test_a_version_that_is_too_old(monkeypatch):
    monkeypatch.setattr(doctor, "installed_version", lambda package: "1.7.2")
    monkeypatch.setattr(doctor, "try_import", lambda module: {})
    found = doctor.examine("onnxruntime", "onnxruntime", "1.8", "running models")
    assert "1.7.2 is too old" in found.problem
    assert 'pip install -U "onnxruntime>=1.8"' in found.problem


@pytest.mark.parametrize(
    ("version", "lowest", "expected"),
    [("1.13.1", "1.8", False), ("1.7", "1.8", True), ("2.13.0+cpu", "2.6", False), ("0.9", "0.10", True)],
)
def test_versions_are_compared_as_numbers(version, lowest, expected):
    assert doctor.older(version, lowest) is expected


def test_a_package_that_is_not_there_has_no_version():
    assert doctor.installed_version("onnxnn-no-such-package") == ""
    assert doctor.installed_version("numpy") == sys.modules.get("numpy", __import__("numpy")).__version__


def test_numpy_2_beside_an_old_onnx_runtime_is_named():
    versions = {"numpy": "2.1.0", "onnxruntime": "1.18.1"}
    (problem,) = doctor.runtime_problems(versions)
    assert "onnxruntime 1.18.1 was built for NumPy 1 and crashes with NumPy 2.1.0" in problem
    assert 'pip install "numpy<2"' in problem
    for works in ({"numpy": "1.26.4", "onnxruntime": "1.18.1"}, {"numpy": "2.1.0", "onnxruntime": "1.19.0"}):
        assert doctor.runtime_problems(works) == []


def test_onnx_runtime_has_to_run_a_model(monkeypatch):
    assert "problem" not in doctor.try_import("onnxruntime")
    monkeypatch.setattr(doctor, "TINY_MODEL", "AAAA")
    assert "problem" in doctor.try_import("onnxruntime")


CORE = "processor\t: 0\nCPU implementer\t: {}\nCPU architecture: 8\nCPU part\t: {}\nCPU revision\t: 3\n\n"


@pytest.mark.parametrize(
    ("cores", "names"),
    [
        ([("0x41", "0xd04")] * 4, ["Cortex-A35"]),
        ([("0x41", "0xd03")] * 4, ["Cortex-A53"]),
        ([("0x41", "0xd08")] * 4, ["Cortex-A72"]),
        ([("0x41", "0xd03"), ("0x41", "0xd08")], ["Cortex-A53", "Cortex-A72"]),
        ([("0x41", "0xd0b")], []),  # Cortex-A76, of the Raspberry Pi 5
        ([("0x41", "0xd02")], ["Cortex-A34"]),
        ([("0x51", "0xd03")], []),  # another maker's number
        ([("0x4e", "0x003")] * 2 + [("0x41", "0xd07")] * 4, ["Cortex-A57"]),  # Jetson TX2
        ([("0x41", "0xd0b"), ("0x51", "0xd03")], []),
        ([], []),
    ],
)
def test_onnx_runtime_1_21_0_is_named_where_it_crashes(tmp_path, monkeypatch, cores, names):
    file = tmp_path / "cpuinfo"
    file.write_text("".join(CORE.format(*each) for each in cores), encoding="utf-8")
    monkeypatch.setattr(doctor, "CPUINFO", str(file))
    assert doctor.armv8_0_cores() == names
    problems = doctor.runtime_problems({"onnxruntime": "1.21.0"})
    if names:
        assert ("onnxruntime 1.21.0 crashes on " + ", ".join(names)) in problems[0]
        assert 'pip install -U "onnxruntime!=1.21.0"' in problems[0]
    else:
        assert problems == []
    assert doctor.runtime_problems({"onnxruntime": "1.21.1"}) == []


def test_a_computer_without_a_list_of_cores_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "CPUINFO", str(tmp_path / "none"))
    assert doctor.armv8_0_cores() == []


@pytest.mark.parametrize(
    ("computer", "python", "said"),
    [
        ("linux-armv7l", (3, 11), r"no wheels for 32-bit Arm.*Install the 64-bit system"),
        ("macos-x86_64", (3, 14), r"no wheels of it for Python 3\.14 on macos-x86_64\. Install Python 3\.13"),
        ("windows-arm64", (3, 10), r"for Python 3\.10 on windows-arm64\. Install Python 3\.14"),
        ("linux-aarch64", (3, 9), r"is installed: pip install onnxruntime \(or"),
        ("linux-x86_64", (3, 15), r"is installed: pip install onnxruntime \(or"),
    ],
)
def test_what_is_said_on_a_computer_that_can_have_no_onnx_runtime(monkeypatch, computer, python, said):
    monkeypatch.setattr(doctor, "this_computer", lambda: computer)
    monkeypatch.setattr(sys, "version_info", (*python, 0))
    (problem,) = doctor.runtime_problems({"onnxruntime": "", "onnxruntime-gpu": ""})
    assert re.search(said, problem)
