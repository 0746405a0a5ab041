"""What is installed, whether it works, and what to do where it does not. See `diagnose`.

The command `onnxnn doctor` prints what is found here. It loads this module by its path, because importing the
package needs ONNX Runtime, which may be what is missing. So only the standard library, the catalogue and the
table of targets are imported here.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from onnxnn_runtime.messages.catalogue import gettext, gettext_noop
from onnxnn_runtime.targets import BROKEN_ON_ARMV8_0, PLATFORMS, RELEASES, newest_for, this_computer

# A package, the module it is imported as, the lowest version that works, and what it is for.
PACKAGES = (
    ("onnxnn-runtime", "onnxnn_runtime", "", gettext_noop("running models")),
    ("numpy", "numpy", "1.19", gettext_noop("running models")),
    ("pillow", "PIL", "8.4", gettext_noop("reading images")),
    ("onnxruntime", "onnxruntime", RELEASES[0].name, gettext_noop("running models")),
    ("onnxruntime-gpu", "onnxruntime", RELEASES[0].name, gettext_noop("running models on an NVIDIA GPU")),
    ("openvino", "openvino", "2024.4", gettext_noop("running models with OpenVINO")),
    ("onnxnn", "onnxnn", "", gettext_noop("training")),
    ("torch", "torch", "2.11", gettext_noop("training")),
    ("onnx", "onnx", "1.16", gettext_noop("exporting")),
    ("lightning-fabric", "lightning_fabric", "2.4", gettext_noop("training on several devices")),
    ("starlette", "starlette", "1.0", gettext_noop("serving")),
    ("uvicorn", "uvicorn", "0.35", gettext_noop("serving")),
    ("python-multipart", "python_multipart", "0.0.27", gettext_noop("serving")),
    ("paho-mqtt", "paho.mqtt", "2.0", gettext_noop("messages by MQTT")),
    ("usearch", "usearch", "2.16", gettext_noop("large galleries")),
    ("lancedb", "lancedb", "0.20", gettext_noop("galleries in LanceDB")),
    ("qdrant-client", "qdrant_client", "1.16", gettext_noop("galleries in Qdrant")),
    ("ray", "ray", "2.40", gettext_noop("embedding on several machines")),
    ("pyarrow", "pyarrow", "17", gettext_noop("feature vectors in Parquet files")),
    ("onnxscript", "onnxscript", "0.3", gettext_noop("exporting custom modules")),
    ("matplotlib", "matplotlib", "3.9", "plot_history"),
)
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
CPUINFO = "/proc/cpuinfo"
"""Where Linux lists the cores."""

ARM = "0x41"
"""Arm's number as an implementer of processors."""

ARMV8_0 = {
    "0xd02": "Cortex-A34",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
}
"""The part numbers of Arm's 64-bit cores of Armv8.0, and their names."""

SECONDS = 120
"""How long one import may take: torch on a slow disk can take a minute."""

# One Relu, from x to y of two float32 numbers (opset 12, IR 7).
TINY_MODEL = "CAc6NQoOCgF4EgF5IgRSZWx1OgASAWdaDwoBeBIKCggIARIECgIIAmIPCgF5EgoKCAgBEgQKAggCQgQKABAM"

# Runs in a child process: argument 1 is the module, argument 2 a model for ONNX Runtime to run.
_PROBE = """
import importlib, json, sys
sys.modules["openvino_telemetry"] = None  # else it reports to a server that it is used
module = importlib.import_module(sys.argv[1])
found = {"version": str(getattr(module, "__version__", ""))}
if sys.argv[1] == "onnxruntime":
    found["devices"] = list(module.get_available_providers())
    import base64, numpy
    session = module.InferenceSession(base64.b64decode(sys.argv[2]), providers=["CPUExecutionProvider"])
    y = session.run(None, {"x": numpy.array([-2, 3], numpy.float32)})[0]
    if y.tolist() != [0, 3]:
        raise SystemExit("a model of one operator computes %s instead of [0, 3]" % y.tolist())
if sys.argv[1] == "openvino":
    core = module.Core()
    found["devices"] = ["%s %s" % (each.lower(), core.get_property(each, "FULL_DEVICE_NAME"))
                        for each in core.available_devices]
if sys.argv[1] == "torch":
    found["devices"] = ["cpu"] + ["cuda:%d %s" % (i, module.cuda.get_device_name(i))
                                  for i in range(module.cuda.device_count())]
print("\\n" + json.dumps(found))
"""


class Finding(NamedTuple):
    """What was found out about one package.

    Args:
        package: The distribution's name.
        version: Its version, "" where it is not installed.
        purpose: What it is for.
        problem: What is wrong and what to do, "" where all is well.
        devices: The devices that it offers, for onnxruntime, openvino and torch.
    """

    package: str
    version: str
    purpose: str
    problem: str = ""
    devices: list[str] | None = None


@dataclass(frozen=True)
class Report:
    """What `diagnose` found on this machine.

    Args:
        python: The version of Python.
        platform: The operating system and the processor.
        cores: How many cores the machine has; None where it does not say.
        findings: One for each package.
        problems: What is wrong and what to do; none where all is well.
    """

    python: str
    platform: str
    cores: int | None
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]


