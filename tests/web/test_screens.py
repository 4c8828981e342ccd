"""The page with real models and real people: who is clicked comes back; and how it looks, with pictures of it.

SCREENS=docs/page writes the pictures there, as `make screens` does; a street is on them where `cleanplate samples
fetch vtest` was done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from pipeline.frame import Image
from tests.clips import make_clip
from tests.scenes import asset
from tests.web.browser import Visit, chromium, nothing_left, visiting
from tests.web.served import Served

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(300)]

SAMPLE = Path("~/.cache/cleanplate/samples/vtest.avi").expanduser()
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
WIDTHS = {"narrow": (360, 740), "tablet": (820, 1180), "wall": (3840, 2160)}
STANDING = (0.08, 0.45, 0.26, 0.8)  # the man at the left of bus.jpg
CONTRASTS = Path(__file__).with_name("contrast.js").read_text()
NAMELESS = Path(__file__).with_name("names.js").read_text()
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def bus(frames: int) -> Iterator[Image]:
    """A street with four people who stand still, and some grain."""
    picture = cv2.resize(asset("bus.jpg"), (540, 720), interpolation=cv2.INTER_AREA).astype(np.float32)
    grains = np.random.default_rng(3).normal(0, 2, (8, 720, 540, 1)).astype(np.float32)
    for index in range(frames):
        yield np.clip(picture + grains[index % 8], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "bus.mp4"
    return make_clip(path, bus(400), rate=Fraction(15), options={"preset": "ultrafast", "crf": "20"})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("screens")) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def nothing_is_left(browser: Browser, served: Served) -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def visit(browser: Browser, served: Served, nothing_is_left: None) -> Iterator[Visit]:
    with visiting(browser, served.base) as visit:
        yield visit


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they are written to."""
    folder = Path(os.environ.get("SCREENS") or tmp_path_factory.mktemp("screens"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def send(visit: Visit, path: Path) -> None:
    """Up to the still of it."""
    visit.page.get_by_role("radio", name="Files").click()
    visit.page.locator("#upload-files").set_input_files(path)
    expect(visit.page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    visit.page.locator(".still img:visible").wait_for()


def look_over(visit: Visit) -> None:
    """All text can be read, all controls have names, nothing is wider than the screen."""
    visit.page.wait_for_timeout(250)  # of colours that change softly
    assert visit.tell(CONTRASTS) == []
    assert visit.tell(NAMELESS) == []
    assert visit.tell(OVERFLOW) <= 0


def shoot(visit: Visit, path: Path) -> None:
    visit.page.screenshot(path=str(path), animations="disabled")
    assert path.stat().st_size > 20_000


def test_people_are_removed_and_who_is_clicked_comes_back(visit: Visit, clip: Path) -> None:
    send(visit, clip)
    visit.start("remove-people")
    visit.until(lambda: visit.difference("input", "result", STANDING) > 12)
    assert sum(one["name"] == "person" for one in visit.head["objects"]) >= 3
    layer = visit.page.locator(".layer:visible")
    box = layer.bounding_box()
    assert box is not None
    x, y = (STANDING[0] + STANDING[2]) / 2, (STANDING[1] + STANDING[3]) / 2
    layer.click(position={"x": x * box["width"], "y": y * box["height"]}, force=True)
    visit.page.get_by_text("is kept").first.wait_for()
    visit.until(lambda: 0 <= visit.difference("input", "result", STANDING) < 5)


def test_it_can_be_read_and_used_in_dark_and_light_on_every_screen(visit: Visit, clip: Path, pictures: Path) -> None:
    page = visit.page
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        look_over(visit)
    send(visit, SAMPLE if SAMPLE.exists() else clip)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        shoot(visit, pictures / f"start-{scheme}.png")
    visit.start("remove-people", "Street")
    visit.await_pictures(40)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for name, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.get_by_role("tab", name="Settings").click()
            visit.await_pictures(5)
            look_over(visit)
            page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
            shoot(visit, pictures / f"{scheme}-{name}.png")
    for width, height in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": height})
        for tab in ("Objects", "Files", "Report"):
            page.get_by_role("tab", name=tab).click()
            look_over(visit)
    page.keyboard.press("?")
    look_over(visit)


def test_everything_on_the_start_panel_is_reached_with_the_tab_key_and_the_focus_is_seen(visit: Visit) -> None:
    seen: list[str] = []
    for _ in range(40):
        visit.page.keyboard.press("Tab")
        at = visit.tell("document.activeElement.outerHTML.slice(0, 200)")
        if at.startswith("<body"):
            break
        outlined = visit.tell(
            """(() => {
              const at = document.activeElement;
              const around = [at, at.closest(".card, .option"), at.nextElementSibling].filter(Boolean);
              return around.some((one) => getComputedStyle(one).outlineStyle !== "none");
            })()"""
        )
        assert outlined, at
        seen.append(at)
    expected = (
        "brand",
        "tab-new",
        "theme",
        'data-kind="camera"',
        'name="camera"',
        'name="pipeline"',
        "<select",
        'role="switch"',
        "Start",
        "link-button",
    )
    for what in expected:
        assert any(what in one for one in seen), (what, seen)
