"""What lies over the screen for a moment: a question that waits for yes or no, and what the columns mean."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from pipeline.cli.screen.marks import FAINT, PLAIN

Answer = TypeVar("Answer")

MEANINGS = {
    "#": "number of the worker, as in the log",
    "STATE": "leave, drain, stop: it was told to; undead: it cannot be killed",
    "FR/S": "frames a second that the worker does",
    "LOAD": "share of their time in which the stage's workers work",
    "BUSY": "milliseconds of work on a frame, median since the start",
    "P95": "the same; 19 of 20 frames take less",
    "WAIT": "milliseconds for which a frame waits for the stage, median",
    "QUEUE": "frames that wait for the stage; the bar: as a share of all slots",
    "DROP": "frames that were dropped before the stage",
    "FAIL": "frames over which the stage raised",
    "RST": "workers that died and were started again",
    "AUTO": "bounds between which the number of workers follows the queue",
    "CPU%": "of one core, by the worker's process",
    "MEM": "memory of its own: the ring and libraries are shared",
    "GPU%": "of a device's time",
    "GMEM": "memory on GPUs",
    "PID": "the worker's process",
}


class Over(ModalScreen[Answer]):
    """A box in the middle with some text."""

    DEFAULT_CSS = """
    Over { align: center middle; background: $background 60%; }
    Over #box { width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 1 3; background: $panel; }
    Over #box Static { width: auto; height: auto; }
    """

    def __init__(self, text: Content) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._text, markup=False)


class Question(Over[bool]):
    """Yes by `y` or Enter; anything else that is bound here is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)"),
        Binding("n,escape,q,s,ctrl+c", "dismiss(False)"),
    ]

    def __init__(self, text: str) -> None:
        answers = (("y", f"bold {PLAIN}"), (" yes   ", FAINT), ("n", f"bold {PLAIN}"), (" no", FAINT))
        super().__init__(Content.assemble(text, "\n\n", *answers))


class Legend(Over[None]):
    """What the columns mean; any usual key takes it away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,h,escape,enter,space,q,ctrl+c", "dismiss(None)")]

    def __init__(self) -> None:
        rows = [Content.assemble((f"{title:<7}", f"bold {PLAIN}"), (about, FAINT)) for title, about in MEANINGS.items()]
        super().__init__(Content("\n").join(rows))
