"""The page `docs/quality.md`, made from the results; no figure there is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import infill_page, quality_pictures
from benchmarks.removal import GOALS, GPU_GOALS
from benchmarks.results import FOLDER, load
from benchmarks.sections import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "quality.md"
PICTURES = PAGE.parent / "quality"
PLOTS = {"clips": "psnr-clips.png", "scenarios": "psnr-scenarios.png"}
TITLES = {
    "clips": "PSNR in the hole, dB, frame by frame (dashed: asked of the mean; dotted: what the codec leaves)",
    "scenarios": "PSNR in the hole, dB, frame by frame; a gap where nobody is hidden or the mask misses somebody",
}
HEAD = """# Quality

Made by `python -m benchmarks.quality` from `benchmarks/results/*.json`; nothing here is typed by hand. Every clip has
its true background, so what comes out can be told from what was there.

*Hole*: PSNR in dB where somebody was to be removed, the true mask grown by 3 pixels, mean over the frames. *Outside*:
PSNR 30 pixels and more away from it. *Flicker*: how much a pixel of the hole changes from frame to frame beyond what
the truth does, in levels of 255. The past alone is used: no frame knows a later one.
"""

Content = Mapping[str, Any]


def page() -> str:
    """The whole page, from the results that are there."""
    content = load(FOLDER / "quality.json", "quality")
    sections = *_files(content), *_removal(), *_target(), *infill_page.section(), *_scenarios(content)
    return "\n".join([HEAD, *sections, _machine(content), ""])


def write() -> None:
    """The page and its plots; pictures that nothing speaks of any more are removed. Raises OSError, ConfigError."""
    content = load(FOLDER / "quality.json", "quality")
    PAGE.write_text(page())
    for kind, name in PLOTS.items():
        path = PICTURES / name
        if not path.exists() or quality_pictures.digest(content[kind]).encode() not in path.read_bytes():
            quality_pictures.draw_plot(path, content[kind], TITLES[kind])
    for path in set(PICTURES.iterdir()) - {PICTURES / name for name in shown(content)}:
        path.unlink()


def shown(content: Content) -> set[str]:
    """The names of all pictures on the page."""
    of_clips = {clip["picture"] for clip in content["clips"].values() if clip["published"]}
    of_scenarios = {clip["picture"] for clip in content["scenarios"].values()}
    return {*PLOTS.values(), *of_clips, *of_scenarios, *infill_page.shown()} - {""}


def _files(content: Content) -> Iterator[str]:
    yield "## Through the command line, detector and all\n"
    how = "`cleanplate run remove-people --set output.codec=ffv1`"
    yield f"{how}. *Usual*: frames/s of `benchmarks.baseline`, LaMa: {content['lama']}.\n"
    rows = [
        [name, *_asked(clip, "inside_db", "≥"), f"{clip['outside_db']:.1f}", *_asked(clip, "flicker", "≤"),
         f"{clip['fps']:.1f}", f"{clip['usual_fps']:.2f}", f"{clip['fps'] / clip['usual_fps']:.0f}",
         {True: "yes", False: "**no**", None: ""}[clip.get("met")]]
        for name, clip in content["clips"].items()
    ]  # fmt: skip
    head = ["clip", "hole dB", "asked", "outside dB", "flicker", "asked", "frames/s", "usual", "times", "met"]
    yield from table(head, rows)
    yield f"\n![PSNR frame by frame](quality/{PLOTS['clips']})\n"
    hidden = False
    for name, clip in content["clips"].items():
        hidden = hidden or not clip["published"]
        if clip["published"]:
            yield from _picture(name, clip)
    if hidden:
        yield (
            "The other clips hold people out of research data sets, which are not ours to publish: "
            "`--private FOLDER` writes their pictures there.\n"
        )


def _asked(clip: Content, key: str, sign: str) -> tuple[str, str]:
    digits = 1 if key == "inside_db" else 2
    goal = clip.get("goal")
    return f"{clip[key]:.{digits}f}", f"{sign} {goal[key]:g}" if goal else ""


def _removal() -> Iterator[str]:
    """The rates at 720p, of every machine that they have been measured on."""
    for path in sorted(FOLDER.glob("removal*.json")):
        yield from _rates(load(path, "removal"))


def _rates(content: Content) -> Iterator[str]:
    gpu = content["gpu"] or "none here, so what is asked of one is not measured"
    yield f"## Beside the usual loop at 720p, encoding on{', on a GPU' if content['gpu'] else ''}\n"
    yield (
        f"`python -m benchmarks.removal`: {content['frames']} frames of people who walk through a room before a still "
        f"camera; median of {content['rounds']} rounds, interleaved; LaMa: {content['lama']}. Other programs took "
        f"{content['others_busy']:.2f} processors meanwhile. GPU: {gpu}.\n"
    )
    scenes = content["scenes"]
    head = ["frames/s", *(f"{name} in the picture" for name in scenes)]
    rates = [key for key in next(iter(scenes.values()))["figures"]["of_rounds"]]
    words = {"usual": "the usual loop", "every_frame": "ours, the model on every frame"}
    yield from table(
        head, [[words.get(key, key), *(f"{s['figures'][key]:.2f}" for s in scenes.values())] for key in rates]
    )
    yield ""
    rows = [
        [goal.says, goal.asked, *(_got(scene, goal.name) for scene in scenes.values())]
        for goal in (GPU_GOALS if content["gpu"] else GOALS)
    ]
    yield from table(["", "asked", *(f"{name} in the picture" for name in scenes)], rows)
    yield f"\n{_machine(content)}\n"


def _got(scene: Content, name: str) -> str:
    value = f"{scene['figures'][name]:.4g}"
    return value if scene["goals"][name] else f"**{value}**: missed"


def _target() -> Iterator[str]:
    """How a chosen target is followed, where that has been measured."""
    path = FOLDER / "target.json"
    if not path.exists():
        return
    content = load(path, "target")
    yield "## A target that is pointed at\n"
    yield "`python -m benchmarks.target`: the mask that `remove-target` follows with, against the true one; causal.\n"
    rows = []
    if real := content.get("bmx_trees"):
        rows.append(["a real rider between trees: mean IoU", f"≥ {real['goal']:g}", f"{real['mean_iou']:.2f}"])
    if made := content.get("hidden"):
        again = ", ".join(map(str, made["frames_until_found_again"].values()))
        rows += [
            ["wholly hidden, zoomed at: frames until found again, each time", f"≤ {made['goal']}", again],
            ["the same clip: mean IoU where something of it is seen", "", f"{made['mean_iou_where_seen']:.2f}"],
            ["the same clip: frames on somebody else", "", str(made["frames_on_somebody_else"])],
        ]
    yield from table(["figure", "asked", "got"], rows)
    yield f"\n{_machine(content)}\n"


def _scenarios(content: Content) -> Iterator[str]:
    yield "## The plate alone, on what breaks a remembered background\n"
    yield (
        "`python -m benchmarks.scenarios`: drawn clips with given masks instead of a detector. Frames in which the "
        "mask misses somebody are judged only where tracking holds it (`-tracked`). *Worst*: the hole's PSNR in the "
        "worst tenth of the frames. *Grain*: by how much the hole changes from frame to frame, by what the truth does; "
        "1 is alike, 0 frozen, which *flickers* by the truth's noise. *Not known*: the share of the holes that the "
        "plate left to the inpainter.\n"
    )
    rows = [
        [name, f"{clip['inside_db']:.1f}", f"{clip['worst_db']:.1f}", f"{clip['outside_db']:.1f}",
         f"{clip['flicker']:.2f}", f"{clip['grain']:.2f}", f"{100 * clip['rest']:.1f} %"]
        for name, clip in content["scenarios"].items()
    ]  # fmt: skip
    yield from table(["clip", "hole dB", "worst", "outside dB", "flicker", "grain", "not known"], rows)
    yield f"\n![PSNR frame by frame](quality/{PLOTS['scenarios']})\n"
    for name, clip in content["scenarios"].items():
        yield from _picture(name, clip)


def _picture(name: str, clip: Content) -> Iterator[str]:
    frames = " and ".join(map(str, clip["shown"]))
    yield f"**{name}**: {clip['says']} (frames {frames}).\n\n![{name}](quality/{clip['picture']})\n"


def _machine(content: Content) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*"
