"""Patience with TCP senders: what is not their fault costs nobody his connection, nor the run its life."""

from __future__ import annotations

import pytest

from pipeline.errors import SetupError
from tests.clips import number_of
from tests.live.senders import Opened, ffmpeg, image
from tests.waiting import wait_until

NUT = ("-c:v", "rawvideo", "-pix_fmt", "bgr24", "-f", "nut")


def silence_passes(tcp: Opened) -> None:
    """As while the pipeline pauses, or loads its models."""
    sender = tcp.source._sender
    assert sender is not None
    sender._until -= 1000


def test_a_pipeline_that_pauses_does_not_take_its_sender_for_silent(listen) -> None:
    tcp = listen()
    tcp.send(image(number) for number in range(4))
    shown = []
    for _, _, picture in tcp.steps():
        shown.append(number_of(picture))
        silence_passes(tcp)
    assert shown == [0, 1, 2, 3]
    assert tcp.counts == {"senders": 1}


def test_who_has_said_what_he_brings_is_kept_while_models_load(listen) -> None:
    senders: list = []

    def comes(port: int) -> None:
        drawn = "testsrc2=size=320x180:rate=25"
        senders.append(ffmpeg(*NUT, source=drawn, frames=10, address=f"tcp://127.0.0.1:{port}"))

    tcp = listen("", on_port=comes)
    silence_passes(tcp)
    assert len(list(tcp.steps())) == 10
    assert tcp.counts == {"senders": 1}
    senders[0].communicate(timeout=20)


def test_who_comes_in_the_moment_the_first_one_has_gone_is_the_next_one(listen) -> None:
    """As in a loop over files: what the first one sent is still being read when the second one connects."""
    tcp = listen(waits=2)
    tcp.send(image(number) for number in range(3))
    steps = tcp.steps()
    shown = [number_of(next(steps)[2])]
    sender = tcp.source._sender
    assert sender is not None
    wait_until(lambda: sender.gone)
    tcp.send([image(10), image(11)])
    sender._look_at = 0.0
    shown += [number_of(picture) for _, _, picture in steps]
    assert shown == [0, 1, 2, 10, 11]
    assert tcp.counts == {"senders": 2}


def test_pictures_that_are_absurdly_large_all_at_once_end_their_sender_and_not_the_run(
    listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders: list = []

    def comes(port: int) -> None:
        drawn = "testsrc2=size=320x180:rate=25"
        senders.append(ffmpeg(*NUT, source=drawn, frames=2, address=f"tcp://127.0.0.1:{port}"))

    def too_large(width: int, height: int, label: str) -> None:
        raise SetupError(f"{label}: {width}x{height} pixels are too many")

    tcp = listen("width=160&height=96", on_port=comes, waits=2)
    monkeypatch.setattr("stages.ingest.tcp_described.check_size", too_large)
    tcp.context.while_waiting[2] = lambda: tcp.send([image(1), image(2)])
    assert [number_of(picture) for _, _, picture in tcp.steps()] == [1, 2]
    assert tcp.counts["refused senders"] == 1
    senders[0].communicate(timeout=20)
