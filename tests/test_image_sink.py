"""The image sink: each picture is there when write returns, exact, under its own name, and nothing else is touched."""

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import RunError, SetupError
from pipeline.frame import Frame, FrameSpec
from stages.images import list_images
from stages.output import Auto
from stages.output.file import File
from stages.output.images import Images, kept_names
from stages.output.still import STILLS, jpeg_step
from tests.clips import decode, number_of, picture

SPEC = FrameSpec(width=97, height=65, rate=Fraction(25), time_base=Fraction(1, 25))


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (65, 97, 3), np.uint8)


def opened(output: str | Path, resume: int | None = None, source: str | Path = "", **options) -> Images:
    sink = Images(output=str(output), **options)
    if resume is not None:
        sink.resume(resume)
    sink.setup(SPEC.model_copy(update={"source": str(source)}))
    return sink


def write(sink: Images, numbers) -> None:
    for number in numbers:
        clean = picture(number, 97, 65)
        clean.flags.writeable = False
        sink.write(Frame({"clean": clean}, index=number, pts=number))


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"a picture")
    return folder


@pytest.mark.parametrize("ending", ["png", "tif", "tiff", "bmp", "webp"])
def test_lossless_pictures_give_back_every_bit(tmp_path, ending):
    sink = opened(f"{tmp_path}/", format=ending, quality=100)
    for seed in range(3):
        sink.write(Frame({"clean": noise(seed)}, pts=seed))
        made = tmp_path / f"frame-{seed + 1:06d}.{ending}"
        assert np.array_equal(decode(made)[0], noise(seed))


@pytest.mark.parametrize("ending", ["jpg", "jpeg", "webp"])
def test_lossy_pictures_grow_better_and_larger_with_their_quality(tmp_path, ending):
    sizes, errors = [], []
    for quality in (20, 60, 95):
        sink = opened(tmp_path / f"{quality}.{ending}", quality=quality)
        write(sink, [3])
        sink.finish()
        made = tmp_path / f"{quality}.{ending}"
        sizes.append(made.stat().st_size)
        errors.append(np.abs(decode(made)[0].astype(int) - picture(3, 97, 65)).mean())
    assert sizes == sorted(set(sizes))
    assert errors == sorted(set(errors), reverse=True)
    assert errors[-1] < 2.5


def test_a_jpeg_is_a_jfif_of_full_range_with_the_shape_of_its_pixels(tmp_path):
    sink = Images(output=str(tmp_path / "a.jpg"))
    sink.setup(SPEC.model_copy(update={"sample_aspect": Fraction(16, 11)}))
    write(sink, [0])
    sink.finish()
    assert b"JFIF" in (tmp_path / "a.jpg").read_bytes()[:16]
    with av.open(str(tmp_path / "a.jpg")) as box:
        assert box.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
        assert next(box.decode(video=0)).color_range == 2


def test_quality_means_what_people_know():
    assert [jpeg_step(quality) for quality in (100, 95, 75, 50, 25, 1)] == [1, 1, 4, 8, 16, 31]


def test_pictures_of_a_folder_keep_their_names_in_the_order_of_the_source(tmp_path):
    source = fill(tmp_path / "in", "img10.png", "img2.png", "b.jpg", "notes.txt")
    assert [path.name for path in list_images(source)] == ["b.jpg", "img2.png", "img10.png"]
    sink = opened(f"{tmp_path}/out/", source=source)
    write(sink, range(3))
    sink.finish()
    out = tmp_path / "out"
    found = {name: number_of(decode(out / name)[0]) for name in os.listdir(out)}
    assert found == {"b.png": 0, "img2.png": 1, "img10.png": 2}


def test_a_picture_that_was_left_out_shifts_no_name(tmp_path):
    source = fill(tmp_path / "in", "a.png", "b.png", "c.png")
    write(opened(f"{tmp_path}/out/", source=source), [0, 2])
    assert sorted(os.listdir(tmp_path / "out")) == ["a.png", "c.png"]


def test_two_pictures_of_one_name_become_two_files():
    assert kept_names(["a.jpg", "a.png", "b.png"]) == ["a.jpg", "a.png", "b"]
    assert kept_names(["a.jpg", "a.jpg.png", "a.png"]) == ["a.jpg", "a.jpg.png", "a.png"]


def test_other_files_of_the_folder_stay_and_equal_names_are_replaced(tmp_path):
    folder = fill(tmp_path / "out", "frame-000001.png", "frame-000009.png", "notes.txt")
    write(opened(folder), range(2))
    assert sorted(os.listdir(folder)) == ["frame-000001.png", "frame-000002.png", "frame-000009.png", "notes.txt"]
    assert (folder / "frame-000009.png").read_bytes() == b"a picture"
    assert number_of(decode(folder / "frame-000001.png")[0]) == 0


