"""Pins: arrays that the GPU may fetch by itself, because their pages are held in place; knows no ring."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

MAPPED_READ_ONLY = 8  # cudaHostRegisterReadOnly: memory that this process cannot write
PLAIN = 0


class Pins:
    """Registers arrays with CUDA once, and takes that back. Where it cannot be had, nothing changes but the speed."""

    def __init__(self, device: str) -> None:
        """`device`: where the network runs; for `cpu` there is nothing to do."""
        self._device = device
        self._cudart = _cudart() if device.startswith("cuda") else None
        self._held: dict[int, int] = {}  # address -> bytes; 0: refused

    def pin(self, array: NDArray[Any]) -> bool:
        """Whether the GPU can fetch from this array without a copy in between. Call it again as often as you like.

        The array must be contiguous, and mapped until `close`."""
        if self._cudart is None:
            return False
        address = int(array.__array_interface__["data"][0])
        if address not in self._held:
            self._held[address] = array.nbytes if self._register(address, array) else 0
        return self._held[address] > 0

    def close(self) -> None:
        """Let go of all pages."""
        for address, nbytes in self._held.items():
            if nbytes and self._cudart is not None:
                self._cudart.cudaHostUnregister(address)
        self._held.clear()

    def _register(self, address: int, array: NDArray[Any]) -> bool:
        assert self._cudart is not None
        if not array.flags.c_contiguous:
            return False
        flags = PLAIN if array.flags.writeable else MAPPED_READ_ONLY
        done = int(self._cudart.cudaHostRegister(address, array.nbytes, flags)) == 0
        if not done:
            _forget_refusal(self._device)
        return done


def _forget_refusal(device: str) -> None:
    """CUDA reports what it has refused once more, to whoever starts the next kernel."""
    import torch

    with suppress(RuntimeError):
        torch.zeros(1, device=device)


def _cudart() -> Any:
    import torch

    cuda: Any = torch.cuda
    return cuda.cudart()
