"""Names of models to the adapters that run them: plain data, imported on use."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any, Literal

from models import weights
from models.base import Inpainter, ModelError, Promptable, Segmenter

Task = Literal["segment", "inpaint", "prompt"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model by name: what it does, the class that runs it, the weights it needs (empty: none)."""

    name: str
    task: Task
    adapter: str
    weights: str = ""
    source: str = ""  # where neither weights nor their table say it
    licence: str = ""


_YOLO = "models.yolo:YoloSegmenter"
ENTRIES: tuple[Entry, ...] = (
    *(Entry(name, "segment", _YOLO, weights=name) for name in ("yolov5s-seg", "yolov7-seg")),
    *(
        Entry(f"{family}{size}-seg", "segment", _YOLO, weights=f"{family}{size}-seg")
        for family in ("yolo11", "yolo26", "yolov8")
        for size in "nsmlx"
    ),
    Entry("mobile_sam", "prompt", "models.promptable:Promptable", weights="mobile_sam"),
    Entry("sam2", "prompt", "models.promptable:Promptable", weights="sam2.1_t"),
    Entry("lama", "inpaint", "models.lama:Lama", weights="big-lama"),
    Entry("push-pull", "inpaint", "models.pushpull:PushPull", source="OpenCV", licence="Apache-2.0"),
    Entry("telea", "inpaint", "models.telea:Telea", source="OpenCV", licence="Apache-2.0"),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of the catalogue. `state` is `present`, `missing` or `damaged`; `size` in bytes; `checksum` says whose
    it is: `published`, `recorded` when the file first came here, or empty."""

    name: str
    task: Task
    source: str
    licence: str
    state: str
    detail: str
    weights: str = ""
    size: int = 0
    checksum: str = ""


def load_segmenter(name: str, *, classes: list[str], weights_file: str | None = None, **options: Any) -> Segmenter:
    """Load the segmenter of that name for the classes named. Raises ModelError.

    `name` may be the path of a YOLO checkpoint, whose family is read from it; `weights_file`: a file of one's own
    instead of the known one. Options (`confidence`, `iou`, `size`, `engine`, `device`, `precision`) go to the adapter.
    """
    own = name.endswith(".pt") or "/" in name
    if own and weights_file:
        raise ModelError(f"model {name!r} is a file of weights, and {weights_file!r} another: give one of them")
    entry = Entry(name, "segment", _YOLO, weights=name) if own else _find("segment", name)
    file = _located(entry, weights_file)
    return _adapter(entry)(classes=classes, weights_file=file, **options)  # type: ignore[no-any-return]


def load_inpainter(name: str, *, weights_file: str | None = None, **options: Any) -> Inpainter:
    """Load the inpainter of that name. Raises ModelError.

    Options (`engine`, `device`, `precision`) go to an adapter that runs a network; the others have no use for them."""
    entry = _find("inpaint", name)
    file = _located(entry, weights_file)
    return _adapter(entry)(file, **options) if file else _adapter(entry)()  # type: ignore[no-any-return]


def load_promptable(name: str, *, device: str = "auto") -> Promptable:
    """Load the promptable segmenter of that name. Raises ModelError."""
    entry = _find("prompt", name)
    return _adapter(entry)(_located(entry, None), device=device)  # type: ignore[no-any-return]


def catalogue(*, hashed: bool = True) -> list[Listing]:
    """Every known model and whether its weights are here; imports no model library.

    Without `hashed` a file of the right size passes for the right one."""
    return [_listing(entry, hashed) for entry in ENTRIES]


def weights_needed(task: Task, name: str, weights_file: str | None = None) -> list[str]:
    """The names of the known weights that the model of that name loads for that task; none for a file of one's own."""
    return [
        entry.weights
        for entry in ENTRIES
        if (entry.name, entry.task) == (name, task) and entry.weights and not weights_file
    ]


def _listing(entry: Entry, hashed: bool) -> Listing:
    if not entry.weights:
        return Listing(entry.name, entry.task, entry.source, entry.licence, "present", "needs no weights")
    known, status = weights.KNOWN[entry.weights], weights.status(entry.weights, hashed=hashed)
    return Listing(
        entry.name, entry.task, known.source, known.licence, status.state, status.detail,
        known.name, known.size, weights.trust(known.name),
    )  # fmt: skip


def _find(task: Task, name: str) -> Entry:
    known = {entry.name: entry for entry in ENTRIES if entry.task == task}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 3, 0.4) or sorted(known)
    raise ModelError(f"no model {name!r} to {task} with; did you mean {' or '.join(map(repr, close))}?")


def _located(entry: Entry, weights_file: str | None) -> str:
    """What to load, known to be there before the adapter brings in its library, which takes seconds."""
    if not entry.weights and weights_file:
        raise ModelError(f"{entry.name} takes no weights, but {weights_file!r} was given")
    if entry.weights:
        weights.locate(weights_file or entry.weights)
    return weights_file or entry.weights


def _adapter(entry: Entry) -> Any:
    module, _, name = entry.adapter.partition(":")
    return getattr(importlib.import_module(module), name)
