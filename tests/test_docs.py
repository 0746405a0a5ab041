"""What the README and the documentation show is run."""

from __future__ import annotations

import functools
import importlib
import json
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnxnn_runtime
import pytest
from PIL import Image
from support.prepared import run_python

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS_PAGES = ("docs/commands.md", "cli/README.md")

pytestmark = pytest.mark.needs_torch


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def run(arguments, folder):
    done = run_python(arguments, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


POEMS = """
from onnxnn import nn
model = nn("gen")
model.load_dataset([[0, 1, 2, 3]] * 4, word2idx={"春": 0, "江": 1, "花": 2, "月": 3})
model.add("em_lstm", size=(4, 8))
model.export("poems.onnx")
model = nn("gen")
model.add("transformer", source_vocab=13, target_vocab=13, size=(8, 16), max_length=12)
model.export("reverse.onnx")
"""
"""What makes the poems.onnx and the reverse.onnx of the commands."""


OLD = """
import torch
from BaseNN.BaseNN import Reshape
module = torch.nn.Sequential(Reshape(), torch.nn.Linear(4, 2), torch.nn.Softmax(dim=1))
torch.save({"meta": {"dataset_type": "tab", "input_size": [1, 4]}, "state_dict": module}, "old.pth")
"""
"""What makes the old.pth of the commands, with the package that stands in for BaseNN."""


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """A folder in which the README's ten lines have been run: pets.onnx, ckpt, images, and poems.onnx."""
    folder = tmp_path_factory.mktemp("pets")
    draw = np.random.default_rng(0)
    for name, red in (("cat", 200), ("dog", 40)):
        (folder / "pets/train" / name).mkdir(parents=True)
        for number in range(10):
            pixels = draw.integers(0, 60, (80, 60, 3), dtype=np.uint8)
            pixels[..., 0] += np.uint8(red - 20)
            Image.fromarray(pixels).save(folder / "pets/train" / name / f"{number}.png")
        shutil.copy(folder / "pets/train" / name / "0.png", folder / f"{name}.png")
        with Image.open(folder / f"{name}.png") as image:
            image.save(folder / f"{name}.jpg")
    shutil.copytree(folder / "pets/train/cat", folder / "photos")
    shutil.copytree(folder / "pets/train", folder / "fruit")
    shutil.copytree(ROOT / "recipes", folder / "recipes", ignore=shutil.ignore_patterns("lenet"))
    training = blocks(README, "python")[0]
    assert "epochs=20" in training
    run(["-c", training.replace("epochs=20", "epochs=1").replace("(224, 224)", "(64, 64)")], folder)
    run(["-c", POEMS], folder)
    shutil.copy(ROOT / "tests/golden/models/denoiser_classes.onnx", folder / "digits.onnx")
    shutil.copytree(ROOT / "tests/basenn/fake/BaseNN", folder / "BaseNN")
    run(["-c", OLD], folder)
    return folder


def test_the_script_has_ten_lines():
    assert len([line for line in blocks(README, "python")[0].splitlines() if line.strip()]) == 10


@pytest.mark.slow
def test_the_readme_uses_the_exported_file(pets):
    (_, using) = blocks(README, "python")
    done = run(["-c", using], pets)
    assert "label=" in done.stdout


@pytest.mark.slow
def test_the_page_of_galleries(pets):
    first, second = blocks((ROOT / "docs/galleries.md").read_text(encoding="utf-8"), "python")
    lines = run(["-W", "error", "-c", first + second], pets).stdout.splitlines()
    assert len(lines) == 4
    assert lines[-1] in ("cat", "dog"), "which one is luck after one epoch without a seed"


@pytest.mark.slow
def test_the_readme_of_the_runtime(pets):
    (code,) = blocks((ROOT / "runtime/README.md").read_text(encoding="utf-8"), "python")
    assert "label=" in run(["-W", "error", "-c", code], pets).stdout


def documented():
    """Return every command of the pages on commands but those that have tests of their own."""
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in COMMANDS_PAGES]
    lines = [line for page in pages for block in blocks(page, "sh") for line in block.splitlines()]
    others = ("onnxnn demo", "onnxnn serve", "onnxnn studio")
    return [line for line in dict.fromkeys(lines) if not line.startswith(others)]


@pytest.mark.slow
@pytest.mark.parametrize("line", documented())
def test_documented_commands_work(pets, line):
    name, *arguments = shlex.split(line)
    assert name == "onnxnn"
    run(["-m", "onnxnn_cli", *arguments], pets)


def test_the_set_up_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = blocks(README, "sh")[0].split("\n")
    assert lines[:2] == ["make demo", "make test"]
    for line in filter(None, lines):
        assert f"\n{line.split()[1]}:" in makefile


