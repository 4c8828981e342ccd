"""The screen of `cleanplate top`: what it shows at each size, what its keys do, and that nothing can hold it up."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.color import Color
from textual.pilot import Pilot

from pipeline.cli import live
from pipeline.cli.figures import Look
from pipeline.cli.screen import app as screen_app
from pipeline.cli.screen import watcher
from pipeline.cli.screen.app import Top
from pipeline.cli.screen.header import counts
from pipeline.cli.screen.marks import bar, clock, curve, cut, number, share, size
from pipeline.cli.screen.question import MEANINGS, Legend, Question
from pipeline.cli.screen.table import COLUMNS
from pipeline.cli.screen.watcher import Ended, Looked, Said, Watcher
from pipeline.cli.usage import Device, Usage
from pipeline.errors import RunError
from pipeline.instances import lock_of
from pipeline.logfile import new_log
from pipeline.requests import Change, Pause, Resume, Scale
from pipeline.runlog import RunLog
from tests.answers import Speaker, answer
from tests.commands import cleanplate
from tests.dials import going_run, status
from tests.runs import COMMAND, ROOT
from tests.waiting import wait_until

RUN = "remove-people"
NARROW, WIDE = (80, 24), (120, 40)
IMPORTANT = ("STAGE", "STATE", "FR/S", "BUSY", "P95", "QUEUE", "DROP", "RST", "CPU%", "MEM", "PID")


class Idle:
    """Watches nothing; what is ordered is done at once."""

    def __init__(self, name: str, told: Callable[[Any], object]) -> None:
        self.told = told
        self.left = False

    def start(self) -> None:
        """Nothing to start."""

    def leave(self) -> None:
        self.left = True

    def order(self, deed: Callable[[], str]) -> None:
        self.told(Said(deed()))


Steps = Callable[[Top, Pilot[None]], Awaitable[None]]


def on_screen(steps: Steps, at: tuple[int, int] = NARROW, watch: Any = Idle) -> None:
    """Open the screen at a size, and do these steps."""

    async def all_of_it() -> None:
        app = Top(RUN, watch=watch)
        async with app.run_test(size=at) as pilot:
            await steps(app, pilot)

    asyncio.run(all_of_it())


def lines(app: Top) -> list[str]:
    """What stands on the screen."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def text(app: Top) -> str:
    return "\n".join(lines(app))


async def show(app: Top, pilot: Pilot[None], told: dict[str, Any], at: float = 0.0, **other: Any) -> None:
    pids = [worker["pid"] for stage in told["stages"].values() for worker in stage["workers"]]
    usages = other.pop("usages", {pid: Usage(0.9 * at, 812 << 20) for pid in pids})
    app.post_message(Looked(Look(told, 100.0 + at, usages, other.pop("devices", ()))))
    await pilot.pause()


async def show_two(app: Top, pilot: Pilot[None], **other: Any) -> None:
    """A first answer, and a second one a second and 20 frames later."""
    await show(app, pilot, answer(seconds=9.0, frames=210))
    await show(app, pilot, answer(seconds=10.0, frames=230, **other), 1.0)


def test_at_80_by_24_everything_that_matters_is_there_without_scrolling() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        told = answer(frames=230, deaths=["inpainting 1: signal 9"], notes=["a note"])
        told["slots"] |= {"quarantined": 1}
        told["stages"]["inpainting"] |= {"queue": 7, "restarts": 3, "dropped": 21}
        await show(app, pilot, answer(seconds=9.0, frames=210))
        await show(app, pilot, told, 1.0)
        shown = lines(app)
        assert len(shown) == 24
        assert all(len(line) == 80 for line in shown)
        whole = "\n".join(shown)
        assert "remove-people" in shown[0]
        assert "running   0:10" in shown[0]
        assert "/videos/street.mp4 → /videos/clean.mp4" in shown[1]
        assert "20.0 frames/s" in whole
        assert "latency p50 400.0  p99 600.0 ms" in whole
        assert "in 239" in whole
        assert "out 230" in whole
        assert "8 of 14 taken, 1 quarantined" in whole
        head = next(line for line in shown if "STAGE" in line)
        assert all(word in head.split() for word in IMPORTANT)
        rows = [row.strip() for row in shown[shown.index(head) + 1 :][:6]]
        assert [row.split()[0] for row in rows] == ["ingest", "segmentation", "plate", "▌inpainting", "▌", "output"]
        assert rows[3] == "▌inpainting    0 ready   10.0  83.2  99.8   7 ━╾─    21   3   90  812M    1300"
        assert rows[4].split() == ["▌", "1", "ready", "10.0", "90", "812M", "1301"]
        assert rows[4].index("812M") == rows[3].index("812M")
        assert "died: inpainting 1: signal 9" in whole
        assert "a note" in whole
        assert "q quit" in shown[-1]

    on_screen(steps)


