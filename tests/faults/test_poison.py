"""A frame that kills whoever takes it up: it is given up in the end, and never the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import Run, toy


@pytest.mark.fault("A9")
@pytest.mark.parametrize("restarts", [0, 3])
def test_a_frame_that_always_kills_does_not_touch_the_restart_budget(tmp_path: Path, restarts: int) -> None:
    """With the next frame granted ahead, too: the worker is blamed for the frame it begins with."""
    policy = f"invert.restart={{max_restarts: {restarts}}}"
    run = Run(tmp_path, toy(tmp_path), "--set", policy, fault="invert:granted:20=kill")
    ended = run.end()
    assert ended.code == 4
    assert ended.report["result"] == "completed_with_errors", ended.stderr
    assert [line[0] for line in run.lines() if line[2]] == [20]
    assert len(run.lines()) == 60


@pytest.mark.long
@pytest.mark.fault("A9")
def test_a_frame_that_kills_the_sink_even_as_a_blank_is_given_up_and_the_run_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path, toy(tmp_path), fault="output:granted:20=kill")
    ended = run.end()
    assert ended.code == 4
    assert ended.report["result"] == "completed_with_errors", ended.stderr
    assert "1 frames lost" in ended.stderr
    assert ended.frames == {"accepted": 60, "output": 59, "blanked": 0, "dropped": {"output": 1}, "rejected": 0}
    assert [line[0] for line in run.lines()] == [index for index in range(60) if index != 20]
    assert ended.report["stages"]["output"]["restarts"] in (6, 7)  # 7: frame 19's commit died with the first
