"""The log of a coded stream: agreed columns, no row lost, none twice; and the line on stderr."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import pytest

from pipeline.errors import RunError, SetupError
from stages.codec.diary import COLUMNS, Diary, line, new_diary, row
from stages.codec.readings import Readings
from tests.codec.clips import textured
from tests.codec.streams import Stand

KNOWN = Readings(
    0.1, 19.14, 12.88, 16.77, 0.9, 0.5, 0.6, 742.31, 900.0, 576.0, 30.0, 42.0, 3711.0, 0.2
)  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_columns_begin_with_the_agreed_ones() -> None:
    assert COLUMNS[:6] == ("frame", "bw", "face_psnr", "background_psnr", "overall_psnr", "bitrate_kbps")
    assert len(row(0, KNOWN).split(",")) == len(COLUMNS)


def test_the_name_says_ratio_and_time_and_no_two_streams_get_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "live_outputs"
    paths = {new_diary(str(folder), 0.1) for _ in range(3)}
    assert len(paths) == 3
    assert all(re.fullmatch(r"psnr_bitrate_0\.10x_\d{8}_\d{6}(_\d)?\.txt", path.name) for path in paths)
    assert all(path.parent == folder and path.is_absolute() for path in paths)


def test_every_row_is_numbers_under_the_columns_names(tmp_path: Path) -> None:
    diary = Diary(new_diary(str(tmp_path), 0.1))
    diary.add(7, KNOWN)
    diary.close()
    (found,) = rows(diary.path)
    assert (found["frame"], found["bw"], found["face_psnr"], found["bitrate_kbps"]) == ("7", "0.1", "19.140", "742.310")
    assert float(found["overall_ssim"]) == pytest.approx(0.6)


def test_where_no_face_is_its_figure_is_the_whole_picture_s_and_no_gap_in_the_table() -> None:
    found = dict(zip(COLUMNS, row(0, Readings(psnr=16.77, background_psnr=16.77, share=0.0)).split(","), strict=True))
    assert float(found["face_psnr"]) == float(found["background_psnr"]) == 16.77
    assert float(found["region_share"]) == 0


def test_the_line_on_stderr_is_the_agreed_one() -> None:
    said = "[F  120] BW: 0.10x | Face: 19.1 dB | BG: 12.9 dB | Overall: 16.8 dB | Net: 742.3 kbps"
    assert line(120, KNOWN) == said


def test_the_line_says_nothing_of_a_face_that_is_not_there() -> None:
    assert "Face:   --  dB" in line(1, Readings(ratio=0.1, psnr=20, background_psnr=20, kbps=1))


def test_a_log_that_is_taken_up_holds_what_was_committed_and_nothing_else(tmp_path: Path) -> None:
    diary = Diary(new_diary(str(tmp_path), 0.1))
    diary.add(0, KNOWN)
    committed = diary.size
    diary.add(1, KNOWN)
    diary.close()
    again = Diary(diary.path, committed)
    again.add(1, KNOWN)
    again.add(2, KNOWN)
    again.close()
    assert [found["frame"] for found in rows(diary.path)] == ["0", "1", "2"]


def test_a_folder_that_cannot_be_made_is_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="no log can be written there"):
        new_diary(str(tmp_path / "file" / "logs"), 0.1)


def test_a_full_disk_is_an_error_of_the_run(tmp_path: Path) -> None:
    diary = Diary(new_diary(str(tmp_path), 0.1))
    diary._file.close()
    diary._file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115 - the diary closes it
    with pytest.raises(RunError, match="No space left"):
        diary.add(0, KNOWN)
    diary.close()


# Within the stage


def test_a_stage_writes_one_row_for_each_picture_with_what_was_measured(tmp_path: Path) -> None:
    stand = Stand(log=str(tmp_path))
    readings = [Readings.of(frame.planes["readings"]) for frame in stand.several(5)]
    stand.stage.close()
    (path,) = tmp_path.iterdir()
    found = rows(path)
    assert [int(one["frame"]) for one in found] == [0, 1, 2, 3, 4]
    assert [float(one["bytes"]) for one in found] == [one.bytes for one in readings]
    assert [float(one["face_psnr"]) for one in found] == pytest.approx([one.region_psnr for one in readings], abs=1e-3)
    assert not any(math.isnan(float(one["bitrate_kbps"])) for one in found)


@pytest.mark.parametrize("before", [0, 1, 3])
def test_after_a_crash_over_a_picture_its_row_is_there_once(tmp_path: Path, before: int) -> None:
    stand = Stand(log=str(tmp_path))
    stand.several(before)
    stand.code(textured(before), commit=False)  # written, and then it died
    stand.begin()
    stand.several(2)
    stand.stage.close()
    (path,) = tmp_path.iterdir()
    assert [int(one["frame"]) for one in rows(path)] == list(range(before + 2))


def test_a_picture_that_is_tried_again_by_the_same_process_has_one_row(tmp_path: Path) -> None:
    stand = Stand(log=str(tmp_path))
    stand.several(2)
    stand.code(textured(2), commit=False)
    stand.several(1)
    stand.stage.close()
    (path,) = tmp_path.iterdir()
    assert [int(one["frame"]) for one in rows(path)] == [0, 1, 2]


def test_without_a_folder_there_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Stand(log=None).several(2)
    assert not list(tmp_path.iterdir())
