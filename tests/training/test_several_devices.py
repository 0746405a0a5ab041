"""Several processes learn what one learns, write once, and end with the same network."""

from __future__ import annotations

import json
import sys

import pytest
from support import sharded
from support.paths import TESTS
from support.sharded import EQUAL, SAME, result, torchrun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="torch has no torchrun with gloo there"),
]

BEFORE = ("begun",)


def started(root, name, processes, *cases):
    """Run cases in some processes and return their output and what each process wrote."""
    folder = root / name
    folder.mkdir(exist_ok=True)
    ran = torchrun(processes, "-m", "support.sharded", folder, *cases, cwd=TESTS)
    assert ran.returncode == 0, ran.stderr
    texts = [(folder / f"rank{rank}.json").read_text(encoding="utf-8") for rank in range(processes)]
    return ran, [json.loads(text) for text in texts]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("several")


@pytest.fixture(scope="module")
def two(root):
    """What two processes gave, after one process began what they resume."""
    begun = result("begun", root / "one/begun")
    ran, found = started(root, "two", 2, *EQUAL, *SAME)
    return ran, found, begun


@pytest.fixture(scope="module")
def one(root, two):
    """What one process gave."""
    later = {case: result(case, root / "one" / case) for case in EQUAL if case not in BEFORE}
    return {"begun": two[2], **later}


def assert_close(found, expected, tolerance):
    assert found["best"] == expected["best"]
    for key in ("history", "steps"):
        assert len(found[key]) == len(expected[key]) > 0
        for row, other in zip(found[key], expected[key], strict=True):
            assert row == pytest.approx(other, rel=tolerance, abs=tolerance)
    assert found["weights"].keys() == expected["weights"].keys()
    for name, values in found["weights"].items():
        assert values == pytest.approx(expected["weights"][name], rel=tolerance, abs=tolerance), name


@pytest.mark.parametrize("case", EQUAL)
def test_two_processes_learn_what_one_learns(one, two, case):
    assert_close(two[1][0][case], one[case], 1e-5)


@pytest.mark.parametrize("case", ["long", "resumed"])
def test_another_number_of_processes_resumes(one, two, case):
    for later in (one["resumed"], two[1][0]["resumed"]):
        expected = one[case]
        assert later["history"][-1] == pytest.approx(expected["history"][-1], rel=1e-5, abs=1e-5)
        for name, values in later["weights"].items():
            assert values == pytest.approx(expected["weights"][name], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("case", [*EQUAL, *SAME])
def test_all_processes_end_with_the_same(two, case):
    main, other = two[1]
    assert main[case] == other[case]


def test_messages_come_once(two):
    lines = [line for line in two[0].stderr.splitlines() if "OMP_NUM_THREADS" not in line]
    assert len(lines) == len(set(lines)), two[0].stderr
    assert "Initializing distributed" not in two[0].stderr


def test_a_callback_ends_training_in_all(two):
    assert [len(found["stopped"]["history"]) for found in two[1]] == [2, 2]


def test_every_sample_counts_once(root, two):
    texts = [(root / f"two/recorded/recorded{rank}.json").read_text(encoding="utf-8") for rank in (0, 1)]
    main, other = (json.loads(text) for text in texts)
    assert sum(main["learned"]) + sum(other["learned"]) == 30
    assert sum(main["measured"]) + sum(other["measured"]) == 13
    assert not set(main["drawn"]) & set(other["drawn"])  # each process has random numbers of its own
    assert main["after"] == other["after"]  # what a script draws after training, such as a second split


def test_the_main_process_writes(root, two):
    folder = root / "two/written"
    sizes = [json.loads((folder / f"sizes{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]
    assert sizes[0] == sizes[1] == {"a.onnx": (folder / "a.onnx").stat().st_size}
    names = {"a.onnx", "history.png", "saved.pth", "main.pth", "basenn.pth", "best.pth", "basenn.csv"}
    assert {path.name for path in folder.iterdir()} == names | {"sizes0.json", "sizes1.json"}
    assert (root / "two/diffusion/samples").is_dir()


def test_a_process_may_have_no_sample_of_a_batch(root):
    expected = result("single_samples", root / "one/single_samples")
    _, found = started(root, "three", 3, "single_samples")
    assert_close(found[0]["single_samples"], expected, 1e-5)
    assert found[0] == found[1] == found[2]


def test_the_cases_are_of_one_kind_each():
    assert not EQUAL.keys() & SAME.keys()
    assert sharded.RANK == 0
