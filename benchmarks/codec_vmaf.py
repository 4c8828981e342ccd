"""VMAF of decoded pictures, by the FFmpeg that imageio-ffmpeg brings, with the model that is built into it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import RunError
from pipeline.frame import Image

LIMIT_S = 300.0
MODEL = "vmaf_v0.6.1"


class Vmaf:
    """Compares with one clip, whose pictures are written into `folder` once."""

    def __init__(self, images: Iterable[Image], size: tuple[int, int], folder: Path) -> None:
        self._size, self._folder = size, folder
        self._truth = _write(folder / "truth.bgr", images)

    def of(self, decoded: Iterable[Image]) -> float:
        """The mean over the pictures, 0 to 100; both in 4:2:0. Raises RunError."""
        import imageio_ffmpeg

        judged, log = _write(self._folder / "judged.bgr", decoded), self._folder / "vmaf.json"
        width, height = self._size
        raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", f"{width}x{height}"]
        graph = (
            "[0:v]format=yuv420p[judged];[1:v]format=yuv420p[truth];"
            f"[judged][truth]libvmaf=model=version={MODEL}:n_threads=2:log_fmt=json:log_path={log.name}"
        )
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", *raw, "-i", judged.resolve()]
        command += [*raw, "-i", self._truth.resolve(), "-lavfi", graph, "-f", "null", "-"]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            raise RunError(f"VMAF: FFmpeg ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])


def _write(path: Path, images: Iterable[Image]) -> Path:
    with path.open("wb") as file:
        for image in images:
            file.write(image.tobytes())
    return path
