"""The model of `docs/scaling.md`: how long a job takes on many machines, from what was measured on one. Arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Model:
    """What a job is made of. `rate`: frames/s of the film; `start_s`: until a segment's first frame; `lane_fps`:
    frames/s of a lane afterwards; `cut_s`: of the driver for each segment; the others bytes/s, of the film's own time
    but for `join_bytes_per_s`."""

    rate: float
    preroll_s: float
    start_s: float
    lane_fps: float
    cut_s: float
    cut_bytes_per_s: float
    output_bytes_per_s: float
    join_bytes_per_s: float

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Model:
        """From the part `model` of a result."""
        return cls(**{name: float(content[name]) for name in cls.__dataclass_fields__})

    def segment_s(self, segment: float) -> float:
        """Seconds of a lane for a segment of so many seconds."""
        return self.start_s + (self.preroll_s + segment) * self.rate / self.lane_fps

    def work_s(self, film: float, segment: float, lanes: int) -> float:
        """Seconds until the last of a film's segments is done: in rounds, or as fast as the driver cuts."""
        count = segments(film, segment)
        return max(math.ceil(count / lanes) * self.segment_s(segment), count * self.cut_s + self.segment_s(segment))

    def join_s(self, film: float) -> float:
        """Seconds of joining: one process, which reads and writes everything."""
        return film * self.output_bytes_per_s / self.join_bytes_per_s

    def whole_s(self, film: float, segment: float, lanes: int) -> float:
        """Seconds of a job."""
        return self.work_s(film, segment, lanes) + self.join_s(film)

    def lanes_fed(self, segment: float) -> float:
        """Lanes that the driver can keep busy by cutting."""
        return self.segment_s(segment) / self.cut_s

    def lanes_linked(self, segment: float, link: float) -> float:
        """Lanes that a link of so many bytes/s to the driver can keep busy, where nothing is shared: a cut goes out, a
        result comes back."""
        travels = (segment + self.preroll_s) * self.cut_bytes_per_s + segment * self.output_bytes_per_s
        return self.segment_s(segment) * link / travels


def segments(film: float, segment: float) -> int:
    """How many segments a film of so many seconds has."""
    return math.ceil(film / segment)
