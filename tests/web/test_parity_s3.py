"""What the users of the fourth prototype had on their page, point by point, and the 2x2 view of the fifth.

The numbers are those of the list of their features. What is done with mouse and keys is tested in a real browser by
test_page.py; ON_THE_PAGE says where. Faces and plates that are swapped or drawn anew (S3-05 to 07) are not the page's.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import numpy as np
import pytest

from pipeline.reading import shipped
from pipeline.web.settings import ServeSettings
from tests.clips import make_clip
from tests.live.servers import rtsp
from tests.waiting import wait_until
from tests.web.served import FOUND, PLAIN, Program, Served, toy

pytestmark = pytest.mark.real

ON_THE_PAGE = {
    "S3-02 upload": "test_page:test_each_file_becomes_a_session_whose_result_is_shown_and_downloaded",
    "S3-03, S3-21 webcam": "test_page:test_this_browsers_camera_is_sent_and_comes_back",
    "S3-08 Start, side by side": "test_page:test_started_on_the_test_camera_both_pictures_move_and_numbers_come",
    "S3-08 swap": "test_page:test_the_divider_is_dragged_and_moved_with_keys_and_the_pictures_are_swapped",
    "S3-08 Apply": "test_page:test_frozen_settings_wait_for_one_apply_and_the_session_goes_on_with_them",
    "S3-08 protected": "test_page:test_a_privacy_pipeline_shows_its_result_alone_and_says_that_it_protects",
    "S3-08 Stop, S3-09, S3-22": "test_page:test_two_sessions_run_at_once_each_in_its_tab_and_stop_frees_everything",
    "S3-20 WebRTC": "test_page:test_webrtc_shows_moving_pictures_of_both_sides_and_can_be_left_again",
    "S3-25 recording, S4-08 s": "test_page:test_a_picture_is_saved_and_what_is_seen_recorded",
    "S3-27 errors": "test_page:test_a_lost_connection_is_said_and_taken_up_again",
    "S4-07 2x2": "test_page:test_the_four_pictures_stand_two_by_two_and_each_view_is_fetched_only_when_shown",
}


@pytest.mark.parametrize("where", ON_THE_PAGE.values(), ids=list(ON_THE_PAGE))
def test_what_is_done_on_the_page_is_tested_there(where: str) -> None:
    module, _, name = where.partition(":")
    assert callable(getattr(importlib.import_module(f"tests.web.{module}"), name))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("parity")
    offered = [toy(folder), toy(folder, PLAIN, name="plain"), toy(folder, FOUND, PLAIN, name="more")]
    private = [name for name in shipped() if name.startswith("privacy-")]
    args = [part for path in (*offered, "live-camera", *private) for part in ("--pipeline", path)]
    with Served(folder, *args, "--local-sources", "--session-hours", "0.5") as served:
        yield served


@pytest.fixture
def program(served: Served) -> Iterator[Program]:
    with served.newcomer() as program:
        yield program
    wait_until(lambda: not served.below, 60)


def upload(program: Program, path: Path) -> dict[str, Any]:
    said = program.post("/api/uploads", content=path.read_bytes(), headers={"X-Filename": quote(path.name)})
    assert said.status_code == 201, said.text
    return said.json()  # type: ignore[no-any-return]


def finished_file(program: Program, session: dict[str, Any]) -> tuple[str, bytes]:
    """The result of an upload: its name, and what it holds."""
    ended = program.await_state(session["id"], "ended", "failed")
    assert ended["state"] == "ended", ended
    (result,) = program.get(f"/api/sessions/{session['id']}/files").json()
    assert result["complete"]
    return result["name"], program.get(f"/api/sessions/{session['id']}/files/{result['name']}").content


def test_s3_01_and_28_rtsp_with_and_without_a_password_and_the_usual_paths(program: Program) -> None:
    makes = program.get("/api/rtsp-paths").json()
    assert all(any(name in one["make"] for one in makes) for name in ("Hikvision", "Dahua", "Axis"))
    with rtsp("--login", "me:s3cret") as server:
        bare = {"kind": "url", "url": server.address}
        known = {"kind": "url", "url": server.address.replace("//", "//me:s3cret@")}
        refused = program.post("/api/probe", json={"source": bare})
        assert refused.status_code == 422
        assert "401" in refused.text
        found = program.post("/api/probe", json={"source": known}).json()
        assert (found["ok"], found["width"] > 0, found["still"][:23]) == (True, True, "data:image/jpeg;base64,")
        session = program.begin("plain", known)
        with program.page(session["id"], views=["result"]) as page:
            assert page.picture()[1]["result"]
        told = program.session(session["id"])
        assert told["source"]["kind"] == "url"
        assert "s3cret" not in str(told)
        program.delete(f"/api/sessions/{session['id']}")


def test_s3_04_what_is_to_be_hidden_is_chosen(program: Program) -> None:
    offered = {one["name"]: one for one in program.get("/api/pipelines").json()}
    assert {name for name in shipped() if name.startswith("privacy-")} <= offered.keys()
    assert "privacy-faces" in offered
    assert all(offered[name]["privacy"] for name in offered if name.startswith("privacy-"))
    (classes,) = [
        field for stage in offered["live-camera"]["stages"] for field in stage["fields"] if field["name"] == "classes"
    ]
    assert (classes["live"], classes["value"]) == (True, ["person"])


@pytest.mark.long
def test_s3_08_and_16_height_rate_and_how_often_is_looked_are_set(program: Program) -> None:
    session = program.begin("plain", height=180, fps=5)
    with program.page(session["id"], views=["result"]) as page:
        heads = [page.picture()[0] for _ in range(11)]
        assert heads[0]["height"] == 180
        assert heads[-1]["pts_s"] - heads[0]["pts_s"] >= 1.6, "about five a second, not thirty"
    fields = {
        field["name"]
        for one in program.get("/api/pipelines").json() if one["name"] == "live-camera"
        for stage in one["stages"] for field in stage["fields"]
    }  # fmt: skip
    assert "every" in fields


def test_s3_09_and_12_several_users_have_sessions_of_their_own_in_processes_of_their_own(
    served: Served, program: Program
) -> None:
    mine = program.begin("plain")
    with served.program() as other:
        theirs = other.begin("plain")
        assert [one["id"] for one in program.get("/api/sessions").json()] == [mine["id"]]
        assert [one["id"] for one in other.get("/api/sessions").json()] == [theirs["id"]]
        assert other.get(f"/api/sessions/{mine['id']}").status_code == 404
        for one, whose in ((mine, program), (theirs, other)):
            whose.await_state(one["id"], "running")
        assert len(served.below) >= 8
        other.delete(f"/api/sessions/{theirs['id']}")


@pytest.mark.long
def test_s3_02_and_10_several_files_at_once_give_a_result_each_with_all_their_frames(
    program: Program, tmp_path: Path
) -> None:
    sessions = []
    for number in (1, 2):
        path = make_clip(tmp_path / f"clip {number}.mp4", 10 + number)
        sessions.append(program.begin("plain", {"kind": "upload", "id": upload(program, path)["id"]}, pinned=True))
    for number, session in enumerate(sessions, 1):
        name, data = finished_file(program, session)
        assert name.endswith(".mp4")
        with av.open(io.BytesIO(data)) as box:
            assert sum(1 for _ in box.decode(video=0)) == 10 + number
        report = program.get(f"/api/sessions/{session['id']}/report").json()
        assert (report["result"], report["frames"]["output"]) == ("completed", 10 + number)


def test_s3_11_a_picture_gives_a_picture(program: Program, tmp_path: Path) -> None:
    from pipeline.frame import FrameSpec
    from stages.output.still import Still

    path = tmp_path / "still.png"
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    path.write_bytes(Still("png", FrameSpec(width=64, height=48), 90).encode(picture))
    given = upload(program, path)
    assert given["kind"] == "image"
    name, data = finished_file(program, program.begin("plain", {"kind": "upload", "id": given["id"]}, pinned=True))
    assert name.endswith(".png")
    with av.open(io.BytesIO(data)) as box:
        assert next(box.decode(video=0)).to_ndarray(format="bgr24").shape == (48, 64, 3)


@pytest.mark.long
def test_s3_13_14_and_25_a_recording_is_a_ring_of_files_that_can_be_had(program: Program) -> None:
    session = program.begin("plain", pinned=True)
    at = f"/api/sessions/{session['id']}"
    program.await_state(session["id"], "running")
    for _ in range(2):
        assert program.post(f"{at}/record", json={"on": True}).json() == {"on": True}
        with program.page(session["id"], views=["result"]) as page:
            page.picture()
            page.picture()
        assert program.post(f"{at}/record", json={"on": False}).json() == {"on": False}
    wait_until(lambda: sum(one["complete"] for one in program.get(f"{at}/files").json()) == 2, 60)
    for one in program.get(f"{at}/files").json():
        with av.open(io.BytesIO(program.get(f"{at}/files/{one['name']}").content)) as box:
            assert next(box.decode(video=0)).width == 640
    limits = program.get("/api/about").json()["limits"]
    assert limits["owner_bytes"] > 0, "the oldest files go before an owner has more than this"


def test_s3_15_no_session_lives_for_ever(program: Program) -> None:
    session = program.begin("plain", pinned=True)
    assert 1700 < program.await_state(session["id"], "running")["seconds_left"] <= 1800


def test_s3_17_29_30_and_31_the_machine_its_disk_and_its_gpu_are_told(program: Program) -> None:
    machine = program.get("/api/about").json()["machine"]
    assert machine["cpu"] >= 1
    assert machine["media_free_bytes"] > 0
    assert machine["media_writable"] is True
    assert machine["gpu"] is None or machine["gpu"]


def test_s3_19_the_port_is_chosen(served: Served) -> None:
    assert served.base.startswith("http://127.0.0.1:")
    assert int(served.base.rpartition(":")[2]) > 0
    assert ServeSettings(media=Path("nowhere")).port == 8420


def test_s3_26_what_is_found_is_counted_while_it_runs(program: Program) -> None:
    session = program.begin("more")
    with program.page(session["id"], views=["result"]) as page:
        page.picture()
        wait_until(lambda: page.word("stats")["objects"] == 3, 60)
