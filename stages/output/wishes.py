"""Wishes: what a user asks of an encoder, refused at once where it cannot be; for every sink that encodes video."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from pipeline.errors import SetupError
from stages.media import shown
from stages.output.codecs import CODECS, Codec, CodecName, WishError
from stages.output.encoding import Encoding
from stages.output.hardware import HardwareName, choose

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
IN_AVI = ("mjpeg", "ffv1")  # each picture a whole one: what AVI was made for
BESIDE = ("matroska", "webm")  # have room for what travels beside packets
Hardware = Literal["off", "auto"] | HardwareName
_BITRATE = re.compile(r"\d{1,9}(\.\d{1,3})?[kM]?")
_UNITS = {"k": 1000, "M": 1_000_000}


def bits(text: str) -> int:
    """Of 4M, 800k or 2500000."""
    unit = _UNITS.get(text[-1], 1)
    return round(float(text.rstrip("kM")) * unit)


def _rate(value: str) -> str:
    if not (_BITRATE.fullmatch(value) and bits(value)):
        raise ValueError(f"{value[:20]!r}: bits per second, as 4M, 800k or 2500000")
    return value


Bitrate = Annotated[str, AfterValidator(_rate)]


def check_wish(codec: str, hardware: str, **wish: Any) -> None:
    """Refuse at once what the codec cannot follow; what hardware can is known when it is found. For validators."""
    found = CODECS.get(codec)
    if found is None or hardware != "off":
        return
    wishes = {"crf": None, "preset": None, "profile": None} | wish
    try:
        found.settings(**wishes)
    except WishError as error:
        raise PydanticCustomError("wish", "{why}", {"why": error.why}) from error


def check_held(path: str, ending: str, codec: CodecName, *, alpha: bool = False) -> str:
    """The container for a name with this ending (`.mp4`). Raises SetupError where it cannot hold the codec, or its
    alpha."""
    import av

    if (form := CONTAINERS.get(ending)) is None:
        raise SetupError(f"{shown(path)}: {ending or 'no ending'!r} is none of {', '.join(CONTAINERS)}")
    with av.open(os.devnull, "w", format=form) as container:
        held = (CODECS[codec].container_name or codec) in container.supported_codecs
    if not held or (form == "avi" and codec not in IN_AVI):
        other = ".mkv or .mov" if codec == "prores" else ".mkv or .mp4"
        raise SetupError(f"{shown(path)}: {ending} cannot hold {codec}; take {other}")
    if alpha and CODECS[codec].beside and form not in BESIDE:
        raise SetupError(f"{shown(path)}: {ending} cannot hold the alpha of {codec}; take .webm or .mkv")
    return form


def encoding_for(
    name: CodecName, hardware: Hardware, encode_with: Callable[[Codec], Encoding], note: Callable[[str], None]
) -> Encoding:
    """What encodes as the user wishes. Raises SetupError where what is wished for cannot be."""
    if hardware != "off":
        found = choose(name, hardware, encode_with, note)
        if found is not None:
            return found
    try:
        encoding = encode_with(CODECS[name])
    except ValueError as error:
        raise SetupError(str(error)) from error
    encoding.check()
    return encoding