def diagnose() -> Report:
    """Examine every package, each in a process of its own, so that one that crashes is reported too."""
    with ThreadPoolExecutor(4) as pool:  # each thread waits for a process
        findings = tuple(pool.map(lambda package: examine(*package), PACKAGES))
    problems = [
        gettext("{where}: {error}", where=finding.package, error=finding.problem)
        for finding in findings
        if finding.problem
    ]
    problems += runtime_problems({finding.package: finding.version for finding in findings})
    return Report(platform.python_version(), platform.platform(), os.cpu_count(), findings, tuple(problems))


def examine(package: str, module: str, lowest: str, purpose: str) -> Finding:
    """Look at one package: its version, and whether it can be imported in a child process."""
    version = installed_version(package)
    if not version:
        return Finding(package, "", gettext(purpose))
    result = try_import(module)
    problem = result.get("problem", "")
    if lowest and older(version, lowest):
        problem = gettext(
            'version {version} is too old; expected at least {lowest}: pip install -U "{package}>={lowest}"',
            version=version,
            lowest=lowest,
            package=package,
        )
    return Finding(package, version, gettext(purpose), problem, result.get("devices"))


def try_import(module: str) -> dict[str, Any]:
    """Import a module in a child process; return what it says about itself, or the problem."""
    try:
        child = subprocess.run(
            [sys.executable, "-c", _PROBE, module, TINY_MODEL],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"problem": gettext("importing it took more than {seconds} seconds", seconds=SECONDS)}
    if child.returncode == 0:
        found: dict[str, Any] = json.loads(child.stdout.decode("utf-8", "replace").strip().splitlines()[-1])
        return found
    if child.returncode < 0 or child.returncode > 2:
        problem = gettext(
            "importing it crashes the process (code {code}). Install it again, or another version of it; on "
            "old processors an older version may work",
            code=child.returncode,
        )
        return {"problem": problem}
    last = child.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [gettext("no message")]
    return {"problem": gettext("importing it fails: {reason}", reason=last[0])}


def runtime_problems(versions: dict[str, str]) -> list[str]:
    """Return what is wrong with the choice of ONNX Runtime packages.

    Args:
        versions: The version of every package, "" where it is not installed.
    """
    there = [name for name in RUNTIMES if versions.get(name)]
    numpy = versions.get("numpy", "")
    if len(there) == 1 and numpy and not older(numpy, "2") and older(versions[there[0]], "1.19"):
        return [
            gettext(
                "{package} {version} was built for NumPy 1 and crashes with NumPy {numpy}: pip install "
                '"numpy<2", or pip install -U "{package}>=1.19"',
                package=there[0],
                version=versions[there[0]],
                numpy=numpy,
            )
        ]
    if len(there) == 2:
        return [
            gettext(
                "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files. Remove "
                "both, then install one: pip uninstall -y onnxruntime onnxruntime-gpu, then pip install "
                "onnxruntime, or onnxruntime-gpu for an NVIDIA GPU"
            )
        ]
    if not there:
        return [_none_installed()]
    cores = armv8_0_cores()
    if cores and _numbers(versions[there[0]]) == list(BROKEN_ON_ARMV8_0):
        return [
            gettext(
                "{package} {version} crashes on {cores}: it uses instructions that these cores of "
                "Armv8.0 lack. "
                'Install another version: pip install -U "{package}!={version}"',
                package=there[0],
                version=versions[there[0]],
                cores=", ".join(cores),
            )
        ]
    return []


def _none_installed() -> str:
    """Return what to do where no ONNX Runtime is installed; not every computer can have one."""
    computer, python = this_computer(), sys.version_info[:2]
    if PLATFORMS.get(computer, ()) is None:
        return gettext(
            "no ONNX Runtime is installed, and pip finds none: there are no wheels for 32-bit Arm, as "
            "which this "
            "Python runs. Install the 64-bit system of your board, such as Raspberry Pi OS (64-bit)"
        )
    if newest_for(python, computer) is None:
        fitting = [each for each in RELEASES if newest_for(each.last_python, computer) is not None]
        return gettext(
            "no ONNX Runtime is installed, and there are no wheels of it for Python {python} on {computer}. "
            "Install Python {fitting} there",
            python="{}.{}".format(*python),
            computer=computer,
            fitting="{}.{}".format(*max(each.last_python for each in fitting)),
        )
    return gettext(
        "no ONNX Runtime is installed: pip install onnxruntime (or onnxruntime-gpu for an NVIDIA GPU)"
    )


def armv8_0_cores() -> list[str]:
    """Return the names of this computer's cores of Armv8.0; none where there are none, or no Linux."""
    try:
        with open(CPUINFO, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return []
    found = re.findall(r"^CPU implementer\s*:\s*(\S+)(?:\n.+)*?\nCPU part\s*:\s*(\S+)", text, re.MULTILINE)
    parts = sorted(
        {part for maker, part in found if maker == ARM}
    )  # one computer may have cores of two makers
    return [ARMV8_0[part] for part in parts if part in ARMV8_0]


def installed_version(package: str) -> str:
    """Return the version of an installed distribution, "" where it is not installed."""
    if sys.version_info >= (3, 8):
        from importlib import metadata

        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return ""
    else:  # Python 3.7 has no importlib.metadata
        import pkg_resources

        try:
            return str(pkg_resources.get_distribution(package).version)
        except pkg_resources.DistributionNotFound:
            return ""


def older(version: str, lowest: str) -> bool:
    """Return whether a version such as "1.13.1" comes before another."""
    return _numbers(version) < _numbers(lowest)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.split("+")[0])[:3]]
