"""Names of models to the adapters that run them: plain data, imported on use."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any, Literal

from models import weights
from models.base import Detector, Inpainter, Matter, MemoryLayout, ModelError, Promptable, Segmenter
from models.own import is_own, read_own, remote_weights

Task = Literal["segment", "detect", "inpaint", "prompt", "matte"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model by name: what it does, the class that runs it, the weights it needs (empty: none)."""

    name: str
    task: Task
    adapter: str
    weights: str = ""
    source: str = ""  # where neither weights nor their table say it
    licence: str = ""
    brought: bool = False  # its weights are a file of one's own, always


_YOLO = "models.yolo:YoloSegmenter"
_OWN_DETECTORS = {".onnx": "models.onnx_detector:OnnxDetector", ".pt": "models.yolo_detector:YoloDetector"}
ENTRIES: tuple[Entry, ...] = (
    *(Entry(name, "segment", _YOLO, weights=name) for name in ("yolov5s-seg", "yolov7-seg")),
    *(
        Entry(f"{family}{size}-seg", "segment", _YOLO, weights=f"{family}{size}-seg")
        for family in ("yolo11", "yolo26", "yolov8")
        for size in "nsmlx"
    ),
    Entry("centerface", "detect", "models.centerface:CenterFace", weights="centerface"),
    Entry("plate-search", "detect", "models.plate_search:PlateSearch", weights="yolov5s-seg"),
    Entry("plate-cascade", "detect", "models.cascade:PlateCascade", source="OpenCV", licence="Apache-2.0"),
    Entry("mobile_sam", "prompt", "models.promptable:Promptable", weights="mobile_sam"),
    Entry("sam2", "prompt", "models.promptable:Promptable", weights="sam2.1_t"),
    Entry("infill", "inpaint", "models.infill:Infill", weights="infill"),
    Entry("lama", "inpaint", "models.lama:Lama", weights="big-lama"),
    Entry("push-pull", "inpaint", "models.pushpull:PushPull", source="OpenCV", licence="Apache-2.0"),
    Entry("refined", "matte", "models.refined:Refined", source="OpenCV", licence="Apache-2.0"),
    Entry("rvm", "matte", "models.rvm:Rvm", source="PeterL1n/RobustVideoMatting", licence="GPL-3.0", brought=True),
    Entry("telea", "inpaint", "models.telea:Telea", source="OpenCV", licence="Apache-2.0"),
)

# Said apart from the adapters: memory is laid out by a process that loads no library of networks.
MEMORIES = {"refined": "models.refined:memory", "rvm": "models.rvm_state:memory"}


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
    brought: bool = False  # weights that nobody fetches: a file of one's own


def load_segmenter(name: str, *, classes: list[str], weights_file: str | None = None, **options: Any) -> Segmenter:
    """Load the segmenter of that name for the classes named. Raises ModelError.

    `name` may be a YOLO checkpoint (`models.own`), whose family is read from it; `weights_file`: a file of one's own
    instead of the known one. Options (`confidence`, `iou`, `size`, `engine`, `device`, `precision`) go to the adapter.
    """
    entry = Entry(name, "segment", _YOLO, weights=name) if _alone(name, weights_file) else _find("segment", name)
    file = _located(entry, weights_file)
    return _adapter(entry)(classes=classes, weights_file=file, **options)  # type: ignore[no-any-return]


def load_detector(name: str, *, weights_file: str | None = None, **options: Any) -> Detector:
    """Load the detector of that name. Raises ModelError.

    `name` may be a detector of the YOLO family in a file, `.onnx` or `.pt`: see `models.own`. Options (`size`,
    `engine`, `device`, `precision`) go to an adapter that runs a network; the others have no use for them."""
    if _alone(name, weights_file):
        suffix = read_own(name).suffix
        if suffix not in _OWN_DETECTORS:
            raise ModelError(f"{name!r:.200} ends in {suffix!r}; a detector is a file .onnx or .pt")
        entry = Entry(name, "detect", _OWN_DETECTORS[suffix], weights=name)
    else:
        entry = _find("detect", name)
    file = _located(entry, weights_file)
    return _adapter(entry)(file, **options) if file else _adapter(entry)()  # type: ignore[no-any-return]


