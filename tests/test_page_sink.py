"""The page's sink: a frame is encoded for who asked for it, nobody is waited for, and the last one stays to be seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.classes import COCO, NAMES
from pipeline.errors import ConfigError, SetupError
from pipeline.frame import EFFECT_SHIFT, HELD, KEPT, OBJECT, OBJECTS, Frame, FrameSpec
from pipeline.stage import News
from stages.output import Auto
from stages.output.page import Page
from stages.output.page_pictures import ENCODERS, Pictures, picture_size
from stages.output.page_wire import MAX_LINE, Wish
from tests.clips import number_of, picture
from tests.pages import Web, decoded, shown, web
from tests.waiting import wait_until

SPEC = FrameSpec(width=320, height=240, rate=Fraction(25), time_base=Fraction(1, 25), live=True)
A_MOMENT_S = 0.3  # in which nothing may come


def frame_of(number: int, spec: FrameSpec = SPEC, *objects: Any) -> Frame:
    """The result shows its number; the input is a negative of it; the left half is masked."""
    clean = picture(number % 256, spec.width, spec.height)
    mask = np.zeros(clean.shape[:2], np.uint8)
    mask[:, : spec.width // 2] = 255
    planes = {"clean": clean, "image": 255 - clean, "mask": mask}
    for plane in planes.values():
        plane.flags.writeable = False
    table = np.zeros(1, OBJECTS)
    frame = Frame({**planes, "objects": table}, index=number, pts=number)
    frame.put_objects(np.array(list(objects), OBJECT))
    return frame


@contextmanager
def opened(where: Web | Path, spec: FrameSpec = SPEC, **fields: Any) -> Iterator[Page]:
    sink = Page(output=where.address if isinstance(where, Web) else f"page:{where}", **fields)
    sink.setup(spec)
    try:
        yield sink
    finally:
        sink.close()


@contextmanager
def connected(folder: Path, spec: FrameSpec = SPEC, **fields: Any) -> Iterator[tuple[Web, Page]]:
    with web(folder) as peer, opened(peer, spec, **fields) as sink:
        peer.accept()
        yield peer, sink


def asked(peer: Web, sink: Page, *views: str, credit: int = 1, **wish: Any) -> None:
    """Wish, and wait until it has been heard."""
    had = sink._link._credit
    peer.want(*views, credit=credit, **wish)
    wait_until(lambda: sink._link._credit == had + credit and sink._link.wanted[0].views == views)


def wait_until_sent(sink: Page) -> None:
    wait_until(lambda: sink._link.free)


# What is shown


def test_what_was_asked_for_comes_with_what_is_known_of_it(tmp_path: Path) -> None:
    with connected(tmp_path) as (peer, sink):
        asked(peer, sink, "input", "result")
        sink.context.news = News(latency_ms=81.26)
        sink.write(frame_of(12))
        record = peer.record()
    assert shown(record) == 12
    assert number_of(255 - decoded(record.jpegs["input"])) == 12
    assert decoded(record.jpegs["result"]).shape == (240, 320, 3)
    assert record.head == {
        "index": 12,
        "pts_s": 0.48,
        "width": 320,
        "height": 240,
        "blank": False,
        "age_ms": 81.3,
        "objects": [],
        "pictures": [[name, len(record.jpegs[name])] for name in ("input", "result")],
    }


def test_the_pictures_are_near_the_planes(tmp_path: Path) -> None:
    frame = frame_of(3)
    with connected(tmp_path, views=["input", "result", "overlay", "mask"]) as (peer, sink):
        asked(peer, sink, "overlay", "mask", "input", "result", quality=95)
        sink.write(frame)
        found = {name: decoded(jpeg).astype(int) for name, jpeg in peer.record().jpegs.items()}
    assert list(found) == ["overlay", "mask", "input", "result"]
    for name, plane in (("input", frame.image), ("result", frame.clean)):
        assert np.abs(found[name] - plane).mean() < 2
    assert np.abs(found["mask"] - frame.mask[..., None]).mean() < 2
    half = frame.image[:, :150] // 2 + np.array([0, 0, 127])
    assert np.abs(found["overlay"][:, :150] - half).mean() < 3
    assert np.abs(found["overlay"][:, 170:] - frame.image[:, 170:]).mean() < 3


def test_objects_are_told_with_their_boxes_in_parts_of_the_picture(tmp_path: Path) -> None:
    nothing = np.full((5, 2), np.nan)
    rows = [
        (4, 0, KEPT, 0.5, (160, 0, 320, 240), nothing),
        (-1, 2, HELD | 2 << EFFECT_SHIFT, 0.5, (-10, 0, 400, 120), nothing),
        (5, 300, 99 << EFFECT_SHIFT, 0.5, (0, 0, 32, 24), nothing),
        (6, 0, 0, np.nan, (0, 0, 32, 24), nothing),
        (7, 0, 0, 0.5, (0, 0, np.inf, 24), nothing),
    ]
    with connected(tmp_path) as (peer, sink):
        asked(peer, sink, "result", credit=2)
        sink.write(frame_of(1, SPEC, *rows))
        told = peer.record().head["objects"]
        wait_until_sent(sink)
        blank = frame_of(2, SPEC, *rows)
        blank.blank = True
        sink.write(blank)
        head = peer.record().head
    effects = [one.pop("effect") for one in told]
    assert told == [
        {"track": 4, "cls": 0, "name": "person", "score": 0.5, "box": [0.5, 0, 1, 1], "kept": True, "held": False},
        {"track": -1, "cls": 2, "name": "car", "score": 0.5, "box": [0, 0, 1, 0.5], "kept": False, "held": True},
        {"track": 5, "cls": 300, "name": "", "score": 0.5, "box": [0, 0, 0.1, 0.1], "kept": False, "held": False},
    ]  # fmt: skip
    assert effects == ["", "mosaic", ""]
    assert head["blank"]
    assert head["objects"] == []


def test_other_names_are_for_other_classes(tmp_path: Path) -> None:
    nothing = np.full((5, 2), np.nan)
    with connected(tmp_path, names=["plate"]) as (peer, sink):
        asked(peer, sink, "result")
        sink.write(frame_of(1, SPEC, (1, 0, 0, 0.5, (0, 0, 9, 9), nothing), (1, 1, 0, 0.5, (0, 0, 9, 9), nothing)))
        assert [one["name"] for one in peer.record().head["objects"]] == ["plate", ""]


def test_the_names_of_the_classes_are_those_that_the_models_know() -> None:
    from models.registry import load_segmenter

    assert tuple(load_segmenter("yolov5s-seg", classes=["person"]).names) == COCO


def test_what_the_privacy_stages_find_has_a_name_too(tmp_path: Path) -> None:
    nothing = np.full((5, 2), np.nan)
    with connected(tmp_path) as (peer, sink):
        asked(peer, sink, "result")
        face = NAMES.index("face")
        sink.write(frame_of(1, SPEC, (1, face, 0, 0.5, (0, 0, 9, 9), nothing)))
        assert [one["name"] for one in peer.record().head["objects"]] == ["face"]


@pytest.mark.parametrize(
    ("size", "aspect", "width", "made"),
    [
        ((1280, 720), 1, 960, (960, 540)),
        ((1280, 720), 1, None, (1280, 720)),
        ((1280, 720), 1, 4000, (1280, 720)),
        ((641, 361), 1, None, (641, 361)),  # its own, to the pixel
        ((641, 361), 1, 641, (641, 361)),
        ((641, 361), 1, 333, (332, 186)),
        ((1080, 1920), 1, 541, (540, 960)),
        ((720, 576), Fraction(16, 15), None, (720, 540)),  # pixels that are no squares would be shown as if they were
        ((720, 576), Fraction(8, 9), 2000, (640, 576)),
        ((16384, 16), 1, 16, (16, 2)),
    ],
)
def test_a_picture_is_scaled_down_and_never_up_to_even_sides(
    size: tuple[int, int], aspect: Fraction, width: int | None, made: tuple[int, int]
) -> None:
    spec = FrameSpec(width=size[0], height=size[1], sample_aspect=aspect)
    assert picture_size(spec, width) == made
    jpegs = Pictures(spec).of(frame_of(7, spec), Wish(("result",), width))
    assert decoded(jpegs["result"]).shape[1::-1] == made


def test_a_scaled_picture_shows_the_same(tmp_path: Path) -> None:
    spec = SPEC.model_copy(update={"width": 1280, "height": 720})
    with connected(tmp_path, spec) as (peer, sink):
        asked(peer, sink, "result", width=321)
        sink.write(frame_of(77, spec))
        record = peer.record()
    image = decoded(record.jpegs["result"])
    assert image.shape == (180, 320, 3)
    assert np.abs(image[:160].astype(int) - picture(77, 1280, 720)[:640:4, ::4]).mean() < 4
    assert (record.head["width"], record.head["height"]) == (1280, 720)


def test_a_better_picture_is_larger_and_few_encoders_are_kept() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    pictures, frame = Pictures(SPEC), replace(frame_of(1), planes={"clean": noise})
    sizes = [len(pictures.of(frame, Wish(("result",), None, quality))["result"]) for quality in (5, 40, 80, 95)]
    assert sizes == sorted(sizes)
    for width in range(16, 320, 16):
        pictures.of(frame, Wish(("result",), width))
    assert len(pictures._stills) == ENCODERS


# Who asks


def test_no_more_frames_are_encoded_than_were_asked_for(tmp_path: Path) -> None:
    with connected(tmp_path) as (peer, sink):
        asked(peer, sink, "result", credit=2)
        for number in range(10):
            sink.write(frame_of(number))
            wait_until_sent(sink)
            sink.idle()
        assert [shown(peer.record()), shown(peer.record())] == [0, 1]
        assert peer.record(A_MOMENT_S) is None
        assert sink._records == 2
        asked(peer, sink, "result")
        sink.write(frame_of(10))
        assert shown(peer.record()) == 10  # what came in between is skipped


def test_nothing_is_encoded_while_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pictures, "of", lambda *_: pytest.fail("nobody asked"))
    with connected(tmp_path) as (peer, sink):
        sink.write(frame_of(1))
        peer.want(credit=3)  # no views
        wait_until(lambda: sink._link._credit == 3)
        sink.write(frame_of(2))
        sink.idle()
    with opened(tmp_path / "nobody") as sink:
        sink.write(frame_of(1))
        sink.idle()
        assert sink.finish()["pictures"] == 0


def test_views_that_it_may_not_show_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(tmp_path, views=["result"]) as (peer, sink):
        peer.want("input", "result", "mask", credit=1)
        wait_until(lambda: sink._link.watched)
        frame = frame_of(5)
        sink.write(Frame({"clean": frame.clean}, index=5, pts=5))
        record = peer.record()
        assert list(record.jpegs) == ["result"]
        assert record.head["objects"] == []
        monkeypatch.setattr(Pictures, "of", lambda *_: pytest.fail("nothing of it may be shown"))
        peer.want("input", credit=1)
        wait_until(lambda: not sink._link.watched)
        sink.write(frame)


def test_it_reads_what_it_shows_and_nothing_else() -> None:
    assert Page(views=["result"]).reads == ("clean",)
    assert Page(views=["result"]).may_read == ("objects", "readings")  # numbers, no picture: to ask about each
    assert Page().reads == ("image", "clean")
    assert Page().may_read == ("objects", "readings")
    assert Page(views=["mask", "result"]).reads == ("mask", "clean")


# Who is slow, who is gone


def test_who_takes_nothing_holds_up_nobody_and_gets_whole_records_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise: a record of several times what the kernel keeps for a socket."""
    spec = SPEC.model_copy(update={"width": 1280, "height": 960})
    noise = np.random.default_rng(1).integers(0, 255, (960, 1280, 3), np.uint8)
    made: list[int] = []
    encode = Pictures.of
    monkeypatch.setattr(Pictures, "of", lambda self, frame, wish: made.append(frame.index) or encode(self, frame, wish))
    with connected(tmp_path, spec) as (peer, sink):
        asked(peer, sink, "result", credit=50, quality=95)
        frame = frame_of(0, spec)
        frame.planes = {**frame.planes, "clean": noise, "image": noise}
        sink.write(frame)
        took = []
        for number in range(1, 200):
            frame.index = frame.pts = number
            begun = time.thread_time()
            sink.write(frame)
            took.append(time.thread_time() - begun)
        assert made == [0]  # nothing is made while that one cannot leave
        assert sorted(took)[100] < 0.01  # a copy
        first = peer.record()
        assert first.head["index"] == 0
        assert len(first.jpegs["result"]) > 1_000_000
        wait_until_sent(sink)
        frame.index = 200
        sink.write(frame)
        assert peer.record().head["index"] == 200  # never an old one


