"""The clock on the wall jumps, and counters come to their ends: nothing of a run depends on either."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.ledger import Ledger, Verdict
from pipeline.messages import Commit, Grant, unpack
from pipeline.posts import GENERATIONS
from tests.faults.health import assert_healthy_or_down
from tests.faults.inside import Inside
from tests.faults.mortal import expected, mortal
from tests.faults.sampling import sample
from tests.ledgers import line
from tests.runs import Run
from tests.waiting import wait_until

DAY = 86_400
# libfaketime 0.9.10 breaks time.sleep() of Python 3.11, whose clock is monotonic; this fakes the wall clock alone.
SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
    char text[32] = {0};
    int fd = open(getenv("CLOCK_FILE"), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0) return 0;
    close(fd);
    return atol(text);
}
int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, which, now);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}
time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""


class Clock:
    """The clock on the wall, as every process of a run that is started `under` it sees it."""

    def __init__(self, folder: Path) -> None:
        source, library, self._said = folder / "clock.c", folder / "clock.so", folder / "clock"
        source.write_text(SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self._said.write_text("0")
        self.under = ["env", f"LD_PRELOAD={library}", f"CLOCK_FILE={self._said}", "TZ=Europe/Berlin"]

    def jump(self, seconds: float) -> None:
        """So far ahead of the truth."""
        fresh = self._said.with_suffix(".fresh")
        fresh.write_text(str(int(seconds)))
        fresh.replace(self._said)

    def show(self, when: str) -> None:
        self.jump(datetime.fromisoformat(when).timestamp() - time.time())


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    if not shutil.which("cc"):
        pytest.skip("no C compiler, with which the clock would be made")
    return Clock(tmp_path)


@pytest.mark.fault("G1")
def test_a_wall_clock_that_jumps_days_and_decades_in_mid_run_is_not_noticed(tmp_path: Path, clock: Clock) -> None:
    """A day on, a day back, to 1970, over the end of 32 bits, and over the end of summer time.

    Nor does it save a worker that is frozen after it has gone back."""
    frozen = {"dies": {"mid_write": 70}, "deed": "stop"}
    config = mortal(tmp_path, ingest={"sleep": 0.02, "count": 120}, negative=frozen)
    run = Run(tmp_path, config, under=clock.under)
    jumps = (
        lambda: clock.jump(DAY),
        lambda: clock.jump(-DAY),
        lambda: clock.show("1970-01-02T00:00:00Z"),
        lambda: clock.show("2038-01-19T03:14:07Z"),
        lambda: clock.show("2026-10-25T00:59:59Z"),
    )
    for number, jump in enumerate(jumps):
        wait_until(lambda wanted=20 * number + 5: run.output.exists() and len(run.lines()) >= wanted)
        jump()
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert run.lines() == expected(120)
    assert re.fullmatch(r"negative [01]: silent, killed", "".join(ended.report["runtime"]["deaths"]))
    assert 2.0 <= ended.report["seconds"] <= 60.0
    assert ended.report["latency_ms"]["p99"] <= 10_000
    (log,) = (tmp_path / "state" / "logs").glob("*.log")
    records = [json.loads(text) for text in log.read_text().splitlines()]
    assert [record["number"] for record in records] == list(range(1, len(records) + 1))
    assert records[-1]["time"].startswith("2026-10-25T0"), "the log shows the jump"
    assert_healthy_or_down(run, ended)


@pytest.mark.fault("G1")
@pytest.mark.parametrize(
    "when", sample("2038-01-19T03:14:05Z", rarely=("1970-01-01T00:00:01Z", "2106-02-07T06:28:14Z"))
)
def test_a_run_may_start_at_any_time(tmp_path: Path, clock: Clock, when: str) -> None:
    clock.show(when)
    run = Run(tmp_path, mortal(tmp_path), under=clock.under)
    ended = run.end()
    assert ended.code == 0, ended.stderr
    assert run.lines() == expected(60)
    assert next((tmp_path / "state" / "logs").iterdir()).name.startswith(f"mortal@{when[:4]}")
    assert_healthy_or_down(run, ended)


@pytest.mark.fault("G8")
@pytest.mark.parametrize("power", sample(32, 63, rarely=(31,)))
def test_time_stamps_go_on_past_the_sizes_of_integers(tmp_path: Path, power: int) -> None:
    """To the last one that a media file can hold."""
    first = 2**power - (30 if power < 63 else 60)
    options = {"first": first, "long": 2**power - 1}
    inside = Inside(tmp_path, mortal(tmp_path, ingest=options, negative={"dies": {"mid_write": first + 29}}))
    assert inside.result.code == 0, inside.result.error
    assert inside.lines() == expected(60, first)


@pytest.mark.long
@pytest.mark.fault("G8")
def test_a_time_stamp_that_no_file_could_hold_ends_the_run_in_words(tmp_path: Path) -> None:
    inside = Inside(tmp_path, mortal(tmp_path, ingest={"first": 2**63 - 10}))
    assert inside.result.code == 4
    assert inside.lines() == expected(10, 2**63 - 10)
    assert str(inside.result.error).startswith("ingest: ")


@pytest.mark.fault("G8")
@pytest.mark.parametrize("power", sample(32, rarely=(31, 62)))
def test_generations_and_frame_numbers_go_on_past_the_sizes_of_integers(tmp_path: Path, power: int) -> None:
    """As after years of work: the counters of a run that has just begun are put near their ends."""
    begun: list[int] = []

    def age(inside: Inside) -> None:
        if begun:
            return
        begun.append(2**power - 30)
        ledger = inside.supervisor.ledger
        assert ledger.accepted == 0, "before the first frame"
        ledger.accepted = begun[0]
        ledger.fates["output"] = begun[0]
        for slot in ledger.slots:
            slot.generation = min(2**power, GENERATIONS) - 3
        for post in ledger.posts:
            post.cursor = begun[0]

    inside = Inside(tmp_path, mortal(tmp_path, negative={"dies": {"mid_write": 29}}), age)
    assert inside.result.code == 0, inside.result.error
    assert [row[0] for row in inside.lines()] == [begun[0] + at for at in range(60)]
    assert [row[1:] for row in inside.lines()] == [row[1:] for row in expected(60)]
    assert inside.result.report["frames"]["accepted"] == begun[0] + 60
    assert inside.result.report["runtime"]["stale_messages"] == 0


@pytest.mark.fault("G8")
def test_a_commit_from_before_the_wrap_is_not_taken_for_one_of_after_it() -> None:
    ledger = Ledger(line(), 2)
    for stage, worker in enumerate((1, 2)):
        ledger.joined(stage, worker)
    for slot in ledger.slots:
        slot.generation = GENERATIONS - 1
    first = ledger.grants()[0]
    assert first.generation == 0
    assert ledger.committed(1, first.slot, GENERATIONS - 1, Verdict.DONE) is None
    assert ledger.committed(1, first.slot, first.generation, Verdict.DONE) is not None
    assert ledger.stale == 1


@pytest.mark.fault("G8")
@pytest.mark.parametrize("edge", [2**31, 2**32, 2**63 - 1, -(2**63)])
def test_grants_and_commits_carry_numbers_of_any_size_that_a_file_can_hold(edge: int) -> None:
    for generation, step in itertools.product((0, 2**31, GENERATIONS - 1), (-1, 0, 1)):
        number = max(-(2**63), min(edge + step, 2**63 - 1))
        grant = Grant(1023, generation, abs(number) - 1, number, number)
        assert unpack(grant.pack()) == grant
        commit = Commit(1023, generation, Verdict.DONE, number, number, abs(number) - 1)
        assert unpack(commit.pack()) == commit
