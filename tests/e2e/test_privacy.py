"""Privacy pipelines of real processes: faces are covered, what says who and where stays behind, and faults blank."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from tests.runs import Run
from tests.scenes import asset
from tests.thorough import rarely

FRAMES, RATE = 12, 12
FACES = (612, 340, 40), (987, 188, 50)  # x, y, half of a side, in asset("zidane.jpg")
SHIFT = 6  # pixels by which each frame is farther to the right


def pictures() -> Iterator[np.ndarray]:
    """Two people, and a camera that pans."""
    wide = cv2.copyMakeBorder(asset("zidane.jpg"), 0, 0, 0, SHIFT * FRAMES, cv2.BORDER_REFLECT)
    for number in range(FRAMES):
        yield cv2.resize(wide[:, number * SHIFT :][:, :1280], (640, 360), interpolation=cv2.INTER_AREA)


def faces(number: int) -> list[tuple[slice, slice]]:
    """Rows and columns of what must be covered in a frame."""
    found = []
    for x, y, half in FACES:
        middle, side = ((x - number * SHIFT) // 2, y // 2), half // 2
        found.append((slice(middle[1] - side, middle[1] + side), slice(middle[0] - side, middle[0] + side)))
    return found


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With sound, a title and the place where it was taken."""
    path = tmp_path_factory.mktemp("clip") / "people.mp4"
    with av.open(str(path), "w") as box:
        box.metadata.update({"title": "Zinedine", "location": "+48.8566+002.3522/"})
        video, audio = box.add_stream("libx264", RATE, options={"crf": "12"}), box.add_stream("aac", 48_000)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        for picture in pictures():
            box.mux(video.encode(VideoFrame.from_ndarray(picture, "bgr24")))
        sound = AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
        sound.sample_rate, sound.time_base = 48_000, Fraction(1, 48_000)
        for stream, frame in ((audio, sound), (audio, None), (video, None)):
            box.mux(stream.encode(frame))
    return path


def shown(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="bgr24") for frame in box.decode(video=0)]


def run(folder: Path, clip: Path, *sets: str, fault: str = "") -> tuple[Path, dict[str, object]]:
    out = folder / "out.mkv"
    options = [word for one in ("output.codec=ffv1", *sets) for word in ("--set", one)]
    ended = Run(folder, "privacy-faces", "--input", str(clip), "--output", str(out), *options, fault=fault).end(150)
    assert ended.code == (4 if fault else 0), ended.stderr
    return out, ended.frames


@pytest.mark.real
@pytest.mark.parametrize("effect", ["solid", *rarely("mosaic")])
def test_faces_are_covered_in_every_frame_and_the_rest_is_left(tmp_path: Path, clip: Path, effect: str) -> None:
    out, frames = run(tmp_path, clip, f"cover.effect={effect}")
    assert frames["blanked"] == 0
    results, originals = shown(out), shown(clip)
    assert len(results) == FRAMES
    for number, (result, original) in enumerate(zip(results, originals, strict=True)):
        for place in faces(number):
            if effect == "solid":
                assert not result[place].any(), number
            detail = np.abs(np.diff(result[place].astype(int), axis=1)).mean()
            assert detail < np.abs(np.diff(original[place].astype(int), axis=1)).mean() / 2, number
        far = result[-60:], original[-60:]
        assert np.abs(far[0].astype(int) - far[1]).max() <= 4


@pytest.mark.real
def test_sound_title_and_place_stay_behind(tmp_path: Path, clip: Path) -> None:
    with av.open(str(clip)) as box:
        assert len(box.streams.audio) == 1
        assert "location" in box.metadata
    out, _ = run(tmp_path, clip)
    with av.open(str(out)) as box:
        assert [stream.type for stream in box.streams] == ["video"]
        told = {**box.metadata, **box.streams.video[0].metadata}
    assert not {key.lower() for key in told} & {"title", "location", "location-eng", "creation_time"}
    content = out.read_bytes()
    assert b"Zinedine" not in content
    assert b"48.8566" not in content


@pytest.mark.real
@pytest.mark.parametrize("stage", ["detection", *rarely("tracking", "cover")])
def test_a_frame_that_a_stage_fails_on_goes_out_without_the_picture(tmp_path: Path, clip: Path, stage: str) -> None:
    out, frames = run(tmp_path, clip, fault=f"{stage}:granted:5=raise")
    results, originals = shown(out), shown(clip)
    assert frames["blanked"] == 1
    assert len(results) == FRAMES
    for number, result in enumerate(results):
        for place in faces(number):
            assert not result[place].any(), number
    same = np.abs(results[5].astype(int) - originals[5]).max(2) <= 8
    assert same.mean() < 0.2
