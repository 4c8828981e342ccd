"""The tripwire: whoever reads a plane that is not its frame's says so, before it works on it and after."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import load_config
from pipeline.messages import Grant
from pipeline.posts import GrantTo, Loan, Slot
from pipeline.run import Result, run_plan
from pipeline.tripwire import Tripwire, TripwireError
from tests.runs import toy


def margins(slots: int = 3) -> list[memoryview]:
    return [memoryview(bytearray(16)) for _ in range(slots)]


def grant(slot: int, stamp: int) -> Grant:
    return Grant(slot, generation=9, index=4, pts=0, duration=0, stamp=stamp)


def wires() -> tuple[Tripwire, Tripwire]:
    """One that writes a plane, one that reads it."""
    image = margins()
    return Tripwire({}, {"image": image}), Tripwire({"image": image}, {"mask": margins()})


def test_what_was_written_whole_is_read_without_complaint() -> None:
    writer, reader = wires()
    writer.begin(grant(1, 7))
    writer.end(grant(1, 7))
    reader.begin(grant(1, 7))
    reader.end(grant(1, 7))


@pytest.mark.parametrize(("slot", "stamp"), [(1, 8), (1, 6), (2, 7), (0, 7)])
def test_a_plane_of_another_frame_or_slot_is_seen(slot: int, stamp: int) -> None:
    writer, reader = wires()
    writer.begin(grant(1, 7))
    writer.end(grant(1, 7))
    with pytest.raises(TripwireError, match="'image' of frame 4 is not its own"):
        reader.begin(grant(slot, stamp))


def test_a_plane_that_is_being_written_is_seen_before_and_after() -> None:
    writer, reader = wires()
    writer.begin(grant(1, 7))
    with pytest.raises(TripwireError, match="being written"):
        reader.begin(grant(1, 7))
    writer.end(grant(1, 7))
    reader.begin(grant(1, 7))
    writer.begin(grant(1, 8))
    with pytest.raises(TripwireError, match="being written"):
        reader.end(grant(1, 7))


def test_planes_of_frames_that_are_lent_are_looked_at_too() -> None:
    image, mask, clean = margins(), margins(), margins()
    for planes, slot in (([image, mask, clean], 0), ([image, mask], 1), ([image], 2)):
        Tripwire({}, {str(at): plane for at, plane in enumerate(planes)}).end(grant(slot, 7))
    looks = Tripwire({"image": image}, {"mask": mask}, {"clean": clean})
    lent = [Loan(slot, 7, 3, 0, 0) for slot in range(3)]
    right = dataclasses.replace(grant(1, 7), finished=lent[0], later=(lent[2],))
    looks.begin(right)
    looks.end(right)
    with pytest.raises(TripwireError, match="'clean' of frame 3 is not its own"):
        looks.check(dataclasses.replace(right, finished=lent[1]))
    with pytest.raises(TripwireError, match="'image' of frame 3 is not its own"):
        looks.check(dataclasses.replace(right, later=(Loan(2, 8, 3, 0, 0),)))


def run_with_a_wrong_stamp(folder: Path, patch: pytest.MonkeyPatch, stage: int) -> Result:
    """A supervisor that is wrong about frame 20, once, when it grants it to this stage."""
    right = Slot.grant

    def wrong(slot: Slot, number: int, at: int, worker: int) -> GrantTo:
        given = right(slot, number, at, worker)
        return dataclasses.replace(given, stamp=given.stamp + 1) if at == stage and given.index == 20 else given

    patch.setattr(Slot, "grant", wrong)
    path = folder / "toy.yaml"
    config: dict[str, Any] = toy(folder)
    path.write_text(yaml.safe_dump(config))
    return run_plan(load_config(str(path)))


def test_in_a_run_a_frame_that_is_not_its_own_goes_out_blank_and_the_alarm_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_with_a_wrong_stamp(tmp_path, monkeypatch, stage=1)
    assert result.report["result"] == "completed_with_errors"
    assert result.report["frames"]["blanked"] == 1
    assert "the plane 'image' of frame 20 is not its own" in result.report["faults"][0]
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert [line.split()[2] for line in lines] == ["1" if at == 20 else "0" for at in range(60)]


def test_a_sink_writes_no_picture_that_is_not_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_with_a_wrong_stamp(tmp_path, monkeypatch, stage=2)
    assert result.code == 4
    assert result.error is not None
    assert "the plane 'clean' of frame 20 is not its own" in result.error
    assert len((tmp_path / "out.txt").read_text().splitlines()) == 20
