"""What comes out in the place of a frame that nobody vouches for: a slate, the last clean picture, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.blanks import LONGEST_S, Blanks
from pipeline.frame import Frame
from pipeline.ledger import Verdict
from pipeline.posts import StageRule
from pipeline.stage import Sink
from tests.faults.canary import WIDTH, pictures_of, pipeline, shows, to_file
from tests.ledgers import Play, check_sums
from tests.runs import Ended, Run

SHAPE = (8, 8, 3)


class Shown(Sink):
    """Remembers the first byte of every picture; -1 for what was skipped."""

    _got: list[int]

    def write(self, frame: Frame) -> None:
        self._got.append(int(frame.clean[0, 0, 0]))

    def skip(self, frame: Frame) -> None:
        self._got.append(-1)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def passed(wish: str, *given: int | None, live: bool = False, clock: Clock | None = None) -> list[int]:
    """What a sink gets for these pictures; None: a blank."""
    sink, blanks = Shown(), Blanks(wish, live=live, clock=clock or Clock())  # type: ignore[arg-type]
    sink._got = []
    for value in given:
        blanks.pass_on(sink, frame_of(value))
    return sink._got


def frame_of(value: int | None, life: int = 0, shape: tuple[int, ...] = SHAPE) -> Frame:
    return Frame({"clean": np.full(shape, value or 0, np.uint8)}, blank=value is None, life=life)


def test_a_slate_comes_out_where_nothing_else_is_asked_for() -> None:
    assert passed("slate", 7, None, 8, None) == [7, 0, 8, 0]


def test_the_last_clean_picture_comes_out_again_and_before_the_first_one_a_slate() -> None:
    assert passed("hold_last", None, 7, None, None, 8, None) == [0, 7, 7, 7, 8, 8]


def test_nothing_comes_out_where_that_is_asked_for() -> None:
    assert passed("drop", None, 7, None, 8) == [-1, 7, -1, 8]


def test_what_is_held_is_a_copy_that_nobody_can_change() -> None:
    sink, blanks, given = Shown(), Blanks("hold_last"), frame_of(7)
    sink._got = []
    blanks.pass_on(sink, given)
    given.clean[:] = 99  # the slot is another frame's by now
    blank = frame_of(None)
    blanks.pass_on(sink, blank)
    assert sink._got == [7, 7]
    assert not blank.clean.flags.writeable


@pytest.mark.parametrize(("life", "shape"), [(1, SHAPE), (0, (8, 4, 3))])
def test_a_picture_from_before_a_gap_or_of_another_size_is_held_no_longer(life: int, shape: tuple[int, ...]) -> None:
    sink, blanks = Shown(), Blanks("hold_last")
    sink._got = []
    for frame in (frame_of(7), frame_of(None, life, shape), frame_of(9, life, shape), frame_of(None, life, shape)):
        blanks.pass_on(sink, frame)
    assert sink._got == [7, 0, 9, 9]


def test_a_live_picture_stands_still_for_seconds_only_and_that_of_a_file_for_ever() -> None:
    for live, then in ((True, 0), (False, 7)):
        sink, clock = Shown(), Clock()
        sink._got = []
        blanks = Blanks("hold_last", live=live, clock=clock)
        blanks.pass_on(sink, frame_of(7))
        clock.now += LONGEST_S - 0.1
        blanks.pass_on(sink, frame_of(None))
        clock.now += 0.2
        blanks.pass_on(sink, frame_of(None))
        assert sink._got == [7, 7, then]


def test_a_frame_that_went_out_nowhere_counts_as_blanked_and_as_withheld_and_sums_agree() -> None:
    rules = [StageRule("in", ordered=True), StageRule("work"), StageRule("out", ordered=True, withholds=True)]
    play = Play(rules)
    for verdict in (Verdict.DONE, Verdict.FAILED, Verdict.DONE):
        play.grant()
        play.commit("in")
        play.grant()
        play.commit("work", verdict=verdict)
        play.grant()
        play.commit("out")
        check_sums(play.ledger)
    assert play.ledger.fates == {"output": 2, "blanked": 1}
    assert (play.ledger.withheld, dict(play.ledger.blanks)) == (1, {"work: failed": 1})
    assert play.ledger.posts[2].commits == 2, "a sink that goes on must not look for a frame that it never had"


BAD = {0: "raise", 1: "nan", 7: "none", 8: "inverted", 20: "shape", 29: "raise"}


@pytest.fixture(scope="module", params=["slate", "hold_last", "drop"])
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Ended]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "out").mkdir()
    config = pipeline(folder, to_file(folder), detection={"deeds": BAD}) | {"blank": request.param}
    return request.param, folder, Run(folder, config).end(120)


@pytest.mark.fault("E1", "E2", "E3", "E4")
@pytest.mark.real
def test_a_file_shows_for_a_frame_in_doubt_what_was_asked_for(ended: tuple[str, Path, Ended]) -> None:
    wish, folder, run = ended
    assert run.code == 4, run.stderr
    assert run.frames == {"accepted": 30, "output": 24, "blanked": 6, "dropped": {}, "rejected": 0}
    assert run.report["blanks"] == {"as": wish, "withheld": 6 if wish == "drop" else 0, "why": {"detection: failed": 6}}
    shown = pictures_of(folder / "out" / "clean.mkv")
    assert len(shown) == (24 if wish == "drop" else 30)
    assert not any(map(shows, shown))
    blank = [not picture[0].any() for picture in shown]
    assert [at for at, one in enumerate(blank) if one] == {"slate": sorted(BAD), "hold_last": [0, 1], "drop": []}[wish]
    if wish == "hold_last":
        assert np.array_equal(shown[7], shown[6])
        assert np.array_equal(shown[8], shown[6])
        assert np.array_equal(shown[29], shown[28])
    if wish == "drop":
        check_times(folder / "out" / "clean.mkv")


def check_times(path: Path) -> None:
    """The others stay where they were: those before one that is gone last longer."""
    import av

    with av.open(str(path)) as box:
        base = box.streams.video[0].time_base
        packets = [(float(p.pts * base), float(p.duration * base)) for p in box.demux(video=0) if p.size]
    first = packets[0][0]
    places = [at for at in range(30) if at not in BAD]
    assert [round((pts - first) * 25) for pts, _ in packets] == [at - places[0] for at in places]
    lengths = [round(length * 25) for _, length in packets]
    assert lengths == [after - at for at, after in zip(places, [*places[1:], 30], strict=True)]


def test_the_canary_is_seen_where_it_is() -> None:
    from tests.faults.canary import scene, truth

    for number in range(0, 200, 7):
        picture = scene(number)
        assert shows(picture)
        x0, y0, x1, y1 = truth(number)
        assert 0 <= x0 < x1 <= WIDTH
        picture[y0:y1, x0:x1] = 0
        assert not shows(picture)
