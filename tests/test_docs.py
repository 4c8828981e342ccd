"""The documentation holds together: what is made is current, links lead somewhere, what is named exists."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from manual import pages
from pipeline.reading import shipped
from tests.runs import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", path.read_text())


@cache
def anchors(path: Path) -> frozenset[str]:
    """The names of its headings, as mkdocs makes them; the second of a name has `_1` behind it."""
    found: set[str] = set()
    for title in re.findall(r"^#{1,6} +(.+?)\s*$", prose(path), re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)).strip().lower()
        name = slug = re.sub(r"[-\s]+", "-", plain)
        number = 1
        while name in found:
            name, number = f"{slug}_{number}", number + 1
        found.add(name)
    return frozenset(found)


def test_what_is_made_from_the_code_is_as_the_code_is_now() -> None:
    """Run `python -m manual` where this fails."""
    stale = [relative(path) for path, text in pages.made().items() if not path.exists() or path.read_text() != text]
    assert stale == []
    assert set(pages.REFERENCE.glob("*.md")) <= pages.made().keys()


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES], ids=relative)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        there = (path.parent / place).resolve() if place else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def test_every_page_is_in_the_navigation_once() -> None:
    def leaves(item: object) -> list[str]:
        if isinstance(item, dict):
            return [leaf for one in item.values() for leaf in leaves(one)]
        return [leaf for one in item for leaf in leaves(one)] if isinstance(item, list) else [str(item)]

    named = leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(named) == sorted(str(path.relative_to(DOCS)) for path in PAGES)


@pytest.mark.parametrize(
    "use", ["remove-people", "remove-target", "privacy", "matting", "long-videos", "semantic-coding"]
)
def test_every_use_has_a_picture(use: str) -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (DOCS / f"{use}.md").read_text())
    assert shown
    assert all((DOCS / one).stat().st_size < 2_000_000 for one in shown)


def texts() -> frozenset[str]:
    """Every piece of text in the code, those between the values of an f-string each by itself."""
    trees = [
        ast.parse(path.read_text()) for name in ("pipeline", "stages", "models") for path in (ROOT / name).rglob("*.py")
    ]
    constants = (step.value for tree in trees for step in ast.walk(tree) if isinstance(step, ast.Constant))
    return frozenset(value for value in constants if isinstance(value, str))


def test_every_message_in_troubleshooting_is_one_of_the_code() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(rows) > 25
    known = "\n".join(texts())
    pieces = [piece.strip() for row in rows for piece in row.split("…")]
    assert [piece for piece in pieces if len(piece) > 3 and piece not in known] == []


def test_the_faults_that_security_refers_to_are_rows_of_that_page() -> None:
    rows = set(re.findall(r"^\| \*\*([A-H]\d+)\*\*", (DOCS / "faults.md").read_text(), re.MULTILINE))
    named = set(re.findall(r"\b([A-H]\d+)\b", prose(DOCS / "security.md")))
    assert len(named) > 6
    assert named <= rows


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=170, check=False, env={"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "faults.html").read_text()
    assert "ledger.py" in page
    assert "pipeline/ledger.py" not in page, "the site holds no source"
    assert not re.search(r'(src|href)="https?://(fonts|unpkg|cdn)', page), "nothing is fetched from anybody"


def test_shipped_configurations_are_all_told_of() -> None:
    told = "".join(path.read_text() for path in PAGES if path.parent == DOCS)
    assert [name for name in shipped() if name not in told] == []
