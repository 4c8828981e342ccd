"""What a run says is kept: in order, bounded, readable after a kill, without passwords, and at nobody's cost."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pipeline import logfile
from pipeline.cli.logs import render
from pipeline.logfile import LogFile, Reader, Record, new_log, part, remove
from pipeline.runlog import LINE, MOST_WAITING, RunLog
from tests.commands import cleanplate
from tests.runs import COMMAND, ROOT, Run, toy
from tests.waiting import wait_until

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def records() -> list[dict[str, Any]]:
    """Of the latest log."""
    done = cleanplate("logs", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def said(kind: str, stage: str | None = None) -> list[str]:
    return [one["text"] for one in records() if one["kind"] == kind and stage in (None, one["stage"])]


def chatty(**options: Any) -> dict[str, Any]:
    return {"name": "invert", "uses": "tests.toys:Chatty", "with": options}


# Whole runs


def test_a_run_is_told_from_its_start_to_its_result(tmp_path: Path) -> None:
    assert Run(tmp_path, toy(tmp_path)).end().code == 0
    kinds = [(one["kind"], one["stage"]) for one in records()]
    assert kinds[0] == ("run", "")
    assert kinds[-1] == ("result", "")
    for stage in ("ingest 0", "invert 0", "output 0"):
        order = [kinds.index((kind, stage)) for kind in ("started", "ready", "ended")]
        assert order == sorted(order)
    assert "exit code 0" in said("ended", "output 0")[0]
    assert said("result")[0].startswith("completed (exit code 0)")
    assert [one["number"] for one in records()] == list(range(1, len(kinds) + 1))


def test_a_death_is_told_with_its_reason_and_the_restart_with_its_process(tmp_path: Path) -> None:
    fault = f"invert:before_commit:7=kill@{tmp_path / 'once'}"
    ended = Run(tmp_path, toy(tmp_path), fault=fault).end()
    assert ended.code == 0
    assert said("death", "invert 0") == ["signal 9"]
    assert len(said("restart", "invert 0")) == 1
    first, second = said("started", "invert 0")
    assert first.split(",")[0] != second.split(",")[0]
    assert "signal 9" in said("ended", "invert 0")[0]


def test_a_fault_is_told_with_its_traceback(tmp_path: Path) -> None:
    broken = {"name": "invert", "uses": "tests.toys:Invert", "with": {"poison": 3}}
    Run(tmp_path, toy(tmp_path, broken)).end()
    (fault,) = said("fault", "invert 0")
    assert fault.startswith("(frame) Traceback")
    assert "ValueError: told to break" in fault


def test_a_fault_in_set_up_which_the_terminal_shows_in_one_line_is_told_whole(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), fault="invert:setup:*=raise").end()
    assert ended.code != 0
    assert "Traceback" not in ended.stderr
    assert "in reached" in said("fault", "invert 0")[0]
    assert said("result")[0].startswith("failed")


def test_what_a_library_writes_past_python_is_taken_down_and_still_reaches_the_terminal(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path, chatty(says="moov atom not found"))).end()
    assert ended.code == 0
    assert said("stderr", "invert 0") == ["moov atom not found", "no end of line"]
    assert ended.stderr.splitlines().count("moov atom not found") == 1


@pytest.mark.fault("F5")
def test_passwords_are_in_no_file_and_not_on_the_terminal(tmp_path: Path, state: Path) -> None:
    says = "401 for rtsp://me:hunt%65r2@host/ (hunter2)"
    config = toy(tmp_path, chatty(says=says))
    config["stages"][1]["with"]["note"] = "rtsp://me:hunt%65r2@host/"
    config["stages"][1]["uses"] = "tests.toys:Noted"
    ended = Run(tmp_path, config).end()
    assert ended.code == 0, ended.stderr
    assert said("stderr", "invert 0")[0] == "401 for rtsp://me:***@host/ (***)"
    everything = ended.stderr + "".join(path.read_text() for path in (state / "logs").iterdir())
    assert "hunter2" not in everything
    assert "hunt%65r2" not in everything


def test_the_log_of_a_killed_supervisor_can_be_read_and_says_so(tmp_path: Path) -> None:
    slow = {"name": "invert", "uses": "tests.toys:Invert", "with": {"sleep": 0.05}}
    run = Run(tmp_path, toy(tmp_path, slow))
    wait_until(lambda: (tmp_path / "out.txt").exists() and len(run.lines()) > 3)
    run.kill()
    done = cleanplate("logs", "toy")
    assert done.returncode == 0
    assert "was killed" in done.stderr
    assert "ready" in done.stdout
    assert "ended" in cleanplate("logs", "--list").stdout


def test_following_shows_what_comes_and_ends_with_the_run(tmp_path: Path) -> None:
    slow = {"name": "invert", "uses": "tests.toys:Invert", "with": {"sleep": 0.03}}
    run = Run(tmp_path, toy(tmp_path, slow))
    wait_until(lambda: "toy@" in cleanplate("logs", "--list").stdout)
    assert "running" in cleanplate("logs", "--list").stdout
    follower = subprocess.Popen(
        [*COMMAND, "logs", "toy", "--follow"], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True
    )
    out, _ = follower.communicate(timeout=60)
    assert follower.returncode == 0
    assert run.end().code == 0
    assert "result   completed" in out.splitlines()[-1]
    assert out.count("process ") == cleanplate("logs").stdout.count("process ")


def test_files_and_folder_are_the_users_alone(tmp_path: Path, state: Path) -> None:
    Run(tmp_path, toy(tmp_path)).end()
    assert (state / "logs").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in (state / "logs").iterdir()] == [0o600]


@pytest.mark.fault("B10")
def test_a_run_whose_log_cannot_be_opened_goes_on_and_says_so(tmp_path: Path, state: Path) -> None:
    state.mkdir(mode=0o700)
    (state / "logs").write_text("in the way")
    ended = Run(tmp_path, toy(tmp_path, chatty(says="still heard"))).end()
    assert ended.code == 0
    assert "no log of this run" in ended.stderr
    assert "still heard" in ended.stderr


def test_a_chatty_worker_fills_no_disk_and_holds_up_nothing(tmp_path: Path, state: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path, chatty(says="x" * 200, times=20_000)), "--quiet").end()
    assert (ended.code, ended.frames["output"]) == (0, 60)
    assert sum(path.stat().st_size for path in (state / "logs").iterdir()) <= 3 * logfile.LIMIT
    assert said("result")[0].startswith("completed")


# The command


def test_without_a_log_and_for_a_wrong_name_one_line_says_so(tmp_path: Path) -> None:
    none = cleanplate("logs")
    assert (none.returncode, none.stderr) == (2, "cleanplate: no run has left a log yet\n")
    Run(tmp_path, toy(tmp_path)).end()
    wrong = cleanplate("logs", "tpy")
    assert wrong.returncode == 2
    assert "did you mean 'toy'?" in wrong.stderr
    assert "--list" in wrong.stderr


def test_the_latest_run_of_a_name_is_shown_an_earlier_one_by_its_time(tmp_path: Path) -> None:
    new_log("toy", "20260101-000000").close()
    new_log("other", "20260301-000000").close()
    later = new_log("toy", "20260201-000000")
    later.write(Record(1, "2026-02-01T00:00:00.000", "", "result", "later").pack())
    later.close()
    assert "later" in cleanplate("logs", "toy").stdout
    assert cleanplate("logs", "toy@20260101-000000").stdout == ""
    assert [line.split()[0] for line in cleanplate("logs", "--list").stdout.splitlines()] == [
        "other@20260301-000000",
        "toy@20260201-000000",
        "toy@20260101-000000",
    ]


def test_only_the_last_records_when_asked(tmp_path: Path) -> None:
    Run(tmp_path, toy(tmp_path)).end()
    assert [json.loads(line)["kind"] for line in cleanplate("logs", "-n", "1", "--json").stdout.splitlines()] == [
        "result"
    ]
    assert cleanplate("logs", "-n", "0").stdout == ""


def test_each_line_of_a_record_has_its_time_and_stage_and_no_control_character() -> None:
    lines = list(render(Record(1, "2026-01-02T03:04:05.678+00:00", "invert 0", "fault", "one\n\x1b[2Jtwo\x07")))
    assert [line[:23] for line in lines] == ["2026-01-02 03:04:05.678"] * 2
    assert all("invert 0" in line and line.isprintable() for line in lines)
    assert lines[1].endswith(r"\x1b[2Jtwo\x07")


# The file


def record(number: int, text: str = "x" * 80) -> Record:
    return Record(number, "2026-01-02T03:04:05.678", "s 0", "note", text)


def test_a_log_is_bounded_and_keeps_its_start_and_its_end(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a@b.log", limit=2000)
    for number in range(1, 501):
        file.write(record(number).pack())
    file.close()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 3
    assert max(sizes) <= 2000
    found = list(Reader(file.path).new())
    numbers = [one.number for one, _ in found]
    assert (numbers[0], numbers[-1]) == (1, 500)
    assert numbers == sorted(numbers)
    assert sum(missing for _, missing in found) == 500 - len(numbers) > 0


def test_a_reader_gets_each_record_once_while_the_files_change_places(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a@b.log", limit=1000)
    reader = Reader(file.path)
    numbers = []
    for number in range(1, 101):
        file.write(record(number).pack())
        numbers += [one.number for one, _ in reader.new()]
    file.close()
    assert numbers == list(range(1, 101))


def test_nothing_is_missed_when_the_files_change_places_under_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest file becomes the one before it just when that one has been read."""
    file = LogFile(tmp_path / "a@b.log", limit=1000)
    numbers = iter(range(1, 100))

    def write_until(done: Callable[[], bool]) -> None:
        while not done():
            file.write(record(next(numbers)).pack())

    def opened(path: Path, mode: str) -> BinaryIO:
        found = open(path, mode)  # noqa: SIM115 - whoever asks closes it
        if path.name.endswith(".log.1"):
            monkeypatch.undo()
            newest = part(file.path, 2).stat().st_ino
            write_until(lambda: part(file.path, 2).stat().st_ino != newest)
        return found

    write_until(part(file.path, 1).exists)
    monkeypatch.setattr(Path, "open", opened)
    reader = Reader(file.path)
    found = [*reader.new(), *reader.new()]
    file.close()
    assert [missing for _, missing in found] == [0] * len(found)
    assert [one.number for one, _ in found] == list(range(1, next(numbers)))


