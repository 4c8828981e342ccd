"""Pictures of a run on their way to the program that holds it: none lost of a file, none old of a live source."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ConfigError, ProtocolError, SetupError
from pipeline.frame import OBJECT, STANDARD_PLANES, Frame, FrameSpec
from pipeline.pictures import AHEAD, LENGTH, MOST_HEAD, PLANES, SCHEME, Picture, Pictures
from pipeline.stage import Context
from stages.output import Auto
from stages.output.frames import Frames
from tests.waiting import wait_until

SPEC = FrameSpec(width=6, height=4)


class Counting(Context):
    """Counts the signs of life."""

    signs = 0

    def progress(self) -> None:
        self.signs += 1


@contextmanager
def reading(*planes: str) -> Iterator[Pictures]:
    pictures = Pictures(planes or ("clean",))
    try:
        yield pictures
    finally:
        pictures.close()


def sink(pictures: Pictures, *, live: bool = False) -> Frames:
    made = Frames(output=pictures.address)
    made._context = Counting()
    made.setup(SPEC.model_copy(update={"live": live}))
    return made


def frame(index: int, **planes: Any) -> Frame:
    return Frame({"clean": np.full((4, 6, 3), index, np.uint8), **planes}, index=index, pts=2 * index, duration=2)


def taken(pictures: Pictures) -> Picture:
    picture = pictures.next()
    assert picture is not None
    return picture


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_a_picture_has_all_that_a_frame_has() -> None:
    objects = np.zeros(1, STANDARD_PLANES["objects"].dtype)
    objects["count"] = 2
    objects["rows"][0, :2]["track"] = 7, 8
    image, mask = np.full((4, 6, 3), 9, np.uint8), np.full((4, 6), 255, np.uint8)
    with reading("clean", "image", "mask") as pictures:
        out = sink(pictures)
        out.write(frame(3, image=image, mask=mask, objects=objects))
        picture = taken(pictures)
        out.close()
    assert (picture.index, picture.pts, picture.duration, picture.blank) == (3, 6, 2, False)
    assert picture.seconds == pytest.approx(6 / 30)
    assert (picture.clean == 3).all()
    assert (picture.image == 9).all()
    assert (picture.mask == 255).all()
    assert picture.objects["track"].tolist() == [7, 8]
    picture.clean[:] = 0  # its own


def test_what_a_picture_does_not_have_is_said_with_the_way_to_get_it() -> None:
    with reading() as pictures:
        out = sink(pictures)
        out.write(frame(0))
        picture = taken(pictures)
        out.close()
    with pytest.raises(ConfigError, match=r"planes=\[\.\.\., 'image'\]"):
        _ = picture.image
    assert picture.objects.dtype == OBJECT
    assert len(picture.objects) == 0


def test_of_a_file_no_picture_is_lost_and_the_run_waits_with_signs_of_life(aside: ThreadPoolExecutor) -> None:
    with reading() as pictures:
        out = sink(pictures)

        def write() -> None:
            for index in range(20):
                out.write(frame(index))
            out.close()

        work = aside.submit(write)
        wait_until(lambda: out.context.signs > 1)  # type: ignore[attr-defined]
        assert len(pictures._waiting) == AHEAD, "it waits"
        pictures.finish()
        assert [picture.index for picture in pictures] == list(range(20))
        work.result(10)
        assert pictures.skipped == 0
    assert out.context.counts == {}


def test_of_a_live_source_the_newest_picture_is_seen_and_no_frame_waits() -> None:
    with reading() as pictures:
        out = sink(pictures, live=True)
        wait_until(lambda: pictures._connection is not None)
        for index in range(30):
            out.write(frame(index))
        too_late = out.context.counts["frames: not looked at in time"]
        wait_until(lambda: pictures.skipped + 1 == 30 - too_late)
        newest = taken(pictures)
        assert newest.index >= 30 - too_late - 1
        assert not pictures._waiting, "those before it are gone"
        wait_until(lambda: out._has_room())
        out._room += 1
        out.write(frame(30))
        assert taken(pictures).index == 30
        out.close()


def test_when_nobody_looks_any_more_the_run_waits_for_nobody(aside: ThreadPoolExecutor) -> None:
    with reading() as pictures:
        out = sink(pictures)
        work = aside.submit(lambda: [out.write(frame(index)) for index in range(10)])
        wait_until(lambda: len(pictures._waiting) == AHEAD)
        pictures.discard()
        work.result(10)
        wait_until(lambda: pictures.skipped == 10)
        out.close()


def test_frames_go_by_at_no_cost_when_the_reading_end_is_gone() -> None:
    with reading() as pictures:
        out = sink(pictures)
    for index in range(3):
        out.write(frame(index))
    assert out.context.counts["frames: nobody looked"] >= 2
    assert out.finish()["frames"] <= 1


def test_a_picture_that_a_dying_sink_began_comes_from_its_successor_once() -> None:
    with reading() as pictures:
        first = sink(pictures)
        first.write(frame(0))
        assert first._connection is not None
        first._connection.send(LENGTH.pack(50) + b"{")
        first.close()
        second = sink(pictures)
        for index in (0, 1):
            second.write(frame(index))  # it was killed before it could say that 0 was done
        assert [taken(pictures).index, taken(pictures).index] == [0, 1]
        second.close()


@pytest.mark.parametrize(
    ("head", "words"),
    [(None, "a head of"), ('{"planes": [["clean", [70000, 70000, 3]]]}', "too large")],
)
def test_a_broken_message_is_an_error_and_no_endless_memory(head: str | None, words: str) -> None:
    with reading() as pictures, socket.socket(socket.AF_UNIX) as wire:
        wire.connect(pictures.address.removeprefix(SCHEME).partition(PLANES)[0])
        wire.send(LENGTH.pack(MOST_HEAD + 1) if head is None else LENGTH.pack(len(head)) + head.encode())
        with pytest.raises(ProtocolError, match="head of" if head is None else words):
            pictures.next()


def test_whoever_waits_for_a_picture_is_told_when_there_will_be_none(aside: ThreadPoolExecutor) -> None:
    pictures = Pictures(("clean",))
    waiting: Future[Picture | None] = aside.submit(pictures.next)
    pictures.close()
    assert waiting.result(10) is None


def test_the_socket_is_private_its_path_short_and_nothing_of_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = Path(tempfile.mkdtemp()) / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with reading() as pictures:
        path = Path(pictures.address.removeprefix(SCHEME).partition(PLANES)[0])
        assert len(str(path)) < 108
        assert path.is_socket()
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()
    assert os.listdir(deep) == []


def test_a_sink_to_which_nobody_listens_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nobody listens there"):
        Frames(output=f"{SCHEME}{tmp_path}/none").setup(SPEC)


def test_only_what_is_asked_for_is_read_and_only_what_exists_can_be() -> None:
    assert Frames(output="frames:/x?planes=clean,mask").reads == ("clean", "mask")
    assert Frames(output="frames:/x").reads == ("clean",), "the picture that came in is not even mapped"
    with pytest.raises(ValueError, match="no plane 'imgae'"):
        Frames(output="frames:/x?planes=imgae")
    assert Auto.pick("frames:/x") is Frames


def test_threads_end_with_it() -> None:
    before = threading.active_count()
    with reading():
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
