"""The stages Matting and Composite: what they read and write, what outlives a worker, and what stands behind."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config import load_config
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from stages.matting import Composite, Matting
from stages.matting.backgrounds import covering
from stages.matting.films import Film
from stages.matting.wording import NAMES, check_wording, colour_of
from tests.clips import make_clip, number_of, picture
from tests.cutouts import HEIGHT, SKIN, WIDTH, behind, disc, error, mixed, rough
from tests.frames import Bench, blank_frame, noisy
from tests.stills import write_still

SPEC = FrameSpec(width=WIDTH, height=HEIGHT, time_base=Fraction(1, 25), rate=Fraction(25))


def walk(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    truths = [disc(60 + 5 * index, 90, 40) for index in range(count)]
    return [(noisy(mixed(truth, behind()), at), rough(truth)) for at, truth in enumerate(truths)]


def in_front(**fields: object) -> Frame:
    """A frame with somebody half transparent in the middle."""
    frame = blank_frame(SPEC)
    frame.image[:] = behind()
    frame.alpha[60:120, 100:200] = 255
    frame.alpha[60:120, 200:220] = 51
    frame.foreground[:] = SKIN
    return frame


def composed(frame: Frame, **fields: object) -> np.ndarray:
    stage = Composite(**fields)
    stage.setup(SPEC)
    stage.process(frame)
    stage.close()
    return frame.clean


def test_a_worker_that_dies_is_followed_by_one_that_gives_the_same_frames() -> None:
    straight, broken = Bench(Matting(), SPEC), Bench(Matting(), SPEC)
    for index, (image, mask) in enumerate(walk(6)):
        right = straight.frame(image=image, mask=mask)
        if index in (2, 5):
            broken.peek(image=image, mask=mask)  # done, but never committed
            broken.stage = Matting()
            broken.stage.setup(SPEC)
        again = broken.frame(image=image, mask=mask)
        assert np.array_equal(right.alpha, again.alpha)
        assert np.array_equal(right.foreground, again.foreground)


def test_after_a_gap_of_the_source_nothing_is_left_of_what_was_before() -> None:
    bench, fresh = Bench(Matting(steady=0.9), SPEC), Bench(Matting(steady=0.9), SPEC)
    (image, mask), (other, another) = walk(5)[0], walk(5)[1]
    bench.frame(image=image, mask=mask)
    frame = blank_frame(SPEC, 1)
    frame.life = 1
    frame.planes["image"][:], frame.planes["mask"][:] = other, another
    frame.before, frame.after = bench.buffers
    bench.stage.process(frame)
    assert np.array_equal(frame.alpha, fresh.frame(image=other, mask=another).alpha)


def test_the_softness_changes_between_two_frames() -> None:
    stage = Matting()
    bench = Bench(stage, SPEC)
    image, mask = walk(1)[0]
    narrow = bench.peek(image=image, mask=mask).alpha
    stage.__dict__["softness"] = 4.0
    stage.changed(frozenset({"softness"}))
    wide = bench.peek(image=image, mask=mask).alpha
    assert ((wide > 0) & (wide < 255)).sum() > ((narrow > 0) & (narrow < 255)).sum()


def test_refined_needs_a_mask_and_rvm_does_not() -> None:
    assert Matting().reads == ("image", "mask")
    assert Matting(model="rvm").reads == ("image",)


def test_rvm_without_weights_says_where_they_are() -> None:
    with pytest.raises(SetupError, match=r"weights.*RobustVideoMatting"):
        Matting(model="rvm").setup(SPEC)


@pytest.mark.parametrize("name", ["matte", "matte-rvm"])
def test_the_shipped_configurations_fit_together(name: str) -> None:
    plan = load_config(name, given="in.mp4", wanted="out.mp4")
    assert [built.name for built in plan.stages][-3:] == ["matting", "composite", "output"]


def test_the_background_stands_where_nobody_does_and_the_foreground_where_somebody_is() -> None:
    clean = composed(in_front())
    assert (clean[0, 0] == NAMES["green"][::-1]).all()
    assert (clean[90, 150] == SKIN).all()
    expected = 0.2 * SKIN.astype(float) + 0.8 * np.array(NAMES["green"][::-1])
    assert np.abs(clean[90, 210] - expected).max() <= 1


def test_a_frame_with_nobody_is_background_throughout() -> None:
    frame = in_front()
    frame.alpha[:] = 0
    assert (composed(frame, background="#102030") == (0x30, 0x20, 0x10)).all()


def test_blur_hides_detail_and_does_not_smear_who_is_in_front() -> None:
    frame = in_front()
    frame.alpha[60:120, 200:220] = 0
    frame.image[60:120, 100:200] = SKIN
    clean = composed(frame, background="blur")
    assert (clean[90, 150] == SKIN).all()
    room = behind()
    detail, left = (np.abs(np.diff(part[:50].astype(int), axis=1)).mean() for part in (room, clean))
    assert left < 0.4 * detail
    beside = clean[62:118, 201:206, 2].mean()
    assert abs(beside - room[62:118, 201:240, 2].mean()) < 15  # a plain blur lets the red glow: 60 and more


def test_a_picture_covers_the_frame_and_its_middle_is_kept(tmp_path: Path) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :, 1] = 200
    image[:20], image[-20:] = (0, 0, 255), (0, 0, 255)  # beyond 16 to 9: cut off
    path = write_still(tmp_path / "wall.png", image)
    frame = in_front()
    frame.alpha[:] = 0
    clean = composed(frame, background=str(path))
    assert clean[..., 2].max() < 30
    assert clean[..., 1].min() > 180


@pytest.mark.parametrize("size", [(9, 16), (50, 20), (20, 500)])
def test_covering_gives_the_size_that_is_asked_for(size: tuple[int, int]) -> None:
    assert covering(np.full((*size, 3), 7, np.uint8), HEIGHT, WIDTH).shape == (HEIGHT, WIDTH, 3)


def test_a_video_goes_on_with_the_time_and_begins_again(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "behind.mkv", 10, codec="ffv1", pixels="bgr0")
    film = Film(str(clip), lambda image: image, 1 / 25)
    shown = [number_of(film.at(index / 25 + 0.001)) for index in range(25)]
    film.close()
    assert shown == [index % 10 for index in range(25)]


def test_a_frame_that_is_done_again_gets_the_same_picture_of_a_video(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "behind.mkv", 10, codec="ffv1", pixels="bgr0")
    film = Film(str(clip), lambda image: image, 1 / 25)
    wanted = [0.0, 0.32, 0.12, 0.12, 0.36, 0.02]
    assert [number_of(film.at(seconds + 0.001)) for seconds in wanted] == [0, 8, 3, 3, 9, 0]
    film.close()


def test_a_video_stands_behind_by_the_pts_of_the_frame(tmp_path: Path) -> None:
    images = [picture(number, WIDTH, HEIGHT) for number in range(5)]
    clip = make_clip(tmp_path / "behind.mkv", images, codec="ffv1", pixels="bgr0")
    frame = in_front()
    frame.alpha[:], frame.pts = 0, 8
    assert number_of(composed(frame, background=str(clip))) == 3


def test_what_is_no_picture_and_no_video_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video" * 100)
    with pytest.raises(SetupError, match=r"text.mp4"):
        Composite(background=str(path)).setup(SPEC)
    with pytest.raises(SetupError, match="gone"):
        Composite(background=str(tmp_path / "gone.png")).setup(SPEC)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("green", (120, 255, 153)), ("#0a0B0c", (10, 11, 12)), ("1,2,3", (1, 2, 3)), (".47, 1, .6", (120, 255, 153)),
        ("[0.47, 1, 0.6]", (120, 255, 153)), ("255,0,0", (255, 0, 0)), ("beach.jpg", None), ("blur", None),
    ],
)  # fmt: skip
def test_a_colour_is_said_in_several_ways(text: str, colour: tuple[int, int, int] | None) -> None:
    assert colour_of(text) == colour
    assert check_wording(text) == text


@pytest.mark.parametrize("text", ["gren", "#12345", "300,0,0", "", "1.5.2,0,0"])
def test_what_is_no_background_is_refused_when_the_configuration_is_read(text: str) -> None:
    with pytest.raises(ValidationError):
        Composite(background=text)


def test_a_background_that_cannot_be_opened_leaves_the_old_one(tmp_path: Path) -> None:
    stage = Composite(background="blue")
    stage.setup(SPEC)
    stage.__dict__["background"] = str(tmp_path / "gone.png")
    with pytest.raises(SetupError):
        stage.changed(frozenset({"background"}))
    frame = in_front()
    stage.process(frame)
    assert (frame.clean[0, 0] == NAMES["blue"][::-1]).all()


def test_matting_and_composite_together_put_somebody_before_green_without_a_fringe() -> None:
    truth = disc(160, 90, 50, soft=1.5)
    frame = Bench(Matting(), SPEC).frame(image=mixed(truth, behind()), mask=rough(truth))
    clean = composed(frame)
    share = truth[..., None] / 255
    wanted = share * SKIN + (1 - share) * np.array(NAMES["green"][::-1])
    ring = (truth > 5) & (truth < 250)
    plain = np.where(rough(truth)[..., None] > 0, frame.image, np.array(NAMES["green"][::-1], np.uint8))
    assert error(clean[ring], wanted[ring]) < 0.6 * error(plain[ring], wanted[ring])
