"""The manifest and its writing: whole or not at all, and read again as it was written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import ConfigError, RunError
from pipeline.frame import FrameSpec
from pipeline.jobs import durable
from pipeline.jobs.durable import ends_of, move_durably, sha256_of, write_durably
from pipeline.jobs.manifest import Call, Hashes, Input, Manifest, Segment, load, save
from pipeline.jobs.pace import Pace
from pipeline.jobs.pieces import Piece
from tests.runs import ROOT

SPEC = FrameSpec(width=64, height=48, rate=Fraction(30000, 1001), time_base=Fraction(1, 30000), source="a.mp4")


def manifest(*segments: Segment) -> Manifest:
    call = Call(config="c", sets=["a=1"], outputs=["o.mp4"], segment="15s", preroll="3s")
    given = Input(path="/a.mp4", size=1, mtime_ns=2, ends="e")
    return Manifest(call=call, input=given, spec=SPEC, work="w", join="j", preroll_s=3, segments=list(segments))


def segment(index: int = 0, **facts: object) -> Segment:
    return Segment.of(Piece(index, 10, None, 5, 7, 3)).model_copy(update=facts)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=50, deadline=None)
@given(texts, st.integers(-(2**63), 2**63 - 1), st.sampled_from(["todo", "running", "done", "failed"]),
       st.dictionaries(texts, st.integers(0, 99)), st.floats(0, 1e9))  # fmt: skip
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, text: str, ticks: int, state: str, damage: dict[str, int], seconds: float
) -> None:
    folder = tmp_path_factory.mktemp("job")
    hashes = Hashes(input=text, result=[text], models={text: text})
    one = segment(0, first=ticks, state=state, error=text, damage=damage, seconds=seconds, hashes=hashes)
    written = manifest(one, segment(1))
    save(written, folder)
    assert load(folder) == written
    assert os.listdir(folder) == ["job.json"]


def test_where_none_is_there_is_none(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    assert load(tmp_path / "absent") is None
    (tmp_path / "file").write_text("")
    assert load(tmp_path / "file") is None


def test_what_cannot_be_read_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "job.json").mkdir()
    with pytest.raises(ConfigError, match=r"job\.json: cannot be read"):
        load(tmp_path)
    with pytest.raises(RunError, match=r"job\.json: cannot be written: Is a directory"):
        save(manifest(), tmp_path)
    assert os.listdir(tmp_path) == ["job.json"]


def test_a_piece_comes_back_from_its_segment() -> None:
    piece = Piece(3, -5, 100, 7, -20, 2)
    assert Segment.of(piece).piece == piece


def test_what_is_forgotten_is_as_if_it_had_never_been() -> None:
    one = segment(0, state="failed", tries=3, error="no", how="re-encoded", damage={"x": 1}, written=5,
                  hashes=Hashes(input="a", result=["b"]))  # fmt: skip
    one.forget()
    assert (one.state, one.tries, one.error, one.how) == ("todo", 0, "", "copied")
    assert (one.written, one.damage, one.hashes) == (0, {}, Hashes())


def test_a_wrong_state_is_refused_when_it_is_set() -> None:
    one = segment()
    with pytest.raises(ValidationError):
        one.state = "finished"  # type: ignore[assignment]


def test_what_is_joined_is_another_thing_as_soon_as_a_result_is() -> None:
    before = manifest(segment(0, state="done", hashes=Hashes(result=["a"])), segment(1, state="failed"))
    after = before.model_copy(deep=True)
    assert after.contents == before.contents
    after.segments[1].state, after.segments[1].hashes = "done", Hashes(result=["b"])
    assert after.contents != before.contents
    assert (before.done, after.done) == (1, 2)


WRITE = """
import os, signal, sys
from pathlib import Path
from pipeline.jobs import durable
at, passed = int(sys.argv[2]), 0
def dying(real):
    def call(*args, **kwargs):
        global passed
        passed += 1
        if passed == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call
durable.os.fsync = dying(os.fsync)
Path.replace = dying(Path.replace)
durable.sync = dying(durable.sync)
durable.write_durably(Path(sys.argv[1]), "new" * 1000)
"""


@pytest.mark.fault("G5")
@pytest.mark.parametrize(("at", "found"), [(1, "old"), (2, "old"), (3, "new" * 1000)])
def test_killed_at_any_step_the_old_or_the_new_stands_there(tmp_path: Path, at: int, found: str) -> None:
    """Before its data are on the disk, before it has its name, before the folder knows."""
    path = tmp_path / "a.json"
    path.write_text("old")
    ended = subprocess.run([sys.executable, "-c", WRITE, str(path), str(at)], cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == -9
    assert path.read_text() == found
    write_durably(path, "after")
    assert path.read_text() == "after"
    assert os.listdir(tmp_path) == ["a.json"], "what the kill left was taken"


@pytest.mark.fault("B4")
def test_what_cannot_be_put_on_the_disk_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_is_moved_with_its_data(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(b"x" * 10)
    before = sha256_of(tmp_path / "made")
    move_durably(tmp_path / "made", tmp_path / "there")
    assert sha256_of(tmp_path / "there") == before
    assert not (tmp_path / "made").exists()
    assert stat.S_ISREG((tmp_path / "there").stat().st_mode)


@pytest.mark.parametrize("size", [0, 1, durable.ENDS - 1, durable.ENDS, durable.ENDS + 1, 2 * durable.ENDS + 7])
def test_the_ends_of_a_file_tell_of_its_size_its_head_and_its_tail(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * size)
    was = ends_of(path)
    assert ends_of(path) == was
    path.write_bytes(b"a" * (size + 1))
    assert ends_of(path) != was
    for at in {0, size - 1} if size else set():
        content = bytearray(b"a" * size)
        content[at] = 0
        path.write_bytes(content)
        assert ends_of(path) != was


def test_what_the_user_wants_is_not_measured() -> None:
    pace = Pace(5, 8, {}, 100)
    assert (pace.lanes, pace.trial) == (5, None)


@pytest.mark.parametrize(("processors", "tried"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (8, [1, 2]),
                                                   (32, [1, 2, 8])])  # fmt: skip
def test_each_way_is_tried_once_and_the_fastest_is_taken(processors: int, tried: list[int]) -> None:
    pace = Pace(None, processors, {}, 100)
    seen = []
    while (trial := pace.trial) is not None:
        assert pace.lanes == trial
        seen.append(trial)
        pace.measured(trial, 100, 10.0 if trial == tried[-1] else 20.0)
    assert seen == tried
    assert pace.lanes == tried[-1]
    assert Pace(None, processors, pace.speeds, 1).lanes == tried[-1], "as an earlier run has measured"


def test_of_few_segments_nothing_is_measured() -> None:
    assert (Pace(None, 4, {}, 7).lanes, Pace(None, 4, {}, 7).trial) == (2, None)
    assert (Pace(None, 1, {}, 7).lanes, Pace(None, 1, {}, 7).trial) == (1, None)