def test_what_a_source_is_doing_what_was_dropped_and_why_pictures_were_rejected_is_on_the_screen() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        assert "ingest:" not in text(app)
        told = answer(frames=250, on_full="drop_oldest")
        told["frames"] |= {"rejected": 1203, "dropped": {"segmentation": 40, "output": 1}}
        told["stages"]["ingest"] |= {
            "state": "reconnecting",
            "counts": {"rejected: band": 1200, "rejected: black": 3, "reconnects": 7},
        }
        told["stages"]["output"]["state"] = "waiting for its server"
        await show(app, pilot, told, 2.0)
        assert "dropped 41" in text(app)
        assert "rejected 1,203" in text(app)
        line = next(line for line in lines(app) if "reconnecting" in line)
        assert line.strip() == "ingest: reconnecting   output: waiting for its server   rejected: 1,200 band,…"
        assert alike(colour_of(app, "ingest: reconnecting"), Color.parse(screen_app.CALM.warning or ""))
        assert "QUEUE" in text(app)
        assert any(line.split()[:1] == ["output"] for line in lines(app)), "the table is still whole"
        told["stages"]["ingest"]["state"] = told["stages"]["output"]["state"] = ""
        await show(app, pilot, told, 3.0)
        assert " rejected: 1,200 band, 3 black" in text(app)

    on_screen(steps)


def test_a_wider_and_higher_screen_shows_more() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        assert "LOAD" in text(app)
        assert "WAIT" in text(app)
        assert "83%" in next(line for line in lines(app) if "inpainting" in line)
        assert sum("█" in line for line in lines(app)) > 3  # the curve
        await pilot.resize_terminal(*NARROW)
        await pilot.pause()
        assert len(lines(app)) == 24
        assert "LOAD" not in text(app)
        assert "output" in text(app)

    on_screen(steps, WIDE)


@pytest.mark.parametrize("at", [(20, 5), (1, 1), (40, 10), (200, 60)])
def test_at_no_size_anything_breaks(at: tuple[int, int]) -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot, notes=["a note"])
        await pilot.press("s")
        await pilot.press("n")
        await pilot.press("down")
        assert len(lines(app)) == at[1]

    on_screen(steps, at)


def test_gpu_columns_are_there_only_where_there_is_one() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        assert "GPU" not in text(app)
        usages = {1300: Usage(1.0, 1 << 30, 3 << 30, 0.41)}
        gpu = Device(0, "NVIDIA H200", 0.63, 12 << 30, 139 << 30)
        await show(app, pilot, answer(frames=250), 2.0, usages=usages, devices=[gpu])
        assert "GPU% " in text(app)
        assert "63 %, 12.0G of 139G  NVIDIA H200" in text(app)
        row = next(line for line in lines(app) if "inpainting" in line)
        assert row.split()[-2:] == ["41", "3.0G"]

    on_screen(steps)


def test_what_should_not_be_stands_out_in_colour_and_what_is_well_does_not() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        assert colour_of(app, "setup") is None
        told = answer(frames=250)
        told["stages"]["inpainting"]["workers"][1]["state"] = "setup"
        told["stages"]["inpainting"]["restarts"] = 3
        await show(app, pilot, told, 2.0)
        warning = Color.parse(screen_app.CALM.warning or "")
        assert alike(colour_of(app, "setup"), warning)
        assert alike(colour_of(app, "3"), warning)
        assert not alike(colour_of(app, "ready"), warning)

    on_screen(steps)


