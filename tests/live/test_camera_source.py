"""Cameras of this machine: drawn ones in real time, formats that are tried in turn, and what is told where none is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.errors import SetupError
from stages.ingest import Auto, camera
from stages.ingest.camera import Camera
from tests.live.watching import watching
from tests.runs import Run

GOOD = "testsrc2=size=320x240:rate=30,realtime"
HALF_GREY = "testsrc2=size=320x240:rate=30,format=rgb24,drawbox=y=176:h=64:color=0x808080:t=fill,realtime"


def test_the_test_camera_is_drawn_in_real_time() -> None:
    with watching(Camera(input="cam:test")) as watched:
        assert (watched.spec.width, watched.spec.height, watched.spec.rate) == (640, 360, 30)
        assert watched.spec.live
        stamps, begun = [], time.monotonic()
        for _ in range(31):
            stamps.append(watched.next().pts)
            assert not watched.frame.rejected
        assert time.monotonic() - begun == pytest.approx(1.0, abs=0.3)
        assert (stamps[-1] - stamps[0]) / 90000 == pytest.approx(1.0, abs=0.2)


def test_a_graph_is_drawn_at_its_own_rate_and_ends_the_run() -> None:
    with watching(Camera(input="cam:lavfi:testsrc2=size=320x240:rate=60:duration=0.5", width=160)) as watched:
        assert (watched.spec.width, watched.spec.height, watched.spec.rate) == (160, 120, 60)
        begun = time.monotonic()
        assert watched.is_over()
        assert 0.2 < time.monotonic() - begun < 5


@pytest.mark.parametrize("graph", ["color=gray:size=320x240", "color=black:size=320x240", "smptebars=size=320x240"])
def test_whatever_is_drawn_is_meant(graph: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(Camera(input=f"cam:lavfi:{graph}:rate=60", frozen=0.1)) as watched:
        assert [watched.next().rejected for _ in range(40)] == [""] * 40


def test_who_is_slower_than_a_camera_gets_what_is_new_and_what_he_missed_is_counted() -> None:
    with watching(Camera(input="cam:lavfi:testsrc2=size=320x240:rate=200")) as watched:
        first, until = watched.next().pts, time.monotonic() + 30
        while watched.context.counts["pictures_skipped"] <= 40 and time.monotonic() < until:
            time.sleep(0.3)  # what he is busy with
            watched.next()
        skipped = watched.context.counts["pictures_skipped"]
        assert skipped > 40
        assert (watched.next().pts - first) / 450 > skipped, "they are the newest"


@pytest.mark.parametrize("graph", ["nonsense", "anullsrc", ""])
def test_what_draws_no_picture_is_told_at_once(graph: str) -> None:
    begun = time.monotonic()
    with pytest.raises(SetupError, match=r"graph|no video"):
        Camera(input=f"cam:lavfi:{graph}").open()
    assert time.monotonic() - begun < 5


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two cameras, as Linux lists them."""
    for number, name in enumerate(["HD Pro Webcam C920", "USB Capture"]):
        (tmp_path / f"video{number}").touch()
        (tmp_path / "kinds" / f"video{number}").mkdir(parents=True)
        (tmp_path / "kinds" / f"video{number}" / "name").write_text(f"{name}\n")
    monkeypatch.setattr(camera, "DEVICES", tmp_path)
    monkeypatch.setattr(camera, "KINDS", tmp_path / "kinds")
    return tmp_path


@pytest.mark.parametrize(("place", "found"), [("1", "video1"), ("c920", "video0"), ("USB Capture", "video1")])
def test_a_camera_is_called_by_its_number_or_its_name(system: Path, place: str, found: str) -> None:
    assert camera.device_of(place) == str(system / found)
    assert camera.device_of(str(system / found)) == str(system / found)


@pytest.mark.parametrize("place", ["7", "/dev/no-such-camera", "Nikon", ""])
def test_one_that_is_not_there_is_told_at_once_with_those_that_are(system: Path, place: str) -> None:
    with pytest.raises(SetupError, match=r"0 \(HD Pro Webcam C920\), 1 \(USB Capture\)"):
        Camera(input=f"cam:{place}").open()


