"""Hardware encoders: none is believed that was not tried, and what none can do is done in software and said."""

import os
from dataclasses import replace

import pytest

from pipeline.errors import SetupError
from stages.output import hardware
from stages.output.codecs import CODECS as CODEC_TABLE
from stages.output.codecs import Codec
from stages.output.hardware import hardware_encoders
from tests.sinks import SPEC, opened, write


def test_hardware_that_is_not_there_is_an_error_with_its_reason_where_it_was_asked_for(tmp_path):
    if not hardware_encoders()["h264_nvenc"]:
        pytest.skip("this machine has one")
    with pytest.raises(SetupError, match=r"hardware: nvenc: .{9,}; take another one, or hardware=off"):
        opened(tmp_path / "o.mkv", hardware="nvenc")
    assert os.listdir(tmp_path) == []


def test_hardware_encoders_are_listed_with_the_reason_that_each_does_not_work():
    found = hardware_encoders()
    assert {"h264_nvenc", "hevc_qsv", "h264_amf", "h264_v4l2m2m"} <= found.keys()
    assert all("\n" not in why for why in found.values())


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_auto_falls_back_to_software_and_says_why(tmp_path, monkeypatch, codec):
    monkeypatch.setattr(hardware, "probe", lambda encoding: "no driver")
    sink = opened(tmp_path / "o.mkv", codec=codec, hardware="auto")
    (note,) = sink.context.notes
    assert note.startswith(f"no hardware encoder works for {codec}, it is encoded in software (nvenc: ")
    assert ("nvenc: no driver" in note) == (codec == "h264")
    write(sink, range(2))
    assert sink.finish()["frames"] == 2


def fake(**changes) -> Codec:
    """A hardware encoder as far as this machine can have one."""
    return replace(CODEC_TABLE["h264"], odd_pixels="", **changes)


def test_auto_takes_the_first_one_that_works(tmp_path, monkeypatch):
    broken = fake(encoder="h264_v4l2m2m", options={}, crf=(1, 51))
    monkeypatch.setattr(hardware, "HARDWARE", {"nvenc": {"h264": broken}, "qsv": {"h264": fake()}})
    sink = opened(tmp_path / "o.mkv", hardware="auto", crf=20)
    assert sink.context.notes == []
    assert sink._encoding.codec.odd_pixels == ""
    assert sink._encoding.settings == {"crf": "20"}
    write(sink, range(3))
    assert sink.finish()["frames"] == 3


def test_an_encoder_that_holds_pictures_back_counts_as_not_working(tmp_path, monkeypatch):
    slow = fake(options={"preset": "veryfast"})
    monkeypatch.setattr(hardware, "HARDWARE", {"nvenc": {"h264": slow}})
    with pytest.raises(SetupError, match="nvenc: libx264: gave 0 packets for one picture"):
        opened(tmp_path / "o.mkv", hardware="nvenc")


def test_hardware_that_takes_no_odd_sizes_leaves_them_to_software(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "HARDWARE", {"nvenc": {"h264": fake()}})
    spec = SPEC.model_copy(update={"width": 97})
    sink = opened(tmp_path / "o.mkv", spec, hardware="auto")
    assert "takes no pictures of 97x64, only even sizes" in sink.context.notes[0]
    assert sink._encoding.codec is CODEC_TABLE["h264"]


def test_hardware_keeps_to_a_bit_rate_in_its_own_way(tmp_path, monkeypatch):
    monkeypatch.setattr(
        hardware, "HARDWARE", {"nvenc": {"h264": fake(rated={"b": "", "crf": "-1", "nal-hrd": "none"})}}
    )
    sink = opened(tmp_path / "o.mkv", hardware="nvenc", bitrate="2M")
    assert sink._encoding.settings == {"crf": "-1", "nal-hrd": "none", "b": "2M"}
    with pytest.raises(SetupError, match="must be left out where crf is given"):
        opened(tmp_path / "p.mkv", hardware="nvenc", bitrate="2M", crf=20)


def test_hardware_without_alpha_leaves_it_to_software(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "HARDWARE", {"nvenc": {"ffv1": fake()}})
    sink = opened(tmp_path / "o.mkv", hardware="auto", codec="ffv1", view="cutout")
    assert "holds no alpha" in sink.context.notes[0]
    assert sink._encoding.format == "bgra"


def test_a_wish_that_hardware_cannot_follow_leaves_it_to_software(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "HARDWARE", {"v4l2m2m": {"h264": fake(crf=None)}})
    sink = opened(tmp_path / "o.mkv", hardware="auto", crf=20)
    assert "has no such quality scale" in sink.context.notes[0]
    with pytest.raises(SetupError, match="has no such quality scale"):
        opened(tmp_path / "p.mkv", hardware="v4l2m2m", crf=20)
