"""Hardware encoders: what each is told, and whether it really works here, found out by encoding with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Literal

from pipeline.errors import RunError, SetupError
from pipeline.frame import FrameSpec
from stages.media import reason
from stages.output.codecs import Codec, scale
from stages.output.encoding import Converter, Encoding, encode_one

HardwareName = Literal["nvenc", "qsv", "amf", "v4l2m2m"]
TRIAL = FrameSpec(width=320, height=240, time_base=Fraction(1, 30))  # some refuse smaller pictures
PICTURES = 3  # that an encoder holds pictures back shows at the first one, or at the second

_NVENC = {"tune": "ull", "preset": "p2", "rc": "vbr", "cq": "23", "b": "0", "bf": "0", "rc-lookahead": "0"}
_NVENC |= {"delay": "0", "zerolatency": "1"}
_QSV = {"preset": "veryfast", "async_depth": "1", "look_ahead": "0", "bf": "0", "global_quality": "23"}
_AMF = {"usage": "ultralowlatency", "quality": "speed", "rc": "cqp", "qp_i": "22", "qp_p": "22", "bf": "0"}
_NVENC_PRESETS = scale("preset", "p1", "p1", "p2", "p3", "p4", "p5", "p6")
_QSV_PRESETS = scale("preset", "veryfast", "veryfast", "veryfast", "faster", "fast", "medium", "slow")
_AMF_PRESETS = scale("quality", "speed", "speed", "speed", "balanced", "balanced", "quality", "quality")
_CONTAINER_NAMES = {"h265": "hevc"}


def _nvenc(name: str, worst: int) -> Codec:
    return Codec(
        encoder=f"{_CONTAINER_NAMES.get(name, name)}_nvenc",
        container_name=_CONTAINER_NAMES.get(name, ""),
        pixels="yuv420p",
        odd_pixels="",
        options=_NVENC,
        crf=(1, worst),  # 0 would leave the quality to it
        quality=("cq",),
        presets=_NVENC_PRESETS,
        rated={"cq": "0", "b": ""},
    )


def _qsv(name: str) -> Codec:
    return Codec(
        encoder=f"{_CONTAINER_NAMES.get(name, name)}_qsv",
        container_name=_CONTAINER_NAMES.get(name, ""),
        pixels="nv12",
        odd_pixels="",
        options=_QSV if name == "h264" else {key: _QSV[key] for key in _QSV if key != "look_ahead"},
        crf=(1, 51),
        quality=("global_quality",),
        presets=_QSV_PRESETS,
        rated={"global_quality": "0", "b": ""},
    )


def _amf(name: str) -> Codec:
    return Codec(
        encoder=f"{_CONTAINER_NAMES.get(name, name)}_amf",
        container_name=_CONTAINER_NAMES.get(name, ""),
        pixels="yuv420p",
        odd_pixels="",
        options=_AMF,
        crf=(0, 51),
        quality=("qp_i", "qp_p"),
        presets=_AMF_PRESETS,
        rated={"rc": "vbr_latency", "b": ""},
    )


def _v4l2m2m(name: str) -> Codec:
    return Codec(
        encoder=f"{_CONTAINER_NAMES.get(name, name)}_v4l2m2m",
        container_name=_CONTAINER_NAMES.get(name, ""),
        pixels="nv12",
        odd_pixels="",
        options={"b": "8M", "bf": "0"},
        rated={"b": ""},
    )


# In the order in which `auto` tries them.
HARDWARE: Mapping[HardwareName, Mapping[str, Codec]] = {
    "nvenc": {"h264": _nvenc("h264", 51), "h265": _nvenc("h265", 51), "av1": _nvenc("av1", 51)},
    "qsv": {"h264": _qsv("h264"), "h265": _qsv("h265"), "av1": _qsv("av1")},
    "amf": {"h264": _amf("h264"), "h265": _amf("h265")},
    "v4l2m2m": {"h264": _v4l2m2m("h264"), "h265": _v4l2m2m("h265")},
}


def probe(encoding: Encoding) -> str:
    """Open an encoder and give it pictures, each of which must give its packet at once: "" or why it does not work."""
    import av

    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)  # the error alone says little: what is missing stands in the log
    try:
        with av.logging.Capture() as said:
            _encode_some(encoding)
    except (av.FFmpegError, ValueError, SetupError, RunError) as error:
        return said[0][2].strip() if said else reason(error)
    finally:
        av.logging.set_level(level)
    return ""


def _encode_some(encoding: Encoding) -> None:
    import av
    import numpy as np

    encoding.check()
    spec = encoding.spec
    with av.open(os.devnull, "w", format="nut") as container:
        stream = encoding.add_to(container)
        container.start_encoding()
        converter = Converter(stream, spec)
        image = np.zeros((spec.height, spec.width, 3), np.uint8)
        for number in range(PICTURES):
            pts = round(number / (spec.rate * spec.time_base))
            encode_one(stream, converter.convert(image, pts))


def hardware_encoders() -> Mapping[str, str]:
    """Every hardware encoder tried out: its name, and "" if it works here, else why not."""
    every = [codec for family in HARDWARE.values() for codec in family.values()]
    return {codec.encoder: probe(Encoding(codec, TRIAL)) for codec in every}


def choose(
    name: str,
    hardware: HardwareName | Literal["auto"],
    encoding: Callable[[Codec], Encoding],
    note: Callable[[str], None],
) -> Encoding | None:
    """The first encoding that works; None, and a note that says why, where `auto` finds none.

    `encoding` sets a codec up as the user wishes, or raises ValueError. Raises SetupError where one was asked for by
    name and does not work.
    """
    reasons: list[str] = []
    for family in HARDWARE if hardware == "auto" else (hardware,):
        codec = HARDWARE[family].get(name)
        why = f"has no {name}" if codec is None else ""
        if codec is not None:
            try:
                found = encoding(codec)
                why = probe(found)
            except ValueError as error:
                why = str(error)
            if not why:
                return found
        reasons.append(f"{family}: {why}")
    if hardware != "auto":
        raise SetupError(f"hardware: {reasons[0]}; take another one, or hardware=off")
    note(f"no hardware encoder works for {name}, it is encoded in software ({'; '.join(reasons)})")
    return None
