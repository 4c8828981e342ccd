"""Every shipped configuration runs as it is shipped, on a few frames, and does what its first line says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from pipeline.reading import shipped
from tests.live.servers import rtsp
from tests.recurrent import Recurrent, saved
from tests.runs import Ended, Run
from tests.scenes import STANDING, frames_of, make_standing
from tests.senders import free_port, going, send
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

FRAMES = 3
FAR = 30  # levels by which a pixel is another one, whatever the encoder did
# Of the man at the left, the share of pixels that are others afterwards; what was black stays so under a black cover.
FILES = {
    "compare": (0.3, ()),
    "privacy-all": (0.8, ()),
    "privacy-faces": (0.0, ()),
    "privacy-people": (0.8, ()),
    "privacy-plates": (0.0, ()),
    "privacy-remove": (0.3, ()),
    "remove-chosen": (0.0, ()),
    "remove-people": (0.3, ()),
    "remove-target": (0.3, ("--target", "20,195,105,260@0")),
}
LIVE = ("live-camera", "live-rtsp", "live-tcp")
CODED = ("semantic-codec", "semantic-codec-face")
OFTEN = {"privacy-people", "semantic-codec-face"}  # in every run of the tests; `make long` runs all


def rarer(names: Iterable[str]) -> list[object]:
    return [pytest.param(name, marks=() if name in OFTEN else pytest.mark.long) for name in sorted(names)]


def ran(run: Run) -> Ended:
    """The run, at its end, which is a good one."""
    with going(run):
        ended = run.end(240)
    assert ended.code == 0, ended.stderr
    assert ended.report["result"] == "completed", ended.stderr
    assert ended.report["ledger_balanced"]
    return ended


def before_and_after(folder: Path, name: str, *args: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    clip, made = make_standing(folder / "street.mp4", FRAMES), folder / "made.mp4"
    ended = ran(Run(folder, name, "--input", str(clip), "--output", str(made), *args))
    assert ended.frames["output"] == FRAMES
    assert ended.frames["blanked"] == 0
    return frames_of(clip), frames_of(made)


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other).max(axis=2) > FAR


def test_every_shipped_configuration_is_run_here() -> None:
    assert {*FILES, *LIVE, *CODED, "matte", "matte-rvm"} == set(shipped())


@pytest.mark.parametrize("name", sorted(shipped()))
def test_each_opens_with_its_use_and_a_line_to_run_it(name: str) -> None:
    schema, use, *rest = shipped()[name].read_text().splitlines()
    assert schema.startswith("# yaml-language-server: ")
    assert re.match(r"# [A-Z][a-z]+ \w+", use), "a verb, and what it is done to"
    opening = rest[: next(at for at, line in enumerate(rest) if not line.startswith("#"))]
    assert any(re.match(rf"#   cleanplate run {name}( |$)", line) for line in opening)
    assert opening[-1] != "#"


@pytest.mark.parametrize("name", rarer(FILES))
def test_people_are_hidden_or_gone_where_it_says_so(tmp_path: Path, name: str) -> None:
    least, args = FILES[name]
    before, after = before_and_after(tmp_path, name, *args)
    share = min(float(changed(one, other)[STANDING].mean()) for one, other in zip(before, after, strict=True))
    assert share >= least
    if name in ("remove-chosen", "privacy-plates"):
        assert not any(changed(one, other)[STANDING].any() for one, other in zip(before, after, strict=True))
    if name == "privacy-faces":
        assert all(changed(one, other).any() for one, other in zip(before, after, strict=True))
        assert share < 0.1, "only his face"


def is_green(picture: np.ndarray) -> np.ndarray:
    return picture[..., 1].astype(int) - picture[..., ::2].max(axis=2) > 60


@pytest.mark.long
def test_a_matte_stands_before_green(tmp_path: Path) -> None:
    _, after = before_and_after(tmp_path, "matte")
    assert all(is_green(picture)[:80].mean() > 0.9 for picture in after)
    assert all(is_green(picture)[STANDING].mean() < 0.5 for picture in after)


@pytest.mark.long
def test_rvm_mattes_with_the_weights_that_it_is_given(tmp_path: Path) -> None:
    weights = saved(Recurrent(), tmp_path / "rvm.torchscript")
    _, after = before_and_after(tmp_path, "matte-rvm", "--set", f"matting.weights={weights}")
    assert all(picture.std() > 0 for picture in after)


@pytest.mark.parametrize("name", rarer(CODED))
def test_what_is_coded_is_shown_and_each_picture_has_its_row(tmp_path: Path, name: str) -> None:
    before, after = before_and_after(tmp_path, name, "--set", f"codec.log={tmp_path}/rows")
    assert after[0].shape[0] > before[0].shape[0], "a panel"
    (log,) = (tmp_path / "rows").glob("*.txt")
    assert len(re.findall(r"(?m)^\d+,", log.read_text())) == FRAMES


@pytest.mark.long
def test_a_camera_is_taken_as_it_comes(tmp_path: Path) -> None:
    args = ("--input", "cam:test", "--output", "null:", "--frames", "5")
    assert ran(Run(tmp_path, "live-camera", *args)).frames["accepted"] == 5


@pytest.mark.long
def test_a_network_camera_is_taken_as_it_comes(tmp_path: Path) -> None:
    with rtsp() as server:
        args = ("--input", server.address, "--output", "null:", "--frames", "5")
        assert ran(Run(tmp_path, "live-rtsp", *args)).frames["accepted"] == 5


@pytest.mark.long
def test_a_sender_is_listened_to(tmp_path: Path) -> None:
    port = free_port()
    args = ("--input", f"tcp://127.0.0.1:{port}?width=160&height=96", "--output", "null:", "--frames", "3")
    run = Run(tmp_path, "live-tcp", *args)
    with going(run):
        wait_until(lambda: "waits for a sender" in (tmp_path / "stderr").read_text(), timeout=120)
        send(port, *[np.full((96, 160, 3), 40 * at, np.uint8).tobytes() for at in range(6)])
        assert ran(run).frames["accepted"] == 3
