"""Model files of one's own: by path or by address, with what is known of them: `FILE#sha256=HEX&names=plate`; opens
nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from models.base import ModelError
from models.known import Weights

SUFFIXES = ".onnx", ".pt"
_NOTE = re.compile(r"#(?=(?:sha256|names)=)")
_HEX = re.compile(r"[0-9a-f]{64}")
_UNSAFE = re.compile(r"[^\w.-]")


@dataclass(frozen=True, slots=True)
class Own:
    """`place` is a path, or an address on the web; `sha256` in hexadecimal, empty where not said; `names`: what its
    classes are called, in its order, empty where the file is to say it."""

    place: str
    sha256: str = ""
    names: tuple[str, ...] = ()

    @property
    def remote(self) -> bool:
        """Is it on the web?"""
        return self.place.startswith(("https://", "http://"))

    @property
    def suffix(self) -> str:
        """`.onnx`, `.pt` or what else it ends in."""
        path = urlsplit(self.place).path if self.remote else self.place
        return path[path.rfind(".") :].lower() if "." in path else ""


def is_own(name: str) -> bool:
    """Whether a model is named by a file, not by a name of ours."""
    return "/" in name or _NOTE.split(name, maxsplit=1)[0].lower().endswith(SUFFIXES)


def read_own(text: str) -> Own:
    """What stands in front of `#` and behind it. Raises ModelError: an address without a checksum, what is none, a word
    behind `#` that is not known."""
    place, *rest = _NOTE.split(text, maxsplit=1)
    said: dict[str, str] = {}
    for part in rest[0].split("&") if rest else ():
        key, _, value = part.partition("=")
        if key not in ("sha256", "names") or key in said or not value:
            raise ModelError(f"{text:.200}: {part!r} is neither sha256=HEX nor names=A,B, once; join them by &")
        said[key] = value
    own = Own(place, said.get("sha256", "").lower(), _split(said.get("names", "")))
    if own.sha256 and not _HEX.fullmatch(own.sha256):
        raise ModelError(f"{text:.200}: sha256 is 64 hexadecimal digits, this is {own.sha256!r:.80}")
    if own.remote and not own.sha256:
        raise ModelError(f"{text:.200}: nothing is fetched without a checksum; next: add #sha256=HEX")
    return own


def remote_weights(text: str) -> Weights | None:
    """A file on the web as weights like the known ones, recognised by its checksum; None for a file that is here.
    Raises ModelError."""
    if not is_own(text) or not (own := read_own(text)).remote:
        return None
    base = _UNSAFE.sub("_", unquote(urlsplit(own.place).path).rsplit("/", 1)[-1])[-80:] or "model"
    return Weights(
        name=text,
        kind="url",
        source=own.place,
        file=f"{own.sha256[:16]}-{base}",
        checksum=f"sha256:{own.sha256}",
        licence="",
    )


def _split(names: str) -> tuple[str, ...]:
    return tuple(name for part in names.split(",") if (name := unquote(part).strip()))
