"""The model of many machines: what its formulas say at the ends, and the page that is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import cluster_page
from benchmarks.cluster_model import Model, segments

# A film of 25 frames/s; a lane does it at half its speed once it has begun.
MODEL = Model(
    rate=25, preroll_s=3, start_s=4, lane_fps=12.5, cut_s=0.1,
    cut_bytes_per_s=500_000, output_bytes_per_s=1_000_000, join_bytes_per_s=100_000_000,
)  # fmt: skip
HOUR = 3600.0


def content(**more: Any) -> dict[str, Any]:
    """A result as `python -m benchmarks.cluster` writes it."""
    return {
        "config": "remove-people", "segment": "15s", "segments": 10, "lanes": 2, "rounds": 3, "goal": 0.1, "met": True,
        "seconds": {"local": [100.0, 101.0, 102.0], "cluster": [104.0, 105.0, 103.0], "own": [118.0, 117.0, 116.0]},
        "overhead": {"cluster": 0.04, "own": 0.16}, "others_busy": 0.01, "date": "2026-01-02T03:04:05+00:00",
        "model": {**vars(MODEL), "width": 768, "height": 432, "frames": 3600, "lane_cpus": 1},
        "machine": {"cpu": "a processor", "cores": 2, "memory_gib": 8, "python": "3.11.9"}, **more,
    }  # fmt: skip


def test_a_segment_is_its_beginning_and_its_frames_with_those_before_it() -> None:
    assert MODEL.segment_s(15) == 4 + (3 + 15) * 25 / 12.5
    assert segments(40 * 60, 15) == 160
    assert segments(40 * 60 + 1, 15) == 161


def test_ten_lanes_are_ten_times_as_fast_until_the_pieces_run_out() -> None:
    one, ten = MODEL.work_s(HOUR, 15, 1), MODEL.work_s(HOUR, 15, 10)
    assert one == pytest.approx(10 * ten)
    assert MODEL.work_s(HOUR, 15, 240) == MODEL.work_s(HOUR, 15, 1000) == pytest.approx(24 + MODEL.segment_s(15))


def test_one_lane_too_few_costs_a_round() -> None:
    count = segments(HOUR, 60)
    assert MODEL.work_s(HOUR, 60, count - 1) == pytest.approx(2 * MODEL.segment_s(60))


def test_joining_is_as_slow_on_a_thousand_machines() -> None:
    assert MODEL.join_s(HOUR) == 36
    assert MODEL.whole_s(HOUR, 15, 1_000_000) > 36


def test_lanes_beyond_what_is_cut_and_what_the_link_carries_are_not_fed() -> None:
    assert MODEL.lanes_fed(15) == pytest.approx(400)
    assert MODEL.lanes_linked(15, 24_000_000) == pytest.approx(40)


def test_the_page_is_made_of_the_result_and_says_where_the_goal_is_missed() -> None:
    made = cluster_page.tables(content())
    assert "| `--engine ray --address` | 104.0 | 103.0 to 105.0 | +4.0 % |" in made
    assert "at most 10 % on a cluster that runs: yes." in made
    assert "| 40 minutes | 1,000 |" in made
    assert "**no**" not in made
    assert "**no**" in cluster_page.tables(content(met=False))


def test_the_guide_keeps_what_is_written_by_hand() -> None:
    guide = cluster_page.PAGE.read_text().partition(cluster_page.MARK)[0]
    assert cluster_page.page().startswith(guide + cluster_page.MARK)
    assert cluster_page.PAGE.read_text() == cluster_page.page(), "`python -m benchmarks.cluster --page` makes it anew"


@pytest.mark.parametrize(("seconds", "said"), [(5, "0:05"), (59.6, "1:00"), (3725, "1:02:05"), (360_000, "100:00:00")])
def test_times_are_read_as_on_a_clock(seconds: float, said: str) -> None:
    assert cluster_page.clock(seconds) == said
