"""Diary: the log of a coded stream, one row of figures for each picture, in columns that any table program reads."""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path

from pipeline.errors import RunError, SetupError
from stages.codec.readings import Readings
from stages.media import reason, shown

COLUMNS = (
    "frame", "bw", "face_psnr", "background_psnr", "overall_psnr", "bitrate_kbps", "bytes", "target_kbps",
    "system_kbps", "region_quantiser", "background_quantiser", "region_share", "face_ssim", "background_ssim",
    "overall_ssim",
)  # fmt: skip
HEAD = ",".join(COLUMNS)
NAME = "psnr_bitrate_{ratio:.2f}x_{stamp:%Y%m%d_%H%M%S}.txt"
MOST_NAMES = 1000  # for streams that begin in the same second


class Diary:
    """Appends to one file. What lies beyond `size` when it is taken up, by a process that died, is cut off: no row is
    lost, and none comes twice."""

    def __init__(self, path: Path, size: int = 0) -> None:
        """Raises SetupError."""
        self.path = path
        try:
            self._file = path.open("r+b")
            self._file.truncate(size)
            self._file.seek(size)
            if not size:
                self._write(HEAD)
        except OSError as error:
            raise SetupError(f"{shown(path)}: the log cannot be written ({reason(error)})") from error

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._file.tell()

    def add(self, index: int, readings: Readings) -> None:
        """Raises RunError."""
        try:
            self._write(row(index, readings))
        except OSError as error:
            raise RunError(f"{shown(self.path)}: the log cannot be written ({reason(error)})") from error

    def cut(self, size: int) -> None:
        """Go back to so many bytes (0: to the first row): the frame that was written last is done again."""
        size = size or len(HEAD) + 1
        if self._file.tell() != size:
            self._file.truncate(size)
            self._file.seek(size)

    def _write(self, line: str) -> None:
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def new_diary(folder: str, ratio: float) -> Path:
    """An empty file of its own, `FOLDER/psnr_bitrate_0.10x_20260131_235959.txt`. Raises SetupError."""
    name = NAME.format(ratio=ratio, stamp=datetime.now())
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for number in range(1, MOST_NAMES):
            path = Path(folder, name if number == 1 else f"{Path(name).stem}_{number}.txt").absolute()
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                continue
            return path
    except (OSError, ValueError) as error:
        raise SetupError(f"{shown(folder)}: no log can be written there ({reason(error)})") from error
    raise SetupError(f"{shown(os.path.join(folder, name))}: is taken, and so are {MOST_NAMES} names like it")


def row(index: int, readings: Readings) -> str:
    """Where nothing is in the region, or nothing outside of it, the part has the figure of the whole picture: there is
    no other, and it flatters neither."""
    face, back = (_known(part, readings.psnr) for part in (readings.region_psnr, readings.background_psnr))
    return ",".join((
        f"{index}", f"{readings.ratio:.4g}", f"{face:.3f}", f"{back:.3f}", f"{readings.psnr:.3f}",
        f"{readings.kbps:.3f}", f"{readings.bytes:.0f}", f"{readings.target_kbps:.3f}", f"{readings.system_kbps:.3f}",
        f"{readings.region_quantiser:.3f}", f"{readings.background_quantiser:.3f}", f"{readings.share:.4f}",
        f"{readings.region_ssim:.4f}", f"{readings.background_ssim:.4f}", f"{readings.ssim:.4f}",
    ))  # fmt: skip


def line(index: int, readings: Readings) -> str:
    """`[F  120] BW: 0.10x | Face: 19.1 dB | BG: 12.9 dB | Overall: 16.8 dB | Net: 742.3 kbps`"""
    parts = (readings.region_psnr, readings.background_psnr, readings.psnr)
    face, back, whole = ("  -- " if math.isnan(part) else f"{part:.1f}" for part in parts)
    return (
        f"[F {index:4d}] BW: {readings.ratio:.2f}x | Face: {face} dB | BG: {back} dB | Overall: {whole} dB |"
        f" Net: {readings.kbps:.1f} kbps"
    )


def _known(part: float, whole: float) -> float:
    return whole if math.isnan(part) else part
