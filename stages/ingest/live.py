"""Live: what all live sources share: how long they wait for whom, which pictures they let in, how they stamp them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, PrivateAttr

from pipeline.frame import FrameSpec
from pipeline.stage import Source
from stages.ingest.arrival import TIME_BASE, Arrival
from stages.ingest.gate import Gate

RECONNECTING = "reconnecting"


class Live(Source):
    """A source that goes on by itself: frames drop where the pipeline is slower, and it comes back when it is lost."""

    live: ClassVar[bool] = True
    setup_deadline: ClassVar[float] = 60.0

    timeout: float = Field(default=30, gt=0, le=86400, description="seconds to wait for the first picture")
    silence: float = Field(
        default=5, ge=0.5, le=3600, description="seconds without a picture after which the source counts as gone"
    )
    give_up: float | None = Field(
        default=None, gt=0, description="seconds without the source after which the run ends; none: never"
    )
    check: bool = Field(default=True, description="reject what is no picture: half grey, torn, black for long, noise")
    frozen: float | None = Field(
        default=None, gt=0, description="seconds after which pictures alike to the bit are rejected; none: never"
    )

    _gate: Gate | None = PrivateAttr(default=None)
    _arrival: Arrival = PrivateAttr(default_factory=Arrival)

    def live_spec(self, spec: FrameSpec) -> FrameSpec:
        """The spec of this source's frames; to be passed through once it is known what comes."""
        if self.check:
            self._gate = Gate(spec.height, spec.width, frozen=self.frozen)
        return spec.model_copy(update={"live": True, "time_base": TIME_BASE, "declared_frames": None})

    def judge(self) -> bool:
        """Look at the picture in `self.frame`: reject it, or say that it is one."""
        reason = self._gate.judge(self.frame.image) if self._gate is not None else None
        self.frame.rejected = reason or ""
        return reason is None

    def back(self) -> None:
        """What comes now comes after a gap: it has a clock of its own, and nothing known before need hold."""
        self._arrival.reconnected()
        self.frame.fresh = True

    def resume(self, frames: int, pts: int) -> None:
        self._arrival.resume(frames, pts)
