"""The manifest of a run and its audit: what they say is true, and the first thing that is altered is named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline import chain, manifest
from pipeline.audit import Audit
from pipeline.cli.inputs import errands
from pipeline.cli.verify import verify
from pipeline.cli.verify_manifest import shown_lines
from pipeline.errors import CleanplateError, ConfigError
from pipeline.hashing import first_difference, hash_file
from pipeline.posts import Slot
from tests.runs import Ended, Run, toy
from tests.waiting import wait_until

SECRET = "hunter2"
MARKS = {"name": "marks", "uses": "tests.toys_proof:Marks"}


def audit_lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def chain_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Ended]]:
    """A run in which a frame is damaged, one breaks its stage and one kills it; in its folder `m` and its audit."""
    folder = tmp_path_factory.mktemp("proof")
    options = {"breaks_at": 5, "dies_at": 12, "says": f"over rtsp://me:{SECRET}@there/1"}
    config = toy(folder, {**MARKS, "with": options}, max_tries=2)
    config["stages"][0]["with"] |= {"rejects": [3]}
    return folder, Run(folder, config, "--manifest", str(folder / "m")).end()


@pytest.fixture
def proof(ran: tuple[Path, Ended], tmp_path: Path) -> Path:
    """A copy of the manifest, its audit and its output, to be altered."""
    for name in ("m", "m.frames.gz", "out.txt"):
        (tmp_path / name).write_bytes((ran[0] / name).read_bytes())
    return tmp_path / "m"


def checked(path: Path, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, str]:
    """The exit code of `verify --manifest`, and what it says."""
    try:
        verify(manifest=path, quiet=True, **options)
        code, said = 0, ""
    except CleanplateError as error:
        code, said = error.exit_code, str(error)
    except typer.Exit as ending:
        code, said = ending.exit_code, ""
    return code, said + capsys.readouterr().err


@pytest.mark.real
def test_the_audit_has_a_line_for_every_frame_with_what_became_of_it_and_why(ran: tuple[Path, Ended]) -> None:
    folder, ended = ran
    header, *lines, footer = audit_lines(folder / "m.frames.gz")
    assert ended.code == 4
    assert sorted(line["i"] for line in lines) == list(range(60))
    by = {line["i"]: line for line in lines}
    assert by[3]["verdict"] == "rejected"
    assert by[5]["verdict"] == "blanked"
    assert by[5]["reason"].startswith("marks: ValueError: told to break")
    assert by[12]["verdict"] == "blanked"
    assert by[12]["reason"] == "marks 0: code 9"
    assert {line["verdict"] for at, line in by.items() if at not in (3, 5, 12)} == {"clean"}
    assert by[7]["objects"] == [[1, 80, 0, 7, 2, 30, 41], [2, 80, 2050, 7, 2, 30, 41]]
    assert "objects" not in by[5]  # what lay in its slot was of another frame
    assert by[7]["pts"] == 7
    assert footer["frames"] == ended.frames
    assert footer["lost"] == 0
    assert header["config"] == chain_lines(folder / "m")[0]["config_sha256"]


@pytest.mark.real
def test_the_manifest_says_what_was_done_about_each_track_and_no_secret(ran: tuple[Path, Ended]) -> None:
    folder, ended = ran
    lines = chain_lines(folder / "m")
    tracks = {line["track"]: line for line in lines if line["kind"] == "track"}
    assert tracks[1]["covered"] == 57
    assert tracks[1]["effects"] == {"cover": 57}
    assert tracks[2]["held"] == 57
    assert tracks[2]["effects"] == {"sticker": 57}
    assert tracks[3]["kept"] == tracks[3]["frames"] == 49
    assert tracks[3]["covered"] == 0
    assert tracks[3]["first"] == 10
    assert tracks[3]["class"] == "face"
    assert next(line for line in lines if line["kind"] == "frames")["blanked"] == ended.frames["blanked"] == 2
    assert lines[0]["result"] == "completed_with_errors"
    assert lines[0]["code"] == 4
    assert {line["what"] for line in lines if line["kind"] == "file"} == {"output", "audit"}
    assert "there is nothing to hash" in next(line for line in lines if line["kind"] == "source")["why"]
    assert SECRET not in (folder / "m").read_text() + str(audit_lines(folder / "m.frames.gz"))
    assert f"ends in {lines[-1]['hash']}" in ended.stderr


@pytest.mark.real
def test_what_nobody_touched_is_as_it_was(proof: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(proof, capsys) == (0, "")
    assert checked(proof, capsys, head=chain_lines(proof)[-1]["hash"]) == (0, "")


def _altered(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b'"balanced":true', b'"balanced":trye').replace(b"e", b"f", 1), *lines[3:]]


@pytest.mark.real
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_altered, "line 3: was altered"),
        (lambda lines: lines[:2] + lines[3:], "line 3: bears the number 4"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3: bears the number 2"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], "line 3: bears the number 4"),
        (lambda lines: lines[:-1], "without the line that ends a run"),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], "is cut short"),
        (lambda lines: [], "line 1: is not there"),
        (lambda lines: [*lines[:3], *_anew(lines[3], 4), *lines[4:]], "line 4: does not follow"),
    ],
    ids=["altered", "removed", "inserted", "reordered", "ended early", "torn", "empty", "written anew"],
)
def test_the_first_line_that_is_not_as_it_was_is_named(
    proof: Path, capsys: pytest.CaptureFixture[str], change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    proof.write_bytes(b"".join(change(proof.read_bytes().splitlines(keepends=True))))
    code, told = checked(proof, capsys)
    assert code == 1
    assert said in told


def _anew(line: bytes, number: int) -> list[bytes]:
    """The same said anew, with hashes of its own that are right."""
    fact = json.loads(line)
    return list(chain.written([{key: fact[key] for key in fact if key not in ("n", "prev", "hash")}], number - 1))


@pytest.mark.real
def test_a_manifest_made_anew_is_found_out_by_the_hash_that_was_kept(
    proof: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = chain_lines(proof)[-1]["hash"]
    facts = [{key: fact[key] for key in fact if key not in ("n", "prev", "hash")} for fact in chain_lines(proof)]
    facts[0]["result"] = "completed"
    chain.write(proof, facts)
    assert checked(proof, capsys)[0] == 0
    code, said = checked(proof, capsys, head=kept)
    assert code == 1
    assert f"not in {kept}" in said


@pytest.mark.real
def test_an_altered_byte_of_the_output_and_of_the_audit_is_placed(
    proof: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = proof.with_name("out.txt")
    whole = output.read_bytes()
    output.write_bytes(whole[:40] + b"#" + whole[41:])
    code, said = checked(proof, capsys)
    assert code == 1
    assert f"out.txt: bytes 0 to {len(whole) - 1}: altered" in said
    output.write_bytes(whole)
    audit = proof.with_name("m.frames.gz")
    lines = audit_lines(audit)
    lines[8]["verdict"] = "dropped"
    audit.write_bytes(gzip.compress("".join(f"{json.dumps(line)}\n" for line in lines).encode()))
    code, said = checked(proof, capsys)
    assert code == 1
    assert "m.frames.gz: bytes 0 to " in said
    audit.unlink()
    code, said = checked(proof, capsys)
    assert code == 1
    assert "m.frames.gz: is not there" in said


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (b"a" * 10 + b"b" * 9 + b"!" + b"c" * 5, "bytes 10 to 19: altered"),
        (b"a" * 10 + b"b" * 4, "bytes 10 to 19: the file is cut short at 14 of 25 bytes"),
        (b"a" * 10 + b"b" * 10 + b"c" * 5 + b"d", "bytes 20 to 25: altered"),
        (b"a" * 10 + b"b" * 10, "bytes 20 to 24: the file is cut short at 20 of 25 bytes"),
        (b"a" * 10 + b"b" * 10 + b"c" * 5, "None"),
    ],
)
def test_the_first_block_that_differs_is_named(tmp_path: Path, now: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 10 + b"b" * 10 + b"c" * 5)
    was = hash_file(path, block=10)
    path.write_bytes(now)
    assert str(first_difference(path, was)) == said


def test_a_line_is_added_to_a_chain_that_is_whole_and_to_no_other(tmp_path: Path) -> None:
    path = tmp_path / "m"
    chain.write(path, [{"kind": "run", "manifest": 1}, {"kind": "end"}])
    head = chain.append(path, {"kind": "verified"})
    assert manifest.read(path).head == head
    path.write_bytes(path.read_bytes().replace(b'"end"', b'"eNd"'))
    with pytest.raises(chain.BrokenError, match="line 2: was altered"):
        chain.append(path, {"kind": "verified"})


@pytest.mark.real
def test_what_a_killed_run_had_said_can_be_read(tmp_path: Path) -> None:
    """The supervisor is killed in mid-run; its workers end with it."""
    config = toy(tmp_path, {**MARKS, "with": {}})
    config["stages"][0]["with"] |= {"count": 1_000_000}
    run = Run(tmp_path, config, "--manifest", str(tmp_path / "m"))
    part = tmp_path / "m.frames.gz.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 2000, timeout=60)
    run.kill()
    lines = list(shown_lines(part))
    assert len(lines) > 50
    assert [line["i"] for line in lines] == list(range(len(lines)))
    assert not (tmp_path / "m").exists()
    assert not (tmp_path / "m.frames.gz").exists()


@pytest.mark.real
def test_a_manifest_may_replace_nothing_of_its_run(tmp_path: Path) -> None:
    ended = Run(tmp_path, toy(tmp_path), "--manifest", str(tmp_path / "out.txt")).end()
    assert ended.code == 2
    assert "would replace" in ended.stderr
    ended = Run(tmp_path, toy(tmp_path), "--manifest", str(tmp_path / "none" / "m")).end()
    assert ended.code == 2
    assert "there is no folder" in ended.stderr


def test_each_input_of_a_call_has_its_own_manifest(tmp_path: Path) -> None:
    inputs = [str(tmp_path / name) for name in ("a.mp4", "b.mp4")]
    todo = errands(inputs, ["{folder}/{name}-out{ext}"], None, "{folder}/{name}.jsonl")
    assert [errand.manifest for errand in todo] == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    with pytest.raises(ConfigError, match="--manifest one: 2 inputs would all become this one"):
        errands(inputs, ["{folder}/{name}-out{ext}"], None, "one")


def test_an_audit_that_the_disk_does_not_take_is_told_and_bears_no_name(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "m.frames.gz", {})
    audit._file.write = refuse  # type: ignore[method-assign]
    audit.ended(0, Slot(index=0), "output", "")
    with pytest.raises(OSError, match="No space left"):
        audit.close({})
    assert not (tmp_path / "m.frames.gz").exists()


def refuse(data: bytes) -> int:
    raise OSError(28, "No space left on device")
