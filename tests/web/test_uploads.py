"""Uploads: what is kept, what is refused, and that nothing stays of the latter."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from tests.clips import make_clip
from tests.live.servers import answering
from tests.stills import still
from tests.waiting import wait_until
from tests.web.guarded import Guarded, guarded

NAMES = [
    "../../../etc/passwd",
    "..\\..\\x.mp4", "/etc/passwd", "C:\\x.mp4", "a\x00b.mp4", "a\nb.mp4", "a\x1b[31m.mp4", "....",
    "\u202egnp.exe",
    "CON", "-rf", ";$(id).mp4", "%03d.png", "http:", "x" * 5000 + ".mp4", "\ud83d\ude00.mp4", "na\xffme",
    "", ".", " ", "a\"b'; filename=c", "\u200b",
]  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4").read_bytes()


def send(client: httpx.Client, body: bytes | Iterator[bytes], name: str = "clip.mp4") -> httpx.Response:
    header = {"X-Filename": quote(name.encode("utf-8", "surrogatepass")), "Content-Type": "application/octet-stream"}
    return client.post("/api/uploads", content=body, headers=header)


def head_of(token: str, size: int) -> bytes:
    """The head of an upload, as it stands on the line."""
    lines = ("POST /api/uploads HTTP/1.1", "Host: localhost", f"Authorization: {token}", f"Content-Length: {size}")
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def kept(server: Guarded) -> list[Path]:
    """All files of all owners."""
    return [
        path for path in server.settings.media.rglob("*") if path.is_file() and path.parent != server.settings.media
    ]


def test_a_video_is_kept_listed_and_deleted(server: Guarded, clip: bytes) -> None:
    with server.owner() as client:
        said = send(client, clip, "Märchen & co.mp4")
        assert said.status_code == 201, said.text
        facts = said.json()
        assert (facts["name"], facts["bytes"], facts["kind"]) == ("Märchen & co.mp4", len(clip), "video")
        assert (facts["width"], facts["height"], facts["rate"], facts["frames"]) == (96, 64, 25, 30)
        assert facts["seconds"] == pytest.approx(1.2)
        assert client.get("/api/uploads").json() == [facts]
        for path in kept(server):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert client.delete(f"/api/uploads/{facts['id']}").status_code == 204
        assert client.get("/api/uploads").json() == []
        assert client.delete(f"/api/uploads/{facts['id']}").status_code == 404
    assert kept(server) == []


def test_a_picture_is_kept_as_one(server: Guarded) -> None:
    picture = still(np.full((40, 60, 3), 90, np.uint8))
    with server.owner() as client:
        facts = send(client, picture, "a.jpg").json()
        assert (facts["kind"], facts["width"], facts["height"], facts["frames"]) == ("image", 60, 40, 1)
        client.delete(f"/api/uploads/{facts['id']}")


@pytest.mark.fault("H6", "H13")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_no_name_leads_anywhere_or_looks_like_anything_else(server: Guarded, clip: bytes, name: str) -> None:
    before = set(server.settings.media.parent.rglob("*"))
    with server.owner() as client:
        facts = send(client, clip, name).json()
        shown = facts["name"]
        assert shown
        assert shown.isprintable()
        assert len(shown) <= 100
        assert not {"/", "\\", "\x00", "\u202e"} & set(shown)
        assert shown not in ("..", ".")
        made = [path for path in server.settings.media.parent.rglob("*") if path not in before and path.is_file()]
        assert sorted(path.name for path in made) == ["facts.json", "video.mp4"]
        client.delete(f"/api/uploads/{facts['id']}")


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    "ident", ["..", "%2e%2e", "..%2f..", "%00", "a" * 32, "a" * 5000, "facts.json", "*", "~", "%2fetc"]
)
def test_no_id_leads_anywhere(server: Guarded, ident: str) -> None:
    with server.owner() as client:
        canary = server.folder(client) / "canary"
        canary.parent.mkdir(exist_ok=True)
        canary.write_text("x")
        assert client.delete(f"/api/uploads/{ident}").status_code in (400, 404, 405)
        source = {"kind": "upload", "id": ident}
        begun = client.post("/api/sessions", json={"pipeline": "remove-people", "source": source})
        assert begun.status_code in (404, 422), begun.text
        assert canary.exists()
        canary.unlink()


@pytest.mark.fault("H12")
def test_an_upload_is_its_owners_only(server: Guarded, clip: bytes) -> None:
    with server.owner() as one, server.owner() as other:
        ident = send(one, clip).json()["id"]
        assert other.get("/api/uploads").json() == []
        assert other.delete(f"/api/uploads/{ident}").status_code == 404
        source = {"kind": "upload", "id": ident}
        assert other.post("/api/probe", json={"source": source}).status_code == 404
        assert other.post("/api/sessions", json={"pipeline": "remove-people", "source": source}).status_code == 404
        assert one.post("/api/probe", json={"source": source}).json()["width"] == 96
        one.delete(f"/api/uploads/{ident}")


def talkers(port: int, canary: Path) -> dict[str, bytes]:
    """Files that are no videos, but refer to others or to the network."""
    web = f"http://127.0.0.1:{port}/x.ts"
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT1S">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL>'
        '<SegmentList><SegmentURL media="x"/></SegmentList></Representation></AdaptationSet></Period></MPD>'
    )
    sdp = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    return {
        "HLS to the network": playlist.format(web).encode(),
        "HLS to a file": playlist.format(f"file://{canary}").encode(),
        "DASH": dash.format(web).encode(),
        "ffconcat to a file": f"ffconcat version 1.0\nfile '{canary}'\n".encode(),
        "ffconcat to a neighbour": b"ffconcat version 1.0\nfile facts.json\n",
        "SDP": sdp.encode(),
        "XSPF": f"<playlist><trackList><track><location>{web}</location></track></trackList></playlist>".encode(),
        "SVG": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{web}"/></svg>'.encode(),
        "RealMedia": f".RMF rtsp://127.0.0.1:{port}/x".encode(),
        "ASX": f'<asx version="3.0"><entry><ref href="{web}"/></entry></asx>'.encode(),
    }


@pytest.mark.fault("H8")
def test_a_file_that_refers_to_others_is_refused_and_nobody_is_called(server: Guarded, tmp_path: Path) -> None:
    canary = make_clip(tmp_path / "canary.mp4")
    os.utime(canary, ns=(1, 1))
    with answering() as (port, heard), server.owner() as client:
        for what, data in talkers(port, canary).items():
            for name in ("x.mp4", "x.m3u8"):
                said = send(client, data.ljust(4096, b"\n"), name)
                assert said.status_code == 415, (what, said.text)
        assert heard == []
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            visitor.sendall(b"hello")
        wait_until(lambda: heard == [b"hello"])
    assert os.stat(canary).st_atime_ns == 1, "nobody read it"
    assert kept(server) == []


@pytest.mark.fault("H8")
def test_a_film_that_keeps_its_pictures_in_another_file_is_refused(server: Guarded, tmp_path: Path) -> None:
    """MOV: a data reference that is not its own file."""
    canary = make_clip(tmp_path / "canary.mp4")
    whole = bytearray(canary.read_bytes())
    at = whole.index(b"url \x00\x00\x00\x01")
    whole[at : at + 8] = b"url \x00\x00\x00\x00"
    size = int.from_bytes(whole[at - 4 : at], "big")
    assert size == 12
    name = f"file://{canary}\0".encode()
    whole[at + 8 : at + 8] = name
    for kind, depth in (
        (b"url ", 4),
        (b"dref", 4),
        (b"dinf", 4),
        (b"minf", 4),
        (b"mdia", 4),
        (b"trak", 4),
        (b"moov", 4),
    ):
        found = whole.rindex(kind, 0, at + 4)
        grown = int.from_bytes(whole[found - depth : found], "big") + len(name)
        whole[found - depth : found] = grown.to_bytes(4, "big")
    film = bytes(whole[: whole.index(b"mdat") - 4] + whole[whole.index(b"moov") - 4 :])
    os.utime(canary, ns=(1, 1))
    with server.owner() as client:
        assert send(client, film).status_code == 415
    assert os.stat(canary).st_atime_ns == 1
    assert kept(server) == []


@pytest.mark.parametrize(
    "data", [b"x", b"<html>" * 100, bytes(5000), b"MZ" + bytes(3000), b"\x89PNG\r\n\x1a\n" + bytes(99)], ids=range(5)
)
def test_what_is_no_video_and_no_picture_does_not_stay(server: Guarded, data: bytes) -> None:
    with server.owner() as client:
        said = send(client, data, "film.mp4")
        assert said.status_code == 415
        assert said.json()["error"].startswith("film.mp4: no video or picture")
        assert str(server.settings.media) not in said.text
        assert send(client, b"").status_code == 400
    assert kept(server) == []


@pytest.mark.fault("H11")
def test_an_upload_that_is_too_large_is_refused_as_soon_as_that_is_known(tmp_path: Path, clip: bytes) -> None:
    with guarded(tmp_path, {"upload_bytes": len(clip)}) as server, server.owner() as client:
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            while sent < 100_000_000:
                sent += 65536
                yield bytes(65536)

        assert send(client, clip).status_code == 201
        assert send(client, clip + b"x").status_code == 413
        with contextlib.suppress(httpx.WriteError):  # it was still sending
            assert send(client, endless()).status_code == 413
        assert sent < 50_000_000
        wait_until(lambda: len(kept(server)) == 2)


@pytest.mark.fault("H11")
def test_an_owner_keeps_no_more_than_its_share(tmp_path: Path, clip: bytes) -> None:
    with guarded(tmp_path, {"owner_bytes": 2 * len(clip)}) as server, server.owner() as one, server.owner() as other:
        assert send(one, clip).status_code == 201
        said = send(one, clip)
        assert said.status_code == 413
        assert "delete" in said.text
        chunks = iter([clip])
        assert send(one, chunks).status_code == 413, "not announced, so noticed while it comes"
        assert send(other, clip).status_code == 201


@pytest.mark.fault("H11")
def test_the_disk_keeps_what_is_to_stay_free(tmp_path: Path, clip: bytes) -> None:
    with guarded(tmp_path, {"keep_free_bytes": 1 << 60}) as server, server.owner() as client:
        assert send(client, clip).status_code == 503
        assert kept(server) == []


@pytest.mark.fault("H11")
def test_so_many_uploads_at_once_and_what_breaks_off_does_not_stay(tmp_path: Path, clip: bytes) -> None:
    with guarded(tmp_path, {"uploads_each": 1}) as server, server.owner() as client:
        token = client.headers["Authorization"]
        head = head_of(token, len(clip))
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(head + clip[:100])
            wait_until(lambda: len(kept(server)) == 1)
            assert send(client, clip).status_code == 429
        wait_until(lambda: kept(server) == [])
        wait_until(lambda: send(client, clip).status_code == 201)


@pytest.mark.fault("H11")
def test_an_upload_that_falls_silent_or_trickles_is_ended(
    tmp_path: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.web.bodies.SILENCE_S", 0.3)
    with guarded(tmp_path) as server, server.owner() as client:
        token = client.headers["Authorization"]
        head = head_of(token, len(clip))
        assert server.raw(head + clip[:100]).split()[1] == b"408"
        monkeypatch.setattr("pipeline.web.bodies.BEGIN_S", 0)
        monkeypatch.setattr("pipeline.web.bodies.LEAST_RATE", 1e12)
        assert server.raw(head + clip).split()[1] == b"408"
        assert kept(server) == []
