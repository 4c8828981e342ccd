"""Top: the application behind `cleanplate top`: puts the parts on the screen, and turns keys into orders."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import wrap
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.theme import Theme
from textual.widgets import Static

from pipeline.cli import live
from pipeline.cli.figures import Figures, Trend
from pipeline.cli.screen.header import COLOURS, header
from pipeline.cli.screen.marks import BAD, FAINT, PLAIN, WARN, cut
from pipeline.cli.screen.question import Legend, Question
from pipeline.cli.screen.table import hint, places, row_of, table
from pipeline.cli.screen.watcher import Ended, Looked, Said, Watcher
from pipeline.cli.stop import tell_to_end
from pipeline.reading import escaped

CALM = Theme(
    name="calm", dark=True, background="#101417", surface="#171c20", panel="#1d2429", foreground="#cdd3d8",
    primary="#6fa8bf", secondary="#8d99a6", accent="#6fa8bf", success="#88b77b", warning="#d9a85c", error="#dc6f65",
)  # fmt: skip
KEYS = (("↑↓", "stage"), ("+ -", "workers"), ("p", "pause"), ("s", "stop"), ("?", "what is what"), ("q", "quit"))
SAID_FOR = 6  # looks, until a message gives way to the hint
BELOW = 3  # lines that are neither header nor table: a gap, what was said, the keys
LEAST_ROWS = 2  # of the table
NARROWEST, MOST_LINES = 20, 3  # of what was said lately


class Top(App[None]):
    """Watches the run of one name."""

    CSS = """
    #page { padding: 0 1; }
    #rows { height: auto; scrollbar-size-vertical: 1; scrollbar-background: $background; margin: 1 0 0 0; }
    #head, #table { height: auto; }
    #lately { height: 1fr; }
    #said, #keys { height: 1; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "choose(-1)"),
        Binding("down,j", "choose(1)"),
        Binding("plus,equals_sign,right", "scale(1)"),
        Binding("minus,left", "scale(-1)"),
        Binding("p", "pause"),
        Binding("s", "stop"),
        Binding("question_mark,h", "explain"),
        Binding("q,ctrl+c", "quit"),
        Binding("enter,escape", "leave_the_ended"),
    ]

    def __init__(self, name: str, watch: Callable[..., Watcher] = Watcher) -> None:
        super().__init__()
        self._run_name = name
        self._watcher = watch(name, self.post_message)
        self._trend = Trend()
        self._figures: Figures | None = None
        self._chosen = ""
        self._said = Content("")
        self._said_left = 0
        self._silent = 0
        self._end = ""
        self._rows = VerticalScroll(id="rows", can_focus=False)
        self._parts = {name: Static(id=name, markup=False) for name in ("head", "table", "lately", "said", "keys")}

    def compose(self) -> ComposeResult:
        with Vertical(id="page"):
            yield self._parts["head"]
            with self._rows:
                yield self._parts["table"]
            yield from (self._parts[name] for name in ("lately", "said", "keys"))

    def on_mount(self) -> None:
        self.register_theme(CALM)
        self.theme = CALM.name
        self._draw()
        self._watcher.start()

    def on_unmount(self) -> None:
        self._watcher.leave()

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self._draw)

    # What the watcher tells

    def on_looked(self, seen: Looked) -> None:
        self._figures = self._trend.add(seen.look)
        self._silent = 0
        self._said_left -= 1
        if not self._chosen and self._figures.slowest:
            self._chosen = self._figures.slowest.name
        self._draw()

    def on_said(self, said: Said) -> None:
        self._silent += said.silent
        self._say(said.text, WARN if said.wrong else PLAIN)

    def on_ended(self, ended: Ended) -> None:
        self._end = ended.text
        self._say(f"ended: {ended.text}", PLAIN)

    # Keys

    def action_choose(self, step: int) -> None:
        if self._figures is None:
            return
        names = [stage.name for stage in self._figures.stages]
        at = names.index(self._chosen) + step if self._chosen else 0
        self._chosen = names[min(max(at, 0), len(names) - 1)]
        self._draw()

    def action_scale(self, by: int) -> None:
        stage = self._chosen
        if stage and not self._end:
            self._order(lambda: live.scale_by(self._run_name, stage, by))

    def action_pause(self) -> None:
        if self._figures is None or self._end:
            return
        paused = self._figures.answer["phase"] == "paused"
        self._order(lambda: (live.resume if paused else live.pause)(self._run_name))

    def action_stop(self) -> None:
        if not self._end:
            asked = f"Stop {self._run_name}? It finishes its file first."
            self.push_screen(Question(asked), lambda yes: self._stop() if yes else None)

    def _stop(self) -> None:
        self._order(lambda: tell_to_end(self._run_name))

    def action_explain(self) -> None:
        self.push_screen(Legend())

    def action_leave_the_ended(self) -> None:
        if self._end:
            self.exit()

    def _order(self, deed: Callable[[], str]) -> None:
        self._watcher.order(deed)

    # The screen

    def _say(self, text: str, colour: str) -> None:
        self._said, self._said_left = Content.styled(escaped(text), colour), SAID_FOR
        self._draw()

    def _draw(self) -> None:
        if not self._parts["keys"].is_attached:  # what the watcher told last comes when the screen is being left
            return
        width, height = self.size.width - 2, self.size.height
        self._parts["keys"].update(keys(width, ended=bool(self._end)))
        if self._figures is None:
            self._parts["head"].update(Content.styled(f"{self._run_name}: waiting for its answer", FAINT))
            self._parts["said"].update(self._said)
            return
        upper = header(self._figures, width, height, self._state())
        rows = sum(1 for _ in places(self._figures)) + 1
        room = max(LEAST_ROWS, height - len(upper.plain.splitlines()) - BELOW)
        self._rows.styles.max_height = room
        self._parts["head"].update(upper)
        self._parts["table"].update(table(self._figures, width - (rows > room), self._chosen))
        self._parts["lately"].update(lately(self._figures, width, room - rows))
        self._parts["said"].update(self._line(width))
        self._rows.scroll_to(y=row_of(self._figures, self._chosen) - 2, animate=False)

    def _state(self) -> tuple[str, str]:
        assert self._figures is not None
        if self._end:
            return "ended", FAINT
        if self._silent:
            return f"no answer ({self._silent})", BAD
        phase = str(self._figures.answer["phase"])
        return phase, COLOURS.get(phase, PLAIN)

    def _line(self, width: int) -> Content:
        """What was said last; after a while, what would help."""
        assert self._figures is not None
        if self._said_left > 0 or self._end:
            return self._said
        return Content.styled(cut(hint(self._figures), width), FAINT)


def keys(width: int, *, ended: bool) -> Content:
    shown = KEYS[-1:] if ended else KEYS
    parts: list[Content] = [Content.assemble((key, f"bold {PLAIN}"), (f" {what}", FAINT)) for key, what in shown]
    return Content("   ").join(parts)


def lately(figures: Figures, width: int, rows: int) -> Content:
    """The latest deaths and notes, in so many rows with one that keeps them apart from the table."""
    answer = figures.answer
    said = [(f"died: {one}", WARN) for one in answer["deaths"]] + [(one, FAINT) for one in answer["notes"]]
    lines = [
        Content.styled(line, colour)
        for text, colour in said
        for line in wrap(escaped(text), max(width, NARROWEST), subsequent_indent="  ", max_lines=MOST_LINES)
    ]
    kept = lines[-(rows - 1) :] if rows > 1 else []
    return Content("\n").join([Content(""), *kept]) if kept else Content("")