def colour_of(app: Top, word: str) -> tuple[int, int, int] | None:
    """The colour of the first such word on the screen."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            if segment.text.strip() == word and segment.style and segment.style.color and segment.style.color.triplet:
                return tuple(segment.style.color.triplet)
    return None


def alike(one: tuple[int, int, int] | None, other: Color) -> bool:
    """But for rounding."""
    return one is not None and all(abs(a - b) < 4 for a, b in zip(one, other.rgb, strict=True))


@pytest.mark.parametrize("width", [60, *range(70, 140, 7)])
def test_frames_that_were_filled_less_well_are_counted_where_there_is_room(width: int) -> None:
    told = answer()
    assert "less well" not in counts(told, width).plain
    told["stages"]["inpainting"]["counts"] = {"level: small": 12, "level: plate": 5, "inpainted": 40}
    line = counts(told, width).plain
    assert "less well 17" in line or width < 100
    assert "less well 17" not in line or len(line.rstrip()) <= width


def test_the_slowest_stage_is_chosen_first_and_the_arrows_choose_others() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show(app, pilot, answer(frames=210))
        assert "▌" not in text(app)
        await show_two(app, pilot)
        assert chosen(app) == "inpainting"
        await pilot.press("up")
        assert chosen(app) == "plate"
        for _ in range(9):
            await pilot.press("down")
        assert chosen(app) == "output"
        await show(app, pilot, answer(frames=260), 3.0)
        assert chosen(app) == "output"

    on_screen(steps)


def chosen(app: Top) -> str:
    return next(line for line in lines(app) if "▌" in line).split()[0].strip("▌")


def test_a_stage_below_the_screen_is_scrolled_to() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show(app, pilot, answer(frames=210, inpainting=30))
        await show(app, pilot, answer(frames=230, inpainting=30), 1.0)
        for _ in range(5):
            await pilot.press("down")
        await pilot.pause()
        assert chosen(app) == "output"

    on_screen(steps)


@pytest.mark.parametrize(("key", "workers"), [("+", 3), ("=", 3), ("-", 1), ("right", 3), ("left", 1)])
def test_plus_and_minus_scale_the_chosen_stage(monkeypatch: pytest.MonkeyPatch, key: str, workers: int) -> None:
    speaker = Speaker()
    monkeypatch.setattr(live, "ask", speaker.ask)

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        await pilot.press(key)
        await pilot.pause()
        assert speaker.wishes == [Scale(stage="inpainting", workers=workers)]
        assert f"inpainting: 2 -> {workers} worker" in text(app)

    on_screen(steps)


def test_p_pauses_a_run_that_goes_on_and_resumes_a_paused_one(monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = Speaker()
    monkeypatch.setattr(live, "ask", speaker.ask)

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        await pilot.press("p")
        await show(app, pilot, speaker.told, 2.0)
        assert "● paused" in text(app)
        await pilot.press("p")
        assert [type(request) for request in speaker.wishes] == [Pause, Resume]

    on_screen(steps)


@pytest.mark.parametrize(("key", "told"), [("y", True), ("enter", True), ("n", False), ("escape", False), ("q", False)])
def test_s_stops_the_run_only_when_the_question_is_answered_with_yes(
    monkeypatch: pytest.MonkeyPatch, key: str, told: bool
) -> None:
    ended: list[str] = []

    def end(name: str) -> str:
        ended.append(name)
        return f"{name}: was told to end"

    monkeypatch.setattr(screen_app, "tell_to_end", end)

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        await pilot.press("s")
        assert isinstance(app.screen, Question)
        assert "Stop remove-people? It finishes its file first." in text(app)
        assert ended == []
        await show(app, pilot, answer(frames=250), 2.0)  # meanwhile it goes on
        await pilot.press(key)
        await pilot.pause()
        assert not isinstance(app.screen, Question)
        assert ended == [RUN] * told
        assert app.is_running

    on_screen(steps)


def test_a_run_that_gives_no_answer_is_said_to_and_its_last_figures_stay() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        app.post_message(Said("remove-people does not answer within 2 s", wrong=True, silent=True))
        await pilot.pause()
        assert "does not answer" in text(app)
        await show_two(app, pilot)
        app.post_message(Said("remove-people does not answer within 2 s", wrong=True, silent=True))
        await pilot.pause()
        assert "● no answer" in text(app)
        assert "20.0 frames/s" in text(app)
        await show(app, pilot, answer(frames=250), 2.0)
        assert "● running" in text(app)

    on_screen(steps)


def test_after_the_end_the_last_figures_stay_and_keys_that_steer_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = Speaker()
    monkeypatch.setattr(live, "ask", speaker.ask)

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        app.post_message(Ended("completed (exit code 0)"))
        await pilot.pause()
        assert "ended: completed (exit code 0)" in text(app)
        assert "● ended" in text(app)
        assert "out 230" in text(app)
        for key in ("+", "p", "s"):
            await pilot.press(key)
        assert speaker.asked == []
        assert not isinstance(app.screen, Question)
        assert "q quit" in lines(app)[-1]
        assert "stop" not in lines(app)[-1]
        await pilot.press("enter")
        assert not app.is_running

    on_screen(steps)


def test_what_a_run_says_can_neither_mark_up_nor_colour_the_screen() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot, notes=["[red]a[/] \x1b[31mnote"], input="[b]in\x1b[2J.mp4", deaths=["[link=x]"])
        assert r"[red]a[/] \x1b[31mnote" in text(app)
        assert r"[b]in\x1b[2J.mp4 →" in text(app)

    on_screen(steps)


def test_a_long_note_is_broken_into_lines_rather_than_cut() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot, notes=["word " * 25 + "end"])
        assert "end" in text(app)
        assert "…" not in text(app)

    on_screen(steps)


@pytest.mark.parametrize("key", ["?", "h"])
def test_what_the_columns_mean_can_be_read_and_taken_away(key: str) -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show_two(app, pilot)
        await pilot.press(key)
        assert isinstance(app.screen, Legend)
        whole = text(app)
        assert [column.title for column in COLUMNS] == list(MEANINGS)
        assert all(about in whole for about in MEANINGS.values())
        await pilot.press("escape")
        assert not isinstance(app.screen, Legend)

    on_screen(steps)


def test_what_is_told_while_the_screen_is_being_left_harms_nothing() -> None:
    async def all_of_it() -> None:
        app = Top(RUN, watch=Idle)
        async with app.run_test(size=NARROW) as pilot:
            await show_two(app, pilot)
            app.exit()
            app.post_message(Looked(Look(answer(frames=250), 200.0)))
            app.post_message(Ended("x"))
        app.on_looked(Looked(Look(answer(frames=270), 201.0)))

    asyncio.run(all_of_it())


def test_a_hint_names_the_stage_that_all_wait_for() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await show(app, pilot, answer(frames=200))
        await show(app, pilot, answer(frames=224), 1.0)
        assert "inpainting is busy 100 % of the time: + gives it another worker" in text(app)
        await show(app, pilot, answer(frames=224), 3.0)
        assert "gives it another worker" not in text(app)

    on_screen(steps)


# The watcher


def must_be_set(event: threading.Event) -> None:
    assert event.wait(30)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What a watcher tells; it looks without waiting in between."""
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(watcher, "EVERY_S", 0.01)
    return []


