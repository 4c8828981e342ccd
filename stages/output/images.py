"""Images: single pictures as a sink; each file appears at once and whole, and nothing else in its folder is touched."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipeline.errors import RunError, SetupError
from pipeline.frame import Frame, FrameSpec
from stages.images import list_images
from stages.media import reason, shown
from stages.output.publish import sync
from stages.output.still import STILLS, Still, keeps_alpha
from stages.output.target import check_target, is_same
from stages.output.views import Canvas, Viewing, shows_alpha

Ending = Literal["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"]
STILL_WITHOUT = "holds no alpha; take png, tiff or webp"
_NUMBERED = re.compile(r"frame-[0-9]{6,}")


def is_folder(output: str) -> bool:
    """Whether an output is a folder: one that exists, or a name that ends in a slash."""
    return output.endswith(("/", os.sep)) or os.path.isdir(output)


def is_image_name(output: str) -> bool:
    return Path(output).suffix.lower()[1:] in STILLS


class Images(Viewing):
    """Writes a folder of pictures, one for each frame, or a single picture where the output is the name of one.

    Pictures that came from a folder keep their names; others are `frame-000001.png` and so on. What else lies in the
    folder stays; a picture of the same name is replaced.
    """

    deadline: ClassVar[float] = 10.0  # a disk may stand still for seconds and come back
    holds_alpha: ClassVar[bool] = True  # with a format that does

    output: str = Field(default="", description="a picture, or a folder: one that exists, or a name that ends in /")
    format: Ending | None = Field(default=None, description="of the pictures in a folder; none: png, which is exact")
    quality: int = Field(default=95, ge=1, le=100, description="of jpg and webp; a webp of 100 is lossless")

    _canvas: Canvas = PrivateAttr()
    _spec: FrameSpec = PrivateAttr()
    _still: Still = PrivateAttr()
    _ending: str = PrivateAttr()
    _names: list[str] = PrivateAttr(default_factory=list)
    _single: bool = PrivateAttr(default=False)
    _frames: int = PrivateAttr(default=0)

    @field_validator("format")
    @classmethod
    def _holds(cls, value: Ending | None, info: ValidationInfo) -> Ending | None:
        if value and shows_alpha(info.data.get("view")) and not keeps_alpha(value):
            raise PydanticCustomError("alpha", "{why}", {"why": STILL_WITHOUT})
        return value

    def resume(self, frames: int) -> None:
        self._frames = frames

    def setup(self, spec: FrameSpec) -> None:
        if not self.output:
            raise SetupError("no output is given: --output FOLDER/ or PICTURE.png")
        self._canvas = self.canvas(spec)
        self._spec = self._canvas.spec
        self._single = not is_folder(self.output)
        self._ending = Path(self.output).suffix[1:].lower() if self._single else self.format or "png"
        self._check_single() if self._single else self._check_folder()
        alpha = self._canvas.channels == 4
        if alpha and not keeps_alpha(self._ending):
            raise SetupError(f"{shown(Path(self.output))}: {self._ending} {STILL_WITHOUT}")
        self._still = Still(self._ending, self._spec, self.quality, alpha=alpha)

    def _check_single(self) -> None:
        path = Path(self.output)
        if self._ending not in STILLS:
            raise SetupError(f"{shown(path)}: {path.suffix or 'no ending'!r} is none of {', '.join(STILLS)}")
        if self.format is not None and STILLS[self.format] != STILLS[self._ending]:
            raise SetupError(f"format: {self.format!r} does not fit {shown(path)}; leave format out")
        check_target(self.output, self._spec.source, ".part")

    def _check_folder(self) -> None:
        folder, source = Path(self.output), Path(self._spec.source)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise SetupError(f"{shown(folder)}: cannot be made a folder ({reason(error)})") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SetupError(f"{shown(folder)}: cannot be written to")
        if not self._spec.source:
            return
        if is_same(self.output, self._spec.source):
            raise SetupError(f"{shown(folder)}: is the input itself; take another folder")
        if source.is_dir():
            self._names = kept_names([path.name for path in list_images(source)])
        elif is_same(self.output, os.fspath(source.parent)) and _NUMBERED.fullmatch(source.stem):
            raise SetupError(f"{shown(folder)}: the input {shown(source)} would be replaced; take another folder")

    def write(self, frame: Frame) -> None:
        if self._single and self._frames:
            self._part.unlink(missing_ok=True)  # a picture that is not the only one is none
            raise RunError(f"{shown(self.output)}: holds one picture, and the input has more; take a folder")
        data = self._still.encode(self._canvas.of(frame))
        target = Path(self.output) if self._single else Path(self.output, f"{self._name(frame)}.{self._ending}")
        made = target.with_name(f"{target.name}.part")
        try:
            made.write_bytes(data)
            if not self._single:  # the single one appears when it is sure that there is no second
                os.replace(made, target)
        except OSError as error:
            raise RunError(f"{shown(target)}: cannot be written ({reason(error)})") from error
        self._frames += 1

    def _name(self, frame: Frame) -> str:
        """The name of a frame's file, without its ending: that of the picture with this place on the source's clock."""
        place = round(frame.pts * self._spec.time_base * self._spec.rate)
        return self._names[place] if 0 <= place < len(self._names) else f"frame-{self._frames + 1:06d}"

    @property
    def _part(self) -> Path:
        """Where the single picture waits for the end."""
        return Path(f"{self.output}.part")

    def finish(self) -> dict[str, Any]:
        path = Path(self.output)
        try:
            if self._single and self._frames and self._part.exists():  # without frames it is an earlier run's
                sync(os.fspath(self._part))
                os.replace(self._part, path)
            if self._frames:
                sync(os.path.dirname(os.path.abspath(path)) if self._single else self.output)
        except OSError as error:
            raise RunError(f"{shown(path)}: cannot be written ({reason(error)})") from error
        return {"output": self.output, "frames": self._frames, "codec": self._ending}


def kept_names(names: list[str]) -> list[str]:
    """Names without their endings; where that makes two the same, with them: `a.jpg` beside `a.png`."""
    stems = [Path(name).stem for name in names]
    count = Counter(stems)
    kept = [stem if count[stem] == 1 else name for stem, name in zip(stems, names, strict=True)]
    return kept if len(set(kept)) == len(kept) else names  # `a.jpg.png` beside those two
