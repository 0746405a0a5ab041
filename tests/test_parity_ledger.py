"""scripts/parity_ledger.py: the files, what a runtime says of them, and the tables of the page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
PAGES = ("docs/where-it-runs.md", "docs/zh-CN/where-it-runs.md")

pytestmark = [
    pytest.mark.skipif(not (SCRIPTS / "parity_ledger.py").is_file(), reason="the sources are not here"),
    pytest.mark.needs_torch,
]


@pytest.fixture(scope="module", autouse=True)
def scripts():
    """Let the tests import the parts of the script."""
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def files(tmp_path_factory, scripts):
    """Return a folder with the files of three rows, and the row of each."""
    from ledger.files import write_files

    folder = tmp_path_factory.mktemp("files")
    return folder, write_files(folder, ["lstm", "squeeze", "language model"])


def test_every_layer_has_a_row_or_a_kind_of_network():
    from ledger.files import IN_KINDS, rows

    from onnxnn.layers import registry

    layers, kinds = rows()
    assert {*layers, *IN_KINDS} == set(registry)
    assert {*IN_KINDS.values()} <= {*kinds}
    assert len(layers) >= 40


def test_every_class_of_networks_has_a_kind_of_network():
    from ledger.files import KIND_OF, rows

    from onnxnn.kinds import NetworkKind, registered

    assert set(KIND_OF) == {kind.__name__ for kind in (NetworkKind, *registered())}
    assert {*KIND_OF.values()} <= {*rows()[1]}


def test_every_runtime_that_was_promised_has_a_column():
    from ledger.runtimes import RUNTIMES
    from parity_ledger import COLUMNS

    names = [column.name for column in COLUMNS]
    assert len(names) == len(set(names)) >= 9
    assert {"1.13.1", "newest", "aarch64", "OpenVINO", "onnx.reference", "web, WASM"} <= {*names}
    (board,) = [runtime for runtime in RUNTIMES if runtime.name == "1.13.1"]
    assert (board.python, board.packages[0]) == ((3, 7), "onnxruntime==1.13.1")


def test_the_newest_runtime_agrees_with_torch(files):
    from ledger import engines, table

    folder, rows = files
    result = engines.run_all("onnxruntime", str(folder))
    cells = table.worst(result, rows)
    assert set(cells) == {"lstm", "squeeze", "language model"}
    assert all(cell < 2e-6 for cell in cells.values()), cells
    assert cells["lstm"] > 0
    assert table.complaints({"newest": cells}) == []


def test_files_with_fixed_shapes_take_one_sample_and_agree(files):
    """As `export(fixed_shapes=...)` writes them; a network from sequence to sequence has none."""
    from ledger import engines
    from ledger.files import FIXED, write_files, write_fixed_files

    folder, rows = files
    fixed = write_fixed_files(folder, rows)
    assert fixed == rows
    result = engines.run_all("onnxruntime", str(folder / FIXED))
    assert all(difference < 2e-6 for difference in result["files"].values()), result
    for path in (folder / FIXED).glob("*.onnx"):
        sizes = [dim for value in onnx.load(path).graph.input for dim in value.type.tensor_type.shape.dim]
        assert all(dim.HasField("dim_value") for dim in sizes)
    names = write_files(folder / "more", ["from sequence to sequence"])
    assert write_fixed_files(folder / "more", names) == {}


def test_columns_of_fixed_files_run_those():
    from ledger import table
    from ledger.runtimes import RUNTIMES

    fixed = [runtime.name for runtime in RUNTIMES if runtime.is_fixed]
    assert fixed == ["newest, fixed", "tract, fixed", "OpenCV, fixed"]
    assert table.text(None) == "–"
    lines = table.markdown("kind", ["lstm", "a kind"], {"tract, fixed": {"lstm": 0.0}}).splitlines()
    assert lines[2:] == ["| `lstm` | 0 |", "| a kind | – |"]


def test_an_engine_runs_alone_and_names_what_fails(files, tmp_path):
    from ledger import engines

    folder, rows = files
    first = sorted(rows)[0]
    for path in folder.glob(first + ".*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    np.savez(tmp_path / "broken.npz", **{"out:output": np.zeros(2)})
    result = tmp_path / "result.json"
    command = [sys.executable, "-I", engines.__file__, "reference", str(tmp_path), str(result)]
    subprocess.run(command, check=True)
    said = json.loads(result.read_text("utf-8"))["files"]
    assert said[first] < 1e-5
    assert isinstance(said["broken"], str)


@pytest.mark.parametrize(
    ("found", "expected", "wanted"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([10.0, 21.0], [10.0, 20.0], 0.05),
        ([0.5, 0.0], [0.0, 0.0], 0.5),
        ([[1.0]], [1.0], float("inf")),
        ([float("nan")], [1.0], float("inf")),
        ([], [], 0.0),
    ],
)
def test_difference(found, expected, wanted):
    from ledger import engines

    assert engines.difference(np.array(found), np.array(expected)) == pytest.approx(wanted)


def test_an_output_that_is_missing_is_wrong():
    from ledger import engines

    assert engines.largest({"output": np.ones(2)}, {"output": np.ones(2), "state": np.ones(1)}) == float(
        "inf"
    )


def test_the_table_marks_what_is_wrong_and_the_ledger_complains():
    from ledger import table

    rows = {"0": "lstm", "1": "lstm", "2": "rnn", "3": "a kind", "4": "elu"}
    new = {"0": 3e-7, "1": 2e-4, "2": 0.0, "3": "Fail: no such operator"}
    cells = {"new": table.worst({"files": new}, rows), "onnx.reference": dict.fromkeys(rows.values(), 0.0)}
    printed = table.markdown("layer", ["lstm", "rnn", "a kind", "elu"], cells).splitlines()
    assert printed == [
        "| layer | new | onnx.reference |",
        "| - | - | - |",
        "| `lstm` | 🔴 2e-04 | 0 |",
        "| `rnn` | 0 | 0 |",
        "| a kind | 🔴 fails | 0 |",
        "| `elu` | 🔴 fails | 0 |",
    ]
    assert table.complaints(cells) == [
        "lstm in new: differs by 0.0002, more than 0.0001",
        "a kind in new: Fail: no such operator",
        "elu in new: was not run",
        "rnn in onnx.reference: is right now. Take it out of KNOWN in table.py.",
    ]


def test_a_runtime_that_cannot_start_says_why(tmp_path, monkeypatch):
    from ledger.runtimes import CannotStartError, Runtime

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    runtime = Runtime("1.0", "onnxruntime", (3, 2), ("onnxruntime==1.0",))
    with pytest.raises(CannotStartError, match=r"expected Python 3.2, found none. Set PYTHON32 to its path"):
        runtime.run(tmp_path, tmp_path)
    with pytest.raises(CannotStartError, match=r"absent: the engine did not run .*KeyError"):
        Runtime("absent", "no_engine").run(_one_file(tmp_path), tmp_path)


def _one_file(folder):
    (folder / "0.onnx").write_bytes(b"")
    np.savez(folder / "0.npz", **{"out:output": np.zeros(1)})
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_every_row_and_explains_what_is_red(page):
    from ledger import table
    from ledger.files import rows
    from parity_ledger import COLUMNS

    text = (ROOT / page).read_text("utf-8")
    prose, _, tables = text.partition(table.BEGIN)
    header, *lines = [line for line in tables.splitlines() if line.startswith("| ")]
    found = {line.split(" | ")[0].strip("| `"): line for line in lines}
    for row in (row for part in rows() for row in part):
        assert row in found, f"{row}: run make ledger"
        assert found[row].count("🔴") == len([each for each in table.KNOWN if each[1] == row]), found[row]
    assert header
    for column in COLUMNS:
        assert column.name in found, f"{column.name}: run make ledger"
    for runtime, row in table.KNOWN:
        assert f"**{runtime}**" in prose
        assert f"`{row}`" in prose


def test_pages_keep_what_is_around_the_tables():
    from ledger import table

    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    assert table.replaced(page, "new\n") == f"before\n{table.BEGIN}\n\nnew\n\n{table.END}\nafter\n"
    with pytest.raises(ValueError, match="has no"):
        table.replaced("nothing", "new")
