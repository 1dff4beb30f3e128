"""The documentation is whole: links lead somewhere, each verb is named, generated parts are current."""

import re

import pytest

from tests import console, sample_page
from tests.console import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)(?P<path>[^)#]*)(?:#(?P<anchor>[^)]+))?\)")


def name(page):
    return str(page.relative_to(ROOT))


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for match in LINK.finditer(page.read_text()):
        target = page.parent / match["path"] if match["path"] else page
        assert target.exists(), match[0]
        assert not match["anchor"] or match["anchor"] in anchors(target), match[0]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_page_is_reached_from_the_readme():
    linked = {match["path"] for match in LINK.finditer((ROOT / "README.md").read_text())}
    assert {name(page) for page in (ROOT / "docs").glob("*.md")} <= linked


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "cli.md"], ids=name)
def test_every_verb_is_named(page):
    verbs = {path.stem.replace("_", "-") for path in (ROOT / "kraftwerk" / "commands").glob("[a-z]*.py")}
    words = set(re.findall(r"[a-z-]+", page.read_text()))
    assert verbs <= words


def test_the_sample_in_the_docs_is_the_one_that_init_writes():
    text = sample_page.FILE.read_text()
    assert sample_page.page(text) == text, "make docs writes it anew"


def test_blocks_that_are_not_run_are_few():
    left_out = [f"{name(page)}:{line}" for page in PAGES for line, _, run in console.blocks(page) if not run]
    assert len(left_out) <= 7, left_out


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name)
def test_commands_stand_in_blocks_that_are_run(page):
    run = {line for _, body, _ in console.blocks(page) for line in body.splitlines()}
    assert not [line for line in page.read_text().splitlines() if line.startswith(console.PROMPT) and line not in run]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_that_is_run_elsewhere_is_named_there(page):
    for test in re.findall(r"<!-- run by (tests/\S+\.py)", page.read_text()):
        assert f'"{page.name}"' in (ROOT / test).read_text()
