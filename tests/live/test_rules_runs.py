"""Whole runs with rules: taken over between two frames or refused as a whole; zones hide in every output, whatever is
kept."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.admin import ask
from pipeline.errors import ConfigError
from pipeline.requests import Change, Status
from tests.live.pushing import free_port
from tests.live.recordings import pictures, segments
from tests.live.test_mjpeg import Watcher, decoded
from tests.live.test_outputs_together import answers, outputs
from tests.runs import Run
from tests.toys_rules import FACE
from tests.waiting import wait_until

CORNER = [[0, 0], [0.25, 0], [0.25, 0.5], [0, 0.5]]
HIDDEN = np.s_[:58, :38]
SEEN = np.s_[FACE[1] + 4 : FACE[3] - 4, FACE[0] + 4 : FACE[2] - 4]
KEEP: list[dict[str, Any]] = [{"when": {"class": ["face"]}, "do": "keep"}]


def config() -> dict[str, Any]:
    return {
        "name": "ruled",
        "fail": "closed",
        "stages": [
            {"name": "ingest", "uses": "tests.live.toys:Camera", "with": {"count": 200}},
            {"name": "detection", "uses": "tests.toys_rules:OneFace"},
            {"name": "tracking", "uses": "stages.tracking:Tracking", "with": {"hide": [CORNER], "rules": KEEP}},
            {"name": "cover", "uses": "stages.privacy:Cover", "with": {"color": [0, 0, 255]}},
            {"name": "output", "uses": "stages.output:Auto"},
        ],
    }


def blue(part: np.ndarray) -> bool:
    """Covered, as far as a lossy codec brings a colour back."""
    return bool(np.abs(part.astype(int).reshape(-1, 3).mean(0) - (255, 0, 0)).max() < 25)


def say(rules: Any) -> None:
    ask("ruled", Change(stage="tracking", field="rules", value=rules))


@pytest.mark.long
def test_rules_change_while_it_runs_and_a_hidden_zone_is_covered_live_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    web, folder = free_port(), tmp_path / "cam"
    addresses = outputs(f"http://127.0.0.1:{web}/", f"recording:{folder}")
    run = Run(tmp_path, config(), *addresses, "--set", "output-2.keep_free_gb=0", "--name", "ruled")
    wait_until(lambda: answers(web))
    watcher, watched = Watcher(web), []
    watched.append(decoded(watcher.picture()))
    with pytest.raises(ConfigError, match=r"tracking: rules\.1\.when\.clas: no such field"):
        say([*KEEP, {"when": {"clas": ["face"]}, "do": "keep"}])
    assert ask("ruled", Status())["stages"]["tracking"]["live"]["rules"] == KEEP
    watched += [decoded(watcher.picture()) for _ in range(3)]
    assert not any(blue(picture[SEEN]) for picture in watched), "what was refused changes nothing"
    say([{"when": {"class": ["face"]}, "do": "mosaic"}])
    say([])
    try:
        while True:
            watched.append(decoded(watcher.picture()))
    except (ConnectionError, http.client.HTTPException):
        watcher.close()
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["blanked"] == 0
    recorded = [picture for path in segments(folder) for picture in pictures(path)]
    assert len(recorded) == 200
    for shown in (watched, recorded):
        assert all(blue(picture[HIDDEN]) for picture in shown)
        assert not blue(shown[0][SEEN])
        assert blue(shown[-1][SEEN])
        assert not blue(shown[-1][90:, 60:])
