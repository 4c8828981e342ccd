"""A run as an object: begun, looked at, steered and ended by a program, from any thread."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.api import Picture, Pipeline, RunFailed, SetupFailed
from pipeline.errors import ConfigError, SetupError
from tests.clips import decode, make_clip, number_of
from tests.commands import cleanplate
from tests.toys import picture
from tests.waiting import wait_until

pytestmark = pytest.mark.real

QUICK = ["segmentation.size=64", "segmentation.engine=torch", "segmentation.workers=1", "inpainting.model=telea"]
LONG = 100_000  # frames: nobody waits for the last one


def toys(folder: Path, *, source: str = "Numbers", count: int = 60, **invert: Any) -> str:
    """Numbered pictures, inverted, to wherever the output is."""
    stages = [
        {"name": "ingest", "uses": f"tests.toys:{source}", "with": {"count": count}},
        {"name": "invert", "uses": "tests.toys:Invert", "with": invert},
        {"name": "output", "uses": "stages.output:Auto"},
    ]
    path = folder / "toys.yaml"
    path.write_text(json.dumps({"name": "toys", "stages": stages}))
    return str(path)


def is_whole(seen: Picture) -> bool:
    return bool((255 - seen.clean == picture(seen.index, *seen.clean.shape[:2])).all())


def test_a_video_with_its_pictures_before_and_after(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", 12), tmp_path / "out.mp4"
    with Pipeline("remove-people", source=clip, target=out, sets=QUICK, planes=["image", "clean", "mask"]) as run:
        assert run.name == "remove-people"
        seen = list(run.frames())
        report = run.wait()
    assert [number_of(one.image) for one in seen] == list(range(12))
    assert [one.seconds for one in seen] == pytest.approx([number / 25 for number in range(12)])
    assert not any(one.mask.any() for one in seen), "there is nobody"
    assert all((one.clean == one.image).all() for one in seen)
    assert len(decode(out)) == 12
    assert report == run.report
    assert (report or {})["frames"]["output"] == run.done == 12


def test_each_frame_comes_to_a_callback_whole_and_in_order(tmp_path: Path) -> None:
    seen: list[Picture] = []
    with Pipeline(toys(tmp_path), source="in", target="null:", on_frame=seen.append) as run:
        run.wait()
    assert [one.index for one in seen] == list(range(60))
    assert all(map(is_whole, seen)), "kept beyond the call: they are the callback's own"


def test_a_run_waits_for_who_looks_at_a_file(tmp_path: Path) -> None:
    with Pipeline(toys(tmp_path), source="in") as run:
        frames = run.frames()
        next(frames)
        wait_until(lambda: run.stats()["stages"]["output"]["queue"] > 0)
        assert run.stats()["frames"]["output"] <= 4
        assert len(list(frames)) == 59


@pytest.mark.long
def test_a_live_run_waits_for_nobody_and_shows_what_is_newest(tmp_path: Path) -> None:
    with Pipeline(source="cam:test", sets=QUICK) as run:
        frames = run.frames()
        first = next(frames)
        wait_until(lambda: run.done > first.index + 20)
        then = next(frames)
        assert then.index > first.index + 15, "the newest one, not the one after"
        run.stop()
        assert len(list(frames)) <= 2


def test_what_a_callback_raises_stops_the_run_and_comes_out_of_wait(tmp_path: Path) -> None:
    """supervision's process_video blocks for ever there."""

    def on_frame(seen: Picture) -> None:
        if seen.index == 3:
            raise ValueError("enough")

    run = Pipeline(toys(tmp_path, count=LONG), source="in", on_frame=on_frame)
    with pytest.raises(ValueError, match="enough"), run:
        run.wait()
    assert run.report is not None
    assert run.report["result"] == "interrupted"


def test_what_a_callback_raises_is_told_at_the_end_of_the_block_where_nobody_waited(tmp_path: Path) -> None:
    def on_frame(seen: Picture) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"), Pipeline(toys(tmp_path), source="in", on_frame=on_frame) as run:
        wait_until(lambda: not run.running)


