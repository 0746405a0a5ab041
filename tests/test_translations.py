"""Chinese pages follow the English ones: the same headings, tables and code, and links that resolve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.zh-CN.md": "README.md",
    "docs/zh-CN/first-network.md": "docs/guides/first-network.md",
    "docs/zh-CN/differences-from-basenn.md": "docs/differences-from-basenn.md",
    "docs/zh-CN/boards.md": "docs/boards.md",
    "docs/zh-CN/commands.md": "docs/commands.md",
    "docs/zh-CN/serving.md": "docs/serving.md",
    "docs/zh-CN/few-photographs.md": "docs/few-photographs.md",
    "docs/zh-CN/deploy.md": "docs/deploy.md",
    "docs/zh-CN/galleries.md": "docs/galleries.md",
    "docs/zh-CN/browser-page.md": "docs/browser-page.md",
    "docs/zh-CN/report.md": "docs/report.md",
    "docs/zh-CN/files.md": "docs/files.md",
    "docs/zh-CN/tables.md": "docs/tables.md",
    "docs/zh-CN/image-data.md": "docs/image-data.md",
    "docs/zh-CN/studio.md": "docs/studio.md",
    "docs/zh-CN/quantization.md": "docs/quantization.md",
    "docs/zh-CN/devices.md": "docs/devices.md",
    "docs/zh-CN/unknown.md": "docs/unknown.md",
    "docs/zh-CN/heat-maps.md": "docs/heat-maps.md",
    "docs/zh-CN/benchmarking.md": "docs/benchmarking.md",
    "docs/zh-CN/where-it-runs.md": "docs/where-it-runs.md",
    "docs/zh-CN/training-on-several-devices.md": "docs/training-on-several-devices.md",
}
"""Chinese page -> English page."""

NAMES = re.compile(r"`([a-z0-9_./\[\]=-]*(?:\(|--|\.)[^`]*)`")
"""Code in a line: calls, options and file names, which no language changes."""


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text):
    return re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_every_chinese_page_is_compared():
    found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md") if "zh-CN" in path.parts}
    assert found | {"README.zh-CN.md"} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_both_pages_carry_the_same_code(page):
    assert blocks(text_of(page)) == blocks(text_of(PAGES[page]))


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.zh-CN.md"])
def test_both_pages_have_the_same_headings(page):
    levels = [re.findall(r"^(#+) ", text_of(each), re.MULTILINE) for each in (page, PAGES[page])]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("page", PAGES)
def test_both_pages_have_the_same_tables(page):
    rows = [
        [line for line in text_of(each).splitlines() if line.startswith("|")] for each in (page, PAGES[page])
    ]
    assert len(rows[0]) == len(rows[1])
    for chinese, english in zip(*rows, strict=True):
        assert set(NAMES.findall(chinese)) == set(NAMES.findall(english))


@pytest.mark.parametrize("page", PAGES)
def test_each_page_leads_to_the_other(page):
    chinese, english = ROOT / page, ROOT / PAGES[page]
    for here, there in ((chinese, english), (english, chinese)):
        links = re.findall(r"\]\(([^)#:]+)\)", here.read_text(encoding="utf-8"))
        assert there.resolve() in {(here.parent / link).resolve() for link in links}


@pytest.mark.parametrize("page", PAGES)
def test_links_of_chinese_pages_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", text_of(page)):
        assert (ROOT / page).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_chinese_pages_are_chinese(page):
    measured = "<!-- ledger: begin -->.*<!-- ledger: end -->"  # numbers, and names of runtimes
    prose = re.sub(measured + r"|```.*?```|`[^`]*`|\([^)]*\)", "", text_of(page), flags=re.DOTALL)
    chinese = len(re.findall(r"[\u4e00-\u9fff]", prose))
    assert chinese > len(re.findall(r"[A-Za-z]", prose))
