"""S1-05 in a real Chromium: a box is drawn around a thing on the first picture, and that thing goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from playwright.sync_api import expect

from pipeline.frame import Frame
from pipeline.stage import Transform
from stages.target.wishes import parse_wish
from tests.web.browser import Visit, chromium, visiting
from tests.web.served import COVER, Served, toy

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(300)]
DRAWN = (0.25, 0.3, 0.5, 0.7)  # shares of the picture
INNER, ELSEWHERE = (0.27, 0.33, 0.48, 0.67), (0.6, 0.1, 0.9, 0.9)


class Pointed(Transform):
    """The mask is each box that was pointed at; takes its targets as `stages.target` does."""

    writes: ClassVar[tuple[str, ...]] = ("mask",)

    targets: list[str] = []

    def process(self, frame: Frame) -> None:
        frame.mask[:] = 0
        for text in self.targets:
            box = parse_wish(text).box
            assert box is not None
            x0, y0, x1, y1 = map(round, box)
            frame.mask[y0:y1, x0:x1] = 255


@pytest.fixture
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("drawn")
    pointed = {"name": "target", "uses": "tests.web.test_drawn_target:Pointed"}
    with (
        Served(folder, "--pipeline", toy(folder, pointed, COVER)) as served,
        chromium() as browser,
        visiting(browser, served.base) as visit,
    ):
        yield visit


def drag(visit: Visit, box: tuple[float, float, float, float]) -> None:
    """With the mouse over the still."""
    place = visit.page.locator(".drawing").bounding_box()
    assert place is not None
    (x0, y0), (x1, y1) = (
        (place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in (box[:2], box[2:])
    )
    visit.page.mouse.move(x0, y0)
    visit.page.mouse.down()
    visit.page.mouse.move((x0 + x1) / 2, y1)
    visit.page.mouse.move(x1, y1)
    visit.page.mouse.up()


def test_what_a_box_is_drawn_around_is_what_goes(visit: Visit) -> None:
    start = visit.page.get_by_role("button", name="Start", exact=True)
    visit.page.locator(".still img:visible").wait_for()
    visit.page.locator(".card:has(input[value='toy'])").click()
    expect(start).to_be_disabled()
    drag(visit, DRAWN)
    expect(visit.page.locator(".target-list li")).to_have_count(1)
    expect(start).to_be_enabled()
    visit.start("toy")
    visit.await_pictures()
    assert visit.brightness("result", INNER) > 250, "white, as the toy covers"
    assert visit.difference("input", "result", ELSEWHERE) < 8
