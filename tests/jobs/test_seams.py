"""What changes at a seam is told beside what changes around it; what the input does itself is no seam."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.frame import Image
from pipeline.jobs import seams
from pipeline.jobs.job import PARTS
from pipeline.jobs.manifest import Call, Manifest, load
from pipeline.jobs.opening import Opened, open_job
from pipeline.jobs.recipe import sinks_of
from pipeline.jobs.seams import STANDS_OUT, measure_seams, ratio, standing_out
from tests.clips import make_clip
from tests.copying import write_copying
from tests.frames import noisy, scenery

FRAMES, SEGMENT = 40, 10  # a clip of four segments
SIZE = (96, 128)
RATE, STEP = Fraction(10), 1280  # pictures a second, ticks of each
Made = Callable[[int, Image], Image]


def passing(number: int) -> Image:
    """A room, and something bright that goes through it."""
    image = noisy(scenery(*SIZE), number)
    image[20:50, 3 * number : 3 * number + 12] = 240
    return image


def job_of(folder: Path, inputs: Sequence[Image], made: Sequence[Made], rotation: int = 0) -> Opened:
    """A job all of whose segments are done: an output for each of `made`, which makes its pictures of those seen."""
    video = make_clip(folder / "in.mp4", inputs, rate=RATE, rotation=rotation, options={"crf": "12"})
    outputs = [str(folder / f"{number}.mp4") for number in range(len(made))]
    call = Call(config=write_copying(folder), sets=[], outputs=outputs, segment="1", preroll="0")
    job = open_job(str(video), call)
    (job.folder / PARTS).mkdir(parents=True)
    for number, (sink, make) in enumerate(zip(sinks_of(job.plan), made, strict=True)):
        write_parts(job, number, sink.part_for, [make(at, upright(image, rotation)) for at, image in enumerate(inputs)])
    for segment in job.manifest.segments:
        segment.state, segment.hashes.result = "done", ["not looked at"] * len(made)
    assert len(job.manifest.segments) == FRAMES // SEGMENT
    return job


def upright(image: Image, rotation: int) -> Image:
    return np.ascontiguousarray(np.rot90(image, rotation // 90))


def write_parts(job: Opened, number: int, part_for: Callable, images: Sequence[Image]) -> None:
    spec, at = job.manifest.spec, 0
    spec = spec.model_copy(update={"height": images[0].shape[0], "width": images[0].shape[1]})
    for segment in job.manifest.segments:
        part = part_for(spec, str(job.folder / PARTS / f"{segment.index:05d}-{number}.nut"))
        part.create()
        for place in range(segment.frames):
            part.add(images[at], segment.first + STEP * place, STEP)
            at += 1
        part.close()


def popping(at: int, image: Image) -> Image:
    """What was filled is lighter from the third segment on."""
    made = image.copy()
    if at >= 2 * SEGMENT:
        made[60:80, 40:70] = np.minimum(made[60:80, 40:70].astype(int) + 14, 255)
    return made


def plain(at: int, image: Image) -> Image:
    return image


def measured(job: Opened) -> list[float | None]:
    measure_seams(job)
    return [segment.seam for segment in job.manifest.segments]


def test_a_spot_that_changes_at_once_stands_out_and_what_moves_in_the_input_does_not(tmp_path: Path) -> None:
    job = job_of(tmp_path, [passing(number) for number in range(FRAMES)], [popping])
    first, *others = measured(job)
    assert first is None  # there is nothing before it
    assert others[1] >= 2 * STANDS_OUT
    assert max(others[0], others[2]) < STANDS_OUT
    assert standing_out(job.manifest).startswith("more changes than around it where these segments begin: 2 (")
    assert "at 2.0 s)" in standing_out(job.manifest)


def test_what_was_measured_stands_in_the_manifest(tmp_path: Path) -> None:
    job = job_of(tmp_path, [passing(number) for number in range(FRAMES)], [popping])
    found = measured(job)
    kept = load(job.folder)
    assert kept is not None
    assert [segment.seam for segment in kept.segments] == found


def test_a_scene_that_begins_with_a_segment_is_no_seam(tmp_path: Path) -> None:
    other = scenery(*SIZE, seed=3)
    inputs = [noisy(other if number >= 2 * SEGMENT else scenery(*SIZE), number) for number in range(FRAMES)]
    job = job_of(tmp_path, inputs, [plain])
    assert all(seam < STANDS_OUT for seam in measured(job)[1:])
    assert standing_out(job.manifest) == ""


def test_the_input_is_seen_as_the_pipeline_saw_it(tmp_path: Path) -> None:
    """Were it not turned, the one who passes would be looked for where nobody is, and be held for a change."""
    still = scenery(*SIZE)
    inputs = [noisy(still, number) for number in range(FRAMES)]
    for image in inputs[2 * SEGMENT :]:
        image[8:30, 8:30] = 250  # appears in the input at a seam
    job = job_of(tmp_path, inputs, [plain], rotation=90)
    assert (job.manifest.spec.width, job.manifest.spec.height) == SIZE
    assert measured(job)[2] < STANDS_OUT


def test_an_output_of_another_shape_is_measured_by_itself(tmp_path: Path) -> None:
    def beside(at: int, image: Image) -> Image:
        return np.hstack([image, popping(at, image)])

    job = job_of(tmp_path, [noisy(scenery(*SIZE), number) for number in range(FRAMES)], [beside])
    found = measured(job)
    assert found[2] >= STANDS_OUT > max(found[1], found[3])


def test_of_several_outputs_the_worst_one_counts(tmp_path: Path) -> None:
    job = job_of(tmp_path, [noisy(scenery(*SIZE), number) for number in range(FRAMES)], [plain, popping])
    found = measured(job)
    assert found[2] >= STANDS_OUT > max(found[1], found[3])


def test_beside_a_segment_that_is_missing_nothing_is_measured(tmp_path: Path) -> None:
    job = job_of(tmp_path, [passing(number) for number in range(FRAMES)], [popping])
    job.manifest.segments[1].state = "failed"
    job.manifest.segments[2].seam = 9.0  # of an earlier time
    found = measured(job)
    assert found[:3] == [None] * 3
    assert found[3] is not None


def test_what_is_known_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(tmp_path, [passing(number) for number in range(FRAMES)], [popping])
    known = measured(job)
    looked: list[int] = []
    monkeypatch.setattr(seams, "_seam", lambda job, segment: looked.append(segment.index) or 7.0)
    assert measured(job) == known
    job.manifest.segments[3].seam = None
    assert measured(job) == [*known[:3], 7.0]
    assert looked == [3]


def test_a_part_that_cannot_be_read_leaves_its_seams_unknown(tmp_path: Path) -> None:
    job = job_of(tmp_path, [passing(number) for number in range(FRAMES)], [popping])
    (job.folder / PARTS / "00001-0.nut").write_bytes(b"not a film")
    found = measured(job)
    assert found[:3] == [None] * 3
    assert found[3] is not None


def test_without_its_input_all_of_the_picture_is_measured(tmp_path: Path) -> None:
    job = job_of(tmp_path, [passing(number) for number in range(FRAMES)], [popping])
    Path(job.manifest.input.path).unlink()
    assert all(seam is not None for seam in measured(job)[1:])


def test_few_pictures_of_the_input_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a video with one key frame, all before a seam would have to be."""
    job = job_of(tmp_path, [passing(number) for number in range(FRAMES)], [popping])
    wanted = [segment.first for segment in job.manifest.segments[1:]]
    spec, video = job.manifest.spec, job.manifest.input.path
    assert [len(seams._inputs(video, spec, [stamp, stamp + STEP])) for stamp in wanted] == [2] * 3
    monkeypatch.setattr(seams, "LONGEST", 1)
    assert [len(seams._inputs(video, spec, [stamp, stamp + STEP])) for stamp in wanted] == [1] * 3


