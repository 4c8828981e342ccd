"""What no detector sees for a while is covered all the same: gaps up to the hold, before the first and after the last
sight, at random and on purpose; by boxes, as of faces and plates, that no segmenter knows the outline of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.classes import NAMES
from pipeline.frame import HELD, LOW, STANDARD_PLANES, Frame, FrameSpec, Image
from pipeline.tuning import tune
from stages.privacy.findings import outline
from stages.segmentation.labels import Labeller
from stages.tracking import Tracking
from tests.clips import decode
from tests.frames import Bench, blank_frame, noisy, scenery

HEIGHT, WIDTH, RATE = 180, 320, 10
SPEC = FrameSpec(width=WIDTH, height=HEIGHT, rate=RATE)
FACE = NAMES.index("face")
SIDE = 24  # pixels of a face here
ROOM = scenery(HEIGHT + 80, 4 * WIDTH, seed=4)
HEAD = scenery(SIDE, SIDE, seed=5, smooth=1.0)[..., ::-1] // 2 + 90

Place = tuple[int, int]  # the left upper corner
Pictures = list[Image]
Places = list[list[Place]]  # in each frame, of each face


def picture(faces: Sequence[Place], seed: int = 0, pan: int = 0, room: Image = ROOM) -> Image:
    image = room[:HEIGHT, pan : pan + WIDTH].copy()
    for x, y in faces:
        x0, x1, y0, y1 = max(0, x), min(WIDTH, x + SIDE), max(0, y), min(HEIGHT, y + SIDE)
        if x1 > x0 and y1 > y0:
            image[y0:y1, x0:x1] = HEAD[y0 - y : y1 - y, x0 - x : x1 - x]
    return noisy(image, seed)


def seen(boxes: Sequence[Sequence[float]], spec: FrameSpec = SPEC, score: float = 0.3) -> dict[str, np.ndarray]:
    """The planes `found` and `labels`, as the stage Detection writes them; by default hardly surely seen."""
    found, labels = np.zeros(1, STANDARD_PLANES["found"].dtype), np.zeros((spec.height, spec.width), np.uint8)
    limits = (spec.width, spec.height) * 2
    inside = [np.clip(np.array(box, np.float32), 0, limits).astype(np.float32) for box in boxes]
    inside = [box for box in inside if (box[2:] - box[:2] > 1).all()]
    patches = [outline(box, 0.25, "ellipse", labels.shape) for box in inside]
    Labeller(*labels.shape).label(patches, len(patches), 2, labels)
    for row, box in zip(found["rows"][0], inside, strict=False):
        row["box"], row["score"], row["cls"], row["track"] = box, score, FACE, -1
    found["count"] = len(inside)
    return {"found": found, "labels": labels}


def box_of(place: Place) -> tuple[int, int, int, int]:
    return place[0], place[1], place[0] + SIDE, place[1] + SIDE


def followed(stage: Tracking, images: Pictures, sights: list[dict[str, np.ndarray]], delay: int = 0) -> list[Frame]:
    """All frames, each with as many of those that follow as a run with that delay has at hand."""
    height, width = images[0].shape[:2]
    bench = Bench(stage, FrameSpec(width=width, height=height, rate=RATE))
    frames = []
    for index, image in enumerate(images):
        frame = blank_frame(bench.spec, index)
        for name, pixels in {"image": image, **sights[index]}.items():
            frame.planes[name][:] = pixels
        frame.before, frame.after = bench.buffers
        later = range(index + 1, min(len(images), index + 1 + delay))
        frame.later = tuple(Frame({"image": images[at], **sights[at]}, index=at) for at in later)
        stage.process(frame)
        bench.buffers.reverse()
        frames.append(frame)
    return frames


def exposed(frame: Frame, box: Sequence[float]) -> bool:
    """Whether more than a twentieth of the middle of a box shows."""
    x0, y0, x1, y1 = (round(side) for side in box)
    x, y = (x1 - x0) // 8, (y1 - y0) // 8
    inside = frame.mask[max(0, y0 + y) : max(0, y1 - y), max(0, x0 + x) : max(0, x1 - x)]
    return inside.size > 0 and float((inside > 0).mean()) < 0.95


def leaks(frames: list[Frame], places: Places) -> list[int]:
    """The frames in which a face shows."""
    return [
        frame.index
        for frame, faces in zip(frames, places, strict=True)
        if any(exposed(frame, box_of(face)) for face in faces)
    ]


def standing(count: int, place: Place = (100, 60)) -> tuple[Pictures, Places]:
    return [picture([place], seed) for seed in range(count)], [[place]] * count


def sights_of(places: Places, found: Sequence[bool]) -> list[dict[str, np.ndarray]]:
    return [seen([box_of(face) for face in faces] if there else []) for faces, there in zip(places, found, strict=True)]


def test_what_was_found_but_once_and_hardly_is_held_for_all_of_the_hold_and_no_longer() -> None:
    images, places = standing(9)
    frames = followed(Tracking(hold=0.5, hold_all=True), images, sights_of(places, [True] + [False] * 8))
    assert leaks(frames, places) == [6, 7, 8]
    assert not any(frame.mask.any() for frame in frames[6:])
    assert leaks(followed(Tracking(hold=0.5), images, sights_of(places, [True] + [False] * 8)), places)[0] == 1


@pytest.mark.parametrize("gap", [1, 3, 5])
def test_of_gaps_up_to_the_hold_nothing_shows_however_often_they_come(gap: int) -> None:
    places: Places = [[(20 + 3 * n, 60 + n)] for n in range(40)]
    images = [picture(faces, seed) for seed, faces in enumerate(places)]
    found = [n % (gap + 2) < 2 for n in range(40)]
    assert not leaks(followed(Tracking(hold=0.5, hold_all=True), images, sights_of(places, found)), places)


def test_a_longer_gap_is_told_by_the_frames_in_which_somebody_shows() -> None:
    """The measure itself can fail."""
    images, places = standing(12)
    found = [n % 8 < 2 for n in range(12)]
    assert leaks(followed(Tracking(hold=0.5, hold_all=True), images, sights_of(places, found)), places) == [7]


def crossing(frames: int) -> Places:
    """Six faces that go their ways; the first two enter from the left, one after the other."""
    ways = [(-20, 20, 4, 0), (-60, 70, 5, 0), (250, 40, -4, 1), (150, 100, 0, 1), (200, 120, 2, -1), (60, 140, 1, -1)]
    return [[(x + n * right, y + n * down) for x, y, right, down in ways] for n in range(frames)]


@pytest.mark.parametrize("delay", [0, 5])
def test_a_detector_that_misses_a_fifth_of_all_faces_at_random_exposes_nobody(delay: int) -> None:
    """With a look ahead not even before it has found him for the first time."""
    seed = 20
    rng = np.random.default_rng(seed)
    places = crossing(30)
    images = [picture(faces, n) for n, faces in enumerate(places)]
    met: set[int] = set()
    wanted: Places = []
    sights = []
    for faces in places:
        found = [n for n, (x, y) in enumerate(faces) if x > -SIDE // 2 and rng.random() >= 0.2]
        met |= set(found)
        sights.append(seen([box_of(faces[n]) for n in found]))
        whole = [n for n, (x, _) in enumerate(faces) if x >= 0]
        wanted.append([faces[n] for n in whole if delay or n in met])
    assert sum(map(len, wanted)) > 150
    shown = leaks(followed(Tracking(hold_all=True), images, sights, delay), wanted)
    assert not shown, f"{seed = }"


@pytest.mark.parametrize("delay", [0, 5])
def test_a_detector_that_misses_a_fifth_of_all_frames_at_random_exposes_nobody(delay: int) -> None:
    seed = 3
    found = np.random.default_rng(seed).random(40) >= 0.2
    found[0], found[1] = delay == 0, True
    places: Places = [[(40 + 4 * n, 60), (250 - 3 * n, 130)] for n in range(40)]
    images = [picture(faces, n) for n, faces in enumerate(places)]
    shown = leaks(followed(Tracking(hold_all=True), images, sights_of(places, found.tolist()), delay), places)
    assert not shown, f"{seed = }"


def test_before_the_first_and_after_the_last_sight_he_is_covered_through_a_cut_on_either_side() -> None:
    """Two takes: in each he is found neither in the first two frames nor in the last two."""
    other = scenery(HEIGHT + 80, 4 * WIDTH, seed=9)
    places: Places = [[(100 + 3 * n, 60)] for n in range(10)] + [[(200 - 3 * n, 100)] for n in range(10)]
    images = [picture(faces, n, room=ROOM if n < 10 else other) for n, faces in enumerate(places)]
    found = [n % 10 in range(2, 8) for n in range(20)]
    shown = leaks(followed(Tracking(hold_all=True), images, sights_of(places, found), delay=5), places)
    assert not shown
    assert leaks(followed(Tracking(hold_all=True), images, sights_of(places, found)), places) == [0, 1, 10, 11]


def test_who_enters_at_the_border_is_covered_before_he_is_found() -> None:
    places: Places = [[(-SIDE - 6 + 6 * n, 60)] for n in range(14)]
    images = [picture(faces, n) for n, faces in enumerate(places)]
    frames = followed(Tracking(hold_all=True), images, sights_of(places, [n >= 5 for n in range(14)]), delay=5)
    assert not leaks(frames[2:], places[2:])


def test_who_comes_out_from_behind_a_pillar_is_covered_before_he_is_found_again() -> None:
    places: Places = [[(60 + 4 * n, 60)] for n in range(24)]
    images = [picture(faces, n) for n, faces in enumerate(places)]
    for image in images:
        image[:, 110:126] = 40
    free = [x + SIDE <= 110 or x >= 126 for ((x, _),) in places]
    out = free.index(True, free.index(False))
    found = [there and n not in range(out, out + 2) for n, there in enumerate(free)]
    frames = followed(Tracking(hold=1.5, hold_all=True), images, sights_of(places, found), delay=5)
    wanted = [faces if there else [] for faces, there in zip(places, free, strict=True)]
    assert not leaks(frames, wanted)


def test_a_fast_pan_that_turns_takes_nobody_s_cover_away() -> None:
    """By his former speed he would be out of the picture; he is seen to move otherwise."""
    pans = [0, 18, 36, 50, 58, 62, 62, 58, 50, 40, 28, 14]
    places: Places = [[(70 - pan, 60)] for pan in pans]
    images = [picture(faces, n, pan) for n, (faces, pan) in enumerate(zip(places, pans, strict=True))]
    frames = followed(Tracking(hold_all=True), images, sights_of(places, [n < 3 for n in range(len(pans))]))
    assert not leaks(frames, places)


def test_where_somebody_must_be_is_never_outside_of_the_picture() -> None:
    places: Places = [[(WIDTH - 60 + 8 * n, 60)] for n in range(9)]
    images = [picture(faces, n) for n, faces in enumerate(places)]
    frames = followed(Tracking(hold_all=True), images, sights_of(places, [n < 4 for n in range(9)]))
    held = [row["box"] for frame in frames for row in frame.objects if row["flags"] & HELD]
    assert len(held) >= 2
    for x0, y0, x1, y1 in held:
        assert 0 <= x0 <= x1 <= WIDTH
        assert 0 <= y0 <= y1 <= HEIGHT


def test_a_face_beside_another_is_looked_for_in_later_frames_by_itself() -> None:
    """They overlap, and one of them is found: the other one is not taken for it."""
    places: Places = [[(100, 60), (114, 66)]] * 4
    images = [picture(faces, n) for n, faces in enumerate(places)]
    sights = [seen([box_of(face) for face in faces[: 1 + (n > 0)]]) for n, faces in enumerate(places)]
    assert not leaks(followed(Tracking(hold_all=True), images, sights, delay=3), places)


def test_a_face_beside_one_that_is_hardly_seen_is_not_taken_for_that_one() -> None:
    places: Places = [[(100, 60), (110, 70)]] * 3
    images = [picture(faces, n) for n, faces in enumerate(places)]
    hardly = seen([box_of((100, 60))], score=0.14)
    hardly["found"]["rows"][0, 0]["flags"] = LOW
    sights = [seen([box_of((100, 60))]), hardly, seen([box_of((110, 70))])]
    frames = followed(Tracking(hold_all=True), images, sights, delay=1)
    assert leaks(frames, places) == [0], "no look reaches so far"


def test_all_that_was_found_is_held_from_the_frame_on_for_which_that_is_said() -> None:
    images, places = standing(6)
    bench = Bench(Tracking(), SPEC)
    tune(bench.stage, {}, {"hold_all": True})
    sights = sights_of(places, [True] + [False] * 5)
    frames = [bench.frame(image=image, **sight) for image, sight in zip(images, sights, strict=True)]
    assert not leaks(frames, places)


CROWD = Path(__file__).resolve().parents[2] / "shared" / "data" / "panclips" / "faces_crowd"


@pytest.mark.skipif(not CROWD.with_suffix(".mp4").is_file(), reason=f"no test clip at {CROWD}.mp4")
def test_in_a_filmed_crowd_a_fifth_of_all_faces_missed_at_random_exposes_nobody() -> None:
    seed = 2
    truth = json.loads(CROWD.with_suffix(".json").read_text())
    images = decode(CROWD.with_suffix(".mp4"))[:30]
    spec, rng = FrameSpec(width=truth["width"], height=truth["height"], rate=truth["fps"]), np.random.default_rng(seed)
    per_frame = truth["per_frame"][:30]
    sights = [
        seen([face["box"] for face in now["must"] + now["optional"] if rng.random() >= 0.2], spec) for now in per_frame
    ]
    shown = total = 0
    for frame, now in zip(followed(Tracking(hold_all=True), images, sights, delay=5), per_frame, strict=True):
        for face in now["must"]:
            total += face["visible"] >= 0.9
            shown += face["visible"] >= 0.9 and exposed(frame, face["box"])
    assert total > 200
    assert shown == 0, f"{seed = }"
