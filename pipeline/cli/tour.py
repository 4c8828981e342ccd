"""`make demo`: fetch real footage, remove the people from it, and leave pictures to look at."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.cli import footage
from pipeline.cli.demo import contact_sheet, side_by_side
from pipeline.cli.progress import Progress
from pipeline.cli.run import summary
from pipeline.config import load_config
from pipeline.errors import CleanplateError
from pipeline.run import run_plan

FRAMES = 300


def tour(folder: Path) -> None:
    """Make demo.mp4, demo-side-by-side.mp4, demo.png and demo.json in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    street = footage.fetch("demo")
    clean = folder / "demo.mp4"
    plan = load_config("remove-people", given=str(street), wanted=str(clean))
    with Progress(quiet=False, total=FRAMES) as progress:
        result = run_plan(plan, limit=FRAMES, report=folder / "demo.json", told=progress.say, tick=progress.tick)
    if result.code:
        raise CleanplateError(result.error or f"the run ended with {result.code}")
    both, sheet = folder / "demo-side-by-side.mp4", folder / "demo.png"
    side_by_side(street, clean, both)
    contact_sheet(street, clean, sheet)
    rows = (
        ("input", street),
        ("clean", clean),
        ("side by side", both),
        ("four moments", sheet),
        ("run report", folder / "demo.json"),
    )
    print(summary(result.report))
    print("\n".join(f"  {name:<13} {path}" for name, path in rows))


if __name__ == "__main__":
    try:
        tour(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
    except CleanplateError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
