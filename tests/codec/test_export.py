"""The export: the coder's own bytes, played anywhere; they survive the death of the sink and of the codec."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import RunError, SetupError
from pipeline.frame import FrameSpec
from stages.codec.delivery import Delivery
from stages.codec.packet import Packet
from stages.codec.publishing import FORMS, lasting
from stages.codec.records import Record, read_head, read_records
from stages.codec.roi_decoder import RoiDecoder
from tests.codec.clips import textured
from tests.codec.streams import SPEC, Stand, coded, export, give

PLAYED = [".mp4", ".mov", ".mkv", ".ts", ".h264"]


def pictures_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="gray") for frame in box.decode(video=0)]


def packets_of(path: Path) -> list[tuple[Fraction, Fraction, bool]]:
    with av.open(str(path)) as box:
        found = [one for one in box.demux(video=0) if one.size]
        return [(one.pts * one.time_base, (one.duration or 0) * one.time_base, one.is_keyframe) for one in found]


def records_of(path: Path) -> list[Record]:
    with path.open("rb") as file:
        read_head(file)
        return list(read_records(file))


@pytest.fixture(scope="module")
def packets() -> list[Packet]:
    return coded(12)


@pytest.mark.parametrize("ending", PLAYED)
def test_a_file_holds_every_picture_as_the_decoder_of_the_codec_makes_it(
    tmp_path: Path, packets: list[Packet], ending: str
) -> None:
    output = tmp_path / f"o{ending}"
    sink = export(output)
    for at, packet in enumerate(packets):
        give(sink, at, packet)
    facts = sink.finish()
    sink.close()
    assert (facts["frames"], facts["bytes"]) == (12, output.stat().st_size)
    assert not list(tmp_path.glob("*.part*"))
    decoder = RoiDecoder("h264")
    found = pictures_of(output)
    assert len(found) == 12
    for packet, picture in zip(packets, found, strict=True):
        import cv2

        ours = cv2.cvtColor(decoder.decode(packet.data), cv2.COLOR_BGR2GRAY).astype(int)
        assert np.abs(ours - picture).mean() < 12  # grey of full range and luma of limited range


@pytest.mark.parametrize("ending", [one for one in FORMS if one != ".webm"])
def test_times_lengths_and_key_pictures_are_kept(tmp_path: Path, packets: list[Packet], ending: str) -> None:
    output = tmp_path / f"o{ending}"
    sink = export(output)
    for at, packet in enumerate(packets):
        give(sink, at + 100, packet)
    sink.finish()
    found = packets_of(output)
    begin = found[0][0]
    assert [pts - begin for pts, _, _ in found] == pytest.approx([at / 25 for at in range(12)], abs=0.002)
    assert [key for _, _, key in found] == [packet.key for packet in packets]


def test_a_sem_file_holds_the_very_bytes(tmp_path: Path, packets: list[Packet]) -> None:
    output = tmp_path / "o.sem"
    sink = export(output)
    for at, packet in enumerate(packets):
        give(sink, at, packet)
    sink.finish()
    found = records_of(output)
    assert [record.data for record in found] == [packet.data for packet in packets]
    assert [record.number for record in found] == list(range(12))


@pytest.mark.parametrize("ending", [".mp4", ".sem"])
@pytest.mark.parametrize("torn", [0, 1, 40, 100_000])
@pytest.mark.parametrize("committed", [0, 1, 6])
def test_a_killed_export_goes_on_as_if_nothing_had_been(
    tmp_path: Path, packets: list[Packet], committed: int, torn: int, ending: str
) -> None:
    output = tmp_path / f"o{ending}"
    sink, part = export(output), tmp_path / f"o{ending}.part"
    sizes = [part.stat().st_size]
    for at, packet in enumerate(packets[:8]):
        give(sink, at, packet)
        sizes.append(part.stat().st_size)
    sink.close()
    with part.open("r+b") as file:
        file.truncate(min(sizes[committed] + torn, sizes[-1]))
    again = export(output, resume=committed)
    for at in range(committed, 12):
        give(again, at, packets[at])
    again.finish()
    assert not again.context.errors
    if ending == ".sem":
        assert [record.data for record in records_of(output)] == [packet.data for packet in packets]
    else:
        assert len(pictures_of(output)) == 12


def test_a_finished_export_may_be_finished_again_by_a_successor(tmp_path: Path, packets: list[Packet]) -> None:
    output = tmp_path / "o.mp4"
    sink = export(output)
    for at, packet in enumerate(packets):
        give(sink, at, packet)
    sink.finish()
    before = output.read_bytes()
    again = export(output, resume=12)
    assert again.finish()["bytes"] == len(before)
    again.close()
    assert output.read_bytes() == before


def test_a_part_that_is_gone_is_said_and_not_begun_anew(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is gone, and with it 5 pictures"):
        export(tmp_path / "o.mp4", resume=5)


def test_what_an_interrupted_run_left_is_kept_aside(tmp_path: Path, packets: list[Packet]) -> None:
    sink = export(tmp_path / "o.mp4")
    give(sink, 0, packets[0])
    sink.close()
    left = (tmp_path / "o.mp4.part").read_bytes()
    export(tmp_path / "o.mp4").close()
    assert (tmp_path / "o.mp4.part.old").read_bytes() == left


def test_a_run_without_a_picture_leaves_nothing(tmp_path: Path) -> None:
    sink = export(tmp_path / "o.mp4")
    sink.finish()
    sink.close()
    assert not list(tmp_path.iterdir())


def test_after_the_codec_s_death_the_stream_goes_on_with_a_key_picture(tmp_path: Path) -> None:
    stand, output = Stand(quantiser=30, key_every=10.0), tmp_path / "o.mp4"
    sink = export(output)
    for at in range(10):
        if at == 6:
            stand.code(textured(at), commit=False)
            stand.begin()
        give(sink, at, Packet.of(stand.code(textured(at)).planes["coded"]))
    sink.finish()
    assert [key for _, _, key in packets_of(output)] == [at in (0, 6) for at in range(10)]
    assert len(pictures_of(output)) == 10
    assert not sink.context.errors


def test_after_a_picture_that_never_came_nothing_is_exported_until_the_next_key_picture(
    tmp_path: Path, packets: list[Packet]
) -> None:
    sink = export(tmp_path / "o.mp4")
    for at, packet in enumerate(packets):
        if at != 2:
            give(sink, at, packet)
    sink.finish()
    key = next(packet.number for packet in packets[3:] if packet.key)
    assert sum(sink.context.errors.values()) == key - 3
    assert len(pictures_of(tmp_path / "o.mp4")) == 12 - (key - 2)


def test_a_picture_that_was_not_coded_makes_the_one_before_last(tmp_path: Path, packets: list[Packet]) -> None:
    sink = export(tmp_path / "o.mp4")
    give(sink, 0, None, blank=True)
    for at, packet in enumerate(packets[:4]):
        give(sink, 2 * at + 1, packet)
        give(sink, 2 * at + 2, None, blank=True)
    sink.finish()
    found = packets_of(tmp_path / "o.mp4")
    assert [round(float(pts) * 25) for pts, _, _ in found] == [0, 2, 4, 6]
    assert [round(float(duration) * 25) for _, duration, _ in found] == [2, 2, 2, 2]


def test_lengths_reach_to_the_next_picture_and_to_the_end_of_what_was_not_coded() -> None:
    records = [Record(b"", 0, 1), Record(b"a", 3, 1), Record(b"", 4, 1), Record(b"b", 9, 2), Record(b"", 11, 4)]
    assert [(record.data, duration) for record, duration in lasting(iter(records))] == [(b"a", 6), (b"b", 6)]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("o.avi", "is none of"), ("o", "no ending"), ("gone/o.mp4", "there is no folder"),
        ("x" * 250 + ".mp4", "too long"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(SetupError, match=why):
        export(tmp_path / name)


def test_the_input_itself_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"precious")
    spec = FrameSpec(width=16, height=16, source=str(tmp_path / "in.mp4"))
    with pytest.raises(SetupError, match="the input itself"):
        export(tmp_path / "in.mp4", spec=spec)


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [("o.mp4", "semantic", "only .sem"), ("o.webm", "h264", "cannot hold h264"), ("o.h265", "h264", "holds h265")],
)
def test_a_file_that_cannot_hold_such_pictures_is_refused_at_the_first_one(
    tmp_path: Path, name: str, kind: str, why: str
) -> None:
    with pytest.raises(RunError, match=why):
        give(export(tmp_path / name), 0, Packet(b"abc", kind, True, 0))


def test_a_full_disk_is_an_error_of_the_run(tmp_path: Path, packets: list[Packet]) -> None:
    sink = export(tmp_path / "o.mp4")
    assert sink._growing is not None
    sink._growing.close()
    sink._growing._file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115 - the sink closes it
    with pytest.raises(RunError, match="No space left"):
        give(sink, 0, packets[0])
    sink._growing.close()


def test_with_no_output_it_counts_and_writes_nothing(
    tmp_path: Path, packets: list[Packet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sink = export("null:")
    for at, packet in enumerate(packets):
        give(sink, at, packet)
    assert sink.finish() == {"output": "null:", "frames": 12, "bytes": sum(len(packet.data) for packet in packets)}
    assert not list(tmp_path.iterdir())


def test_what_was_delivered_is_told_in_a_plane_of_its_own(packets: list[Packet]) -> None:
    sink = export("null:")
    frames = [give(sink, at, packet) for at, packet in enumerate(packets[:3])]
    assert Delivery.of(frames[-1].planes["delivered"]) == Delivery(sent=3)


@pytest.mark.parametrize("codec", ["h265"])
def test_h265_is_exported_as_well(tmp_path: Path, codec: str) -> None:
    sink = export(tmp_path / "o.mp4")
    for at, packet in enumerate(coded(4, codec=codec)):
        give(sink, at, packet)
    sink.finish()
    with av.open(str(tmp_path / "o.mp4")) as box:
        stream = box.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("hevc", SPEC.width, SPEC.height)
        assert len(list(box.decode(stream))) == 4
