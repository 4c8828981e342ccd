"""`doctor --measure` says how long each engine takes, and what was not measured and why."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from models.base import ModelError
from pipeline.cli import timing
from pipeline.cli.doctor import doctor
from pipeline.cli.timing import Row, table, timed
from tests.networks import Toy


@pytest.fixture(autouse=True, scope="module")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def toy() -> tuple[Toy, str]:
    return Toy(), "toy"


@pytest.mark.long
def test_every_engine_and_format_is_tried_once_and_one_is_what_auto_takes() -> None:
    rows = list(timed("toy", toy, (64, 96, 3), time.monotonic() + 600))
    assert [row.taken for row in rows] == [True] + [False] * (len(rows) - 1)
    ran = [(row.engine, row.precision) for row in rows if row.ms is not None]
    assert len(set(ran)) == len(ran)
    assert {("torch", "float32"), ("openvino", "float32"), ("onnxruntime", "float32")} <= set(ran)
    assert all(row.ms > 0 for row in rows if row.ms is not None)


def test_what_there_is_no_time_for_is_not_begun() -> None:
    rows = list(timed("toy", lambda: pytest.fail("was loaded"), (64, 96, 3), time.monotonic()))
    assert {row.note for row in rows} == {"not measured: no time left"}
    assert not any(row.taken for row in rows)


def test_a_model_that_is_not_here_is_no_reason_to_stop() -> None:
    def absent() -> tuple[Toy, str]:
        raise ModelError("toy: no file")

    rows = list(timed("toy", absent, (64, 96, 3), time.monotonic() + 600))
    assert {(row.ms, row.note) for row in rows} == {(None, "toy: no file")}


def test_the_table_has_the_fastest_first_and_a_star_at_what_is_taken() -> None:
    lines = table([Row("b", "torch", "float32", 30.0), Row("b", "auto", "auto", None, note="no file"),
                   Row("b", "openvino", "bfloat16", 4.25, taken=True), Row("a", "torch", "float32", 50.0)])  # fmt: skip
    assert [line.split()[:2] for line in lines] == [["a", "torch"], ["b", "openvino"], ["b", "torch"], ["b", "auto"]]
    assert lines[1].endswith("4.2 ms *")
    assert [line.endswith("*") for line in lines] == [False, True, False, False]
    assert lines[3].endswith("no file")


def test_measuring_is_only_done_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.cli.checkup.examine", lambda: [])
    monkeypatch.setattr(timing, "measure", lambda: pytest.fail("was measured"))
    doctor(as_json=False, measured=False)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("pipeline.cli.checkup.examine", lambda: pytest.fail("was examined"))
    monkeypatch.setattr(timing, "measure", lambda: [Row("lama", "openvino", "bfloat16", 12.0, taken=True)])
    doctor(as_json=True, measured=True)
    assert json.loads(capsys.readouterr().out)[0]["ms"] == 12.0
    doctor(as_json=False, measured=True)
    assert "12.0 ms *" in capsys.readouterr().out
