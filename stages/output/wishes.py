"""Wishes: what a user asks of an encoder, refused at once where it cannot be; for every sink that encodes video."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

from pydantic_core import PydanticCustomError

from pipeline.errors import SetupError
from stages.media import shown
from stages.output.codecs import CODECS, Codec, CodecName, WishError
from stages.output.encoding import Encoding
from stages.output.hardware import HardwareName, choose

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
IN_AVI = ("mjpeg", "ffv1")  # each picture a whole one: what AVI was made for
Hardware = Literal["off", "auto"] | HardwareName


def check_wish(codec: str, hardware: str, name: str, value: Any) -> None:
    """Refuse at once what the codec cannot follow; what hardware can is known when it is found. For validators."""
    found = CODECS.get(codec)
    if found is None or hardware != "off":
        return
    wishes = {"crf": None, "preset": None, "profile": None} | {name: value}
    try:
        found.settings(**wishes)
    except WishError as error:
        raise PydanticCustomError("wish", "{why}", {"why": error.why}) from error


def check_held(path: str, ending: str, codec: CodecName) -> str:
    """The container for a name with this ending (`.mp4`). Raises SetupError where it cannot hold the codec."""
    import av

    if (form := CONTAINERS.get(ending)) is None:
        raise SetupError(f"{shown(path)}: {ending or 'no ending'!r} is none of {', '.join(CONTAINERS)}")
    with av.open(os.devnull, "w", format=form) as container:
        held = (CODECS[codec].container_name or codec) in container.supported_codecs
    if not held or (form == "avi" and codec not in IN_AVI):
        other = ".mkv or .mov" if codec == "prores" else ".mkv or .mp4"
        raise SetupError(f"{shown(path)}: {ending} cannot hold {codec}; take {other}")
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
