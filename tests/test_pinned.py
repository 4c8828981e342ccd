"""Arrays that the GPU may fetch by itself: registered once, unregistered at the end, and no need for any of it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from models.pinned import MAPPED_READ_ONLY, PLAIN, Pins
from pipeline.frame import FrameSpec
from stages.inpainting import Inpainting
from tests.frames import blank_frame


class Cudart:
    """The calls of CUDA's runtime, and what it was asked for."""

    def __init__(self, refuses: bool = False) -> None:
        self.registered: list[tuple[int, int, int]] = []
        self.unregistered: list[int] = []
        self._answer = 801 if refuses else 0  # cudaErrorNotSupported

    def cudaHostRegister(self, address: int, nbytes: int, flags: int) -> int:
        self.registered.append((address, nbytes, flags))
        return self._answer

    def cudaHostUnregister(self, address: int) -> int:
        self.unregistered.append(address)
        return 0


@pytest.fixture
def cudart(monkeypatch: pytest.MonkeyPatch) -> Cudart:
    fake = Cudart()
    monkeypatch.setattr("models.pinned._cudart", lambda: fake)
    return fake


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_an_array_is_registered_once_and_let_go_at_the_end(cudart: Cudart) -> None:
    pins, array = Pins("cuda:0"), np.zeros((4, 5, 3), np.uint8)
    assert pins.pin(array)
    assert pins.pin(array[:])  # the same memory
    assert cudart.registered == [(address(array), 60, PLAIN)]
    pins.close()
    pins.close()
    assert cudart.unregistered == [address(array)]


def test_what_this_process_may_only_read_is_registered_as_such(cudart: Cudart) -> None:
    array = np.zeros((4, 5), np.uint8)
    array.flags.writeable = False
    assert Pins("cuda").pin(array)
    assert cudart.registered == [(address(array), 20, MAPPED_READ_ONLY)]


def test_where_it_is_refused_it_is_not_tried_again_and_not_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, forgotten = Cudart(refuses=True), list[str]()
    monkeypatch.setattr("models.pinned._cudart", lambda: fake)
    monkeypatch.setattr("models.pinned._forget_refusal", forgotten.append)
    pins, array = Pins("cuda"), np.zeros(8, np.uint8)
    assert [pins.pin(array), pins.pin(array)] == [False, False]
    assert len(fake.registered) == 1
    assert forgotten == ["cuda"], "or the next kernel would fail in its stead"
    pins.close()
    assert fake.unregistered == []


def test_a_part_of_an_array_is_not_pinned(cudart: Cudart) -> None:
    assert not Pins("cuda").pin(np.zeros((8, 8), np.uint8)[:, ::2])
    assert cudart.registered == []


def test_on_a_processor_torch_is_not_even_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would raise
    pins = Pins("cpu")
    assert not pins.pin(np.zeros(4, np.uint8))
    pins.close()


def test_inpainting_pins_what_it_reads_slot_by_slot(cudart: Cudart) -> None:
    spec = FrameSpec(width=32, height=24)
    stage = Inpainting(model="push-pull")
    stage.setup(spec)
    stage._pins = Pins("cuda")
    slots = [blank_frame(spec), blank_frame(spec)]
    for frame in slots * 3:
        stage.process(frame)
    wanted = {address(frame.planes[name]) for frame in slots for name in ("filled", "rest")}
    assert {at for at, _, _ in cudart.registered} == wanted
    assert len(cudart.registered) == 4
    stage.close()
    assert set(cudart.unregistered) == wanted
