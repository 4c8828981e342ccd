"""Stitching: the finished file has every frame at its time, or a slate that says what is missing; never fewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.errors import RunError
from pipeline.frame import Frame
from pipeline.jobs.durable import sha256_of
from pipeline.jobs.opening import Opened
from pipeline.jobs.stitching import is_joined, status_of, stitch
from pipeline.jobs.work import Order, Outcome, orders_of
from stages.ingest.segment import Segment as Source
from stages.output.segment import Segment as Sink
from tests.clips import decode, lend, make_clip, sound_of, stamps_of
from tests.copying import write_copying
from tests.jobs.fakes import Fake, call_of, work


def copied(order: Order) -> Outcome:
    """What a run of the light pipeline would do, in this process."""
    orders = orders_of(order)
    plan = load_config(orders.config, sets=orders.sets, given=orders.given, wanted=orders.wanted)
    source, sink = plan.stages[0].stage, plan.stages[-1].stage
    assert isinstance(source, Source)
    assert isinstance(sink, Sink)
    spec = source.open()
    frame = lend(source, spec)
    sink.setup(spec)
    for number, _ in enumerate(source.frames()):
        made = Frame({"image": frame.image, "clean": frame.image}, index=number, pts=frame.pts)
        made.duration = frame.duration
        sink.write(made)
    facts = sink.finish()
    sink.close()
    source.close()
    assert facts["frames"] == order.frames
    results = tuple(sha256_of(Path(output)) for output in order.outputs)
    return Outcome(order.index, written=order.frames, last_duration=facts["duration"], results=results)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "a.mp4", 90, audio=1, options={"bf": "2", "g": "10"})


def done_but(video: Path, folder: Path, *failing: int) -> Opened:
    """A job of which these segments have failed."""
    fake = Fake(lambda order, _: Outcome(order.index, "no") if order.index in failing else copied(order))
    config = write_copying(folder, codec="ffv1")
    return work(video, call_of(config, folder / "o.mkv"), fake)[0]


def relative(path: Path) -> list[float]:
    stamps = stamps_of(path)
    return [float(stamp - stamps[0]) for stamp in stamps]


def test_the_parts_become_the_whole_with_its_sound(tmp_path: Path, video: Path) -> None:
    job = done_but(video, tmp_path)
    assert not is_joined(job)
    assert stitch(job) == [str(tmp_path / "o.mkv")]
    assert is_joined(job)
    assert all((a == b).all() for a, b in zip(decode(tmp_path / "o.mkv"), decode(video), strict=True))
    assert relative(tmp_path / "o.mkv") == relative(video)
    assert sound_of(tmp_path / "o.mkv") == sound_of(video)
    assert sorted(path.name for path in job.folder.iterdir()) == ["job.json", "parts", "work.yaml"]
    assert not list(tmp_path.glob("o.mkv.part*"))


def test_where_one_is_missing_there_is_no_file_and_an_earlier_one_stays(tmp_path: Path, video: Path) -> None:
    (tmp_path / "o.mkv").write_text("the old one")
    job = done_but(video, tmp_path, 2)
    with pytest.raises(RunError, match=r"1 of \d segments are missing \(2\): no; give the same command again"):
        stitch(job)
    assert (tmp_path / "o.mkv").read_text() == "the old one"
    assert not is_joined(job)


@pytest.mark.parametrize("failing", [(0,), (1, 2), (4,)], ids=["the first", "two", "the last"])
def test_a_gap_is_a_slate_as_long_as_what_is_missing(tmp_path: Path, video: Path, failing: tuple[int, ...]) -> None:
    job = done_but(video, tmp_path, *failing)
    assert len(job.manifest.segments) == 5
    stitch(job, allow_gaps=True)
    made, given, at = decode(tmp_path / "o.mkv"), decode(video), 0
    assert len(made) == len(given)
    assert relative(tmp_path / "o.mkv") == relative(video)
    assert sound_of(tmp_path / "o.mkv") == sound_of(video)
    for segment in job.manifest.segments:
        own = range(at, at := at + segment.frames)
        if segment.index in failing:
            assert all((made[number] == made[own[0]]).all() for number in own)
            assert int(np.median(made[own[0]])) == 96
            assert made[own[0]].max() > 200, "it says what is missing"
        else:
            assert all((made[number] == given[number]).all() for number in own)


def test_a_gap_that_is_mended_is_another_file(tmp_path: Path, video: Path) -> None:
    stitch(done_but(video, tmp_path, 1), allow_gaps=True)
    job = done_but(video, tmp_path)
    assert not is_joined(job)
    stitch(job)
    assert all((a == b).all() for a, b in zip(decode(tmp_path / "o.mkv"), decode(video), strict=True))


def test_a_part_that_was_changed_meanwhile_is_not_joined(tmp_path: Path, video: Path) -> None:
    job = done_but(video, tmp_path)
    part = job.folder / "parts" / "00001-0.nut"
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"00001-0\.nut: is not what it was"):
        stitch(job)
    assert not (tmp_path / "o.mkv").exists()


def test_fewer_frames_than_were_promised_are_never_a_finished_file(tmp_path: Path, video: Path) -> None:
    job = done_but(video, tmp_path)
    job.manifest.segments[3].written += 1
    (tmp_path / "o.mkv").write_text("the old one")
    with pytest.raises(RunError, match="90 of 91 frames were joined"):
        stitch(job)
    assert (tmp_path / "o.mkv").read_text() == "the old one"
    assert sorted(path.name for path in job.folder.iterdir()) == ["job.json", "parts", "work.yaml"]


@pytest.mark.fault("G5")
def test_what_a_killed_stitching_left_is_no_obstacle(tmp_path: Path, video: Path) -> None:
    job = done_but(video, tmp_path)
    for name in ("joined-0.part", "joined-0.part.out"):
        (job.folder / name).write_bytes(b"torn")
    stitch(job)
    assert len(decode(tmp_path / "o.mkv")) == 90
    assert sorted(path.name for path in job.folder.iterdir()) == ["job.json", "parts", "work.yaml"]


def test_a_status_counts_the_states(tmp_path: Path, video: Path) -> None:
    facts = status_of(done_but(video, tmp_path, 2).manifest.segments)
    assert facts["count"] == {"todo": 0, "running": 0, "done": 4, "failed": 1}
    assert [one["index"] for one in facts["segments"]] == list(range(5))
    assert facts["segments"][2]["error"] == "no"
