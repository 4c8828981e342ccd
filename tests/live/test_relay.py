"""Pictures that a web process relays from a browser: whole ones only, of one size, however often they are lost."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.admin import ask
from pipeline.errors import CleanplateError, SetupError
from pipeline.frame import FrameSpec
from pipeline.requests import Status
from stages.ingest import Auto
from stages.ingest.relay import MAX_HEAD, Relay, parse_head
from tests.clips import decode, lend, number_of, picture
from tests.live.senders import Patient
from tests.runs import Run
from tests.senders import going
from tests.waiting import wait_until

WIDTH, HEIGHT = 160, 96
HEAD = {"width": WIDTH, "height": HEIGHT, "rate": 25}


def head(**other: Any) -> bytes:
    said = json.dumps({**HEAD, **other}).encode()
    return struct.pack(">I", len(said)) + said


def sent(number: int, ticks: int | None = None) -> bytes:
    """A numbered picture as it is relayed, 25 a second."""
    return struct.pack(">Q", 3600 * number if ticks is None else ticks) + picture(number, WIDTH, HEIGHT).tobytes()


class Web:
    """Listens; each who connects gets the next of the given streams, and is then left."""

    def __init__(self, path: Path, *streams: bytes) -> None:
        self.path, self._streams = path, list(streams)
        self.accepted = 0
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(4)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for stream in self._streams:
            try:
                connection, _ = self._server.accept()
                self.accepted += 1
                with connection:
                    connection.sendall(stream)
            except OSError:  # closed, or he has gone
                return

    def close(self) -> None:
        if self._server.fileno() < 0:
            return
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)
        self.path.unlink()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Callable[..., Web]]:
    made: list[Web] = []

    def begin(*streams: bytes) -> Web:
        made.append(Web(tmp_path / "relay.sock", *streams))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def source_at(folder: Path, waits: int = 1, **fields: Any) -> Relay:
    """It waits so often for one who was lost; then it is asked to leave."""
    source = Relay(input=f"relay:{folder / 'relay.sock'}", **{"timeout": 20, "silence": 1, **fields})
    source._context = Patient()
    source._context.until_waiting = waits
    return source


def taken(source: Relay, spec: FrameSpec) -> tuple[list[int], list[int]]:
    """The numbers of the pictures, and their time stamps."""
    frame, found = lend(source, spec), []
    for _ in source.frames():
        found.append((number_of(frame.image), frame.pts))
        assert np.array_equal(frame.image, picture(found[-1][0], WIDTH, HEIGHT))
        frame.image[:] = 0
    source.close()
    return [number for number, _ in found], [pts for _, pts in found]


def test_pictures_come_to_the_byte_with_their_times(relay: Callable[..., Web], tmp_path: Path) -> None:
    relay(head() + b"".join(map(sent, range(30))))
    source = source_at(tmp_path)
    spec = source.open()
    assert (spec.width, spec.height, spec.rate, spec.live, spec.time_base.denominator) == (160, 96, 25, True, 90_000)
    numbers, stamps = taken(source, spec)
    assert numbers == list(range(30))
    assert np.diff(stamps).tolist() == [3600] * 29


@pytest.mark.parametrize("cut", [1, 8, 9, 5000])
def test_a_picture_that_is_cut_off_is_never_shown_and_the_next_life_goes_on(
    relay: Callable[..., Web], tmp_path: Path, cut: int
) -> None:
    relay(head() + sent(1) + sent(2) + sent(3)[:cut], head() + sent(4, 90) + sent(5, 3690), head() + sent(6))
    source = source_at(tmp_path, waits=3)
    numbers, stamps = taken(source, source.open())
    assert numbers == [1, 2, 4, 5, 6]
    assert stamps == sorted(set(stamps))  # every life has a clock of its own; that of the run goes on
    assert source.context.counts["short frames"] == 1
    assert source.context.states[-1] == "waiting"


def test_a_web_process_that_is_not_there_is_waited_for(relay: Callable[..., Web], tmp_path: Path) -> None:
    source = source_at(tmp_path)
    late = threading.Timer(0.5, relay, (head() + sent(1),))
    late.start()
    assert taken(source, source.open()) == ([1], [0])
    late.join()


def test_nobody_in_time_is_said_and_ends_the_set_up(relay: Callable[..., Web], tmp_path: Path) -> None:
    source = source_at(tmp_path, timeout=0.3)
    with pytest.raises(SetupError, match=r"no picture was announced within 0.3 s \(No such file"):
        source.open()
    relay(*[b""] * 20)
    with pytest.raises(SetupError, match="says nothing"):
        source.open()


def test_a_run_that_ends_while_nobody_comes_is_not_held_up(tmp_path: Path) -> None:
    source = source_at(tmp_path)
    source._context.leaving = True
    with pytest.raises(SetupError, match="ended before a picture came"):
        source.open()
    known = source_at(tmp_path)
    known._known = FrameSpec(width=WIDTH, height=HEIGHT)
    assert taken(known, known.open()) == ([], [])


def test_one_who_is_silent_for_too_long_is_left_and_called_anew(tmp_path: Path) -> None:
    """Alive, and within a picture: a connection that will never go on."""
    path = tmp_path / "relay.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(4)
        first, second = head() + sent(1) + sent(2)[:5000], head() + sent(3)
        held: list[socket.socket] = []

        def serve() -> None:
            for stream in (first, second):
                held.append(server.accept()[0])
                held[-1].sendall(stream)

        thread = threading.Thread(target=serve)
        thread.start()
        source = source_at(tmp_path, waits=2, silence=0.5)
        assert taken(source, source.open())[0] == [1, 3]
        assert source.context.counts["timeouts"] == 2
        thread.join()
        for connection in held:
            connection.close()


def test_the_loading_of_models_is_not_his_silence(relay: Callable[..., Web], tmp_path: Path) -> None:
    relay(head() + sent(1))
    source = source_at(tmp_path, silence=0.5)
    spec = source.open()
    source._sender._until -= 60
    assert taken(source, spec)[0] == [1]


def test_the_run_ends_where_it_is_told_to_give_up(relay: Callable[..., Web], tmp_path: Path) -> None:
    relay(head() + sent(1))
    source = source_at(tmp_path, waits=10_000, give_up=0.5)
    assert taken(source, source.open())[0] == [1]
    assert source.context.notes == ["relay: nothing came for 0.5 s; the run ends"]


def test_a_restarted_source_goes_on_after_the_last_time_stamp(relay: Callable[..., Web], tmp_path: Path) -> None:
    relay(head() + sent(1) + sent(2))
    source = source_at(tmp_path, waits=2)
    source._known = FrameSpec(width=WIDTH, height=HEIGHT)
    spec = source.open()
    source.resume(50, 180_000)
    numbers, stamps = taken(source, spec)
    assert numbers == [1, 2]
    assert 180_000 < stamps[0] < stamps[1]


def test_what_is_no_picture_is_rejected_as_of_other_live_sources(relay: Callable[..., Web], tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    relay(head() + struct.pack(">Q", 0) + noise.tobytes() + sent(1))
    source = source_at(tmp_path)
    frame, found = lend(source, source.open()), []
    for _ in source.frames():
        found.append(frame.rejected)
    source.close()
    assert found == ["noise", ""]


# What cannot be


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"width": 0}, "at least 16 pixels"),
        ({"width": 15.5}, "whole"),
        ({"height": -96}, "at least 16"),
        ({"height": 1e8}, "too many; the limit is"),
        ({"width": 20_000, "height": 16}, "too many"),
        ({"width": "160"}, "width = 160 in the head is no number"),
        ({"width": True}, "no number"),
        ({"width": None}, "no number"),
        ({"rate": 0}, "is not 1 to 1000 frames/s"),
        ({"rate": 1e6}, "is not 1 to 1000"),
        ({"rate": float("nan")}, "no number"),
        ({"rate": float("inf")}, "no number"),
        ({"rate": [25]}, "no number"),
    ],
)
def test_a_head_that_announces_what_cannot_be_is_refused_in_words(
    relay: Callable[..., Web], tmp_path: Path, said: dict[str, Any], why: str
) -> None:
    relay(head(**said))
    with pytest.raises(SetupError, match=why):
        source_at(tmp_path).open()


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", MAX_HEAD + 1),
        struct.pack(">I", 4) + b"nope",
        b"\0\0\0\0",
        b"\xff" * 9,
    ],
)
def test_who_does_not_begin_with_a_head_is_refused(relay: Callable[..., Web], tmp_path: Path, first: bytes) -> None:
    relay(first)
    with pytest.raises(SetupError, match="relay: "):
        source_at(tmp_path).open()


@given(st.binary(max_size=200))
def test_a_head_of_garbage_is_refused_and_never_anything_else(garbage: bytes) -> None:
    with pytest.raises(SetupError):
        parse_head(garbage)


@given(st.integers(16, 4096), st.integers(16, 4096), st.floats(1, 1000))
def test_a_head_that_can_be_is_taken(width: int, height: int, rate: float) -> None:
    spec = parse_head(json.dumps({"width": width, "height": height, "rate": rate}).encode())
    assert (spec.width, spec.height) == (width, height)
    assert float(spec.rate) == pytest.approx(rate, rel=1e-3)


def test_pictures_of_another_size_end_the_run_in_words(relay: Callable[..., Web], tmp_path: Path) -> None:
    relay(head() + sent(1), head(width=WIDTH + 2))
    source = source_at(tmp_path, waits=3)
    with pytest.raises(SetupError, match="pictures of 162x96 after those of 160x96; a run has one size"):
        taken(source, source.open())
    source.close()


def test_an_input_that_begins_with_relay_is_one() -> None:
    assert Auto.pick("relay:/run/x.sock") is Relay
    with pytest.raises(SetupError, match="--input relay:PATH"):
        Relay(input="relay:").open()


# A whole run


def config(folder: Path) -> dict[str, Any]:
    return {
        "name": "plain",
        "on_full": "block",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            {"name": "copy", "uses": "tests.live.toys:Copy"},
            {"name": "output", "uses": "stages.output:Auto", "with": {"codec": "ffv1"}},
        ],
    }


@pytest.mark.real
def test_a_run_takes_what_is_relayed_and_a_killed_worker_takes_it_up_again(
    relay: Callable[..., Web], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    lives = [head() + b"".join(sent(life * 40 + number) for number in range(40)) for life in range(3)]
    before = relay(*lives[:2])
    args = ("-i", f"relay:{tmp_path / 'relay.sock'}", "-o", str(tmp_path / "out.mkv"), "--name", "relayed")
    with going(Run(tmp_path, config(tmp_path), *args)) as run:
        wait_until(lambda: doing(80) == "waiting")
        (worker,) = run.workers("ingest")
        worker.kill()
        wait_until(lambda: any(other.pid != worker.pid for other in run.workers("ingest")))
        before.close()
        relay(lives[2])
        wait_until(lambda: doing(120) == "waiting")
        run.process.terminate()
        ended = run.end()
    assert ended.code == 143, ended.stderr
    assert ended.report["stages"]["ingest"]["restarts"] == 1
    assert [number_of(image) for image in decode(tmp_path / "out.mkv")] == list(range(120))


def doing(frames: int) -> str:
    """What the source says that it does, once so many frames have come out."""
    try:
        told = ask("relayed", Status())
    except CleanplateError:  # it has not begun
        return ""
    return str(told["stages"]["ingest"]["state"]) if told["frames"]["output"] >= frames else ""
