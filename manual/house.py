"""How the house is kept: `python -m manual.house` measures the source, docs/how-it-fits.md shows it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
RUNS = ("pipeline", "stages", "models", "configs")
PACKAGES = (*RUNS, "benchmarks", "manual")  # what measures and what describes is source as well
MOST, SHORT = 300, 30  # lines of a file, of a function


@dataclass(frozen=True, slots=True)
class House:
    """Of all source: `files` and `functions` in lines each; functions that say all their types; lines of what runs, and
    of the tests."""

    files: dict[Path, int]
    functions: list[int]
    annotated: int
    runs: int
    tests: int

    @property
    def median(self) -> float:
        """Lines of a file that has something in it."""
        return median(length for length in self.files.values() if length > 1)

    @property
    def short(self) -> float:
        """Share of the functions that are shorter than SHORT."""
        return sum(length < SHORT for length in self.functions) / len(self.functions)

    @property
    def typed(self) -> float:
        """Share of the functions that are annotated throughout."""
        return self.annotated / len(self.functions)


def sources(packages: Iterable[str] = PACKAGES) -> Iterator[Path]:
    """Every Python file of the packages, in order."""
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def measured() -> House:
    """The source as it lies there now."""
    functions = [
        node
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return House(
        {path.relative_to(ROOT): _lines(path) for path in sources()},
        [(function.end_lineno or 0) - function.lineno + 1 for function in functions],
        sum(_annotated(function) for function in functions),
        sum(_lines(path) for path in sources(RUNS)),
        sum(_lines(path) for path in sources(["tests"])),
    )


def table() -> str:
    """What is aimed at and what is so; rounded, so that the page does not change with every line that is written."""
    house = measured()
    longest = max(house.files.values())
    rows = [
        ("lines of a file, median", "80 to 150", f"about {round(house.median, -1):.0f}"),
        ("lines of the longest file", f"at most {MOST}", "as aimed at" if longest <= MOST else str(longest)),
        (f"functions shorter than {SHORT} lines", "nine of ten", f"{house.short:.0%}"),
        ("functions with all their types", "all", f"{house.typed:.0%}"),
        ("lines of tests for one of what runs", "at least 1", f"{house.tests / house.runs:.1f}"),
    ]
    return "\n".join(["| | aimed at | is |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return function.returns is not None and all(
        argument.annotation is not None or argument.arg in ("self", "cls") for argument in named
    )


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
