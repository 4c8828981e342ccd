"""The gate: what is no picture is told, and real pictures, fades and still scenes are let in."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.frame import Image
from stages.ingest.gate import BELONGS_S, BLACK_S, SEAM_LASTS, Gate
from tests.clips import DATA, needs
from tests.scenes import room

HEIGHT, WIDTH = 480, 640


class Hands:
    """A clock that goes on by 1/30 s each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1 / 30
        return self.now


def gate(**options) -> Gate:
    return Gate(HEIGHT, WIDTH, clock=Hands(), **options)


def drawn(graph: str, count: int = 1) -> list[Image]:
    """Pictures that FFmpeg draws."""
    with av.open(f"{graph}=size={WIDTH}x{HEIGHT}:rate=30", format="lavfi") as box:
        pictures = box.decode(video=0)
        return [next(pictures).to_ndarray(format="bgr24") for _ in range(count)]


def camera(scene: Image, count: int, noise: float = 2.0, seed: int = 5) -> Iterator[Image]:
    """A scene that stands still, as a sensor sees it."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.clip(scene + rng.normal(0, noise, scene.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def scene() -> Image:
    """The made-up room, 640x480."""
    return np.vstack([room(), room()[:120][::-1]])


@pytest.mark.parametrize("first", [352, 360, 372, 376])
def test_the_grey_band_of_a_cut_off_jpeg_is_found(scene: Image, first: int) -> None:
    """As a webcam's log tells it: 104 to 128 rows at the bottom of 480, of one colour."""
    broken = scene.copy()
    broken[first:] = 128
    judge = gate()
    assert judge.judge(scene) is None
    assert judge.judge(broken) == "band"
    assert judge.judge(scene) is None, "the next one is whole again"


@pytest.mark.parametrize("colour", [(128, 128, 128), (130, 130, 130), (0, 135, 0), (0, 77, 0)])
def test_so_is_what_a_decoder_leaves_in_other_colours(scene: Image, colour: tuple[int, int, int]) -> None:
    broken = scene.copy()
    broken[300:] = colour
    assert gate().judge(broken) == "band"
    assert gate().judge(np.full_like(scene, colour)) == "band", "all of it"


@pytest.mark.parametrize("colour", [(0, 0, 0), (16, 16, 16), (255, 255, 255), (200, 90, 30)])
def test_bars_of_a_film_and_of_a_title_are_pictures(scene: Image, colour: tuple[int, int, int]) -> None:
    barred = scene.copy()
    barred[:60] = barred[420:] = colour
    judge = gate()
    assert [judge.judge(picture) for picture in (barred,) * 5] == [None] * 5


def test_a_grey_band_that_stays_where_it_is_belongs_to_the_picture(scene: Image) -> None:
    barred = scene.copy()
    barred[400:] = 128
    judge = gate()
    reasons = [judge.judge(barred) for _ in range(round((BELONGS_S + 1) * 30))]
    assert (reasons[0], reasons[-1]) == ("band", None)


def test_a_band_that_moves_never_belongs(scene: Image) -> None:
    judge = gate()
    for number in range(round((BELONGS_S + 5) * 30)):
        broken = scene.copy()
        broken[350 + number % 7 :] = 128
        assert judge.judge(broken) == "band"


@pytest.mark.parametrize("row", [100, 240, 352])
def test_the_top_of_one_picture_and_the_bottom_of_another_are_none(row: int) -> None:
    one, other = drawn("testsrc2")[0], drawn("testsrc")[0]
    torn = one.copy()
    torn[row:] = other[row:]
    judge = gate()
    judge.judge(one)
    assert judge.judge(torn) == "torn"
    assert judge.judge(one) is None


def test_an_edge_all_over_a_picture_is_let_in_once_it_has_stayed(scene: Image) -> None:
    bars = drawn("smptebars")[0]
    judge = gate()
    judge.judge(scene)
    assert [judge.judge(bars) for _ in range(SEAM_LASTS + 3)] == ["torn"] * SEAM_LASTS + [None] * 3
    assert gate().judge(bars) is None, "as the first picture it may be anything"


def test_noise_is_no_picture_and_a_dark_room_that_is_full_of_it_is_one(scene: Image) -> None:
    rng = np.random.default_rng(3)
    assert gate().judge(rng.integers(0, 256, scene.shape, dtype=np.uint8)) == "noise"
    judge = gate()
    for picture in camera((scene * 0.1).astype(np.uint8), 60, noise=18):
        assert judge.judge(picture) is None


def test_black_is_a_picture_until_it_has_lasted(scene: Image) -> None:
    judge = gate()
    black = np.full_like(scene, 3)
    reasons = [judge.judge(black) for _ in range(90)]
    assert reasons[: round(BLACK_S * 30) - 1] == [None] * (round(BLACK_S * 30) - 1)
    assert reasons[-1] == "black"
    assert judge.judge(scene) is None
    assert judge.judge(black) is None, "it begins anew"


