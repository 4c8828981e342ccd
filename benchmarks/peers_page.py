"""The page `docs/peers.md` and its plot, made from the results; no figure there is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import peers_plots
from benchmarks.peers_losses import losses, same_steps
from benchmarks.results import FOLDER, load
from benchmarks.sections import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "peers.md"
PLOT = PAGE.parent / "peers" / "beside.png"
RESULT = FOLDER / "peers.json"
HEAD = """# Beside others

Made by `make peers` from `benchmarks/results/peers.json`; nothing here is typed by hand, but for the last section.
Everybody gets the same files on the same machine, in turn, round after round, each time as a program of its own that is
watched from outside; figures are medians of the rounds.

*Whole*: frames by the seconds of the command, from its start to its end. *At it*: frames/s without loading, as each
says itself. *First*: seconds until the output holds a picture. *Late*: from a frame's being decoded to its being
encoded, where frames come one by one as from a slow camera. *CPU*: of all its processes, loading and all. *Memory*: the
most that all its processes took together, shared pages counted once. *Size*: of the encoded file; all but deface, which
has its own way, are asked for H.264 of the same quality number (`crf` 20, `veryfast`).
"""
TITLES = {
    "copy": "Nothing but decode and encode",
    "remove": "People removed",
    "faces": "Faces covered",
}
CLIPS = {
    "copy": "Two people walk through a room, 1280x720, {frames} frames, {rounds} rounds. What everybody pays who "
    "opens a video at all.",
    "remove": "The same clip, {frames} frames, {rounds} rounds. *Hole*: PSNR in dB where somebody was, against the "
    "empty room, encoding and all; *outside*: far from everybody; *flicker*: in levels of 255. LaMa of the usual loop: "
    "{lama}; it takes {few} of the frames, and its CPU is without loading.",
    "faces": "A pan over a crowd with drawn boxes, 1280x720, {frames} frames, {rounds} rounds. *Covered*: faces whose "
    "box is covered in a frame. More on both: [privacy](privacy.md).",
}
QUALITY = {  # key: head, how it is written
    "whole_db": ("PSNR dB", "{:.1f}"),
    "inside_db": ("hole dB", "{:.1f}"),
    "outside_db": ("outside dB", "{:.1f}"),
    "flicker": ("flicker", "{:.2f}"),
    "recall": ("covered", "{:.1%}"),
    "far_share": ("in vain", "{:.1%}"),
}
FIGURES = {
    "frames_per_s": ("whole, frames/s", "{:.2f}"),
    "steady_fps": ("at it", "{:.2f}"),
    "first_s": ("first, s", "{:.1f}"),
    "late_ms": ("late, ms", "{:.0f}"),
    "cpu_ms_per_frame": ("CPU ms a frame", "{:.0f}"),
    "peak_mb": ("memory, MB", "{:.0f}"),
    "kb_per_frame": ("size, kB a frame", "{:.1f}"),
}
ABSENT = """## Who is not here, and why

| program | why |
|---|---|
| `rembg`, `backgroundremover` | the packages hold no weights: they fetch them from GitHub at the first frame |
| `mediapipe` 1.2 | holds the library alone; its selfie segmenter is a download |
| RobustVideoMatting | no package; its weights are a download. Where they are: `python -m benchmarks.matting` |
| IOPaint, `simple-lama-inpainting` by itself | LaMa's weights are a download; the usual loop runs the same network |
| matting by the usual script | [matting](matting.md) has it, with the same network on both sides |
| semantic coding | [semantic coding](semantic/measures.md) has x264, x265 and noise in place of bytes |
"""

Content = Mapping[str, Any]


def page() -> str:
    """The page, from the result that is there. Raises ConfigError."""
    return made(load(RESULT, "peers")) if RESULT.exists() else f"{HEAD}\nNot measured yet.\n\n{ABSENT}"


def made(content: Content) -> str:
    """The whole page of a result."""
    parts = [HEAD]
    done = content["tasks"]
    if any(name in done for name in TITLES):
        parts.append(f"![Rate, CPU and memory beside others](peers/{PLOT.name})\n")
    for name in TITLES:
        if name in done:
            parts += ["\n".join(_task(name, done[name])), ""]
    if "composites" in done:
        parts += ["\n".join(_composites(done["composites"])), ""]
    return "\n".join([*parts, ABSENT, _machine(content), ""])


def write() -> None:
    """The page and its plot. Raises OSError, ConfigError."""
    PAGE.write_text(page())
    if not RESULT.exists():
        return
    content = load(RESULT, "peers")
    PLOT.parent.mkdir(exist_ok=True)
    if not PLOT.exists() or peers_plots.digest(content).encode() not in PLOT.read_bytes():
        peers_plots.draw(PLOT, content)


def _task(name: str, task: Content) -> Iterator[str]:
    peers = known(task["peers"], task["lama"])
    yield f"## {TITLES[name]}\n"
    few = min(peer["frames"] for peer in peers.values())
    yield CLIPS[name].format(frames=task["frames"], rounds=task["rounds"], lama=task["lama"], few=few) + "\n"
    shown = {**FIGURES, **{key: how for key, how in QUALITY.items() if any(key in one for one in peers.values())}}
    rows = [[_bold(who, one), *_cells(one, shown)] for who, one in peers.items()]
    yield from table(["", *(head for head, _ in shown.values())], rows)
    yield ""
    yield from (f"- **{who}**: {one['says']}" for who, one in peers.items())
    if told := same_steps(peers):
        yield f"\n{told}"
    yield "\nWhere we lose:\n"
    yield from (f"- {line}" for line in losses(peers, shown) or ["nowhere here"])
    yield f"\nOther programs took {task['others_busy']:.2f} processors meanwhile."


def known(peers: Content, lama: str) -> dict[str, Content]:
    """Without the picture's figures of who painted with random weights: they tell about nobody."""
    blind = "LaMa" if lama.startswith("random") else None
    return {
        who: {key: value for key, value in one.items() if key not in QUALITY} if blind and blind in who else one
        for who, one in peers.items()
    }


def _cells(one: Content, shown: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    for key, (_, how) in shown.items():
        value = one.get(key)
        yield "" if value is None else how.format(value)


def _composites(part: Content) -> Iterator[str]:
    yield "## People removed, where the true background is known\n"
    yield "PSNR in dB in the hole, encoding and all, and flicker; the clips of [quality](quality.md).\n"
    clips = part["clips"]
    names = list(next(iter(clips.values())))
    rows = [[name, *(_both(peers[who]) for who in names)] for name, peers in clips.items()]
    yield from table(["clip", *names], rows)


def _both(one: Content) -> str:
    return f"{one['inside_db']:.1f} / {one['flicker']:.1f}"


def _bold(who: str, one: Content) -> str:
    return f"**{who}**" if one["ours"] else who


def _machine(content: Content) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*"
