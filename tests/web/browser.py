"""A real Chromium at a real `cleanplate serve`, and what tests do with the page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import children, left_in_memory
from tests.waiting import wait_until

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
PATIENCE_S = 90.0  # on a machine that many share
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""
MEAN_DIFFERENCE = """([first, second, [x0, y0, x1, y1]]) => {
  const part = (view) => {
    if (view === null) return [];
    const canvas = window.cleanplate.canvases[view];
    if (!canvas?.width) return null;
    const { width, height } = canvas;
    const at = [x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height].map(Math.round);
    const copy = new OffscreenCanvas(at[2], at[3]).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, ...at, 0, 0, at[2], at[3]);
    return copy.getImageData(0, 0, at[2], at[3]).data;
  };
  const [a, b] = [part(first), part(second)];
  if (!a || !b || (b.length && a.length !== b.length)) return null;
  return a.reduce((sum, value, at) => sum + (at % 4 < 3 ? Math.abs(value - (b[at] ?? 0)) : 0), 0) / (a.length * 3 / 4);
}"""
WHOLE = (0.0, 0.0, 1.0, 1.0)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips where there is no Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; CHROMIUM names another place")
    expect.set_options(timeout=1000 * PATIENCE_S)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGS))
        try:
            yield browser
        finally:
            browser.close()


def of_browser(pid: int) -> bool:
    """Chromium starts and ends processes of its own as it likes."""
    with suppress(psutil.Error):
        told = " ".join(psutil.Process(pid).cmdline())
        return "chrom" in told or "playwright" in told
    return True


def others() -> set[int]:
    """Processes below this one that are no part of the browser."""
    return {pid for pid in children() if not of_browser(pid)}


@contextmanager
def nothing_left() -> Iterator[None]:
    """What `tests.conftest` asks of each test, asked of all but the browser."""
    before, segments = others(), set(os.listdir("/dev/shm"))
    yield
    wait_until(lambda: others() <= before, timeout=20)
    wait_until(lambda: not {name for name in left_in_memory(segments) if "chrom" not in name}, timeout=10)


class Visit:
    """Somebody at the page. Whatever the browser finds wrong is kept in `wrong`."""

    def __init__(self, browser: Browser, base: str, **context: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context})
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.base = base
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.page.add_init_script(WATCH)
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.open()

    def open(self, rest: str = "") -> None:
        self.page.goto(f"{self.base}/{rest}")
        self.await_page()

    def await_page(self) -> None:
        """The start panel, a session or the form for the token is there."""
        self.page.locator("main > :visible").first.wait_for()

    def tell(self, script: str, given: Any = None) -> Any:
        """What a script in the page comes to."""
        return self.page.evaluate(script, given)

    def until(self, true: Callable[[], Any], timeout: float = PATIENCE_S) -> None:
        """The page's own events go on while it waits."""
        wait_until(lambda: bool(true()) or bool(self.page.wait_for_timeout(100)), timeout)

    @property
    def frames(self) -> int:
        return int(self.tell("window.cleanplate.framesDrawn"))

    @property
    def head(self) -> dict[str, Any]:
        return self.tell("window.cleanplate.lastHead") or {}

    def await_pictures(self, more: int = 3) -> None:
        """So many further pictures."""
        wanted = self.frames + more
        self.until(lambda: self.frames >= wanted)

    def print_of(self, view: str) -> str:
        """The picture of a view, as it stands."""
        return str(self.tell("(view) => window.cleanplate.canvases[view]?.toDataURL() ?? ''", view))

    def difference(self, first: str, second: str, box: tuple[float, float, float, float] = WHOLE) -> float:
        """Mean difference of two views inside a box (0..1), in levels; -1 where one of them has no picture."""
        found = self.tell(MEAN_DIFFERENCE, [first, second, list(box)])
        return -1.0 if found is None else float(found)

    def brightness(self, view: str, box: tuple[float, float, float, float] = WHOLE) -> float:
        """Mean level inside a box; -1 without a picture."""
        found = self.tell(MEAN_DIFFERENCE, [view, None, list(box)])
        return -1.0 if found is None else float(found)

    def start(self, pipeline: str, title: str = "") -> None:
        """From the start panel, on the source that is chosen there."""
        self.page.locator(f".card:has(input[value='{pipeline}'])").click()
        if title:
            self.page.get_by_label("Title", exact=True).fill(title)
        self.page.get_by_role("button", name="Start", exact=True).click()
        self.page.locator(".session:visible").wait_for()

    def shown(self, selector: str) -> str:
        """The text of what is visible of it."""
        return self.page.locator(f"{selector}:visible").first.inner_text()

    def await_state(self, words: str) -> None:
        self.until(lambda: self.shown(".state-words") == words)

    def remove_all(self) -> None:
        """Every session of this visitor."""
        self.tell(
            """async () => {
              for (const one of await (await fetch("/api/sessions")).json())
                await fetch(`/api/sessions/${one.id}`, { method: "DELETE" });
            }"""
        )

    def forgive(self, status: int) -> None:
        """The browser said that the server refused something; the test wanted it to."""
        self.until(lambda: any(f"status of {status}" in said for said in self.wrong))
        self.wrong = [said for said in self.wrong if f"status of {status}" not in said]

    def check(self) -> None:
        """Nothing went wrong in the browser so far."""
        assert not self.wrong, self.wrong
        assert self.tell("window.violations") == []

    def close(self) -> None:
        self.context.close()


@contextmanager
def visiting(browser: Browser, base: str, **context: Any) -> Iterator[Visit]:
    """A visit whose sessions are gone afterwards, and in which nothing went wrong."""
    visit = Visit(browser, base, **context)
    yield visit
    visit.check()
    visit.remove_all()
    visit.close()
