"""Inpainting: invents what neither the picture nor the plate knows; knows models by name only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field, PrivateAttr

from models.base import Inpainter, ModelError
from models.canvas import scaled
from models.pinned import Pins
from models.registry import load_inpainter, weights_needed
from pipeline.errors import SetupError
from pipeline.frame import Frame, FrameSpec, Image
from pipeline.stage import live
from stages.box import Box
from stages.inpainting.finish import Finish
from stages.inpainting.holes import Crop, find_crops, widened
from stages.inpainting.ladder import Ladder, Level
from stages.inpainting.pace import Pace
from stages.inpainting.seam import WIDTH as SEAM
from stages.inpainting.seam import Seam
from stages.network import OnNetwork

SPECK = 64  # pixels: a smaller hole is not worth a network
CALL = 64 * 64  # pixels: what each crop weighs beside its own
SMALL = 0.5  # of the size, at the level of that name
SMOOTH = "push-pull"  # what fills where no network does
BEST_FIRST = ("lama", "infill", SMOOTH)  # of those that need no choice
# Seconds for each pixel, on one core: of the frame whatever its holes, and of crops at the levels without a network.
FRAME_S, PIXEL_S = 2e-9, {Level.PLATE: 2e-8, Level.TELEA: 3e-8, Level.SOLID: 4e-9}
TEXTURE_S = 1.3e-7  # for each pixel, which detail takes that is carried

Work = list[Crop]


class Inpainting(OnNetwork):
    """Fills what is left of the holes, each frame by itself, from crops around them.

    A frame of a live stream that would come too late is filled less well (see ladder.py), and `level` says how well; a
    file is always filled as well as can be."""

    reads: ClassVar[tuple[str, ...]] = ("filled", "rest", "mask")
    writes: ClassVar[tuple[str, ...]] = ("clean", "level")

    model: str = Field(
        default="auto", description="auto, lama, infill, push-pull, telea; auto: lama where its weights are, or infill"
    )
    margin: int = live(default=48, ge=4, le=512, description="pixels of picture around a hole that the model sees")
    scale: float = live(
        default=1.0, ge=0.1, le=1, description="size at which the model works: at 0.5 quicker by about 4, and softer"
    )
    engine: Literal["auto", "torch", "openvino"] = Field(
        default="auto", description="what executes the network; auto: the fastest that is installed"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: the faster on this machine"
    )
    deadline_ms: Literal["auto"] | Annotated[float, Field(gt=0, le=60000)] = live(
        default="auto", description="time for each frame of a live stream; auto: so much that it keeps up"
    )
    texture: bool = live(default=True, description="add the detail of the surroundings to what a network invents")
    grain: bool = live(default=True, description="add the noise of the surroundings to what is invented")

    _inpainter: Inpainter = PrivateAttr()
    _fallback: Inpainter = PrivateAttr()
    _last: Inpainter = PrivateAttr()
    _seam: Seam = PrivateAttr()
    _finish: Finish = PrivateAttr(default_factory=Finish)
    _pins: Pins = PrivateAttr()
    _ladder: Ladder | None = PrivateAttr(default=None)
    _pace: Pace = PrivateAttr()
    _clock: Callable[[], float] = PrivateAttr(default=time.monotonic)

    def weights_needed(self) -> list[str]:
        """What is fetched before a run; `auto` is content with what is here."""
        return weights_needed("inpaint", self.model, self.weights)

    def setup(self, spec: FrameSpec) -> None:
        """Load and warm up the model. Raises SetupError."""
        self._fallback, self._last = load_inpainter(SMOOTH), load_inpainter("telea")
        self._inpainter = self._load()
        self._seam = Seam(spec.height, spec.width)
        self._pins = Pins(self._inpainter.info.device)
        self.context.model(**self._inpainter.info.facts())
        if note := self._inpainter.info.note:
            self.context.note(f"{self._inpainter.info.name} runs on {self._inpainter.info.engine}: {note}")
        self.context.warmed(self._inpainter.warm_up(every=spec.live))
        if spec.live:
            self._ladder, self._pace = Ladder(self._levels()), Pace(1 / float(spec.rate))

    def renew(self, spec: FrameSpec) -> bool:
        """The same network; nothing is known of any frame but what a ladder has learned."""
        if self._ladder is not None or spec.live:
            return False
        self._pins.close()  # the memory of the stream that has ended
        self._pins, self._seam = Pins(self._inpainter.info.device), Seam(spec.height, spec.width)
        return True

    def process(self, frame: Frame) -> None:
        """Write `clean`: `filled`, with the pixels of `rest` invented; and `level`: how well."""
        begun = self._clock()
        for name in ("filled", "rest"):
            self._pins.pin(frame.planes[name])
        np.copyto(frame.clean, frame.filled)
        crops = find_crops(frame.rest, self.margin, self._worth)
        if self._ladder is None:
            self._fill(frame, crops, Level.MODEL)
        else:
            self._keep_up(self._ladder, frame, crops, begun)

    def close(self) -> None:
        """Let go of the ring's memory."""
        if hasattr(self, "_pins"):
            self._pins.close()

    # A live stream

    def _keep_up(self, ladder: Ladder, frame: Frame, crops: Work, begun: float) -> None:
        budget = self._pace.begin(begun)
        if self.deadline_ms != "auto":
            budget = self.deadline_ms / 1000
        costs = {level: self._estimate(level, frame.rest, crops) for level in Level}
        level = ladder.choose(budget, costs)
        self._fill(frame, crops, level)
        ended = self._clock()
        self._pace.end(ended)
        if crops:
            ladder.learn(costs[level], ended - begun)

    def _levels(self) -> list[Level]:
        """Those that make sense: what needs no network is not made quicker by another such method."""
        if self._is_network:
            return list(Level)
        quicker = [] if self._inpainter is self._fallback else [Level.PLATE]
        return [Level.MODEL, *quicker, Level.SOLID]

    def _estimate(self, level: Level, rest: Image, crops: Work) -> float:
        """Seconds on an idle machine."""
        seconds = FRAME_S * rest.size
        for crop in crops:
            height, width = _size(crop.window)
            if level in PIXEL_S:
                seconds += PIXEL_S[level] * height * width
            else:
                shrunk = self._scale(level)
                seconds += self._price(round(height * shrunk), round(width * shrunk))
                seconds += TEXTURE_S * height * width * self._textured(level)
        return seconds

    def _worth(self, height: int, width: int) -> float:
        """What a crop is weighed by: the pixels that the model works on, at its size or reduced as `scale` says.

        Not the seconds that a warm-up has measured: two runs of one file would not be cut alike. One that is too large
        for the model weighs as if it were not, or else people far apart would be one crop, and softer for it."""
        height, width = max(1, round(height * self.scale)), max(1, round(width * self.scale))
        tall, wide = self._inpainter.window(height, width)
        return tall * wide + CALL

    def _price(self, height: int, width: int) -> float:
        """What the model takes for a crop, in seconds."""
        return self._inpainter.cost(max(1, height), max(1, width))

    @property
    def _is_network(self) -> bool:
        return self._inpainter.info.name not in (self._fallback.info.name, self._last.info.name)

    # A frame

    def _fill(self, frame: Frame, crops: Work, level: Level) -> None:
        frame.planes["level"][0] = level if crops else Level.MODEL
        for box, invented in self._invent(frame, crops, level):
            cv2.copyTo(invented, box.of(frame.rest), box.of(frame.clean))
            self._soften(frame, box)
            self.context.progress()
        if crops:
            self.context.count("inpainted")
            if level:
                self.context.count(f"level: {level.word}")

    def _soften(self, frame: Frame, box: Box) -> None:
        """Blend what was put into this box into the picture around it; whatever else is near is another box's."""
        area = box.grown(SEAM + 1, *frame.rest.shape)
        where = np.zeros(_size(area), np.uint8)
        _inside(box, area).of(where)[:] = box.of(frame.rest)
        self._seam.blend(area.of(frame.clean), area.of(frame.filled), area.of(frame.mask), where)

    def _invent(self, frame: Frame, crops: Work, level: Level) -> Iterator[tuple[Box, Image]]:
        """The boxes of the holes, which do not overlap, each with a picture for it."""
        large: list[Crop] = []
        for crop in crops:
            if level in PIXEL_S or cv2.countNonZero(crop.hole.of(frame.rest)) < SPECK:
                yield crop.hole, self._smoothly(frame, crop, level)
            else:
                large.append(crop)
        if large:
            yield from self._by_model(frame, large, level)

    def _by_model(self, frame: Frame, crops: Work, level: Level) -> Iterator[tuple[Box, Image]]:
        scale = self._scale(level)
        self.context.count("inpainted_crops", len(crops))
        # A window may show a neighbour's hole: it is a hole there too, and only what is in the box is taken.
        windows = [self._window(crop.window, scale, *frame.rest.shape) for crop in crops]
        fits = [scaled(*_size(window), scale) for window in windows]
        pairs = [_cut(frame, window) for window in windows]
        work = [fit.lay(*pair) for fit, pair in zip(fits, pairs, strict=True)]
        for at, picture in self._inpainter.inpaint_many(work):
            crop, window = crops[at], windows[at]
            if picture is None:
                self.context.count("nan_fallback")
                yield crop.hole, self._smoothly(frame, crop, Level.PLATE)
            else:
                yield crop.hole, self._finished(fits[at].take(picture), *pairs[at], crop.hole, window, level)

    def _finished(self, picture: Image, shown: Image, hole: Image, box: Box, window: Box, level: Level) -> Image:
        """The part of a model's answer to a window that lies in the box, fit for the picture around it."""
        how = {"light": self._is_network, "texture": self._textured(level), "grain": self.grain}
        whole = self._finish(picture, shown, hole, window.x0, window.y0, **how)
        return np.ascontiguousarray(_inside(box, window).of(whole))

    def _textured(self, level: Level) -> bool:
        """Whether detail is carried: it is the first thing to go where time is short."""
        return self.texture and self._is_network and level is Level.MODEL

    def _smoothly(self, frame: Frame, crop: Crop, level: Level) -> Image:
        shown, hole = _cut(frame, crop.window)
        if level is Level.SOLID:
            colour = cv2.mean(shown, cv2.bitwise_not(hole))[:3]
            return np.full((*_size(crop.hole), 3), np.rint(colour), np.uint8)
        inpainter = self._last if level is Level.TELEA else self._fallback
        return np.ascontiguousarray(_inside(crop.hole, crop.window).of(inpainter.inpaint(shown, hole)))

    def _scale(self, level: Level) -> float:
        return self.scale * SMALL if level is Level.SMALL else self.scale

    def _window(self, window: Box, scale: float, height: int, width: int) -> Box:
        """What the model is shown of the picture around a hole: more, where that costs nothing."""
        if scale < 1:
            return window
        return widened(window, *self._inpainter.window(*_size(window)), height, width)

    def _load(self) -> Inpainter:
        """The model asked for; of those that `auto` stands for the first that is here, and why no better one is."""
        choice: tuple[str, ...] = (self.model,)
        if self.model == "auto":
            choice = BEST_FIRST[:1] if self.weights else BEST_FIRST
        missing: list[str] = []
        for name in choice:
            try:
                inpainter = self._named(name)
            except ModelError as error:
                missing.append(str(error))
                continue
            if missing:
                self.context.note(f"inpainting with {name} ({'; '.join(missing)})")
            return inpainter
        raise SetupError("; ".join(missing))

    def _named(self, name: str) -> Inpainter:
        if name == SMOOTH and not self.weights:
            return self._fallback
        how = {"engine": self.engine, "device": self.device, "precision": self.precision}
        return load_inpainter(name, weights_file=self.weights, **how)


def _size(box: Box) -> tuple[int, int]:
    return box.y1 - box.y0, box.x1 - box.x0


def _cut(frame: Frame, box: Box) -> tuple[Image, Image]:
    return np.ascontiguousarray(box.of(frame.filled)), np.ascontiguousarray(box.of(frame.rest))


def _inside(box: Box, window: Box) -> Box:
    """The box in coordinates of the window that holds it."""
    return Box(box.x0 - window.x0, box.y0 - window.y0, box.x1 - window.x0, box.y1 - window.y0)
