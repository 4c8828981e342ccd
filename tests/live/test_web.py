"""What comes over HTTP: motion JPEG, HLS, whole films; and what a playlist may not do."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import pytest

from pipeline.errors import SetupError
from stages.ingest.stream import Stream
from tests.clips import make_clip, number_of, picture
from tests.live.servers import proxy
from tests.live.watching import Watched, watching
from tests.live.web import folder, jpeg, motion, write_hls


@cache
def numbered(number: int) -> bytes:
    return jpeg(picture(number % 200, 192, 128))


def stream(port: int, path: str = "video", **fields) -> Stream:
    return Stream(input=f"http://127.0.0.1:{port}/{path}", **{"check": False, **fields})


def numbers(watched: Watched, count: int) -> list[int]:
    return [number_of(watched.next().image) for _ in range(count)]


def test_motion_jpeg_comes_in_order_stamped_by_when_it_comes() -> None:
    with motion(numbered, rate=10) as port, watching(stream(port)) as watched:
        assert (watched.spec.width, watched.spec.height) == (192, 128)
        assert watched.opened_in < 2
        stamps, found = [], []
        for _ in range(15):
            frame = watched.next()
            stamps.append(frame.pts)
            found.append(number_of(frame.image))
        assert found == list(range(found[0], found[0] + 15))
        assert (stamps[-1] - stamps[0]) / 90000 == pytest.approx(1.4, abs=0.3), "not at a rate that nobody has told"


def test_half_a_jpeg_is_left_out_and_the_stream_goes_on() -> None:
    def torn(number: int) -> bytes:
        data = numbered(number)
        return data[: len(data) // 2] if number % 5 == 3 else data

    with motion(torn, rate=25) as port, watching(stream(port, check=True)) as watched:
        whole = []
        while len(whole) < 30:
            frame = watched.next()
            if not frame.rejected:
                whole.append(number_of(frame.image))
        assert not [number for number in whole if number % 5 == 3], "no half picture passes for a whole one"
        assert whole == sorted(set(whole))
        assert len(whole) > (whole[-1] - whole[0]) * 0.7, "all others come"


def test_a_dropped_connection_is_made_anew() -> None:
    with motion(numbered) as port, proxy(port) as between, watching(stream(between.port)) as watched:
        before = numbers(watched, 5)
        begun = time.monotonic()
        between.drop(reset=True)
        while not watched.context.counts["reconnects"]:
            watched.next()
        assert time.monotonic() - begun < 3
        assert numbers(watched, 1)[0] > before[-1]


def test_a_path_that_is_not_there_is_told_at_once() -> None:
    with motion(numbered) as port, pytest.raises(SetupError, match=r"\(404\)"):
        stream(port, "attic").open()


def test_a_broadcast_by_playlist_is_shown_at_its_own_speed(tmp_path: Path) -> None:
    write_hls(tmp_path / "live.m3u8", [picture(n, 192, 128) for n in range(150)], ends=False)
    with folder(tmp_path) as port, watching(stream(port, "live.m3u8")) as watched:
        assert watched.spec.live
        found = numbers(watched, 1)
        begun = time.monotonic()
        found += numbers(watched, 25)
        assert found == list(range(found[0], found[0] + 26)), "none is passed over, though they come all at once"
        assert time.monotonic() - begun == pytest.approx(1.0, abs=0.5)


def test_a_playlist_with_an_end_ends_the_run(tmp_path: Path) -> None:
    write_hls(tmp_path / "film.m3u8", [picture(n, 192, 128) for n in range(40)])
    with folder(tmp_path) as port, watching(stream(port, "film.m3u8")) as watched:
        assert numbers(watched, 35) == list(range(1, 36)), "the first one only told what would come"
        assert watched.is_over()


def test_a_film_over_http_is_shown_at_its_own_speed_and_ends(tmp_path: Path) -> None:
    make_clip(tmp_path / "film.mp4", [picture(n, 192, 128) for n in range(40)], container_options={})
    with folder(tmp_path) as port, watching(stream(port, "film.mp4")) as watched:
        begun = time.monotonic()
        assert len(numbers(watched, 25)) == 25
        assert time.monotonic() - begun > 0.7
        assert watched.is_over()


@pytest.mark.parametrize("what", ["file", "picture", "concat"])
def test_nothing_over_the_network_opens_a_file_of_this_machine(tmp_path: Path, what: str) -> None:
    secret = make_clip(tmp_path / "secret.ts", 30, container_options={})
    (tmp_path / "web").mkdir()
    playlist = {
        "file": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "picture": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile 'file:{secret}'\n",
    }[what]
    (tmp_path / "web" / "list.m3u8").write_text(playlist)
    with folder(tmp_path / "web") as port, pytest.raises(SetupError):
        stream(port, "list.m3u8", timeout=2, silence=1).open()


def test_what_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>no video here</html>")
    with folder(tmp_path) as port, pytest.raises(SetupError, match="nothing that can be read"):
        stream(port, "page.html", timeout=1).open()
