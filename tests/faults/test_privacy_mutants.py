"""What keeps the pattern in is taken away, one thing after the other: each time the canary must be seen, or missed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from models.base import Detections
from pipeline.blanks import Blanks
from pipeline.config import load_config
from pipeline.frame import STANDARD_PLANES, Frame, FrameSpec
from pipeline.stage import Sink
from stages.privacy import Cover
from stages.tracking import Tracking
from tests.faults import canary
from tests.faults.canary import HEIGHT, WIDTH, Seer, leaks_in, pictures_of, pipeline, scene, shows, to_file
from tests.faults.onlookers import PICTURES, sinks_that_hold_too_much
from tests.frames import blank_frame
from tests.runs import Run, toy
from tests.thorough import rarely
from tests.waiting import wait_until

SPEC = FrameSpec(width=WIDTH, height=HEIGHT, rate=25)
Patch = Callable[[pytest.MonkeyPatch], None]


class Out(Sink):
    """What came out, one word a picture: clean, blank or LEAK."""

    _words: list[str]

    def write(self, frame: Frame) -> None:
        self._words.append("LEAK" if shows(frame.clean) else "blank" if frame.blank else "clean")


def came_out(count: int = 4, **fields: Any) -> list[str]:
    """The stages of a privacy pipeline over so many scenes, in this process, as its workers would do it."""
    seer = Seer.model_validate({"classes": ["face"], "shape": "box", **fields})
    tracking, cover, out, blanks = Tracking(hold_all=True), Cover(), Out(), Blanks()
    out._words = []
    for stage in (seer, tracking, cover):
        stage.setup(SPEC)
    memory = [{name: np.zeros(*layout) for name, layout in tracking.memory(SPEC).items()} for _ in range(2)]
    for number in range(count):
        frame = blank_frame(SPEC, number)
        frame.pts, frame.before, frame.after = number, *memory
        frame.image[:] = scene(number)
        try:
            seer.process(frame)
            tracking.process(frame)
            memory.reverse()
            cover.process(frame)
        except Exception:  # noqa: BLE001 - whatever a stage raises: its worker says so, and the frame is a blank
            planes = {"clean": np.zeros(STANDARD_PLANES["clean"].shape(SPEC), np.uint8)}
            blanks.pass_on(out, Frame(planes, index=number, blank=True))
        else:
            blanks.pass_on(out, frame)
    return out._words


# What happens, and what is then seen


def nothing(_: pytest.MonkeyPatch) -> None:
    """No fault."""


def the_cover_leaves_the_picture(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("stages.privacy.cover.cover", lambda clean, drawn, hidden: None)


def the_cover_leaves_a_pixel(patch: pytest.MonkeyPatch) -> None:
    from stages.privacy.cover import cover as real

    def careless(clean: np.ndarray, drawn: np.ndarray, hidden: np.ndarray) -> None:
        spared = hidden.copy()
        spared[tuple(at[0] for at in np.nonzero(hidden & (clean[..., 1] == 0)))] = 0
        real(clean, drawn, spared)

    patch.setattr("stages.privacy.cover.cover", careless)


def nobody_is_found_for_a_while(patch: pytest.MonkeyPatch) -> None:
    empty = Detections(np.zeros((0, 4), np.float32), *(np.zeros(shape, kind) for shape, kind in EMPTY))  # type: ignore[arg-type]
    real = canary._spoilt
    patch.setattr(canary, "_spoilt", lambda deed, told: empty if deed == "missed" else real(deed, told))


EMPTY = ((0, np.float32), (0, np.int64), ((0, 5, 2), np.float32))

# What is taken away


def the_verifier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("stages.privacy.cover.prove", lambda *_: None)


def the_check_for_nan(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("stages.privacy.answers.in_picture", lambda *_: None)


def the_check_of_shapes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("stages.privacy.answers.sound", lambda *_: None)


def the_clamp(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("stages.privacy.detection.np.clip", lambda array, *_, out=None: array)


def the_hold(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "stages.tracking.stage.Tracking._end", lambda self, crowd, shape: [crowd.end(at) for at in _lost(crowd)]
    )


def _lost(crowd: Any) -> list[int]:
    return [at for at in crowd.alive() if crowd.of("missed", [at])[0]]


def the_look_that_is_missed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Frame, "unseen", False)


MUTANTS = [
    # taken away, fault, what the detector does, what comes out as long as nothing is taken away
    (the_verifier, the_cover_leaves_the_picture, {}, ["blank"] * 4),
    (the_verifier, the_cover_leaves_a_pixel, {}, ["blank"] * 4),
    (the_check_for_nan, nothing, {"deeds": {0: "nan"}}, ["blank", "clean", "clean", "clean"]),
    (the_check_for_nan, nothing, {"deeds": {0: "inverted"}}, ["blank", "clean", "clean", "clean"]),
    (the_check_of_shapes, nothing, {"deeds": {0: "class"}}, ["blank", "clean", "clean", "clean"]),
    (the_clamp, nothing, {"deeds": {1: "far"}}, ["clean"] * 4),
    (the_hold, nobody_is_found_for_a_while, {"deeds": {2: "missed"}}, ["clean"] * 4),
    (the_look_that_is_missed, nothing, {"deeds": {0: "raise"}, "every": 3}, ["blank", "blank", "blank", "clean"]),
]


@pytest.mark.fault("E11", "E12")
@pytest.mark.parametrize(
    ("mutant", "fault", "fields", "expected"), MUTANTS, ids=[f"{m[0].__name__}-{m[1].__name__}" for m in MUTANTS]
)
def test_without_it_something_else_comes_out(
    monkeypatch: pytest.MonkeyPatch, mutant: Patch, fault: Patch, fields: dict[str, Any], expected: list[str]
) -> None:
    fault(monkeypatch)
    words = came_out(**fields)
    assert words == expected
    mutant(monkeypatch)
    mutated = came_out(**fields)
    assert mutated != words
    if mutant not in (the_clamp, the_check_of_shapes):
        assert "LEAK" in mutated


# What a worker and the supervisor do: in runs of real processes


class Careless(Cover):
    """Copies the picture, covers nothing of it, and fails over frame 3."""

    def process(self, frame: Frame) -> None:
        super().process(frame)
        if frame.index == 3:
            np.copyto(frame.clean, frame.image)
            raise RuntimeError("told to")


class CarelessAndDone(Careless):
    """The same, in a worker that takes what has failed for done."""

    def setup(self, spec: FrameSpec) -> None:
        from pipeline.ledger import Verdict

        super().setup(spec)
        worker = sys.modules["__main__"].Worker
        real = worker._transform
        worker._transform = lambda *given: (real(*given), Verdict.DONE)[1]


@pytest.mark.fault("E12")
@pytest.mark.real
@pytest.mark.parametrize("kind", [Careless, *rarely(CarelessAndDone)])
def test_a_failed_frame_is_seen_where_its_worker_takes_it_for_done(tmp_path: Path, kind: type[Cover]) -> None:
    (tmp_path / "out").mkdir()
    config = pipeline(tmp_path, to_file(tmp_path), ingest={"count": 6})
    config["stages"][3]["uses"] = f"tests.faults.test_privacy_mutants:{kind.__name__}"
    ended = Run(tmp_path, config).end(120)
    seen = [at for at, picture in enumerate(pictures_of(tmp_path / "out" / "clean.mkv")) if shows(picture)]
    assert seen == ([3] if kind is CarelessAndDone else []), ended.stderr
    assert leaks_in(tmp_path)[0] == [f"clean.mkv: picture {at}" for at in seen]


CURIOUS = "tests.toys_closed:Curious"


def test_a_sink_gets_the_descriptor_where_nobody_withholds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toy.yaml"
    made = toy(tmp_path, fail="closed")
    made["stages"][-1]["uses"] = CURIOUS
    path.write_text(yaml.safe_dump(made))
    assert not PICTURES & set(load_config(str(path)).stages[-1].reads)
    monkeypatch.setattr("pipeline.config.closing", lambda label, stages: stages)
    assert PICTURES & set(load_config(str(path)).stages[-1].reads)


@pytest.mark.fault("E12")
@pytest.mark.real
@pytest.mark.parametrize("fail", ["open", "closed"])
def test_a_plane_within_reach_of_a_sink_is_noticed(tmp_path: Path, fail: str) -> None:
    made = toy(tmp_path, fail=fail)
    made["stages"][0]["with"] = {"count": 100_000_000}
    made["stages"][-1]["uses"] = CURIOUS
    run = Run(tmp_path, made)
    wait_until(lambda: run.output.exists() and run.output.stat().st_size > 100, timeout=60)
    assert sinks_that_hold_too_much(run, ("output",)) == (["output: ['clean', 'image']"] if fail == "open" else [])
    run.kill()
