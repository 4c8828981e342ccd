"""All that is made: whole pages of the reference, drawings, and the parts of other pages between two marks."""

from __future__ import annotations

import re
from pathlib import Path

from manual import commands, configurations, diagram, house, licences, metrics, numbers, pipeline, segments, stages
from pipeline.cli.drawing import mermaid
from pipeline.config import load_config

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
DRAWN = ("remove-people", "compare")


def made() -> dict[Path, str]:
    """Every file that is written, with what has to stand in it."""
    whole = {REFERENCE / name: text for name, text in stages.pages().items()}
    whole |= {REFERENCE / "pipeline.md": pipeline.page(), REFERENCE / "command-line.md": commands.page()}
    whole[REFERENCE / "configurations.md"] = configurations.page()
    whole |= {DOCS / "pictures" / f"{name}.svg": diagram.draw(name) for name in DRAWN}
    whole[DOCS / "pictures" / "segments.svg"] = segments.draw()
    for path in sorted([ROOT / "README.md", *DOCS.glob("*.md")]):
        text = path.read_text()
        if (filled := with_parts(text)) is not None:
            whole[path] = filled
    return whole


def with_parts(text: str) -> str | None:
    """The text with what is made between its marks, `<!-- made: NAME -->` and `<!-- made -->`; None where it has none.

    Raises KeyError for a NAME that is unknown."""
    marks = re.compile(r"(<!-- made: ([\w-]+) -->\n)(?:.*?\n)?(<!-- made -->)", re.DOTALL)
    if not marks.search(text):
        return None
    return marks.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[3]}", text)


def write() -> list[Path]:
    """Write what differs, and say which files that were. What is no longer made is removed from the reference."""
    whole = made()
    changed = [path for path, text in whole.items() if not path.exists() or path.read_text() != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(whole[path])
    for path in set(REFERENCE.glob("*.md")) - whole.keys():
        path.unlink()
    return changed


def _chart() -> str:
    """The flow of `remove-people` for who renders Mermaid, as GitHub and editors do."""
    plan = load_config("remove-people", given="in.mp4", wanted="out.mp4", environment={})
    return f"```mermaid\n{mermaid(plan)}\n```"


PARTS = {
    "licences": licences.table,
    "metrics": metrics.table,
    "chart": _chart,
    "numbers": numbers.table,
    "house": house.table,
}
