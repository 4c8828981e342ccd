"""What the measures of semantic coding do to a clip: code it each way, find equal bytes, show it, follow a cap."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks import codec_caps, codec_sheet
from benchmarks.codec_clips import Clip, shelf
from benchmarks.codec_curves import code, judged, of_clip
from benchmarks.codec_given import there_and_back
from benchmarks.codec_plain import PlainDecoder, PlainEncoder
from benchmarks.codec_vmaf import Vmaf
from benchmarks.codec_ways import PLAIN, named
from models.coding import CodingError, Quantiser
from stages.ingest.still import read_still
from tests.clips import DATA, needs

WIDTH, HEIGHT, FRAMES = 192, 128, 6


@pytest.fixture(scope="module")
def clip() -> Clip:
    """Grey grain that drifts and flickers, and in it a square that matters."""
    chance = np.random.default_rng(7)
    grain = chance.integers(40, 200, (HEIGHT // 4, WIDTH // 4 + FRAMES, 1)).astype(np.uint8)
    large = np.kron(grain, np.ones((4, 4, 3), np.uint8))
    moving = [large[:, 2 * at : 2 * at + WIDTH] for at in range(FRAMES)]
    images = [np.uint8(part + chance.integers(0, 16, (HEIGHT, WIDTH, 1))) for part in moving]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[32:96, 64:128] = 255
    return Clip("drifting", "grain", 25.0, images, [mask] * FRAMES)


def test_with_regions_the_bytes_go_where_they_matter(clip: Clip) -> None:
    plain, roi = code(clip, named(PLAIN), 22), code(clip, named("roi-12"), 22)
    with_none, with_some = judged(clip, plain.decoded), judged(clip, roi.decoded)
    assert sum(roi.sizes) < 0.7 * sum(plain.sizes)
    assert with_some["psnr_region"] == pytest.approx(with_none["psnr_region"], abs=0.7)
    assert with_some["psnr_background"] < with_none["psnr_background"] - 3


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_the_usual_encoder_holds_nothing_back_and_any_player_shows_it(clip: Clip, codec: str) -> None:
    sizes = {}
    for factor in (24, 36):
        encoder, decoder = PlainEncoder(*clip.size, Fraction(25), codec), PlainDecoder(codec)
        coded = [encoder.encode(image, mask, Quantiser(factor, factor))
                 for image, mask in zip(clip.images, clip.masks, strict=True)]  # fmt: skip
        assert [one.key for one in coded] == [True] + [False] * (FRAMES - 1)
        shown = [decoder.decode(one.data) for one in coded]
        sizes[factor] = sum(len(one.data) for one in coded)
        assert judged(clip, shown)["psnr_whole"] > 20
        encoder.close()
        decoder.close()
    assert sizes[24] > 1.5 * sizes[36]


def test_bytes_that_hold_no_picture_are_no_picture() -> None:
    with pytest.raises(CodingError, match="6 bytes"):
        PlainDecoder().decode(bytes([0, 0, 0, 1, 9, 16]))  # a delimiter alone


def test_the_quantiser_is_found_at_which_bytes_are_equal(clip: Clip) -> None:
    wanted = sum(code(clip, named(PLAIN), 33).sizes)
    quantiser, coding = codec_sheet.at_bytes(clip, named("roi-12"), wanted)
    assert quantiser < 31  # what is saved in the background is spent in the region
    assert 0.85 * wanted < sum(coding.sizes) <= wanted


def test_where_none_is_coarse_enough_the_coarsest_is_taken(clip: Clip) -> None:
    assert codec_sheet.at_bytes(clip, named(PLAIN), 10)[0] == 51


def test_a_sheet_has_a_row_for_the_input_and_one_for_each_way(clip: Clip, tmp_path: Path) -> None:
    rows = codec_sheet.rows(clip, [named(PLAIN), named("roi-12")], 0.5, 2)
    assert [row.title for row in rows] == ["input", PLAIN, "roi-12"]
    assert all(row.facts["bpp"] <= 0.5 for row in rows[1:])
    codec_sheet.write(tmp_path / "sheet.jpg", clip, rows, 2)
    shown = read_still(str(tmp_path / "sheet.jpg")).to_ndarray(format="bgr24")
    assert shown.shape[0] > 3 * codec_sheet.CELL * HEIGHT // WIDTH


def test_the_region_is_shown_from_nearby_and_the_background_far_from_it() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[10:70, 20:60] = 255
    mask[90:95, 190:195] = 255  # a crumb
    assert codec_sheet._region_centre(mask) == (40, 30)
    x, _ = codec_sheet._background_centre(mask)
    assert x > 100
    assert codec_sheet._region_centre(np.zeros_like(mask)) == (100, 50)


def test_vmaf_falls_with_what_is_lost(clip: Clip, tmp_path: Path) -> None:
    vmaf = Vmaf(clip.images, clip.size, tmp_path)
    fine, coarse = (code(clip, named(PLAIN), q).decoded for q in (18, 44))
    assert vmaf.of(clip.images) > 95
    assert vmaf.of(clip.images) >= vmaf.of(fine) > vmaf.of(coarse) + 10


def test_curves_of_a_clip_keep_those_that_are_not_measured_again(clip: Clip, tmp_path: Path) -> None:
    ways = [replace(named(name), quantisers=(18, 22, 26, 30)) for name in (PLAIN, "roi-12")]
    before = {"curves": {"x265": [{"bpp": 1.0, "psnr_region": 30.0, "psnr_background": 1, "psnr_whole": 1, "vmaf": 1}]}}
    told: list[str] = []
    found = of_clip(clip, tmp_path, told.append, ways, before)
    assert list(found["curves"]) == [PLAIN, "roi-12", "x265"]
    assert found["compared"]["roi-12"]["region_saved"]["value"] < -20
    assert found["compared"]["x265"]["region_saved"] == {"value": None, "why": "fewer than 4 points"}
    assert (found["size"], found["frames"], found["share"]) == ("192x128", FRAMES, round(64 * 64 / WIDTH / HEIGHT, 4))
    assert len(told) == len(ways)
    rates = [one["bpp"] for one in found["curves"][PLAIN]]
    assert rates == sorted(rates, reverse=True)


def test_a_clip_goes_forth_and_back_without_a_cut() -> None:
    assert [there_and_back(at, 4) for at in range(9)] == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert {there_and_back(at, 1) for at in range(3)} == {0}


def test_settled_is_from_when_on_every_second_keeps_to_the_cap() -> None:
    at_cap = [500] * 100  # bytes: 100 kbit/s at 25 pictures/s
    assert codec_caps.settled(at_cap, 25, 100) == 0
    assert codec_caps.settled([2000] * 10 + at_cap, 25, 100) == pytest.approx(0.36)
    assert codec_caps.settled([*at_cap, 5000], 25, 100) is None
    assert codec_caps.settled([400] * 60, 25, 100) is None  # it leaves a fifth of the cap unused
    assert codec_caps.settled([500] * 10, 25, 100) is None  # less than a second says nothing


def test_a_second_is_counted_from_every_picture_on() -> None:
    assert codec_caps.over([1000] * 10 + [0] * 10, 10, 1) == pytest.approx([80 - 8 * at for at in range(11)])


def test_clips_are_of_even_sides_and_their_masks_fit() -> None:
    needs(DATA / "composites")
    found = shelf(DATA)
    assert len(found) >= 8
    for name in ("moving_goat_cross", "bmx-trees"):
        one = found[name](3)
        assert {image.shape for image in one.images} == {(one.size[1], one.size[0], 3)}
        assert one.size[0] <= 640
        assert one.size[1] % 2 == 0
        assert {mask.shape for mask in one.masks} == {one.images[0].shape[:2]}
        assert {int(level) for mask in one.masks for level in np.unique(mask)} == {0, 255}
        assert 0.005 < one.share < 0.5


def test_the_stage_is_told_of_a_new_cap_between_two_pictures(clip: Clip) -> None:
    with codec_caps.coder(clip, bitrate="400k") as stage:
        before = stage.run(40)
        stage.set(bitrate="100k")
        after = stage.run(40)
    wide, narrow = (codec_caps._kbps(found[-25:]) for found in (before, after))
    assert wide == pytest.approx(400, rel=0.25)
    assert narrow == pytest.approx(100, rel=0.25)
    assert codec_caps._mean([one.region for one in after]) < codec_caps._mean([one.region for one in before])
    assert all(one.region > one.background for one in before)


def test_one_quantiser_that_is_as_good_takes_what_lies_between_those_tried(clip: Clip) -> None:
    with codec_caps.coder(clip, quantiser=28.0) as stage:
        pictures = stage.run(FRAMES)
    found = codec_caps._fixed(clip, codec_caps._worst(pictures), FRAMES)
    assert found == pytest.approx(codec_caps._kbps(pictures), rel=0.15)
