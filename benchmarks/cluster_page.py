"""The tables of `docs/scaling.md`, made from the results; no figure there is typed by hand, all else is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.cluster_model import Model, segments
from benchmarks.results import FOLDER, load
from benchmarks.sections import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
RESULT = FOLDER / "cluster.json"
MARK = "<!-- From here on made by `python -m benchmarks.cluster`; nothing is typed by hand. -->\n"
FILMS = {"40 minutes": 2400.0, "40 hours": 144_000.0}
MACHINES = (1, 10, 100, 1000)
LENGTHS = (5.0, 15.0, 60.0)
GIGABIT = 125_000_000.0
WAYS = {
    "local": "`--engine local`",
    "cluster": "`--engine ray --address`",
    "own": "`--engine ray`, Ray started and ended",
}
MEASURED = (
    "`{config}`, {segments} segments of {segment}, {lanes} at a time on the same machine; the whole command, medians "
    "of {rounds} rounds in turn; *more*: median over the rounds of what it took longer than the local engine.\n"
)
MODEL = (
    "Measured: a segment takes s = {start_s:.1f} s to begin, a lane does f = {lane_fps:.1f} frames/s of "
    "{width}x{height} at r = {rate:g} frames/s, the driver cuts a segment in c = {cut_s:.3f} s and joins "
    "J = {join:.0f} MB/s; the pre-roll is p = {preroll_s:g} s. Machines as this one, {lanes} lanes each. *idle*: share "
    "of the machines' time in which they wait for the last segments and for joining.\n"
)

Content = Mapping[str, Any]


def tables(content: Content) -> str:
    """Everything below the mark."""
    model, lanes = Model.of(content["model"]), int(content["lanes"])
    parts = ["## Measured: what Ray costs\n", *_overhead(content), "", "## 1, 10, 1,000 machines\n"]
    join = model.join_bytes_per_s / 1e6
    parts.append(MODEL.format(**content["model"], join=join, lanes=lanes))
    parts += [*_machines(model, lanes), "", "## Where it stops\n", *_limits(model, lanes), ""]
    return "\n".join([*parts, _machine(content), ""])


def page() -> str:
    """The whole page: the guide as it is, and the tables."""
    guide, mark, _ = PAGE.read_text().partition(MARK)
    measured = tables(load(RESULT, "cluster")) if RESULT.exists() else "Not measured yet.\n"
    return "\n".join([guide + (mark or MARK), measured])


def write() -> None:
    """Make the tables anew. Raises OSError, ConfigError."""
    PAGE.write_text(page())


def _overhead(content: Content) -> Iterator[str]:
    yield MEASURED.format(**content)
    rows = []
    for way, says in WAYS.items():
        taken = sorted(content["seconds"][way])
        more = f"{100 * content['overhead'][way]:+.1f} %" if way in content["overhead"] else ""
        rows.append([says, f"{taken[len(taken) // 2]:.1f}", f"{taken[0]:.1f} to {taken[-1]:.1f}", more])
    yield from table(["way", "seconds", "of rounds", "more"], rows)
    met = "yes" if content["met"] else "**no**"
    yield f"\nAsked was at most {100 * content['goal']:.0f} % on a cluster that runs: {met}."


def _machines(model: Model, lanes: int) -> Iterator[str]:
    rows = []
    for name, film in FILMS.items():
        alone = model.whole_s(film, 15, lanes)
        for machines in MACHINES:
            whole = model.whole_s(film, 15, machines * lanes)
            used = segments(film, 15) * model.segment_s(15) / lanes
            held = machines * whole
            rows.append([
                name, f"{machines:,}", clock(whole), f"{alone / whole:.1f}", f"{held / 3600:.1f}",
                f"{100 * max(0.0, 1 - used / held):.0f} %",
            ])  # fmt: skip
    yield from table(["film", "machines", "time", "times as fast", "machine-hours", "idle"], rows)


def _limits(model: Model, lanes: int) -> Iterator[str]:
    rows = []
    for name, film in FILMS.items():
        for length in LENGTHS:
            fed, linked = model.lanes_fed(length), model.lanes_linked(length, GIGABIT)
            useful = min(segments(film, length), fed) / lanes
            least = model.whole_s(film, length, 1 << 30)
            share = model.preroll_s / (model.preroll_s + length)
            begin = model.start_s / model.segment_s(length)
            rows.append([
                name, f"{length:g} s", f"{segments(film, length):,}", f"{100 * share:.0f} %", f"{100 * begin:.0f} %",
                f"{useful:,.0f}", f"{linked / lanes:,.0f}", clock(model.join_s(film)), clock(least),
            ])  # fmt: skip
    heads = ["film", "segment", "pieces", "pre-roll", "beginning", "useful machines", "of copies", "joining", "at best"]
    yield from table(heads, rows)
    yield (
        "\n*pre-roll*: frames done twice, of all; *beginning*: share of a segment's time before its first frame; "
        "*useful machines*: with more some have nothing to do, for want of pieces or of cuts; *of copies*: as many as "
        "a link of 1 Gbit/s to the driver feeds, where no storage is shared (an assumption, not measured); *at best*: "
        "with any number of machines."
    )


def clock(seconds: float) -> str:
    """As `1:02:03`, or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _machine(content: Content) -> str:
    facts = content["machine"]
    size = f"{facts['cores']} cores, {facts['memory_gib']} GiB"
    busy = f"other programs took {content['others_busy']:.2f} processors meanwhile"
    return f"*{facts['cpu']}, {size}, Python {facts['python']}; {content['date'][:10]}; {busy}*"
