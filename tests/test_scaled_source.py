"""Pictures that are scaled as they come in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.frame import FrameSpec
from stages.ingest.file import File
from stages.ingest.images import Images
from stages.ingest.lavfi import Lavfi
from tests.clips import make_clip, number_of, picture, read_all, rest_of
from tests.stills import write_still


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (1920, 1080)),
        ({"height": 720}, (1280, 720)),
        ({"width": 640}, (640, 360)),
        ({"height": 481}, (856, 481)),
        ({"width": 640, "height": 640}, (640, 640)),
        ({"width": 2, "height": None}, (2, 2)),
    ],
)
def test_one_side_is_enough_and_the_other_follows_evenly(fields: dict[str, int], size: tuple[int, int]) -> None:
    assert File(input="x", **fields).scaled_size(1920, 1080) == size


def test_a_squeezed_picture_is_shown_as_wide_as_before() -> None:
    squeezed = File(input="x", width=360, height=360).scaled_spec(FrameSpec(width=640, height=360))
    assert (squeezed.width, squeezed.height, squeezed.sample_aspect) == (360, 360, Fraction(16, 9))
    rounded = File(input="x", height=98).scaled_spec(FrameSpec(width=333, height=202))
    assert rounded.sample_aspect == 1, "whole pixels make no other shape"


@pytest.mark.parametrize("width", [0, 1, 20000])
def test_absurd_sizes_are_refused(width: int) -> None:
    with pytest.raises(ValidationError):
        File(input="x", width=width)


def test_pictures_come_smaller_and_are_the_same_pictures(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mkv", 12, codec="ffv1", pixels="bgr0")
    spec, images, stamps = read_all(File(input=str(clip), width=48))
    _, whole, wanted = read_all(File(input=str(clip)))
    assert (spec.width, spec.height) == (48, 32)
    assert [image.shape for image in images] == [(32, 48, 3)] * 12
    assert stamps == wanted
    for small, large in zip(images, whole, strict=True):
        mean = large.reshape(32, 2, 48, 2, 3).mean(axis=(1, 3))
        assert np.abs(small - mean).max() <= 2, "each pixel is the mean of the four that it stands for"


def test_a_turned_clip_is_measured_as_it_is_seen(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 4, rotation=90)
    spec, images, _ = read_all(File(input=str(clip), height=48))
    assert (spec.width, spec.height) == (32, 48)
    assert images[0].shape == (48, 32, 3)


def test_a_killed_source_goes_on_at_the_same_size(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 12)
    _, images, stamps = read_all(File(input=str(clip), width=192))
    again = File(input=str(clip), width=192)
    spec = again.open()
    again.resume(5, stamps[4])
    rest, _ = rest_of(again, spec)
    assert all(np.array_equal(a, b) for a, b in zip(rest, images[5:], strict=True))
    assert number_of(rest[0]) == 5


def test_folders_and_drawn_pictures_are_scaled_too(tmp_path: Path) -> None:
    for number in range(3):
        write_still(tmp_path / f"{number}.png", picture(number))
    spec, images, _ = read_all(Images(input=str(tmp_path), height=128))
    assert (spec.width, spec.height) == (192, 128)
    assert [number_of(image) for image in images] == [0, 1, 2]
    spec, images, _ = read_all(Lavfi(input="lavfi:testsrc2=size=320x240:rate=10:duration=0.3", width=160))
    assert [image.shape for image in images] == [(120, 160, 3)] * 3
