"""The table of models and what their weights may be used for, from the registry and the table of known weights."""

from __future__ import annotations

from collections.abc import Iterator

from models.known import KNOWN
from models.registry import ENTRIES, Entry

TASKS = {
    "segment": "segmentation",
    "detect": "detection",
    "inpaint": "inpainting",
    "prompt": "a mask for a box",
    "matte": "matting",
}


def table() -> str:
    """A row for each model that can be named."""
    lines = ["| model | task | licence of the weights | size | from | SHA-256 |", "|---|---|---|--:|---|---|"]
    return "\n".join([*lines, *_rows()])


def _rows() -> Iterator[str]:
    for entry in ENTRIES:
        licence, source = _origin(entry)
        size, checksum = _facts(entry)
        yield f"| `{entry.name}` | {TASKS[entry.task]} | {licence} | {size} | {source} | {checksum} |"


def _origin(entry: Entry) -> tuple[str, str]:
    """Licence and source, those of the weights where it has any."""
    if not entry.weights:
        return entry.licence, f"{entry.source}{', a file of your own' if entry.brought else ', no weights'}"
    known = KNOWN[entry.weights]
    if known.kind == "package":
        return known.licence, f"the package `{known.requirement or known.source}`"
    return known.licence, f"<{known.source}>" if known.kind == "url" else "comes with Cleanplate"


def _facts(entry: Entry) -> tuple[str, str]:
    """Size and the beginning of the checksum, empty where nothing is loaded or nobody has published one."""
    if not entry.weights:
        return "", ""
    known = KNOWN[entry.weights]
    digest = known.checksum.removeprefix("sha256:")
    return f"{known.size / 1e6:.1f} MB" if known.size else "", f"`{digest[:12]}…`" if digest else ""
