"""Write docs/where-it-runs.md: how far each runtime is from torch, for every layer and kind of network.

    python scripts/parity_ledger.py
    python scripts/parity_ledger.py --only newest 1.13.1 --rows conv2d lstm

It exports a small file for each, runs them in every runtime, and writes the largest differences to the
page. It fails where one is above 1e-4, and where a runtime cannot start. With --only or --rows it prints, and
writes nothing. Environments are made in .venv-ledger and kept; a Python is found in PYTHON38 and the like, on
the PATH, with pyenv or uv.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from ledger import table  # noqa: E402
from ledger.aarch64 import PACKAGES, Aarch64  # noqa: E402
from ledger.browser import Browser  # noqa: E402
from ledger.runtimes import RUNTIMES, CannotStartError  # noqa: E402

PAGES = (ROOT / "docs/where-it-runs.md", ROOT / "docs/zh-CN/where-it-runs.md")
COLUMNS = (*RUNTIMES, Aarch64("aarch64", PACKAGES), Browser("web, WASM", "onnxruntime-web@1.30.0"))
ENVIRONMENTS = ROOT / ".venv-ledger"
TITLES = (("layer", "kind of network", "runtime", "version", "Python", "processor"),
          ("层", "网络种类", "运行环境", "版本", "Python", "处理器"))  # fmt: skip


def main(given: Sequence[str] | None = None) -> int:
    """Return the status of the command: 0 where every difference is small."""
    from ledger.files import rows, write_files, write_fixed_files

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    names = [runtime.name for runtime in COLUMNS]
    layers, kinds = rows()
    parser.add_argument("--only", nargs="+", choices=names, metavar="RUNTIME", help=", ".join(names))
    parser.add_argument("--rows", nargs="+", choices=layers + kinds, metavar="ROW", help="layers or kinds")
    options = parser.parse_args(given)
    results: dict[str, dict[str, Any]] = {}
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), options.rows)
        fixed = write_fixed_files(Path(folder), files)
        print(f"{len(files)} files", flush=True)
        for runtime in COLUMNS:
            if options.only and runtime.name not in options.only:
                continue
            try:
                results[runtime.name] = runtime.run(Path(folder), ENVIRONMENTS)
                print(f"{runtime.name}: {results[runtime.name]['version']}", flush=True)
            except CannotStartError as error:
                failed.append(f"{runtime.name}: CANNOT START, {error}")
    columns = {
        runtime.name: table.worst(results[runtime.name], fixed if runtime.is_fixed else files)
        for runtime in COLUMNS
        if runtime.name in results
    }
    chosen = [[row for row in part if not options.rows or row in options.rows] for part in (layers, kinds)]
    if options.only or options.rows:
        print(_tables(TITLES[0], chosen, columns, results))
    elif not failed:
        for page, titles in zip(PAGES, TITLES, strict=True):
            new = table.replaced(page.read_text("utf-8"), _tables(titles, chosen, columns, results))
            page.write_text(new, encoding="utf-8", newline="\n")
    failed += table.complaints(columns)
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


def _tables(
    titles: Sequence[str],
    chosen: Sequence[Sequence[str]],
    columns: Mapping[str, Mapping[str, float | str]],
    results: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return the three tables of the page: the runtimes, the layers, and the kinds of networks."""
    facts = [titles[2:], ["-"] * 4]
    facts += [[name, str(result["version"]), result["python"], result["processor"]]
              for name, result in results.items()]  # fmt: skip
    parts = ["".join(f"| {' | '.join(line)} |\n" for line in facts)]
    parts += [
        table.markdown(title, part, columns) for title, part in zip(titles[:2], chosen, strict=True) if part
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