def test_a_lost_connection_is_made_anew_and_a_record_begins_on_it(tmp_path: Path) -> None:
    spec = SPEC.model_copy(update={"width": 1280, "height": 960})
    noise = np.random.default_rng(1).integers(0, 255, (960, 1280, 3), np.uint8)
    frame = Frame({"clean": noise, "image": noise}, index=1, pts=1)
    with connected(tmp_path, spec) as (peer, sink):
        for life in (1, 2, 3):
            asked(peer, sink, "result", credit=9, quality=95)
            frame.index = life
            sink.write(frame)
            wait_until(lambda: 0 < len(sink._link._rest) < len(sink._link._rest.obj))  # some of it has left
            peer.accept()
            wait_until(lambda: sink._link.wanted == (Wish(), life + 1))  # noqa: B023 - what was wished for is gone with it
            asked(peer, sink, "result", quality=95)
            sink.write(replace(frame, index=10 * life))
            record = peer.record()
            assert record.head["index"] == 10 * life


def test_it_waits_for_a_web_process_that_comes_later_or_comes_back(tmp_path: Path) -> None:
    with opened(tmp_path / "page.sock") as sink:
        sink.write(frame_of(1))
        for number in (2, 3):
            with web(tmp_path) as peer:
                peer.accept()
                asked(peer, sink, "result")
                sink.write(frame_of(number))
                assert shown(peer.record()) == number
            wait_until(lambda: not sink._link.free)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"[]\n", b'{"views":["raw"]}\n', b"x" * (MAX_LINE + 1)])
