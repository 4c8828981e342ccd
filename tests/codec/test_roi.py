"""RoiEncoder gives one packet for each picture, and the region of each is as fine as it is asked to be."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from models.coding import Quantiser
from pipeline.errors import RunError, SetupError
from stages.codec.roi import RoiEncoder
from stages.codec.roi_decoder import RoiDecoder, is_key
from tests.codec.clips import clip, middle, psnr, textured

CODECS = ["h264", "h265"]
RATE = Fraction(25)


def encoder(codec: str, width: int = 192, height: int = 128, **settings: float) -> RoiEncoder:
    return RoiEncoder(width, height, RATE, codec, preset="ultrafast", **settings)


def coded(codec: str, quantisers: list[Quantiser], mask: np.ndarray | None = None) -> list[bytes]:
    made = encoder(codec)
    mask = middle() if mask is None else mask
    return [made.encode(textured(number), mask, wanted).data for number, wanted in enumerate(quantisers)]


def parts(codec: str, packets: list[bytes]) -> list[tuple[float, float]]:
    """PSNR of the region and of what lies well outside of it, of each picture."""
    decoder, region = RoiDecoder(codec), middle() > 0
    outside = np.ones_like(region)
    outside[16:-16, 48:-48] = False
    found = []
    for number, packet in enumerate(packets):
        image, picture = textured(number), decoder.decode(packet)
        found.append((psnr(image, picture, region), psnr(image, picture, outside)))
    return found


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_picture_leaves_at_once_with_all_that_a_decoder_needs_and_the_others_build_on_it(codec: str) -> None:
    made = encoder(codec, key_interval=0.2)
    assert made.period == 5
    keys = []
    for number in range(12):
        packet = made.encode(textured(number), middle(), Quantiser(30, 40))
        assert packet.key == is_key(codec, packet.data)
        keys.append(packet.key)
    assert keys == [number % 5 == 0 for number in range(12)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_picture_can_be_asked_for_and_the_next_one_is_due_a_period_later(codec: str) -> None:
    made = encoder(codec, key_interval=0.2)
    asked = [made.encode(textured(n), middle(), Quantiser(30, 40), key=n == 3) for n in range(9)]
    assert [packet.key for packet in asked] == [n in (0, 3, 8) for n in range(9)]


@pytest.mark.parametrize("codec", CODECS)
def test_six_steps_halve_the_bytes_about(codec: str) -> None:
    """The pictures are noisy: the last of the noise goes at once, so not each step halves alike."""
    sizes = [sum(map(len, coded(codec, [Quantiser(q, q)] * 10))) for q in (18, 24, 30, 36, 42)]
    assert all(finer > 1.2 * coarser for finer, coarser in pairwise(sizes))
    assert 1.6 < (sizes[0] / sizes[-1]) ** 0.25 < 2.6


@pytest.mark.parametrize("codec", CODECS)
def test_the_quantiser_may_change_from_picture_to_picture(codec: str) -> None:
    wanted = [Quantiser(40, 40)] * 5 + [Quantiser(22, 22)] * 5 + [Quantiser(40, 40)] * 5
    packets = coded(codec, wanted)
    coarse, fine, again = (sum(map(len, packets[at + 1 : at + 5])) for at in (0, 5, 10))
    assert fine > 3 * coarse
    assert fine > 3 * again
    region = [psnr_in for psnr_in, _ in parts(codec, packets)]
    assert region[9] > region[4] + 5


@pytest.mark.parametrize("codec", CODECS)
def test_the_region_is_finer_and_the_background_coarser_by_as_much_as_is_asked(codec: str) -> None:
    flat = parts(codec, coded(codec, [Quantiser(32, 32)] * 8))[-1]
    split = parts(codec, coded(codec, [Quantiser(26, 38)] * 8))[-1]
    assert split[0] > flat[0] + 2
    assert split[1] < flat[1] - 1.5


@pytest.mark.parametrize("codec", CODECS)
def test_where_a_region_lies_upon_the_whole_picture_the_region_holds(codec: str) -> None:
    """Both are marked, one above the other: the order of marks decides, and a change of it in FFmpeg is seen here."""
    fine = parts(codec, coded(codec, [Quantiser(24, 44)] * 4))[-1]
    coarse = parts(codec, coded(codec, [Quantiser(44, 44)] * 4))[-1]
    assert fine[0] > coarse[0] + 5
    assert fine[1] < coarse[1] + 1.5


@pytest.mark.parametrize("codec", CODECS)
def test_without_a_region_all_is_background_and_with_nothing_else_all_is_region(codec: str) -> None:
    nothing, everything = np.zeros_like(middle()), np.full_like(middle(), 255)
    assert coded(codec, [Quantiser(24, 36)] * 3, nothing) == coded(codec, [Quantiser(36, 36)] * 3, everything)
    assert coded(codec, [Quantiser(36, 24)] * 3, everything) == coded(codec, [Quantiser(36, 36)] * 3, nothing)


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_pictures_give_the_same_bytes(codec: str) -> None:
    wanted = [Quantiser(30, 40), Quantiser(28.5, 41), Quantiser(33.25, 51)]
    assert coded(codec, wanted) == coded(codec, wanted)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("quantiser", [Quantiser(0, 0), Quantiser(51, 51), Quantiser(0, 51)])
def test_the_ends_of_the_range_are_taken(codec: str, quantiser: Quantiser) -> None:
    inside, outside = parts(codec, coded(codec, [quantiser] * 2))[-1]
    assert (inside > 34) == (quantiser.region == 0)
    assert (outside > 34) == (quantiser.background == 0)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("width", "height"), [(97, 65), (98, 66), (160, 120), (33, 130)])
def test_pictures_of_any_size_come_back_in_that_size(codec: str, width: int, height: int) -> None:
    made, decoder = encoder(codec, width, height), RoiDecoder(codec)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2 :, width // 2 :] = 255
    for number in range(3):
        image = textured(number, width, height)
        picture = decoder.decode(made.encode(image, mask, Quantiser(14, 20)).data)
        assert picture.shape == image.shape
        assert psnr(image, picture) > 26


@pytest.mark.parametrize("codec", CODECS)
def test_packets_as_they_are_make_a_stream_that_any_player_reads(codec: str, tmp_path: Path) -> None:
    packets = coded(codec, [Quantiser(30, 36)] * 7)
    path = tmp_path / f"clip.{codec}"
    path.write_bytes(b"".join(packets))
    decoder = RoiDecoder(codec)
    with av.open(str(path), format={"h264": "h264", "h265": "hevc"}[codec]) as box:
        seen = [frame.to_ndarray(format="yuv420p") for frame in box.decode(video=0)]
        assert box.streams.video[0].codec_context.colorspace == 6
    assert len(seen) == 7
    for packet, planes in zip(packets, seen, strict=True):
        again = decoder._one(packet).to_ndarray(format="yuv420p")
        np.testing.assert_array_equal(again, planes)
        decoder._lost = False


def test_regions_of_true_clips_gain_at_equal_bytes() -> None:
    images, masks = clip("pan_stream_walk", 12)

    def run(quantiser: Quantiser) -> tuple[int, float, float]:
        made, decoder = RoiEncoder(640, 360, RATE), RoiDecoder()
        taken, inside, outside = 0, [], []
        for image, mask in zip(images, masks, strict=True):
            packet = made.encode(image, mask, quantiser).data
            picture = decoder.decode(packet)
            taken += len(packet)
            inside.append(psnr(image, picture, mask > 0))
            outside.append(psnr(image, picture, mask == 0))
        return taken, float(np.mean(inside)), float(np.mean(outside))

    flat, split = run(Quantiser(34, 34)), run(Quantiser(29, 39))
    assert split[0] < flat[0]
    assert split[1] > flat[1] + 2
    assert split[2] < flat[2]


def test_av1_is_refused_since_its_encoder_knows_no_regions() -> None:
    with pytest.raises(SetupError, match="gives no region more than the rest; take h264 or h265"):
        RoiEncoder(192, 128, RATE, "av1")
    with pytest.raises(SetupError, match="'vp8' is none of h264, h265"):
        RoiEncoder(192, 128, RATE, "vp8")


def test_a_size_that_an_encoder_does_not_take_is_said_before_the_first_picture() -> None:
    with pytest.raises(SetupError, match="cannot be opened for 100000x16"):
        RoiEncoder(100_000, 16, RATE)


def test_an_encoder_that_holds_pictures_back_fails_instead_of_leaving_them_out() -> None:
    made = encoder("h264")

    class Late:
        def encode(self, picture: object) -> list[object]:
            return []

    made._context = Late()
    with pytest.raises(RunError, match="gave 0 packets for one picture"):
        made.encode(textured(0), middle(), Quantiser(30, 30))