def test_a_record_that_was_cut_short_is_passed_over_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a@b.log"
    file = LogFile(path)
    for number in (1, 2, 3):
        file.write(record(number).pack())
        if number == 2:
            os.truncate(path, path.stat().st_size - 30)
            os.lseek(file._fd, 0, os.SEEK_END)
            file._torn = True
    file.close()
    assert [(one.number, missing) for one, missing in Reader(path).new()] == [(1, 0), (3, 1)]


def test_so_many_logs_are_kept_and_none_of_a_run_that_goes_on_is_removed(state: Path) -> None:
    alive = new_log("alive", "20250101-000000")
    for number in range(logfile.MOST_LOGS + 5):
        one = new_log("toy", f"20260101-0000{number:02}")
        part(one.path, 1).touch()
        one.close()
    names = [path.stem for path in logfile.logs()]
    assert len(names) <= logfile.MOST_LOGS + 1
    assert "alive@20250101-000000" in names
    assert "toy@20260101-000000" not in names
    assert not part(state / "logs" / "toy@20260101-000000.log", 1).exists()
    alive.close()
    remove(alive.path)
    assert "alive@20250101-000000" not in [path.stem for path in logfile.logs()]


def test_two_runs_that_begin_in_the_same_second_have_a_log_each() -> None:
    first, second = new_log("toy", "20260101-000000"), new_log("toy", "20260101-000000")
    assert first.path != second.path
    first.close()
    second.close()


