"""The page docs/faults.md: every row of the fault matrix with the tests that bear its mark, or the reason for none.

`python -m tests.faults.table` writes it. The marks are found in the sources: no test is imported, let alone run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.page import INTRODUCTION
from tests.faults.rows import GROUPS, NOT_HERE, ROWS
from tests.runs import ROOT

PAGE = ROOT / "docs" / "faults.md"
TESTS = ROOT / "tests"
PROPER = {"python": "Python", "yaml": "YAML", "url": "URL", "c": "C"}  # as they are written in a sentence


@dataclass(frozen=True, order=True)
class Covering:
    """A test and the rows that it says it covers; `torture`, `long`: it runs in that target of make only."""

    path: Path
    name: str
    rows: tuple[str, ...]
    torture: bool
    long: bool = False

    def link(self) -> str:
        """Its name as a sentence, leading to its file."""
        words = self.name.removeprefix("test_").split("_")
        sentence = " ".join(PROPER.get(word, word) for word in words)
        way = f"../{self.path.relative_to(ROOT)}"
        where = " (torture)" if self.torture else " (long)" if self.long else ""
        return f"[{sentence[:1].upper()}{sentence[1:]}]({way}){where}"


def covering(root: Path = TESTS) -> list[Covering]:
    """Every test that bears a mark, by file and place. Raises ValueError for a mark that is no test's."""
    return [found for path in sorted(root.rglob("*.py")) for found in _of_file(path)]


def _of_file(path: Path) -> Iterator[Covering]:
    source = path.read_text()
    if "mark.fault" not in source:
        return
    tree = ast.parse(source)
    general = [node.value for node in tree.body if isinstance(node, ast.Assign) and _assigns_marks(node)]
    borne = set[ast.Call]()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name.lower().startswith("test"):
            marks = [*_calls(general, "fault"), *_calls(node.decorator_list, "fault")]
            borne.update(marks)
            rows = tuple(dict.fromkeys(row for mark in marks for row in _named(path, mark)))
            if rows:
                marked = general + node.decorator_list
                yield Covering(path, node.name, rows, _has(marked, "torture"), _is_long(node.decorator_list))
    if lost := [mark.lineno for mark in _calls([tree], "fault") if mark not in borne]:
        raise ValueError(f"{path}:{lost[0]}: a mark that no test bears")


def _assigns_marks(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def _calls(nodes: list[ast.expr] | list[ast.Module], mark: str) -> list[ast.Call]:
    """The uses of `pytest.mark.MARK(...)` in these nodes."""
    inside = (inner for node in nodes for inner in ast.walk(node))
    return [inner for inner in inside if isinstance(inner, ast.Call) and _is_mark(inner.func, mark)]


def _has(nodes: list[ast.expr], mark: str) -> bool:
    return any(_is_mark(inner, mark) for node in nodes for inner in ast.walk(node))


def _is_long(decorators: list[ast.expr]) -> bool:
    """The whole test, not one of its cases."""
    return any(_is_mark(node, "long") for node in decorators)


def _is_mark(node: ast.AST, mark: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == mark and ast.unparse(node.value) == "pytest.mark"


def _named(path: Path, mark: ast.Call) -> list[str]:
    rows = [argument.value for argument in mark.args if isinstance(argument, ast.Constant)]
    if not rows or len(rows) < len(mark.args) or not all(isinstance(row, str) for row in rows):
        raise ValueError(f"{path}:{mark.lineno}: expected the rows as plain strings")
    return [str(row) for row in rows]


def complaints(found: list[Covering]) -> list[str]:
    """What is wrong with the matrix: rows without test and reason, or with both, and rows that are none."""
    tested = {row for test in found for row in test.rows}
    wrong = [f"{row}: no test bears this mark, and NOT_HERE gives no reason" for row in ROWS if row not in tested]
    wrong = [line for line in wrong if line.partition(":")[0] not in NOT_HERE]
    wrong += [f"{row}: has tests, but a reason for none too" for row in NOT_HERE if row in tested]
    wrong += [f"{row}: a reason for a row that is none" for row in NOT_HERE if row not in ROWS]
    wrong += [f"{test.path.name}: {row} is no row" for test in found for row in test.rows if row not in ROWS]
    return wrong


def page(found: list[Covering]) -> str:
    """The whole page."""
    tests = len({(test.path, test.name) for test in found})
    parts = [INTRODUCTION.format(rows=len(ROWS), tested=len(ROWS.keys() - NOT_HERE.keys()), tests=tests)]
    for group, title in GROUPS.items():
        rows = [row for row in ROWS if row.startswith(group)]
        parts.append(f"## {group}. {title}\n\n" + "\n".join([*HEAD, *(_line(row, found) for row in rows)]))
    return "\n\n".join(parts) + "\n"


HEAD = ("| | What goes wrong, and how it is made to | What must happen | Tests |", "|---|---|---|---|")


def _line(name: str, found: list[Covering]) -> str:
    row = ROWS[name]
    tests = [test.link() for test in found if name in test.rows]
    last = "<br>".join(tests) if tests else f"*None: {NOT_HERE.get(name, '?')}*"
    cells = [f"**{name}**", f"**{row.fault}**: {row.made}", row.expected, last]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(covering()))
