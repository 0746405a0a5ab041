"""The runtimes of the ledger, and an environment of its own for each of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENGINES = Path(__file__).parent / "engines.py"

FIXED = "fixed"
"""The folder of the files with fixed shapes, inside that of the others."""


class CannotStartError(Exception):
    """A runtime cannot be tried here; the text says why, and what to do."""


@dataclass(frozen=True)
class Runtime:
    """What runs the files.

    Args:
        name: The title of its column.
        engine: As engines.py has it.
        python: The (major, minor) that its environment is made with; None takes the Python that runs this.
        packages: What is installed there; empty takes what is installed already.
        is_fixed: Whether it runs the files with fixed shapes.
    """

    name: str
    engine: str
    python: tuple[int, int] | None = None
    packages: tuple[str, ...] = ()
    is_fixed: bool = False

    def run(self, files: Path, environments: Path) -> dict[str, Any]:
        """Return what engines.py says of every file.

        Args:
            files: The folder of the files.
            environments: The folder in which environments are made, and kept for the next time.

        Raises:
            CannotStartError: There is no such Python, or the engine cannot be installed or imported.
        """
        python = self._python(environments)
        files = files / FIXED if self.is_fixed else files
        result = files / f"{self.engine}.json"
        result.unlink(missing_ok=True)
        command = [python, str(ENGINES), self.engine, str(files), str(result)]
        checked(command, f"{self.name}: the engine did not run")
        return dict(json.loads(result.read_text(encoding="utf-8")))

    def _python(self, environments: Path) -> str:
        if not self.packages:
            return sys.executable
        folder = environments / self.name.replace(",", "").replace(" ", "-").lower()
        python = folder / "bin" / "python"
        made = folder / "packages.txt"
        wanted = "\n".join(self.packages)
        if made.is_file() and made.read_text(encoding="utf-8") == wanted:
            return str(python)
        shutil.rmtree(folder, ignore_errors=True)
        base = sys.executable if self.python is None else find_python(self.python)
        checked([base, "-m", "venv", str(folder)], f"{self.name}: no environment with {base}")
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        checked([*install, *self.packages], f"{self.name}: cannot install {', '.join(self.packages)}")
        made.write_text(wanted, encoding="utf-8")
        return str(python)


RUNTIMES = (
    Runtime("1.8.1", "onnxruntime", (3, 8), ("onnxruntime==1.8.1", "numpy<1.24")),
    Runtime("1.13.1", "onnxruntime", (3, 7), ("onnxruntime==1.13.1", "numpy==1.21.6")),
    Runtime("1.14.1", "onnxruntime", (3, 9), ("onnxruntime==1.14.1", "numpy<2")),
    Runtime("1.15.1", "onnxruntime", (3, 11), ("onnxruntime==1.15.1", "numpy<2")),
    Runtime("1.19.2", "onnxruntime", (3, 8), ("onnxruntime==1.19.2",)),
    Runtime("1.23.2", "onnxruntime", (3, 10), ("onnxruntime==1.23.2",)),
    Runtime("newest", "onnxruntime"),
    Runtime("onnx.reference", "reference"),
    Runtime("OpenVINO", "openvino", (3, 11), ("openvino==2026.4.1", "numpy<3")),
    Runtime("newest, fixed", "onnxruntime", is_fixed=True),
    Runtime("tract, fixed", "tract", (3, 11), ("tract==0.23.9", "onnx", "numpy<3"), is_fixed=True),
    Runtime(
        "OpenCV, fixed", "opencv", (3, 11), ("opencv-python-headless==4.10.0.84", "numpy<3"), is_fixed=True
    ),
)
"""Every column of the ledger. A number alone is a version of ONNX Runtime."""


def checked(command: list[str], complaint: str) -> str:
    """Run a command and return what it prints.

    Raises:
        CannotStartError: It fails; the message ends with what it said.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)
    except OSError as error:
        raise CannotStartError(f"{complaint}: {error}") from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        ending = f"status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise CannotStartError(f"{complaint} ({ending}): {' '.join(said[-2:])}")
    return done.stdout


def find_python(version: tuple[int, int]) -> str:
    """Return the path of a Python: from the environment, the PATH, pyenv or uv.

    Raises:
        CannotStartError: There is none.
    """
    number = "{}.{}".format(*version)
    for candidate in _candidates(number):
        test = f"import sys; sys.exit(sys.version_info[:2] != {version})"
        try:
            done = subprocess.run([candidate, "-c", test], capture_output=True, check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    variable = f"PYTHON{number.replace('.', '')}"
    raise CannotStartError(f"expected Python {number}, found none. Set {variable} to its path.")


def _candidates(number: str) -> Iterator[str]:
    """Yield where a Python may be; those that do not start are passed over."""
    given = os.environ.get(f"PYTHON{number.replace('.', '')}")
    if given:
        yield given
    if "{}.{}".format(*sys.version_info) == number:
        yield sys.executable
    yield f"python{number}"
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob(f"versions/{number}.*/bin/python")))
    if shutil.which("uv"):
        found = subprocess.run(["uv", "python", "find", number], capture_output=True, text=True, check=False)
        yield found.stdout.strip() or "python-of-uv"
