"""A session is steered while it runs: settings, workers, who is removed, zones, recordings; and its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from tests.clips import make_clip
from tests.waiting import wait_until
from tests.web.served import PLAIN, Page, Program, Served, toy

pytestmark = pytest.mark.real
GREY = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("steered")


@pytest.fixture(scope="module")
def program(folder: Path) -> Iterator[Program]:
    offered = [toy(folder), toy(folder, PLAIN, name="plain")]
    args = [part for path in offered for part in ("--pipeline", path)]
    with Served(folder, *args, "--grace", "60") as served, served.program() as program:
        yield program


@pytest.fixture
def watched(program: Program) -> Iterator[tuple[Program, str, Page]]:
    """A session of the toy pipeline, and a page that sees its mask."""
    session = program.begin("toy")
    with program.page(session["id"], views=["mask", "result"]) as page:
        page.picture()
        yield program, f"/api/sessions/{session['id']}", page
    program.delete(f"/api/sessions/{session['id']}")


def pixels(jpeg: bytes) -> np.ndarray:
    decoder = av.CodecContext.create("mjpeg", "r")
    frame = next(iter(decoder.decode(av.Packet(jpeg))))
    assert isinstance(frame, VideoFrame)
    return frame.to_ndarray(format="bgr24")


def shown(page: Page, x: float, y: float, view: str = "mask") -> int:
    """How bright a point of the next picture is."""
    image = pixels(page.picture()[1][view])
    return int(image[int(y * image.shape[0]), int(x * image.shape[1])].mean())


def becomes(page: Page, x: float, y: float, *, masked: bool) -> None:
    """Within the pictures that are under way it is so, and stays so."""
    for _ in range(6):
        if (shown(page, x, y) > GREY) == masked:
            break
    assert [shown(page, x, y) > GREY for _ in range(2)] == [masked] * 2


def test_a_setting_is_in_force_when_it_is_answered(watched: tuple[Program, str, Page]) -> None:
    program, path, page = watched
    said = program.post(f"{path}/set", json={"stage": "cover", "field": "level", "value": 40})
    assert (said.status_code, said.json()) == (200, {"from": 255, "to": 40})
    for _ in range(3):
        page.picture()
    assert shown(page, 0.75, 0.5, "result") == pytest.approx(40, abs=6)
    stage = program.get(path).json()["stages"][2]
    assert {field["name"]: field["value"] for field in stage["fields"]}["level"] == 40


def test_what_cannot_be_set_is_refused_and_changes_nothing(watched: tuple[Program, str, Page]) -> None:
    program, path, _ = watched

    def refused(stage: str, field: str, value: object) -> str:
        said = program.post(f"{path}/set", json={"stage": stage, "field": field, "value": value})
        assert said.status_code == 422
        return str(said.json()["error"])

    assert refused("cover", "level", 256) == "cover: level: input should be less than or equal to 255, not 256"
    assert "cannot be set while it runs" in refused("cover", "sleep", 1)
    assert "cannot be set while it runs" in refused("found", "path", "/etc/passwd")
    assert "cannot be set while it runs" in refused("recording", "enabled", True)
    assert "cannot be set while it runs" in refused("nobody", "level", 1)


def test_workers_come_and_go(watched: tuple[Program, str, Page]) -> None:
    program, path, page = watched
    assert program.post(f"{path}/scale", json={"stage": "cover", "workers": 2}).json() == {"from": 1, "to": 2}
    while [stage["workers"] for stage in page.word("stats")["stages"] if stage["name"] == "cover"] != [2]:
        pass
    refused = program.post(f"{path}/scale", json={"stage": "found", "workers": 2})
    assert (refused.status_code, refused.json()["error"]) == (422, "found keeps state: it has one worker")
    assert program.post(f"{path}/scale", json={"stage": "cover", "workers": 65}).status_code == 422


def test_a_click_keeps_the_smallest_who_stands_there_and_another_removes_him(
    watched: tuple[Program, str, Page],
) -> None:
    program, path, page = watched
    becomes(page, 0.75, 0.5, masked=True)
    click = {"x": 0.75, "y": 0.5}
    said = program.post(f"{path}/choose", json=click)
    assert (said.status_code, said.json()) == (200, {"track": 9, "class": "person", "state": "kept"})
    becomes(page, 0.75, 0.5, masked=False)
    assert program.get(path).json()["chosen"] == {"mode": "all", "tracks": [9]}
    small = program.post(f"{path}/choose", json={"x": 0.3, "y": 0.3, "do": "keep"}).json()
    assert small["track"] == 8
    assert program.post(f"{path}/choose", json={**click, "do": "keep"}).json()["state"] == "kept"
    assert program.post(f"{path}/choose", json=click).json()["state"] == "removed"
    becomes(page, 0.75, 0.5, masked=True)
    assert program.post(f"{path}/choose/reset").json()["chosen"] == {"mode": "all", "tracks": []}


def test_where_only_the_chosen_go_a_click_removes(watched: tuple[Program, str, Page]) -> None:
    program, path, page = watched
    program.post(f"{path}/set", json={"stage": "found", "field": "remove", "value": "chosen"})
    becomes(page, 0.75, 0.5, masked=False)
    assert program.post(f"{path}/choose", json={"x": 0.91, "y": 0.5}).json() == {
        "track": 9, "class": "person", "state": "removed",
    }  # fmt: skip
    becomes(page, 0.75, 0.5, masked=True)
    assert program.get(path).json()["chosen"] == {"mode": "chosen", "tracks": [9]}
    nobody = program.post(f"{path}/choose", json={"x": 0.99, "y": 0.05})
    assert nobody.status_code == 422
    assert "nothing that is known stands there" in nobody.json()["error"]


def test_zones_are_told_to_the_stage_and_told_back(watched: tuple[Program, str, Page]) -> None:
    program, path, _ = watched
    zones = {"hide": [[[0, 0], [0.2, 0], [0.2, 0.3]]], "spare": []}
    said = program.put(f"{path}/zones", json=zones)
    assert (said.status_code, said.json()) == (200, zones)
    assert program.get(path).json()["zones"] == zones
    assert program.put(f"{path}/zones", json={"hide": [[[0, 0], [2, 0], [0, 1]]], "spare": []}).status_code == 422
    many = [[[0.5, 0.5]] * 60 for _ in range(20)]
    assert program.put(f"{path}/zones", json={"hide": many, "spare": []}).status_code == 422
    assert program.get(path).json()["zones"] == zones


def test_a_pipeline_without_such_a_stage_says_so(program: Program) -> None:
    session = program.begin("plain")
    path = f"/api/sessions/{session['id']}"
    assert "no stage of this pipeline takes any" in program.put(f"{path}/zones", json={"hide": []}).json()["error"]
    assert "nobody can be chosen" in program.post(f"{path}/choose", json={"x": 0, "y": 0}).json()["error"]
    program.delete(path)


def test_a_recording_is_switched_on_and_off_and_can_be_had(watched: tuple[Program, str, Page]) -> None:
    program, path, page = watched
    assert program.post(f"{path}/record", json={"on": True}).json() == {"on": True}
    assert program.get(path).json()["recording"] is True
    for _ in range(20):
        page.picture()
    assert program.post(f"{path}/record", json={"on": False}).json() == {"on": False}

    def complete() -> list[dict[str, object]]:
        return [file for file in program.get(f"{path}/files").json() if file["complete"]]

    wait_until(lambda: bool(complete()), 40)
    (file,) = complete()
    assert file["kind"] == "recording"
    film = program.get(f"{path}/files/{file['name']}")
    assert film.content[4:8] == b"ftyp"


def uploaded(program: Program, path: Path) -> str:
    headers = {"X-Filename": path.name, "Content-Type": "application/octet-stream"}
    said = program.post("/api/uploads", content=path.read_bytes(), headers=headers)
    assert said.status_code == 201, said.text
    return str(said.json()["id"])


def test_an_upload_becomes_a_file_with_its_sound(program: Program, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "Mein Film.mp4", 40, audio=1)
    upload = uploaded(program, clip)
    session = program.begin("toy", {"kind": "upload", "id": upload}, settings={"output.crf": 30})
    assert session["source"] == {"kind": "upload", "label": "Mein Film.mp4"}
    path = f"/api/sessions/{session['id']}"
    assert program.post(f"{path}/record", json={"on": True}).status_code == 422
    ended = program.await_state(session["id"], "ended", "failed")
    assert (ended["state"], ended["error"]) == ("ended", None)
    (file,) = program.get(f"{path}/files").json()
    assert (file["kind"], file["complete"]) == ("result", True)
    made = tmp_path / "made.mp4"
    made.write_bytes(program.get(f"{path}/files/{file['name']}").content)
    with av.open(str(made)) as box:
        assert len(box.streams.audio) == 1
        assert sum(1 for _ in box.decode(video=0)) == 40
    assert program.get(f"{path}/report").json()["frames"]["output"] == 40
    assert program.get(f"{path}/snapshot").content[:3] == b"\xff\xd8\xff"  # the last frame is still there
    program.delete(path)
    assert program.get(f"{path}/files").json() == [file]


def test_a_picture_becomes_a_picture(program: Program, tmp_path: Path) -> None:
    from stages.output.png import png

    picture = tmp_path / "a.png"
    picture.write_bytes(png(np.full((64, 96, 3), 90, np.uint8)))
    session = program.begin("plain", {"kind": "upload", "id": uploaded(program, picture)})
    assert program.await_state(session["id"], "ended", "failed")["error"] is None
    path = f"/api/sessions/{session['id']}"
    (file,) = program.get(f"{path}/files").json()
    assert file["name"].endswith(".png")
    assert program.get(f"{path}/files/{file['name']}").content[1:4] == b"PNG"
    program.delete(path)


def test_motion_jpeg_is_there_for_other_programs(program: Program) -> None:
    session = program.begin("plain")
    path = f"/api/sessions/{session['id']}"
    with program.stream("GET", f"{path}/stream") as answer:
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=cleanplate"
        seen = b""
        for piece in answer.iter_bytes():
            seen += piece
            if seen.count(b"--cleanplate\r\nContent-Type: image/jpeg") == 4:
                break
    assert seen.count(b"\xff\xd8\xff") >= 3
    program.delete(path)