@pytest.mark.parametrize("light", ["in", "out", "through blue"])
def test_fades_are_pictures(scene: Image, light: str) -> None:
    judge = gate(frozen=2.0)
    for number in range(60):
        share = number / 59 if light == "in" else 1 - number / 59
        faded = (scene * share).astype(np.uint8)
        if light == "through blue":
            faded[..., 0] = 90
        assert judge.judge(faded) is None


def test_a_picture_of_blue_alone_is_not_black(scene: Image) -> None:
    blue = np.zeros_like(scene)
    blue[..., 0] = 200
    judge = gate()
    assert [judge.judge(blue) for _ in range(120)] == [None] * 120


def test_a_frozen_camera_is_told_from_a_still_scene(scene: Image) -> None:
    still = gate(frozen=2.0)
    assert [still.judge(picture) for picture in camera(scene, 120)] == [None] * 120, "its noise is never the same"
    stuck = gate(frozen=2.0)
    reasons = [stuck.judge(scene) for _ in range(90)]
    assert reasons[:58] == [None] * 58
    assert reasons[-1] == "frozen"
    assert stuck.judge(next(camera(scene, 1))) is None, "and comes back to life"


def test_what_stands_still_on_purpose_is_let_in_where_nobody_asked(scene: Image) -> None:
    judge = gate()
    assert [judge.judge(scene) for _ in range(400)] == [None] * 400


@pytest.mark.parametrize("graph", ["testsrc2", "testsrc", "smptebars", "mandelbrot", "rgbtestsrc", "sierpinski"])
def test_drawn_pictures_are_let_in(graph: str) -> None:
    judge = gate(frozen=None)
    assert [judge.judge(picture) for picture in drawn(graph, 80)] == [None] * 80


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (16, 31), (33, 16), (1080, 7)])
def test_pictures_of_any_size_are_judged(size: tuple[int, int]) -> None:
    height, width = size
    judge = Gate(height, width)
    for level in (0, 128, 255):
        judge.judge(np.full((height, width, 3), level, np.uint8))
    ramp = np.arange(height * width * 3, dtype=np.uint32).reshape(height, width, 3) % 251
    assert judge.judge(ramp.astype(np.uint8)) in (None, "torn", "noise")


def real_pictures(kind: str) -> list[Path]:
    return sorted(needs(DATA / kind).rglob("*.jp*g"))


@pytest.mark.parametrize("moves", [3, 7, -5])
def test_an_edge_that_moves_as_a_camera_tilts_is_not_torn_for_ever(moves: int) -> None:
    rng = np.random.default_rng(3)
    wall, table = (rng.normal(level, 8, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8) for level in (180, 60))
    judge = gate()
    judge.judge(wall)
    reasons = []
    for number in range(30):
        tilted = wall.copy()
        tilted[240 + moves * number :] = table[240 + moves * number :]
        reasons.append(judge.judge(tilted))
    assert reasons == ["torn"] * SEAM_LASTS + [None] * (30 - SEAM_LASTS)


@pytest.mark.parametrize("kind", ["persons_coco", "faces", "plates_eu"])
def test_real_pictures_are_let_in_and_most_tears_between_them_found(kind: str) -> None:
    shots = []
    for path in real_pictures(kind):
        with av.open(str(path)) as box:
            frame = next(box.decode(video=0))
            shots.append(frame.reformat(width=WIDTH, height=HEIGHT, format="bgr24").to_ndarray())
    assert [reason for shot in shots if (reason := gate().judge(shot))] == []
    found = 0
    for one, other in itertools.pairwise(shots):
        torn = one.copy()
        torn[240:] = other[240:]
        judge = gate()
        judge.judge(one)
        found += judge.judge(torn) == "torn"
    assert found >= 0.6 * (len(shots) - 1), f"{found} of {len(shots) - 1}"


@pytest.mark.parametrize("name", ["car-detection", "one-by-one-person-detection", "test_face_video", "test_lp_video"])
def test_real_footage_is_let_in(name: str) -> None:
    with av.open(str(needs(DATA / "real" / f"{name}.mp4"))) as box:
        judge: Gate | None = None
        for number, frame in enumerate(box.decode(video=0)):
            picture = frame.to_ndarray(format="bgr24")
            judge = judge or Gate(*picture.shape[:2], frozen=2.0, clock=Hands())
            assert judge.judge(picture) is None, number
            if number == 100:
                break


@pytest.mark.alone
def test_a_720p_picture_is_judged_in_half_a_millisecond() -> None:
    picture = np.ascontiguousarray(np.tile(room(), (2, 2, 1)))
    assert picture.shape == (720, 1280, 3)
    judge = Gate(720, 1280)
    took = []
    for _ in range(200):
        begun = time.perf_counter()
        judge.judge(picture)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.0005
