"""The part of the page of semantic coding that tells of the curves: what regions save, what they cost, who wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.codec_compared import GOAL_SAVED, GOAL_WORST, RATIO
from benchmarks.codec_ways import PLAIN, WAYS
from benchmarks.sections import table

WORDS = (
    "Real clips, {frames} frames of each, one key picture at the start, decoded by a decoder that has the bytes alone. "
    "What all are compared with is `{plain}`: {says}. PSNR over B, G and R, of the mean squared error over all pixels "
    "of the region (the mask, not grown), of the rest, and of the whole; VMAF (v0.6.1) of the whole. *Region*: bytes"
    " at equal PSNR of the region, BD-rate (Akima). *Worst*: the same at the worst point of the curve. *Background*, "
    "*whole*, *VMAF*: what they lose or gain at equal bytes (BD). Where less than half of the narrower curve lies "
    "beside the other, there is no figure.\n"
)

Content = Mapping[str, Any]


def section(content: Content, plots: Mapping[str, str]) -> Iterator[str]:
    """All of it."""
    clips = content["clips"]
    frames = "/".join(str(count) for count in sorted({clip["frames"] for clip in clips.values()}))
    yield "## Bytes where they matter\n"
    yield WORDS.format(frames=frames, plain=PLAIN, says=next(way.says for way in WAYS if way.name == PLAIN))
    yield from _overall(content["overall"])
    yield "\nThe ways:\n"
    yield from (f"- `{way.name}`: {way.says}" for way in WAYS)
    yield "\nThe clips:\n"
    yield from _clips(clips)
    yield from _learned(clips)
    yield from _at_ratio(clips)
    yield f"\n![Region]({plots['psnr_region']})\n"
    yield f"![Background]({plots['psnr_background']})\n"
    yield f"![VMAF]({plots['vmaf']})\n"
    yield from _each(clips)


def _overall(found: Mapping[str, Content]) -> Iterator[str]:
    rows = [
        [f"`{name}`", _signed(one["region_saved"], " %"), _signed(one["region_worst"], " %"),
         *(_signed(one[f"{key}_gained"], " dB") for key in ("psnr_background", "psnr_whole")),
         _signed(one["vmaf_gained"], ""), f"{one['compared']} of {one['clips']}", f"{one['met']} of {one['clips']}"]
        for name, one in found.items()
    ]  # fmt: skip
    asked = f"≤ {GOAL_SAVED:g} % and ≤ {GOAL_WORST:+g} %"
    yield from table(
        ["way", "region", "worst of all", "background", "whole", "VMAF", "clips compared", f"both met: {asked}"], rows
    )


def _clips(clips: Mapping[str, Content]) -> Iterator[str]:
    masks = {"true": "drawn by hand", "found": "found by the segmenter"}
    rows = [
        [name, clip["says"], clip["size"], f"{100 * clip['share']:.1f} %", masks[clip["masks"]]]
        for name, clip in clips.items()
    ]
    yield from table(["clip", "shows", "size", "region", "masks"], rows)


def _at_ratio(clips: Mapping[str, Content]) -> Iterator[str]:
    """Region and background, way by way: who is best at equal bytes."""
    yield f"\n### At {RATIO:.2f} bits per pixel\n"
    yield (
        "PSNR of region / background, dB; bold: the best region; *at*: its finest quantiser takes fewer. The last line "
        "is what the original shows: noise on the network's numbers in place of bytes, said to be "
        f"{RATIO:.2f}x, which nobody could send.\n"
    )
    best = {name: _best(clip["at_ratio"]) for name, clip in clips.items()}
    rows = [
        [f"`{way.name}`", *(_pair(clip["at_ratio"].get(way.name, {}), best[name] == way.name)
                            for name, clip in clips.items())]
        for way in WAYS
    ]  # fmt: skip
    noise = ["noise, no bytes", *(_pair(clip.get("simulated", {}), best=False) for clip in clips.values())]
    yield from table(["way", *clips], [*rows, noise])


def _best(found: Mapping[str, Content]) -> str:
    known = {way: one["psnr_region"] for way, one in found.items() if one["psnr_region"] is not None}
    return max(known, key=lambda way: known[way], default="")


def _pair(found: Content, best: bool) -> str:
    inside, outside = (found.get(f"psnr_{part}") for part in ("region", "background"))
    if inside is None or outside is None:
        return "-"
    fewer = f" at {found['bpp']:.2f}" if found.get("bpp", RATIO) < RATIO else ""
    return f"**{inside:.1f}** / {outside:.1f}{fewer}" if best else f"{inside:.1f} / {outside:.1f}{fewer}"


def _learned(clips: Mapping[str, Content]) -> Iterator[str]:
    if names := [name for name, clip in clips.items() if clip.get("learned")]:
        yield f"\nThe neural coder has learned from {' and '.join(names)}; they do not count for it in the means.\n"


def _each(clips: Mapping[str, Content]) -> Iterator[str]:
    yield "### Clip by clip\n"
    rows = [
        [name, f"`{way}`", _told(one["region_saved"], " %"), _told(one["region_worst"], " %"),
         *(_told(one[f"{key}_gained"], " dB") for key in ("psnr_background", "psnr_whole")),
         _told(one["vmaf_gained"], "")]
        for name, clip in clips.items()
        for way, one in clip["compared"].items()
    ]  # fmt: skip
    yield from table(["clip", "way", "region", "worst", "background", "whole", "VMAF"], rows)
    yield ""
    yield from _unsaid(clips)


def _unsaid(clips: Mapping[str, Content]) -> Iterator[str]:
    """Why some figures are not there."""
    whys: dict[str, list[str]] = {}
    for name, clip in clips.items():
        for way, one in clip["compared"].items():
            if why := one["region_saved"]["why"]:
                whys.setdefault(why, []).append(f"{name} `{way}`")
    yield from (f"- No figure of the region: {', '.join(names)}: {why}." for why, names in whys.items())


def _told(figure: Content, unit: str) -> str:
    return _signed(figure["value"], unit)


def _signed(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:+.1f}{unit}"
