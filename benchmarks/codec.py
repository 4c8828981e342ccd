"""What do regions save, and what do they cost? `python -m benchmarks.codec --data ../shared/data`.

Curves: real clips through the same encoder with and without regions and through the neural coder, decoded from the
bytes alone. Sheets: the same to be looked at. Caps: how soon a stepped bit rate is kept. Damage: what decoders say of
changed bytes. Speed: frames/s of `cleanplate run semantic-codec`. All of it goes into `results/codec.json`, and from
there onto the page `docs/semantic/measures.md`; `--page` makes only the page.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import codec_caps, codec_damage, codec_page, codec_sheet, codec_speed
from benchmarks.codec_clips import shelf
from benchmarks.codec_compared import overall
from benchmarks.codec_curves import of_clip
from benchmarks.codec_page import RESULT
from benchmarks.codec_ways import NAMES, SHOWN, named
from benchmarks.results import complete, load, save
from benchmarks.transport import Bystanders

DATA = Path("../shared/data")
FRAMES, FEW = 36, 12  # of each clip; for a sheet, which looks for the quantiser
LITTLE = 0.05  # bits per pixel of a sheet: enough to see what they were spent on
PARTS = ("curves", "sheets", "caps", "damage", "speed")

Told = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, which may be taken up again clip by clip; what is not asked for stays as it was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codec")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of clips with masks")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each clip")
    parser.add_argument("--clips", nargs="+", default=[], metavar="NAME", help="these clips alone")
    parser.add_argument("--ways", nargs="+", default=NAMES, choices=NAMES, metavar="NAME", help="these curves alone")
    parser.add_argument("--only", choices=PARTS, help="the rest stays as it was measured before")
    parser.add_argument("--rounds", type=int, default=5, help="of speed")
    parser.add_argument("--private", type=Path, help="where pictures of clips go that are not ours to publish")
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--page", action="store_true", help="measure nothing")
    wanted = parser.parse_args(arguments)
    if not wanted.page:
        for part in [wanted.only] if wanted.only else PARTS:
            _measure(part, wanted)
    if wanted.json == RESULT:
        codec_page.write()


def _measure(part: str, wanted: argparse.Namespace) -> None:
    content: dict[str, Any] = load(wanted.json, "codec") if wanted.json.exists() else {}
    if part == "curves":
        _curves(wanted, content)
    elif part == "sheets":
        content["sheets"] = _sheets(wanted)
    elif part == "caps":
        content["caps"] = codec_caps.measure(shelf(wanted.data), _tell)
    elif part == "damage":
        content["damage"] = codec_damage.measure(shelf(wanted.data), wanted.ways, content.get("damage", {}), _tell)
    else:
        content["speed"] = codec_speed.measure(wanted.rounds, _tell)
    _keep(wanted.json, content)


def _curves(wanted: argparse.Namespace, content: dict[str, Any]) -> None:
    """Kept after each clip: a run that is cut off has not been in vain."""
    others = Bystanders()
    ways = [named(name) for name in wanted.ways]
    found: dict[str, Any] = content.get("clips", {})
    clips = shelf(wanted.data)
    for name, read in clips.items():
        if wanted.clips and name not in wanted.clips:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = of_clip(read(wanted.frames), Path(scratch), _tell, ways, found.get(name, {}))
        content["clips"] = {name: found[name] for name in clips if name in found}
        content["overall"] = overall(content["clips"])
        content["curves_others_busy"] = round(others.processors(), 2)
        _keep(wanted.json, content)


def _sheets(wanted: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, read in shelf(wanted.data).items():
        if wanted.clips and name not in wanted.clips:
            continue
        clip = read(min(wanted.frames, FEW))
        place = codec_page.PICTURES if clip.open else wanted.private
        if place is None:
            continue
        at = max(range(len(clip.masks)), key=lambda index: (clip.masks[index] > 0).sum())
        shown = codec_sheet.rows(clip, [named(way) for way in SHOWN if way in wanted.ways], LITTLE, at)
        place.mkdir(parents=True, exist_ok=True)
        codec_sheet.write(place / f"sheet-{name}.jpg", clip, shown, at)
        if clip.open:
            rows = {one.title: one.facts for one in shown if one.facts}
            found[name] = {"picture": f"sheet-{name}.jpg", "frame": at, "ratio": LITTLE, "rows": rows}
        _tell(f"sheet of {name}, frame {at}")
    return found


def _keep(path: Path, content: dict[str, Any]) -> None:
    kept = {key: value for key, value in content.items() if key not in ("question", "date", "machine")}
    save(path, complete("codec", kept))


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
