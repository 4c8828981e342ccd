"""The page in a real Chromium: what is started, seen, steered and stopped on it; light pipelines of real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import psutil
import pytest
from playwright.sync_api import Browser, expect

from tests.clips import make_clip
from tests.waiting import wait_until
from tests.web.browser import Visit, chromium, nothing_left, visiting
from tests.web.served import COVER, FOUND, PLAIN, RULED, VEIL, Served, toy
from tests.web.toys import BOXES, GREYS, LEFT, RIGHT

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
IN_FORCE_S = 0.5
SOCKETS = """
window.sockets = [];
window.said = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    window.sockets.push(this);
  }
};
document.addEventListener("DOMContentLoaded", () => {
  const note = () => {
    const words = document.querySelector(".session-link")?.textContent;
    if (words) window.said.push(words);
  };
  new MutationObserver(note).observe(document.body, { childList: true, characterData: true, subtree: true });
});
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    many = toy(folder, FOUND, {**PLAIN, "workers": 1}, name="many")
    ruled = toy(folder, RULED, VEIL, name="ruled", fail="closed")
    offered = [toy(folder), many, toy(folder, FOUND, COVER, name="private", fail="closed"), ruled]
    with Served(folder, *(part for path in offered for part in ("--pipeline", path))) as served:
        yield served
        assert served.process.poll() is None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def running(browser: Browser, served: Served) -> Iterator[Visit]:
    """A session of three found persons, whose pictures come; tests leave it as they found it."""
    with visiting(browser, served.base) as visit:
        visit.page.locator(".still img:visible").wait_for()
        assert visit.shown(".still-facts").endswith("30 fps")
        visit.start("toy", "Yard")
        visit.await_pictures()
        yield visit


@pytest.fixture(autouse=True)
def nothing_is_left(running: Visit) -> Iterator[None]:
    with nothing_left():
        yield
        running.check()


@pytest.fixture
def visit(browser: Browser, served: Served, nothing_is_left: None) -> Iterator[Visit]:
    """Somebody else, who has no session yet."""
    with visiting(browser, served.base) as visit:
        yield visit


def middle(track: int) -> tuple[float, float, float, float]:
    """What is surely inside somebody's box, and in nobody else's."""
    x0, _, x1, y1 = BOXES[track]
    return x0 + 0.05, y1 - 0.25, x1 - 0.05, y1 - 0.05


def click(visit: Visit, x: float, y: float) -> None:
    """On the picture, 0..1."""
    layer = visit.page.locator(".layer:visible")
    box = layer.bounding_box()
    assert box is not None
    layer.click(position={"x": x * box["width"], "y": y * box["height"]}, force=True)


def test_started_on_the_test_camera_both_pictures_move_and_numbers_come(running: Visit) -> None:
    """S3-03, S3-08 (start), S3-26."""
    before = running.print_of("input"), running.print_of("result")
    running.await_pictures(5)
    after = running.print_of("input"), running.print_of("result")
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert running.difference("input", "result", middle(LEFT)) > 20
    running.await_state("Live")
    assert running.page.title() == "Yard · Cleanplate"
    running.until(lambda: running.shown(".tile-number").replace(".", "").strip("0").isdigit())
    running.until(lambda: running.page.locator(".stage-table tbody tr").count() == 5)
    running.until(lambda: running.tell("[...document.querySelectorAll('.tile .sparkline')].every((c) => c.width > 0)"))


