"""The table of the screen: a row for each worker, the figures of its stage on the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from textual.content import Content

from pipeline.cli.figures import Figures, StageFigures, WorkerFigures
from pipeline.cli.screen.marks import BAD, FAINT, MARK, PLAIN, WARN, bar, cut, number, share, size

CHOSEN = "on $foreground 10%"
WORDS = {"draining": "drain", "leaving": "leave", "stopping": "stop", "waiting": "wait"}
BUSY = 0.9  # the load from which a stage is what the others wait for


class Place(NamedTuple):
    """Where a cell stands: its stage, its worker (None: the stage has none now), whether that is the first."""

    stage: StageFigures
    worker: WorkerFigures | None
    first: bool
    figures: Figures


class Column(NamedTuple):
    """`rank`: those of the lowest stay when the screen is narrow."""

    title: str
    width: int
    rank: int
    cell: Callable[[Place, int], Content]


def _text(text: str, colour: str = PLAIN) -> Callable[[int], Content]:
    return lambda width: Content.styled(f"{text[:width]:>{width}}", colour)


def _of_stage(show: Callable[[StageFigures], tuple[str, str]]) -> Callable[[Place, int], Content]:
    return lambda place, width: _text(*show(place.stage))(width) if place.first else Content(" " * width)


def _of_worker(show: Callable[[WorkerFigures], str]) -> Callable[[Place, int], Content]:
    return lambda place, width: _text(show(place.worker) if place.worker else "")(width)


def _count(value: int) -> tuple[str, str]:
    """Of something that should not happen."""
    return number(value) if value > 99_999 else str(value), WARN if value else FAINT


def _state(place: Place, width: int) -> Content:
    word = place.worker.state if place.worker else "none"
    colour = PLAIN if word == "ready" else FAINT if word == "done" else BAD if word in ("none", "undead") else WARN
    return Content.styled(f"{WORDS.get(word, word)[:width]:<{width}}", colour)


def _number(place: Place, width: int) -> Content:
    """As the log calls it."""
    return Content.styled(f"{place.worker.number if place.worker else '':>{width}}", FAINT)


def _queue(place: Place, width: int) -> Content:
    """How many frames wait for the stage, and that as a share of all slots."""
    if not place.first:
        return Content(" " * width)
    waiting, total = place.stage.queue, max(1, place.figures.answer["slots"]["total"])
    colour = WARN if waiting * 2 > total else MARK
    return Content.assemble((f"{waiting:>3} ", PLAIN if waiting else FAINT), bar(width - 4, (waiting / total, colour)))


def _load(place: Place, width: int) -> Content:
    if not place.first:
        return Content(" " * width)
    load = place.stage.load
    colour = WARN if load is not None and load >= BUSY else MARK
    return Content.assemble((f"{share(load):>3}% ", PLAIN), bar(width - 5, (load or 0.0, colour)))


COLUMNS = (
    Column("#", 2, 5, _number),
    Column("STATE", 6, 0, _state),
    Column("FR/S", 5, 0, _of_worker(lambda one: number(one.rate))),
    Column("LOAD", 13, 12, _load),
    Column("BUSY", 5, 1, _of_stage(lambda one: (number(one.busy["p50"]), PLAIN))),
    Column("P95", 5, 9, _of_stage(lambda one: (number(one.busy["p95"]), PLAIN))),
    Column("WAIT", 5, 13, _of_stage(lambda one: (number(one.wait["p50"]), PLAIN))),
    Column("QUEUE", 7, 2, _queue),
    Column("DROP", 5, 6, _of_stage(lambda one: _count(one.dropped))),
    Column("FAIL", 5, 14, _of_stage(lambda one: _count(one.failures))),
    Column("RST", 3, 3, _of_stage(lambda one: _count(one.restarts))),
    Column("AUTO", 5, 11, _of_stage(lambda one: (one.autoscale or "-", FAINT))),
    Column("CPU%", 4, 3, _of_worker(lambda one: share(one.cpu))),
    Column("MEM", 5, 4, _of_worker(lambda one: size(one.memory))),
    Column("GPU%", 4, 7, _of_worker(lambda one: share(one.gpu_share))),
    Column("GMEM", 5, 8, _of_worker(lambda one: size(one.gpu_memory))),
    Column("PID", 7, 10, _of_worker(lambda one: str(one.pid))),
)
LEFT = ("STATE", "LOAD")  # the others are numbers, which stand at the right
LEAST_NAME = 12


def columns_for(figures: Figures, width: int) -> list[Column]:
    """Those that fit, the most telling first; what no worker and no stage has is left out."""
    gpu, auto = bool(figures.devices), any(stage.autoscale for stage in figures.stages)
    absent = [*(() if gpu else ("GPU%", "GMEM")), *(() if auto else ("AUTO",))]
    left = width - 1 - LEAST_NAME
    kept = set()
    for column in sorted((one for one in COLUMNS if one.title not in absent), key=lambda one: one.rank):
        if column.width + 1 > left:
            break
        left -= column.width + 1
        kept.add(column.title)
    return [column for column in COLUMNS if column.title in kept]


def table(figures: Figures, width: int, chosen: str) -> Content:
    """The head and the rows, each exactly so wide; those of the chosen stage stand out."""
    columns = columns_for(figures, width)
    fixed = sum(column.width + 1 for column in columns)
    room = min(max(len(stage.name) for stage in figures.stages), width - 1 - fixed)
    room = max(room, LEAST_NAME)
    lines = [head(columns, room)]
    for place in places(figures):
        mine = place.stage.name == chosen
        name = cut(place.stage.name, room) if place.first else ""
        cells = [Content.assemble(("▌" if mine else " ", MARK), (f"{name:<{room}}", PLAIN))]
        cells += [column.cell(place, column.width) for column in columns]
        row = Content(" ").join(cells)
        row = row + " " * max(0, width - row.cell_length)
        lines.append(row.stylize_before(CHOSEN) if mine else row)
    return Content("\n").join(lines)


def head(columns: Sequence[Column], room: int) -> Content:
    words = [f"{c.title:<{c.width}}" if c.title in LEFT else f"{c.title:>{c.width}}" for c in columns]
    return Content.styled(" ".join([f" {'STAGE':<{room}}", *words]), FAINT)


def places(figures: Figures) -> Iterator[Place]:
    for stage in figures.stages:
        if not stage.workers:
            yield Place(stage, None, True, figures)
        for at, worker in enumerate(stage.workers):
            yield Place(stage, worker, at == 0, figures)


def row_of(figures: Figures, chosen: str) -> int:
    """The first row of a stage, counted from the head."""
    return next((at for at, place in enumerate(places(figures), 1) if place.stage.name == chosen), 0)


def hint(figures: Figures) -> str:
    """What would make it faster, where that is plain to see."""
    slowest = figures.slowest
    if slowest is None or (slowest.load or 0.0) < BUSY or not slowest.scalable or slowest.autoscale:
        return ""
    return f"{slowest.name} is busy {share(slowest.load)} % of the time: + gives it another worker"
