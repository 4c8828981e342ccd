"""The upper part of the screen: what runs, how far it is, how fast, and how full its slots are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.content import Content

from pipeline.cli.figures import Figures
from pipeline.cli.live import dropped
from pipeline.cli.screen.marks import (
    BAD,
    FAINT,
    FILL,
    GOOD,
    MARK,
    PLAIN,
    WARN,
    bar,
    clock,
    curve,
    cut,
    number,
    share,
    size,
)
from pipeline.reading import escaped

COLOURS = {"running": GOOD, "starting": WARN, "paused": WARN, "finishing": MARK, "ended": FAINT}
TALL = 34  # rows from which there is room for several GPUs
ROOM_BELOW = 28  # rows of the screen that are not for the curve
MOST_CURVE = 5
MOST_DEVICES = 4
REJECTED = "rejected: "  # how a source's counts of what it rejected begin


def header(figures: Figures, width: int, height: int, state: tuple[str, str]) -> Content:
    """Its lines, none wider than `width`, for a screen of that height; `state` is a word on the run and its colour."""
    answer = figures.answer
    lines = [
        title(answer, width, state),
        Content.styled(journey(answer, width), FAINT),
        Content(""),
        *pace(figures, width, max(1, min(MOST_CURVE, height - ROOM_BELOW))),
        Content(""),
        counts(answer, width),
        *unusual(answer, width),
        slots(answer["slots"], width),
        *[device(figures, at, width) for at in range(min(len(figures.devices), MOST_DEVICES if height >= TALL else 1))],
    ]
    return Content("\n").join(lines)


def title(answer: Mapping[str, Any], width: int, state: tuple[str, str]) -> Content:
    word, colour = state
    right = f"● {word}   {clock(answer['seconds'])}"
    name = cut(str(answer["name"]), width - len(right) - 2)
    return Content.assemble((name, f"bold {PLAIN}"), " " * (width - len(name) - len(right)), (right, colour))


def journey(answer: Mapping[str, Any], width: int) -> str:
    """Input and output, each cut to its half of the line where they are too long."""
    given, made = escaped(str(answer["input"])), escaped(str(answer["output"]))
    room = width - 3
    half = max(room // 2, room - min(len(given), len(made)))
    return f"{cut(given, half)} → {cut(made, half)}"


def pace(figures: Figures, width: int, height: int) -> list[Content]:
    """Frames a second with their history, and the latency."""
    rate = f"{number(figures.rate):>5} "
    late = figures.answer["latency_ms"]
    times = [("latency p50 ", FAINT), (number(late["p50"]), PLAIN), ("  p99 ", FAINT), (number(late["p99"]), PLAIN)]
    right = Content.assemble(*times, (" ms", FAINT))
    left = Content.assemble((rate, f"bold {PLAIN}"), ("frames/s", FAINT))
    room = max(4, width - len(left) - len(right) - 4)
    *above, last = curve(figures.history, room, height)
    most = number(max(figures.history, default=None))
    scale = [f"{most:>{len(left)}}  ", *[" " * (len(left) + 2)] * len(above)]
    lines = [Content.assemble((mark, FAINT), (row, FILL)) for mark, row in zip(scale, above, strict=False)]
    return [*lines, Content.assemble(left, "  ", (last, FILL), "  ", right)]


def counts(answer: Mapping[str, Any], width: int) -> Content:
    """What became of the frames; what should not be is coloured."""
    frames = answer["frames"]
    lossless = answer["on_full"] == "block"
    lost = dropped(answer)
    fates = [
        ("in", frames["accepted"], PLAIN),
        ("out", frames["output"], PLAIN),
        ("blank", frames["blanked"], WARN if frames["blanked"] else FAINT),
        ("dropped", lost, (WARN if lossless else PLAIN) if lost else FAINT),
        ("rejected", frames["rejected"], WARN if frames["rejected"] else FAINT),
        ("under way", frames["under_way"], PLAIN),
    ]
    gap = 3 if width < 100 else 5
    parts: list[Content | str] = []
    for word, count, colour in fates:
        parts += [Content.assemble((f"{word} ", FAINT), (f"{count:,}", colour)), " " * gap]
    if (lesser := _lesser(answer)) and sum(map(len, parts)) + len(f"less well {lesser:,}") <= width:
        parts.append(Content.assemble(("less well ", FAINT), (f"{lesser:,}", WARN)))
    if not answer["ledger_balanced"]:
        parts += [Content.styled("the sums do not agree", BAD)]
    return Content.assemble(*parts)


def unusual(answer: Mapping[str, Any], width: int) -> list[Content]:
    """A line on what stages say that they are doing, as reconnecting, and why pictures were rejected; none where there
    is nothing to say."""
    said = [(f"{name}: {stage['state']}", WARN) for name, stage in answer["stages"].items() if stage["state"]]
    counted = (kind for stage in answer["stages"].values() for kind in stage["counts"].items())
    reasons = [f"{number:,} {what.removeprefix(REJECTED)}" for what, number in counted if what.startswith(REJECTED)]
    said += [(f"rejected: {', '.join(reasons)}", FAINT)] if reasons else []
    if not said:
        return []
    line = Content("   ").join(Content.styled(escaped(text), colour) for text, colour in said)
    return [line if len(line) <= width else line[: width - 1] + "…"]


def _lesser(answer: Mapping[str, Any]) -> int:
    """Frames that were done below the best level, to keep up."""
    kinds = (kind for stage in answer["stages"].values() for kind in stage["counts"].items())
    return sum(count for what, count in kinds if what.startswith("level: "))


def slots(told: Mapping[str, int], width: int) -> Content:
    """How many slots hold a frame; those in quarantine stand beside them."""
    total = max(1, told["total"])
    bad, taken = told["quarantined"], told["total"] - told["free"] - told["quarantined"]
    said = [(f"  {taken} of {told['total']} taken", PLAIN)]
    said += [(f", {bad} quarantined", BAD)] if bad else []
    room = min(60, width - 6 - sum(len(text) for text, _ in said))
    return Content.assemble(("slots ", FAINT), bar(room, (taken / total, MARK), (bad / total, BAD)), *said)


def device(figures: Figures, at: int, width: int) -> Content:
    """One GPU: how busy it is, and its memory."""
    one = figures.devices[at]
    said = f"  {share(one.share)} %, {size(one.memory)} of {size(one.total)}  {one.name}"
    room = max(4, min(30, width - 6 - len(said)))
    shown = bar(room, (one.share or 0.0, MARK))
    return Content.assemble((f"GPU {one.number:<2}", FAINT), shown, (cut(said, width - 6 - room), PLAIN))