class Faked(Camera):
    """A camera whose formats are graphs."""

    graphs: dict[str, str]
    asked: list[str] = []

    def _how(self, turn: camera.Format) -> tuple[str, str, dict[str, str]]:
        self.asked.append(turn)
        return "lavfi", self.graphs[turn], {}


def test_a_format_that_the_camera_cannot_give_is_passed_over(system: Path) -> None:
    source = Faked(input="cam:0", graphs={"mjpeg": "nonsense", "yuyv422": GOOD, "default": "nonsense"})
    with watching(source) as watched:
        assert watched.spec.width == 320
        assert source.asked == ["mjpeg", "yuyv422"]
        assert not watched.next().rejected


def test_a_format_that_gives_spoilt_pictures_is_left_for_the_next_one(system: Path) -> None:
    source = Faked(input="cam:0", graphs={"mjpeg": HALF_GREY, "yuyv422": GOOD, "default": "nonsense"})
    with watching(source) as watched:
        reasons = []
        while len(reasons) < 20 or reasons[-1]:
            reasons.append(watched.next().rejected)
            assert len(reasons) < 200
        assert reasons.count("band") >= camera.SPOILT
        assert set(reasons) <= {"band", "", "torn"}
        assert watched.context.counts["formats_changed"] == 1
        assert any("asked for yuyv422" in note for note in watched.context.notes)
    assert source.asked == ["mjpeg", "yuyv422"]


def test_a_format_that_was_asked_for_is_kept(system: Path) -> None:
    source = Faked(input="cam:0", format="mjpeg", graphs={"mjpeg": HALF_GREY})
    with watching(source) as watched:
        assert [watched.next().rejected for _ in range(40)] == ["band"] * 40
    assert set(source.asked) == {"mjpeg"}


def test_a_frozen_camera_is_rejected_and_a_still_one_is_not(system: Path) -> None:
    stuck, noisy = "testsrc2=size=320x240:rate=60,loop=-1:1,realtime", "color=gray:rate=60,noise=alls=4:allf=t,realtime"
    with watching(Faked(input="cam:0", frozen=0.5, graphs={"mjpeg": stuck, "yuyv422": "", "default": ""})) as watched:
        reasons = [watched.next().rejected for _ in range(60)]
        assert (reasons[0], reasons[-1]) == ("", "frozen")
    with watching(Faked(input="cam:0", frozen=0.5, graphs={"mjpeg": noisy, "yuyv422": "", "default": ""})) as watched:
        assert [watched.next().rejected for _ in range(60)] == [""] * 60


def test_options_reach_the_camera(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Camera(input="cam:1", size="1280x720", rate=15)
    kind, name, options = source._how("mjpeg")
    assert (kind, name) == ("v4l2", str(system / "video1"))
    assert options.items() >= {"video_size": "1280x720", "framerate": "15", "input_format": "mjpeg"}.items()
    assert "input_format" not in source._how("default")[2]
    monkeypatch.setattr("sys.platform", "darwin")
    assert source._how("yuyv422")[:2] == ("avfoundation", "1:none")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(camera, "names", lambda kind: ["Integrated", "USB Capture"])
    assert source._how("mjpeg")[:2] == ("dshow", "video=USB Capture")


@pytest.mark.parametrize("size", ["1280", "x", "0x0", "1280x720x3"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(ValidationError):
        Camera(size=size)


@pytest.mark.parametrize("address", ["cam:0", "cam:test", "CAM:test", "cam:/dev/video2", "cam:lavfi:testsrc2"])
def test_an_address_finds_the_class(address: str) -> None:
    assert Auto.pick(address) is Camera


@pytest.mark.real
def test_a_whole_run_from_the_test_camera(tmp_path: Path) -> None:
    config = {
        "name": "watch",
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            {"name": "output", "uses": "tests.live.barcodes:Barcodes", "with": {"output": str(tmp_path / "out.txt")}},
        ],
    }
    ended = Run(tmp_path, config, "--input", "cam:test", "--frames", "45").end()
    assert ended.code == 0, ended.stderr
    assert ended.frames["output"] + sum(ended.frames["dropped"].values()) == ended.frames["accepted"]
    assert ended.frames["output"] >= 20
    assert ended.report["seconds"] > 0.9
