"""A question over the screen that waits for yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from pipeline.cli.screen.marks import FAINT, PLAIN


class Question(ModalScreen[bool]):
    """Yes by `y` or Enter; anything else that is bound here is no."""

    CSS = """
    Question { align: center middle; background: $background 60%; }
    #box { width: auto; max-width: 90%; height: auto; padding: 1 3; background: $panel; }
    #box Static { width: auto; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)"),
        Binding("n,escape,q,s,ctrl+c", "dismiss(False)"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        answers = (("y", f"bold {PLAIN}"), (" yes   ", FAINT), ("n", f"bold {PLAIN}"), (" no", FAINT))
        with Vertical(id="box"):
            yield Static(Content.assemble(self._text, "\n\n", *answers), markup=False)
