"""File sinks in the test's own process: opened, written to, killed, and fed from a clip."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from pipeline.frame import Frame, FrameSpec
from stages.ingest.file import File as FileSource
from stages.output.file import File
from tests.clips import lend, picture

CODECS = ["h264", "h265", "av1", "vp9", "prores", "ffv1", "mjpeg"]
SPEC = FrameSpec(width=96, height=64, rate=Fraction(25), time_base=Fraction(1, 12800))
STEP = 512


def frame_of(number: int, spec: FrameSpec = SPEC) -> Frame:
    clean = picture(number, spec.width, spec.height)
    clean.flags.writeable = False
    return Frame({"clean": clean}, index=number, pts=number * STEP, duration=STEP)


def opened(output: Path, spec: FrameSpec = SPEC, resume: int | None = None, **options) -> File:
    sink = File(output=str(output), **options)
    if resume is not None:
        sink.resume(resume)
    sink.setup(spec)
    return sink


def write(sink: File, numbers: Iterable[int], spec: FrameSpec = SPEC) -> None:
    for number in numbers:
        sink.write(frame_of(number, spec))


def part_of(output: Path) -> Path:
    return output.with_name(output.name + ".part")


def killed(output: Path, frames: int, **options) -> list[int]:
    """Leave what a killed sink leaves; the sizes of its part after each frame."""
    sink = opened(output, **options)
    sizes = [part_of(output).stat().st_size]
    for number in range(frames):
        write(sink, [number])
        sizes.append(part_of(output).stat().st_size)
    left = part_of(output).read_bytes()
    sink.close()
    part_of(output).write_bytes(left)
    return sizes


def copy_through(
    clip: Path,
    output: Path,
    frames: int | None = None,
    *,
    start: Fraction | None = None,
    end: Fraction | None = None,
    **options,
) -> File:
    """Source to sink: all frames, or the first ones, or those from `start` to `end` in seconds."""
    source = FileSource(input=str(clip))
    spec = source.open().model_copy(update={"start": start, "end": end})
    frame = lend(source, spec)
    sink = opened(output, spec, **options)
    written = 0
    for _ in source.frames():
        time = frame.pts * spec.time_base
        if (start is None or time >= start) and (end is None or time < end) and written != frames:
            sink.write(frame)
            written += 1
    sink.finish()
    sink.close()
    source.close()
    return sink