def test_who_speaks_another_language_is_left_and_called_anew(tmp_path: Path, said: bytes) -> None:
    with connected(tmp_path) as (peer, sink):
        peer.say(said)
        assert peer.record() is None  # it has hung up
        peer.accept()
        asked(peer, sink, "result")
        sink.write(frame_of(1))
        assert shown(peer.record()) == 1
        assert len(sink.context.notes) == 1
        assert sink.context.notes[0].startswith("page: the web process was left and called anew: ")


# Who comes while no frame does


def test_who_comes_late_sees_the_last_picture_once(tmp_path: Path) -> None:
    with connected(tmp_path) as (peer, sink):
        sink.write(frame_of(8))
        asked(peer, sink, "input", "result", credit=5)
        sink.context.news = News(latency_ms=50)
        sink._copied -= 2
        sink.idle()
        record = peer.record()
        assert shown(record) == 8
        assert 2050 <= record.head["age_ms"] < 20_000
        wait_until_sent(sink)
        sink.idle()
        assert peer.record(A_MOMENT_S) is None  # he has it
        asked(peer, sink, "result", credit=1, width=100)
        sink.idle()
        assert peer.record().jpegs.keys() == {"result"}
        peer.accept()
        asked(peer, sink, "result", credit=1, width=100)
        sink.idle()
        assert shown(peer.record()) == 8  # who calls anew has nothing


