"""Pictures with alpha, and the views of what was cut out."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec
from pipeline.stage import Sink
from stages.output import Auto
from stages.output.file import File
from stages.output.images import Images
from stages.output.null import Null
from stages.output.views import EDGE, VIEWS, Canvas
from tests.clips import decode
from tests.toys_alpha import HEIGHT, WIDTH, colours, decode_alpha, disc, frame_of

SPEC = FrameSpec(width=WIDTH, height=HEIGHT, rate=Fraction(25), time_base=Fraction(1, 25))
WIDE = FrameSpec(width=320, height=160)


def opened(output: str | Path, **options: object) -> Images:
    sink = Images.model_validate({"output": str(output), "view": "cutout", **options})
    sink.setup(SPEC)
    return sink


# Views


def test_a_cutout_is_the_foreground_with_alpha_and_its_colours_are_straight() -> None:
    canvas = Canvas("cutout", SPEC)
    cut = canvas.of(frame_of(3, SPEC, 1))
    assert canvas.channels == 4
    assert cut.shape == (HEIGHT, WIDTH, 4)
    assert np.array_equal(cut[..., 3], disc(3))
    seen = disc(3) > 0
    assert np.array_equal(cut[seen, :3], colours(3)[seen]), "not weighed by alpha"


def test_far_from_all_that_is_seen_a_cutout_holds_nothing_and_near_it_the_colours_go_on() -> None:
    frame = frame_of(0, WIDE, 1)
    cut = Canvas("cutout", WIDE).of(frame)
    rows, columns = np.nonzero(frame.alpha)
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    y, x = np.indices(frame.alpha.shape)
    far = (y < top - EDGE) | (y > bottom + EDGE) | (x < left - EDGE) | (x > right + EDGE)
    assert far.any()
    assert not cut[far].any()
    level = (top + bottom) // 2
    assert np.array_equal(cut[level, right + EDGE, :3], frame.foreground[level, right + EDGE])
    assert cut[level, right + EDGE, 3] == 0


def test_of_one_frame_nothing_stays_for_the_next() -> None:
    canvas = Canvas("cutout", WIDE)
    canvas.of(frame_of(0, WIDE, 1))
    empty = Frame({"alpha": np.zeros((160, 320), np.uint8), "foreground": np.full((160, 320, 3), 9, np.uint8)})
    assert not canvas.of(empty).any()


def test_the_view_of_alpha_is_gray_and_that_of_the_foreground_is_lent() -> None:
    frame = frame_of(2, SPEC, 1)
    assert np.array_equal(Canvas("alpha", SPEC).of(frame), np.repeat(disc(2)[..., None], 3, axis=2))
    assert Canvas("foreground", SPEC).of(frame) is frame.foreground


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("null:", True),
        ("window:", False),
        ("recording:/tmp", False),
        ("rtsp://a/b", False),
        ("http://127.0.0.1:1/", False),
        ("tcp://127.0.0.1:9", False),
    ],
)
def test_sinks_without_alpha_refuse_a_cutout_and_say_what_holds_it(address: str, holds: bool) -> None:
    sink: type[Sink] = Auto.pick(address)
    wish = {"output": address, "view": "cutout"} if address != "null:" else {"view": "cutout"}
    if holds:
        assert sink.model_validate(wish).reads == ("foreground", "alpha")
        return
    with pytest.raises(ValidationError, match=r"has alpha, which only files \(\.mov, \.webm, \.mkv\) and png"):
        sink.model_validate(wish)
    assert sink.model_validate({**wish, "view": "alpha"}).reads == ("alpha",)


def test_a_window_is_told_of_a_cutout_among_its_views() -> None:
    with pytest.raises(ValidationError, match="has alpha, which only files"):
        Auto.pick("window:").model_validate({"output": "window:", "views": ["result", "cutout"]})


def test_only_a_view_with_alpha_has_four_channels() -> None:
    assert [name for name, view in VIEWS.items() if view.channels == 4] == ["cutout"]
    assert [sink for sink in Auto.kinds() if getattr(sink, "holds_alpha", False)] == [File, Images, Null]


# Pictures


@pytest.mark.parametrize(("ending", "quality"), [("png", 95), ("tif", 95), ("tiff", 95), ("webp", 100)])
def test_a_folder_of_pictures_holds_alpha_bit_for_bit(tmp_path: Path, ending: str, quality: int) -> None:
    sink = opened(f"{tmp_path}/out/", format=ending, quality=quality)
    for number in range(3):
        sink.write(frame_of(number, SPEC, 1))
    assert sink.finish()["frames"] == 3
    for number in range(3):
        (found,) = decode_alpha(tmp_path / "out" / f"frame-{number + 1:06d}.{ending}")
        wanted = disc(number)
        assert np.array_equal(found[..., 3], wanted)
        assert np.array_equal(found[wanted > 0, :3], colours(number)[wanted > 0])


def test_a_webp_may_lose_colours_but_hardly_any_alpha(tmp_path: Path) -> None:
    sink = opened(tmp_path / "o.webp", quality=80)
    sink.write(frame_of(0, SPEC, 1))
    sink.finish()
    (found,) = decode_alpha(tmp_path / "o.webp")
    wanted = disc(0)
    assert np.abs(found[..., 3].astype(int) - wanted).max() <= 2
    assert np.abs(found[wanted > 0, :3].astype(int) - colours(0)[wanted > 0]).mean() < 6


def test_a_tiff_says_that_its_alpha_is_not_in_its_colours(tmp_path: Path) -> None:
    sink = opened(tmp_path / "o.tiff")
    sink.write(frame_of(0, SPEC, 1))
    sink.finish()
    data = (tmp_path / "o.tiff").read_bytes()
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    tags = {
        tag: value for tag, _, _, value in (struct.unpack_from("<HHII", data, at + 2 + 12 * n) for n in range(count))
    }
    assert tags[277] == 4, "samples of a pixel"
    assert tags[338] == 2, "ExtraSamples: unassociated alpha (TIFF 6.0, section 18)"


def test_a_picture_of_another_view_has_no_alpha(tmp_path: Path) -> None:
    sink = opened(tmp_path / "o.png", view="alpha")
    sink.write(frame_of(1, SPEC, 1))
    sink.finish()
    assert (tmp_path / "o.png").read_bytes()[25] == 2, "RGB (ISO/IEC 15948)"
    assert np.array_equal(decode(tmp_path / "o.png")[0][..., 0], disc(1))


@pytest.mark.parametrize("ending", ["jpg", "bmp"])
def test_pictures_without_alpha_are_refused_with_those_that_have_it(tmp_path: Path, ending: str) -> None:
    with pytest.raises(ValidationError, match="holds no alpha; take png, tiff or webp"):
        Images.model_validate({"output": f"{tmp_path}/", "view": "cutout", "format": ending})
    with pytest.raises(SetupError, match=rf"o\.{ending}: {ending} holds no alpha; take png, tiff or webp"):
        opened(tmp_path / f"o.{ending}")
    assert os.listdir(tmp_path) == []
