"""Cutting: what comes out of a piece's own file is what the whole video gives there, byte for byte."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.clips import MALFORMED, make_clip, needs
from tests.jobs.films import check_cut, check_film, film_of, remuxed

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


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libsvtav1", "mpeg4", "mpeg2video", "ffv1", "prores_ks"])
def test_pieces_of_other_codecs_give_the_same_pictures(tmp_path: Path, codec: str) -> None:
    pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    options = {"g": "12", "bf": "2"} if codec in ("mpeg4", "mpeg2video") else {"g": "12"}
    clip = make_clip(tmp_path / "a.mkv", 60, codec=codec, pixels=pixels, options=options, time_base=Fraction(1, 25))
    film = film_of(clip, tmp_path / "cuts")
    check_film(film, exact=film.index.copied)


@pytest.mark.parametrize("ending", ["mkv", "mov", "ts", "nut", "flv"])
def test_the_container_makes_no_difference(tmp_path: Path, ending: str) -> None:
    clip = remuxed(make_clip(tmp_path / "a.mp4", 100, options=X264), tmp_path / f"b.{ending}")
    check_film(film_of(clip, tmp_path / "cuts"), exact=True)


def test_fragments_are_cut_as_well(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "a.mp4", 100, options=X264)
    clip = remuxed(whole, tmp_path / "b.mp4", options={"movflags": "frag_keyframe+empty_moov"})
    check_film(film_of(clip, tmp_path / "cuts"), exact=True)


def test_a_file_without_time_stamps_is_encoded_anew_without_loss(tmp_path: Path) -> None:
    """AVI with B-frames: packets do not say when they are shown."""
    clip = make_clip(tmp_path / "a.avi", 100, options=X264, time_base=Fraction(1, 25))
    film = film_of(clip, tmp_path / "cuts")
    assert not film.index.copied
    check_film(film, exact=False)


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
    clip = make_clip(tmp_path / "a.mp4", 100, options=X264)
    film = film_of(clip, tmp_path / "cuts")
    first = [cut.sha256 for cut in film.cuts()]
    assert first == [cut.sha256 for cut in film.cuts()]
    assert len(set(first)) == len(first)
    elsewhere = film_of(remuxed(clip, tmp_path / "b.mkv"), tmp_path / "more")
    assert len(elsewhere.pieces) == len(film.pieces)