def test_a_run_that_hangs_holds_up_nothing_and_is_asked_one_thing_at_a_time(
    monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    free, speaker = threading.Event(), Speaker()
    speaker.silent = lambda: must_be_set(free)
    monkeypatch.setattr(live, "ask", speaker.ask)

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        for key in ("down", "up", "s", "n"):
            await pilot.press(key)
        assert "waiting for its answer" in text(app)
        assert len(speaker.asked) == 1
        began = time.monotonic()
        await pilot.press("q")
        assert not app.is_running
        assert time.monotonic() - began < 5

    on_screen(steps, watch=Watcher)
    free.set()


def test_orders_are_done_in_turn_and_too_many_are_refused(monkeypatch: pytest.MonkeyPatch, told: list[Any]) -> None:
    free, speaker = threading.Event(), Speaker()
    speaker.silent = lambda: must_be_set(free)
    monkeypatch.setattr(live, "ask", speaker.ask)
    watch = Watcher(RUN, told.append)
    watch.start()
    for _ in range(watcher.MOST_ORDERS + 1):
        watch.order(lambda: live.scale_by(RUN, "inpainting", 1))
    assert [one.text for one in told if isinstance(one, Said)] == [
        "too many keys at a time; the run has not answered yet"
    ]
    free.set()
    wait_until(lambda: len(speaker.wishes) == watcher.MOST_ORDERS)
    assert [one.workers for one in speaker.wishes if isinstance(one, Scale)] == list(range(3, 23))
    wait_until(lambda: any(isinstance(one, Looked) for one in told))
    watch.leave()
    watch.join(10)
    assert not watch.is_alive()


def test_an_order_that_is_refused_is_told_and_looking_goes_on(monkeypatch: pytest.MonkeyPatch, told: list[Any]) -> None:
    speaker = Speaker()
    monkeypatch.setattr(live, "ask", speaker.ask)
    watch = Watcher(RUN, told.append)
    watch.order(lambda: live.scale_by(RUN, "plate", 1))
    watch.order(lambda: str(live.ask(RUN, Change(stage="segmentation", field="grow", value="wrong"))))
    watch.start()
    wait_until(lambda: sum(isinstance(one, Said) for one in told) == 2)
    assert [(one.text, one.wrong) for one in told if isinstance(one, Said)] == [
        ("plate: keeps state, so it has one worker", True),
        ("remove-people: segmentation: grow: not that", True),
    ]
    seen = len(told)
    wait_until(lambda: len(told) > seen)
    watch.leave()
    watch.join(10)


def test_a_silent_run_is_told_as_silent_while_its_lock_is_held_and_as_ended_after(
    monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    held = threading.Event()
    held.set()

    def no_answer(*_: object) -> None:
        raise RunError("no answer")

    monkeypatch.setattr(live, "ask", no_answer)
    monkeypatch.setattr(watcher, "is_locked", lambda path: held.is_set() and path == lock_of(RUN))
    watch = Watcher(RUN, told.append)
    watch.start()
    wait_until(lambda: len(told) > 2)
    assert all(isinstance(one, Said) and one.silent for one in told)
    held.clear()
    watch.join(10)
    assert isinstance(told[-1], Ended)
    assert told[-1].text == "it is no more, and has left no log"


def test_the_end_is_told_as_the_log_tells_it(told: list[Any]) -> None:
    file = new_log(RUN, "20260101-000000")
    assert watcher.log_of(RUN) == file.path
    assert watcher.log_of("other") is None
    log = RunLog(file, told=lambda _: None)
    log.event("result", "completed (exit code 0): {'accepted': 3}")
    log.__exit__(None, None, None)
    assert watcher.how_it_ended(file.path) == "completed (exit code 0)"
    new_log("killed", "20260101-000000").close()
    assert watcher.how_it_ended(file.path.with_name("killed@20260101-000000.log")) == "it was killed"


def test_the_next_run_of_that_name_is_another_one(monkeypatch: pytest.MonkeyPatch, told: list[Any]) -> None:
    speaker = Speaker()
    monkeypatch.setattr(live, "ask", speaker.ask)
    monkeypatch.setattr(watcher, "is_locked", lambda path: True)
    watch = Watcher(RUN, told.append)
    watch.start()
    wait_until(lambda: bool(told))
    speaker.told = answer(pid=1000)
    watch.join(10)
    assert isinstance(told[-1], Ended)


def test_a_watcher_that_fails_itself_says_so_instead_of_standing_still(
    monkeypatch: pytest.MonkeyPatch, told: list[Any]
) -> None:
    monkeypatch.setattr(live, "ask", lambda *_: {"unheard of": 1})
    Watcher(RUN, told.append).run()
    assert isinstance(told[-1], Ended)
    assert told[-1].text == "top itself failed, the run goes on: KeyError: 'pid'"


# Numbers and bars


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0.00"), (4.2, "4.20"), (9.996, "10.0"), (12.34, "12.3"), (999.96, "1000"), (99_999, "99999"),
     (1e5, "100k"), (123_456_789, "123M")],
)  # fmt: skip
def test_a_number_takes_at_most_five_places(value: float | None, text: str) -> None:
    assert number(value) == text
    assert len(text) <= 5