def test_next_to_pictures_that_change_all_the_time_a_change_is_no_seam() -> None:
    """As water, or a film behind people."""
    rng = np.random.default_rng(0)
    row = [seams.Shown(at, rng.uniform(0, 255, SIZE).astype(np.float32)) for at in range(8)]
    assert 0.5 < ratio(row[:4], row[4:], {}) < 2


def test_what_nobody_sees_is_no_seam_in_a_picture_that_stands_still() -> None:
    still = np.full(SIZE, 90, np.float32)
    faint = still.copy()
    faint[30:60, 30:60] += 0.9
    left, right = [seams.Shown(at, still) for at in range(4)], [seams.Shown(at, faint) for at in range(4, 8)]
    assert ratio(left, right, {}) < 1
    assert ratio(left[:1], right[:1], {}) < 1  # no neighbours at all


def test_of_many_seams_few_are_told(tmp_path: Path) -> None:
    job = job_of(tmp_path, [scenery(*SIZE)] * FRAMES, [plain])
    manifest: Manifest = job.manifest.model_copy(deep=True)
    last = manifest.segments[-1]
    manifest.segments += [last.model_copy(update={"index": number, "seam": float(number)}) for number in range(4, 12)]
    line = standing_out(manifest)
    assert [int(one) for one in re.findall(r"(\d+) \(\d", line)] == [11, 10, 9, 8, 7]
    assert "and 3 more" in line
