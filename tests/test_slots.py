"""What a worker is lent: the right slot, the right half of its memory, and never what lies under a blank."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from pipeline.frame import MAX_OBJECTS, OBJECT, STANDARD_PLANES, FrameSpec
from pipeline.messages import Grant, Mapping
from pipeline.posts import Loan
from pipeline.ring import FrameRing, memory_region, plane_region, pool_region
from pipeline.slots import SlotViews

SPEC = FrameSpec(width=16, height=8)


@pytest.fixture
def views() -> SlotViews:
    """Three slots of image (read), objects and mask (written), clean (recalled), a lasting array, one kept once."""
    regions = [plane_region(STANDARD_PLANES[name], SPEC, 3) for name in ("image", "objects", "mask", "clean")]
    regions += [memory_region("stage/sum", (1,), "<i8"), pool_region("stage/shelf", (4,), "|u1")]
    ring = FrameRing.create(regions)
    writer = ring.lend("image", writable=True)
    for number, array in enumerate(regions[0].arrays(writer, writable=True)):
        array[:] = number + 1
    flags = [("image", False, False), ("objects", True, False), ("mask", True, False), ("clean", False, False)]
    flags += [("stage/sum", True, True), ("stage/shelf", True, True)]
    mappings, fds = [], []
    for (name, writable, memory), region in zip(flags, regions, strict=True):
        dtype = "objects" if name == "objects" else region.dtype.str
        short = name.rpartition("/")[2]
        mappings.append(
            Mapping(
                name=short,
                shape=region.shape,
                dtype=dtype,
                count=region.count,
                writable=writable,
                memory=memory,
                recalled=name == "clean",
            )
        )
        fds.append(ring.lend(name, writable=writable))
    ring.close()
    return SlotViews(mappings, fds)


def grant(slot: int, **facts: int | bool) -> Grant:
    return Grant(slot, 1, 7, 70, 10, **facts)  # type: ignore[arg-type]


def test_the_granted_slot_is_lent_with_its_number_and_time(views: SlotViews) -> None:
    frame = views.frame(grant(1))
    assert (frame.index, frame.pts, frame.duration, frame.blank) == (7, 70, 10, False)
    assert set(np.unique(frame.image)) == {2}
    assert frame.mask.shape == (8, 16)


def test_lending_the_same_slot_again_makes_nothing_new(views: SlotViews) -> None:
    assert views.frame(grant(2)) is views.frame(grant(2))


def test_a_blank_frame_shows_a_blank_and_never_the_slot(views: SlotViews) -> None:
    frame = views.frame(grant(1, blank=True))
    assert frame.blank
    assert not frame.image.any()


def test_a_blank_cannot_be_written_into_by_one_and_shown_by_the_next(views: SlotViews) -> None:
    with pytest.raises(ValueError, match="read-only"):
        views.frame(grant(1, blank=True)).mask[:] = 255


def test_a_stage_that_is_lent_no_plane_still_gets_its_frames() -> None:
    views = SlotViews([], [])
    assert views.frame(grant(5)).index == 7
    assert views.frame(grant(5)).planes == {}


def test_what_a_stage_only_reads_it_cannot_write(views: SlotViews) -> None:
    with pytest.raises(ValueError, match="read-only"):
        views.frame(grant(0)).image[:] = 1
    views.frame(grant(0)).mask[:] = 1


def test_a_mapping_keeps_the_memory_and_one_descriptor_until_it_is_let_go() -> None:
    """That one is Python's own: `mmap` duplicates what it is given."""
    before = set(os.listdir("/proc/self/fd"))
    region = plane_region(STANDARD_PLANES["image"], SPEC, 2)
    ring = FrameRing.create([region])
    mapping = Mapping(name="image", shape=region.shape, dtype="|u1", count=2, writable=False)
    views = SlotViews([mapping], [ring.lend("image", writable=False)])
    ring.close()
    assert len(set(os.listdir("/proc/self/fd")) - before) == 1
    assert not views.frame(grant(1)).image.any(), "the memory is still there"
    del views
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_rejection_does_not_stick_to_the_slot(views: SlotViews) -> None:
    views.frame(grant(0)).rejected = "torn"
    assert views.frame(grant(0)).rejected == ""


def test_the_half_to_read_is_locked_and_the_other_is_written(views: SlotViews) -> None:
    first = views.frame(grant(0, buffer=0))
    first.after["sum"][:] = 5
    with pytest.raises(ValueError, match="read-only"):
        first.before["sum"][:] = 1
    second = views.frame(grant(1, buffer=1))
    assert int(second.before["sum"][0]) == 5
    assert int(views.frame(grant(1, buffer=0)).after["sum"][0]) == 5


def test_what_is_kept_once_is_the_same_for_every_frame_and_both_halves(views: SlotViews) -> None:
    views.frame(grant(0, buffer=0)).pool["shelf"][1] = 9
    for slot, buffer in ((0, 1), (1, 0), (2, 1)):
        frame = views.frame(grant(slot, buffer=buffer))
        assert frame.pool["shelf"].tolist() == [0, 9, 0, 0]
        assert set(frame.before) == set(frame.after) == {"sum"}


def test_frames_that_are_lent_show_their_planes_and_none_can_be_written(views: SlotViews) -> None:
    lent = [Loan(slot, 1, slot + 10, slot + 20, 2) for slot in range(3)]
    frame = views.frame(dataclasses.replace(grant(1), finished=lent[0], later=(lent[2],)))
    assert set(frame.planes) == {"image", "objects", "mask"}
    finished, (later,) = frame.finished, frame.later
    assert finished is not None
    assert (finished.index, finished.pts, finished.duration) == (10, 20, 2)
    assert (set(finished.planes), set(later.planes)) == ({"image", "objects", "mask", "clean"}, {"image"})
    assert (finished.image[0, 0, 0], frame.image[0, 0, 0], later.image[0, 0, 0]) == (1, 2, 3)
    for plane in (*finished.planes.values(), *later.planes.values()):
        with pytest.raises(ValueError, match="read-only"):
            plane[:] = 1
    again = views.frame(grant(1))
    assert (again.finished, again.later) == (None, ())


def test_of_too_many_objects_the_best_stay(views: SlotViews) -> None:
    rows = np.zeros(MAX_OBJECTS + 50, OBJECT)
    rows["score"] = np.linspace(0, 1, len(rows))
    frame = views.frame(grant(0))
    frame.put_objects(rows)
    assert len(frame.objects) == MAX_OBJECTS
    assert frame.objects["score"].min() == pytest.approx(rows["score"][50])
    frame.put_objects(rows[:0])
    assert len(frame.objects) == 0