def test_a_frame_that_was_skipped_is_shown_when_none_follows(tmp_path: Path) -> None:
    with connected(tmp_path) as (peer, sink):
        asked(peer, sink, "result")
        for number in range(5):
            sink.write(frame_of(number))
        assert shown(peer.record()) == 0
        asked(peer, sink, "result")
        sink.idle()
        assert shown(peer.record()) == 4


def test_while_nobody_watches_few_frames_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []
    copy = Page._copy
    monkeypatch.setattr(Page, "_copy", lambda self, frame: copied.append(frame.index) or copy(self, frame))
    with connected(tmp_path) as (peer, sink):
        now = time.monotonic()
        monkeypatch.setattr("stages.output.page.time.monotonic", lambda: now)
        for number in range(100):
            now += 0.04
            sink.write(frame_of(number))
        assert 10 < len(copied) < 20
        peer.want("result", credit=0)
        wait_until(lambda: sink._link.watched)
        for number in range(100, 110):
            sink.write(frame_of(number))
        assert copied[-10:] == list(range(100, 110))
        now += 3  # nothing was heard since
        del copied[:]
        for number in range(110, 114):
            now += 0.04
            sink.write(frame_of(number))
        assert copied == [110]


def test_nothing_older_than_what_was_shown_comes_after_it(tmp_path: Path) -> None:
    """The frame for a wish of long ago is copied as well, though it is no sign that somebody still looks."""
    with connected(tmp_path) as (peer, sink):
        sink.write(frame_of(1))
        asked(peer, sink, "result")
        sink._link._heard -= 10
        sink.write(frame_of(2))
        assert shown(peer.record()) == 2
        asked(peer, sink, "input")
        sink.idle()
        assert peer.record().head["index"] == 2


