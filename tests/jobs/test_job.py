"""A job's loop: what fails is tried again, then encoded anew, then listed; the others go on; nothing is done twice."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import CleanplateError, ConfigError, RunError
from pipeline.jobs import job as jobs
from pipeline.jobs.locking import locked
from pipeline.jobs.manifest import load, save
from pipeline.jobs.work import Order, Outcome
from tests.clips import make_clip
from tests.copying import write_copying
from tests.jobs.fakes import Fake, call_of, done, job_of, opened, work
from tests.jobs.test_cutting import spoil

COUNT = 9


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Of nine segments with `--segment 0.8`."""
    return make_clip(tmp_path / "a.mp4", 180, options={"bf": "0", "g": "10"})


@pytest.fixture
def config(tmp_path: Path) -> str:
    return write_copying(tmp_path, codec="ffv1")


def test_every_segment_is_done_once_in_order_and_written_down(tmp_path: Path, video: Path, config: str) -> None:
    job, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert engine.done == list(range(COUNT))
    assert engine.closed
    assert said == []
    kept = load(job.folder)
    assert kept == job.manifest
    assert kept is not None
    for segment in kept.segments:
        part = job.folder / "parts" / f"{segment.index:05d}-0.nut"
        assert segment.state == "done"
        assert segment.hashes.result == [hashlib.sha256(part.read_bytes()).hexdigest()]
        assert segment.hashes.config == job.recipe.work
        assert segment.hashes.models == {"net": "a" * 64}
        assert len(segment.hashes.input) == 64
    assert sorted(path.name for path in job.folder.iterdir()) == ["job.json", "parts", "work.yaml"]


