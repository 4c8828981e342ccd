"""Files that are handed out: ranges, names that lead elsewhere, other owners' files; and what is swept."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.web.files import range_of
from pipeline.web.names import display_name, disposition
from pipeline.web.refusal import Refused
from pipeline.web.settings import Limits, ServeSettings
from pipeline.web.sweeping import sweep
from tests.web.guarded import Guarded

SESSION = "0123456789abcdef0123"
DATA = bytes(range(256)) * 2000


def made(home: Path) -> Path:
    """The folder of a session that has made a result, a recording, and something that is not finished."""
    folder = home / "sessions" / SESSION
    (folder / "recording").mkdir(parents=True, exist_ok=True)
    (folder / "clean-1.mp4").write_bytes(DATA)
    (folder / "clean-2.mp4.part").write_bytes(b"half")
    (folder / "recording" / "20260101T000000.000Z-000001.mp4").write_bytes(b"recorded")
    (folder / "recording" / "recording.index").write_text("{}")
    return folder


def test_results_and_recordings_are_listed_downloaded_and_deleted(server: Guarded) -> None:
    with server.owner() as client:
        made(server.folder(client))
        at = f"/api/sessions/{SESSION}/files"
        assert client.get(at).json() == [
            {"name": "clean-1.mp4", "bytes": len(DATA), "kind": "result", "complete": True},
            {"name": "clean-2.mp4", "bytes": 4, "kind": "result", "complete": False},
            {"name": "20260101T000000.000Z-000001.mp4", "bytes": 8, "kind": "recording", "complete": True},
        ]
        said = client.get(f"{at}/clean-1.mp4")
        assert said.content == DATA
        assert said.headers["content-type"] == "video/mp4"
        assert 'filename="clean-1.mp4"' in said.headers["content-disposition"]
        assert client.get(f"{at}/20260101T000000.000Z-000001.mp4").content == b"recorded"
        assert client.delete(f"{at}/clean-1.mp4").status_code == 204
        assert client.get(f"{at}/clean-1.mp4").status_code == 404
        for name in ("clean-2.mp4", "clean-2.mp4.part", "recording.index", "recording", "no.mp4"):
            assert client.get(f"{at}/{name}").status_code == 404, name
            assert client.delete(f"{at}/{name}").status_code == 404, name


@pytest.mark.fault("H12")
def test_files_are_their_owners_only(server: Guarded) -> None:
    with server.owner() as one, server.owner() as other:
        folder = made(server.folder(one))
        at = f"/api/sessions/{SESSION}/files"
        assert other.get(at).status_code == 404
        assert other.get(f"{at}/clean-1.mp4").status_code == 404
        assert other.delete(f"{at}/clean-1.mp4").status_code == 404
        assert (folder / "clean-1.mp4").exists()


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fowners.json", "%2e%2e", "%2fetc%2fpasswd", "..%5cx", "clean-1.mp4%00.txt", "link.mp4", "hole.mp4",
        "pipe.mp4", "a" * 300, ".hidden", "-rf", "clean-1.mp4%0d%0aX:1", "%252e%252e%252fowners.json",
        "recording%2f..%2fclean-1.mp4",
    ],
)  # fmt: skip
def test_no_name_of_a_file_leads_out_of_its_folder(server: Guarded, name: str) -> None:
    with server.owner() as client:
        folder = made(server.folder(client))
        (folder / "link.mp4").symlink_to(server.settings.media / "owners.json")
        (folder / "hole.mp4").symlink_to("/etc")
        os.mkfifo(folder / "pipe.mp4")
        at = f"/api/sessions/{SESSION}/files"
        for said in (client.get(f"{at}/{name}"), client.delete(f"{at}/{name}")):
            assert said.status_code in (400, 404), said.text
            assert b"owners" not in said.content
        assert (server.settings.media / "owners.json").exists()


@pytest.mark.fault("H6")
@pytest.mark.parametrize("ident", ["..", "%2e%2e", "..%2f..", "a" * 300, "%00", "uploads", "~root0000"])
def test_no_id_of_a_session_leads_out(server: Guarded, ident: str) -> None:
    with server.owner() as client:
        made(server.folder(client))
        assert client.get(f"/api/sessions/{ident}/files").status_code in (400, 404)
        assert client.get(f"/api/sessions/{ident}/files/owners.json").status_code in (400, 404)


def test_a_folder_that_is_a_link_is_not_followed(server: Guarded, tmp_path: Path) -> None:
    with server.owner() as client:
        home = server.folder(client) / "sessions"
        home.mkdir(parents=True)
        (tmp_path / "x.mp4").write_bytes(b"canary")
        (home / SESSION).symlink_to(tmp_path)
        said = client.get(f"/api/sessions/{SESSION}/files/x.mp4")
        assert said.status_code == 404
        assert b"canary" not in said.content


def test_a_range_brings_just_that(server: Guarded) -> None:
    with server.owner() as client:
        made(server.folder(client))
        at = f"/api/sessions/{SESSION}/files/clean-1.mp4"
        part = client.get(at, headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, DATA[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(DATA)}"
        assert client.get(at, headers={"Range": "bytes=-5"}).content == DATA[-5:]
        assert client.get(at, headers={"Range": f"bytes={len(DATA) - 3}-"}).content == DATA[-3:]
        tag = part.headers["etag"]
        assert client.get(at, headers={"Range": "bytes=0-0", "If-Range": tag}).status_code == 206
        assert client.get(at, headers={"Range": "bytes=0-0", "If-Range": '"old"'}).status_code == 200
        head = client.head(at)
        assert head.status_code in (200, 405)
        beyond = client.get(at, headers={"Range": f"bytes={len(DATA)}-"})
        assert beyond.status_code == 416
        assert beyond.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.fault("H11")
@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-0," * 2000, "bytes=0-1,2-3", "bytes=5-1", "bytes=a-b", "bytes=-", "pages=1-2",
        "bytes=" + "9" * 40 + "-", "bytes=--5",
    ],
)  # fmt: skip
def test_many_ranges_or_nonsense_bring_the_file_once(header: str) -> None:
    assert range_of(header, 1000) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=0-", 0), ("bytes=1000-", 1000), ("bytes=-0", 1000), ("bytes=-5", 0)]
)
def test_a_range_beyond_the_end_is_refused(header: str, size: int) -> None:
    with pytest.raises(Refused) as refused:
        range_of(header, size)
    assert refused.value.status == 416


@pytest.mark.fault("H6")
def test_the_name_of_a_download_cannot_become_a_header(tmp_path: Path) -> None:
    said = disposition('a"\r\nSet-Cookie: x=1;é😀/../b.mp4')
    assert said.isprintable()
    assert said.isascii()
    assert said.count('"') == 2
    assert "Set-Cookie:" not in said
    assert display_name("%E2%80%AEx/../../%0a.mp4") == "mp4"


def aged(path: Path, hours: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    when = (datetime.now(UTC) - timedelta(hours=hours)).timestamp()
    os.utime(path, (when, when))
    return path


def test_what_nobody_used_for_long_is_swept_and_nothing_else(tmp_path: Path) -> None:
    settings = ServeSettings(media=tmp_path, limits=Limits(keep_seconds=3600))
    owner, other = tmp_path / ("a" * 64), tmp_path / ("b" * 64)
    old = aged(owner / "uploads" / "1" / "video.mp4", 2)
    mixed = aged(owner / "sessions" / "2" / "old.mp4", 2)
    aged(owner / "sessions" / "2" / "new.mp4", 0.5)
    busy = aged(other / "sessions" / "3" / "x.mp4", 9)
    foreign = [aged(tmp_path / "mine" / "uploads" / "1" / "x", 9), aged(tmp_path / "holiday.mp4", 9)]
    foreign += [aged(owner / "else" / "4" / "x", 9), aged(owner / "uploads" / "loose", 9)]
    (owner / "uploads" / "link").symlink_to(tmp_path / "mine")
    assert sweep(settings, {"3"}) == [old.parent]
    assert not old.exists()
    assert all(path.exists() for path in (mixed, busy, *foreign))
    assert sweep(settings, ()) == [busy.parent]
    assert not other.exists(), "nothing was left in it, and its owner is not known"
