"""Cutting: what comes out of a piece's own file is what the whole video gives there, byte for byte."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from pipeline.errors import CleanplateError, RunError
from tests.clips import MALFORMED, make_clip, needs, picture, read_all
from tests.jobs.films import check_cut, check_film, film_of, remuxed, segment_of

X264 = {"bf": "3", "g": "12"}
KINDS: dict[str, dict[str, str]] = {
    "B-frames": X264,
    "a pyramid of B-frames": {**X264, "x264-params": "b-pyramid=normal:bframes=4:ref=4"},
    "open groups": {**X264, "x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"},
    "one key frame": {"g": "999", "bf": "2"},
    "only key frames": {"g": "1", "bf": "0"},
    "intra refresh": {"bf": "0", "g": "12", "x264-params": "intra-refresh=1:keyint=12"},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_pieces_of_h264_are_copied_and_give_the_same_pictures(tmp_path: Path, options: dict[str, str]) -> None:
    check_film(film_of(make_clip(tmp_path / "a.mp4", 100, options=options), tmp_path / "cuts"), exact=True)


@pytest.mark.parametrize("params", ["open-gop=0", "open-gop=1", "open-gop=1:bframes=4:b-adapt=0"])
def test_pieces_of_h265_are_copied_and_give_the_same_pictures(tmp_path: Path, params: str) -> None:
    options = {"x265-params": f"log-level=none:keyint=12:min-keyint=12:pools=none:frame-threads=1:{params}"}
    clip = make_clip(tmp_path / "a.mp4", 80, codec="libx265", options=options)
    check_film(film_of(clip, tmp_path / "cuts"), exact=True)


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libsvtav1", "mpeg4", "mpeg2video", "ffv1"])
def test_pieces_of_other_codecs_are_copied_and_give_the_same_pictures(tmp_path: Path, codec: str) -> None:
    options = {"g": "12", "bf": "2"} if codec in ("mpeg4", "mpeg2video") else {"g": "12"}
    clip = make_clip(tmp_path / "a.mkv", 60, codec=codec, options=options, time_base=Fraction(1, 25))
    check_film(film_of(clip, tmp_path / "cuts"), exact=True)


def test_what_cannot_be_copied_is_refused_and_can_be_encoded_anew(tmp_path: Path) -> None:
    """NUT knows ProRes by a tag that the muxer does not get."""
    clip = make_clip(tmp_path / "a.mkv", 60, codec="prores_ks", pixels="yuv422p10le", time_base=Fraction(1, 25))
    film = film_of(clip, tmp_path / "cuts")
    with pytest.raises(RunError, match="cannot be written"):
        next(film.cuts())
    for piece in film.pieces:
        check_cut(film, film.cutter.recode(piece))


@pytest.mark.parametrize("ending", ["mkv", "mov", "ts", "nut", "flv"])
def test_the_container_makes_no_difference(tmp_path: Path, ending: str) -> None:
    clip = remuxed(make_clip(tmp_path / "a.mp4", 100, options=X264), tmp_path / f"b.{ending}")
    check_film(film_of(clip, tmp_path / "cuts"), exact=True)


def test_fragments_are_cut_as_well(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "a.mp4", 100, options=X264)
    clip = remuxed(whole, tmp_path / "b.mp4", options={"movflags": "frag_keyframe+empty_moov"})
    check_film(film_of(clip, tmp_path / "cuts"), exact=True)


@pytest.mark.parametrize("ending", ["avi", "h264", "mpg"])
def test_where_packets_do_not_say_when_they_are_shown_all_is_decoded_in_one_pass(tmp_path: Path, ending: str) -> None:
    clip = make_clip(tmp_path / f"a.{ending}", 100, options=X264, codec="mpeg2video" if ending == "mpg" else "libx264",
                     time_base=Fraction(1, 25))  # fmt: skip
    film = film_of(clip, tmp_path / "cuts")
    assert not film.index.copied
    check_film(film, exact=False)


def test_a_video_without_key_frames_for_minutes_is_encoded_anew(tmp_path: Path) -> None:
    """Each piece would have to be decoded from far away."""
    clip = make_clip(tmp_path / "a.mp4", 90, rate=Fraction(1), options={"g": "999"})
    film = film_of(clip, tmp_path / "cuts", 20, 3)
    assert not film.index.copied
    check_film(film, exact=False)


@pytest.mark.parametrize("tail", [1, 7, 500])
def test_a_tail_is_what_comes_behind(tmp_path: Path, tail: int) -> None:
    film = film_of(make_clip(tmp_path / "a.mp4", 100, options=X264), tmp_path / "cuts", tail=tail)
    assert film.pieces[0].tail == min(tail, 100 - film.pieces[0].frames)
    check_film(film, exact=True)
    for piece in film.pieces:
        cut = film.cutter.recode(piece)
        assert cut.piece == piece
        check_cut(film, cut)


@pytest.mark.parametrize("begin", [-12_800, -512, 1, 512, 100_000_000])
def test_time_stamps_may_begin_anywhere_below_zero_too(tmp_path: Path, begin: int) -> None:
    clip = make_clip(tmp_path / "a.nut", 60, options=X264, pts=[4 * begin + 2048 * i for i in range(60)],
                     time_base=Fraction(1, 51200))  # fmt: skip
    film = film_of(clip, tmp_path / "cuts")
    check_film(film, exact=True, least=2)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_pieces_are_turned_as_the_whole_is(tmp_path: Path, degrees: int) -> None:
    clip = make_clip(tmp_path / "a.mp4", 60, options=X264, rotation=degrees)
    film = film_of(clip, tmp_path / "cuts")
    assert film.spec.rotation == degrees % 360 or film.spec.rotation == -degrees % 360
    check_film(film, exact=True, least=2)


COLOURS = [
    {"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1},
    {"colorspace": 5, "color_range": 2, "color_primaries": 5, "color_trc": 6},
    {"colorspace": 6, "color_range": 1},
    {"color_range": 2},
]


@pytest.mark.parametrize("tags", COLOURS, ids=["BT.709", "BT.601 full", "BT.601", "full"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_colours_are_read_as_in_the_whole(tmp_path: Path, tags: dict[str, int], codec: str) -> None:
    clip = make_clip(tmp_path / "a.mp4", 60, codec=codec, tags=tags, options={"g": "12", "bf": "2"})
    film = film_of(clip, tmp_path / "cuts")
    check_film(film, exact=True, least=2)
    for piece in film.pieces:
        check_cut(film, film.cutter.recode(piece))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv422p10le", "yuvj420p", "nv12", "gray", "rgb24"])
def test_encoded_anew_the_pictures_are_the_same(tmp_path: Path, pixels: str) -> None:
    codec = "libx264rgb" if pixels == "rgb24" else "libx264"
    clip = make_clip(tmp_path / "a.mkv", 60, codec=codec, pixels=pixels, options=X264)
    film = film_of(clip, tmp_path / "cuts")
    for piece in film.pieces:
        cut = film.cutter.recode(piece)
        assert not cut.exact
        assert cut.piece == piece
        assert not cut.damage
        check_cut(film, cut)


@pytest.mark.parametrize("name", ["ok_av.mp4", "vfr.mp4", "audio_delay_400ms.mp4", "rotated90_flag.mp4", "hevc10.mp4",
                                  "vp9_opus.webm", "mjpeg_pcm.avi", "sar16_11.mp4", "odd_size_444.mp4"])  # fmt: skip
def test_files_from_the_wild_are_cut_and_encoded_anew_alike(tmp_path: Path, name: str) -> None:
    film = film_of(needs(MALFORMED / name), tmp_path / "cuts", 0.5, 0.2)
    check_film(film, exact=film.index.copied, least=1)
    for piece in film.pieces:
        check_cut(film, film.cutter.recode(piece))


def test_a_range_is_cut_as_it_is_read(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", 150, options=X264)
    film = film_of(clip, tmp_path / "cuts", source={"start": "1.3", "end": "4.9"})
    assert len(film.images) == 90
    check_film(film, exact=True)


def test_the_same_packets_have_the_same_hash_and_others_another_one(tmp_path: Path) -> None:
    """By it a segment is known again when the video has changed elsewhere."""
    calm = {"g": "12", "bf": "0", "qp": "20", "rc-lookahead": "0"}
    film = film_of(make_clip(tmp_path / "a.mp4", 100, options=calm), tmp_path / "cuts")
    first = [cut.sha256 for cut in film.cuts()]
    assert len(first) > 3
    assert first == [cut.sha256 for cut in film.cuts()]
    assert len(set(first)) == len(first)
    images = [picture(i) for i in range(100)]
    images[99][:] = 255
    other = film_of(make_clip(tmp_path / "b.mp4", images, options=calm), tmp_path / "more")
    again = [cut.sha256 for cut in other.cuts()]
    assert again[:2] == first[:2]
    assert again[-1] != first[-1]


def test_damage_is_decoded_over_and_counted(tmp_path: Path) -> None:
    """Of the piece where it is; what could be decoded comes out."""
    clip = make_clip(tmp_path / "a.mp4", 100, options={"bf": "0", "g": "12"})
    film = film_of(clip, tmp_path / "cuts")
    spoil(clip, 40)
    cuts = [film.cutter.recode(piece) for piece in film.pieces]
    assert [bool(cut.damage) for cut in cuts] == [piece.lead_from <= film.stamps[40] < (piece.stop or 1 << 60)
                                                  for piece in film.pieces]  # fmt: skip
    for cut in cuts:
        source = segment_of(film, cut)
        _, images, _ = read_all(source)
        assert len(images) == cut.piece.lead + cut.piece.frames
        assert not source.context.errors


def test_a_piece_of_which_nothing_can_be_decoded_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", 100, options={"bf": "0", "g": "12"})
    film = film_of(clip, tmp_path / "cuts")
    spoil(clip, *range(0, 100))
    with pytest.raises(CleanplateError):
        film.cutter.recode(film.pieces[1])
    assert list((tmp_path / "cuts").iterdir()) == []


def spoil(clip: Path, *pictures: int) -> None:
    """Overwrite most of the data of these pictures (no B-frames)."""
    with av.open(str(clip)) as box:
        places = [(packet.pos, packet.size) for packet in box.demux(video=0) if packet.size]
    with clip.open("r+b") as file:
        for at in pictures:
            position, size = places[at]
            file.seek(position + 5)
            file.write(b"\xa5" * (size - 5))
