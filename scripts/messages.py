"""Bring the Chinese catalogues up to date with the source, and compile them.

    python scripts/messages.py          extract, keep translations, compile; prints what has none yet
    python scripts/messages.py --check  change nothing; exit with 1 where a catalogue is out of date

The literals in calls of gettext, gettext_noop, ngettext and coded (onnxnn_runtime.messages.catalogue) are
extracted, and the first lines of the docstrings of layers, which `onnxnn layers` prints.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("runtime/onnxnn_runtime", "cli/onnxnn_cli", "onnxnn")
LOCALE = "zh_CN"
DATE = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""The date in the compiled catalogues: that of the day would change the files each time."""
KEYWORDS = {"gettext": (1,), "gettext_noop": (1,), "ngettext": (1, 2), "coded": (2,)}


def po_file(package: str) -> Path:
    """Return the catalogue of a package; the compiled one stands beside it."""
    return ROOT / package / "locale" / LOCALE / "LC_MESSAGES" / f"{Path(package).name}.po"


def extracted(package: str) -> dict[str | tuple[str, ...], list[str]]:
    """Return the messages of a package, each with the modules that say it."""
    found: dict[str | tuple[str, ...], list[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        with path.open("rb") as file:
            messages = [each[1] for each in extract("python", file, KEYWORDS, options={"encoding": "utf-8"})]
        for message in [*messages, *_layers(path)]:
            modules = found.setdefault(message, [])
            name = path.relative_to(ROOT / package).as_posix()
            if name not in modules:
                modules.append(name)
    return found


def _layers(path: Path) -> list[str]:
    """Return what each layer of a module does: the first line of its docstring."""
    if path.parent.name != "layers":
        return []
    classes = (
        node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)
    )
    docstrings = [
        ast.get_docstring(each) or "" for each in classes if any(map(_is_layer, each.decorator_list))
    ]
    return [text.partition("\n")[0] for text in docstrings]


def _is_layer(decorator: ast.expr) -> bool:
    made = decorator.func if isinstance(decorator, ast.Call) else None
    return isinstance(made, ast.Name) and made.id == "layer"


def updated(package: str) -> Catalog:
    """Return the catalogue with the messages of the source and the translations that it had."""
    before = Catalog(locale=LOCALE)
    if po_file(package).exists():
        with po_file(package).open("rb") as file:
            before = read_po(file, locale=LOCALE)
    catalogue = Catalog(LOCALE, fuzzy=False, project="onnxnn", creation_date=DATE)
    for message, modules in extracted(package).items():
        known = before.get(message if isinstance(message, str) else message[0])
        places = [(module, None) for module in modules]
        catalogue.add(message, known.string if known is not None else None, locations=places)
    return catalogue


def po_text(catalogue: Catalog) -> bytes:
    """Return a catalogue as .po, without the header, whose dates would differ each time."""
    file = io.BytesIO()
    write_po(file, catalogue, width=110, sort_output=True, omit_header=True, include_lineno=False)
    return file.getvalue()


def is_up_to_date(package: str) -> bool:
    """Return whether both files of a catalogue say what the source and the translations say."""
    catalogue, po = updated(package), po_file(package)
    if not po.exists() or po.read_bytes() != po_text(catalogue) or not po.with_suffix(".mo").exists():
        return False
    with po.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    return _strings(compiled) == _strings(catalogue)


def _strings(catalogue: Catalog) -> dict[object, object]:
    """Return English -> Chinese, of plurals tuples: one reader gives lists of them, the other tuples."""
    return {
        _hashable(each.id): _hashable(each.string) for each in catalogue if each.id and any(each.string or ())
    }


def _hashable(text: str | Sequence[str] | None) -> str | tuple[str, ...]:
    return text if isinstance(text, str) else tuple(text or ())


def untranslated(catalogue: Catalog) -> list[str]:
    """Return the messages that have no translation."""
    return [str(message.id) for message in catalogue if message.id and not any(message.string or ())]


def main() -> None:
    """Write the catalogues, or check them."""
    parser = argparse.ArgumentParser(description="Update the Chinese catalogues.")
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    wrong = False
    for package in PACKAGES:
        if not is_up_to_date(package):
            wrong = True
            print(f"{po_file(package).relative_to(ROOT)} {'is out of date' if check else 'is updated'}")
        catalogue = updated(package)
        if not check:
            po_file(package).parent.mkdir(parents=True, exist_ok=True)
            po_file(package).write_bytes(po_text(catalogue))
            with po_file(package).with_suffix(".mo").open("wb") as mo:
                write_mo(mo, catalogue)
        for message in untranslated(catalogue):
            wrong = True
            print(f"{package}: no translation of {message!r}")
    if check and wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