# Who must not wait


class Disk:
    """A log file that does what a test wants, and holds what was written."""

    def __init__(self, before: Callable[[int], None]) -> None:
        self.numbers: list[int] = []
        self._before = before

    def write(self, data: bytes) -> None:
        number = json.loads(data)["number"]
        self._before(number)
        self.numbers.append(number)

    def close(self) -> None:
        pass


@pytest.mark.fault("B1")
def test_a_disk_that_hangs_makes_neither_the_supervisor_nor_a_worker_wait_nor_memory_grow() -> None:
    hanging = threading.Event()
    disk = Disk(lambda _: hanging.wait(60) and None)
    log = RunLog(disk)  # type: ignore[arg-type]
    begun = time.monotonic()
    for number in range(3 * MOST_WAITING):
        log.event("note", str(number))
    with log.ear("s 0") as fd:
        assert fd is not None
        worker = os.dup(fd)
    os.set_blocking(worker, True)
    for _ in range(64):  # many times what a pipe holds
        os.write(worker, b"y" * 65536)
    assert len(log._waiting) <= MOST_WAITING
    os.close(worker)
    log.close()
    assert time.monotonic() - begun < 10
    hanging.set()
    for thread in log._threads:
        thread.join(10)
        assert not thread.is_alive()
    log._unmake()


@pytest.mark.fault("B2")
def test_a_full_disk_loses_what_does_not_fit_and_nothing_else() -> None:
    def full(number: int) -> None:
        if 3 <= number <= 5:
            raise OSError(28, "No space left on device")

    disk = Disk(full)
    with RunLog(disk) as log:  # type: ignore[arg-type]
        for number in range(8):
            log.event("note", str(number))
    assert disk.numbers == [1, 2, 6, 7, 8]


def test_a_line_without_an_end_is_parted_and_the_last_words_count(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a@b.log")
    with RunLog(file) as log, log.ear("s 0") as fd:
        assert fd is not None
        os.write(fd, b"z" * (LINE + 10))
        os.write(fd, b"\xff\r\n\n  \nlast")
    texts = [one.text for one, _ in Reader(file.path).new()]
    assert "".join(texts[:-1]) == "z" * (LINE + 10) + r"\xff"
    assert max(map(len, texts)) <= LINE
    assert texts[-1] == "last"


def test_an_exception_that_ends_a_run_is_in_its_log(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a@b.log")
    with pytest.raises(ZeroDivisionError), RunLog(file) as log:
        log.event("note", str(1 // 0))
    ((last, _),) = Reader(file.path).new()
    assert last.kind == "failed"
    assert "ZeroDivisionError" in last.text


def test_a_log_without_a_file_tells_the_user_and_leaves_stderr_alone() -> None:
    told: list[str] = []
    with RunLog(told=told.append) as log:
        log.note("a word")
        with log.ear("s 0") as fd:
            assert fd is None
    assert told == ["a word"]
