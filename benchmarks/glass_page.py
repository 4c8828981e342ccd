"""The page in a real browser, and the clock that its pictures show, read there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.glass_clock import BITS
from pipeline.errors import SetupError

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = ("--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage", "--no-sandbox")
PATIENCE_MS = 120_000
READ = """
([view, wanted, bits]) => new Promise((resolve) => {
  const small = new OffscreenCanvas(bits * 3, 8).getContext("2d", { willReadFrequently: true });
  const seen = [];
  let last = -1, blurred = 0;
  const look = () => {
    const canvas = window.cleanplate.canvases[view];
    if (canvas && canvas.width) {
      const rows = Math.floor(canvas.height / 8);
      small.drawImage(canvas, 0, canvas.height - rows, canvas.width, rows, 0, 0, bits * 3, 8);
      const data = small.getImageData(0, 0, bits * 3, 8).data;
      const now = performance.timeOrigin + performance.now();
      const light = (x, y) => data[4 * (y * bits * 3 + x) + 1];
      let value = 0, clear = true;
      for (let bit = 0; bit < bits; bit++) {
        const upper = light(bit * 3 + 1, 1), lower = light(bit * 3 + 1, 5);
        if (Math.abs(upper - lower) < 96) clear = false;
        value = value * 2 + (upper > lower ? 1 : 0);
      }
      if (!clear) blurred += 1;
      else if (value !== last) {
        last = value;
        const late = (Math.floor(now) % 2 ** bits - value + 2 ** bits) % 2 ** bits + now % 1;
        seen.push([late, window.cleanplate.lastHead?.age_ms ?? null, now]);
      }
    }
    if (seen.length < wanted) requestAnimationFrame(look);
    else resolve({ seen, blurred });
  };
  look();
})
"""


@contextmanager
def opened(width: int = 1500, height: int = 1000) -> Iterator[Page]:
    """A page of a browser that has just been started. Raises SetupError."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SetupError("playwright is not installed: pip install 'cleanplate[dev]'") from error

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(PATIENCE_MS)
            yield page
        finally:
            browser.close()


def watch(page: Page, view: str, frames: int) -> dict[str, Any]:
    """Milliseconds from the clock in each picture to its being on the page, for so many of them; and the heads'
    `age_ms` of the same moments (of the WebSocket's pictures)."""
    found: dict[str, Any] = page.evaluate(READ, [view, frames, BITS])
    return found


def chromium() -> str | None:
    """The system's, where there is one; else playwright's own."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for path in CHROMIUM if Path(path).exists()), None)
