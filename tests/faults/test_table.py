"""The fault matrix: no row without a test or a reason, and a page that says what is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.table import PAGE, complaints, covering, page
from tests.runs import ROOT

MARKED = (
    "import pytest\n\n@pytest.mark.fault('B2', 'B3')\n@pytest.mark.torture\ndef test_a_thing() -> None:\n    pass\n"
)


def test_every_row_has_a_test_or_a_reason_and_not_both() -> None:
    assert complaints(covering()) == []


def test_the_page_is_that_of_the_tests() -> None:
    assert PAGE.read_text() == page(covering()), "run: python -m tests.faults.table"


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = {line.partition(")")[0] for line in PAGE.read_text().split("](../")[1:]}
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_a_mark_is_found_with_its_rows_and_whether_it_is_torture(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(MARKED)
    (found,) = covering(tmp_path)
    assert (found.name, found.rows, found.torture) == ("test_a_thing", ("B2", "B3"), True)


def test_a_test_that_is_long_says_so_and_one_of_which_a_case_is_does_not(tmp_path: Path) -> None:
    long = MARKED.replace("torture", "long")
    case = MARKED.replace("torture", "parametrize('x', [pytest.param(1, marks=pytest.mark.long)])")
    for name, source in (("test_a.py", long), ("test_b.py", case)):
        (tmp_path / name).write_text(source)
    assert [found.long for found in covering(tmp_path)] == [True, False]


def test_a_mark_of_a_whole_file_is_every_tests(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        MARKED.replace("@pytest.mark.fault('B2', 'B3')", "pytestmark = pytest.mark.fault('A1')")
    )
    assert covering(tmp_path)[0].rows == ("A1",)


def test_a_mark_of_a_case_counts_as_its_tests(tmp_path: Path) -> None:
    case = "parametrize('x', [pytest.param(1, marks=pytest.mark.fault('G8'))])"
    (tmp_path / "test_x.py").write_text(MARKED.replace("fault('B2', 'B3')", case))
    assert covering(tmp_path)[0].rows == ("G8",)


@pytest.mark.parametrize("wrong", ["fault(*ROWS)", "fault()", "fault(1)"])
def test_rows_that_cannot_be_read_off_the_source_are_refused(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "test_x.py").write_text(MARKED.replace("fault('B2', 'B3')", wrong))
    with pytest.raises(ValueError, match="plain strings"):
        covering(tmp_path)


def test_a_mark_that_no_test_bears_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(MARKED.replace("def test_a_thing", "def a_thing"))
    with pytest.raises(ValueError, match="no test bears"):
        covering(tmp_path)


def test_a_row_that_is_none_is_complained_of(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(MARKED.replace("B3", "Z9"))
    assert "test_x.py: Z9 is no row" in complaints(covering(tmp_path))
    assert any(line.startswith("B1: no test") for line in complaints(covering(tmp_path)))
