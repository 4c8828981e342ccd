"""The pictures of a run: side by side in time, and four moments on a sheet."""

from fractions import Fraction

import av
import numpy as np
import pytest

from pipeline.cli.demo import contact_sheet, fit, most_changed, open_pairs, side_by_side
from pipeline.cli.sheet import clock
from pipeline.errors import RunError
from pipeline.frame import FrameSpec
from tests.clips import decode, make_clip, number_of, picture, stamps_of


def marked(number: int) -> np.ndarray:
    """A picture with a bright square that grows, as if something had been removed there."""
    image = picture(number)
    image[4:24, 4 : 8 + number] = 250
    return image


def test_both_halves_show_the_same_moment_at_the_time_of_the_input(tmp_path):
    stamps = [0, 512, 1024, 4096, 9000]
    before = make_clip(tmp_path / "a.mp4", 5, pts=stamps)
    after = make_clip(tmp_path / "b.mkv", 5, pts=stamps)
    made = side_by_side(before, after, tmp_path / "both.mp4")
    images = decode(made)
    assert images[0].shape == (64, 192, 3)
    assert [(number_of(image[:, :96]), number_of(image[:, 96:])) for image in images] == [(i, i) for i in range(5)]
    assert stamps_of(made) == [Fraction(pts, 12800) for pts in stamps]


def test_an_output_that_ends_early_ends_the_pair(tmp_path):
    before, after = make_clip(tmp_path / "a.mp4", 9), make_clip(tmp_path / "b.mp4", 4)
    assert len(decode(side_by_side(before, after, tmp_path / "both.mp4"))) == 4


def test_the_sheet_shows_four_moments_of_both(tmp_path):
    before = make_clip(tmp_path / "a.mp4", [marked(i) for i in range(40)])
    after = make_clip(tmp_path / "b.mp4", 40)
    made = contact_sheet(before, after, tmp_path / "sheet.png")
    with av.open(str(made)) as box:
        sheet = next(box.decode(video=0)).to_ndarray(format="bgr24")
    assert sheet.shape[1] > 4 * 96
    assert sheet.shape[0] > 2 * 64
    assert (sheet[0, 0] == 250).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "sheet.png"]


def test_each_moment_is_the_one_that_changed_most_in_its_stretch(tmp_path):
    before = make_clip(tmp_path / "a.mp4", [marked(i) for i in range(40)])
    after = make_clip(tmp_path / "b.mp4", 40)
    spec, pairs = open_pairs(before, after)
    moments = most_changed(pairs, 40, (96, 64), spec.time_base)
    assert [number_of(moment.before) for moment in moments] == [9, 19, 29, 39]
    assert [number_of(moment.after) for moment in moments] == [9, 19, 29, 39]
    assert [moment.seconds for moment in moments] == pytest.approx([0.36, 0.76, 1.16, 1.56])


def test_a_clip_of_one_frame_makes_a_sheet_too(tmp_path):
    clip = make_clip(tmp_path / "a.mp4", 1)
    assert contact_sheet(clip, clip, tmp_path / "sheet.png").stat().st_size > 0


def test_files_of_different_size_are_no_pair(tmp_path):
    clips = make_clip(tmp_path / "a.mp4", 2), make_clip(tmp_path / "b.mp4", [picture(0, 64, 48)])
    with pytest.raises(RunError, match="differ in size: 96x64, 64x48"):
        side_by_side(*clips, tmp_path / "both.mp4")


@pytest.mark.parametrize(
    ("width", "height", "aspect", "size"),
    [
        (1920, 1080, 1, (640, 360)),
        (320, 180, 1, (320, 180)),
        (720, 576, Fraction(64, 45), (640, 360)),
        (97, 65, 1, (96, 64)),
    ],
)
def test_pictures_are_fitted_as_they_should_look(width, height, aspect, size):
    assert fit(FrameSpec(width=width, height=height, sample_aspect=Fraction(aspect)), 640) == size


def test_times_are_written_as_minutes_seconds_and_tenths():
    assert [clock(seconds) for seconds in (0, 3.249, 59.96, 61.5)] == ["0:00.0", "0:03.2", "1:00.0", "1:01.5"]
