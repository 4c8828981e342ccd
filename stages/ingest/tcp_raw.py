"""Raw: bare pictures of an agreed size, one after the other, without anything around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from pipeline.frame import Image
from stages.ingest.tcp_sender import Sender
from stages.ingest.tcp_trial import Trial


class Raw:
    """Receives each picture straight into the frame on loan: no copy.

    Until its sender is proven, one picture is held until the next one is there, as only both tell whether the height is
    right; the next one is then copied, once."""

    def __init__(self, sender: Sender, trial: Trial | None, image: Callable[[], Image]) -> None:
        """`image`: the picture on loan, uint8 [H, W, 3], which changes with each step of `pictures`."""
        self.came = 0.0  # when the last picture was whole, on the monotonic clock
        self._sender = sender
        self._trial = trial
        self._image = image
        self._ahead: tuple[Image, float] | None = None

    @property
    def refused(self) -> str:
        """Why its sender cannot be believed; empty where nothing speaks against it."""
        return self._trial.refused if self._trial is not None else ""

    def pictures(self) -> Iterator[str]:
        """One step for each whole picture, in the image on loan: empty, or why it may not be shown."""
        while self._next():
            trial = self._trial
            if trial is None or trial.proven:
                yield ""
                continue
            verdict = trial.look(self._image())
            fits = verdict == "flat" or (verdict == "fits" and self._followed(trial))
            yield "" if fits else "no proven shape"
            if trial.refused:
                return
        if self._trial is not None:
            self._trial.ended()

    def _next(self) -> bool:
        """Have the next picture in the image on loan; False: there is none any more."""
        if self._ahead is not None:
            picture, self.came = self._ahead
            np.copyto(self._image(), picture)
            self._ahead = None
            return True
        whole = self._sender.fill(flat(self._image()))
        self.came = time.monotonic()
        return whole

    def _followed(self, trial: Trial) -> bool:
        """Whether the picture after it begins where it should; one that never comes cannot say no."""
        ahead, came = np.empty_like(self._image()), self.came
        if not self._sender.fill(flat(ahead)):
            return True
        self._ahead = ahead, time.monotonic()
        self.came = came
        return trial.follow(self._image(), ahead)


def flat(image: Image) -> memoryview:
    """The bytes of a picture, in place."""
    return memoryview(image.reshape(-1).data)
