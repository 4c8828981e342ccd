"""The tables of `docs/privacy.md`, made from the results; no figure there is typed by hand, all else on the page is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.privacy_beside import GOALS, OURS, THEIRS
from benchmarks.results import FOLDER, load
from benchmarks.sections import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "privacy.md"
RESULT = FOLDER / "privacy.json"
MARK = "<!-- From here on made by `python -m benchmarks.privacy`; nothing is typed by hand. -->\n"
CLIPS = {
    "crowd": "a crowd, 1280x720, with sound",
    "walk": "people come in one by one, 1280x720, with sound",
    "faces_crowd": "the crowd as it is, 640x360, no sound",
}
BESIDE = (
    "`python -m benchmarks.privacy`: both commands on the same files in turn on one machine, deface {version} with its "
    "own defaults and `-k`, `privacy-faces` with `--set output.audio=copy`; medians of {rounds} rounds. *Whole*: the "
    "frames by the seconds of the command, from its start to its end. *At it*: without loading, as the report and the "
    "progress bar say. *First*: seconds until the output holds more than a header. Recall is judged by pixels: a face "
    "is covered in a frame where 95 % of what lies within its drawn box differs from the input. deface blurs by "
    "default, which changes little where a face is even; *solid* is the same deface asked for black boxes, without "
    "loss. *In vain*: the share of the picture far from every face that changed. Other programs took "
    "{others_busy:.2f} processors meanwhile.\n"
)
RECALL = (
    "Faces and plates with known boxes, through the command line, lossless output. *Leaked*: people of whom more than "
    "5 % shows in at least one frame. *Longest*: the longest time without a break in which somebody shows. *Until "
    "covered*: the longest time that somebody shows before being covered for the first time. *In vain*: the share of "
    "the picture far from everybody that is covered all the same.\n"
)
PHOTOS = (
    "Photos, each by itself; nothing can be held there. *Contained*: the whole drawn box is covered, corners and all "
    "(faces are covered by ellipses). *Of the photo*: how much of it is covered.\n"
)

Content = Mapping[str, Any]


def tables(content: Content) -> str:
    """Everything below the mark."""
    parts = ["## Figures\n"]
    if "beside" in content:
        parts += [*_beside(content["beside"]), ""]
    if "recall" in content:
        parts += [*_recall(content["recall"]), ""]
    if "real" in content:
        parts += [*_real(content["real"]), ""]
    return "\n".join([*parts, _machine(content), ""])


def page() -> str:
    """The whole page: the guide as it is, and the tables."""
    guide, mark, _ = PAGE.read_text().partition(MARK)
    measured = tables(load(RESULT, "privacy")) if RESULT.exists() else "Not measured yet.\n"
    return "\n".join([guide + (mark or MARK), measured])


def write() -> None:
    """Make the tables anew. Raises OSError, ConfigError."""
    PAGE.write_text(page())


def _beside(content: Content) -> Iterator[str]:
    yield "### Beside deface\n"
    yield BESIDE.format(**content)
    head = ["whole, frames/s", "at it", "first, s", "CPU ms a frame", "recall", "in vain", "sound", "times off, ms"]
    for name, says in CLIPS.items():
        yield from table([says, *head], [_row(who, one) for who, one in content["clips"][name].items()])
        yield ""
    goals = content["goals"]
    rows = [
        [goal.says, f"at least {goal.least:g}", f"{goals[goal.name]['value']:.3g}", _yes(goals[goal.name]["met"])]
        for goal in GOALS
    ]
    yield from table(["on the crowd at 1280x720 with sound", "asked", "got", "met"], rows)
    stages = content["clips"]["crowd"][OURS]["stages"]
    yield f"\nIn it our stages take, median ms: {', '.join(f'{name} {ms:.1f}' for name, ms in stages.items())}."
    yield "What each file kept: " + "; ".join(_kept(name, content["clips"][name]) for name in CLIPS) + "."


def _row(who: str, one: Content) -> list[str]:
    seen = ["", ""]
    if judged := one.get("judged"):
        seen = [
            f"{judged['covered']} of {judged['seen']} ({_percent(judged['recall'])})",
            _percent(judged["far_share"]),
        ]
    if "kept" not in one:
        return [who, "", "", "", "", *seen, "", ""]
    rates = [f"{one[key]:.{digits}f}" for key, digits in (("frames_per_s", 2), ("steady_fps", 2), ("first_s", 1))]
    return [who, *rates, f"{one['cpu_ms_per_frame']:.0f}", *seen, one["kept"]["audio"], f"{one['kept']['late_ms']:g}"]


def _kept(name: str, clip: Content) -> str:
    said = []
    for who in (OURS, THEIRS):
        lacks = [what for what in ("size", "frames") if not clip[who]["kept"][what]]
        said.append(f"{who} {'another ' + ' and '.join(lacks) if lacks else 'size and number of frames'}")
    return f"{name}: {', '.join(said)}"


def _recall(content: Content) -> Iterator[str]:
    yield "### How much is covered\n"
    yield RECALL
    head = ["covered", "recall", "leaked", "longest, ms", "until covered, ms", "in vain", "blank frames"]
    for name, says in (("faces_crowd", "faces: pan over a crowd"), ("plate_162", "plate: pan over a parked car")):
        rows = [
            [one["says"], f"{one['covered']} of {one['seen']}", _percent(one["recall"]),
             f"{one['people_leaked']} of {one['people']}", str(one["longest_leak_ms"]), str(one["first_exposure_ms"]),
             _percent(one["far_share"]), str(one["blanked"])]
            for one in content[name]
        ]  # fmt: skip
        yield from table([says, *head], rows)
        yield ""
    widths = list(content["faces_crowd"][0]["by_width"])
    rows = [[one["says"], *_slices(one["by_width"], widths)] for one in content["faces_crowd"]]
    yield from table(["covered, by the width of the face in pixels", *widths], rows)
    yield f"\n{PHOTOS}"
    head = ["covered", "recall", "contained", "of the photo"]
    for name, says in (("city", "a crowd, 800x564"), ("plates_eu", "European plates, one a photo")):
        rows = [
            [one["says"], f"{one['covered']} of {one['seen']}", _percent(one["recall"]),
             f"{one['contained']} of {one['seen']}", _percent(one["masked_share"])]
            for one in content[name]
        ]  # fmt: skip
        yield from table([says, *head], rows)
        yield ""


def _slices(found: Content, widths: Sequence[str]) -> Iterator[str]:
    for width in widths:
        yield f"{found[width]['covered']} of {found[width]['seen']}" if width in found else ""


def _real(content: Content) -> Iterator[str]:
    yield "### Large pictures\n"
    rows = [[name, one["config"], str(one["frames"]), f"{one['fps']:.2f}"] for name, one in content.items()]
    yield from table(["clip, 2560x1920", "by", "frames", "frames/s"], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _machine(content: Content) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB" + (f", {content['gpu']}" if content["gpu"] else "")
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*"
