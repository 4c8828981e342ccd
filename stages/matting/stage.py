"""Matting: writes how much of each pixel is foreground, and its own colour there; knows no model by name."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from models.base import Matter, ModelError
from models.registry import load_matter, matter_memory, weights_needed
from pipeline.errors import SetupError
from pipeline.frame import Arrays, Frame, FrameSpec, Layout
from pipeline.stage import live
from stages.network import OnNetwork

Model = Literal["refined", "rvm"]


class Matting(OnNetwork):
    """Cuts out who is in front, softly. `refined` needs the mask of a segmentation before it, `rvm` nothing but the
    picture, and weights."""

    writes: ClassVar[tuple[str, ...]] = ("alpha", "foreground")
    stateful: ClassVar[bool] = True

    model: Model = Field(
        default="refined",
        description="refined: a matte from the mask of a segmentation; rvm: Robust Video Matting, a network that needs"
        " no mask: give its TorchScript as `weights`, a path or URL#sha256=HEX",
    )
    ratio: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="of rvm: share of the picture's sides that the network looks at; none: such that the long one has"
        " 512 pixels",
    )
    steady: float = live(
        default=0.6, ge=0, lt=1, description="of refined: share of the last matte that stays where nothing has changed"
    )
    softness: float = live(
        default=1.0, ge=0.25, le=4, description="of refined: times the usual width of the edge that is worked out anew"
    )

    _matter: Matter = PrivateAttr()
    _nothing: Arrays = PrivateAttr()

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override] # what it reads depends on the model
        return ("image",) if self.model == "rvm" else ("image", "mask")

    def weights_needed(self) -> list[str]:
        """What is fetched before a run."""
        return weights_needed("matte", self.model, self.weights)

    def memory(self, spec: FrameSpec) -> Layout:
        """What the model remembers; and 1 where there was a frame, with its `life`: see `Frame`."""
        return {**self._remembered(spec), "life": ((2,), "i8")}

    def setup(self, spec: FrameSpec) -> None:
        """Load the model and warm it up on the stream's size. Raises SetupError."""
        try:
            self._matter = load_matter(self.model, weights_file=self.weights, **self._options)
        except ModelError as error:
            raise SetupError(str(error)) from error
        self._nothing = {name: np.zeros(shape, kind) for name, (shape, kind) in self._remembered(spec).items()}
        self.context.warmed(self._matter.warm_up(spec.height, spec.width))
        self.context.model(**self._matter.info.facts())

    def renew(self, spec: FrameSpec) -> bool:
        """The same model: what it remembers of a stream lies in that stream's memory."""
        return all(self._nothing[name].shape == shape for name, (shape, _) in self._remembered(spec).items())

    def changed(self, fields: frozenset[str]) -> None:
        """The new values count from the next frame on."""
        if self.model == "refined":
            self._matter = load_matter(self.model, **self._options)

    def process(self, frame: Frame) -> None:
        """Write `alpha` and `foreground`. Raises FloatingPointError where the model's answer is not finite."""
        goes_on = frame.before["life"].tolist() == [1, frame.life]
        mask = frame.mask if "mask" in frame.planes else None
        before = frame.before if goes_on else self._nothing
        self._matter.matte(frame.image, mask, before, frame.after, frame.alpha, frame.foreground)
        frame.after["life"][:] = 1, frame.life

    @property
    def _options(self) -> dict[str, Any]:
        if self.model == "refined":
            return {"steady": self.steady, "softness": self.softness}
        return {"ratio": self.ratio, "device": self.device, "precision": self.precision, "engine": self.engine}

    def _remembered(self, spec: FrameSpec) -> Layout:
        options = {"ratio": self.ratio} if self.model == "rvm" else {}
        return matter_memory(self.model, spec.height, spec.width, **options)
