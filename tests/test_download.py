"""A file from the web is there at once and whole, or there is one line that says why not."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from models import download as module
from models import part
from models.base import ModelError
from models.download import Patience, copy, download
from tests.runs import ROOT
from tests.shelves import (
    CONTENT,
    Shelf,
    cut_after,
    endless,
    redirect,
    refuse,
    shelf,
    silent_after,
    whole,
    without_ranges,
)
from tests.waiting import wait_until

SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
HALF = len(CONTENT) // 2


class Clock:
    """Pauses that are only written down."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def patience(self, **changes: Any) -> Patience:
        return Patience(**{"silence": 5.0, "wait": self.pauses.append} | changes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return Clock()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "weights.pt"


def leave_part(target: Path, content: bytes, url: str, tag: str) -> None:
    """What a fetcher that died would have left."""
    target.parent.mkdir(parents=True)
    target.with_name("weights.pt.part").write_bytes(content)
    target.with_name("weights.pt.part.tag").write_text(json.dumps({"source": part.source_of(url), "tag": tag}))


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_comes_whole_and_leaves_nothing_beside_it(target: Path, clock: Clock) -> None:
    told: list[tuple[int, int]] = []
    with shelf() as server:
        found = download(
            server.url, target, checksum=SHA, size=len(CONTENT), progress=lambda *at: told.append(at),
            patience=clock.patience(),
        )  # fmt: skip
    assert target.read_bytes() == CONTENT
    assert f"sha256:{found}" == SHA
    assert left(target) == ["weights.pt"]
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert clock.pauses == []


def test_an_md5_is_a_checksum_too(target: Path, clock: Clock) -> None:
    wanted = hashlib.md5(CONTENT).hexdigest()
    with shelf() as server:
        assert download(server.url, target, checksum=f"md5:{wanted}", patience=clock.patience()) == wanted


def test_a_cut_connection_is_taken_up_where_it_broke(target: Path, clock: Clock) -> None:
    with shelf(cut_after(HALF), whole) as server:
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["", f"bytes={HALF}-"]
    assert clock.pauses == [1.0]


def test_what_is_left_of_a_download_does_not_hold_the_address(target: Path, clock: Clock) -> None:
    with shelf(*[cut_after(HALF)] * 5) as server, pytest.raises(ModelError):
        download(f"{server.url}?token=geheim", target, checksum=SHA, patience=clock.patience(tries=1))
    assert left(target) == ["weights.pt.part", "weights.pt.part.tag"]
    assert "geheim" not in target.with_name("weights.pt.part.tag").read_text()


def test_a_part_that_an_earlier_run_left_is_gone_on_from(target: Path, clock: Clock) -> None:
    with shelf() as server:
        leave_part(target, CONTENT[:HALF], server.url, server.tag)
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-"]
    assert left(target) == ["weights.pt"]


def test_a_part_that_was_whole_needs_no_request(target: Path, clock: Clock) -> None:
    with shelf() as server:
        leave_part(target, CONTENT, server.url, "")
        download(server.url, target, checksum=SHA, size=len(CONTENT), patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == []


def test_a_part_of_a_file_that_has_changed_is_not_gone_on_from(target: Path, clock: Clock) -> None:
    with shelf() as server:
        leave_part(target, b"x" * HALF, server.url, '"older"')
        download(server.url, target, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-"], "the server itself sees that the part is of another file"


def test_without_tag_and_checksum_a_part_is_worth_nothing(target: Path, clock: Clock) -> None:
    with shelf(tag="") as server:
        leave_part(target, b"x" * HALF, server.url, "")
        download(server.url, target, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [""]


def test_a_part_with_wrong_content_is_thrown_away_and_fetched_once_more(target: Path, clock: Clock) -> None:
    with shelf(tag="") as server:
        leave_part(target, b"x" * HALF, server.url, "")
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={HALF}-", ""]


def test_a_part_longer_than_the_file_is_thrown_away(target: Path, clock: Clock) -> None:
    with shelf(tag="") as server:
        leave_part(target, CONTENT + b"more", server.url, "")
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", ""]


def test_a_server_without_ranges_starts_again_from_the_beginning(target: Path, clock: Clock) -> None:
    with shelf(cut_after(HALF), without_ranges) as server:
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert len(server.ranges) == 2


def test_a_wrong_checksum_leaves_nothing_and_keeps_what_was_there(target: Path, clock: Clock) -> None:
    target.parent.mkdir()
    target.write_bytes(b"the old one")
    with shelf() as server, pytest.raises(ModelError, match=f"digest {SHA[7:]}, not {'0' * 64}") as caught:
        download(server.url, target, checksum=f"sha256:{'0' * 64}", patience=clock.patience())
    assert "\n" not in str(caught.value)
    assert target.read_bytes() == b"the old one"
    assert left(target) == ["weights.pt"]
    assert server.ranges == [""], "one answer without a seam that is wrong will be wrong again"


def test_a_wrong_checksum_after_a_seam_is_asked_for_once_more_and_no_more(target: Path, clock: Clock) -> None:
    with shelf(cut_after(HALF), whole) as server, pytest.raises(ModelError, match="another file"):
        download(server.url, target, checksum=f"sha256:{'0' * 64}", patience=clock.patience())
    assert server.ranges == ["", f"bytes={HALF}-", ""]


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_another_size_is_another_file_and_is_not_fetched(target: Path, clock: Clock, size: int) -> None:
    said = f"sends {len(CONTENT)} bytes, not the {size} bytes of the file that is wanted"
    with shelf() as server, pytest.raises(ModelError, match=said):
        download(server.url, target, checksum=SHA, size=size, patience=clock.patience())
    assert left(target) == []


def test_without_a_size_there_is_a_limit(target: Path, clock: Clock) -> None:
    with shelf() as server, pytest.raises(ModelError, match="not at most 1000 bytes"):
        download(server.url, target, limit=1000, patience=clock.patience())
    with shelf(endless) as server, pytest.raises(ModelError, match="larger than 1000 bytes"):
        download(server.url, target, limit=1000, patience=clock.patience())
    assert not target.exists()


def test_what_is_not_there_is_not_asked_for_again(target: Path, clock: Clock) -> None:
    with shelf(refuse(404)) as server, pytest.raises(ModelError, match=r"weights\.pt: the server said 404 Not Found"):
        download(server.url, target, patience=clock.patience())
    assert len(server.ranges) == 1
    assert left(target) == []


def test_a_server_that_is_busy_is_asked_again_when_it_says(target: Path, clock: Clock) -> None:
    with shelf(refuse(503, Retry_After="7"), refuse(429, Retry_After="9999"), refuse(500), whole) as server:
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert clock.pauses == [7.0, 60.0, 4.0]


def test_silence_is_a_cut(target: Path, clock: Clock) -> None:
    with shelf(silent_after(HALF), whole) as server:
        download(server.url, target, checksum=SHA, patience=clock.patience(silence=0.2))
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["", f"bytes={HALF}-"]


def test_a_trickle_is_a_cut(target: Path, clock: Clock) -> None:
    seconds = iter(range(0, 100_000, 1000))
    with shelf(cut_after(10), whole) as server:
        patience = clock.patience(clock=lambda: float(next(seconds)), tries=2)
        with pytest.raises(ModelError, match=r"only \d+ bytes in \d+ s, 2 times in a row"):
            download(server.url, target, checksum=SHA, patience=patience)


def test_in_the_end_it_gives_up_and_keeps_what_came(target: Path, clock: Clock) -> None:
    with shelf(cut_after(HALF), cut_after(0)) as server, pytest.raises(ModelError) as caught:
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert re.search(
        rf"ended after {HALF} of {len(CONTENT)} bytes, 5 times in a row; the {HALF} bytes", str(caught.value)
    )
    assert len(server.ranges) == 5
    assert clock.pauses == [1.0, 2.0, 4.0, 8.0]
    assert target.with_name("weights.pt.part").stat().st_size == HALF


def test_a_try_that_brings_much_is_no_failure(target: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRESS", 1000)
    with shelf(cut_after(len(CONTENT) // 20)) as server:
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert len(server.ranges) > 20


def test_nobody_there_is_one_line(target: Path, clock: Clock) -> None:
    with Shelf() as server:
        url = server.url
    with pytest.raises(ModelError, match=r"Connection refused, 5 times in a row$"):
        download(url, target, patience=clock.patience())


@pytest.mark.parametrize("url", ["http://example.org/a.pt", "ftp://example.org/a.pt", "file:///etc/passwd", "a.pt"])
def test_only_https_is_fetched_from(target: Path, url: str) -> None:
    with pytest.raises(ModelError, match="only https"):
        download(url, target)
    assert not target.parent.exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/a.pt", "https://127.0.0.1/a.pt"])
def test_a_redirection_to_another_scheme_is_not_followed(target: Path, clock: Clock, url: str) -> None:
    with shelf(redirect(url)) as server, pytest.raises(ModelError, match=r"leads on to|not allowed"):
        download(server.url, target, patience=clock.patience())


def test_a_redirection_to_another_machine_by_plain_http_is_not_followed(target: Path, clock: Clock) -> None:
    with shelf(redirect("http://example.org/a.pt")) as server, pytest.raises(ModelError, match="only https"):
        download(server.url, target, patience=clock.patience())


def test_a_redirection_is_followed_with_the_range(target: Path, clock: Clock) -> None:
    with shelf() as store:
        with shelf(redirect(store.url)) as server:
            leave_part(target, CONTENT[:HALF], server.url, store.tag)
            download(server.url, target, checksum=SHA, patience=clock.patience())
        assert store.ranges == [f"bytes={HALF}-"]
    assert target.read_bytes() == CONTENT


def test_redirections_that_never_end_are_given_up(target: Path, clock: Clock) -> None:
    with shelf(lambda asked: redirect(asked.server.url)(asked)) as server, pytest.raises(ModelError, match="302"):
        download(server.url, target, patience=clock.patience())
    assert len(server.ranges) < 20


def test_two_at_once_bring_one_file_with_one_request(target: Path, clock: Clock) -> None:
    looked = threading.Event()

    def wait(seconds: float) -> None:
        looked.set()
        server.open.wait(0.02)

    found: list[str] = []
    with shelf(silent_after(len(CONTENT) - 1), whole) as server:
        patience = clock.patience(wait=wait)
        job = {"checksum": SHA, "patience": patience}
        threads = [threading.Thread(target=lambda: found.append(download(server.url, target, **job))) for _ in range(2)]
        threads[0].start()
        wait_until(lambda: len(server.ranges) == 1, 10)
        threads[1].start()
        assert looked.wait(10), "the second one waits for the first"
        server.open.set()
        for thread in threads:
            thread.join(20)
    assert found == [SHA[7:]] * 2
    assert server.ranges == ["", f"bytes={len(CONTENT) - 1}-"]
    assert left(target) == ["weights.pt"]


def test_a_lock_that_is_held_for_too_long_is_an_error(target: Path, clock: Clock) -> None:
    target.parent.mkdir()
    seconds = iter(range(1000))
    patience = clock.patience(locked=3.0, clock=lambda: float(next(seconds)))
    with part.Part(target, "", "sha256") as holder:
        holder.lock(1, lambda: 0.0, lambda _: None)
        with pytest.raises(ModelError, match=r"another process has been at it for 3 s"):
            download("http://127.0.0.1:9/weights.pt", target, patience=patience)
    assert left(target) == ["weights.pt.part"], "the other one's part is not touched"


def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new_one(target: Path, clock: Clock) -> None:
    target.parent.mkdir()
    target.write_bytes(b"the old one")
    code = """
import sys
from pathlib import Path
from models.download import download
download(sys.argv[1], Path(sys.argv[2]), checksum=sys.argv[3])
"""
    with shelf(silent_after(HALF), whole) as server:
        process = subprocess.Popen([sys.executable, "-c", code, server.url, str(target), SHA], cwd=ROOT)
        part_file = target.with_name("weights.pt.part")
        wait_until(lambda: part_file.exists() and part_file.stat().st_size >= HALF - (1 << 17), 30)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        assert target.read_bytes() == b"the old one"
        kept = part_file.stat().st_size
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["", f"bytes={kept}-"], "what the dead one had is not fetched again"
    assert left(target) == ["weights.pt"]


def test_the_file_is_on_the_disk_before_it_has_its_name(
    target: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(part.os, "fsync", lambda handle: did.append("fsync") or sync(handle))
    monkeypatch.setattr(part.os, "replace", lambda *paths: did.append("rename") or rename(*paths))
    with shelf() as server:
        download(server.url, target, checksum=SHA, patience=clock.patience())
    assert did == ["fsync", "rename", "fsync"]


def test_a_full_disk_is_one_line_with_the_way_out(target: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = module.shutil.disk_usage("/")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with shelf() as server, pytest.raises(ModelError, match=r"no room for 1\.0 MB .*next: .*CLEANPLATE_CACHE"):
        download(server.url, target, patience=clock.patience())
    assert left(target) == []


def test_a_disk_that_fills_up_under_way_is_no_network_fault(
    target: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: part.Part, piece: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(part.Part, "write", write)
    with shelf() as server, pytest.raises(ModelError, match="No space left on device"):
        download(server.url, target, patience=clock.patience())
    assert clock.pauses == []


def test_a_folder_that_may_not_be_written_to_is_named(target: Path) -> None:
    target.parent.write_text("a file where the folder should be")
    with pytest.raises(ModelError, match=rf"{re.escape(str(target.parent))}: File exists"):
        download("https://example.org/a.pt", target)


def test_a_permission_that_lacks_is_told_with_the_way_out(
    target: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_it(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr(part.os, "open", refuse_it)
    with pytest.raises(ModelError, match="Permission denied; next: set CLEANPLATE_CACHE"):
        download("https://example.org/a.pt", target, patience=clock.patience())


def test_a_copy_appears_at_once_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b" / "c"
    source.write_bytes(CONTENT)
    copy(source, target)
    assert target.read_bytes() == CONTENT
    assert left(target) == ["c"]


def test_a_copy_that_is_not_what_it_should_be_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b" / "c"
    source.write_bytes(CONTENT)
    with pytest.raises(ModelError, match=f"has sha256 {SHA[7:]}, not 00"):
        copy(source, target, f"sha256:{'0' * 64}")
    assert left(target) == []


def test_who_gets_the_lock_of_a_part_that_has_its_name_by_then_opens_a_new_one(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir()
    with part.Part(target, "", "sha256") as first, part.Part(target, "", "sha256") as second:
        first.lock(1, lambda: 0.0, lambda _: None)
        first.begin("")
        first.write(CONTENT)
        lock = part.fcntl.flock

        def finish_just_before(*args: Any) -> None:
            monkeypatch.setattr(part.fcntl, "flock", lock)
            first.finish(target)
            first.__exit__(None, None, None)
            lock(*args)

        monkeypatch.setattr(part.fcntl, "flock", finish_just_before)
        second.lock(1, lambda: 0.0, lambda _: None)
        assert second.waited
        second.begin("")
        second.write(b"other")
    assert target.read_bytes() == CONTENT, "nobody writes into a file that has its name"
