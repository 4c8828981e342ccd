"""The section of `docs/quality.md` on inventing what nobody ever saw, made from `results/infill.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.infill_ways import OURS, REFERENCE, SAYS
from benchmarks.results import FOLDER, load
from benchmarks.sections import table

RESULT = FOLDER / "infill.json"
SHEET = Path(__file__).resolve().parent.parent / "docs" / "quality" / "infill.jpg"
INTRO = (
    "`python -m benchmarks.infill`: crops of photographs that it never learned from, with holes{people}, and, of the "
    "clips, every fifth frame with its true mask grown by 7 pixels, cut as the stage `inpainting` cuts; the inpainter "
    "alone, without a plate. *PSNR* and *SSIM* in the hole. *Texture*: how far the histogram of gradients (how strong) "
    "lies from the truth's, in octaves; *direction*: the same of which way they run, in degrees (earth mover's "
    "distances; smaller is better, and 0 is texture as the truth has it, be it elsewhere). *ms*: a crop, median, on "
    "{device}.\n"
)
SPEED = (
    "A crop of 256x256 on {device}, median of {rounds}, by turns; *differs*: in levels of 255 from torch in float32, "
    "at most anywhere in the holes. Other programs took {others_busy:.2f} processors meanwhile.\n"
)

Content = Mapping[str, Any]


def section() -> Iterator[str]:
    """Nothing where it has not been measured. Raises ConfigError."""
    if not RESULT.exists():
        return
    content = load(RESULT, "infill")
    yield "## Inventing what nobody ever saw\n"
    if "pictures" in content:
        yield from _quality(content)
    if "speed" in content:
        yield from _speed(content["speed"])
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    yield f"\n*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*\n"


def shown() -> set[str]:
    """The names of the pictures in the section."""
    return {load(RESULT, "infill").get("shown", "")} - {""} if RESULT.exists() else set()


def _quality(content: Content) -> Iterator[str]:
    device = content["models"][OURS]["device"]
    people = ", half of them outlines of real ones" if content["people"] else ""
    yield INTRO.format(people=people, device=device)
    overall = content["overall"]
    rows = [
        [SAYS[name], f"{row['psnr_db']:.2f}", f"{row['gain_db']:+.2f}", f"{row['worst_gain_db']:+.2f}",
         f"{row['ssim']:.3f}", f"{row['edges']:.2f}", f"{row['turn']:.1f}", f"{row['ms']:.0f}"]
        for name, row in overall.items()
    ]  # fmt: skip
    head = ["all pictures and clips", "PSNR dB", "gain over Telea", "worst", "SSIM", "texture", "direction", "ms"]
    yield from table(head, rows)
    for name, why in content["absent"].items():
        yield f"\nNot measured: {name} ({why})."
    yield ""
    yield from _goals(content["goals"], "as asked of `infill`")
    yield "\nPSNR in the hole, dB, picture by picture:\n"
    names = list(overall)
    rows = [
        [picture, str(of_one["crops"]), *(f"{of_one['ways'][name]['psnr_db']:.1f}" for name in names),
         f"{of_one['ways'][OURS]['gain_db']:+.2f}", f"{of_one['ways'][OURS]['worst_crop_db']:+.2f}"]
        for picture, of_one in content["pictures"].items()
    ]  # fmt: skip
    yield from table(["picture", "crops", *names, f"{OURS} over {REFERENCE}", "worst crop"], rows)
    if content.get("shown"):
        yield (
            f"\nOf each picture the crop in the middle, neither {OURS}'s best nor its worst (whose the photographs "
            f"are: [sources](infill/sources.md)).\n\n![what each way makes of a hole](quality/{content['shown']})\n"
        )


def _speed(content: Content) -> Iterator[str]:
    yield SPEED.format(**content)
    rows = [[name, f"{row['ms']:.1f}", f"{row['most_levels']:.0f}"] for name, row in content["ways"].items()]
    yield from table(["engine", "ms", "differs"], rows)
    for name, why in content["absent"].items():
        yield f"\nNot measured: {name} ({why})."
    yield ""
    yield from _goals(content["goals"], "as asked")


def _goals(found: Content, title: str) -> Iterator[str]:
    rows = [
        [one["says"], one["asked"], f"{one['value']:.4g}", "yes" if one["met"] else "**no**"] for one in found.values()
    ]
    yield from table([title, "asked", "got", "met"], rows)
