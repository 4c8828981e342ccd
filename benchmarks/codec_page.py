"""The page `docs/semantic/measures.md`, made from the results; no figure there is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import codec_page_curves, codec_plots
from benchmarks.results import FOLDER, load
from benchmarks.sections import table

RESULT = FOLDER / "codec.json"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "semantic" / "measures.md"
PICTURES = PAGE.parent
PLOTS = {"psnr_region": "region.png", "psnr_background": "background.png", "vmaf": "vmaf.png"}
HEAD = """# Semantic coding, measured

Made by `python -m benchmarks.codec` from `benchmarks/results/codec.json`; nothing here is typed by hand. How it is
used: [semantic-coding.md](../semantic-coding.md). Every byte that a decoder needs is counted; *bits per pixel* is what
the ratio `bandwidth` means: 0.10x of 640x360 at 25 frames/s is 576 kbit/s.
"""

Content = Mapping[str, Any]


def page(content: Content) -> str:
    """The whole page."""
    parts = [HEAD]
    if "clips" in content:
        parts += [*codec_page_curves.section(content, PLOTS), ""]
    if content.get("sheets"):
        parts += [*_sheets(content["sheets"]), ""]
    if "caps" in content:
        parts += [*_caps(content["caps"]), ""]
    if "damage" in content:
        parts += [*_damage(content["damage"]), ""]
    if "speed" in content:
        parts += [*_speed(content["speed"]), ""]
    return "\n".join([*parts, _machine(content), ""])


def write() -> None:
    """The page, and the plots that do not show these very results; sheets that nothing speaks of any more are removed.

    Raises OSError, ConfigError."""
    content = load(RESULT, "codec")
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(content))
    for key, name in PLOTS.items() if "clips" in content else ():
        path = PICTURES / name
        if not path.exists() or codec_plots.digest(content["clips"], key).encode() not in path.read_bytes():
            codec_plots.draw(path, content["clips"], key)
    shown = {PICTURES / sheet["picture"] for sheet in content.get("sheets", {}).values()}
    for path in set(PICTURES.glob("sheet-*.jpg")) - shown:
        path.unlink()


def _sheets(sheets: Content) -> Iterator[str]:
    yield "## To look at\n"
    yield "One picture of a clip, coded each way with the same bytes for the clip as far as its quantiser reaches.\n"
    for name, sheet in sheets.items():
        yield f"**{name}**, frame {sheet['frame']}, {sheet['ratio']:.2f} bits per pixel:\n"
        yield f"![{name}]({sheet['picture']})\n"


def _caps(caps: Content) -> Iterator[str]:
    yield "## A cap that steps, and a floor\n"
    yield (
        f"The stage `codec` on {caps['clip']}, forth and back, as {caps['rate']:g} pictures a second; the cap goes "
        f"{' → '.join(f'{cap:g}' for cap in caps['steps'])} kbit/s, {caps['seconds']:g} s each. *Settled*: from when "
        f"on any {caps['span_s']:g} seconds' bytes keep within {100 * caps['within']:.0f} % of the cap. *Highest*: the "
        f"most in any one second after the first {caps['goal_s']:g}.\n"
    )
    rows = [
        [f"{one['cap']:g}", _settled(one), f"{one['mean_kbps']:.0f}", f"{100 * one['highest']:.0f} %",
         f"{one['psnr_region']:.1f}", f"{one['psnr_background']:.1f}", "yes" if one["met"] else "**no**"]
        for one in caps["kept"]
    ]  # fmt: skip
    head = ["cap, kbit/s", "settled, s", "mean, kbit/s", "highest", "region dB", "background dB"]
    yield from table([*head, f"within {caps['goal_s']:g} s"], rows)
    yield (
        "\nA floor under the region's PSNR in place of a cap; and what the one quantiser for all pictures takes that "
        "keeps the worst of them as good:\n"
    )
    rows = [
        [f"{one['floor']:g}", f"{one['psnr_region']:.2f}", f"{one['worst_region']:.2f}", f"{one['kbps']:.0f}",
         f"{one['fixed_kbps']:.0f}"]
        for one in caps["floors"]
    ]  # fmt: skip
    head = ["floor, dB", "region dB", "its worst picture", "kbit/s", "one quantiser: kbit/s"]
    yield from table(head, rows)


def _damage(damage: Content) -> Iterator[str]:
    yield "## Damaged bytes\n"
    yield (
        f"Packets of {damage['clip']}, cut off or with one to eight bits flipped, seed {damage['seed']}; a key picture "
        f"every {damage['key_every']}. A crash or another exception would have ended the measurement. *Wrong*: another "
        "picture than the encoder's, without an error. *After*: pictures that build on a damaged one, wrong "
        "without an error. *Again*: streams whose next key picture is right.\n"
    )
    kinds = ("trials", "error", "right", "wrong", "after_wrong", "again")
    rows = [[f"`{name}`", *(f"{one[kind]}" for kind in kinds), f"{one['slowest_ms']:.0f}"]
            for name, one in damage["ways"].items()]  # fmt: skip
    yield from table(["coder", "trials", "error", "right", "wrong", "after", "again", "slowest, ms"], rows)


def _settled(one: Content) -> str:
    return "never" if one["settled_s"] is None else f"{one['settled_s']:.2f}"


def _speed(speed: Content) -> Iterator[str]:
    yield "## Speed\n"
    yield (
        f"`cleanplate run semantic-codec` on {speed['frames']} frames of {speed['size']}, segmentation and all; "
        f"medians of {speed['rounds']} rounds. Other programs took {speed['others_busy']:.2f} processors meanwhile.\n"
    )
    rows = [
        [name, f"{one['fps']:.1f}", f"{min(one['fps_of_rounds']):.1f} to {max(one['fps_of_rounds']):.1f}", _asked(one)]
        for name, one in speed["runs"].items()
    ]
    yield from table(["coder", "frames/s", "of the rounds", f"asked: {speed['goal_fps']:g}"], rows)
    yield "\nA frame's parts, ms, each by itself in one process:\n"
    yield from table(["part", *speed["parts"]], list(_parts(speed["parts"])))


def _asked(one: Content) -> str:
    return {True: "met", False: "**missed**", None: ""}[one.get("met")]


def _parts(parts: Mapping[str, Mapping[str, float]]) -> Iterator[Sequence[str]]:
    for name in dict.fromkeys(name for found in parts.values() for name in found):
        yield [name, *(f"{found[name]:.1f}" if name in found else "" for found in parts.values())]


def _machine(content: Content) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}*"
