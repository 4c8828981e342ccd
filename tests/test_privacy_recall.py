"""How much of faces and plates is found where people have marked them by hand; and what small things are left out."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from models.registry import load_detector
from pipeline.frame import Frame, FrameSpec
from stages.privacy import Detection
from stages.privacy.findings import outline
from tests.frames import blank_frame

DATA = Path(__file__).parents[2] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not here")


def picture(path: Path) -> np.ndarray:
    with av.open(str(path)) as box:
        return next(box.decode(video=0)).to_ndarray(format="bgr24")


def looked_at(image: np.ndarray, **options: object) -> Frame:
    spec = FrameSpec(width=image.shape[1], height=image.shape[0])
    stage = Detection.model_validate(options)
    stage.setup(spec)
    frame = blank_frame(spec)
    frame.image[:] = image
    stage.process(frame)
    return frame


@needs_data
def test_every_face_of_a_crowd_is_covered_and_the_picture_is_not() -> None:
    truth = json.loads((DATA / "faces/city_faces.json").read_text())
    covered = looked_at(picture(DATA / "faces/city.jpg"), detectors=["centerface"], classes=["face"]).labels > 0
    shares = [covered[y0:y1, x0:x1].mean() for x0, y0, x1, y1 in truth["must"]]
    assert np.mean(np.array(shares) >= 0.95) >= 0.95
    assert covered.mean() < 0.1


@needs_data
def test_faces_too_small_to_care_for_are_left_out_where_that_is_asked_for() -> None:
    image = picture(DATA / "faces/city.jpg")
    every = looked_at(image, detectors=["centerface"], classes=["face"]).found
    some = looked_at(image, detectors=["centerface"], classes=["face"], min_sizes={"face": 40}).found
    longer = (every["box"][:, 2:] - every["box"][:, :2]).max(1)
    assert 0 < (longer >= 40).sum() < len(every)
    assert len(some) == (longer >= 40).sum()


@needs_data
def test_most_plates_are_covered_with_nothing_from_the_network() -> None:
    """Some of the small pictures, as privacy-plates covers them; all of them are a matter of a benchmark."""
    finder = load_detector("plate-search")
    shares, areas = [], []
    for path in sorted((DATA / "plates_eu").glob("test_*.txt"))[::8]:
        x, y, wide, high = map(int, path.read_text().split()[1:5])
        image = picture(path.with_suffix(".jpg"))
        covered = np.zeros(image.shape[:2], bool)
        for box in finder.detect(image, 0.45).boxes:
            patch = outline(box, 0.3, "box", image.shape[:2])
            covered[patch.y : patch.y + patch.mask.shape[0], patch.x : patch.x + patch.mask.shape[1]] = True
        shares.append(covered[y : y + high, x : x + wide].mean())
        areas.append(covered.mean())
    assert np.mean(np.array(shares) >= 0.95) >= 0.85
    assert np.mean(areas) < 0.25
