"""What GitHub and pre-commit run is what people run with make, on what the requirements promise."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")  # comes with the training package
tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")  # pytest brings it

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
JOBS = yaml.safe_load(WORKFLOW)["jobs"]
MATRIX = JOBS["test"]["strategy"]["matrix"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FORMS = [
    path for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"
]
CHINESE = re.compile("[\u4e00-\u9fff]")


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_github_runs_every_job_of_make():
    run = [line.split()[1] for job in JOBS.values() for line in commands(job) if line.startswith("make ")]
    assert run == re.search(r"^all-jobs: (.*)$", MAKEFILE, re.MULTILINE)[1].split()


def test_a_job_that_did_not_pass_fails_the_workflow():
    last = JOBS["all-jobs"]
    assert last["if"] == "always()"
    assert last["needs"] == [name for name in JOBS if name != "all-jobs"]
    assert '[ "$result" = success ] || ' in commands(last)[0]
    assert not re.search("continue-on-error|SKIP_", WORKFLOW)
    assert [name for name, job in JOBS.items() if "if" in job] == ["all-jobs"]


def test_the_whole_ledger_is_a_job_that_fails():
    text = (ROOT / ".github/workflows/ledger.yml").read_text("utf-8")
    assert re.search(r"^  workflow_dispatch:\n  schedule:\n    - cron: ", text, re.MULTILINE)
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert "make ledger" in commands(job)
    assert not re.search("continue-on-error|SKIP_", text)
    runtimes = (ROOT / "scripts/ledger/runtimes.py").read_text("utf-8")
    pythons = {f"3.{minor}" for minor in re.findall(r"\(3, (\d+)\), \(", runtimes)}
    assert pythons - {"3.11"} == {*re.search(r"uv python install (.*)", text)[1].split()}  # Debian has 3.11


def test_the_lowest_and_the_newest_torch_are_tried():
    (lowest,) = [need for need in PROJECT["dependencies"] if re.match(r"torch\b", need)]
    tried = {*MATRIX["torch"], *(row["torch"] for row in MATRIX["include"])}
    (pinned,) = tried - {"torch"}
    assert re.fullmatch(rf"{re.escape(lowest.replace('>=', '=='))}(\.0)*", pinned)


def test_every_python_is_tried_and_the_outermost_on_every_system():
    outermost = MATRIX["python"]
    tried = {*outermost, *(row["python"] for row in MATRIX["include"])}
    assert f">={outermost[0]}" == PROJECT["requires-python"]
    first, last = (int(version.split(".")[1]) for version in outermost)
    assert tried == {f"3.{minor}" for minor in range(first, last + 1)}
    assert [name.split("-")[0] for name in MATRIX["os"]] == ["ubuntu", "windows", "macos"]


def test_pre_commit_runs_what_make_check_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [each["repo"] for each in hooks] == ["local"]  # so that pyproject.toml alone sets versions
    entries = [hook["entry"] for hook in hooks[0]["hooks"]]
    check = re.search(r"^check: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    tools = [re.sub(r"\$\(BIN\)/| --check| \.$", "", line.strip()) for line in check.splitlines()]
    assert [re.sub("python -m | --force-exclude", "", entry) for entry in entries] == tools
    for tool in ("ruff", "mypy"):
        (pin,) = [need for need in PROJECT["optional-dependencies"]["dev"] if need.startswith(tool)]
        assert re.fullmatch(rf"{tool}>=[\d.]+,<[\d.]+", pin)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_every_label_of_an_issue_form_is_in_english_and_chinese(path):
    form = yaml.safe_load(path.read_text("utf-8"))
    texts = [form["name"], form["description"]]
    for part in form["body"]:
        attributes = part["attributes"]
        texts += [
            attributes[key] for key in ("label", "description", "value", "placeholder") if key in attributes
        ]
    assert len(texts) > 5
    assert [text for text in texts if not (CHINESE.search(text) and re.search("[A-Za-z]{3}", text))] == []
