"""Whole runs whose pictures a web process takes, or not; what it may see; and what it sees of a run that stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.admin import ask
from pipeline.requests import Pause, Resume, Status
from tests.pages import Web, shown, web
from tests.runs import Ended, Run
from tests.senders import going
from tests.waiting import wait_until

pytestmark = pytest.mark.real
NAME = "page"


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Web]:
    with web(tmp_path) as made:
        yield made


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))

    def run(
        *outputs: str,
        count: int = 100_000,
        ingest: dict[str, Any] | None = None,
        mark: dict[str, Any] | None = None,
        **page: Any,
    ) -> Run:
        stages = [
            {"name": "ingest", "uses": "tests.live.toys:Camera", "with": {"count": count, **(ingest or {})}},
            {"name": "mark", "uses": "tests.pages:Marked", "with": mark or {}},
            {"name": "output", "uses": "stages.output:Auto"},
        ]
        args = [word for output in outputs for word in ("-o", output)]
        sets = [f"--set=output.{name}={value}" for name, value in page.items()]
        return Run(tmp_path, {"name": NAME, "stages": stages}, *args, *sets, "--name", NAME)

    return run


def memory_of(run: Run, stage: str = "output") -> set[str]:
    """The planes that lie in the memory of a stage's worker."""
    (worker,) = run.workers(stage)
    lines = Path(f"/proc/{worker.pid}/maps").read_text().splitlines()
    return {line.split("memfd:cleanplate:")[1].split(" ")[0] for line in lines if "memfd:cleanplate:" in line}


def ended(run: Run) -> Ended:
    run.process.terminate()
    end = run.end()
    assert end.code == 143, end.stderr
    assert end.report["ledger_balanced"]
    return end


def test_a_page_sees_the_newest_frames_and_what_is_in_them(begin: Callable[..., Run], peer: Web) -> None:
    with going(begin(peer.address)) as run:
        peer.accept().want("input", "result", credit=2)
        last = -1
        for _ in range(20):
            record = peer.record()
            assert record is not None
            assert record.head["index"] > last
            last = record.head["index"]
            assert shown(record) == shown(record, "input") == last % 256
            (thing,) = record.head["objects"]
            assert (thing["track"], thing["name"], thing["box"]) == (7, "person", [0, 0, 0.5, 1])
            peer.want("input", "result", credit=1)
        assert memory_of(run) == {"image", "clean", "objects"}
        wait_until(lambda: peer.record() is None or bool(peer.record().head["age_ms"]))
        end = ended(run)
    assert end.report["output"]["pictures"] >= 20
    assert end.report["stages"]["output"]["restarts"] == 0


def test_one_that_may_show_the_result_alone_never_holds_the_raw_picture(begin: Callable[..., Run], peer: Web) -> None:
    with going(begin(peer.address, views="[result]")) as run:
        peer.accept().want("input", "result", "mask", "overlay", credit=5)
        record = peer.record()
        assert record is not None
        assert list(record.jpegs) == ["result"]
        assert [thing["name"] for thing in record.head["objects"]] == ["person"], "for rules that say what covers whom"
        assert memory_of(run) == {"clean", "objects"}
        ended(run)


@pytest.mark.long
def test_who_takes_nothing_costs_a_run_no_frame_and_no_time(begin: Callable[..., Run], peer: Web) -> None:
    """Pictures that fill whatever the kernel keeps, and 64 of them asked for."""
    size = {"width": 1280, "height": 720}
    with going(begin(peer.address, "null:", count=100, ingest=size)) as run:
        peer.accept().want("input", "result", credit=64, quality=100)
        end = run.end()
    assert end.code == 0, end.stderr
    assert end.frames["output"] == 100
    assert end.frames["dropped"] == {}
    assert end.report["outputs"]["output"]["pictures"] < 20
    # With somebody who takes nothing it is a copy: far below the 40 ms that lie between two frames.
    assert end.report["stages"]["output"]["busy_ms"]["p50"] < 20


