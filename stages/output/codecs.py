"""The codecs a file can be written with, as data: what each encoder is told, and which wishes it can follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CodecName = Literal["h264", "h265", "av1", "vp9", "prores", "ffv1", "mjpeg"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
Profile = Literal["proxy", "lt", "standard", "hq", "4444", "4444xq"]
Options = Mapping[str, str]


class WishError(ValueError):
    """A field of the configuration that a codec cannot follow."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


@dataclass(frozen=True)
class Codec:
    """One way to encode. No look-ahead and no B-frames: each picture's packet leaves with its picture."""

    encoder: str
    pixels: str
    odd_pixels: str  # where width or height is odd: no colour is halved; "": it takes no such pictures
    options: Options = field(default_factory=dict)
    crf: tuple[int, int] | None = None  # the best and the worst quality it can be asked for; None: it has no such scale
    quality: tuple[str, ...] = ("crf",)  # the encoder's own options for that number
    presets: Mapping[str, Options] = field(default_factory=dict)
    profiles: Mapping[str, str] = field(default_factory=dict)  # profile: the pixel format it begins with
    container_name: str = ""  # what containers call it, where that is not its name here
    untabled: bool = False  # NUT's own tables do not list it
    alpha: str = ""  # the pixel format in which it holds alpha; "": it holds none
    beside: bool = False  # its alpha travels beside its packets, as only Matroska and WebM have room for it
    # The options by which it keeps to a bit rate, not a quality, "" for the rate itself; None: it cannot.
    rated: Options | None = None

    def settings(
        self, crf: int | None, preset: str | None, profile: str | None, bitrate: str | None = None
    ) -> dict[str, str]:
        """The encoder's options for what was asked. Raises WishError for what it cannot follow."""
        found: dict[str, str] = {}
        if crf is not None:
            if self.crf is None:
                raise WishError("crf", f"must be left out: {self.encoder} has no such quality scale")
            best, worst = self.crf
            if not best <= crf <= worst:
                raise WishError("crf", f"must be within {best} to {worst} for {self.encoder}, not {crf}")
            found |= dict.fromkeys(self.quality, str(crf))
        if preset is not None:
            if preset not in self.presets:
                raise WishError("preset", f"must be left out: {self.encoder} knows no presets")
            found |= self.presets[preset]
        if profile is not None:
            if profile not in self.profiles:
                raise WishError("profile", f"must be left out: {self.encoder} has none, only prores has")
            found["profile"] = profile
        if bitrate is not None:
            if self.rated is None:
                raise WishError("bitrate", f"must be left out: {self.encoder} keeps to none")
            if crf is not None:
                raise WishError("bitrate", "must be left out where crf is given: one of them decides the size")
            found |= {option: value or bitrate for option, value in self.rated.items()}
        return found


def scale(option: str, ultrafast: str, superfast: str, veryfast: str, faster: str, *slower: str) -> dict[str, Options]:
    """One option's value for each preset; `slower` are those of fast, medium and slow."""
    names = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
    values = (ultrafast, superfast, veryfast, faster, *slower)
    return {name: {option: value} for name, value in zip(names, values, strict=True)}


X26X = scale("preset", "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")

CODECS: Mapping[str, Codec] = {
    "h264": Codec(
        encoder="libx264",
        pixels="yuv420p",
        odd_pixels="yuv444p",
        options={"preset": "veryfast", "tune": "zerolatency", "bf": "0", "threads": "4", "crf": "18"},
        crf=(0, 51),
        presets=X26X,
        rated={"crf": "-1", "b": ""},
    ),
    "h265": Codec(
        encoder="libx265",
        container_name="hevc",
        pixels="yuv420p",
        odd_pixels="yuv444p",
        options={
            "preset": "veryfast",
            "tune": "zerolatency",
            "crf": "22",
            "x265-params": "bframes=0:rc-lookahead=0:repeat-headers=1:log-level=none",
        },
        crf=(0, 51),
        presets=X26X,
        rated={"crf": "-1", "b": ""},
    ),
    "av1": Codec(
        encoder="libsvtav1",
        pixels="yuv420p",
        odd_pixels="yuv420p",
        options={"preset": "10", "crf": "30", "svtav1-params": "pred-struct=1:lookahead=0"},
        crf=(1, 63),
        presets=scale("preset", "12", "11", "10", "9", "8", "6", "4"),
        # Without look-ahead it keeps to a constant rate only.
        rated={"crf": "0", "b": "", "svtav1-params": "pred-struct=1:lookahead=0:rc=2"},
    ),
    "vp9": Codec(
        encoder="libvpx-vp9",
        pixels="yuv420p",
        odd_pixels="yuv444p",
        options={"deadline": "realtime", "cpu-used": "7", "lag-in-frames": "0", "crf": "26", "b": "0"},
        crf=(0, 63),
        # Its slow ways look ahead; these are the steps of the one that does not.
        presets=scale("cpu-used", "8", "8", "7", "6", "5", "3", "1"),
        alpha="yuva420p",
        beside=True,
        # Of a rate that may vary it takes little more than half.
        rated={"crf": "-1", "b": "", "minrate": "", "maxrate": ""},
    ),
    "prores": Codec(
        encoder="prores_ks",
        pixels="yuv422p10le",
        odd_pixels="yuv444p10le",
        options={"vendor": "apl0", "threads": "1"},  # its threads take a picture each, and hold it back
        profiles={
            **dict.fromkeys(("proxy", "lt", "standard", "hq"), "yuv422p10le"),
            **dict.fromkeys(("4444", "4444xq"), "yuv444p10le"),
        },
        untabled=True,
        alpha="yuva444p10le",
    ),
    "mjpeg": Codec(
        encoder="mjpeg",
        pixels="yuvj420p",
        odd_pixels="yuvj444p",
        options={"qmin": "2", "qmax": "4"},
    ),
    "ffv1": Codec(
        encoder="ffv1",
        pixels="bgr0",
        odd_pixels="bgr0",
        options={"level": "3", "g": "1", "slices": "4", "slicecrc": "1", "threads": "4"},
        alpha="bgra",
    ),
}