@pytest.mark.long
def test_the_end_of_the_block_ends_the_run_and_its_file(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4", 200), tmp_path / "out.mp4"
    with Pipeline("remove-people", source=clip, target=out, sets=QUICK) as run:
        wait_until(lambda: run.done > 5)
    assert not run.running
    assert run.report is not None
    assert run.report["result"] == "interrupted"
    assert len(decode(out)) == run.report["frames"]["output"] < 200


def test_who_stops_looking_does_not_stop_the_run(tmp_path: Path) -> None:
    with Pipeline(toys(tmp_path), source="in", target="null:", planes=["clean"]) as run:
        for seen in run.frames():
            if seen.index == 2:
                break
        assert (run.wait() or {})["frames"]["output"] == 60


def test_pictures_that_nobody_takes_do_not_hold_up_who_waits(tmp_path: Path) -> None:
    with Pipeline(toys(tmp_path), source="in") as run:
        assert (run.wait() or {})["frames"]["output"] == 60


def test_a_stop_while_a_picture_is_looked_at_does_not_hang(tmp_path: Path) -> None:
    run = Pipeline(toys(tmp_path, count=LONG), source="in").start()
    for seen in run.frames():
        if seen.index == 2:
            run.stop()
    assert run.report is not None
    assert run.report["result"] == "interrupted"


@pytest.mark.long
def test_settings_workers_and_pauses_of_a_run_that_goes_on(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 250)
    with Pipeline("remove-people", source=clip, target="null:", sets=QUICK) as run:
        assert run.set("segmentation.grow", 12) == 8
        assert run.set("segmentation.grow", 5) == 12
        assert run.scale("inpainting", 2) == 1
        run.pause()
        wait_until(lambda: run.stats()["phase"] == "paused")
        stats = run.stats()
        assert stats["stages"]["inpainting"]["wanted"] == 2
        assert stats["stages"]["segmentation"]["live"]["grow"] == 5
        run.resume()
        wait_until(lambda: run.stats()["phase"] == "running")
        with pytest.raises(ConfigError, match="grow"):
            run.set("segmentation.gorw", 3)
        with pytest.raises(ConfigError, match="no stage 'segmentatoin'"):
            run.set("segmentatoin.grow", 3)
        with pytest.raises(ConfigError, match=r"STAGE\.FIELD"):
            run.set("grow", 3)
        with pytest.raises(ConfigError, match="one worker"):
            run.scale("plate", 2)
    changes = run.report["changes"] if run.report else []
    assert [(one["what"], one["to"]) for one in changes if one["what"] == "grow"] == [("grow", 12), ("grow", 5)]


def test_it_is_used_from_several_threads_at_once(tmp_path: Path) -> None:
    with (
        Pipeline(toys(tmp_path, count=LONG, sleep=0.001), source="in", target="null:") as run,
        ThreadPoolExecutor(6) as pool,
    ):
        phases = list(pool.map(lambda _: run.stats()["phase"], range(24)))
        ends = [pool.submit(run.wait) for _ in range(3)]
        run.stop()
        reports = [end.result(30) for end in ends]
    assert set(phases) <= {"starting", "running"}
    assert reports[0] is reports[1] is reports[2] is run.report


@pytest.mark.long
def test_two_run_beside_each_other_and_have_names_of_their_own(tmp_path: Path) -> None:
    config = toys(tmp_path, count=LONG, sleep=0.001)
    with Pipeline(config, source="in", target="null:") as one, Pipeline(config, source="in", target="null:") as two:
        assert {one.name, two.name} == {"toys", "toys-2"}
        listed = cleanplate("ps").stdout
        assert one.name in listed.split()
        assert two.name in listed.split()


def test_a_wait_that_is_too_short_says_that_it_goes_on(tmp_path: Path) -> None:
    with Pipeline(toys(tmp_path, count=LONG, sleep=0.001), source="in", target="null:") as run:
        assert run.wait(0.05) is None
        assert run.running
        assert run.report is None


def test_what_a_user_should_know_is_told_and_kept(tmp_path: Path) -> None:
    told: list[str] = []
    clip = make_clip(tmp_path / "in.mp4", 4)
    os.truncate(clip, clip.stat().st_size - 40)
    run = Pipeline("remove-people", source=clip, target="null:", sets=QUICK, told=told.append)
    with pytest.raises(RunFailed, match="completed with errors") as caught, run:
        run.wait()
    assert caught.value.report["frames"]["output"] > 2, "what could be done was"
    assert any("cut short" in text for text in told), told
    assert told == run.notes


def test_after_its_end_the_last_that_was_known_is_said(tmp_path: Path) -> None:
    with Pipeline(toys(tmp_path), source="in", target="null:") as run:
        run.stats()
        run.wait()
        stats = run.stats()
    assert stats["phase"] == "ended"
    assert stats["frames"]["output"] == 60
    with pytest.raises(ConfigError, match="no pipeline called"):
        run.set("invert.sleep", 1)


def test_a_stage_that_cannot_be_set_up_is_a_setup_error_with_the_report(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nothing\.mp4") as caught, Pipeline(source=tmp_path / "nothing.mp4") as run:
        run.wait()
    assert isinstance(caught.value, SetupFailed)
    assert (caught.value.code, caught.value.report["result"]) == (3, "failed")


def test_a_run_that_fails_on_the_way_is_told_by_the_loop_over_its_pictures(tmp_path: Path) -> None:
    run = Pipeline(toys(tmp_path, broken=True), source="in")
    with pytest.raises(RunFailed, match="told to break") as caught:
        list(run.frames())
    assert caught.value.code == 4


def test_a_failure_that_nobody_waited_for_is_told_at_the_end_of_the_block_once(tmp_path: Path) -> None:
    with pytest.raises(RunFailed), Pipeline(toys(tmp_path, broken=True), source="in", target="null:") as run:
        wait_until(lambda: not run.running)
    with Pipeline(toys(tmp_path, broken=True), source="in", target="null:") as run, pytest.raises(RunFailed):
        run.wait()


def test_a_target_that_another_run_writes_is_refused_at_once(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 200)
    wanted: dict[str, Any] = {"source": clip, "target": tmp_path / "out.mp4", "sets": QUICK}
    with Pipeline(**wanted), pytest.raises(ConfigError, match="another run is writing"):
        Pipeline(**wanted).start()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"config": "remove-peple"}, "remove-people"),
        ({"sets": ["segmentation.clases=[dog]"]}, "classes"),
        ({"sets": "slots=4"}, "a list"),
        ({"planes": "clean"}, "a list"),
        ({"planes": ["imgae"]}, "no plane 'imgae'"),
        ({"planes": ["depth"]}, "no plane 'depth'"),
        ({"frames": 0}, "at least 1"),
    ],
)
def test_what_is_wrong_is_known_before_anything_starts(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Pipeline(**{"source": "in.mp4", **wrong})


def test_pictures_of_a_sink_that_gives_none_are_refused(tmp_path: Path) -> None:
    stages = json.loads(Path(toys(tmp_path)).read_text())
    stages["stages"][-1] |= {"uses": "tests.toys:Collect"}
    (tmp_path / "toys.yaml").write_text(json.dumps(stages))
    with pytest.raises(ConfigError, match=r"no pictures come of tests\.toys:Collect"):
        Pipeline(str(tmp_path / "toys.yaml"), source="in")


def test_a_step_out_of_turn_is_told_with_the_way_out(tmp_path: Path) -> None:
    config = toys(tmp_path)
    run = Pipeline(config, source="in", target="null:")
    with pytest.raises(ConfigError, match="start"):
        run.wait()
    with pytest.raises(ConfigError, match="start"):
        run.set("invert.sleep", 1)
    with pytest.raises(ConfigError, match="planes="):
        run.frames()
    with run:
        with pytest.raises(ConfigError, match="started before"):
            run.start()
        run.wait()
    waits: list[ConfigError] = []

    def on_frame(seen: Picture) -> None:
        with pytest.raises(ConfigError, match="on_frame cannot wait") as caught:
            other.wait()
        waits.append(caught.value)

    other = Pipeline(config, source="in", on_frame=on_frame, frames=1).start()
    other.wait()
    assert len(waits) == 1


def test_no_thread_and_no_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    before = threading.active_count()
    with Pipeline(toys(tmp_path), source="in") as run:
        assert len(list(run.frames())) == 60
    wait_until(lambda: threading.active_count() == before)
    assert not os.listdir(tmp_path / "temporary")
