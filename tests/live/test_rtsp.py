"""RTSP from a real server: over tcp and udp, refused, silent, killed and started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.errors import SetupError
from stages.ingest.stream import Stream
from tests.live.barcodes import number_of
from tests.live.servers import Proxy, Rtsp, proxy, rtsp
from tests.live.watching import Watched, watching
from tests.thorough import rarely


def stream(address: str, **fields) -> Stream:
    return Stream(input=address, check=False, **fields)  # the edge of the bar code looks like that of a torn picture


@pytest.fixture
def server() -> Iterator[Rtsp]:
    with rtsp() as made:
        yield made


@pytest.fixture
def between(server: Rtsp) -> Iterator[Proxy]:
    with proxy(server.port) as made:
        yield made


def address_of(between: Proxy) -> str:
    return f"rtsp://127.0.0.1:{between.port}/live"


def numbers(watched: Watched, count: int) -> list[int]:
    return [number_of(watched.next().image) for _ in range(count)]


def until_it_is_back(watched: Watched, last: int, timeout: float = 20.0) -> int:
    """Read on to the first picture of the next connection, which must be newer than all before; its number."""
    reconnects, until = watched.context.counts["reconnects"], time.monotonic() + timeout
    while watched.context.counts["reconnects"] == reconnects:
        found = number_of(watched.next(until - time.monotonic()).image)
        assert found > last, "a picture came out of order"
        last = found
    assert watched.context.state == ""
    return last


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pictures_come_in_order_and_at_their_rate(server: Rtsp, transport: str) -> None:
    with watching(stream(server.address, transport=transport)) as watched:
        assert (watched.spec.width, watched.spec.height, watched.spec.rate) == (320, 240, 30)
        assert watched.spec.live
        stamps, found = [], []
        for _ in range(60):
            frame = watched.next()
            stamps.append(frame.pts)
            found.append(number_of(frame.image))
        assert found == sorted(set(found))
        assert stamps == sorted(set(stamps))
        shown, taken = (stamps[-1] - stamps[5]) / 90000, (found[-1] - found[5]) / 30
        assert shown == pytest.approx(taken, abs=0.1), "the stamps tell when the pictures were taken"


def test_auto_takes_udp_where_tcp_is_refused() -> None:
    with rtsp("--transport", "udp") as server:
        with watching(stream(server.address)) as watched:
            assert len(numbers(watched, 5)) == 5
        with pytest.raises(SetupError, match="not supported"):
            stream(server.address, transport="tcp", timeout=1).open()


@pytest.mark.fault("D1")
@pytest.mark.alone
@pytest.mark.parametrize("transport", ["tcp", *rarely("udp")])
def test_a_server_that_was_killed_is_taken_up_again_soon_after_it_is_back(server: Rtsp, transport: str) -> None:
    with watching(stream(server.address, transport=transport)) as watched:
        last = numbers(watched, 20)[-1]
        server.kill()
        up: list[float] = []
        back = threading.Timer(2.0, lambda: (server.start(), up.append(time.monotonic())))
        back.start()
        until_it_is_back(watched, last)
        back.join()
        assert time.monotonic() - up[0] < 3.0
        assert watched.context.counts["failed_tries"] >= 1
        assert any("nobody listens there" in note for note in watched.context.notes)


def test_a_server_that_comes_up_late_is_waited_for(server: Rtsp) -> None:
    server.kill()
    back = threading.Timer(1.0, server.start)
    back.start()
    with watching(stream(server.address)) as watched:
        back.join()
        assert watched.opened_in > 1.0
        assert len(numbers(watched, 3)) == 3


def test_a_server_that_never_comes_is_told_when_the_time_is_over(server: Rtsp) -> None:
    server.kill()
    with pytest.raises(SetupError, match=r"no picture within 1 s \(nobody listens there\)"):
        stream(server.address, timeout=1).open()
    server.start()


@pytest.mark.fault("D1")
def test_wrong_passwords_and_paths_are_told_at_once() -> None:
    with rtsp("--login", "me:right") as server:
        begun = time.monotonic()
        with pytest.raises(SetupError, match=r"\(401\)") as caught:
            stream(server.address.replace("//", "//me:wr0ng@")).open()
        assert "wr0ng" not in str(caught.value)
        assert "***" in str(caught.value)
        with pytest.raises(SetupError, match=r"\(404\)"):
            stream(server.address.replace("//", "//me:right@").replace("/live", "/attic")).open()
        assert time.monotonic() - begun < 10, "long before the 30 s in which a server may come up"


def test_a_password_with_all_signs_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA_PASSWORD", "p@ss:/?#%20\u00e9")
    with rtsp("--login", "me:p@ss:/?#%20\u00e9") as server:
        with watching(stream(server.address.replace("//", "//me:${CAMERA_PASSWORD}@"))) as watched:
            assert len(numbers(watched, 3)) == 3
        monkeypatch.setenv("CAMERA", "me:p@ss:/?#%20\u00e9")
        with watching(stream(server.address.replace("//", "//${CAMERA}@"))) as watched:
            assert len(numbers(watched, 3)) == 3


@pytest.mark.long
def test_a_server_that_wants_a_password_all_of_a_sudden_is_tried_on(server: Rtsp) -> None:
    with watching(stream(server.address)) as watched:
        last = numbers(watched, 5)[-1]
        server.kill()
        server.start("--login", "me:secret")
        watched.context.until = time.monotonic() + 15
        told = threading.Timer(3.0, lambda: (server.kill(), server.start()))
        told.start()
        until_it_is_back(watched, last)
        told.join()
        assert any("(401)" in note for note in watched.context.notes)


@pytest.mark.long
@pytest.mark.fault("D1")
def test_one_that_hangs_after_describe_is_left_and_tried_again(server: Rtsp, between: Proxy) -> None:
    between.hide_after = b"application/sdp"
    free = threading.Timer(3.0, lambda: setattr(between, "hide_after", b""))
    free.start()
    with watching(stream(address_of(between), transport="tcp", silence=1)) as watched:
        assert between.accepted >= 2
        assert len(numbers(watched, 3)) == 3
        watched.next()
        assert watched.context.counts["timeouts"] >= 1
    free.join()


@pytest.mark.fault("D1")
@pytest.mark.parametrize("transport", ["tcp", *rarely("udp")])
def test_pictures_that_stop_without_a_word_are_a_loss(transport: str) -> None:
    with (
        rtsp("--mute-at", str(time.time() + 3)) as server,
        watching(stream(server.address, transport=transport, silence=1)) as watched,
    ):
        last = numbers(watched, 5)[-1]
        again = threading.Timer(5.0, lambda: (server.kill(), server.start()))
        again.start()
        until_it_is_back(watched, last, timeout=30)
        again.join()
        assert watched.context.counts["timeouts"] >= 1


@pytest.mark.long
@pytest.mark.fault("D1")
def test_a_stalled_line_is_given_up_and_opened_anew(server: Rtsp, between: Proxy) -> None:
    with watching(stream(address_of(between), transport="tcp", silence=1)) as watched:
        last = numbers(watched, 5)[-1]
        between.stalled.set()
        free = threading.Timer(3.0, between.stalled.clear)
        free.start()
        until_it_is_back(watched, last)
        free.join()
        assert watched.context.counts["timeouts"] >= 1


@pytest.mark.fault("D3")
def test_another_size_after_a_loss_is_scaled_to_the_first_one(server: Rtsp) -> None:
    with watching(stream(server.address)) as watched:
        last = numbers(watched, 5)[-1]
        server.kill()
        server.start("--width", "480", "--height", "360")
        last = until_it_is_back(watched, last)
        assert number_of(watched.next().image) > last, "scaled, and still readable"
        assert watched.context.counts["other_size"] >= 2
        assert any("scaled to 320x240" in note for note in watched.context.notes)


def test_a_run_ends_where_the_source_is_given_up(server: Rtsp) -> None:
    with watching(stream(server.address, give_up=1)) as watched:
        numbers(watched, 3)
        server.kill()
        assert watched.is_over()
        assert any("was gone for 1 s" in note for note in watched.context.notes)
    server.start()


def test_a_source_that_is_asked_to_leave_does_so_at_once_though_nothing_comes(server: Rtsp) -> None:
    with watching(stream(server.address)) as watched:
        numbers(watched, 3)
        server.kill()
        watched.context.leaving = True
        begun = time.monotonic()
        assert watched.is_over()
        assert time.monotonic() - begun < 1.0
    server.start()
