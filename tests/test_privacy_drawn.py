"""Drawn plates and faces in the place of real ones: corners are found or refused, and sources read or refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import SetupError
from stages.privacy.faces import Drawn, alignment, read_sources, similarity
from stages.privacy.quads import find_quad, in_order, plausible
from stages.privacy.templates import Templates, lightness, names
from tests.covers import BOX, CORNERS, FACE, MASK, PLATE, done, framed, objects, staged
from tests.stills import write_still

# Plates


def plate_picture(corners: np.ndarray, text: str = "AB 123") -> np.ndarray:
    plate = np.full((110, 520, 3), 240, np.uint8)
    cv2.putText(plate, text, (60, 85), cv2.FONT_HERSHEY_SIMPLEX, 2.6, (20, 20, 20), 9, cv2.LINE_AA)
    picture = np.full((241, 321, 3), (70, 60, 50), np.uint8)
    picture[::9] = (80, 70, 60)
    own = np.array(((0, 0), (520, 0), (520, 110), (0, 110)), np.float32)
    fit = cv2.getPerspectiveTransform(own, corners.astype(np.float32))
    cv2.warpPerspective(plate, fit, (321, 241), dst=picture, borderMode=cv2.BORDER_TRANSPARENT)
    return picture


@pytest.mark.parametrize(
    "corners",
    [
        ((100, 80), (204, 80), (204, 102), (100, 102)),
        ((100, 90), (196, 78), (198, 100), (101, 114)),
        ((60, 60), (250, 80), (248, 120), (62, 112)),
    ],
)
def test_the_corners_of_a_plate_are_found(corners: tuple[tuple[int, int], ...]) -> None:
    quad = np.array(corners, np.float32)
    box = np.concatenate((quad.min(0), quad.max(0)))
    found = find_quad(plate_picture(quad), box)
    assert found is not None
    assert np.abs(found - quad).max() <= 0.04 * (box[2] - box[0])


def test_where_no_corners_are_found_the_plate_is_covered_whole() -> None:
    for cls in (PLATE, FACE):  # noise has no corners; a face is no plate
        stage = staged(effect="template")
        shown = done(stage, framed(objects((cls, BOX, "")), MASK))
        assert (shown[45:155, 90:170] == 0).all()
        assert stage.context.counts["plain_instead"] == 1


def test_a_template_lies_on_the_plate_and_its_signs_are_gone() -> None:
    quad = np.array(((100, 90), (196, 82), (198, 106), (101, 114)), np.float32)
    frame = framed(objects((PLATE, (100, 82, 198, 114), "")), (80, 66, 218, 130))
    frame.image[:] = plate_picture(quad)
    before = frame.image.copy()
    shown = done(staged(effect="template", template="blank"), frame)
    middle = (slice(94, 102), slice(115, 185))
    assert before[middle].min() < 60
    assert shown[middle].min() > 180
    assert (shown[:60] == before[:60]).all()


@pytest.mark.parametrize(
    "quad",
    [
        ((0, 0), (100, 30), (100, 0), (0, 30)),  # crossed
        ((40, 10), (60, 10), (60, 16), (40, 16)),  # much too small
        ((0, 0), (100, 0), (10, 30), (0, 30)),  # a corner that is none
        ((0, 0), (100, 0), (100, np.nan), (0, 30)),
        ((60, 0), (160, 0), (160, 30), (60, 30)),  # elsewhere
    ],
)
def test_implausible_corners_are_none(quad: tuple[tuple[float, float], ...]) -> None:
    box = np.array(((0, 0), (100, 30)), np.float32)
    good = np.array(((2, 1), (98, 2), (97, 29), (1, 28)), np.float32)
    assert plausible(good, box)
    assert not plausible(np.array(quad, np.float32), box)


def test_corners_come_in_order_however_they_are_given() -> None:
    quad = np.array(((10, 10), (90, 5), (92, 40), (12, 44)), np.float32)
    for order in ((2, 0, 3, 1), (3, 2, 1, 0), (1, 2, 3, 0)):
        assert (in_order(quad[list(order)]) == quad).all()


def test_every_drawn_template_can_be_fixed_and_each_is_another() -> None:
    size = (120, 160)
    seen = {name: Templates(name).fixed(CORNERS - 40, 255, size).tobytes() for name in names() if name != "auto"}
    assert len(seen) == len(set(seen.values())) == 7
    assert lightness(np.full((4, 4, 3), 131, np.uint8)) == lightness(np.full((4, 4, 3), 129, np.uint8)) == 128


def test_a_template_that_is_neither_drawn_nor_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"template: .*or one of auto, eu, "):
        staged(template=str(tmp_path / "none.png"))


def test_ones_own_template_and_sticker_are_read(tmp_path: Path) -> None:
    own = write_still(tmp_path / "own.png", np.full((30, 120, 3), (0, 255, 0), np.uint8))
    quad = np.array(((100, 90), (196, 82), (198, 106), (101, 114)), np.float32)
    frame = framed(objects((PLATE, (100, 82, 198, 114), "")), (80, 66, 218, 130))
    frame.image[:] = plate_picture(quad)
    assert done(staged(effect="template", template=str(own)), frame)[98, 150, 1] > 180
    shown = done(staged(effect="sticker", sticker=str(own)), framed(objects((FACE, BOX, "")), MASK))
    assert shown[100, 130].tolist() == [0, 255, 0]


# Faces


def test_a_track_keeps_its_face_and_the_next_has_another() -> None:
    def shown(track: int) -> bytes:
        rows = objects((FACE, BOX, ""))
        rows["track"] = track
        return done(staged(effect="face"), framed(rows, MASK)).tobytes()

    assert shown(3) == shown(3) == shown(3 + len(Drawn()))
    assert shown(3) != shown(4)


def test_a_face_is_turned_as_its_landmarks_are() -> None:
    source = Drawn()[0]
    turn = cv2.getRotationMatrix2D((130, 100), 20, 0.45).astype(np.float32)
    marks = (source.landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    middle, half = marks.mean(0), np.array((32, 42), np.float32)
    fit = alignment(source, np.concatenate((middle - half, middle + half)), marks)
    assert np.allclose(fit, turn, atol=0.05)
    assert similarity(source.landmarks, marks)[1] < 0.1


def test_source_faces_come_from_a_folder_with_or_without_landmarks(tmp_path: Path) -> None:
    face = np.full((200, 160, 3), (90, 120, 180), np.uint8)
    marks = [[50, 80], [110, 80], [80, 110], [60, 140], [100, 140]]
    write_still(tmp_path / "a.png", face)
    (tmp_path / "a.json").write_text(json.dumps({"landmarks": marks}))
    assert len(read_sources(str(tmp_path), lambda: pytest.fail("nothing is to be looked for"))) == 1
    write_still(tmp_path / "b.png", face)
    found = read_sources(str(tmp_path), lambda: lambda picture: np.array(marks, np.float32))
    assert (found[1].landmarks == found[0].landmarks).all()
    assert found[0].picture[2, 2, 3] == 0  # of a photo only the face is shown
    with pytest.raises(SetupError, match=r"b\.png: no face is found in it.*b\.json"):
        read_sources(str(tmp_path), lambda: lambda picture: None)
    with pytest.raises(SetupError, match=r"b\.png: the face is too small"):
        read_sources(str(tmp_path), lambda: lambda picture: np.full((5, 2), np.nan, np.float32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"landmarks": [[1, 2]]}',
        '{"landmarks": [[9,9],[9,9],[9,9],[9,9],[9,9]]}',
        f'{{"landmarks": [[1{"0" * 400}, 9]]}}',
        "[" * 100_000,
    ],
    ids=["empty", "list", "one", "same", "large", "deep"],
)
def test_landmarks_that_cannot_be_are_refused(tmp_path: Path, text: str) -> None:
    write_still(tmp_path / "a.png", np.full((200, 160, 3), 90, np.uint8))
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SetupError, match=r"a\.json"):
        staged(faces=str(tmp_path))


def test_a_folder_without_faces_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(SetupError, match="faces: "):
            staged(faces=str(folder))
