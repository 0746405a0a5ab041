"""Run the package onnxnn-runtime on an emulated aarch64, and compare it with this computer.

    python scripts/aarch64_smoke.py

It predicts, embeds, generates and samples with small files on both, and fails where numbers differ by more
than 1e-4 or a text differs, and where the emulator cannot start. SKIP_AARCH64="the reason" skips it, and the
reason is printed and added to the file $SKIPPED_JOBS.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from ledger import calls, engines  # noqa: E402
from ledger.aarch64 import PACKAGES, prepare  # noqa: E402
from ledger.runtimes import CannotStartError, checked  # noqa: E402
from ledger.table import LIMIT  # noqa: E402

ENVIRONMENTS = ROOT / ".venv-ledger"


def main() -> int:
    """Return the status of the command: 0 where both agree, or the environment gives a reason to skip it."""
    reason = os.environ.get("SKIP_AARCH64")
    if reason:
        line = f"aarch64: SKIPPED, {reason}"
        print(line)
        if os.environ.get("SKIPPED_JOBS"):
            with open(os.environ["SKIPPED_JOBS"], "a", encoding="utf-8") as file:
                file.write(line + "\n")
        return 0
    try:
        with tempfile.TemporaryDirectory() as work:
            problems = compare(Path(work))
    except CannotStartError as error:
        problems = [f"CANNOT START, {error}", "SKIP_AARCH64 may be set to the reason to skip it."]
    for problem in problems:
        print(f"aarch64: {problem}", file=sys.stderr)
    return 1 if problems else 0


def compare(work: Path) -> list[str]:
    """Return a line for each call that returns something else on the emulated aarch64."""
    emulator = prepare(ENVIRONMENTS / "aarch64", PACKAGES)
    from support.export_for_boards import export_all  # torch comes with it

    site, files = work / "site", work / "files"
    shutil.rmtree(ROOT / "runtime/build", ignore_errors=True)  # it would put removed files into the package
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    checked([*pip, "--no-deps", "--target", str(site), str(ROOT / "runtime")], "cannot install the runtime")
    export_all(files)
    script = [calls.__file__, str(files)]
    here = ["env", f"PYTHONPATH={site}", sys.executable, *script, str(work / "here.npz")]
    checked(here, "the calls failed on this computer")
    checked(emulator.python([*script, str(work / "there.npz")], [site]), "the calls failed on aarch64")
    with np.load(work / "here.npz") as here, np.load(work / "there.npz") as there:
        return differences(dict(here), dict(there))


def differences(here: dict[str, np.ndarray], there: dict[str, np.ndarray]) -> list[str]:
    """Return a line for each of two sets of results that is missing or differs; print what agrees."""
    problems = [f"{name}: in one of both alone" for name in sorted(here.keys() ^ there.keys())]
    for name in sorted(here.keys() & there.keys()):
        one, other = here[name], there[name]
        if one.dtype.kind == "U":
            if not np.array_equal(one, other):
                problems.append(f"{name}: expected {one.tolist()}, got {other.tolist()}")
                continue
            print(f"aarch64: {name}: the same text")
            continue
        difference = engines.difference(other, one)
        if not difference <= LIMIT:
            problems.append(f"{name}: differs by {difference:.2g}, more than {LIMIT:g}")
            continue
        print(f"aarch64: {name}: {one.shape} differ by {difference:.0e}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