def test_the_copy_is_the_frame_s_and_not_the_slot_s(tmp_path: Path) -> None:
    with connected(tmp_path) as (peer, sink):
        frame = frame_of(8)
        sink.write(frame)
        frame.clean.flags.writeable = True
        frame.clean[:] = 0  # the slot is somebody else's now
        asked(peer, sink, "result")
        sink.idle()
        assert shown(peer.record()) == 8


def test_the_last_frame_of_a_run_goes_out_in_all_its_views_asked_for_or_not(tmp_path: Path) -> None:
    with connected(tmp_path, views=["input", "result"]) as (peer, sink):
        for number in range(3):
            sink.write(frame_of(number))
            sink._copied -= 1
        facts = sink.finish()
        record = peer.record()
        assert record.jpegs.keys() == {"input", "result"}
        assert record.head["index"] == 2
        assert peer.record() is None
    assert facts == {"output": "page:", "frames": 3, "pictures": 1}
    assert sink.finish() == facts  # a second time, after a crash: without a harm


def test_who_takes_nothing_does_not_keep_the_run_from_ending(tmp_path: Path) -> None:
    spec = SPEC.model_copy(update={"width": 1280, "height": 960})
    noise = np.random.default_rng(1).integers(0, 255, (960, 1280, 3), np.uint8)
    with connected(tmp_path, spec) as (peer, sink):
        asked(peer, sink, "result", credit=9, quality=95)
        sink.write(Frame({"clean": noise, "image": noise}, index=1, pts=1))
        begun = time.monotonic()
        sink.finish()
        assert time.monotonic() - begun < 10


# Where it is


def test_an_output_that_begins_with_page_is_one() -> None:
    assert Auto.pick("page:/run/x.sock") is Page
    with pytest.raises(ConfigError, match="did you mean 'page'"):
        Auto.pick("pag://x")


def test_an_address_that_cannot_be_is_refused_before_the_run() -> None:
    for output in ("", "page:"):
        with pytest.raises(SetupError, match="--output page:PATH"):
            Page(output=output).setup(SPEC)
    with pytest.raises(SetupError, match="has at most 107 bytes"):
        Page(output=f"page:/{'x' * 200}").setup(SPEC)
    with pytest.raises(ValueError, match="views"):
        Page(views=[])
    with pytest.raises(ValueError, match="views"):
        Page(views=["panel"])
