"""The ring's memory: laid out on pages, sealed, read-only where it is lent so, and gone with its last descriptor."""

from __future__ import annotations

import mmap
import os
import resource
import signal

import numpy as np
import pytest

from pipeline.errors import RingError
from pipeline.frame import OBJECTS, STANDARD_PLANES, FrameSpec
from pipeline.ring import MARGIN, PAGE, FrameRing, Region, memory_region, plane_region

SPEC = FrameSpec(width=321, height=241)


def ring_of(*names: str, slots: int = 3) -> FrameRing:
    return FrameRing.create([plane_region(STANDARD_PLANES[name], SPEC, slots) for name in names])


@pytest.mark.parametrize("size", [(1, 1), (321, 241), (768, 432), (1280, 720)])
def test_every_slot_starts_on_a_page_and_has_a_margin_behind_it(size: tuple[int, int]) -> None:
    region = plane_region(STANDARD_PLANES["image"], FrameSpec(width=size[0], height=size[1]), 4)
    assert region.stride % PAGE == 0
    assert region.stride >= size[0] * size[1] * 3 + MARGIN


def test_what_one_mapping_writes_another_reads_and_slots_do_not_overlap() -> None:
    ring = ring_of("image")
    region = ring.regions["image"]
    writer, reader = ring.lend("image", writable=True), ring.lend("image", writable=False)
    written, read = region.arrays(writer, writable=True), region.arrays(reader, writable=False)
    for number, array in enumerate(written):
        array[:] = number + 1
    assert [set(np.unique(array)) for array in read] == [{1}, {2}, {3}]
    assert read[0].shape == (241, 321, 3)
    os.close(writer)
    os.close(reader)
    ring.close()


def test_through_a_read_only_descriptor_nothing_can_be_written() -> None:
    ring = ring_of("image")
    reader = ring.lend("image", writable=False)
    array = ring.regions["image"].arrays(reader, writable=False)[0]
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True
    with pytest.raises(PermissionError):
        mmap.mmap(reader, 0, mmap.MAP_SHARED, mmap.PROT_WRITE)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(reader, b"x")
    os.close(reader)
    ring.close()


def test_the_size_is_sealed() -> None:
    ring = ring_of("mask")
    fd = ring.lend("mask", writable=True)
    for size in (0, 1 << 30):
        with pytest.raises(PermissionError):
            os.ftruncate(fd, size)
    os.close(fd)
    ring.close()


@pytest.mark.fault("B5")
def test_every_page_is_reserved_at_the_start() -> None:
    ring = ring_of("image")
    fd = ring.lend("image", writable=True)
    assert os.fstat(fd).st_blocks * 512 >= ring.nbytes
    os.close(fd)
    ring.close()


@pytest.mark.fault("B5", "B6")
def test_memory_that_is_not_there_is_refused_in_words_and_nothing_is_kept() -> None:
    before = set(os.listdir("/proc/self/fd"))
    small = plane_region(STANDARD_PLANES["mask"], SPEC, 2)
    absurd = Region("image", (1 << 50,), np.dtype(np.uint8), 4)
    with pytest.raises(RingError, match="'image'"):
        FrameRing.create([small, absurd])
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.fault("B5")
def test_a_size_that_overflows_64_bits_is_not_taken_for_a_small_one() -> None:
    with pytest.raises(RingError, match="'plate/sums'"):
        FrameRing.create([memory_region("plate/sums", (1 << 40, 1 << 40), "|u1")])


@pytest.mark.fault("B6")
def test_memory_that_the_kernel_refuses_is_named_with_its_size() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    before = set(os.listdir("/proc/self/fd"))
    try:
        with pytest.raises(RingError, match=r"'image' \(3 x \d+\.\d MB\): .+; fewer slots need less") as caught:
            FrameRing.create([Region("image", (1 << 20,), np.dtype(np.uint8), 3)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 3
    assert set(os.listdir("/proc/self/fd")) == before


def test_nothing_is_named_and_no_descriptor_is_left() -> None:
    shared, before = set(os.listdir("/dev/shm")), set(os.listdir("/proc/self/fd"))
    ring = ring_of("image", "mask", "objects")
    assert set(os.listdir("/dev/shm")) == shared
    ring.close()
    assert set(os.listdir("/proc/self/fd")) == before


def test_objects_are_a_table_and_lasting_memory_has_two_buffers() -> None:
    assert plane_region(STANDARD_PLANES["objects"], SPEC, 2).dtype == OBJECTS
    region = memory_region("plate/color", (4, 4, 3), "|u1")
    assert (region.count, region.shape) == (2, (4, 4, 3))
