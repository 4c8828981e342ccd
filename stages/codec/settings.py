"""Settings: what may be said of a coded stream: what codes it, how many bits it may take, and what that depends on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipeline.plan import NAME
from pipeline.stage import Transform, live
from stages.codec.coders import CoderName
from stages.output.wishes import Bitrate, bits

Adapt = Literal["none", "stream", "system", "both"]


class Settings(Transform):
    """The fields of the codec."""

    coder: CoderName = Field(
        default="roi",
        description="roi: H.264 or H.265 with finer quantisers in the region; neural: a network of our own",
    )
    codec: Literal["h264", "h265"] = Field(default="h264", description="of roi")
    bandwidth: float = live(
        default=0.10,
        gt=0,
        le=24,
        description="bits per pixel, all of them counted: 0.10 of 640x360 at 25 pictures/s are 576 kbit/s",
    )
    bitrate: Bitrate | None = live(default=None, description="bits per second instead, as 800k or 2M; a cap")
    floor: float | None = live(
        default=None,
        gt=0,
        le=60,
        description="dB of PSNR at which the region is kept instead, with as few bits as that takes",
    )
    quantiser: float | None = live(
        default=None, ge=0, le=51, description="of the region, instead: as that of H.264; six more halve the bits"
    )
    background: float = live(
        default=18.0, ge=0, le=51, description="by how many steps of the quantiser the background is coarser"
    )
    mask: Literal["plane", "head"] = Field(
        default="plane", description="what is the region: the mask of the stages before, or what the neural coder finds"
    )
    mode: Literal["code", "simulate"] = Field(
        default="code",
        description="simulate: no bits, but noise where they would be missing; only to compare with what others show",
    )
    prefilter: float = live(
        default=0.0, ge=0, le=1, description="how much the background is smoothed before it is coded; 0: not at all"
    )
    key_every: float = Field(default=4.0, gt=0, le=600, description="seconds from one key picture to the next")
    adapt: Adapt = Field(
        default="none",
        description="lower the rate where the export gets through slower (stream), where others on this machine fill"
        " the link (system), or both",
    )
    link: Bitrate | None = live(default=None, description="what the network carries, for `adapt: system`: as 10M")
    share: str | None = Field(
        default=None,
        pattern=NAME,
        description="a name: streams of one name share their `bitrate`",
    )
    weight: float = Field(default=1.0, gt=0, le=1000, description="of this stream among those that share")
    device: str = Field(default="auto", description="of neural: auto, cpu, cuda, cuda:1, ...")
    log: str | None = Field(default="live_outputs", description="folder for the log of all pictures; none: no log")
    report_every: int = live(default=30, ge=0, description="pictures from one line on stderr to the next; 0: no line")

    @field_validator("share")
    @classmethod
    def _has_cap(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("bitrate") is None:
            raise PydanticCustomError("share", "nothing is shared without a `bitrate`, which all of them have together")
        return value

    @field_validator("adapt")
    @classmethod
    def _has_rate(cls, value: Adapt, info: ValidationInfo) -> Adapt:
        if value != "none" and any(info.data.get(name) is not None for name in ("floor", "quantiser")):
            raise PydanticCustomError("adapt", "a rate is adapted, and here a quality is asked for")
        return value

    @field_validator("mode", "mask")
    @classmethod
    def _has_network(cls, value: str, info: ValidationInfo) -> str:
        if value in ("head", "simulate") and info.data.get("coder") != "neural":
            raise PydanticCustomError("coder", "is of the neural coder; set `coder: neural`")
        if value == "simulate" and info.data.get("mask") == "head":
            raise PydanticCustomError("coder", "needs the mask of the stages before; set `mask: plane`")
        return value

    @property
    def follows_stream(self) -> bool:
        return self.adapt in ("stream", "both")

    @property
    def follows_system(self) -> bool:
        return self.adapt in ("system", "both") and self.link is not None

    def wished(self, pixels: int, rate: float) -> float:
        """Bits/s for pictures of so many pixels, so many a second."""
        return float(bits(self.bitrate)) if self.bitrate is not None else self.bandwidth * pixels * rate