def test_sizes_shares_and_times_are_short() -> None:
    assert [size(count) for count in (None, 0, 812 << 20, 1 << 30, 139 << 30)] == ["-", "0M", "812M", "1.0G", "139G"]
    assert [share(value) for value in (None, 0.0, 0.984, 11.5)] == ["-", "0", "98", "1150"]
    assert [clock(value) for value in (0, 59.9, 754, 3723)] == ["0:00", "0:59", "12:34", "1:02:03"]
    assert [cut("abcdefgh", width) for width in (9, 8, 5, 1, 0)] == ["abcdefgh", "abcdefgh", "a…fgh", "…", ""]


@pytest.mark.parametrize(("amount", "text"), [(0, "──────────"), (0.01, "╾─────────"), (0.5, "━━━━━─────"),
                                              (0.55, "━━━━━╾────"), (1, "━━━━━━━━━━"), (7, "━━━━━━━━━━")])  # fmt: skip
def test_a_bar_is_as_full_as_its_share_and_never_longer(amount: float, text: str) -> None:
    assert bar(10, (amount, "$primary")).plain == text
    assert len(bar(10, (amount, "$primary"), (0.4, "$error")).plain) == 10
    assert bar(0, (amount, "$primary")).plain == ""


def test_a_curve_stands_on_zero_and_shows_the_latest_at_the_right() -> None:
    assert curve([1, 2, 4], 5) == ["  ▂▄█"]
    assert curve([0, 0.001, 100], 3) == [" ▁█"]
    assert curve([4, 8], 2, height=2) == [" █", "██"]
    assert curve(range(100), 4, top=198.0) == ["▄▄▄▄"]
    assert curve([], 3) == ["   "]
    assert curve([0, 0], 2) == ["  "]


