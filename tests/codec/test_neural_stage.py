"""The neural coder within the stage: its bytes are decoded, kept and read again; its head and its pretence work."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from models.codec_neural import NeuralDecoder
from pipeline.frame import Frame
from stages.codec import Codec
from stages.codec.packet import Packet
from stages.codec.readings import Readings
from stages.ingest import Auto
from stages.ingest.semantic import Semantic
from tests.codec.clips import middle, textured
from tests.codec.streams import SPEC, Stand, export, frames_of, give
from tests.codec.untrained import loaded

pytest.importorskip("constriction", reason="constriction is not installed")


@pytest.fixture(autouse=True)
def _untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("models.codec_neural", "models.codec_loading"):
        monkeypatch.setattr(f"{module}.load", lambda *_, **__: loaded())


def packet_of(frame: Frame) -> Packet:
    found = Packet.of(frame.planes["coded"])
    assert found is not None
    return found


def test_what_is_shown_is_what_another_decoder_makes_of_the_bytes_alone() -> None:
    stand, decoder = Stand(coder="neural", quantiser=30, key_every=0.12), NeuralDecoder(loaded=loaded())
    frames = [stand.code(textured(at)) for at in range(5)]
    assert [packet_of(frame).kind for frame in frames] == ["semantic"] * 5
    assert [packet_of(frame).key for frame in frames] == [True, False, False, True, False]
    for frame in frames:
        assert np.array_equal(frame.clean, decoder.decode(packet_of(frame).data))


def test_its_bytes_are_kept_in_a_file_that_is_an_input(tmp_path: Path) -> None:
    stand, sink = Stand(coder="neural", quantiser=30), export(tmp_path / "o.sem")
    shown = []
    for at in range(4):
        frame = stand.code(textured(at))
        give(sink, at, packet_of(frame))
        shown.append(frame.clean.copy())
    sink.finish()
    assert Auto.pick(str(tmp_path / "o.sem")) is Semantic
    source = Semantic(input=str(tmp_path / "o.sem"))
    source.open()
    for _, known in zip(frames_of(source), shown, strict=True):
        assert np.array_equal(source.frame.image, known)
    source.close()
    assert not source.context.errors


def test_after_a_crash_it_goes_on_with_a_key_picture() -> None:
    stand = Stand(coder="neural", quantiser=30)
    stand.code(textured(0))
    stand.code(textured(1), commit=False)
    stand.begin()
    again = packet_of(stand.code(textured(1)))
    assert (again.key, again.number) == (True, 1)


def test_its_own_head_says_where_the_region_is_and_needs_no_stage_before() -> None:
    stage = Codec(coder="neural", mask="head")
    assert stage.reads == ("image",)
    assert "mask" in stage.writes
    stand = Stand(coder="neural", mask="head", quantiser=30)
    frame = stand.code(textured(0))
    assert set(np.unique(frame.mask)) <= {0, 255}
    assert Readings.of(frame.planes["readings"]).share == pytest.approx((frame.mask > 0).mean(), abs=1e-6)


def test_what_is_only_pretended_has_noise_outside_and_no_bits(tmp_path: Path) -> None:
    stand = Stand(coder="neural", mode="simulate", log=str(tmp_path))
    frame = stand.code(textured(0))
    found = Readings.of(frame.planes["readings"])
    assert Packet.of(frame.planes["coded"]) is None
    assert all(math.isnan(one) for one in (found.kbps, found.bytes, found.region_quantiser, found.target_kbps))
    assert found.ratio == pytest.approx(0.1)
    assert found.region_psnr > found.background_psnr
    stand.stage.close()
    (path,) = tmp_path.iterdir()
    with path.open() as file:
        (row,) = csv.DictReader(file)
    assert math.isnan(float(row["bitrate_kbps"]))
    assert float(row["face_psnr"]) > float(row["background_psnr"])


def test_a_size_that_no_stream_has_is_said_at_set_up() -> None:
    from pipeline.errors import SetupError

    spec = SPEC.model_copy(update={"width": 16000, "height": 16})
    with pytest.raises(SetupError, match="16000x16"):
        Codec(coder="neural", log=None).setup(spec)


def test_the_mask_of_the_stages_before_steers_its_quality() -> None:
    frame = Stand(coder="neural", quantiser=12, background=30).code(textured(0), middle())
    found = Readings.of(frame.planes["readings"])
    assert found.region_psnr > found.background_psnr + 1


def test_how_long_a_picture_may_take_is_found_out_before_the_first() -> None:
    assert Stand(coder="neural").stage.context.slowest_step > 0
    assert Stand(coder="roi").stage.context.slowest_step == 0
