"""Every file is written by `write_atomically`: whole or not at all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("onnxnn", "runtime/onnxnn_runtime", "cli/onnxnn_cli")
    for path in (ROOT / folder).rglob("*.py")
)

WRITING_METHODS = {
    "write_text",
    "write_bytes",
    "tofile",
    "to_csv",
    "to_parquet",
    "copyfile",
    "savetxt",
}
"""Methods and functions that write to a path by themselves."""

SAVING_METHODS = {"save", "savez", "savez_compressed", "savefig", "savetxt", "dump"}
"""Those that write to a path or to an open file, here always to the file that `write_atomically` opened."""

ALLOWED = {
    ("atomic.py", "open"): "creates the temporary file",
    ("atomic.py", "copyfile"): "where a file system cannot rename",
    ("atomic.py", "write_bytes"): "brings the old content back",
    ("callbacks.py", "write_bytes"): "an empty file that finds out whether a folder can be written",
    ("hnsw.py", "save"): "usearch writes the part that is renamed when it is whole",
    ("int8.py", "save"): "into a temporary folder, which the tools of ONNX Runtime read",
    ("lock.py", "open"): "a file that is locked; its text is for people alone",
    ("predict.py", "save"): "`HeatMap.save`, which writes so",
    ("report.py", "save"): "of a `ModelReport`, which writes by `write_atomically` itself",
    ("samples.py", "open"): "a table from memory, into a temporary folder",
    ("child.py", "write_text"): "into the parent's temporary folder",
    ("teach.py", "save"): "`TaughtModel.save`, which writes so",
    ("child.py", "savez"): "into the parent's temporary folder",
}


def writes_in(text, name):
    """Yield (line, what) of every call that writes a file past `write_atomically`."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        names = {each.id for each in node.args if isinstance(each, ast.Name)}
        to_open_file = bool(names & {"file", "buffer"})
        modes = [
            each.value
            for each in [*node.args, *(k.value for k in node.keywords)]
            if isinstance(each, ast.Constant)
        ]
        opens = called == "open" and any(
            isinstance(m, str) and set(m) <= set("wxabt+") and set(m) & set("wxa+") for m in modes
        )
        saves = called in SAVING_METHODS and not to_open_file and not is_ours(node.func)
        if (opens or saves or called in WRITING_METHODS) and (name, called) not in ALLOWED:
            yield node.lineno, called


def is_ours(function):
    """Return whether `save` is ours, which writes by `write_atomically` itself."""
    owner = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id in ("checkpoint", "checkpoints")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_written_in_another_way(path):
    assert list(writes_in(path.read_text(encoding="utf-8"), path.name)) == []


@pytest.mark.parametrize(
    "text",
    [
        'open(path, "w").write("x")',
        'open(path, mode="ab")',
        'path.open("wb")',
        'path.write_text("x")',
        "path.write_bytes(data)",
        "image.save(path)",
        "np.savez(path, a=1)",
        "figure.savefig(str(path))",
        "shutil.copyfile(a, b)",
        "array.tofile(path)",
    ],
)
def test_other_ways_are_noticed(text):
    assert list(writes_in(text, "any.py"))


@pytest.mark.parametrize("text", ['open(path, "rb")', 'path.open("rb")', "image.save(file)", "open(path)"])
def test_reading_is_no_writing(text):
    assert list(writes_in(text, "any.py")) == []
