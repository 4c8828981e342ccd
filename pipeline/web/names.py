"""Names of files that strangers give: shown and handed back, never used as the name of a file here."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote

LONGEST = 100
NAMELESS = "upload"


def display_name(header: str) -> str:
    """What X-Filename says (percent-encoded UTF-8): its last part, without what does not print or turns text around."""
    text = unquote(header[:3000], errors="replace")
    text = unicodedata.normalize("NFC", text.replace("\\", "/").rpartition("/")[2])
    text = "".join(char for char in text if char.isprintable() and unicodedata.category(char) not in ("Cf", "Co", "Cs"))
    text = " ".join(text.split()).lstrip(".- ")
    if len(text) > LONGEST:  # the ending is what tells
        stem, dot, ending = text.rpartition(".")
        text = f"{stem[: LONGEST - 12]}{dot}{ending[:11]}" if dot and stem else text[:LONGEST]
    return text or NAMELESS


def disposition(name: str) -> str:
    """Content-Disposition for a download of this name (RFC 6266): for old programs in ASCII, for others as it is."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    return f"attachment; filename=\"{plain[:LONGEST]}\"; filename*=UTF-8''{quote(name, safe='')}"
