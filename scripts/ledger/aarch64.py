"""An emulated aarch64: Debian's Python and the wheels for it, run by qemu-user without a chroot.

Debian's packages come from the mirrors that apt knows, with a state of their own, so that the computer's
packages stay as they are; the wheels come from the index that pip knows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from .runtimes import ENGINES, CannotStartError, checked

QEMU = "qemu-aarch64-static"
TOOLS = ("apt-get", "dpkg-deb", "unshare", QEMU)
DEBIAN = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
"""What a Python with ONNX Runtime needs; apt finds what these depend on."""

PACKAGES = ("onnxruntime", "numpy", "pillow")
"""What the package onnxnn-runtime needs."""

INSIDE = 'mount -t tmpfs none /sys && exec "$@"'
"""ONNX Runtime reads the cores in /sys, and qemu 7.2 shows it those of the host: with them it crashes."""


@dataclass(frozen=True)
class Aarch64:
    """The column of emulated aarch64.

    Args:
        name: The title of the column.
        packages: What is installed there; the newest that are installed here where no version is given.
    """

    is_fixed: ClassVar[bool] = False

    name: str
    packages: tuple[str, ...]

    def run(self, files: Path, environments: Path) -> dict[str, Any]:
        """Return what `Runtime.run` does."""
        emulator = prepare(environments / self.name, self.packages)
        result = files / "aarch64.json"
        result.unlink(missing_ok=True)
        command = emulator.python([str(ENGINES), "onnxruntime", str(files), str(result)])
        checked(command, f"{self.name}: the engine did not run")
        said = dict(json.loads(result.read_text(encoding="utf-8")))
        numbers = re.search(r"\d+(\.\d+)+", checked([QEMU, "--version"], QEMU))
        return {**said, "processor": f"{said['processor']}, qemu {numbers[0] if numbers else ''}"}


@dataclass(frozen=True)
class Emulator:
    """A Python for aarch64.

    Args:
        root: The folder of Debian's files.
        site: The folder of the wheels.
    """

    root: Path
    site: Path

    def python(self, arguments: Sequence[str], more: Sequence[Path] = ()) -> list[str]:
        """Return the command that runs Python with these arguments.

        Args:
            arguments: A script and what it gets, or others that Python takes.
            more: Folders of further packages.
        """
        libraries = [self.root / "usr/lib/aarch64-linux-gnu", self.root / "lib/aarch64-linux-gnu"]
        environment = {
            "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
            "PYTHONHOME": str(self.root / "usr"),
            "PYTHONPATH": ":".join(map(str, (*more, self.site))),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        given = [part for name, value in environment.items() for part in ("-E", f"{name}={value}")]
        emulated = [QEMU, "-L", str(self.root), *given, str(_python_in(self.root)), *arguments]
        return ["unshare", *([] if os.getuid() == 0 else ["--map-root-user"]), "--mount",
                "sh", "-c", INSIDE, "sh", *emulated]  # fmt: skip


def prepare(folder: Path, packages: Sequence[str]) -> Emulator:
    """Return a Python for aarch64 with packages.

    Args:
        folder: Where it is made, and kept for the next time.
        packages: Names, with versions or without; of those without, the version that is installed here.

    Raises:
        CannotStartError: A program is missing, or a mirror does not have what is needed.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise CannotStartError(
            f"expected {', '.join(missing)} on the PATH, found none. On Debian, "
            "run scripts/system-packages.sh."
        )
    folder = folder.absolute()
    emulator = Emulator(folder / "root", folder / "site")
    made = folder / "packages.txt"
    wanted = [each if "==" in each else f"{each}=={version(each)}" for each in packages]
    if not made.is_file() or made.read_text(encoding="utf-8") != "\n".join(wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _unpack_debian(emulator.root)
        _install(emulator, wanted)
        made.write_text("\n".join(wanted), encoding="utf-8")
    checked(emulator.python(["-c", "pass"]), "cannot run a Python for aarch64")
    return emulator


def _unpack_debian(root: Path) -> None:
    """Write the files of Debian's packages to a folder."""
    with tempfile.TemporaryDirectory() as state:
        for name in ("lists/partial", "archives/partial"):
            (Path(state) / name).mkdir(parents=True)
        status = Path(state) / "status"  # of a computer without any package
        status.touch()
        settings = {
            "APT::Architecture": "arm64",
            "APT::Architectures": "arm64",
            "APT::Sandbox::User": "",
            "Acquire::Retries": "3",
            "Debug::NoLocking": "1",
            "Dir::State": state,
            "Dir::State::lists": f"{state}/lists",
            "Dir::State::status": str(status),
            "Dir::Cache": state,
            "Dir::Cache::archives": f"{state}/archives",
        }
        apt = ["apt-get", "-qq", *(part for each in settings.items() for part in ("-o", "=".join(each)))]
        checked([*apt, "update"], "apt cannot read the lists of arm64 packages")
        install = [*apt, "install", "--yes", "--download-only", "--no-install-recommends"]
        checked([*install, *DEBIAN], "apt cannot download packages for arm64")
        for part in ("bin", "lib", "sbin"):  # the links of a Debian's root, which come with no package
            (root / "usr" / part).mkdir(parents=True, exist_ok=True)
            (root / part).symlink_to(f"usr/{part}")
        for package in sorted(Path(state).glob("archives/*.deb")):
            checked(["dpkg-deb", "--extract", str(package), str(root)], f"cannot unpack {package.name}")


def _install(emulator: Emulator, packages: Sequence[str]) -> None:
    """Install wheels; those for every processor, too."""
    number = _python_in(emulator.root).name[len("python") :]
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)] + ["manylinux2014_aarch64"]
    chosen = [part for each in platforms for part in ("--platform", each)]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install += ["--only-binary", ":all:", "--python-version", number, *chosen, "--target", str(emulator.site)]
    checked([*install, *packages], f"cannot install {', '.join(packages)} for aarch64")


def _python_in(root: Path) -> Path:
    """Return the Python of a folder of Debian's files.

    Raises:
        CannotStartError: There is none.
    """
    found = [path for path in root.glob("usr/bin/python3.*") if re.fullmatch(r"python3\.\d+", path.name)]
    if not found:
        raise CannotStartError(f"expected a python3 in {root}/usr/bin, found none. Remove {root.parent}")
    return max(found, key=lambda path: int(path.name.rpartition(".")[2]))