def contributing():
    """Return every line that CONTRIBUTING shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [line for block in blocks(text, "sh") for line in block.splitlines()]


def test_the_targets_of_contributing_are_those_of_the_makefile():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1].split()
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"make ([a-z0-9]+(?:-[a-z]+)*)[`\n]", text)) == set(targets) - {
        "demo",
        "fuzz",
        "clean",
    }


@pytest.mark.parametrize("line", [line for line in contributing() if line.startswith(".venv/bin/python ")])
def test_the_commands_of_contributing(line):
    """Tests are collected, not run, and a script is only read."""
    arguments = shlex.split(line)[1:]
    if arguments[0].startswith("scripts/"):
        compile((ROOT / arguments[0]).read_text(encoding="utf-8"), arguments[0], "exec")
    else:
        done = run([*arguments, "--collect-only", "-q", "-p", "no:cacheprovider"], ROOT)
        assert re.search(r"\b\d+(/\d+)? tests collected", done.stdout)


def test_the_other_commands_of_contributing_are_known():
    known = ("make ", ".venv/bin/python ", "pip install pre-commit", "pre-commit install")
    assert [line for line in contributing() if not line.startswith(known)] == []


def test_the_readme_installs_the_torch_that_make_installs():
    (version,) = set(re.findall(r"torch==[\d.]+", README))
    assert f"TORCH := {version}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("line", sorted(set(re.findall(r"`pip install (\"\./.*?)`", README))))
def test_the_pip_lines_of_the_readme(line):
    """A dry run without dependencies: the folders, the extras and the metadata are right."""
    pip = ["-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
    run([*pip, *shlex.split(line)], ROOT)


RUN = {
    "README.md": {"python": 2, "sh": 1},
    "README.zh-CN.md": {"python": 2, "sh": 1},  # the same blocks: see test_translations.py
    "CONTRIBUTING.md": {"sh": 5},
    "runtime/README.md": {"python": 1},
    **{page: {"sh": None} for page in COMMANDS_PAGES},
    "docs/deploy.md": {"python": 3, "sh": 1, "yaml": 1},  # run by test_deploy_page.py
    "docs/zh-CN/deploy.md": {"python": 3, "sh": 1, "yaml": 1},  # the same blocks: see test_translations.py
}
"""The pages whose blocks are run here, and how many each has; test_guides.py runs all of docs but these."""


PUBLISHED = {
    "docs/image-data.md": {"python": None, "": 2},
    "docs/zh-CN/image-data.md": {"python": None, "": 2},  # the same blocks: see test_translations.py
    "docs/few-photographs.md": {"": 2},
    "docs/zh-CN/few-photographs.md": {"": 2},  # the same blocks: see test_translations.py
}
"""Pages with blocks that need published weights: tests/models/test_efficientnet_weights.py runs them."""


def pages():
    folders = (ROOT, ROOT / "runtime", ROOT / "cli", ROOT / "onnxnn/datasets")
    return sorted([path for folder in folders for path in folder.glob("*.md")] + [*ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_of_code_is_run_by_a_test(path):
    fences = re.findall(r"^[ >]*(?:```+|~~~+) *(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert not any(fences[1::2]), "a block that does not end"
    found = Counter(fences[::2])
    name = path.relative_to(ROOT).as_posix()
    others = {"python": None, "sh": None} if name.startswith("docs/") else {}
    known = {**RUN, **PUBLISHED}.get(name, others)
    assert set(found) <= set(known), "code that no test runs"
    assert all(count in (found[language], None) for language, count in known.items())


def test_the_page_on_files_lists_every_key_of_the_card():
    section = (ROOT / "docs/files.md").read_text(encoding="utf-8").split("## The card")[1].split("## ")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)))
    card = onnxnn_runtime.load(ROOT / "tests/golden/models/denoiser_classes.onnx", device="cpu").card
    assert set(listed) == set(json.loads(card.to_json()))


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")))
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name}: {target}"


NAMED = re.compile(r"`((?:onnxnn|onnxnn_runtime|onnxnn_cli|tests|scripts)(?:[./]\w+)+(?:\.py)?)[/`(]")
"""A module, a name in it, or a file, that a page names."""


def exists(name):
    if "/" in name:
        return any((ROOT / folder / name).exists() for folder in ("", "runtime", "cli"))
    for count in range(name.count(".") + 1, 0, -1):
        parts = name.split(".")
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        try:
            functools.reduce(getattr, parts[count:], found)
        except AttributeError:
            return False
        return True
    return False


@pytest.mark.parametrize(
    "path",
    [path for path in pages() if path.name != "CHANGELOG.md"],  # it names what was there then
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_modules_and_files_that_a_page_names_exist(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [name for name in NAMED.findall(text) if not exists(name)] == []