@pytest.mark.parametrize("committed", [0, 1, 3, 4])
def test_a_killed_sink_goes_on_and_a_frame_done_again_is_the_same(tmp_path, committed):
    write(opened(f"{tmp_path}/whole/"), range(7))
    folder = tmp_path / "out"
    write(opened(f"{folder}/"), range(4))
    (folder / f"frame-{committed + 1:06d}.png.part").write_bytes(b"torn")
    sink = opened(folder, resume=committed)
    write(sink, range(committed, 7))
    assert sink.finish()["frames"] == 7
    assert sorted(os.listdir(folder)) == sorted(os.listdir(tmp_path / "whole"))
    assert all((folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in os.listdir(folder))


def test_a_real_kill_loses_no_written_picture(tmp_path):
    script = (
        "import os, signal\nfrom tests.test_image_sink import opened, write\n"
        f"write(opened('{tmp_path}/out/'), range(5))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent.parent, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert [number_of(decode(path)[0]) for path in list_images(tmp_path / "out")] == list(range(5))


def test_a_single_picture_appears_at_the_end_and_replaces_the_old_one(tmp_path):
    output = tmp_path / "o.png"
    output.write_bytes(b"the old one")
    sink = opened(output)
    write(sink, [5])
    assert output.read_bytes() == b"the old one"
    assert sink.finish() == {"output": str(output), "frames": 1, "codec": "png"}
    assert number_of(decode(output)[0]) == 5
    assert opened(output, resume=1).finish()["frames"] == 1
    assert os.listdir(tmp_path) == ["o.png"]


def test_a_killed_single_picture_is_finished_by_the_next_incarnation(tmp_path):
    write(opened(tmp_path / "o.png"), [5])
    assert opened(tmp_path / "o.png", resume=1).finish()["frames"] == 1
    assert number_of(decode(tmp_path / "o.png")[0]) == 5


def test_a_second_frame_for_a_single_picture_is_an_error_and_leaves_nothing(tmp_path):
    output = tmp_path / "o.png"
    output.write_bytes(b"the old one")
    sink = opened(output)
    write(sink, [0])
    with pytest.raises(RunError, match=r"o\.png: holds one picture, and the input has more; take a folder"):
        write(sink, [1])
    assert output.read_bytes() == b"the old one"  # nobody closes a stage that raised
    assert os.listdir(tmp_path) == ["o.png"]


def test_without_a_frame_no_picture_is_made(tmp_path):
    sink = opened(tmp_path / "o.png")
    assert sink.finish()["frames"] == 0
    sink.close()
    assert os.listdir(tmp_path) == []


def test_what_could_not_be_written_is_refused_before_work_begins(tmp_path):
    source = fill(tmp_path / "in", "a.png")
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "folder.png").mkdir()
    numbered = fill(tmp_path / "n", "frame-000001.png") / "frame-000001.png"
    wrong = [
        (source, source, "is the input itself"),
        (tmp_path / "link", source, "is the input itself"),
        (source / "a.png", source / "a.png", "is the input itself"),
        (numbered.parent, numbered, "would be replaced"),
        (tmp_path / "absent" / "o.png", "", "no folder"),
        (f"{tmp_path}/absent/deep/", "", "cannot be made a folder"),
        (f"{source}/a.png/", "", "cannot be made a folder"),
        (tmp_path / "o.gif", "", "none of png"),
        ("", "", "no output"),
    ]
    for output, given, why in wrong:
        with pytest.raises(SetupError, match=why):
            opened(output, source=given)
    with pytest.raises(SetupError, match="does not fit"):
        opened(tmp_path / "o.png", format="jpg")
    assert (source / "a.png").read_bytes() == b"a picture"


def test_a_disk_that_cannot_be_written_is_an_error_with_path_and_reason(tmp_path):
    sink = opened(f"{tmp_path}/out/")
    (tmp_path / "out").rmdir()
    with pytest.raises(RunError, match=r"frame-000001\.png: cannot be written \(No such file or directory\)"):
        write(sink, [0])


def test_the_class_follows_from_the_name(tmp_path):
    assert Auto.pick(f"{tmp_path}/new/") is Auto.pick(str(tmp_path)) is Images
    assert {Auto.pick(f"o.{ending}") for ending in STILLS} == {Images}
    assert Auto.pick("O.PNG") is Images
    assert Auto.pick("o.mp4") is Auto.pick("o") is File


def test_a_picture_that_an_earlier_run_left_waiting_is_not_taken_for_this_ones(tmp_path):
    (tmp_path / "o.png.part").write_bytes(b"of a run that was killed")
    sink = Images(output=str(tmp_path / "o.png"))
    sink.setup(SPEC)
    sink.finish()
    sink.close()
    assert not (tmp_path / "o.png").exists()
