"""Steering: which rate a stream aims at just now, and which loop keeps it there: what was wished for, what is shared,
and what gets through."""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction

from pipeline.frame import FrameSpec
from stages.codec.adapting import Adapting
from stages.codec.delivery import Delivery
from stages.codec.rate import Fixed, FloorLoop, Loop, RateLoop
from stages.codec.settings import Settings
from stages.codec.sharing import Share
from stages.codec.throughput import EVERY, SystemThroughput, Throughput
from stages.output.wishes import bits

LOOKED_AT = 8  # pictures, to know how many come
SLOWER = 0.9  # times the stream's own rate: one that is no slower than that is as it should be
MOST_THINNED = 16.0
ASKED_EVERY = 8  # pictures from one look at who else shares to the next


class Rate:
    """How many pictures a second truly come: fewer than the stream has where a live run leaves some out."""

    def __init__(self, nominal: float) -> None:
        self._nominal = nominal
        self._seen: deque[float] = deque(maxlen=LOOKED_AT)

    def add(self, seconds: float) -> None:
        """A picture that the stream puts at `seconds`."""
        if self._seen and seconds <= self._seen[-1]:  # it has begun anew
            self._seen.clear()
        self._seen.append(seconds)

    @property
    def thinned(self) -> float:
        """How many times fewer they are; 1 where all come. What one may take grows as much."""
        if len(self._seen) < 2:
            return 1.0
        came = (len(self._seen) - 1) / (self._seen[-1] - self._seen[0])
        return min(max(self._nominal / came, 1.0), MOST_THINNED) if came < SLOWER * self._nominal else 1.0


class Steering:
    """Of one run; outlives the coder. The settings may change between two pictures."""

    def __init__(self, settings: Settings, spec: FrameSpec, system: SystemThroughput | None = None) -> None:
        """Raises SetupError where nothing can be shared."""
        self._settings, self._spec = settings, spec
        self._rate = float(spec.rate)
        self._own, self._system = Throughput(self._rate), system or SystemThroughput(every=EVERY)
        self._adapting = Adapting(self._rate)
        self._share = Share(settings.share, settings.weight) if settings.share is not None else None
        self._part = 1.0
        self._pictures = 0
        self._kbps = self._system_kbps = math.nan
        self._own_rate = Rate(self._rate)

    @property
    def target(self) -> float:
        """Bits/s; NaN where a quality is aimed at instead."""
        if self._settings.floor is not None or self._settings.quantiser is not None:
            return math.nan
        return self._adapting.cap(self._part * self._wished)

    @property
    def ratio(self) -> float:
        """Bits per pixel that are aimed at; that are taken, where a quality is aimed at."""
        aimed = self.target
        return (self._kbps * 1000 if math.isnan(aimed) else aimed) / (self._pixels * self._rate)

    @property
    def _pixels(self) -> int:
        return self._spec.width * self._spec.height

    @property
    def _wished(self) -> float:
        return self._settings.wished(self._pixels, self._rate)

    def loop(self, period: int) -> Loop:
        """A new one, for a stream with a key picture every `period` pictures."""
        settings = self._settings
        if settings.quantiser is not None:
            return Fixed(settings.quantiser, settings.background)
        if settings.floor is not None:
            return FloorLoop(settings.floor, settings.background)
        rate = Fraction(self._spec.rate)
        return RateLoop(rate, self.target, period, self._pixels, background=settings.background)

    def fits(self, loop: Loop) -> bool:
        """Whether it aims at what is aimed at now; then it gets its present figures."""
        settings = self._settings
        loop.background = settings.background
        match loop:
            case Fixed() if settings.quantiser is not None:
                loop.quantiser = settings.quantiser
            case FloorLoop() if settings.quantiser is None and settings.floor is not None:
                loop.floor = settings.floor
            case RateLoop() if not math.isnan(self.target):
                loop.target = self.target * self._own_rate.thinned
            case _:
                return False
        return True

    def listen(self, delivered: Delivery | None, now: float) -> None:
        """Before a picture: how an earlier one was delivered, and who else shares the cap. `now` in seconds."""
        if delivered is not None and self._settings.follows_stream:
            self._adapting.delivered(delivered, now)
        if self._share is not None and self._pictures % ASKED_EVERY == 0:
            self._part = self._share.part()

    def took(self, size: int, pts: int) -> tuple[float, float, float]:
        """After a picture of so many bytes: kbit/s of the stream, of the system, and aimed at."""
        self._pictures += 1
        self._own_rate.add(float(pts * self._spec.time_base))
        self._kbps = self._own.add(size, float(pts * self._spec.time_base))
        self._system_kbps = self._system.picture()
        link = self._settings.link
        if self._settings.follows_system and link is not None and not math.isnan(self._system_kbps):
            others = max(0.0, self._system_kbps - self._kbps) if self._linked else self._system_kbps
            self._adapting.beside(1000 * others, bits(link))
        return self._kbps, self._system_kbps, self.target / 1000

    @property
    def _linked(self) -> bool:
        """Whether its own bytes are among the system's."""
        return self._adapting.linked

    def close(self) -> None:
        if self._share is not None:
            self._share.close()
