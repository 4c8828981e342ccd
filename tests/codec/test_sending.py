"""Coded pictures to a server, as they are: what arrives is what was coded; a server that is away holds up nobody."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import SetupError
from pipeline.frame import FrameSpec
from stages.codec import Export
from stages.codec.delivery import Delivery
from stages.codec.packet import Packet
from tests.clips import picture
from tests.codec.streams import Stand, export, give
from tests.live.pushing import SPEC, Stalling, free_port, free_udp_port, rtsp, seen, srt
from tests.waiting import wait_until

FILE = SPEC.model_copy(update={"live": False, "time_base": 1 / SPEC.rate})
LIVE = FILE.model_copy(update={"live": True})


def stand(spec: FrameSpec = LIVE) -> Stand:
    return Stand(spec=spec, quantiser=20, background=0, key_every=0.4)


def coded(one: Stand, number: int) -> Packet:
    mask = np.zeros((one.spec.height, one.spec.width), np.uint8)
    found = Packet.of(one.code(picture(number % 256, one.spec.width, one.spec.height), mask).planes["coded"])
    assert found is not None
    return found


def is_up(sink: Export) -> bool:
    sink.idle()
    return sink._sending is not None and sink._sending.up


def finished(sink: Export) -> dict[str, Any]:
    facts = sink.finish()
    sink.close()
    return facts


@pytest.mark.parametrize("scheme", ["rtsp", "srt"])
def test_every_picture_of_a_file_arrives_at_a_server(tmp_path: Path, scheme: str) -> None:
    port, out, one = (free_port if scheme == "rtsp" else free_udp_port)(), tmp_path / "out.ts", stand(FILE)
    address = f"rtsp://127.0.0.1:{port}/live" if scheme == "rtsp" else f"srt://127.0.0.1:{port}?latency=120000"
    with rtsp(port, out) if scheme == "rtsp" else srt(port, out) as server:
        sink = export(address, spec=FILE)
        for number in range(40):
            give(sink, number, coded(one, number))
        if scheme == "srt":
            wait_until(lambda: len(seen(out)) >= 38)  # the last ones wait for the end
        facts = finished(sink)
        if scheme == "rtsp":
            server.wait(20)
    assert facts["sent"] == 40
    found = seen(out)
    assert found == list(range(len(found)))
    assert len(found) >= 38


def test_a_file_is_sent_no_faster_than_it_plays(tmp_path: Path) -> None:
    server, one = Stalling(), stand(FILE)
    sink = export(f"rtsp://127.0.0.1:{server.port}/live", spec=FILE)
    packets = [coded(one, number) for number in range(15)]
    give(sink, 0, packets[0])
    begun = time.monotonic()
    for number in range(1, 15):
        give(sink, number, packets[number])
    assert time.monotonic() - begun > 0.8 * 14 / 25
    finished(sink)
    server.close()


def test_a_live_stream_waits_for_no_server_and_begins_with_a_key_picture(tmp_path: Path) -> None:
    port, out, one = free_port(), tmp_path / "out.ts", stand()
    sink = export(f"rtsp://127.0.0.1:{port}/live", spec=LIVE)
    begun = time.monotonic()
    for number in range(23):
        give(sink, number, coded(one, number))
    assert time.monotonic() - begun < 5
    sink.idle()
    assert sink.context.state == "connecting"
    with rtsp(port, out) as server:
        wait_until(lambda: is_up(sink))
        told = Delivery.of(give(sink, 23, coded(one, 23)).planes["delivered"])
        assert told.up
        assert told.wants_key
        assert told.linked
        for number in range(24, 50):
            give(sink, number, coded(one, number))
        facts = finished(sink)
        server.wait(20)
    assert facts["sent"] == 20, "from the key picture at 30 on"
    assert seen(out) == list(range(30, 50))
    assert sink.context.counts["pictures not sent"] == 30


def test_what_waits_at_a_server_that_stalls_is_told(tmp_path: Path) -> None:
    server, one = Stalling("stall"), stand()
    sink = export(f"rtsp://127.0.0.1:{server.port}/live", spec=LIVE)
    give(sink, 0, coded(one, 0))
    wait_until(lambda: is_up(sink))
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, 200_000, dtype=np.uint8).tobytes()

    def delivery(number: int) -> Delivery:
        packet = Packet(coded(one, number).data + large[: 1 << 16], "h264", True, number)
        return Delivery.of(give(sink, number, packet).planes["delivered"])

    told = [delivery(number) for number in range(1, 80)]
    assert max(one.waiting for one in told) > 20
    server.close()
    sink.close()


def test_pictures_of_the_neural_coder_are_not_sent_where_nobody_knows_them() -> None:
    sink = export("rtsp://127.0.0.1:1/live", spec=LIVE)
    with pytest.raises(SetupError, match="not what the neural coder makes"):
        give(sink, 0, Packet(b"abc", "semantic", True, 0))


@pytest.mark.parametrize("address", ["rtmp://h/x", "udp://h:1", "rtsp://", "srt://host"])
def test_an_address_that_nothing_is_sent_to_is_refused_before_any_work(address: str) -> None:
    with pytest.raises(SetupError):
        export(address)