def test_the_divider_is_dragged_and_moved_with_keys_and_the_pictures_are_swapped(running: Visit) -> None:
    """S3-08 (swap)."""
    divider = running.page.locator(".divider:visible")
    box = divider.bounding_box()
    assert box is not None
    frame = running.page.locator(".frames").bounding_box()
    assert frame is not None
    y = box["y"] + box["height"] / 2
    running.page.mouse.move(box["x"] + box["width"] / 2, y)
    running.page.mouse.down()
    running.page.mouse.move(frame["x"] + frame["width"] / 4, y, steps=4)
    running.page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "25"
    running.page.keyboard.press("ArrowRight")
    running.page.keyboard.press("Shift+ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "37"
    clip = "getComputedStyle(document.querySelector('.frame[data-place=\"1\"]')).clipPath"
    assert running.tell(clip) == "inset(0px 0px 0px 37%)"
    assert running.tell("document.querySelector('.frame[data-place=\"1\"]').dataset.view") == "result"
    running.page.keyboard.press("x")
    assert running.tell("document.querySelector('.frame[data-place=\"1\"]').dataset.view") == "input"


def test_the_four_pictures_stand_two_by_two_and_each_view_is_fetched_only_when_shown(running: Visit) -> None:
    """S4-07, S3-08 (side by side)."""
    assert [name for name, _ in running.head["pictures"]] == ["input", "result"]
    running.page.keyboard.press("5")
    running.until(lambda: {name for name, _ in running.head["pictures"]} == {"input", "result", "overlay", "mask"})
    boxes = [running.page.locator(f".frame[data-view={view}]").bounding_box() for view in ("input", "mask")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[1]["x"] > boxes[0]["x"]
    assert boxes[1]["y"] > boxes[0]["y"]
    assert running.difference("overlay", "input", middle(RIGHT)) > 5
    running.page.keyboard.press("3")
    running.until(lambda: [name for name, _ in running.head["pictures"]] == ["result"])
    running.page.get_by_role("radio", name="Overlay").click()
    running.until(lambda: [name for name, _ in running.head["pictures"]] == ["overlay"])
    running.page.keyboard.press("1")
    running.until(lambda: len(running.head["pictures"]) == 2)


def test_a_click_keeps_the_one_who_is_clicked_and_another_removes_him_again(running: Visit) -> None:
    assert running.difference("input", "result", middle(LEFT)) > 20
    click(running, 0.3, 0.8)
    running.page.get_by_text(f"person {LEFT} is kept").first.wait_for()
    running.until(lambda: running.difference("input", "result", middle(LEFT)) < 5)
    assert running.difference("input", "result", middle(RIGHT)) > 20
    box = running.page.locator(f".object[aria-label^='person {LEFT},']")
    expect(box).to_have_attribute("data-state", "kept")
    box.focus()
    running.page.keyboard.press("Enter")
    running.until(lambda: running.difference("input", "result", middle(LEFT)) > 20)
    running.page.get_by_role("tab", name="Objects").click()
    switch = running.page.get_by_role("switch", name=f"Remove person {RIGHT}")
    switch.uncheck()
    running.until(lambda: running.difference("input", "result", middle(RIGHT)) < 5)


def test_a_drawn_zone_hides_is_dragged_and_deleted(running: Visit) -> None:
    nobody = (0.92, 0.1, 0.99, 0.3)
    running.page.get_by_role("tab", name="Objects").click()
    assert running.difference("input", "result", nobody) < 5
    told: list[str] = []
    running.page.on("request", lambda one: told.append(one.post_data or "") if one.method == "PUT" else None)
    running.page.get_by_role("button", name="Always hide", exact=True).click()
    for x, y in ((0.91, 0.05), (0.995, 0.05), (0.995, 0.35), (0.91, 0.35)):
        click(running, x, y)
    running.page.keyboard.press("Enter")
    running.until(lambda: told)
    zone = json.loads(told[-1])["hide"][0]
    assert np.allclose(zone, [[0.91, 0.05], [0.995, 0.05], [0.995, 0.35], [0.91, 0.35]], atol=0.01)
    corner = running.page.locator(".zone circle").first
    corner.focus()
    running.page.keyboard.press("ArrowLeft")
    running.until(lambda: len(told) > 1)
    assert json.loads(told[-1])["hide"][0][0][0] == pytest.approx(zone[0][0] - 0.01)
    running.page.get_by_role("button", name="Delete zone 1").click()
    running.until(lambda: json.loads(told[-1]) == {"hide": [], "spare": []})
    assert running.page.locator(".zone").count() == 0


def test_a_live_setting_acts_at_once_and_a_refused_one_is_put_back_with_its_reason(running: Visit) -> None:
    running.page.get_by_role("tab", name="Settings").click()
    field = running.page.locator("[data-field='cover.level']:visible")
    field.locator("input[type=number]").fill("0")
    begun = running.tell("performance.now()")
    field.locator("input[type=number]").press("Enter")
    running.until(lambda: running.brightness("result", middle(LEFT)) < 40)
    assert (running.tell("performance.now()") - begun) / 1000 < IN_FORCE_S + 2 / 3  # and the picture is here
    expect(field.locator(".field-say")).to_contain_text("in force")
    chosen = running.page.locator("[data-field='found.chosen']")
    assert chosen.count() == 0  # by clicks, not by numbers
    field.locator("input[type=number]").fill("999")
    field.locator("input[type=number]").press("Enter")
    expect(field.locator(".field-say")).to_have_class("field-say bad")
    expect(field.locator("input[type=number]")).to_have_value("0")
    running.forgive(422)


@pytest.mark.long
def test_frozen_settings_wait_for_one_apply_and_the_session_goes_on_with_them(visit: Visit) -> None:
    """S3-08 (height, rate, apply)."""
    visit.start("toy")
    visit.await_pictures()
    running = visit
    running.page.locator(".session").get_by_label("Height").select_option("480")
    ident = running.tell("location.hash")
    field = running.page.locator(".session [data-field='cover.sleep']")
    if not field.is_visible():
        running.page.locator(".session .further summary").last.click()
    field.locator("input").fill("0.2")
    field.locator("input").press("Enter")
    bar = running.page.locator(".apply-bar:visible")
    expect(bar).to_contain_text("2 changes")
    bar.get_by_role("button", name="Apply").click()
    running.until(lambda: running.head.get("height") == 480)
    running.await_state("Live")
    running.await_pictures()
    assert running.tell("location.hash") == ident
    expect(field.locator("input")).to_have_value("0.2")


@pytest.mark.long
def test_two_sessions_run_at_once_each_in_its_tab_and_stop_frees_everything(served: Served, running: Visit) -> None:
    """S3-09, S3-12, S3-22, S3-08 (stop)."""
    page = running.page
    before = {process.pid for process in served.below}
    page.locator(".tab-new").click()
    page.keyboard.press("n")
    running.start("many", "Gate")
    running.await_pictures()
    page.get_by_role("button", name="One worker more for plain").click()
    expect(page.get_by_role("group", name="Workers of plain").locator("output")).to_have_text("2")
    expect(page.locator(".stage-table:visible tr", has_text="plain").locator("td").last).to_have_text("2")
    page.keyboard.press("[")
    assert page.title() == "Yard · Cleanplate"
    running.await_pictures()
    page.keyboard.press("]")
    running.await_pictures()
    below = [process for process in served.below if process.pid not in before]
    assert len(below) > 5
    page.get_by_role("button", name="Stop").click()
    running.await_state("Ended")
    wait_until(lambda: not any(psutil.pid_exists(process.pid) for process in below), 30)
    page.locator(".session:visible").get_by_role("tab", name="Report").click()
    expect(page.locator(".verdict:visible")).to_have_text("Stopped")
    expect(page.locator(".report:visible .facts").first).to_contain_text("frames/s")
    page.get_by_role("button", name="Remove this session").click()
    expect(page.locator(".tab[data-session]")).to_have_count(1)
    running.await_pictures()


def test_a_reload_shows_the_same_session_again_and_its_stream_went_on(running: Visit) -> None:
    ident, index = running.tell("location.hash"), running.head["index"]
    running.page.reload()
    running.await_page()
    running.await_pictures()
    assert running.tell("location.hash") == ident
    assert running.head["index"] > index
    assert running.shown(".state-words") == "Live"


def test_a_lost_connection_is_said_and_taken_up_again(running: Visit) -> None:
    running.page.add_init_script(SOCKETS)
    running.page.reload()
    running.await_page()
    running.await_pictures()
    running.tell("window.sockets[0].close()")
    running.until(lambda: running.tell("window.sockets.length") == 2)
    running.await_pictures()
    assert running.tell("window.said[0]").startswith("Connection lost; next attempt in")
    assert running.page.locator(".session-link").inner_text() == ""


def test_a_privacy_pipeline_shows_its_result_alone_and_says_that_it_protects(visit: Visit) -> None:
    """S3-08 (the watermark), S3-04."""
    visit.start("private")
    visit.await_pictures()
    assert visit.page.locator(".protected:visible").inner_text() == "Protected"
    assert set(visit.tell("Object.keys(window.cleanplate.canvases)")) == {"result"}
    assert visit.page.locator(".frame:visible").count() == 1
    visit.page.keyboard.press("1")
    visit.await_pictures(2)
    assert [name for name, _ in visit.head["pictures"]] == ["result"]


def test_where_it_protects_a_click_asks_what_is_done_and_to_show_somebody_asks_once_more(visit: Visit) -> None:
    page = visit.page
    visit.start("ruled")
    visit.until(lambda: visit.brightness("result", middle(RIGHT)) > 240)
    page.get_by_role("tab", name="Objects").click()
    click(visit, 0.75, 0.6)
    this = page.get_by_role("group", name="This one")
    assert this.get_by_role("button").all_inner_texts() == ["Solid", "Mosaic", "Show in the clear …"]  # `face` is none
    this.get_by_role("button", name="Mosaic").click()
    visit.until(lambda: abs(visit.brightness("result", middle(RIGHT)) - GREYS["mosaic"]) < 9)
    assert visit.brightness("result", middle(LEFT)) > 240
    assert not page.locator(".exposed").is_visible()
    for answer in ("Cancel", "Show in the clear"):
        click(visit, 0.15, 0.8)
        this.get_by_role("button", name="Show in the clear").click()
        sheet = page.get_by_role("dialog", name=f"Show person {LEFT} in the clear?")
        sheet.get_by_role("button", name=answer, exact=True).click()
        expect(page.locator("li.rule")).to_have_count(1 if answer == "Cancel" else 2)
    visit.until(lambda: visit.brightness("result", middle(LEFT)) < 235)
    expect(page.locator(".exposed")).to_have_text("1 in the clear")
    assert page.locator("li.rule .row-name").all_inner_texts() == [f"Person {LEFT}", f"Person {RIGHT}"]
    page.get_by_role("button", name="Remove rule 1").click()
    visit.until(lambda: visit.brightness("result", middle(LEFT)) > 240)
    expect(page.locator(".exposed")).to_be_hidden()


def test_webrtc_shows_moving_pictures_of_both_sides_and_can_be_left_again(running: Visit) -> None:
    """S3-20."""
    running.page.get_by_role("button", name="WebRTC").click()
    expect(running.page.get_by_role("button", name="WebRTC")).to_have_attribute("aria-pressed", "true")
    running.until(lambda: running.head.get("pictures", [[""]])[0][0] == "result" and len(running.head["pictures"]) == 1)
    before = running.print_of("input"), running.print_of("result")
    running.await_pictures(10)
    running.until(lambda: running.print_of("input") != before[0] and running.print_of("result") != before[1])
    running.until(lambda: running.difference("input", "result", middle(LEFT)) > 20)
    running.page.get_by_role("button", name="WebRTC").click()
    running.until(lambda: len(running.head["pictures"]) == 2)
    running.await_pictures()


def test_a_page_that_goes_away_hangs_up(served: Served, running: Visit) -> None:
    """Else the server would hold the connection until it notices, half a minute later."""

    def held() -> int:
        return len(psutil.Process(served.process.pid).net_connections("udp"))

    running.page.get_by_role("button", name="WebRTC").click()
    running.until(held)
    running.await_pictures(3)
    running.page.reload()
    running.until(lambda: not held(), timeout=10)
    running.await_page()
    running.await_pictures()


@pytest.mark.long
def test_this_browsers_camera_is_sent_and_comes_back(visit: Visit) -> None:
    """S3-21."""
    visit.page.get_by_role("radio", name="This browser").click()
    visit.page.get_by_role("button", name="Use this camera").click()
    visit.page.locator(".still video:visible").wait_for()
    visit.start("toy", "Mine")
    visit.await_pictures(5)
    visit.await_state("Live")
    before = visit.print_of("input")
    visit.await_pictures(5)
    assert visit.print_of("input") != before


@pytest.mark.long
def test_each_file_becomes_a_session_whose_result_is_shown_and_downloaded(visit: Visit, tmp_path: Path) -> None:
    """S3-02, S3-10, S3-11."""
    clip = make_clip(tmp_path / "ä zweite.mp4", frames=20)
    broken = tmp_path / "notes.txt"
    broken.write_text("no film")
    still = tmp_path / "still.jpg"
    still.write_bytes((resources.files("ultralytics") / "assets" / "zidane.jpg").read_bytes())
    visit.page.get_by_role("radio", name="Files").click()
    visit.page.locator("#upload-files").set_input_files([clip, still, broken])
    row = visit.page.locator(".uploads .row", has_text="notes.txt")
    expect(row).to_have_class("row bad")
    visit.forgive(415)
    expect(visit.page.get_by_role("button", name="Start 2 sessions")).to_be_enabled()
    visit.page.locator(".card:has(input[value='toy'])").click()
    visit.page.get_by_role("button", name="Start 2 sessions").click()
    visit.page.locator(".tab", has_text="still.jpg").click()
    visit.await_state("Ended")
    visit.page.locator(".stage-result:visible img").wait_for()
    visit.until(
        lambda: visit.tell("document.querySelector('.session:not([hidden]) .stage-result img').naturalWidth") > 0
    )
    visit.page.locator(".tab", has_text="ä zweite.mp4").click()
    visit.await_state("Ended")
    visit.page.locator(".stage-result:visible video").wait_for()
    visit.page.get_by_role("tab", name="Files").click()
    with visit.page.expect_download() as coming:
        visit.page.get_by_role("link", name="Download").first.click()
    result = tmp_path / "result.mp4"
    coming.value.save_as(result)
    assert result.stat().st_size > 1000


def test_a_picture_is_saved_and_what_is_seen_recorded(running: Visit, tmp_path: Path) -> None:
    """S4-08, S3-25."""
    with running.page.expect_download() as coming:
        running.page.keyboard.press("s")
    saved = tmp_path / "saved.jpg"
    coming.value.save_as(saved)
    assert saved.read_bytes()[:3] == b"\xff\xd8\xff"
    running.page.keyboard.press("r")
    expect(running.page.get_by_role("button", name="Recording", exact=True)).to_be_visible()
    running.await_pictures(20)
    running.page.keyboard.press("r")
    expect(running.page.get_by_role("button", name="Record", exact=True)).to_be_visible()
    expect(running.page.locator(".files:visible .row")).not_to_have_count(0)


def test_the_keys_are_shown_and_a_sheet_is_left_with_escape(visit: Visit) -> None:
    visit.page.keyboard.press("?")
    sheet = visit.page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_contain_text("Save a picture")
    visit.page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)


def test_the_colours_are_chosen_and_remembered(visit: Visit) -> None:
    visit.page.keyboard.press("t")
    assert visit.tell("document.documentElement.dataset.theme") == "light"
    visit.page.keyboard.press("t")
    dark = visit.tell("getComputedStyle(document.body).backgroundColor")
    visit.page.reload()
    assert visit.tell("document.documentElement.dataset.theme") == "dark"
    assert visit.tell("getComputedStyle(document.body).backgroundColor") == dark


def test_without_the_token_it_is_asked_for_and_an_address_with_it_opens_the_page(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """S3-27."""
    folder = tmp_path_factory.mktemp("t")
    with Served(folder, "--token", "a-long-enough-secret") as guarded, visiting(browser, guarded.base) as visit:
        visit.page.get_by_label("Token").fill("wrong")
        visit.page.get_by_role("button", name="Open").click()
        expect(visit.page.locator(".field-error")).not_to_be_empty()
        visit.forgive(403)
        visit.page.get_by_label("Token").fill("a-long-enough-secret")
        visit.page.get_by_role("button", name="Open").click()
        visit.page.locator(".start").wait_for()
        visit.context.clear_cookies()
        visit.page.goto("about:blank")
        visit.open("#token=a-long-enough-secret")
        visit.page.locator(".start").wait_for()
        assert "secret" not in visit.page.url


def test_an_address_of_a_camera_is_helped_with_and_probed_and_its_password_shown_nowhere(visit: Visit) -> None:
    """S3-01, S3-28."""
    visit.page.get_by_role("radio", name="Network").click()
    address = visit.page.get_by_label("Address of the stream")
    address.fill("rtsp://admin:pass-word@127.0.0.1:554/live")
    visit.page.get_by_label("Path of a maker's streams").select_option("Hikvision")
    assert address.input_value() == "rtsp://admin:pass-word@127.0.0.1:554/Streaming/Channels/101"
    visit.page.get_by_role("button", name="Probe").click()
    why = visit.page.locator(".still-none.bad:visible")
    expect(why).to_contain_text("127.0.0.1")
    assert "pass-word" not in why.inner_text()
    visit.forgive(422)
