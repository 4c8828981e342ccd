"""A job is found by its video; what stands beside it, and cannot be read, keeps nobody from his own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.working import find
from pipeline.errors import ConfigError
from pipeline.jobs.manifest import Input, Manifest, save
from tests.commands import cleanplate
from tests.jobs.test_manifest import manifest, segment


def stand(folder: Path, video: str, output: str) -> Manifest:
    """A job of this video, as it would stand beside its output."""
    made = manifest(segment()).model_copy(
        update={"input": Input(path=str(folder / video), size=1, mtime_ns=2, ends="")}
    )
    (folder / f"{output}.job").mkdir()
    save(made, folder / f"{output}.job")
    return made


def spoil(folder: Path, output: str, text: str = "{") -> None:
    (folder / f"{output}.job").mkdir(exist_ok=True)
    (folder / f"{output}.job" / "job.json").write_text(text)


def test_a_neighbour_that_cannot_be_read_is_told_of_and_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = stand(tmp_path, "film.mp4", "film-clean.mp4")
    spoil(tmp_path, "a.mp4")
    spoil(tmp_path, "z.mp4")
    folder, found = find(str(tmp_path / "film.mp4"), None)
    assert (folder.name, found) == ("film-clean.mp4.job", made)
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == ["cleanplate", "cleanplate"]
    assert all("no manifest of a job" in line for line in said)


def test_where_none_can_be_read_that_is_what_is_wrong(tmp_path: Path) -> None:
    spoil(tmp_path, "film-clean.mp4", '{"version": 99}')
    with pytest.raises(ConfigError, match="of another version than 1"):
        find(str(tmp_path / "film.mp4"), None)


def test_the_one_that_is_asked_for_must_be_readable(tmp_path: Path) -> None:
    stand(tmp_path, "film.mp4", "film-clean.mp4")
    spoil(tmp_path, "other.mp4")
    with pytest.raises(ConfigError, match=r"other\.mp4\.job/job\.json: no manifest"):
        find(str(tmp_path / "film.mp4"), [str(tmp_path / "other.mp4")])
    assert find(str(tmp_path / "film.mp4"), [str(tmp_path / "film-clean.mp4")])[0].name == "film-clean.mp4.job"


def test_of_several_the_user_says_which_and_of_none_it_is_said(tmp_path: Path) -> None:
    stand(tmp_path, "film.mp4", "a.mp4")
    stand(tmp_path, "film.mp4", "b.mp4")
    stand(tmp_path, "other.mp4", "c.mp4")
    with pytest.raises(ConfigError, match=r"has several jobs; say --output: .*a\.mp4, .*b\.mp4$"):
        find(str(tmp_path / "film.mp4"), None)
    with pytest.raises(ConfigError, match="no job of it; say --output"):
        find(str(tmp_path / "none.mp4"), None)


def test_the_status_of_a_job_beside_a_broken_one_is_shown(tmp_path: Path) -> None:
    stand(tmp_path, "film.mp4", "film-clean.mp4")
    spoil(tmp_path, "a.mp4")
    done = cleanplate("job", "status", str(tmp_path / "film.mp4"))
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert "0 of 1 segments are done" in done.stdout
