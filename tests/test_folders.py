"""The folders of each package, from the ground up: docs/architecture.md is the page for people.

A folder imports only those before it; no module imports one that needs it, and no private name or module is
imported from another folder. What stands under `if TYPE_CHECKING:` is for type checkers alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "onnxnn": ROOT,
    "onnxnn_runtime": ROOT / "runtime",
}
FOLDERS = {
    "onnxnn": (
        *(
            "_version",
            "graph",
            "models",
            "layers",
            "console",
            "data",
            "definition",
            "checkpoint",
            "inference",
        ),
        *(
            "training",
            "inspection",
            "export",
            "quantization",
            "kinds",
            "basenn",
            "network",
            "",
            "datasets",
            "recipe",
            "studio",
            "demo",
        ),
    ),
    "onnxnn_runtime": (
        *(
            "defaults",
            "messages",
            "targets",
            "errors",
            "api",
            "files",
            "images",
            "card",
            "arrays",
            "tables",
            "inputs",
            "outputs",
        ),
        *(
            "generation",
            "session",
            "diffusion",
            "unknown",
            "labelled",
            "results",
            "similarity",
            "opening",
            "opened",
            "embedding",
            "heatmap",
            "explaining",
            "report",
            "importance",
            "streaming",
            "model",
            "made_up",
            "tuning",
            "loading",
            "gallery",
            "bulk",
            "triton",
            "teaching",
            "verification",
            "benchmarking",
            "doctor",
            "server",
            "broker",
            "web",
            "xedu",
            "",
        ),
    ),
}
"""The folders and single modules of each package, each before those that import it; "" is its `__init__`."""

pytestmark = pytest.mark.skipif(not (ROOT / "runtime").is_dir(), reason="the sources are not here")


def modules(package: str) -> dict[str, Path]:
    """Return the modules of a package by their names within it; "" is the package's own."""
    found = {}
    for path in sorted((PACKAGES[package] / package).rglob("*.py")):
        parts = path.relative_to(PACKAGES[package] / package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(tree: ast.AST) -> Iterator[ast.ImportFrom]:
    """Yield the imports of a module, in functions too, but not those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom):
            yield node
        yield from imports_of(node)


def imported(package: str) -> dict[str, set[tuple[str, str]]]:
    """Return what each module imports of its own package: pairs of a module and a name, "" for a module."""
    known = modules(package)
    found: dict[str, set[tuple[str, str]]] = {}
    for name, path in known.items():
        here = [package, *name.split(".")] if name else [package]
        folder = here if path.name == "__init__.py" else here[:-1]
        names = found.setdefault(name, set())
        for node in imports_of(ast.parse(path.read_text(encoding="utf-8"))):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            full = [*base, *(node.module.split(".") if node.module else [])]
            if full[:1] != [package]:
                continue
            source = ".".join(full[1:])
            for alias in node.names:
                module = f"{source}.{alias.name}".lstrip(".")
                names.add((module, "") if module in known else (source, alias.name))
    return found


def folder_of(module: str) -> str:
    return module.partition(".")[0]


def asked_types(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module gives to `isinstance` and `issubclass` as classes."""
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if is_call and node.func.id in ("isinstance", "issubclass"):
            yield from (each.id for each in ast.walk(node.args[1]) if isinstance(each, ast.Name))


def test_layers_answer_for_themselves():
    asking = [
        f"{module} asks for {asked}"
        for module, names in imported("onnxnn").items()
        if folder_of(module) not in ("layers", "definition")
        for asked in asked_types(ast.parse(modules("onnxnn")[module].read_text(encoding="utf-8")))
        if any(folder_of(source) == "layers" and name == asked for source, name in names)
        if not asked.endswith(("Module", "Classifier"))  # modules of torch
    ]
    assert asking == []


def test_kinds_alone_ask_what_a_network_is():
    asking = [
        f"{module}: {ast.unparse(node)}"
        for module, path in modules("onnxnn").items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("diffusion", "teacher_forcing")
        if folder_of(module) != "kinds" or not ast.unparse(node.value).endswith("card")
    ]
    assert asking == [
        "kinds.denoiser: entry.layer.diffusion",
        "kinds.seq2seq: entry.layer.teacher_forcing",
    ]


def asks_what_a_model_does(node: ast.AST) -> bool:
    """Return whether code reads a card's `diffusion`, or compares with what the output of one kind is."""
    if isinstance(node, ast.Attribute):
        return node.attr == "diffusion"
    if not isinstance(node, ast.Compare):
        return False
    constants = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    asked = {ast.unparse(each) for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return "embedding" in constants or (
        any(each.endswith("output.kind") for each in asked) and not constants.isdisjoint(("tokens", "image"))
    )


def test_one_module_asks_what_a_model_file_does():
    packages = (ROOT / "runtime" / "onnxnn_runtime", ROOT / "cli" / "onnxnn_cli")
    asking = {
        path.relative_to(package).as_posix()
        for package in packages
        for path in package.rglob("*.py")
        if any(map(asks_what_a_model_does, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert asking == {"card/card.py", "card/kind.py"}  # the card keeps the field


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_has_its_place(package):
    assert {folder_of(name) for name in modules(package)} == set(FOLDERS[package])
    assert len(FOLDERS[package]) == len(set(FOLDERS[package]))


@pytest.mark.parametrize("package", PACKAGES)
def test_folders_import_only_those_before_them(package):
    place = {name: number for number, name in enumerate(FOLDERS[package])}
    wrong = [
        f"{module} imports {source}"
        for module, names in imported(package).items()
        for source, _ in names
        if place[folder_of(source)] > place[folder_of(module)]
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_imported_by_what_it_imports(package):
    edges = {name: {source for source, _ in names} - {name} for name, names in imported(package).items()}
    while True:
        free = [name for name, sources in edges.items() if not sources & edges.keys()]
        if not free:
            break
        for name in free:
            del edges[name]
    assert edges == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_private_names_stay_in_their_folder(package):
    def is_private(name: str) -> bool:
        return re.match("_[^_]", name) is not None and name != "_version"

    wrong = [
        f"{module} imports {source} {name}"
        for module, names in imported(package).items()
        for source, name in names
        if folder_of(source) != folder_of(module) and any(map(is_private, [*source.split("."), name]))
    ]
    assert wrong == []


def test_the_page_names_every_folder():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for package, folders in FOLDERS.items():
        part = page.split(f"## `{package}`")[1].split("\n## ")[0]
        listed = [name.strip("/") for name in re.findall(r"^\| `([\w/]+)` \|", part, re.MULTILINE)]
        assert listed == [name for name in folders if name and name != "_version"]