def test_the_same_again_does_nothing(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"))
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert engine.orders == []
    assert said == []


def test_other_weights_of_the_same_name_have_what_was_done_with_the_old_ones_done_again(
    tmp_path: Path, video: Path, config: str
) -> None:
    call = call_of(config, tmp_path / "o.mkv")
    job, _, _ = work(video, call)
    for segment in job.manifest.segments[3:5]:
        segment.forget()
    save(job.manifest, job.folder)
    after, engine, said = work(video, call, Fake(lambda order, _: replace(done(order), models={"net": "b" * 64})))
    assert sorted(engine.done) == list(range(COUNT))
    assert said == [f"the weights of a model have changed: {COUNT - 2} segments are done again"]
    assert all(segment.hashes.models == {"net": "b" * 64} for segment in after.manifest.segments)


def test_a_model_that_another_segment_had_not_asks_for_nothing(tmp_path: Path, video: Path, config: str) -> None:
    only = Fake(lambda order, _: replace(done(order), models={f"net-{order.index}": "c" * 64}))
    _, engine, said = work(video, call_of(config, tmp_path / "o.mkv"), only)
    assert engine.done == list(range(COUNT))
    assert said == []


def test_what_fails_is_tried_again_then_encoded_anew_then_given_up_and_the_others_go_on(
    tmp_path: Path, video: Path, config: str
) -> None:
    def fate(order: Order, number: int) -> Outcome | None:
        return Outcome(order.index, f"broken {number}") if order.index == 4 else None

    job, engine, said = work(video, call_of(config, tmp_path / "o.mkv"), Fake(fate))
    assert [index for index in engine.done if index != 4] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert engine.done.count(4) == 3
    tries = [order for order in engine.orders if order.index == 4]
    assert said == [
        "segment 4: broken 1; is tried again",
        "segment 4: broken 2; is tried again, its input encoded anew",
        "segment 4: broken 3; is given up",
    ]
    assert tries[0].frames == tries[2].frames
    found = job.manifest.segments[4]
    assert (found.state, found.tries, found.how, found.error) == ("failed", 3, "re-encoded", "broken 3")
    assert [one.state for one in job.manifest.segments].count("done") == COUNT - 1


def test_damage_of_the_input_has_it_encoded_anew_at_once(tmp_path: Path, video: Path, config: str) -> None:
    def fate(order: Order, number: int) -> Outcome | None:
        damaged = order.index == 2 and number == 1
        return Outcome(2, "its input is damaged", damage={"decode_error": 1}) if damaged else None

    job, engine, _ = work(video, call_of(config, tmp_path / "o.mkv"), Fake(fate))
    assert engine.done.count(2) == 2
    assert job.manifest.segments[2].how == "re-encoded"
    assert job.manifest.segments[2].state == "done"


def test_a_run_that_was_stopped_is_no_try(tmp_path: Path, video: Path, config: str) -> None:
    def fate(order: Order, number: int) -> Outcome | None:
        return Outcome(order.index, "stopped", interrupted=True) if order.index == 1 and number < 6 else None

    job, engine, _ = work(video, call_of(config, tmp_path / "o.mkv"), Fake(fate))
    assert engine.done.count(1) == 6
    assert (job.manifest.segments[1].state, job.manifest.segments[1].tries) == ("done", 0)


@pytest.mark.fault("B2")
def test_a_full_disk_ends_it_with_what_was_done_kept(tmp_path: Path, video: Path, config: str) -> None:
    def fate(order: Order, number: int) -> Outcome | None:
        full = Outcome(order.index, "o.nut: cannot be written (No space left on device)", full=True)
        return full if order.index == 3 else None

    engine = Fake(fate)
    job = opened(video, call_of(config, tmp_path / "o.mkv"))
    with pytest.raises(RunError, match=r"segment 3: .*No space left.*make room and give the same command again"):
        job_of(job, engine).work()
    assert engine.closed
    kept = load(job.folder)
    assert kept is not None
    assert [one.state for one in kept.segments[:3]] == ["done"] * 3
    assert sorted(path.name for path in job.folder.iterdir()) == ["job.json", "parts", "work.yaml"]
    _, engine, _ = work(video, call_of(config, tmp_path / "o.mkv"))
    assert engine.done == list(range(3, COUNT))


@pytest.mark.fault("G5")
@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5, 13, 38])
def test_killed_at_any_write_it_goes_on_and_does_nothing_twice(
    tmp_path: Path, video: Path, config: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each moment between two changes on the disk: what the manifest calls done is there, whole."""
    passed = 0

    def dying(real):
        def call(*args, **kwargs):
            nonlocal passed
            passed += 1
            if passed == at:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        return call

    job = opened(video, call_of(config, tmp_path / "o.mkv"))
    engine = Fake()
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "save", dying(jobs.save))
        patch.setattr(jobs.os, "replace", dying(os.replace))
        patch.setattr(jobs, "sync", dying(jobs.sync))
        patch.setattr(jobs.shutil, "rmtree", lambda *args, **kwargs: None)  # nor would a kill have cleaned up
        try:
            job_of(job, engine).work()
        except KeyboardInterrupt:
            assert at > 0
    kept = load(job.folder)
    before = [] if kept is None else [one.index for one in kept.segments if one.state == "done"]
    _, again, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert again.done == [index for index in range(COUNT) if index not in before]
    assert said == []
    assert set(engine.done) - set(before) <= {len(before)}
    kept = load(job.folder)
    assert kept is not None
    assert kept.done == COUNT
    assert sorted(path.name for path in job.folder.iterdir()) == ["job.json", "parts", "work.yaml"]


def test_of_a_damaged_video_what_can_be_decoded_is_done(tmp_path: Path, video: Path, config: str) -> None:
    job = opened(video, call_of(config, tmp_path / "o.mkv"))
    spoil(video, *range(90, 180))
    said: list[str] = []
    engine = Fake(lambda order, _: Outcome(order.index, "bad", damage={"decode_error": 1}) if order.index > 3 else None)
    job_of(job, engine, said).work()
    states = [one.state for one in job.manifest.segments]
    assert states[:4] == ["done"] * 4
    assert states[-1] == "failed"


@pytest.mark.parametrize("lanes", [None, 1, 3])
def test_where_nothing_can_be_cut_it_ends_all_the_same(
    tmp_path: Path, video: Path, config: str, lanes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it measures too: a trial of which no segment could even begin is over."""

    def refuse(*_):
        raise RunError("cannot be had")

    monkeypatch.setattr(jobs.Cutter, "copy", refuse)
    monkeypatch.setattr(jobs.Cutter, "recode", refuse)
    job, engine, said = work(video, call_of(config, tmp_path / "o.mkv"), lanes=lanes)
    assert [one.state for one in job.manifest.segments] == ["failed"] * COUNT
    assert engine.orders == []
    assert len(said) == 2 * COUNT
    assert job.manifest.speeds == {}


def test_what_cannot_be_copied_is_encoded_anew(
    tmp_path: Path, video: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = jobs.Cutter.copy

    def copy(self, piece):
        if piece.index == 5:
            raise RunError("no")
        return real(self, piece)

    monkeypatch.setattr(jobs.Cutter, "copy", copy)
    job, engine, said = work(video, call_of(config, tmp_path / "o.mkv"))
    assert engine.done == list(range(COUNT))
    assert said == ["segment 5: no; encoded anew"]
    assert [one.index for one in job.manifest.segments if one.how == "re-encoded"] == [5]


def test_lanes_are_chosen_by_measuring_and_remembered(
    tmp_path: Path, video: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr(jobs, "cores", lambda: 2)
    monkeypatch.setattr(jobs.time, "monotonic", lambda: float(next(clock)))
    job, engine, said = work(video, call_of(config, tmp_path / "o.mkv"), lanes=None)
    assert engine.done == list(range(COUNT))
    assert set(job.manifest.speeds) == {"1", "2"}
    best = max(job.manifest.speeds, key=lambda lanes: job.manifest.speeds[lanes])
    assert job.manifest.lanes == int(best)
    assert said[0].startswith("measured, frames/s: 1 at a time ")


def test_a_failed_segment_is_nothing_to_measure(
    tmp_path: Path, video: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "cores", lambda: 2)
    job, _, _ = work(
        video, call_of(config, tmp_path / "o.mkv"), Fake(lambda order, _: Outcome(order.index, "no")), lanes=None
    )
    assert job.manifest.speeds == {}
    assert [one.state for one in job.manifest.segments] == ["failed"] * COUNT


def test_no_more_are_under_way_than_there_are_lanes(tmp_path: Path, video: Path, config: str) -> None:
    _, engine, _ = work(video, call_of(config, tmp_path / "o.mkv"), lanes=3)
    assert engine.most == 3
    assert engine.done == list(range(COUNT))


def test_what_the_next_run_finds_of_a_failed_segment_is_tried_again(tmp_path: Path, video: Path, config: str) -> None:
    work(video, call_of(config, tmp_path / "o.mkv"), Fake(lambda order, _: Outcome(order.index, "no")
                                                          if order.index == 2 else None))  # fmt: skip
    job, engine, _ = work(video, call_of(config, tmp_path / "o.mkv"))
    assert engine.done == [2]
    assert job.manifest.segments[2].state == "done"
    assert job.manifest.segments[2].error == ""


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigError, match="another process is at work")
    with locked(tmp_path / "o.job"), refused, locked(tmp_path / "o.job"):
        raise AssertionError
    with locked(tmp_path / "o.job"):
        assert (tmp_path / "o.job").is_dir()


@pytest.mark.fault("B10")
def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CleanplateError, match=r"file/o\.job: cannot be written"), locked(tmp_path / "file" / "o.job"):
        raise AssertionError


def test_the_fake_engine_does_as_a_run_does(tmp_path: Path) -> None:
    """Its results depend on what was cut, so that a segment done of something else is another one."""
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    orders = [Order(0, str(tmp_path / name), "", (), (str(tmp_path / f"{name}.out"),), 5) for name in "ab"]
    assert done(orders[0]).results != done(orders[1]).results
