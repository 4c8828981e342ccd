"""What is raw of a session that protects: nothing that can be had from the page, and nothing that outlives it."""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.frame import FrameSpec, Image
from pipeline.reading import read_yaml, shipped
from pipeline.web.orders import Outlet, assembled
from pipeline.web.originals import MARK, Originals
from pipeline.web.settings import Limits, ServeSettings
from pipeline.web.sweeping import sweep
from stages.output.still import Still
from tests.clips import make_clip
from tests.waiting import wait_until
from tests.web.served import COVER, FOUND, Program, Served, toy
from tests.web.toys import BOXES

WIDTH, HEIGHT = 320, 180
MAGENTA = (255, 0, 255)
SECRETS = (b"SecretCam", b"+48.1000+011.5000/", b"my street")


def secret() -> Image:
    """Grey, with magenta well inside of what is covered."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for x0, y0, x1, y1 in BOXES.values():
        image[int(y0 * HEIGHT) + 8 : int(y1 * HEIGHT) - 8, int(x0 * WIDTH) + 8 : int(x1 * WIDTH) - 8] = MAGENTA
    return image


def shows(image: Image) -> int:
    """How many of its pixels are more or less magenta."""
    blue, green, red = (image[..., at].astype(int) for at in range(3))
    return int(((blue - green > 60) & (red - green > 60)).sum())


def pictures(data: bytes) -> list[Image]:
    """All of a file, or of one JPEG."""
    with av.open(io.BytesIO(data), "r") as container:
        return [frame.to_ndarray(format="bgr24").astype(np.uint8) for frame in container.decode(video=0)]


def photo(path: Path) -> Path:
    """A JPEG of the secret with EXIF: a maker, a place, and a thumbnail of the secret."""
    whole, small = (Still("jpg", FrameSpec(width=w, height=h), 90).encode(secret()[:h, :w]) for w, h in SIZES)
    entry = struct.Struct(">HHII").pack
    maker, place = b"SecretCam\0", struct.pack(">6I", 48, 1, 6, 1, 0, 1)
    second = 8 + 2 + 2 * 12 + 4  # where the place's own table begins
    third = second + 2 + 2 * 12 + 4
    values = third + 2 + 2 * 12 + 4
    tiff = b"MM\0*" + struct.pack(">I", 8)
    tiff += struct.pack(">H", 2) + entry(0x10F, 2, len(maker), values) + entry(0x8825, 4, 1, second)
    tiff += struct.pack(">I", third)
    tiff += struct.pack(">H", 2) + entry(1, 2, 2, 0x4E000000) + entry(2, 5, 3, values + len(maker)) + bytes(4)
    at = values + len(maker) + len(place)
    tiff += struct.pack(">H", 2) + entry(0x201, 4, 1, at) + entry(0x202, 4, 1, len(small)) + bytes(4)
    tiff += maker + place + small
    exif = b"Exif\0\0" + tiff
    path.write_bytes(whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:])
    return path


SIZES = ((WIDTH, HEIGHT), (160, 120))


def film(path: Path) -> Path:
    """A video of the secret that says where and with what it was taken."""
    plain = make_clip(path.with_name("plain.mp4"), [secret()] * 20, rate=Fraction(25), options={"crf": "10"})
    with av.open(str(plain)) as given, av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as made:
        made.metadata.update({"location": SECRETS[1].decode(), "make": "SecretCam", "title": "my street"})
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("kept")
    with Served(folder, "--pipeline", toy(folder, FOUND, COVER, name="private", fail="closed")) as served:
        yield served


def upload(program: Program, path: Path) -> dict[str, Any]:
    said = program.post("/api/uploads", content=path.read_bytes(), headers={"X-Filename": path.name})
    assert said.status_code == 201, said.text
    return said.json()  # type: ignore[no-any-return]


def everything(*roots: Path) -> dict[Path, bytes]:
    """All files below."""
    return {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}


@pytest.mark.real
@pytest.mark.parametrize("make", [photo, film])
def test_an_upload_comes_back_covered_and_says_nothing_and_is_gone_with_its_session(
    served: Served, tmp_path: Path, make: Any
) -> None:
    given = make(tmp_path / ("a.jpg" if make is photo else "a.mp4"))
    raw = given.read_bytes()
    assert any(secret in raw for secret in SECRETS)
    assert shows(pictures(raw)[0])
    with served.newcomer() as program, served.newcomer() as stranger:
        sent = upload(program, given)
        session = program.begin("private", {"kind": "upload", "id": sent["id"]})
        path = f"/api/sessions/{session['id']}"
        assert program.await_state(session["id"], "ended", "failed")["state"] == "ended"
        for who in (program, stranger):
            assert who.get(f"/api/uploads/{sent['id']}").status_code in (404, 405)
            assert who.get(f"/api/uploads/{sent['id']}/video.mp4").status_code == 404
        assert stranger.get("/api/uploads").json() == []
        (file,) = program.get(f"{path}/files").json()
        result = program.get(f"{path}/files/{file['name']}").content
        told = [program.get(f"{path}/{name}").content for name in ("report", "log", "files")] + [
            json.dumps(program.session(session["id"])).encode()
        ]
        assert not any(secret in data for secret in SECRETS for data in (result, *told))
        found = pictures(result)
        assert len(found) == (1 if make is photo else 20)
        assert not any(map(shows, found))
        assert shows(pictures(program.get(f"{path}/snapshot").content)[0]) == 0
        if make is photo:
            assert result.count(b"\xff\xd8\xff") == 0  # nor its thumbnail
        else:
            with av.open(str(_kept(tmp_path, result))) as container:
                assert not {"location", "make", "title", "com.apple.quicktime.location"} & container.metadata.keys()
        assert program.delete(path).status_code == 204
        assert program.get("/api/uploads").json() == []
        again = {"pipeline": "private", "source": {"kind": "upload", "id": sent["id"]}}
        assert program.post("/api/sessions", json=again).status_code == 404
    for name, data in everything(served.media, served.state).items():
        assert not any(secret in data for secret in SECRETS), name
        assert raw[2000:2100] not in data, name


def _kept(folder: Path, data: bytes) -> Path:
    path = folder / "result.mp4"
    path.write_bytes(data)
    return path


@pytest.mark.real
def test_what_is_seen_streamed_and_recorded_of_a_camera_is_covered_and_no_still_of_it_is_shown(served: Served) -> None:
    def covered(image: Image) -> bool:
        height, width = image.shape[:2]
        return all(
            image[int(y0 * height) + 4 : int(y1 * height) - 4, int(x0 * width) + 4 : int(x1 * width) - 4].min() > 235
            for x0, y0, x1, y1 in BOXES.values()
        )

    with served.newcomer() as program:
        source = {"kind": "camera", "address": "cam:test"}
        looked = program.post("/api/probe", json={"source": source}).json()
        assert (looked["still"], looked["hidden"], looked["width"] > 0) == (None, True, True)
        ident = program.begin("private")["id"]
        path = f"/api/sessions/{ident}"
        program.await_state(ident, "running")
        with program.page(ident, views=["result", "input", "mask", "overlay"]) as page:
            page.picture()
            assert program.post(f"{path}/record", json={"on": True}).is_success
            assert all(covered(pictures(jpeg)[0]) for _ in range(5) for jpeg in page.picture()[1].values())
        assert covered(pictures(program.get(f"{path}/snapshot").content)[0])
        assert program.post(f"{path}/record", json={"on": False}).is_success

        def recorded() -> list[dict[str, Any]]:
            return [one for one in program.get(f"{path}/files").json() if one["complete"]]

        wait_until(lambda: bool(recorded()))
        frames = pictures(program.get(f"{path}/files/{recorded()[0]['name']}").content)
        assert frames
        assert all(map(covered, frames))


def test_every_shipped_pipeline_that_protects_leaves_behind_what_tells_who_where_and_when(tmp_path: Path) -> None:
    file = Outlet(name="output", output=str(tmp_path / "x.mp4"), as_configured=True)
    closed = [name for name in shipped() if read_yaml(name)[1].get("fail") == "closed"]
    assert len(closed) >= 4
    for name in [*closed, toy(tmp_path, FOUND, COVER, name="silent", fail="closed")]:
        kept = assembled(read_yaml(name)[1], {}, (file,))["stages"][-1]["with"]
        assert {kept[what] for what in ("subtitles", "data", "attachments", "chapters", "metadata")} == {"drop"}, name


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "video.mp4").write_text("x")
    return folder


def test_an_upload_goes_with_the_last_session_that_holds_it(tmp_path: Path) -> None:
    originals, first, second = Originals(), put(tmp_path / "1"), put(tmp_path / "2")
    originals.renew("a", first, protected=True)
    originals.renew("b", first, protected=True)
    originals.renew("c", second, protected=False)
    originals.let_go("c")
    assert second.exists()  # nobody protects anybody in it
    originals.let_go("a")
    assert first.exists()
    originals.renew("b", first, protected=False)  # the session goes on with a pipeline that protects nobody
    assert first.exists()
    originals.renew("b", second, protected=True)
    assert not first.exists()
    originals.let_go("b")
    assert not second.exists()


def test_what_a_killed_server_left_is_swept_at_once_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    settings = ServeSettings(media=tmp_path, limits=Limits(keep_seconds=3600))
    folder = put(tmp_path / ("a" * 64) / "uploads" / "1")
    originals = Originals()
    originals.renew("a", folder, protected=True)
    assert (folder / MARK).exists()
    assert sweep(settings, ()) == []
    os.close(originals._locks.pop(folder))  # as the kernel does
    assert sweep(settings, ()) == [folder]
    assert not folder.exists()