def test_the_web_process_may_go_and_come_back(begin: Callable[..., Run], peer: Web, tmp_path: Path) -> None:
    with going(begin(peer.address)) as run:
        peer.accept().want("result", credit=1)
        first = peer.record()
        peer.close()
        with web(tmp_path) as other:
            other.accept().want("result", credit=1)
            second = other.record()
        assert shown(first) < shown(second)
        assert ended(run).report["stages"]["output"]["restarts"] == 0


def test_a_worker_that_is_killed_calls_again(begin: Callable[..., Run], peer: Web) -> None:
    with going(begin(peer.address)) as run:
        peer.accept().want("result", credit=1)
        first = peer.record()
        (worker,) = run.workers("output")
        worker.kill()
        peer.accept().want("result", credit=1)
        again = peer.record()  # what it held when it died may come once more
        while shown(again) <= shown(first):
            peer.want("result", credit=1)
            again = peer.record()
        end = ended(run)
    assert end.report["stages"]["output"]["restarts"] == 1
    assert end.report["output"]["frames"] == end.frames["output"]


@pytest.mark.long
def test_who_opens_a_page_in_a_pause_sees_the_last_picture(begin: Callable[..., Run], peer: Web) -> None:
    with going(begin(peer.address)) as run:
        peer.accept()
        wait_until(lambda: status()["frames"]["output"] > 20)
        frames = paused()
        peer.want("result", credit=3)
        record = peer.record()
        assert record is not None
        assert frames - 8 <= record.head["index"] < frames  # a quarter of a second, as nobody looked
        peer.want("input", credit=3, width=80)
        record = peer.record()
        assert record is not None
        assert list(record.jpegs) == ["input"]
        ask(NAME, Resume())
        while record.head["index"] < frames:
            peer.want("input", credit=1, width=80)
            record = peer.record()
            assert record is not None
        ended(run)


def test_who_watches_when_a_run_pauses_sees_its_very_last_frame(begin: Callable[..., Run], peer: Web) -> None:
    with going(begin(peer.address)) as run:
        peer.accept().want("result", credit=1)
        assert peer.record() is not None
        wait_until(lambda: status()["frames"]["output"] > 10)
        frames = paused()
        peer.want("result", credit=1)
        record = peer.record()
        assert record is not None
        assert record.head["index"] == frames - 1
        ended(run)


@pytest.mark.long
def test_the_last_picture_of_a_film_comes_though_nobody_asked(begin: Callable[..., Run], peer: Web) -> None:
    with going(begin(peer.address, count=30)) as run:
        peer.accept()
        record = peer.record()
        assert record is not None
        assert list(record.jpegs) == ["input", "result"]
        assert 30 - 8 <= shown(record) < 30
        assert peer.record() is None  # it has gone
        assert run.end().code == 0


def test_frames_that_nobody_vouches_for_are_shown_as_blank(begin: Callable[..., Run], peer: Web) -> None:
    with going(begin(peer.address, mark={"fails": True})) as run:
        peer.accept().want("result", credit=1)
        while (record := peer.record()) is not None and not record.head["blank"]:
            peer.want("result", credit=1)
        assert record is not None
        assert record.head["index"] % 10 == 9
        assert record.head["objects"] == []
        run.process.terminate()
        run.end()


@pytest.mark.long
def test_without_a_web_process_a_run_is_as_ever(begin: Callable[..., Run], tmp_path: Path) -> None:
    end = begin(f"page:{tmp_path / 'nobody.sock'}", count=20).end()
    assert end.code == 0, end.stderr
    assert end.stderr == ""
    assert end.report["output"] == {"output": "page:", "frames": 20, "pictures": 0}


def paused() -> int:
    """Pause the run; how many frames have come out when it stands, with what its camera still had in hand."""
    ask(NAME, Pause())
    seen = {"frames": -1, "since": 0.0}

    def stands() -> bool:
        frames = status()["frames"]
        if frames["under_way"] or frames["output"] != seen["frames"]:
            seen.update(frames=frames["output"], since=time.monotonic())
        return time.monotonic() - seen["since"] > 10 / 25

    wait_until(stands)
    return int(seen["frames"])


def status() -> dict[str, Any]:
    return ask(NAME, Status())