# The command


def test_without_a_terminal_or_a_run_top_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    done = cleanplate("top")
    assert (done.returncode, done.stderr) == (2, "cleanplate: nothing runs now\n")


@pytest.mark.real
def test_a_real_run_is_watched_steered_and_seen_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app._figures is not None and app._figures.rate is not None)
        assert "dial" in text(app)
        await until(pilot, lambda: bool(app._chosen))
        while chosen(app) != "dial":
            await pilot.press("up" if chosen(app) == "output" else "down")
        await pilot.press("+")
        await until(pilot, lambda: "dial: 1 -> 2 workers" in text(app))
        await until(pilot, lambda: (found := status()) is not None and found["stages"]["dial"]["wanted"] == 2)
        await pilot.press("p")
        await until(pilot, lambda: "● paused" in text(app))
        await pilot.press("p")
        await until(pilot, lambda: "● running" in text(app))
        run.process.send_signal(signal.SIGSTOP)
        await until(pilot, lambda: "● no answer" in text(app))
        run.process.send_signal(signal.SIGCONT)
        await until(pilot, lambda: "● running" in text(app))
        figures = app._figures
        assert figures is not None
        assert all(one.memory and one.memory > 1 << 20 for stage in figures.stages for one in stage.workers)
        await pilot.press("s", "y")
        await until(pilot, lambda: "ended: interrupted (exit code 143)" in text(app))
        await pilot.press("q")

    monkeypatch.setattr("tests.test_top_screen.RUN", "toy")
    monkeypatch.setattr(watcher, "PATIENCE_S", 0.5)
    with going_run(tmp_path, monkeypatch) as run:
        on_screen(steps, watch=Watcher)
        assert run.end().frames["accepted"] == run.end().frames["output"]


async def until(pilot: Pilot[None], true: Callable[[], bool], timeout: float = 30.0) -> None:
    """As `wait_until`, while the screen goes on."""
    last = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < last, f"not within {timeout} s"
        await pilot.pause(0.02)


@pytest.mark.real
def test_the_command_shows_its_screen_on_a_terminal_and_leaves_the_run_alone_when_it_quits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with going_run(tmp_path, monkeypatch) as run:
        ours, theirs = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"}
        top = subprocess.Popen([*COMMAND, "top"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        seen = bytearray()
        reader = threading.Thread(target=_read_all, args=(ours, seen))
        reader.start()
        try:
            wait_until(lambda: b"running" in seen and b"dial" in seen)
            os.write(ours, b"q")
            assert top.wait(15) == 0
        finally:
            top.kill()
            top.wait()
            reader.join(10)
            os.close(ours)
        assert run.process.poll() is None
        assert (status() or {})["phase"] == "running"


def _read_all(fd: int, into: bytearray) -> None:
    try:
        while data := os.read(fd, 65536):
            into += data
    except OSError:  # the other end is closed
        return


@pytest.mark.real
def test_without_textual_the_way_to_get_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys\nsys.modules['textual'] = None\nsys.stdout.isatty = lambda: True\n"
    code += "sys.argv = ['cleanplate', 'top']\nfrom pipeline.cli import main\nmain()"
    with going_run(tmp_path, monkeypatch):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert cleanplate("top").stderr.startswith("cleanplate: top needs a terminal")
    assert done.returncode == 3
    assert done.stderr == "cleanplate: top: textual is not installed; next: pip install 'cleanplate[tui]'\n"
