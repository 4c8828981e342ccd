"""What a manifest says of a run that did not end well: no more than is true of it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import chain, manifest
from pipeline.config import load_config
from pipeline.hashing import BLOCK
from pipeline.posts import StageRule, Verdict
from pipeline.proof import Proof
from pipeline.witness import Witness
from tests import runs
from tests.runs import toy
from tests.test_manifest import checked


def begun(folder: Path, *names: str) -> Proof:
    """A proof of a run with these outputs, before it."""
    config = toy(folder)
    config["stages"][-1]["with"]["output"] = str(folder / names[0])
    (folder / "toy.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return Proof(folder / "m", load_config(str(folder / "toy.yaml")))


def test_the_output_of_an_earlier_run_is_not_taken_for_that_of_one_that_failed(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("of yesterday")
    (tmp_path / "out.part").write_text("of yesterday too")
    proof = begun(tmp_path, "out")
    (fact,) = proof._output_lines(str(tmp_path / "out"), tmp_path)
    assert fact["sha256"] is None
    assert fact["why"] == "the file of that name is an earlier one"
    (tmp_path / "out.part").write_text("of today, and not complete")
    fact, _ = proof._output_lines(str(tmp_path / "out"), tmp_path)
    assert (fact["name"], fact["complete"]) == ("out.part", False)
    (tmp_path / "out").write_text("of today, and complete")
    fact, _ = proof._output_lines(str(tmp_path / "out"), tmp_path)
    assert fact["name"] == "out"
    assert "complete" not in fact


def test_a_segment_that_was_not_completed_is_listed_as_such(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "0.mp4").write_text("of yesterday")
    proof = begun(tmp_path, "rec")
    (tmp_path / "rec" / "1.mp4.part").write_text("of today")
    fact, _ = proof._output_lines(str(tmp_path / "rec"), tmp_path)
    assert (fact["name"], fact["complete"]) == ("rec/1.mp4.part", False)


@pytest.mark.long  # a worker of a whole run has died over it, and nobody knows why
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_hashing_and_the_manifest_says_what_was_not_hashed(
    tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = begun(tmp_path, "out")
    (tmp_path / "out").write_bytes(b"x" * (BLOCK + 1))
    proof._told = lambda *_: signal.raise_signal(number)  # to this very thread, now
    with proof.heeding(number):
        facts = list(proof._output_lines(str(tmp_path / "out"), tmp_path))
    assert [(fact["sha256"], fact["why"]) for fact in facts] == [(None, "interrupted")]
    assert proof.hurried == number
    chain.write(proof.path, [{"kind": "run", "manifest": 1}, *facts, manifest.ending({})])
    assert checked(proof.path, capsys) == (1, "cleanplate: out: was not hashed\n")


def test_a_blank_that_no_sink_took_is_told_as_what_it_is_counted_as() -> None:
    told: list[str] = []
    ledger = Witness([StageRule("in"), StageRule("middle", "in"), StageRule("out", "middle", ordered=True)], 1)
    ledger.told = lambda number, slot, fate, place, missed: told.append(fate)
    for stage in range(3):
        ledger.joined(stage, stage)
    for worker, verdict in ((0, Verdict.DONE), (1, Verdict.FAILED), (2, Verdict.FAILED)):
        given = next(one for one in ledger.grants() if one.worker == worker)
        ledger.committed(worker, given.slot, given.generation, verdict)
        ledger.close_intake()
    assert dict(ledger.fates) == {"dropped": 1}
    assert told == ["dropped"]


@pytest.mark.real
def test_a_run_that_is_told_to_end_while_it_hashes_writes_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = """
import os, signal
from pipeline import hashing
known = hashing._blocks
def told_to_end(*args):
    os.kill(os.getpid(), signal.SIGTERM)
    yield from known(*args)
hashing._blocks = told_to_end
from pipeline.cli import main
main()
"""
    monkeypatch.setattr(runs, "COMMAND", [sys.executable, "-c", slow])
    ended = runs.Run(tmp_path, toy(tmp_path), "--manifest", str(tmp_path / "m")).end()
    assert ended.code == 143
    assert ended.report["result"] == "completed"
    assert "interrupted: not all is hashed" in ended.stderr
    found = manifest.read(tmp_path / "m")
    assert [(one.what, one.was) for one in found.files] == [("output", None), ("audit", None)]