def load_inpainter(name: str, *, weights_file: str | None = None, **options: Any) -> Inpainter:
    """Load the inpainter of that name. Raises ModelError.

    Options (`engine`, `device`, `precision`) go to an adapter that runs a network; the others have no use for them."""
    entry = _find("inpaint", name)
    file = _located(entry, weights_file)
    return _adapter(entry)(file, **options) if file else _adapter(entry)()  # type: ignore[no-any-return]


def load_matter(name: str, *, weights_file: str | None = None, **options: Any) -> Matter:
    """Load the matting model of that name; options go to the adapter. Raises ModelError."""
    entry = _find("matte", name)
    file = _located(entry, weights_file)
    return _adapter(entry)(file, **options) if entry.brought else _adapter(entry)(**options)  # type: ignore[no-any-return]


def matter_memory(name: str, height: int, width: int, **options: Any) -> MemoryLayout:
    """What the matting model of that name remembers from frame to frame; loads none. Raises ModelError."""
    place, attribute = MEMORIES[_find("matte", name).name].split(":")
    return getattr(importlib.import_module(place), attribute)(height, width, **options)  # type: ignore[no-any-return]


def load_promptable(name: str, *, device: str = "auto") -> Promptable:
    """Load the promptable segmenter of that name. Raises ModelError."""
    entry = _find("prompt", name)
    return _adapter(entry)(_located(entry, None), device=device)  # type: ignore[no-any-return]


def catalogue(*, hashed: bool = True) -> list[Listing]:
    """Every known model and whether its weights are here; imports no model library.

    Without `hashed` a file of the right size passes for the right one."""
    return [_listing(entry, hashed) for entry in ENTRIES]


def weights_needed(task: Task, name: str, weights_file: str | None = None) -> list[str]:
    """The names of the known weights that the model of that name loads for that task, or the address of a file of one's
    own on the web; none for one that is here."""
    if task in ("segment", "detect") and remote_weights(name):
        return [name]
    if task == "matte" and weights_file and remote_weights(weights_file):
        return [weights_file]
    return [
        entry.weights
        for entry in ENTRIES
        if (entry.name, entry.task) == (name, task) and entry.weights and not weights_file
    ]


def knows(task: Task, name: str) -> bool:
    """Whether there is a model of that name for that task. Of a file of one's own that is here its content decides
    whether it segments or detects. Raises ModelError where it cannot be read."""
    if not is_own(name):
        return any((entry.name, entry.task) == (name, task) for entry in ENTRIES)
    if read_own(name).suffix == ".onnx":
        return task == "detect"
    from models.yolo import segments

    return task == ("segment" if segments(weights.locate(name)) else "detect")


def _listing(entry: Entry, hashed: bool) -> Listing:
    if entry.brought:
        facts = entry.name, entry.task, entry.source, entry.licence
        return Listing(*facts, "missing", "give it as `weights`", brought=True)
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


def _alone(name: str, weights_file: str | None) -> bool:
    """Whether `name` is a file of one's own. Raises ModelError where there is another beside it."""
    if is_own(name) and weights_file:
        raise ModelError(f"model {name!r} is a file of weights, and {weights_file!r} another: give one of them")
    return is_own(name)


def _located(entry: Entry, weights_file: str | None) -> str:
    """What to load, known to be there before the adapter brings in its library, which takes seconds."""
    if not (entry.weights or entry.brought) and weights_file:
        raise ModelError(f"{entry.name} takes no weights, but {weights_file!r} was given")
    if entry.weights or (entry.brought and weights_file):
        weights.locate(weights_file or entry.weights)
    return weights_file or entry.weights


def _adapter(entry: Entry) -> Any:
    module, _, name = entry.adapter.partition(":")
    return getattr(importlib.import_module(module), name)
