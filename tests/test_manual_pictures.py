"""The pictures of the uses: what is run for them is right, and the one that moves shows input and result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from manual import pictures
from pipeline.config import load_config
from tests.clips import make_clip


@pytest.mark.parametrize("shot", pictures.SHOTS, ids=lambda shot: shot.name)
def test_what_is_run_for_a_picture_is_a_right_configuration(shot: pictures.Shot) -> None:
    plan = load_config(shot.config, sets=shot.sets, given="in.avi", wanted="out.mkv", environment={})
    assert plan.config.name == shot.config


@pytest.mark.parametrize("shot", pictures.SHOTS, ids=lambda shot: shot.name)
def test_every_picture_is_there_and_small(shot: pictures.Shot) -> None:
    assert 10_000 < (pictures.FOLDER / f"{shot.name}.jpg").stat().st_size < 300_000


def test_the_one_that_moves_is_smaller_than_two_megabytes() -> None:
    data = pictures.MOVING.read_bytes()
    assert data[:4] == b"RIFF"
    assert data[8:12] == b"WEBP"
    assert data.count(b"ANMF") == pictures.SECONDS * pictures.RATE
    assert len(data) < 2_000_000


def test_it_holds_both_halves_side_by_side_at_its_own_rate(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (48, 1, 3))  # it moves: equal ones become one
    before = make_clip(tmp_path / "before.mp4", [np.roll(ramp, 3 * number, axis=1) for number in range(50)])
    after = make_clip(tmp_path / "after.mp4", [np.full((48, 64, 3), 220, np.uint8)] * 50)
    halves = list(pictures._both(before, after, (32, 24), slice(25, None, 5)))
    assert len(halves) == 5
    assert halves[0].shape == (24, 64, 3)
    assert halves[0][:, :30].max() < 90 < 180 < halves[0][:, 34:].min()
    out = tmp_path / "moving.webp"
    pictures.move(before, after, out)
    assert out.read_bytes().count(b"ANMF") == 2 * pictures.RATE, "two seconds of it"
    pictures.move(before, after, out, begin=1)
    assert out.read_bytes().count(b"ANMF") == pictures.RATE
