"""Pushing to RTSP and SRT servers: every frame arrives; one that is away, stalls or dies holds up nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.errors import SetupError
from stages.output import Auto
from stages.output.push import Push
from stages.output.push_address import Address
from stages.output.push_carrier import Carrier, CarrierError, connect
from stages.output.wishes import bits
from tests.live.pushing import SPEC, Stalling, frame, free_port, free_udp_port, opened, rtsp, seen, srt
from tests.thorough import rarely
from tests.waiting import wait_until


def is_up(sink: Push) -> bool:
    sink.idle()
    return sink._link is not None and sink._link.up


def push(sink: Push, numbers: range) -> None:
    """At the pace of a camera, or nearly."""
    for number in numbers:
        sink.write(frame(number))
        wait_until(lambda: not sink._link._waiting)


def finished(sink: Push) -> dict[str, Any]:
    facts = sink.finish()
    sink.close()
    return facts


@pytest.mark.parametrize(
    ("codec", "transport"), [("h264", "tcp"), ("h265", "udp"), *rarely(("h264", "udp"), ("h265", "tcp"))]
)
def test_every_frame_of_a_push_arrives_at_an_rtsp_server(tmp_path: Path, codec: str, transport: str) -> None:
    port, out = free_port(), tmp_path / "out.ts"
    with rtsp(port, out) as server:
        sink = opened(f"rtsp://127.0.0.1:{port}/live", codec=codec, transport=transport)
        wait_until(lambda: is_up(sink))
        assert sink.context.state == ""
        push(sink, range(60))
        facts = finished(sink)
        server.wait(20)
    assert facts["sent"] == 60
    assert facts["connections"] == 1
    assert seen(out) == list(range(60))


def test_every_frame_of_a_push_arrives_at_an_srt_listener(tmp_path: Path) -> None:
    port, out = free_udp_port(), tmp_path / "out.ts"
    with srt(port, out, "&streamid=cam"):
        sink = opened(f"srt://127.0.0.1:{port}?latency=120000")
        wait_until(lambda: is_up(sink))
        push(sink, range(60))
        wait_until(lambda: len(seen(out)) >= 58)  # the last ones wait for the end
        facts = finished(sink)
    assert facts["sent"] == 60
    assert seen(out) == list(range(len(seen(out))))


def test_a_server_that_is_away_is_tried_again_until_it_comes_and_nobody_waits(tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "out.ts"
    sink = opened(f"rtsp://127.0.0.1:{port}/live")
    begun = time.monotonic()
    push(sink, range(100))
    assert time.monotonic() - begun < 2
    wait_until(lambda: bool(sink._link.trouble))
    sink.idle()
    assert sink.context.state == "connecting"
    assert sink.context.counts["frames not sent: no connection"] == 100
    assert "Connection refused; tried again and again" in sink.context.notes[0]
    with rtsp(port, out) as server:
        wait_until(lambda: is_up(sink))
        push(sink, range(100, 130))
        assert finished(sink)["sent"] == 30
        server.wait(20)
    assert seen(out) == list(range(100, 130))


def test_after_a_server_has_died_it_goes_on_with_a_key_frame_within_three_seconds_of_its_return(tmp_path: Path) -> None:
    port, first, second = free_port(), tmp_path / "first.ts", tmp_path / "second.ts"
    sink = opened(f"rtsp://127.0.0.1:{port}/live", key_every=60)  # no key frame comes by itself
    number = 0

    def until(there: Callable[[], bool], timeout: float = 30) -> None:
        nonlocal number
        end = time.monotonic() + timeout
        while not there():
            assert time.monotonic() < end
            sink.write(frame(number))
            number += 1
            threading.Event().wait(0.01)

    with rtsp(port, first):
        until(lambda: len(seen(first)) > 10)
    until(lambda: sink.context.state == "reconnecting")
    lost = number
    with rtsp(port, second):
        until(lambda: is_up(sink), timeout=3)
        until(lambda: len(seen(second)) > 10)
        finished(sink)
    assert (seen(second)[0] - lost) % 256 < 200  # none of before; the numbers begin again at 256
    assert sink.context.counts["reconnects"] == 1
    assert sink.context.counts["frames not sent: no connection"] > 0
    assert not psutil.Process().children()


@pytest.mark.parametrize("behaviour", ["stall", *rarely("silent")])
def test_a_server_that_takes_nothing_more_holds_up_no_frame_and_is_left(monkeypatch, behaviour: str) -> None:
    monkeypatch.setattr("stages.output.push_carrier.PATIENCE_S", 1.0)
    server = Stalling()
    sink = opened(f"rtsp://127.0.0.1:{server.port}/live", crf=0, preset="ultrafast")
    wait_until(lambda: is_up(sink))
    server.behaviour = behaviour if behaviour == "stall" else "read"
    longest, number = 0.0, 0
    until = time.monotonic() + 60
    while sink._link.connections < 2 and time.monotonic() < until:
        begun = time.monotonic()
        sink.write(frame(number))
        longest, number = max(longest, time.monotonic() - begun), number + 1
        if behaviour == "silent" and number == 20:
            server.close()  # the connection is cut, and a new one is answered by nobody
            break
        threading.Event().wait(0.002)
    assert longest < 0.7
    if behaviour == "stall":
        assert sink._link.connections >= 2
        assert sink.context.counts["frames not sent: too slow"] > 0
    sink.finish()
    sink.close()
    server.close()
    assert not psutil.Process().children()


def test_a_server_that_never_answers_is_given_up_each_time_and_the_run_goes_on(monkeypatch) -> None:
    monkeypatch.setattr("stages.output.push_carrier.PATIENCE_S", 0.5)
    server = Stalling("silent")
    sink = opened(f"rtsp://127.0.0.1:{server.port}/live")
    longest, until = 0.0, time.monotonic() + 30
    while not sink._link.trouble and time.monotonic() < until:
        begun = time.monotonic()
        sink.write(frame(0))
        longest = max(longest, time.monotonic() - begun)
        threading.Event().wait(0.01)
    assert sink._link.trouble
    assert longest < 0.4
    facts = finished(sink)
    server.close()
    assert facts["sent"] == 0
    assert sink.context.errors["frames not sent: never connected"] == facts["frames"] > 0
    assert not psutil.Process().children()


def test_no_password_is_on_any_command_line_or_in_any_word(monkeypatch) -> None:
    monkeypatch.setenv("PUSH_PASSWORD", "s3cr3t/w@rd")
    server = Stalling("refuse")
    sink = opened(f"rtsp://me:${{PUSH_PASSWORD}}@127.0.0.1:{server.port}/live")
    lines: set[str] = set()

    def tried() -> bool:
        for child in psutil.Process().children():
            lines.add(" ".join(child.cmdline()))
        sink.idle()
        return bool(sink.context.notes) and any("push_child" in line for line in lines)

    wait_until(tried)
    words = [*sink.context.notes, *lines, str(sink.finish()), sink._link.trouble]
    sink.close()
    server.close()
    assert "me:***@127.0.0.1" in words[0]
    assert not [word for word in words if "s3cr3t" in word]


def test_a_passphrase_of_srt_is_refused_unless_it_may_be_seen(tmp_path: Path) -> None:
    for query in ("passphrase=0123456789", "streamid=publish:cam:me:secret"):
        with pytest.raises(SetupError, match=r"srt://127.0.0.1:1\?.*all users of this machine can read it") as raised:
            opened(f"srt://127.0.0.1:1?{query}")
        assert "0123456789" not in str(raised.value)
    port, out = free_udp_port(), tmp_path / "out.ts"
    with srt(port, out, "&passphrase=0123456789"):
        sink = opened(f"srt://127.0.0.1:{port}?passphrase=0123456789", show_passphrase=True)
        wait_until(lambda: is_up(sink))
        push(sink, range(40))
        wait_until(lambda: len(seen(out)) > 30)
        finished(sink)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("rtsp:///live", "rtsp://HOST:PORT/PATH"),
        ("rtsp://[::1/live", "not an address"),
        ("srt://127.0.0.1", "no port is given"),
        ("srt://127.0.0.1:9?mode=listener", "knows no `mode` here, only latency"),
        ("srt://127.0.0.1:9?latency=1s", "number of microseconds"),
    ],
)
def test_an_address_that_cannot_be_pushed_to_is_refused_before_the_run(address: str, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        Address.of(address)


def test_bitrate_and_quality_reach_the_encoder() -> None:
    assert [bits(text) for text in ("4M", "800k", "2500000", "1.5M")] == [4_000_000, 800_000, 2_500_000, 1_500_000]
    for wrong in ("0", "fast", "-1", "1G", "9" * 30):
        with pytest.raises(ValueError, match="bits per second"):
            Push(bitrate=wrong)
    sink = opened("rtsp://127.0.0.1:1/x", bitrate="100k", spec=SPEC.model_copy(update={"width": 640, "height": 480}))
    size = sum(sink._encoder.encode(noisy(number), number * 512, 512, key=False).size for number in range(50))
    assert 4_000 < size < 60_000  # two seconds, of which the first picture is a large one
    sink.close()


def noisy(number: int) -> Any:
    import numpy as np

    return np.random.default_rng(number).integers(0, 60, (480, 640, 3), np.uint8)


def test_outputs_that_begin_with_rtsp_and_srt_are_pushed() -> None:
    assert Auto.pick("rtsp://127.0.0.1/x") is Push
    assert Auto.pick("srt://127.0.0.1:9") is Push


class Torn:
    def of(self, _: Any) -> bytes:
        raise ValueError("non monotonically increasing dts")


def test_why_an_srt_server_was_not_reached_is_said() -> None:
    sink = opened(f"srt://127.0.0.1:{free_udp_port()}")
    with pytest.raises(CarrierError, match="Input/output error"):
        connect(sink._address, sink._encoder.stream, "tcp", lambda: False, lambda _: None)
    finished(sink)


def test_the_same_trouble_is_said_in_the_same_words_each_time() -> None:
    said: list[str] = []
    carrier = Carrier(("sh", "-c", "echo '[srt @ 0x55650cd75bc0] no way in'; exit 1"), b"", Torn(), str)
    with pytest.raises(CarrierError, match=r"^no way in$"):
        carrier.begin(lambda: False, said.append)
    assert set(said) <= {"no way in"}
    carrier.end(gently=True)


def test_where_no_process_can_be_started_it_is_said_and_tried_again(monkeypatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr("subprocess.Popen", refused)
        sink = opened(f"rtsp://127.0.0.1:{free_port()}/live")
        wait_until(lambda: sink._link.trouble)
    assert "no process can be started for it (Resource temporarily unavailable)" in sink._link.trouble
    wait_until(lambda: "refused" in sink._link.trouble)
    finished(sink)


def test_what_cannot_be_packed_ends_the_connection_and_not_the_thread() -> None:
    carrier = Carrier(("cat",), b"", Torn(), str)
    with pytest.raises(CarrierError, match="non monotonically"):
        carrier.send(None)
    carrier.end(gently=True)
