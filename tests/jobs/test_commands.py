"""The other commands of `cleanplate job`, on a job with a segment that always fails."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import yaml

from pipeline.frame import Frame
from pipeline.stage import Transform
from tests.clips import decode, make_clip, picture, sound_of, stamps_of
from tests.copying import copying, write_copying
from tests.jobs.jobs import begin_job, beside, finished, job, manifest_of, parts_of, run_job, states_of
from tests.waiting import wait_until

pytestmark = pytest.mark.real


class Touchy(Transform):
    """Copies, but raises at pictures from `begin` up to `end` as long as the file `trap` is there."""

    writes: ClassVar[tuple[str, ...]] = ("clean",)
    begin: int = 0
    end: int = 0
    trap: str = ""

    def process(self, frame: Frame) -> None:
        if self.begin <= frame.pts < self.end and Path(self.trap).exists():
            raise ValueError("this picture is too much")
        np.copyto(frame.clean, frame.image)


def touchy(folder: Path) -> str:
    """Its second segment fails."""
    config = copying(codec="ffv1")
    options = {"begin": 20 * 512, "end": 22 * 512, "trap": str(folder / "trap")}
    config["stages"][1] = {"name": "middle", "uses": f"{__name__}:Touchy", "with": options, "on_error": "stop"}
    (folder / "trap").write_text("")
    path = folder / "touchy.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return str(path)


@pytest.mark.long
def test_what_always_fails_is_listed_then_marked_then_mended(tmp_path: Path) -> None:
    video, config = make_clip(tmp_path / "a.mp4", 45, audio=1, options={"g": "10", "bf": "0"}), touchy(tmp_path)
    output = tmp_path / "o.mkv"
    ended = run_job(video, config, output, "--preroll", "0", "--segment", "0.8")
    assert ended.returncode == 4
    assert "1 of 2 segments are missing (1)" in ended.stderr
    assert "too much" in ended.stderr
    assert not output.exists()
    assert states_of(output) == ["done", "failed"]
    found = manifest_of(output)["segments"][1]
    assert (found["tries"], found["how"]) == (3, "re-encoded")

    status = job("status", video, "--json")
    facts = json.loads(status.stdout)
    assert [one["state"] for one in facts["segments"]] == ["done", "failed"]
    assert facts["running"] is False
    assert "failed" in job("status", video).stdout
    refused = job("stitch", video)
    assert refused.returncode == 4
    assert not output.exists()
    assert job("clean", video).returncode == 2

    before = parts_of(output)
    assert job("stitch", video, "--allow-gaps").returncode == 0
    own = found["frames"]
    images = decode(output)
    assert len(images) == 45
    assert [stamp - stamps_of(output)[0] for stamp in stamps_of(output)] == stamps_of(video)
    assert sound_of(output) == sound_of(video)
    slates = images[45 - own :]
    assert all((image == slates[0]).all() for image in slates), "the gap is one slate"
    assert abs(int(np.median(slates[0])) - 96) < 4
    assert np.abs(images[0].astype(int) - picture(0)).mean() < 8

    (tmp_path / "trap").unlink()
    mended = job("redo", video, "1")
    assert mended.returncode == 0, mended.stderr
    assert {name: fact for name, fact in parts_of(output).items() if name in before} == before
    images = decode(output)
    assert np.abs(images[-1].astype(int) - picture(44)).mean() < 8
    assert job("redo", video, "2").returncode == 2
    assert job("clean", video).returncode == 0
    assert not beside(output).exists()
    assert job("status", video).returncode == 2


def test_a_status_can_be_had_while_it_runs_and_redo_makes_the_same_again(tmp_path: Path) -> None:
    video, config = make_clip(tmp_path / "a.mp4", 40), write_copying(tmp_path, codec="ffv1")
    output = tmp_path / "o.mkv"
    process = begin_job(video, config, output)
    wait_until(lambda: (beside(output) / "job.json").exists() and "running" in states_of(output), timeout=120)
    process.send_signal(signal.SIGSTOP)  # else it may be over before the question is asked
    facts = json.loads(job("status", video, "--output", output, "--json").stdout)
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=150) == 0
    assert facts["running"] is True
    assert {one["state"] for one in facts["segments"]} <= {"todo", "running", "done"}
    before, made = parts_of(output), decode(output)
    again = job("redo", video, "0", "--re-encode")
    assert again.returncode == 0, again.stderr
    changed = [name for name, fact in parts_of(output).items() if fact != before[name]]
    assert changed == ["00000-0.nut"]
    assert manifest_of(output)["segments"][0]["how"] == "re-encoded"
    assert all((a == b).all() for a, b in zip(decode(output), made, strict=True))


def test_a_folder_of_videos_is_done_one_by_one_and_then_the_command_is_given(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    for name in ("a", "b"):
        make_clip(tmp_path / "shots" / f"{name}.mp4", 15)
    (tmp_path / "clean").mkdir()
    (tmp_path / "shots" / "notes.txt").write_text("no video")
    config = write_copying(tmp_path, codec="ffv1")
    pattern = tmp_path / "clean" / "{name}.mkv"
    ended = run_job(tmp_path / "shots", config, pattern, "--on-done", f"touch {tmp_path / 'told'}")
    assert ended.returncode == 0, ended.stderr
    assert [len(decode(tmp_path / "clean" / f"{name}.mkv")) for name in ("a", "b")] == [15, 15]
    assert (tmp_path / "told").exists()
    assert "[2/2]" in ended.stderr


@pytest.mark.long
def test_of_a_damaged_video_what_can_be_decoded_comes_out_and_it_is_said(tmp_path: Path) -> None:
    from tests.jobs.test_cutting import spoil

    video, config = (
        make_clip(tmp_path / "a.mp4", 60, options={"bf": "0", "g": "10"}),
        write_copying(tmp_path, codec="ffv1"),
    )
    spoil(video, 33)
    output = tmp_path / "o.mkv"
    ended = run_job(video, config, output)
    assert ended.returncode == 4, ended.stderr
    assert "completed with errors" in ended.stderr
    assert len(decode(output)) == sum(one["written"] for one in manifest_of(output)["segments"]) >= 59
    assert [bool(one["damage"]) for one in manifest_of(output)["segments"]].count(True) >= 1
    assert "on-done" not in ended.stderr


@pytest.mark.long
def test_it_goes_on_where_it_was_and_says_so(tmp_path: Path) -> None:
    video, config = make_clip(tmp_path / "a.mp4", 40), write_copying(tmp_path, codec="ffv1")
    output = finished(video, config, tmp_path / "o.mkv")
    before = parts_of(output)
    again = run_job(video, config, output)
    assert again.returncode == 0
    assert "is finished already" in again.stderr
    output.unlink()
    assert finished(video, config, output).exists()
    assert parts_of(output) == before
