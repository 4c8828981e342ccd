"""Codec: codes each picture so that the bits lie where they matter, decodes it again, and says how well that went."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import PrivateAttr

from pipeline.frame import Frame, FrameSpec, Image, Layout, Plane
from stages.codec import diary, readings
from stages.codec.coders import decoder_for, encoder_for, simulation
from stages.codec.delivery import Delivery
from stages.codec.diary import Diary, new_diary
from stages.codec.packet import Packet
from stages.codec.prefilter import Prefilter
from stages.codec.readings import Readings
from stages.codec.settings import Settings
from stages.codec.steering import Steering
from stages.codec.stream import Coder, Made, Simulation, Stream

LONGEST_PATH = 4096  # bytes


class Codec(Settings):
    """Writes what a decoder makes of the bytes (`clean`), the bytes themselves (`coded`), and what was measured
    (`readings`). After a crash, and after anything that went wrong over a picture, it goes on with a key picture."""

    planes: ClassVar[Mapping[str, Plane]] = {
        "coded": Plane("coded", "bytes"),
        "readings": Plane("readings", "numbers"),
    }
    stateful: ClassVar[bool] = True
    heavy: ClassVar[bool] = True
    deadline: ClassVar[float] = 10.0
    setup_deadline: ClassVar[float] = 240.0  # a network draws a picture of 8K
    lag: ClassVar[int] = 4  # frames after which it looks how one was delivered

    _spec: FrameSpec = PrivateAttr()
    _steering: Steering = PrivateAttr()
    _held: list[Steering] = PrivateAttr(default_factory=list)  # to be closed: none before `setup()`
    _stream: Coder | None = PrivateAttr(default=None)
    _prefilter: Prefilter = PrivateAttr(default_factory=lambda: Prefilter(0.0))
    _key_pts: int | None = PrivateAttr(default=None)  # of the last key picture
    _asked: int = PrivateAttr(default=0)  # number of the picture that was to be a key picture because it was asked for
    _diary: Diary | None = PrivateAttr(default=None)

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override] # its own head needs no mask
        return ("image",) if self.mask == "head" else ("image", "mask")

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override] # who finds the mask writes it
        return ("clean", "coded", "readings", *(("mask",) if self.mask == "head" else ()))

    @property
    def recalls(self) -> tuple[str, ...]:  # type: ignore[override] # frames are kept for it only where it looks at them
        return ("delivered",) if self.follows_stream else ()

    def memory(self, spec: FrameSpec) -> Layout:
        """`coded`: 1 where there was a picture, how many, the size of the log, and the last one's `life`: see Frame."""
        return {"coded": ((4,), "i8")}

    def pool(self, spec: FrameSpec) -> Layout:
        """`log`: where it is, in UTF-8."""
        return {"log": ((LONGEST_PATH,), "u1")}

    def setup(self, spec: FrameSpec) -> None:
        """Load the coder. Raises SetupError."""
        self._spec = spec
        self._steering = Steering(self, spec)
        self._held.append(self._steering)
        if self.coder == "neural" and self.mode == "code":
            self._warm_up()
        self._stream = self._begin()

    def _warm_up(self) -> None:
        """How long a picture takes at most says after which time the stage is taken for hung: noise is the worst."""
        noise = np.random.default_rng(0).integers(0, 256, (self._spec.height, self._spec.width, 3), np.uint8)
        stream, begun = self._begin(), time.monotonic()
        stream.code(noise, np.full(noise.shape[:2], 255, np.uint8), key=True)
        self.context.warmed(time.monotonic() - begun)
        stream.close()

    def _begin(self) -> Coder:
        if self.mode == "simulate":
            return Simulation(simulation(self.device), lambda: self.bandwidth)
        encoder = encoder_for(self.coder, self.codec, self._spec, self.key_every, self.device)
        self.context.model(**encoder.info.facts())
        period = max(1, round(self.key_every * self._spec.rate))
        return Stream(encoder, decoder_for(encoder.kind, self.device), self._steering.loop(period), period)

    # A picture

    def process(self, frame: Frame) -> None:
        known, number, size, life = frame.before["coded"].tolist()
        if self._stream is None:
            self._stream = self._begin()
        stream, self._stream = self._stream, None  # whatever goes wrong from here on ends it
        delivered = _delivery(frame)
        self._steering.listen(delivered, time.monotonic())
        if self.mode == "code" and not self._steering.fits(stream.loop):
            stream.loop = self._steering.loop(stream.period)
        key = bool(known and life != frame.life) or self._is_due(frame) or self._is_asked_for(delivered, number)
        mask = self._region(frame, stream)
        self._prefilter.strength = self.prefilter
        image = self._prefilter.apply(frame.image, mask) if self.prefilter else frame.image
        made = stream.code(image, mask, key=key)
        np.copyto(frame.clean, made.decoded)
        Packet(made.coded.data, stream.kind, made.coded.key, number).put(frame.planes["coded"])
        found = self._measured(frame, mask, made)
        stream.loop.saw(len(made.coded.data), key=made.coded.key, psnr=found.region_psnr)
        found.put(frame.planes["readings"])
        frame.after["coded"][:] = 1, number + 1, self._written(frame, found, size), frame.life
        if self.report_every and frame.index % self.report_every == 0:
            self.context.line(diary.line(frame.index, found))
        self._stream, self._key_pts = stream, frame.pts if made.coded.key else self._key_pts

    def _is_due(self, frame: Frame) -> bool:
        """Whether the last key picture was longer ago than it should be: a live run may have left out many since."""
        if self._key_pts is None:
            return False
        passed = (frame.pts - self._key_pts) * self._spec.time_base
        return passed > self.key_every + 0.5 / self._spec.rate

    def _is_asked_for(self, delivered: Delivery | None, number: int) -> bool:
        """Whether the export waits for a key picture, and none is on its way."""
        if delivered is None or not delivered.wants_key or number - self._asked <= 2 * self.lag:
            return False
        self._asked = number
        return True

    def _region(self, frame: Frame, stream: Coder) -> Image:
        """uint8 [H, W], 255 where the bits are to go."""
        if self.mask == "head":
            np.copyto(frame.planes["mask"], stream.region(frame.image))
        return frame.mask

    def _measured(self, frame: Frame, mask: Image, made: Made) -> Readings:
        size = len(made.coded.data)
        rates = self._steering.took(size, frame.pts) if size else (math.nan, math.nan, math.nan)
        return Readings(
            self._steering.ratio if size else self.bandwidth,
            *readings.psnr(frame.image, made.decoded, mask),
            *readings.ssim(frame.image, made.decoded, mask),
            *rates,
            made.quantiser.region,
            made.quantiser.background,
            size or math.nan,
            np.count_nonzero(mask) / mask.size,
        )

    def _written(self, frame: Frame, found: Readings, size: int) -> int:
        """The size of the log with this picture's row."""
        if self.log is None:
            return 0
        if self._diary is None:
            self._diary = Diary(self._log_file(self.log, frame), size)
        self._diary.cut(size)  # a row of a picture that is done again
        self._diary.add(frame.index, found)
        return self._diary.size

    def _log_file(self, folder: str, frame: Frame) -> Path:
        """The one that was begun, by whichever incarnation."""
        place = frame.pool["log"]
        if not place[0]:
            name = str(new_diary(folder, self.bandwidth)).encode()[:LONGEST_PATH]
            place[: len(name)] = memoryview(name)
        return Path(place.tobytes().rstrip(b"\0").decode())

    def close(self) -> None:
        for one in (self._stream, self._diary, *self._held):
            if one is not None:
                one.close()
        self._stream, self._diary = None, None
        self._held.clear()


def _delivery(frame: Frame) -> Delivery | None:
    """How a frame before this one was delivered, where it is known."""
    if frame.finished is None or "delivered" not in frame.finished.planes:
        return None
    return Delivery.of(frame.finished.planes["delivered"])
