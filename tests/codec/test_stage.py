"""The codec's stage: what it shows is what a decoder makes of its bytes; what goes wrong does not break the stream."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.coding import CodingError
from pipeline.errors import SetupError
from pipeline.frame import Frame
from stages.codec import Codec
from stages.codec.delivery import Delivery
from stages.codec.packet import Packet
from stages.codec.readings import Readings
from stages.codec.roi_decoder import RoiDecoder
from tests.codec.clips import middle, psnr, textured
from tests.codec.streams import HEIGHT, SPEC, WIDTH, Stand


def packet_of(frame: Frame) -> Packet:
    found = Packet.of(frame.planes["coded"])
    assert found is not None
    return found


def readings_of(frame: Frame) -> Readings:
    return Readings.of(frame.planes["readings"])


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_what_is_shown_is_what_another_decoder_makes_of_the_bytes_alone(codec: str) -> None:
    stand, decoder = Stand(codec=codec, key_every=0.2), RoiDecoder(codec)
    for frame in stand.several(8):
        assert np.array_equal(frame.clean, decoder.decode(packet_of(frame).data))


def test_the_region_is_better_than_the_background_and_the_bytes_are_counted() -> None:
    stand = Stand(quantiser=24, background=16)
    for frame in stand.several(4):
        found, mask = readings_of(frame), middle() > 0
        assert found.region_psnr > found.background_psnr + 3
        assert found.region_psnr == pytest.approx(psnr(frame.image, frame.clean, mask), abs=0.01)
        assert found.bytes == len(packet_of(frame).data)
        assert (found.region_quantiser, found.background_quantiser) == (24, 40)
        assert found.share == pytest.approx(mask.mean(), abs=1e-4)


def test_a_stream_keeps_to_its_bits_per_pixel() -> None:
    stand = Stand(bandwidth=0.5)
    frames = stand.several(100)
    spent = sum(8 * len(packet_of(frame).data) for frame in frames[25:])
    assert spent / (75 * WIDTH * HEIGHT) == pytest.approx(0.5, rel=0.12)
    assert readings_of(frames[-1]).ratio == pytest.approx(0.5)
    assert readings_of(frames[-1]).target_kbps == pytest.approx(0.5 * WIDTH * HEIGHT * 25 / 1000)
    assert readings_of(frames[-1]).kbps == pytest.approx(readings_of(frames[-1]).target_kbps, rel=0.15)


def test_a_cap_overrides_the_bits_per_pixel_and_may_be_changed_between_two_pictures() -> None:
    stand = Stand(bitrate="400k")
    high = stand.several(50)
    object.__setattr__(stand.stage, "bitrate", "150k")
    low = stand.several(75)
    assert readings_of(high[-1]).kbps == pytest.approx(400, rel=0.2)
    assert readings_of(low[-1]).kbps == pytest.approx(150, rel=0.2)
    assert readings_of(low[-1]).target_kbps == 150


def test_a_floor_is_kept_and_costs_no_more_than_it_must() -> None:
    stand = Stand(floor=34.0)
    found = [readings_of(frame) for frame in stand.several(40)][10:]
    assert min(one.region_psnr for one in found) > 33.3
    assert np.mean([one.region_psnr for one in found]) < 36
    assert all(math.isnan(one.target_kbps) for one in found)
    assert found[-1].ratio == pytest.approx(found[-1].kbps * 1000 / (WIDTH * HEIGHT * 25))


def test_a_quality_that_is_asked_for_in_mid_run_takes_the_loop_s_place() -> None:
    stand = Stand(bandwidth=0.5)
    stand.several(5)
    object.__setattr__(stand.stage, "quantiser", 33.0)
    (frame,) = stand.several(1)
    assert readings_of(frame).region_quantiser == 33
    object.__setattr__(stand.stage, "quantiser", None)
    object.__setattr__(stand.stage, "floor", 30.0)
    assert math.isnan(readings_of(stand.several(1)[0]).target_kbps)


def test_the_background_alone_can_be_made_coarser() -> None:
    def background(steps: float) -> Readings:
        return readings_of(Stand(quantiser=26, background=steps).several(3)[-1])

    near, far = background(0), background(18)
    assert far.background_psnr < near.background_psnr - 4
    assert far.region_psnr == pytest.approx(near.region_psnr, abs=0.7)
    assert far.bytes < 0.7 * near.bytes


def test_a_smoothed_background_takes_fewer_bytes_and_leaves_the_region_alone() -> None:
    plain, smooth = (readings_of(Stand(quantiser=24, background=2, prefilter=one).several(6)[-1]) for one in (0.0, 0.8))
    assert smooth.bytes < 0.85 * plain.bytes
    assert smooth.region_psnr == pytest.approx(plain.region_psnr, abs=0.7)


def test_key_pictures_come_as_often_as_asked_for() -> None:
    frames = Stand(key_every=0.2, quantiser=30).several(12)
    assert [packet_of(frame).key for frame in frames] == [at % 5 == 0 for at in range(12)]
    assert [packet_of(frame).number for frame in frames] == list(range(12))


def test_where_pictures_are_left_out_key_pictures_come_no_later() -> None:
    stand, keys = Stand(key_every=1.0, quantiser=30), []
    for at in range(12):
        stand.index = 5 * at
        keys.append(packet_of(stand.code(textured(at))).key)
    assert keys == [at % 6 == 0 for at in range(12)], "after 30 ticks of 1/25 s, the first that is more than a second"


def test_after_a_crash_the_next_picture_is_a_key_picture_and_the_count_goes_on() -> None:
    stand = Stand(quantiser=30)
    stand.several(3)
    lost = stand.code(textured(3), commit=False)
    stand.begin()
    again = stand.code(textured(3))
    assert (packet_of(lost).number, packet_of(lost).key) == (3, False)
    assert (packet_of(again).number, packet_of(again).key) == (3, True)
    assert [packet_of(frame).number for frame in stand.several(2)] == [4, 5]


def test_where_the_source_was_lost_in_between_a_key_picture_follows() -> None:
    stand = Stand(quantiser=30)
    frames = [stand.code(textured(at), life=at // 3) for at in range(5)]
    assert [packet_of(frame).key for frame in frames] == [True, False, False, True, False]


def test_whatever_goes_wrong_over_a_picture_the_next_one_can_be_decoded_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand = Stand(quantiser=30)
    stand.several(3)

    def broken(*_: Any, **__: Any) -> None:
        raise CodingError("as if")

    with monkeypatch.context() as patch:
        patch.setattr(RoiDecoder, "decode", broken)
        with pytest.raises(CodingError):
            stand.code(textured(3))
    frame = stand.code(textured(3))
    assert packet_of(frame).key
    assert np.array_equal(RoiDecoder("h264").decode(packet_of(frame).data), frame.clean)


def test_an_empty_region_and_one_that_fills_the_picture_are_coded_and_measured() -> None:
    stand = Stand(quantiser=28)
    nobody = stand.code(textured(0), np.zeros((HEIGHT, WIDTH), np.uint8))
    everybody = stand.code(textured(1), np.full((HEIGHT, WIDTH), 255, np.uint8))
    assert math.isnan(readings_of(nobody).region_psnr)
    assert readings_of(nobody).background_psnr == pytest.approx(readings_of(nobody).psnr)
    assert math.isnan(readings_of(everybody).background_psnr)
    assert readings_of(everybody).psnr > readings_of(nobody).psnr + 3


def test_a_line_is_said_every_so_many_pictures() -> None:
    stand = Stand(report_every=3, quantiser=30)
    stand.several(7)
    lines = stand.stage.context.lines
    assert [line.partition("]")[0] for line in lines] == ["[F    0", "[F    3", "[F    6"]
    assert all(" | Face: " in line and line.endswith(" kbps") for line in lines)


def test_no_line_is_said_where_none_is_wanted() -> None:
    stand = Stand(report_every=0, quantiser=30)
    stand.several(3)
    assert not stand.stage.context.lines


def test_an_export_that_waits_for_a_key_picture_gets_one_and_not_one_after_the_other() -> None:
    stand = Stand(quantiser=30, adapt="none", key_every=60.0)
    stand.several(1)
    keys = []
    for at in range(1, 20):
        frame = stand.frame(textured(at))
        told = np.zeros(32, np.float32)
        Delivery(up=True, wants_key=at >= 12, linked=True).put(told)
        frame.finished = Frame({"delivered": told})
        stand.stage.process(frame)
        stand.halves.reverse()
        stand.index += 1
        keys.append(packet_of(frame).key)
    assert keys[:11] == [False] * 11
    assert keys[11]
    assert sum(keys) == 1


def test_a_slow_export_lowers_the_rate_where_that_is_wanted() -> None:
    def target(adapt: str) -> float:
        stand = Stand(bandwidth=0.5, adapt=adapt)
        for at in range(6):
            frame = stand.frame(textured(at))
            told = np.zeros(32, np.float32)
            Delivery(sent=at, waiting=0, dropped=10 * at, up=True, linked=True).put(told)
            frame.finished = Frame({"delivered": told})
            stand.stage.process(frame)
            stand.halves.reverse()
            stand.index += 1
        return readings_of(frame).target_kbps

    assert target("none") == pytest.approx(0.5 * WIDTH * HEIGHT * 25 / 1000)
    assert target("stream") < 0.5 * target("none")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"bandwidth": 0}, "greater than 0"),
        ({"codec": "vp9"}, "h264"),
        ({"bitrate": "fast"}, "bits per second"),
        ({"mask": "head"}, "coder: neural"),
        ({"mode": "simulate"}, "coder: neural"),
        ({"share": "uplink"}, "`bitrate`"),
        ({"adapt": "stream", "floor": 30}, "a quality is asked for"),
        ({"quantiser": 52}, "less than or equal to 51"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_said(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Codec(**fields)


def test_two_streams_of_one_name_share_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    one = Stand(bitrate="600k", share="uplink")
    alone = readings_of(one.several(1)[0]).target_kbps
    other = Stand(bitrate="600k", share="uplink", weight=2.0)
    shared = readings_of(one.several(16)[-1]).target_kbps
    other.stage.close()
    again = readings_of(one.several(16)[-1]).target_kbps
    one.stage.close()
    assert (alone, shared, again) == pytest.approx((600, 200, 600))


def test_what_changes_by_itself_says_which_fields_those_are() -> None:
    expected = {"bandwidth", "bitrate", "floor", "quantiser", "background", "prefilter", "link", "report_every"}
    assert set(Codec.live_fields()) == expected


def test_planes_of_frames_are_only_kept_for_who_looks_at_them() -> None:
    assert Codec().recalls == ()
    assert Codec(adapt="stream").recalls == ("delivered",)


def test_a_coder_that_cannot_be_had_is_said_at_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(SetupError):
        Codec(coder="neural", log=None).setup(SPEC)
