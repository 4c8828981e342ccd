"""Lavfi: a picture that FFmpeg draws by itself, as a source for trials and tests; the same one each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.errors import SetupError
from stages.ingest.file import File
from stages.media import reason

if TYPE_CHECKING:
    from av.container import InputContainer

SCHEME = "lavfi:"


class Lavfi(File):
    """Frames of a filter graph such as `lavfi:testsrc2=size=640x360:rate=30`, as fast as they can be taken."""

    seconds: float | None = Field(default=None, gt=0, description="where to stop; none: where the graph does")

    def _container(self) -> InputContainer:
        import av

        graph = self.input.removeprefix(SCHEME)
        try:
            return av.open(graph, format="lavfi")
        except (av.FFmpegError, ValueError) as error:
            raise SetupError(f"{self.input}: not a filter graph that draws a picture ({reason(error)})") from error

    def frames(self) -> Iterator[None]:
        for _ in super().frames():
            if self.seconds is not None and self.frame.pts * self._spec.time_base >= self.seconds:
                return
            yield

    def _check_length(self) -> None:
        """A drawn picture is never cut short."""
