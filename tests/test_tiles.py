"""Large pictures in parts: everything is covered, and who lies over an edge is one."""

from __future__ import annotations

import numpy as np
import pytest

from models.base import Image, Instances, ModelInfo, Patch
from models.tiles import layout, segment

HEIGHT, WIDTH = 240, 400


class Blobs:
    """Finds each grey level above 0 as an instance, in whatever part of the picture it is shown."""

    info, names = ModelInfo("blobs"), ("person",)

    def __init__(self, least: int = 1) -> None:
        self.least = least  # pixels of height in a picture below which nothing is found

    def segment(self, image: Image) -> Instances:
        rows = []
        for level in np.unique(image[..., 0])[1:].tolist():
            y, x = np.nonzero(image[..., 0] == level)
            if np.ptp(y) + 1 >= self.least * image.shape[0] / HEIGHT:
                box = x.min(), y.min(), x.max() + 1, y.max() + 1
                mask = (image[box[1] : box[3], box[0] : box[2], 0] == level).astype(np.uint8) * np.uint8(255)
                rows.append((box, level / 255, Patch(int(box[0]), int(box[1]), mask)))
        rows.sort(key=lambda row: -row[1])
        boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
        scores = np.array([row[1] for row in rows], np.float32)
        return Instances(boxes, scores, np.zeros(len(rows), np.int64), tuple(row[2] for row in rows))

    def tune(self, **wanted: object) -> None:
        raise NotImplementedError

    def warm_up(self, height: int, width: int) -> float:
        raise NotImplementedError


def scene(*boxes: tuple[int, int, int, int]) -> Image:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        image[y0:y1, x0:x1] = 250 - 10 * number
    return image


def found(image: Image, across: int, least: int = 1) -> Instances:
    blobs = Blobs(least)
    return segment(blobs, image, blobs.segment(image), layout(HEIGHT, WIDTH, across))


@pytest.mark.parametrize("across", [1, 2, 3, 5])
@pytest.mark.parametrize(("height", "width"), [(240, 400), (1080, 1920), (101, 77)])
def test_tiles_cover_the_picture_and_overlap(height: int, width: int, across: int) -> None:
    covered = np.zeros((height, width), int)
    tiles = layout(height, width, across)
    for tile in tiles:
        covered[tile.y0 : tile.y1, tile.x0 : tile.x1] += 1
        assert (tile.x1 - tile.x0) / (tile.y1 - tile.y0) == pytest.approx(width / height, rel=0.08)
    assert covered.min() == 1
    assert len(tiles) == across**2
    if across > 1:
        assert (covered > 1).mean() > 0.1


def test_who_is_too_small_in_the_whole_picture_is_found_in_a_tile() -> None:
    image = scene((40, 30, 44, 40), (300, 150, 304, 160))
    assert len(Blobs(least=15).segment(image)) == 0
    both = found(image, 2, least=15)
    assert both.boxes.tolist() == [[40, 30, 44, 40], [300, 150, 304, 160]]


def test_who_is_seen_by_several_tiles_is_one() -> None:
    image = scene((170, 90, 190, 130))  # in all four, cut off by two edges
    one = found(image, 2)
    assert one.boxes.tolist() == [[170, 90, 190, 130]]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    one.paint(mask)
    assert ((mask > 0) == (image[..., 0] > 0)).all()


def test_a_mask_is_joined_where_no_part_shows_all_of_it() -> None:
    image = scene((60, 100, 340, 140))
    nobody = Instances(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), ())
    joined = segment(Blobs(), image, nobody, layout(HEIGHT, WIDTH, 2)[:2])
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    joined.paint(mask)
    assert ((mask > 0) == (image[..., 0] > 0))[:128].all()


def test_two_who_stand_side_by_side_stay_two() -> None:
    assert len(found(scene((170, 90, 190, 130), (190, 90, 210, 130)), 2)) == 2


def test_an_empty_picture_has_nobody() -> None:
    assert len(found(scene(), 3)) == 0
